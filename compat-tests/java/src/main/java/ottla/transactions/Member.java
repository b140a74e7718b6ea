package ottla.transactions;

import java.util.List;
import java.util.Random;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;

/** A thread that goes from one transaction to the next, with a new producer where the last one became unusable. */
abstract class Member extends Thread {
    private static final int REST_MS = 100;

    protected final MemberArguments arguments;
    protected final Journal journal;
    protected final Random random;
    private final boolean isTransactional;
    private volatile boolean isEnding;
    private long transactions;

    protected Member(MemberArguments arguments, Journal journal) {
        super(arguments.text("name"));
        this.arguments = arguments;
        this.journal = journal;
        this.random = new Random(arguments.number("seed"));
        this.isTransactional = !arguments.sabotages("no-transaction");
    }

    /** What one transaction is to hold: none when there is nothing to do now. */
    protected abstract Work next(long transaction);

    /** After a transaction that did not take place, or nobody knows whether it did. */
    protected abstract void comeBack();

    protected abstract void close();

    /** The records, and what is to be noted of them. */
    interface Work {
        List<ProducerRecord<String, String>> records();

        /** What else stands or falls with the transaction. */
        default void send(KafkaProducer<String, String> producer) { }

        /** The poll that the records come from, of a copier. */
        default String pollJson() {
            return "";
        }
    }

    void end() {
        isEnding = true;
    }

    @Override
    public void run() {
        while (!isEnding) {
            try (KafkaProducer<String, String> producer = arguments.producer()) {
                if (isTransactional) producer.initTransactions();
                comeBack();
                while (!isEnding) perform(producer);
            } catch (InterruptException error) {
                return;
            } catch (KafkaException | IllegalStateException error) {
                System.err.println(getName() + ": " + error);
                rest();
            }
        }
        close();
    }

    private void perform(KafkaProducer<String, String> producer) {
        Work work = next(transactions);
        if (work == null) return;
        String id = arguments.text("process") + "." + transactions++;
        int size = work.records().size();
        if (!isTransactional) {
            Journal.Sends sends = new Journal.Sends(producer, work.records());
            journal.intends(id, arguments.number("process"), work.pollJson(), sends);
            work.send(producer);
            journal.settled(id, "ok");
            journal.progress(getName(), "committed", size);
            return;
        }
        boolean aborts = arguments.number("abortOneIn") > 0 && random.nextInt(arguments.number("abortOneIn")) == 0;
        boolean mayCommit = false;
        try {
            producer.beginTransaction();
            Journal.Sends sends = new Journal.Sends(producer, work.records());
            work.send(producer);
            journal.intends(id, arguments.number("process"), work.pollJson(), sends);
            if (aborts) {
                journal.settled(id, "fail");
                producer.abortTransaction();
                journal.progress(getName(), "aborted", size);
                comeBack();
                return;
            }
            mayCommit = true;
            producer.commitTransaction();
            journal.settled(id, "ok");
            journal.progress(getName(), "committed", size);
        } catch (KafkaException error) {
            journal.progress(getName(), "lost", size);
            System.err.println(getName() + ": " + error);
            // Throws where the producer is beyond that.
            producer.abortTransaction();
            if (mayCommit) journal.settled(id, "fail");
            comeBack();
        }
    }

    protected void rest() {
        try {
            sleep(REST_MS + random.nextInt(REST_MS));
        } catch (InterruptedException ended) {
            end();
        }
    }
}
