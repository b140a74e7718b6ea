package ottla.transactions;

import java.util.Random;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;

/** A thread that goes from one transaction to the next, with a new producer where the last one became unusable. */
abstract class Member extends Thread {
    private static final int REST_MS = 100;

    protected final MemberArguments arguments;
    protected final Journal journal;
    protected final Random random;
    protected final int process;
    private final boolean isTransactional;
    private volatile boolean isEnding;
    private long transactions;

    protected Member(MemberArguments arguments, Journal journal) {
        super(arguments.text("name"));
        this.arguments = arguments;
        this.journal = journal;
        this.random = new Random(arguments.number("seed"));
        this.process = arguments.number("process");
        this.isTransactional = !arguments.sabotages("no-transaction");
    }

    /** What the next transaction is to hold; null when there is nothing to do now. */
    protected abstract Transaction.Work next(long transaction);

    /** Whatever else stands or falls with the transaction. */
    protected abstract void sendOffsets(KafkaProducer<String, String> producer, Transaction.Work work);

    /** Before the first transaction, and after one that did not take place, or of which nobody knows whether it did. */
    protected abstract void comeBack();

    protected abstract void close();

    void end() {
        isEnding = true;
    }

    @Override
    public void run() {
        while (!isEnding) {
            try (KafkaProducer<String, String> producer = arguments.producer()) {
                initialize(producer);
                comeBack();
                while (!isEnding) perform(producer);
            } catch (InterruptException error) {
                return;
            } catch (KafkaException | IllegalStateException error) {
                complain(error);
                rest();
            }
        }
        close();
    }

    private void initialize(KafkaProducer<String, String> producer) {
        if (!isTransactional) return;
        String startMs = Journal.nowMs();
        producer.initTransactions();
        journal.initialized(process, arguments.text("transactionalId"), startMs);
    }

    private void perform(KafkaProducer<String, String> producer) {
        Transaction.Work work = next(transactions);
        if (work == null) return;
        Transaction transaction = new Transaction(journal, process, transactions++, arguments.text("transactionalId"), work);
        String end = isTransactional ? transact(producer, transaction, work) : write(producer, transaction, work);
        journal.progress(getName(), end, work.records().size());
        if (!end.equals("committed")) comeBack();
    }

    /** How it ended. Throws when the producer cannot be used any more. */
    private String transact(KafkaProducer<String, String> producer, Transaction transaction, Transaction.Work work) {
        boolean wasNoted = false;
        try {
            producer.beginTransaction();
            transaction.send(producer);
            sendOffsets(producer, work);
            transaction.intends();
            wasNoted = true;
            if (givesUp()) {
                transaction.settled("fail");
                producer.abortTransaction();
                return "aborted";
            }
            producer.commitTransaction();
            transaction.settled("ok");
            return "committed";
        } catch (KafkaException error) {
            complain(error);
            producer.abortTransaction();
            if (wasNoted) transaction.settled("fail");
            return "lost";
        }
    }

    /** Sabotage: as if there were no transactions; what is given up stays where it was written. */
    private String write(KafkaProducer<String, String> producer, Transaction transaction, Transaction.Work work) {
        transaction.send(producer);
        transaction.intends();
        if (givesUp()) {
            transaction.settled("fail");
            return "aborted";
        }
        sendOffsets(producer, work);
        transaction.settled("ok");
        return "committed";
    }

    private boolean givesUp() {
        return arguments.number("abortOneIn") > 0 && random.nextInt(arguments.number("abortOneIn")) == 0;
    }

    private void complain(RuntimeException error) {
        System.err.println(getName() + ": " + error);
    }

    private void rest() {
        try {
            sleep(REST_MS + random.nextInt(REST_MS));
        } catch (InterruptedException ended) {
            end();
        }
    }
}
