package ottla.transcript;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Console;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import org.apache.kafka.common.utils.Exit;
import org.slf4j.LoggerFactory;

/**
 * Runs Apache's command-line tools by their main methods, many in one process, several at a time, and tells of each what a
 * shell would see: exit code, standard output, standard error.
 *
 * <p>A line of standard input asks, a line of standard output answers; both are JSON. A question has a member for each
 * run it is about, by a name of the asker's: <code>{"main": class, "args": [], "stdin": text, "timeoutMs": n}</code>
 * runs a tool to its end, the same with <code>"background": true</code> only starts it, and <code>{"interrupt": name,
 * "awaited": expression, "timeoutMs": n}</code> ends a tool that was started under that name as an interrupt from the
 * keyboard does, once it has printed what matches. The runs of one question go side by
 * side; the answer has <code>{"exit": code, "stdout": text, "stderr": text}</code> for each, no exit code where time ran out.
 *
 * <p>A run is a group of threads, by which what is printed, read and ended is told apart, and has the tools' classes for
 * itself, so that neither their static state nor an exit reaches another run.
 */
public final class ToolPlayer {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Run> BACKGROUND = new ConcurrentHashMap<>();

    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        System.setOut(new SharedPrintStream(run -> run.stdout));
        System.setErr(new SharedPrintStream(run -> run.stderr));
        System.setIn(new SharedInputStream());
        // It says something of its own when two begin with it at once.
        LoggerFactory.getLogger(ToolPlayer.class);
        Exit.setExitProcedure((status, message) -> leave(status));
        Exit.setHaltProcedure((status, message) -> leave(status));
        Exit.setShutdownHookAdder((name, hook) -> addHook(hook));
        for (String line = questions.readLine(); line != null; line = questions.readLine()) {
            answers.println(JSON.writeValueAsString(answer(JSON.readTree(line))));
            answers.flush();
        }
        // Threads that tools left behind do not keep us.
        Runtime.getRuntime().halt(0);
    }

    private static ObjectNode answer(JsonNode question) throws InterruptedException {
        Map<String, Run> runs = new HashMap<>();
        ObjectNode answer = JSON.createObjectNode();
        for (Iterator<Map.Entry<String, JsonNode>> fields = question.fields(); fields.hasNext();) {
            Map.Entry<String, JsonNode> field = fields.next();
            JsonNode asked = field.getValue();
            if (asked.has("interrupt")) {
                Run run = BACKGROUND.remove(asked.get("interrupt").asText());
                run.awaitOutput(Pattern.compile(asked.get("awaited").asText()), asked.get("timeoutMs").asLong());
                run.interrupt();
                runs.put(field.getKey(), run);
                continue;
            }
            Run run = new Run(asked);
            run.thread.start();
            if (asked.path("background").asBoolean()) {
                BACKGROUND.put(field.getKey(), run);
                answer.putObject(field.getKey());
            } else runs.put(field.getKey(), run);
        }
        for (Map.Entry<String, Run> entry : runs.entrySet()) entry.getValue().describeEnd(answer.putObject(entry.getKey()));
        return answer;
    }

    /** What a tool's exit becomes: it is over for the one who sees what it does, and unwinds so that clients are closed. */
    static void leave(int status) {
        Run run = Run.current();
        if (run == null) throw new IllegalStateException("exit " + status + " outside of a run");
        run.leave(status);
    }

    static void addHook(Runnable hook) {
        Run run = Run.current();
        if (run != null) run.hooks.add(hook);
    }

    private static final class Exited extends Error {
        private Exited(int status) {
            super("exit " + status, null, false, false);
        }
    }

    /** One run of one tool. */
    private static final class Run {
        private static final long UNWIND_MS = 5_000;

        private final Output stdout = new Output();
        private final Output stderr = new Output();
        private final InputStream stdin;
        private final List<Runnable> hooks = new ArrayList<>();
        private final String mainClass;
        private final String[] arguments;
        private final long deadlineMs;
        private final Thread thread;
        private volatile Integer status;
        private volatile boolean areHooksRun;

        private Run(JsonNode asked) {
            mainClass = asked.get("main").asText();
            arguments = new String[asked.get("args").size()];
            for (int at = 0; at < arguments.length; at++) arguments[at] = asked.get("args").get(at).asText();
            stdin = new ByteArrayInputStream(asked.path("stdin").asText("").getBytes(StandardCharsets.UTF_8));
            deadlineMs = System.currentTimeMillis() + asked.get("timeoutMs").asLong();
            thread = new Thread(new Group(this), this::play, "main");
            thread.setDaemon(true);
        }

        private static final class Group extends ThreadGroup {
            private final Run run;

            private Group(Run run) {
                super("tool");
                this.run = run;
            }
        }

        private static Run current() {
            ThreadGroup group = Thread.currentThread().getThreadGroup();
            while (group != null && !(group instanceof Group)) group = group.getParent();
            return group == null ? null : ((Group) group).run;
        }

        private void play() {
            ClassLoader loader = new OwnClasses();
            Thread.currentThread().setContextClassLoader(loader);
            try {
                Method main = loader.loadClass(mainClass).getMethod("main", String[].class);
                main.invoke(null, (Object) arguments);
                awaitOthers();
            } catch (InvocationTargetException thrown) {
                if (!(thrown.getCause() instanceof Exited)) fail(thrown.getCause());
            } catch (ReflectiveOperationException mistake) {
                fail(mistake);
            } catch (InterruptedException late) {
                // Its time is over.
            }
            runHooks();
        }

        /** A process lasts as long as one of its threads that are no daemons. */
        private void awaitOthers() throws InterruptedException {
            Thread[] threads = new Thread[64];
            int count = thread.getThreadGroup().enumerate(threads);
            for (int at = 0; at < count; at++) {
                if (threads[at] != thread && !threads[at].isDaemon()) threads[at].join();
            }
        }

        /** As the virtual machine ends when nobody catches what main throws. */
        private void fail(Throwable thrown) {
            System.err.print("Exception in thread \"main\" ");
            thrown.printStackTrace();
            if (status == null) status = 1;
        }

        private synchronized void leave(int exitStatus) {
            if (status == null) {
                status = exitStatus;
                stdout.freeze(true);
                stderr.freeze(true);
            }
            throw new Exited(exitStatus);
        }

        /** Hooks print after an exit too. */
        private void runHooks() {
            synchronized (hooks) {
                if (areHooksRun) return;
                areHooksRun = true;
            }
            stdout.freeze(false);
            stderr.freeze(false);
            for (Runnable hook : hooks) {
                try {
                    hook.run();
                } catch (Exited again) {
                    // It is ending already.
                }
            }
        }

        private void awaitOutput(Pattern expected, long timeoutMs) throws InterruptedException {
            long untilMs = System.currentTimeMillis() + timeoutMs;
            while (!expected.matcher(stdout.text()).find() && System.currentTimeMillis() < untilMs) Thread.sleep(20);
        }

        private void interrupt() throws InterruptedException {
            Thread interrupter = new Thread(thread.getThreadGroup(), this::runHooks, "hooks");
            interrupter.setDaemon(true);
            interrupter.start();
            interrupter.join(UNWIND_MS);
        }

        private void describeEnd(ObjectNode answer) throws InterruptedException {
            thread.join(Math.max(1, deadlineMs - System.currentTimeMillis()));
            if (thread.isAlive()) {
                thread.interrupt();
                thread.join(UNWIND_MS);
                answer.putNull("exit");
            } else {
                answer.put("exit", status == null ? 0 : status);
            }
            answer.put("stdout", stdout.text());
            answer.put("stderr", stderr.text());
        }
    }

    /** What a run printed, as far as there is room. */
    private static final class Output {
        private static final int MAX_BYTES = 4 << 20;

        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private boolean isFrozen;

        private synchronized void write(byte[] from, int offset, int length) {
            if (!isFrozen && bytes.size() + length <= MAX_BYTES) bytes.write(from, offset, length);
        }

        private synchronized void freeze(boolean isFrozen) {
            this.isFrozen = isFrozen;
        }

        private synchronized String text() {
            return bytes.toString(StandardCharsets.UTF_8);
        }
    }

    private interface Choice {
        Output of(Run run);
    }

    /** Gives what is printed to the run that prints. Tools close what they print to; it stays open for the next one. */
    private static final class SharedPrintStream extends PrintStream {
        private SharedPrintStream(Choice choice) {
            super(new OutputStream() {
                @Override
                public void write(int value) {
                    write(new byte[] {(byte) value}, 0, 1);
                }

                @Override
                public void write(byte[] from, int offset, int length) {
                    Run run = Run.current();
                    if (run != null) choice.of(run).write(from, offset, length);
                }
            }, true, StandardCharsets.UTF_8);
        }

        @Override
        public void close() {
            flush();
        }
    }

    private static final class SharedInputStream extends InputStream {
        @Override
        public int read() throws IOException {
            return source().read();
        }

        @Override
        public int read(byte[] to, int offset, int length) throws IOException {
            return source().read(to, offset, length);
        }

        @Override
        public int available() throws IOException {
            return source().available();
        }

        private static InputStream source() {
            Run run = Run.current();
            return run == null ? InputStream.nullInputStream() : run.stdin;
        }
    }

    /**
     * The classes of the tools, anew for each run, with {@link OwnSystem} and {@link OwnRuntime} in the places of
     * System and Runtime: some tools, and the parser of their arguments, do not go through Kafka's Exit.
     */
    private static final class OwnClasses extends ClassLoader {
        private static final List<String> OWN = List.of("org.apache.kafka.tools.", "org.apache.kafka.shell.", "kafka.admin.", "kafka.tools.", "net.sourceforge.argparse4j.");
        private static final Map<String, byte[]> CODE = new ConcurrentHashMap<>();

        private OwnClasses() {
            super(ToolPlayer.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (OWN.stream().noneMatch(name::startsWith)) return super.loadClass(name, resolve);
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                if (loaded != null) return loaded;
                byte[] code = CODE.computeIfAbsent(name, this::read);
                if (code.length == 0) throw new ClassNotFoundException(name);
                return defineClass(name, code, 0, code.length);
            }
        }

        private byte[] read(String name) {
            try (InputStream file = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
                return file == null ? new byte[0] : withOwnSystem(new DataInputStream(file));
            } catch (IOException error) {
                throw new IllegalStateException(name, error);
            }
        }

        /** Other names in the class file's constants; the rest as it is (chapter 4.4 of the virtual machine's specification). */
        private static byte[] withOwnSystem(DataInputStream in) throws IOException {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            DataOutputStream out = new DataOutputStream(bytes);
            out.writeLong(in.readLong());
            int count = in.readUnsignedShort();
            out.writeShort(count);
            for (int index = 1; index < count; index++) {
                int tag = in.readUnsignedByte();
                out.writeByte(tag);
                switch (tag) {
                    case 1 -> out.writeUTF(ownName(in.readUTF()));
                    case 3, 4, 9, 10, 11, 12, 17, 18 -> out.writeInt(in.readInt());
                    case 5, 6 -> {
                        out.writeLong(in.readLong());
                        // These take two places.
                        index += 1;
                    }
                    case 7, 8, 16, 19, 20 -> out.writeShort(in.readShort());
                    case 15 -> {
                        out.writeByte(in.readByte());
                        out.writeShort(in.readShort());
                    }
                    default -> throw new IOException("constant of kind " + tag);
                }
            }
            in.transferTo(out);
            return bytes.toByteArray();
        }

        private static String ownName(String constant) {
            if (constant.equals("java/lang/System")) return OwnSystem.class.getName().replace('.', '/');
            if (constant.equals("java/lang/Runtime")) return OwnRuntime.class.getName().replace('.', '/');
            return constant.replace("Ljava/lang/Runtime;", "L" + OwnRuntime.class.getName().replace('.', '/') + ";");
        }
    }

    /** What the tools use of {@link System}. */
    public static final class OwnSystem {
        public static final InputStream in = System.in;
        public static final PrintStream out = System.out;
        public static final PrintStream err = System.err;

        public static void exit(int status) {
            leave(status);
        }

        /** A script's standard input is no terminal. */
        public static Console console() {
            return null;
        }

        public static long currentTimeMillis() {
            return System.currentTimeMillis();
        }

        public static long nanoTime() {
            return System.nanoTime();
        }

        public static String getProperty(String name) {
            return System.getProperty(name);
        }

        public static String getProperty(String name, String otherwise) {
            return System.getProperty(name, otherwise);
        }

        public static String getenv(String name) {
            return System.getenv(name);
        }

        public static String lineSeparator() {
            return System.lineSeparator();
        }

        public static int identityHashCode(Object object) {
            return System.identityHashCode(object);
        }

        public static void arraycopy(Object from, int fromAt, Object to, int toAt, int length) {
            System.arraycopy(from, fromAt, to, toAt, length);
        }
    }

    /** What the tools use of {@link Runtime}. */
    public static final class OwnRuntime {
        public static OwnRuntime getRuntime() {
            return new OwnRuntime();
        }

        public void addShutdownHook(Thread hook) {
            // A run's hooks are run one after the other, in its own group.
            addHook(hook::run);
        }

        public void exit(int status) {
            leave(status);
        }

        public void halt(int status) {
            leave(status);
        }

        public int availableProcessors() {
            return Runtime.getRuntime().availableProcessors();
        }
    }
}
