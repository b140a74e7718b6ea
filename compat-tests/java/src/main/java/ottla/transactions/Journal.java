package ottla.transactions;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;

/** The journal of a program's members; the form of its lines is told in pipeline.ts. Nothing in it needs escaping. */
final class Journal {
    private final FileOutputStream file;

    Journal(String path) throws IOException {
        file = new FileOutputStream(path, true);
    }

    /** Sends, and waits until it is known where the records lie. */
    static final class Sends {
        private final List<ProducerRecord<String, String>> records;
        private final List<Future<RecordMetadata>> sent = new ArrayList<>();

        Sends(KafkaProducer<String, String> producer, List<ProducerRecord<String, String>> records) {
            this.records = records;
            for (ProducerRecord<String, String> record : records) sent.add(producer.send(record));
            producer.flush();
        }

        private List<String> json() {
            List<String> each = new ArrayList<>();
            for (int i = 0; i < records.size(); i++) {
                ProducerRecord<String, String> record = records.get(i);
                each.add("{\"kind\":\"send\",\"key\":\"" + record.topic() + "-" + record.partition() + "\",\"offset\":" + offset(sent.get(i)) + ",\"value\":\"" + record.value() + "\"}");
            }
            return each;
        }

        private static long offset(Future<RecordMetadata> sent) {
            try {
                return sent.get().offset();
            } catch (InterruptedException | ExecutionException error) {
                throw error.getCause() instanceof KafkaException failed ? failed : new KafkaException(error);
            }
        }
    }

    /** All is sent, the end not yet asked for. Throws when one of them was not taken. */
    void intends(String id, int process, String pollJson, Sends sends) {
        List<String> micro = new ArrayList<>();
        if (!pollJson.isEmpty()) micro.add(pollJson);
        micro.addAll(sends.json());
        write("{\"id\":\"" + id + "\",\"operation\":{\"kind\":\"data\",\"process\":" + process + ",\"outcome\":\"info\",\"micro\":[" + String.join(",", micro) + "]}}\n");
    }

    void settled(String id, String outcome) {
        write("{\"id\":\"" + id + "\",\"outcome\":\"" + outcome + "\"}\n");
    }

    void subscribed(int process) {
        write("{\"operation\":{\"kind\":\"subscribe\",\"process\":" + process + ",\"outcome\":\"ok\"}}\n");
    }

    void progress(String member, String ended, int records) {
        System.out.println("{\"member\":\"" + member + "\",\"ended\":\"" + ended + "\",\"records\":" + records + "}");
    }

    private synchronized void write(String line) {
        try {
            file.write(line.getBytes(StandardCharsets.UTF_8));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
