package ottla.clients;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.tools.DumpLogSegments;

/**
 * Runs kafka-dump-log on many files in one process and keeps of its output what tells of a fault. Each line of standard
 * input is one run: its arguments, separated by tabs; the first may be --may-lack-offsets, for a compacted log. Prints one object: the number of records, and the complaints.
 */
public final class DumpLogs {
    /** The tool's words for a fault on standard output; all that it writes to standard error is one. */
    private static final List<String> FAULTS = List.of("isvalid: false", "isValid: false", "invalid bytes at the end", "Error at ", "Unknown record type");
    /** The tool starts counting at -1 in every file, so the first record of a later segment always seems to jump. */
    private static final String START_OF_SEGMENT = "  -1 is followed by ";
    private static final String JUMPS = "Non-consecutive offsets in ";
    private static final String MAY_LACK_OFFSETS = "--may-lack-offsets";
    private static final Pattern JUMP = Pattern.compile("  (-?\\d+) is followed by (\\d+)");

    private final List<String> complaints = new ArrayList<>();
    private long records;
    private String run = "";
    private boolean mayLackOffsets;

    public static void main(String[] args) throws Exception {
        Exit.Procedure leave = (status, message) -> {
            throw new IllegalStateException("the tool ended with " + status + ": " + message);
        };
        Exit.setExitProcedure(leave);
        Exit.setHaltProcedure(leave);
        PrintStream out = System.out;
        DumpLogs dump = new DumpLogs();
        System.setOut(new PrintStream(new Lines(dump::printed), false, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(new Lines(dump::warned), false, StandardCharsets.UTF_8));
        BufferedReader runs = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = runs.readLine(); line != null; line = runs.readLine()) dump.dump(line.split("\t"));
        ObjectMapper json = new ObjectMapper();
        ObjectNode result = json.createObjectNode();
        result.put("records", dump.records);
        ArrayNode complaints = result.putArray("complaints");
        dump.complaints.forEach(complaints::add);
        out.println(json.writeValueAsString(result));
        out.flush();
    }

    private void dump(String[] line) {
        mayLackOffsets = line[0].equals(MAY_LACK_OFFSETS);
        String[] arguments = mayLackOffsets ? Arrays.copyOfRange(line, 1, line.length) : line;
        run = Arrays.toString(arguments);
        try {
            DumpLogSegments.main(arguments);
        } catch (Throwable fault) {
            complaints.add(run + ": " + fault);
        }
        System.out.flush();
        System.err.flush();
    }

    private void printed(String line) {
        if (line.startsWith("|")) records += 1;
        for (String fault : FAULTS) {
            if (line.contains(fault)) complaints.add(run + ": " + line);
        }
    }

    private void warned(String line) {
        if (line.startsWith(START_OF_SEGMENT) || line.startsWith(JUMPS)) return;
        Matcher jump = JUMP.matcher(line);
        if (mayLackOffsets && jump.matches() && Long.parseLong(jump.group(2)) > Long.parseLong(jump.group(1))) return;
        complaints.add(run + ": " + line);
    }

    private interface LineTaker {
        void take(String line);
    }

    /** Cuts bytes into lines without keeping them. */
    private static final class Lines extends OutputStream {
        private final LineTaker taker;
        private byte[] line = new byte[4096];
        private int length;

        private Lines(LineTaker taker) {
            this.taker = taker;
        }

        @Override
        public void write(int value) {
            if (value == '\n') {
                taker.take(new String(line, 0, length, StandardCharsets.UTF_8));
                length = 0;
                return;
            }
            if (length == line.length) line = Arrays.copyOf(line, length * 2);
            line[length++] = (byte) value;
        }
    }
}
