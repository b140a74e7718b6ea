package ottla.transactions;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Consume, transform, produce: the offsets read go with what is made of the records. */
final class Copier extends Member {
    private static final Duration POLL = Duration.ofMillis(100);

    private final KafkaConsumer<String, String> consumer;
    private boolean isSubscribed;

    Copier(MemberArguments arguments, Journal journal) {
        super(arguments, journal);
        consumer = arguments.consumer();
    }

    @Override
    protected Work next(long transaction) {
        ConsumerRecords<String, String> records = consumer.poll(POLL);
        return records.isEmpty() ? null : new Copy(records, "@" + arguments.text("process") + "." + transaction);
    }

    @Override
    protected void comeBack() {
        if (!isSubscribed) {
            consumer.subscribe(List.of(arguments.text("inputTopic")));
            journal.subscribed(arguments.number("process"));
            isSubscribed = true;
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        committed.forEach((partition, offset) -> {
            if (offset == null) consumer.seekToBeginning(List.of(partition));
            else consumer.seek(partition, offset.offset());
        });
    }

    @Override
    protected void close() {
        consumer.close();
    }

    private final class Copy implements Work {
        private final ConsumerRecords<String, String> polled;
        private final List<ProducerRecord<String, String>> copies = new ArrayList<>();

        private Copy(ConsumerRecords<String, String> polled, String tag) {
            this.polled = polled;
            for (ConsumerRecord<String, String> record : polled)
                copies.add(new ProducerRecord<>(arguments.text("outputTopic"), record.partition(), record.key(), record.value() + tag));
        }

        @Override
        public List<ProducerRecord<String, String>> records() {
            return copies;
        }

        @Override
        public void send(KafkaProducer<String, String> producer) {
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (TopicPartition partition : polled.partitions())
                offsets.put(partition, new OffsetAndMetadata(polled.records(partition).get(polled.records(partition).size() - 1).offset() + 1));
            if (arguments.sabotages("offsets-outside") || arguments.sabotages("no-transaction")) consumer.commitSync(offsets);
            else producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        }

        @Override
        public String pollJson() {
            List<String> partitions = new ArrayList<>();
            for (TopicPartition partition : polled.partitions()) {
                List<String> records = polled.records(partition).stream().map(record -> "[" + record.offset() + ",\"" + record.value() + "\"]").toList();
                partitions.add("\"" + partition + "\":[" + String.join(",", records) + "]");
            }
            return "{\"kind\":\"poll\",\"records\":{" + String.join(",", partitions) + "}}";
        }
    }
}
