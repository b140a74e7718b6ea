package ottla.transactions;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** One transaction as it goes, and its line in the journal. */
final class Transaction {
    private final Journal journal;
    private final int process;
    private final long number;
    private final String transactionalId;
    private final Work work;
    private final String startMs = Journal.nowMs();
    private final List<Future<RecordMetadata>> sent = new ArrayList<>();
    private String body;

    /** What it writes, and what it read that from: null of a feeder. */
    record Work(List<ProducerRecord<String, String>> records, ConsumerRecords<String, String> polled, String group) { }

    Transaction(Journal journal, int process, long number, String transactionalId, Work work) {
        this.journal = journal;
        this.process = process;
        this.number = number;
        this.transactionalId = transactionalId;
        this.work = work;
    }

    /** Sends all, and waits until it is known where the records lie; throws when one of them was not taken. */
    void send(KafkaProducer<String, String> producer) {
        for (ProducerRecord<String, String> record : work.records()) sent.add(producer.send(record));
        producer.flush();
        for (Future<RecordMetadata> each : sent) offset(each);
    }

    /** All is sent, and its end is about to be asked for. */
    void intends() {
        body = "{\"kind\":\"txn\",\"id\":\"" + process + "." + number + "\",\"process\":" + process + ",\"transactionalId\":\"" + transactionalId
            + "\",\"micro\":[" + String.join(",", micro()) + "]" + offsets() + ",\"startMs\":" + startMs + ",\"commitMs\":" + Journal.nowMs();
        journal.write(body + ",\"outcome\":\"info\"}\n");
    }

    void settled(String outcome) {
        journal.write(body + ",\"outcome\":\"" + outcome + "\",\"endMs\":" + Journal.nowMs() + "}\n");
    }

    private List<String> micro() {
        List<String> micro = new ArrayList<>();
        List<String> origins = new ArrayList<>();
        if (work.polled() != null) {
            List<String> partitions = new ArrayList<>();
            for (TopicPartition partition : work.polled().partitions()) {
                List<String> records = work.polled().records(partition).stream().map(record -> "[" + record.offset() + ",\"" + record.value() + "\"]").toList();
                partitions.add("\"" + partition + "\":[" + String.join(",", records) + "]");
            }
            micro.add("{\"kind\":\"poll\",\"records\":{" + String.join(",", partitions) + "}}");
            for (ConsumerRecord<String, String> record : work.polled()) origins.add(",\"from\":[\"" + record.topic() + "-" + record.partition() + "\"," + record.offset() + "]");
        }
        for (int i = 0; i < work.records().size(); i++) {
            ProducerRecord<String, String> record = work.records().get(i);
            micro.add("{\"kind\":\"send\",\"key\":\"" + record.topic() + "-" + record.partition() + "\",\"offset\":" + offset(sent.get(i))
                + ",\"value\":\"" + record.value() + "\"" + (origins.isEmpty() ? "" : origins.get(i)) + "}");
        }
        return micro;
    }

    private String offsets() {
        if (work.polled() == null) return "";
        List<String> next = work.polled().partitions().stream().map(partition -> {
            List<ConsumerRecord<String, String>> records = work.polled().records(partition);
            return "\"" + partition + "\":" + (records.get(records.size() - 1).offset() + 1);
        }).toList();
        return ",\"offsets\":{\"" + work.group() + "\":{" + String.join(",", next) + "}}";
    }

    private static long offset(Future<RecordMetadata> sent) {
        try {
            return sent.get().offset();
        } catch (InterruptedException | ExecutionException error) {
            throw error.getCause() instanceof KafkaException failed ? failed : new KafkaException(error);
        }
    }
}
