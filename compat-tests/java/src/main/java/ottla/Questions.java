package ottla;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** A conversation over standard input and output: each line is a question in JSON, answered in its turn by a line of JSON. */
public final class Questions {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** What is answered to a question: anything that Jackson writes. */
    public interface Answering {
        Object answer(JsonNode question) throws Exception;
    }

    private Questions() {}

    /** Answers until the input ends. */
    public static void serve(Answering answering) throws Exception {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        // What Apache's classes print must not come between the answers.
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(JSON.writeValueAsString(answering.answer(JSON.readTree(line))));
            if (!in.ready()) out.flush();
        }
        out.flush();
    }
}
