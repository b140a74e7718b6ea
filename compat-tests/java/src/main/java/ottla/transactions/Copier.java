package ottla.transactions;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
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
    protected Transaction.Work next(long transaction) {
        ConsumerRecords<String, String> polled = consumer.poll(POLL);
        if (polled.isEmpty()) return null;
        List<ProducerRecord<String, String>> copies = new ArrayList<>();
        for (ConsumerRecord<String, String> record : polled)
            copies.add(new ProducerRecord<>(arguments.text("outputTopic"), record.partition(), record.key(), record.value() + "@" + process + "." + transaction));
        return new Transaction.Work(copies, polled, arguments.text("groupId"));
    }

    @Override
    protected void sendOffsets(KafkaProducer<String, String> producer, Transaction.Work work) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (TopicPartition partition : work.polled().partitions()) {
            List<ConsumerRecord<String, String>> records = work.polled().records(partition);
            offsets.put(partition, new OffsetAndMetadata(records.get(records.size() - 1).offset() + 1));
        }
        if (arguments.sabotages("offsets-outside") || arguments.sabotages("no-transaction")) consumer.commitSync(offsets);
        else producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
    }

    @Override
    protected void comeBack() {
        if (!isSubscribed) {
            consumer.subscribe(List.of(arguments.text("inputTopic")), new Moves());
            journal.chose("subscribe", process);
            isSubscribed = true;
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        committed.forEach((partition, offset) -> {
            if (offset == null) consumer.seekToBeginning(List.of(partition));
            else consumer.seek(partition, offset.offset());
        });
        journal.chose("assign", process);
    }

    @Override
    protected void close() {
        consumer.close();
    }

    /**
     * Notes that it goes on from the committed offsets, maybe of another member. That there is a listener at all also keeps a
     * member that was put out of its group from joining again, under a new epoch, before the records that it has at hand are done with.
     */
    private final class Moves implements ConsumerRebalanceListener {
        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) { }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            if (!partitions.isEmpty()) journal.chose("assign", process);
        }
    }
}
