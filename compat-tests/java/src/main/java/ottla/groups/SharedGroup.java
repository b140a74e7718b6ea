package ottla.groups;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import ottla.Questions;

/**
 * Members of one group, of both protocols, in one process, so that it is seen in order who owns what. Each line asks for
 * something in JSON and is answered by a line: start and stop a member, the present state, and what came of it in the end. Meanwhile
 * a producer writes without pause.
 */
public final class SharedGroup {
    private static final Duration POLL = Duration.ofMillis(50);
    private static final long PRODUCE_EVERY_MS = 2;

    private final String bootstrap;
    private final String topic;
    private final int partitions;
    private final Map<String, Member> members = new ConcurrentHashMap<>();
    private final Books books = new Books();
    private final Source source;

    private SharedGroup(String bootstrap, String topic, int partitions) {
        this.bootstrap = bootstrap;
        this.topic = topic;
        this.partitions = partitions;
        this.source = new Source();
    }

    public static void main(String[] args) throws Exception {
        AtomicReference<SharedGroup> group = new AtomicReference<>();
        Questions.serve(ask -> {
            if (ask.get("op").asText().equals("topic")) {
                if (group.get() != null) group.get().source.end();
                group.set(new SharedGroup(ask.get("bootstrap").asText(), ask.get("topic").asText(), ask.get("partitions").asInt()));
            }
            return group.get().perform(ask);
        });
        Runtime.getRuntime().halt(0);
    }

    private Map<String, Object> perform(JsonNode ask) throws Exception {
        switch (ask.get("op").asText()) {
            case "topic" -> begin();
            case "start" -> start(ask);
            case "stop" -> members.remove(ask.get("member").asText()).end();
            case "enough" -> source.end();
            default -> { }
        }
        return books.tell();
    }

    private void begin() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
            // Apache answers before leaders serve; only leaders tell offsets, and the client asks until they do.
            Map<TopicPartition, OffsetSpec> ends = new HashMap<>();
            for (int partition = 0; partition < partitions; partition++) ends.put(new TopicPartition(topic, partition), OffsetSpec.latest());
            admin.listOffsets(ends).all().get();
        }
        source.start();
    }

    private void start(JsonNode ask) {
        Map<String, Object> config = new HashMap<>(Map.of(
            "bootstrap.servers", bootstrap, "group.id", ask.get("group").asText(), "enable.auto.commit", false, "auto.offset.reset", "earliest"));
        ask.get("config").fields().forEachRemaining(setting -> config.put(setting.getKey(), setting.getValue().asText()));
        Member member = new Member(ask.get("member").asText(), config);
        members.put(member.name, member);
        member.start();
    }

    /** Who owns what, and what was written and read. */
    private static final class Books {
        private final Map<TopicPartition, String> owners = new HashMap<>();
        private final List<String> faults = new ArrayList<>();
        private final Map<Integer, Long> written = new HashMap<>();
        /** How often each offset was read, by partition. */
        private final Map<Integer, Map<Long, Integer>> read = new HashMap<>();
        private int failedCommits;

        synchronized void assigned(String member, Collection<TopicPartition> partitions) {
            for (TopicPartition partition : partitions) {
                String former = owners.put(partition, member);
                if (former != null && !former.equals(member)) faults.add(partition + " is given to " + member + " while " + former + " has it");
            }
        }

        synchronized void released(String member, Collection<TopicPartition> partitions) {
            for (TopicPartition partition : partitions) owners.remove(partition, member);
        }

        synchronized void released(String member) {
            owners.values().removeIf(member::equals);
        }

        synchronized void read(String member, ConsumerRecord<byte[], byte[]> record) {
            TopicPartition partition = new TopicPartition(record.topic(), record.partition());
            String owner = owners.get(partition);
            if (!member.equals(owner)) faults.add(member + " reads " + partition + " which is " + owner + "'s");
            read.computeIfAbsent(record.partition(), __ -> new HashMap<>()).merge(record.offset(), 1, Integer::sum);
        }

        synchronized void written(int partition) {
            written.merge(partition, 1L, Long::sum);
        }

        synchronized void commitFailed() {
            failedCommits++;
        }

        synchronized void failed(String fault) {
            faults.add(fault);
        }

        synchronized Map<String, Object> tell() {
            Map<String, Integer> shares = new TreeMap<>();
            owners.values().forEach(member -> shares.merge(member, 1, Integer::sum));
            long repeated = read.values().stream().flatMap(offsets -> offsets.values().stream()).mapToLong(times -> times - 1).sum();
            return Map.of("shares", shares, "faults", List.copyOf(faults), "failedCommits", failedCommits, "repeated", repeated,
                "written", written.values().stream().mapToLong(Long::longValue).sum(),
                "read", read.values().stream().mapToLong(Map::size).sum());
        }
    }

    private final class Source extends Thread {
        private volatile boolean isEnding;

        private Source() {
            super("source");
            setDaemon(true);
        }

        @Override
        public void run() {
            try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", bootstrap, "linger.ms", 0), new ByteArraySerializer(), new ByteArraySerializer())) {
                for (int index = 0; !isEnding; index++) {
                    int partition = index % partitions;
                    producer.send(new ProducerRecord<>(topic, partition, null, Integer.toString(index).getBytes(StandardCharsets.UTF_8)), (metadata, error) -> {
                        if (error == null) books.written(partition);
                        else books.failed("the producer: " + error);
                    });
                    Thread.sleep(PRODUCE_EVERY_MS);
                }
            } catch (InterruptedException ended) {
                books.failed("the producer: " + ended);
            }
        }

        private void end() throws InterruptedException {
            isEnding = true;
            join();
        }
    }

    /** Commits what it has read before it reads on, so that what it gives back is committed. */
    private final class Member extends Thread implements ConsumerRebalanceListener {
        private final String name;
        private final Map<String, Object> config;
        private volatile boolean isEnding;

        private Member(String name, Map<String, Object> config) {
            super("member-" + name);
            setDaemon(true);
            this.name = name;
            this.config = config;
        }

        @Override
        public void run() {
            try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
                consumer.subscribe(List.of(topic), this);
                while (!isEnding) {
                    ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
                    for (ConsumerRecord<byte[], byte[]> record : records) books.read(name, record);
                    if (!records.isEmpty()) commit(consumer);
                }
            } catch (Exception error) {
                books.failed(name + ": " + error);
            }
            books.released(name);
        }

        private void commit(KafkaConsumer<byte[], byte[]> consumer) {
            try {
                consumer.commitSync();
            } catch (CommitFailedException | RebalanceInProgressException moved) {
                books.commitFailed();
            }
        }

        private void end() throws InterruptedException {
            isEnding = true;
            join();
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            books.assigned(name, partitions);
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            books.released(name, partitions);
        }

        @Override
        public void onPartitionsLost(Collection<TopicPartition> partitions) {
            books.released(name, partitions);
        }
    }
}
