package ottla.transactions;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Apache's clients, of whatever version is on the class path, in the transactional scenario (transactional-clients/driver.ts). */
public final class TransactionalClient {
    private static final Duration POLL = Duration.ofMillis(200);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String bootstrap;
    private final Map<String, KafkaProducer<String, String>> producers = new ConcurrentHashMap<>();

    private TransactionalClient(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] arguments) throws IOException {
        TransactionalClient client = new TransactionalClient(arguments[0]);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode request = JSON.readTree(line);
            Thread thread = new Thread(() -> client.answer(request));
            thread.setDaemon(true);
            thread.start();
        }
        Runtime.getRuntime().halt(0);
    }

    private void answer(JsonNode request) {
        ObjectNode reply = JSON.createObjectNode();
        reply.set("id", request.get("id"));
        try {
            reply.set("result", JSON.valueToTree(perform(request)));
        } catch (Exception error) {
            reply.put("error", error.toString());
        }
        // One line, one print: answers do not mix.
        System.out.println(reply);
    }

    private Object perform(JsonNode request) throws Exception {
        String name = request.path("producer").asText();
        switch (request.get("op").asText()) {
            case "open" -> open(name, request);
            case "begin" -> producers.get(name).beginTransaction();
            case "send" -> send(producers.get(name), request);
            case "sendOffset" -> producers.get(name).sendOffsetsToTransaction(
                Map.of(new TopicPartition(text(request, "topic"), number(request, "partition")), new OffsetAndMetadata(number(request, "offset"))),
                new ConsumerGroupMetadata(text(request, "group")));
            case "commit" -> producers.get(name).commitTransaction();
            case "abort" -> producers.get(name).abortTransaction();
            case "close" -> producers.remove(name).close(Duration.ZERO);
            case "read" -> {
                return read(request);
            }
            default -> throw new IllegalArgumentException("no operation " + request);
        }
        return null;
    }

    private void open(String name, JsonNode request) {
        KafkaProducer<String, String> producer = new KafkaProducer<>(Map.of(
            "bootstrap.servers", bootstrap, "transactional.id", text(request, "transactionalId"), "transaction.timeout.ms", number(request, "timeoutMs")),
            new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        producers.put(name, producer);
    }

    private static void send(KafkaProducer<String, String> producer, JsonNode request) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode record : request.get("records"))
            sent.add(producer.send(new ProducerRecord<>(text(request, "topic"), record.get(0).asInt(), null, record.get(1).asText())));
        producer.flush();
        for (Future<RecordMetadata> each : sent) each.get();
    }

    private List<List<String>> read(JsonNode request) {
        String topic = text(request, "topic");
        List<List<String>> values = new ArrayList<>();
        Set<Integer> unfinished = new HashSet<>();
        IntStream.range(0, number(request, "partitions")).forEach(partition -> {
            values.add(new ArrayList<>());
            unfinished.add(partition);
        });
        List<TopicPartition> assigned = unfinished.stream().map(partition -> new TopicPartition(topic, partition)).toList();
        Map<String, Object> settings = new HashMap<>(Map.of(
            "bootstrap.servers", bootstrap, "isolation.level", text(request, "isolation"), "enable.auto.commit", false, "fetch.max.wait.ms", 100));
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(assigned);
            consumer.seekToBeginning(assigned);
            while (!unfinished.isEmpty()) {
                for (ConsumerRecord<String, String> record : consumer.poll(POLL)) {
                    if (record.value().equals(text(request, "until"))) unfinished.remove(record.partition());
                    else if (unfinished.contains(record.partition())) values.get(record.partition()).add(record.value());
                }
            }
        }
        return values;
    }

    private static String text(JsonNode request, String field) {
        return request.get(field).asText();
    }

    private static int number(JsonNode request, String field) {
        return request.get(field).asInt();
    }
}
