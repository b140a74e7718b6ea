package ottla.codec;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * Says what Apache's own classes make of a message. Reads lines, answers each with one line, in order.
 *
 * First it prints every message that its class path has, `name lowestVersion highestVersion apiKey`, then a dot.
 * A question is `name TAB version TAB hex TAB json`, json empty for bytes that JSON cannot express.
 * Apache must make these bytes from that JSON, read the same message from the bytes, and write them again as they were.
 * The answer is `ok`, or what differs.
 */
public final class CodecOracle {
    private record Kind(Class<?> message, Method fromJson) {}

    private static final String SUFFIX = "JsonConverter.class";
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final HexFormat HEX = HexFormat.of();

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        Map<String, Kind> kinds = find(System.getProperty("java.class.path"));
        for (Map.Entry<String, Kind> entry : new TreeMap<>(kinds).entrySet()) {
            Class<?> type = entry.getValue().message();
            short lowest = type.getField("LOWEST_SUPPORTED_VERSION").getShort(null);
            short highest = type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null);
            Object message = type.getConstructor().newInstance();
            short key = message instanceof ApiMessage api ? api.apiKey() : -1;
            out.println(entry.getKey() + " " + lowest + " " + highest + " " + key);
        }
        out.println(".");
        out.flush();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8), 1 << 16);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(judge(kinds, line.split("\t", -1)));
            if (!in.ready()) out.flush();
        }
        out.flush();
    }

    private static String judge(Map<String, Kind> kinds, String[] question) {
        try {
            Kind kind = kinds.get(question[0]);
            if (kind == null) return "no class for " + question[0];
            short version = Short.parseShort(question[1]);
            byte[] bytes = HEX.parseHex(question[2]);
            Message read = (Message) kind.message().getConstructor().newInstance();
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            read.read(new ByteBufferAccessor(buffer), version);
            if (buffer.hasRemaining()) return buffer.remaining() + " bytes left over";
            String again = HEX.formatHex(write(read, version));
            if (!again.equals(question[2])) return "written again: " + again;
            if (question[3].isEmpty()) return "ok";
            JsonNode json = MAPPER.readTree(question[3]);
            Message meant = (Message) kind.fromJson().invoke(null, json, version);
            String expected = HEX.formatHex(write(meant, version));
            if (!expected.equals(question[2])) return "expected: " + expected;
            return meant.equals(read) ? "ok" : "read as " + read;
        } catch (Throwable failure) {
            Throwable cause = failure.getCause() == null ? failure : failure.getCause();
            return cause.toString().replace('\n', ' ').replace('\r', ' ');
        }
    }

    private static byte[] write(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        if (buffer.hasRemaining()) throw new IllegalStateException("wrote less than its own size");
        return buffer.array();
    }

    /** The messages of all jars of the class path, by name; requests and responses lose the `Data` at their end. */
    private static Map<String, Kind> find(String classPath) throws IOException, ReflectiveOperationException {
        Map<String, Kind> kinds = new HashMap<>();
        for (String path : classPath.split(File.pathSeparator)) {
            if (!path.endsWith(".jar") || !new File(path).getName().startsWith("kafka")) continue;
            try (JarFile jar = new JarFile(path)) {
                for (Enumeration<JarEntry> entries = jar.entries(); entries.hasMoreElements();) {
                    String entry = entries.nextElement().getName();
                    if (!entry.endsWith(SUFFIX) || entry.contains("$")) continue;
                    add(kinds, entry.substring(0, entry.length() - SUFFIX.length()).replace('/', '.'));
                }
            }
        }
        return kinds;
    }

    private static void add(Map<String, Kind> kinds, String className) throws ReflectiveOperationException {
        Class<?> message = Class.forName(className);
        // Kafka keeps empty converters of APIs that it dropped.
        if (!Message.class.isAssignableFrom(message)) return;
        Class<?> converter = Class.forName(className + "JsonConverter");
        kinds.put(message.getSimpleName().replaceAll("(Request|Response|Header)Data$", "$1"),
            new Kind(message, converter.getMethod("read", JsonNode.class, short.class)));
    }
}
