package ottla.clients;

import java.io.FileInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.MessageFormatter;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.tools.ConsoleProducer;
import org.apache.kafka.tools.TopicCommand;
import org.apache.kafka.tools.consumer.ConsoleConsumer;

/**
 * What kafka-topics, kafka-console-producer and kafka-console-consumer start, in one process: the tools' own main
 * methods with the arguments that a person types. Two of Kafka's own hooks make that possible: a tool's exit becomes an
 * exception in its thread, and the hook that it leaves for the end of the process is run when its work is over.
 */
public final class ConsoleTools implements Conversation.Client {
    /** A formatter is made by the tool, from a class name. */
    private static Conversation conversation;

    private final String bootstrap;
    private final ThreadLocal<List<Runnable>> hooks = ThreadLocal.withInitial(ArrayList::new);
    private final ThreadLocal<Exited> firstExit = new ThreadLocal<>();
    private final Map<String, Member> members = new ConcurrentHashMap<>();
    /** The console producer reads the process's standard input: one at a time. */
    private final Object standardInput = new Object();

    private ConsoleTools(String bootstrap) {
        this.bootstrap = bootstrap;
        Exit.Procedure leave = (status, message) -> {
            // TopicCommand takes the exception of its own exit for a failure and exits once more.
            if (firstExit.get() == null) firstExit.set(new Exited(status, message));
            throw firstExit.get();
        };
        Exit.setExitProcedure(leave);
        Exit.setHaltProcedure(leave);
        Exit.setShutdownHookAdder((name, hook) -> hooks.get().add(hook));
    }

    public static void main(String[] args) throws Exception {
        InputStream in = System.in;
        OutputStream out = System.out;
        // What the tools print for a person must not come between the lines of the conversation.
        System.setOut(new PrintStream(OutputStream.nullOutputStream()));
        conversation = new Conversation(in, out);
        conversation.run(new ConsoleTools(args[0]));
    }

    @Override
    public void createTopic(String topic, int partitions) {
        expectSuccess(() -> TopicCommand.main("--bootstrap-server", bootstrap, "--create", "--topic", topic,
            "--partitions", String.valueOf(partitions), "--replication-factor", "1"));
    }

    @Override
    public void produce(String topic, String codec, String file) throws Exception {
        synchronized (standardInput) {
            try (InputStream lines = new FileInputStream(file)) {
                System.setIn(lines);
                expectSuccess(() -> ConsoleProducer.main(new String[] {
                    "--bootstrap-server", bootstrap, "--topic", topic, "--compression-codec", codec,
                    "--reader-property", "parse.key=true", "--reader-property", "key.separator=\t",
                }));
            }
            // The producer is closed, and so flushed, by the hook alone.
            runHooks();
        }
    }

    @Override
    public void join(String name, String group, String topic, boolean commits, String mode) {
        Member member = new Member(name, group, topic, commits);
        members.put(name, member);
        member.start();
    }

    @Override
    public void leave(String name) throws Exception {
        Member member = members.remove(name);
        member.isLeaving = true;
        // Wakes the consumer up; only the first such hook of a process then waits for the end, so join waits here.
        for (Runnable hook : member.ownHooks) hook.run();
        member.join();
    }

    private void runHooks() {
        hooks.get().forEach(Runnable::run);
        hooks.get().clear();
    }

    private void expectSuccess(Runnable tool) {
        try {
            firstExit.remove();
            tool.run();
        } catch (Exited exited) {
            if (exited.status != 0) throw new IllegalStateException("the tool ended with " + exited.status + ": " + exited.getMessage());
        }
    }

    private static final class Exited extends RuntimeException {
        private final int status;

        private Exited(int status, String message) {
            super(message);
            this.status = status;
        }
    }

    private final class Member extends Thread {
        private final String name;
        private final String[] arguments;
        private volatile boolean isLeaving;
        private volatile List<Runnable> ownHooks = List.of();

        private Member(String name, String group, String topic, boolean commits) {
            super("member-" + name);
            this.name = name;
            setDaemon(true);
            arguments = new String[] {
                "--bootstrap-server", bootstrap, "--topic", topic, "--group", group, "--from-beginning",
                "--command-property", "enable.auto.commit=" + commits, "--command-property", "auto.commit.interval.ms=200",
                "--command-property", "heartbeat.interval.ms=300", "--command-property", "session.timeout.ms=10000", "--command-property", "reconnect.backoff.max.ms=200",
                "--formatter", Formatter.class.getName(), "--formatter-property", "member=" + name,
            };
        }

        @Override
        public void run() {
            ownHooks = hooks.get();
            String end = "the tool ended";
            try {
                ConsoleConsumer.main(arguments);
            } catch (Exception error) {
                end = error.toString();
            }
            if (!isLeaving) conversation.fail(name, end);
        }
    }

    /** Prints to the conversation instead of standard output, with the member's name. */
    public static final class Formatter implements MessageFormatter {
        private static final int FLUSH_CHARS = 64 * 1024;
        private static final long FLUSH_MS = 50;

        private final StringBuilder lines = new StringBuilder();
        private String member;
        private Thread flusher;

        @Override
        public void configure(Map<String, ?> configs) {
            member = (String) configs.get("member");
            flusher = new Thread(this::flushNowAndThen, "flush-" + member);
            flusher.setDaemon(true);
            flusher.start();
        }

        @Override
        public void writeTo(ConsumerRecord<byte[], byte[]> record, PrintStream output) {
            synchronized (lines) {
                Conversation.appendLine(lines, record.partition(), record.offset(), record.key(), record.value());
                if (lines.length() >= FLUSH_CHARS) flush();
            }
        }

        @Override
        public void close() {
            flusher.interrupt();
            flush();
        }

        private void flushNowAndThen() {
            try {
                while (true) {
                    Thread.sleep(FLUSH_MS);
                    flush();
                }
            } catch (InterruptedException closed) {
                // The tool closed the formatter.
            }
        }

        private void flush() {
            synchronized (lines) {
                if (lines.length() == 0) return;
                conversation.deliver(member, lines);
                lines.setLength(0);
            }
        }
    }
}
