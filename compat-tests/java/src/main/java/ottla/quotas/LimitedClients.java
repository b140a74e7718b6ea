package ottla.quotas;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ThrottlingQuotaExceededException;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import ottla.Questions;

/** What Apache's clients notice of quotas. Each line asks for one thing to be done, and is answered with how it went. */
public final class LimitedClients {
    private static final ObjectMapper JSON = new ObjectMapper();

    private LimitedClients() {}

    public static void main(String[] arguments) throws Exception {
        Questions.serve(wish -> {
            ObjectNode answer = JSON.createObjectNode();
            long beganNs = System.nanoTime();
            switch (wish.get("do").asText()) {
                case "limit" -> limit(wish);
                case "produce" -> produce(wish, answer);
                case "consume" -> consume(wish, answer);
                case "create" -> create(wish, answer);
                default -> throw new IllegalArgumentException(wish.toString());
            }
            return answer.put("elapsedMs", (System.nanoTime() - beganNs) / 1_000_000);
        });
    }

    private static Admin admin(JsonNode wish) {
        return Admin.create(Map.of("bootstrap.servers", wish.get("bootstrap").asText(), "client.id", wish.get("clientId").asText()));
    }

    private static void limit(JsonNode wish) throws Exception {
        ClientQuotaEntity entity = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, wish.get("limited").asText()));
        ClientQuotaAlteration.Op op = new ClientQuotaAlteration.Op(wish.get("key").asText(), wish.get("bound").asDouble());
        try (Admin admin = admin(wish)) {
            admin.alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(op)))).all().get();
        }
    }

    private static void produce(JsonNode wish, ObjectNode answer) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", wish.get("bootstrap").asText(), "client.id", wish.get("clientId").asText());
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int left = wish.get("records").asInt(); left > 0; left--) {
                producer.send(new ProducerRecord<>(wish.get("topic").asText(), new byte[wish.get("bytes").asInt()]));
            }
            producer.flush();
            answer.put("longestThrottleMs", longestThrottle(producer.metrics(), "produce-throttle-time-max"));
        }
    }

    private static void consume(JsonNode wish, ObjectNode answer) {
        Map<String, Object> settings = Map.of("bootstrap.servers", wish.get("bootstrap").asText(), "client.id", wish.get("clientId").asText());
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            TopicPartition partition = new TopicPartition(wish.get("topic").asText(), 0);
            consumer.assign(Set.of(partition));
            consumer.seekToBeginning(Set.of(partition));
            int left = wish.get("records").asInt();
            while (left > 0) left -= consumer.poll(Duration.ofMillis(500)).count();
            answer.put("longestThrottleMs", longestThrottle(consumer.metrics(), "fetch-throttle-time-max"));
        }
    }

    private static double longestThrottle(Map<MetricName, ? extends Metric> metrics, String name) {
        return metrics.values().stream().filter(metric -> metric.metricName().name().equals(name))
            .mapToDouble(metric -> (double) metric.metricValue()).filter(Double::isFinite).max().orElse(0);
    }

    private static void create(JsonNode wish, ObjectNode answer) throws Exception {
        NewTopic topic = new NewTopic(wish.get("topic").asText(), wish.get("partitions").asInt(), (short) 1);
        try (Admin admin = admin(wish)) {
            admin.createTopics(List.of(topic), new CreateTopicsOptions().retryOnQuotaViolation(wish.get("retries").asBoolean())).all().get();
            answer.put("created", true);
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof ThrottlingQuotaExceededException refusal)) throw e;
            answer.put("created", false).put("throttleMs", refusal.throttleTimeMs());
        }
    }
}
