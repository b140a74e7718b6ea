package ottla.clients;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** A producer that pushes its metrics. Each line that it reads is a number of records to send; at the end of its input it closes. */
public final class PushingProducer {
    private PushingProducer() {}

    public static void main(String[] args) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", args[0], "client.id", args[2], "enable.metrics.push", true);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            System.out.println(producer.clientInstanceId(Duration.ofSeconds(30)));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                for (int left = Integer.parseInt(line); left > 0; left--) producer.send(new ProducerRecord<>(args[1], new byte[10]));
                producer.flush();
            }
        }
    }
}
