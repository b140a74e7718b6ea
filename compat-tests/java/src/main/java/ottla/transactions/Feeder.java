package ottla.transactions;

import java.util.List;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Writes unique values. */
final class Feeder extends Member {
    private long values;

    Feeder(MemberArguments arguments, Journal journal) {
        super(arguments, journal);
    }

    @Override
    protected Transaction.Work next(long transaction) {
        try {
            sleep(arguments.number("pauseMs"));
        } catch (InterruptedException ended) {
            end();
        }
        List<ProducerRecord<String, String>> records = IntStream.rangeClosed(0, random.nextInt(arguments.number("mostRecords"))).mapToObj(__ -> record()).toList();
        return new Transaction.Work(records, null, null);
    }

    private ProducerRecord<String, String> record() {
        int key = random.nextInt(arguments.number("keys"));
        return new ProducerRecord<>(arguments.text("inputTopic"), key % arguments.number("partitions"), "k" + key, process + "-" + values++);
    }

    @Override
    protected void sendOffsets(KafkaProducer<String, String> producer, Transaction.Work work) { }

    @Override
    protected void comeBack() { }

    @Override
    protected void close() { }
}
