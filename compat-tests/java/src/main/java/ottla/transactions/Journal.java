package ottla.transactions;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Locale;

/** The history of a program's members, a line each as src/testing/history/history.ts tells. Nothing that stands in it needs escaping. */
final class Journal {
    private final FileOutputStream file;

    Journal(String path) throws IOException {
        file = new FileOutputStream(path, true);
    }

    /** Milliseconds of the clock that all clients share, as JSON. */
    static String nowMs() {
        Instant now = Instant.now();
        return String.format(Locale.ROOT, "%d.%03d", now.toEpochMilli(), now.getNano() / 1_000 % 1_000);
    }

    void chose(String kind, int process) {
        write("{\"kind\":\"" + kind + "\",\"process\":" + process + ",\"outcome\":\"ok\"}\n");
    }

    void initialized(int process, String transactionalId, String startMs) {
        write("{\"kind\":\"init\",\"process\":" + process + ",\"outcome\":\"ok\",\"transactionalId\":\"" + transactionalId
            + "\",\"startMs\":" + startMs + ",\"endMs\":" + nowMs() + "}\n");
    }

    /** On standard output, for who waits. */
    void progress(String member, String ended, int records) {
        System.out.println("{\"member\":\"" + member + "\",\"ended\":\"" + ended + "\",\"records\":" + records + "}");
    }

    /** One write, so that a kill leaves whole lines but for the last. */
    synchronized void write(String line) {
        try {
            file.write(line.getBytes(StandardCharsets.UTF_8));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
