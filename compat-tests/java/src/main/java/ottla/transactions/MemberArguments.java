package ottla.transactions;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** What pipeline.ts tells a member, and the clients that it makes of it. */
record MemberArguments(JsonNode json, String bootstrap) {
    String text(String name) {
        return json.get(name).asText();
    }

    int number(String name) {
        return json.get(name).asInt();
    }

    boolean sabotages(String kind) {
        return json.has("sabotage") && text("sabotage").equals(kind);
    }

    /** Quick to try again: there are many faults, and each is short. */
    private Map<String, Object> common(String role) {
        return new HashMap<>(Map.of(
            "bootstrap.servers", bootstrap, "client.id", text("name") + "-" + role,
            "reconnect.backoff.ms", 100, "reconnect.backoff.max.ms", 500, "retry.backoff.ms", 20, "retry.backoff.max.ms", 200,
            "socket.connection.setup.timeout.ms", 1000, "socket.connection.setup.timeout.max.ms", 2000, "request.timeout.ms", 3000));
    }

    KafkaProducer<String, String> producer() {
        Map<String, Object> config = common("producer");
        config.putAll(Map.of("linger.ms", 0, "delivery.timeout.ms", 8000, "max.block.ms", 8000, "transaction.timeout.ms", number("transactionTimeoutMs")));
        if (!sabotages("no-transaction")) config.put("transactional.id", text("transactionalId"));
        return new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
    }

    KafkaConsumer<String, String> consumer() {
        Map<String, Object> config = common("consumer");
        config.putAll(Map.of(
            "group.id", text("groupId"), "group.protocol", text("groupProtocol"), "isolation.level", "read_committed", "enable.auto.commit", false,
            "auto.offset.reset", "earliest", "max.poll.records", number("mostRecords"), "fetch.max.wait.ms", 100, "default.api.timeout.ms", 8000));
        if (text("groupProtocol").equals("classic")) config.putAll(Map.of("session.timeout.ms", number("sessionTimeoutMs"), "heartbeat.interval.ms", 300));
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }
}
