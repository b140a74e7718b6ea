package ottla.transactions;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.Stores;
import org.rocksdb.RocksDB;

/**
 * One instance of a Kafka Streams application that counts words in a state store and joins two streams over a window; streams-model.ts
 * tells what must come of it. Its argument is JSON: bootstrap, applicationId, stateDir, guarantee, windowMs,
 * sessionTimeoutMs, transactionTimeoutMs, and the topics words,
 * counts, left, right and joined. It ends when its input does. Stores are RocksDB's where its library can be loaded.
 */
public final class StreamsApp {
    private static final Duration GRACE = Duration.ofHours(1);
    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(20);

    private StreamsApp() { }

    public static void main(String[] args) throws Exception {
        JsonNode arguments = new ObjectMapper().readTree(args[0]);
        boolean hasRocksDb = loadsRocksDb();
        System.out.println("{\"store\":\"" + (hasRocksDb ? "RocksDB" : "memory") + "\"}");
        KafkaStreams streams = new KafkaStreams(topology(arguments).build(), config(arguments, hasRocksDb));
        streams.setUncaughtExceptionHandler(error -> {
            System.err.println(error);
            return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        streams.start();
        while (System.in.read() >= 0) { /* whoever started it says nothing */ }
        Runtime.getRuntime().halt(streams.close(CLOSE_TIMEOUT) ? 0 : 1);
    }

    private static boolean loadsRocksDb() {
        try {
            RocksDB.loadLibrary();
            return true;
        } catch (Throwable unfit) {
            return false;
        }
    }

    private static StreamsBuilder topology(JsonNode arguments) {
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> words = builder.stream(arguments.get("words").asText());
        words.flatMapValues(StreamsApp::wordsOf)
            .groupBy((key, word) -> word, Grouped.as("by-word"))
            .count(Materialized.as("counts"))
            .toStream().mapValues(String::valueOf)
            .to(arguments.get("counts").asText());
        KStream<String, String> left = builder.stream(arguments.get("left").asText());
        KStream<String, String> right = builder.stream(arguments.get("right").asText());
        Duration window = Duration.ofMillis(arguments.get("windowMs").asLong());
        left.join(right, (one, other) -> one + "+" + other, JoinWindows.ofTimeDifferenceAndGrace(window, GRACE)).to(arguments.get("joined").asText());
        return builder;
    }

    /** A value `p-n` holds three words, which its number decides. */
    private static List<String> wordsOf(String value) {
        long number = Long.parseLong(value.substring(value.indexOf('-') + 1));
        return List.of("all", "w" + number % 7, "x" + number % 11);
    }

    private static Properties config(JsonNode arguments, boolean hasRocksDb) {
        Properties config = new Properties();
        config.put("bootstrap.servers", arguments.get("bootstrap").asText());
        config.put("application.id", arguments.get("applicationId").asText());
        config.put("state.dir", arguments.get("stateDir").asText());
        config.put("processing.guarantee", arguments.get("guarantee").asText());
        config.put("default.key.serde", Serdes.StringSerde.class);
        config.put("default.value.serde", Serdes.StringSerde.class);
        if (!hasRocksDb) config.put("dsl.store.suppliers.class", Stores.class.getPackageName() + ".BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers");
        config.put("replication.factor", 1);
        config.put("num.stream.threads", 1);
        config.put("poll.ms", 50);
        // Every single count is written, not the last of an interval.
        config.put("statestore.cache.max.bytes", 0);
        config.put("reconnect.backoff.ms", 100);
        config.put("reconnect.backoff.max.ms", 500);
        config.put("retry.backoff.ms", 20);
        config.put("request.timeout.ms", 3000);
        config.put("default.api.timeout.ms", 8000);
        config.put("main.consumer.session.timeout.ms", arguments.get("sessionTimeoutMs").asInt());
        config.put("main.consumer.heartbeat.interval.ms", 300);
        config.put("consumer.auto.offset.reset", "earliest");
        config.put("consumer.fetch.max.wait.ms", 100);
        config.put("producer.transaction.timeout.ms", arguments.get("transactionTimeoutMs").asInt());
        config.put("producer.delivery.timeout.ms", 8000);
        // As by default, and longer than any outage here. Kafka Streams 4.3.1 does not get over a commit that times out twice: on the way
        // to closing its tasks abortTransaction throws, RecordCollectorImpl.closeDirty never comes to forget its offsets (KAFKA-16017
        // again), and a store that was wiped is taken for one that holds all of its changelog.
        config.put("producer.max.block.ms", 60000);
        return config;
    }
}
