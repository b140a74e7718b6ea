package ottla.bench;

import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Transactions of Java's clients with their defaults, for `make bench`. Arguments, name=value: mode (loop, pipeline), bootstrap,
 * topic, output, id, seconds, warm-seconds, records, records-per-transaction, value-bytes. Prints one line of JSON.
 */
public final class Transactions {
    private static final Map<String, String> OPTIONS = new HashMap<>();
    private static long[] commits = new long[1024];
    private static long[] wholes = new long[1024];
    private static int ended;
    private static long committed;
    private static long copied;
    private static long records;

    public static void main(String[] arguments) {
        for (String argument : arguments) {
            String[] parts = argument.split("=", 2);
            OPTIONS.put(parts[0], parts[1]);
        }
        if (OPTIONS.get("mode").equals("pipeline")) pipeline();
        else loop();
    }

    private static int number(String name) {
        return Integer.parseInt(OPTIONS.get(name));
    }

    private static KafkaProducer<byte[], byte[]> producer() {
        Properties properties = new Properties();
        properties.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, OPTIONS.get("bootstrap"));
        properties.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, OPTIONS.get("id"));
        KafkaProducer<byte[], byte[]> made = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
        made.initTransactions();
        return made;
    }

    /** Repeats a transaction: what comes in the time of warming, while the virtual machine compiles, is not measured. */
    private static void repeat(Repeated transaction) {
        long start = System.nanoTime();
        long measured = start + (long) (Double.parseDouble(OPTIONS.get("warm-seconds")) * 1e9);
        while (System.nanoTime() < measured) if (!transaction.run()) throw new IllegalStateException("all was done while warming up");
        ended = 0;
        records = 0;
        long begun = System.nanoTime();
        long end = begun + (long) (Double.parseDouble(OPTIONS.get("seconds")) * 1e9);
        while (System.nanoTime() < end) if (!transaction.run()) break;
        print((System.nanoTime() - begun) / 1e9);
    }

    private interface Repeated {
        /** False when nothing is left. */
        boolean run();
    }

    private static void loop() {
        int perTransaction = number("records-per-transaction");
        byte[] value = new byte[number("value-bytes")];
        try (KafkaProducer<byte[], byte[]> producer = producer()) {
            repeat(() -> {
                long begun = System.nanoTime();
                producer.beginTransaction();
                for (int i = 0; i < perTransaction; i++) producer.send(new ProducerRecord<>(OPTIONS.get("topic"), 0, null, value));
                // What is not sent yet, a commit sends first: that should not count as its own time.
                producer.flush();
                commit(producer, begun, perTransaction);
                return true;
            });
        }
    }

    private static void commit(KafkaProducer<byte[], byte[]> producer, long begun, int count) {
        long sent = System.nanoTime();
        producer.commitTransaction();
        long now = System.nanoTime();
        if (ended == commits.length) {
            commits = Arrays.copyOf(commits, ended * 2);
            wholes = Arrays.copyOf(wholes, ended * 2);
        }
        commits[ended] = now - sent;
        wholes[ended] = now - begun;
        ended++;
        committed++;
        records += count;
    }

    private static void pipeline() {
        Properties properties = new Properties();
        properties.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, OPTIONS.get("bootstrap"));
        properties.put(ConsumerConfig.GROUP_ID_CONFIG, OPTIONS.get("id"));
        properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        properties.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        properties.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        properties.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, number("records-per-transaction"));
        long wanted = number("records");
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
             KafkaProducer<byte[], byte[]> producer = producer()) {
            consumer.subscribe(List.of(OPTIONS.get("topic")));
            repeat(() -> {
                copied += copy(consumer, producer);
                return copied < wanted;
            });
        }
    }

    private static int copy(KafkaConsumer<byte[], byte[]> consumer, KafkaProducer<byte[], byte[]> producer) {
        long begun = System.nanoTime();
        ConsumerRecords<byte[], byte[]> polled = consumer.poll(Duration.ofMillis(100));
        if (polled.isEmpty()) return 0;
        producer.beginTransaction();
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (ConsumerRecord<byte[], byte[]> record : polled) {
            producer.send(new ProducerRecord<>(OPTIONS.get("output"), record.key(), record.value()));
            offsets.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
        }
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        commit(producer, begun, polled.count());
        return polled.count();
    }

    private static void print(double seconds) {
        StringBuilder found = new StringBuilder(String.format(Locale.ROOT,
            "{\"seconds\":%f,\"transactions\":%d,\"committed\":%d,\"records\":%d,\"copied\":%d", seconds, ended, committed, records, copied));
        percentiles(found, "commit", Arrays.copyOf(commits, ended));
        percentiles(found, "whole", Arrays.copyOf(wholes, ended));
        System.out.println(found.append("}"));
    }

    private static void percentiles(StringBuilder found, String name, long[] ns) {
        if (ns.length == 0) throw new IllegalStateException("nothing was committed in time");
        Arrays.sort(ns);
        for (Map.Entry<String, Double> each : Map.of("P50", 0.5, "P99", 0.99).entrySet()) {
            double ms = ns[(int) Math.min(ns.length - 1, each.getValue() * ns.length)] / 1e6;
            found.append(String.format(Locale.ROOT, ",\"%s%sMs\":%f", name, each.getKey(), ms));
        }
    }
}
