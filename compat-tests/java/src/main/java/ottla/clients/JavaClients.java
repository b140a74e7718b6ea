package ottla.clients;

import java.io.BufferedReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Apache's own Java clients: KafkaProducer, KafkaConsumer and Admin. Arguments: the consumers' group protocol, and where the broker is. */
public final class JavaClients implements Conversation.Client {
    private static final Duration POLL = Duration.ofMillis(100);

    private final String groupProtocol;
    private final String bootstrap;
    private final Conversation conversation;
    private final Map<String, KafkaProducer<byte[], byte[]>> producers = new ConcurrentHashMap<>();
    private final Map<String, Member> members = new ConcurrentHashMap<>();

    private JavaClients(String groupProtocol, String bootstrap, Conversation conversation) {
        this.groupProtocol = groupProtocol;
        this.bootstrap = bootstrap;
        this.conversation = conversation;
    }

    public static void main(String[] args) throws Exception {
        Conversation conversation = new Conversation(System.in, System.out);
        conversation.run(new JavaClients(args[0], args[1], conversation));
    }

    @Override
    public void createTopic(String topic, int partitions) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        }
    }

    @Override
    public void produce(String topic, String codec, String file) throws Exception {
        KafkaProducer<byte[], byte[]> producer = producers.computeIfAbsent(topic, name -> new KafkaProducer<>(Map.of(
            "bootstrap.servers", bootstrap, "compression.type", codec, "linger.ms", 5, "reconnect.backoff.max.ms", 200
        ), new ByteArraySerializer(), new ByteArraySerializer()));
        AtomicReference<Exception> failure = new AtomicReference<>();
        try (BufferedReader lines = Files.newBufferedReader(Path.of(file))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                int tab = line.indexOf('\t');
                byte[] key = line.substring(0, tab).getBytes(StandardCharsets.UTF_8);
                byte[] value = line.substring(tab + 1).getBytes(StandardCharsets.UTF_8);
                producer.send(new ProducerRecord<>(topic, key, value), (metadata, error) -> {
                    if (error != null) failure.compareAndSet(null, error);
                });
            }
        }
        producer.flush();
        if (failure.get() != null) throw failure.get();
    }

    @Override
    public void join(String name, String group, String topic, boolean commits, String mode) {
        Member member = new Member(name, group, topic, commits, mode);
        members.put(name, member);
        member.start();
    }

    @Override
    public void leave(String name) throws Exception {
        Member member = members.remove(name);
        member.isLeaving = true;
        member.join();
        if (member.failure != null) throw member.failure;
    }

    private final class Member extends Thread {
        private final String name;
        private final String group;
        private final String topic;
        private final boolean commits;
        private final String mode;
        private volatile boolean isLeaving;
        private volatile Exception failure;

        private Member(String name, String group, String topic, boolean commits, String mode) {
            super("member-" + name);
            this.name = name;
            this.group = group;
            this.topic = topic;
            this.commits = commits;
            this.mode = mode;
            setDaemon(true);
        }

        private void commit(KafkaConsumer<byte[], byte[]> consumer) {
            try {
                consumer.commitSync();
            } catch (CommitFailedException | RebalanceInProgressException | RetriableException error) {
                if (mode == null) throw error;
            }
        }

        @Override
        public void run() {
            String protocol = mode == null ? groupProtocol : mode.equals("consumer") ? "consumer" : "classic";
            Map<String, Object> config = new HashMap<>(Map.of(
                "bootstrap.servers", bootstrap, "group.id", group, "group.protocol", protocol, "enable.auto.commit", false,
                "auto.offset.reset", "earliest", "max.poll.records", 5000, "reconnect.backoff.max.ms", 200));
            // The broker says how often members of the other protocol are to be heard of.
            if (protocol.equals("classic")) config.putAll(Map.of("heartbeat.interval.ms", 300, "session.timeout.ms", 10_000));
            if ("cooperative".equals(mode)) config.put("partition.assignment.strategy", CooperativeStickyAssignor.class.getName());
            if ("eager".equals(mode)) config.put("partition.assignment.strategy", RangeAssignor.class.getName());
            try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
                consumer.subscribe(List.of(topic));
                while (!isLeaving) {
                    ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
                    if (records.isEmpty()) continue;
                    StringBuilder lines = new StringBuilder();
                    for (ConsumerRecord<byte[], byte[]> record : records) {
                        Conversation.appendLine(lines, record.partition(), record.offset(), record.key(), record.value());
                    }
                    conversation.deliver(name, lines);
                    if (commits) commit(consumer);
                }
            } catch (Exception error) {
                failure = error;
                conversation.fail(name, error.toString());
            }
        }
    }
}
