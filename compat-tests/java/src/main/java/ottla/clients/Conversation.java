package ottla.clients;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;

/** Lines of JSON in, lines of JSON out; clients/driver.ts describes them. Ends the process when the input ends. */
final class Conversation {
    /** Each operation runs in a thread of its own and may take as long as it needs. */
    interface Client {
        void createTopic(String topic, int partitions) throws Exception;

        void produce(String topic, String codec, String file) throws Exception;

        /** mode: how the member takes its partitions; null for the client's own way. */
        void join(String member, String group, String topic, boolean commits, String mode) throws Exception;

        void leave(String member) throws Exception;
    }

    private final ObjectMapper json = new ObjectMapper();
    private final InputStream in;
    private final BufferedWriter out;

    Conversation(InputStream in, OutputStream out) {
        this.in = in;
        this.out = new BufferedWriter(new OutputStreamWriter(out, StandardCharsets.UTF_8));
    }

    /** Hands records to the test: lines of partition, offset, key and value, separated by tabs. */
    void deliver(String member, CharSequence lines) {
        ObjectNode message = json.createObjectNode();
        message.put("member", member);
        message.put("records", lines.toString());
        say(message);
    }

    /** Tells that a member has ended without being asked to. */
    void fail(String member, String reason) {
        ObjectNode message = json.createObjectNode();
        message.put("member", member);
        message.put("failed", reason);
        say(message);
    }

    static void appendLine(StringBuilder lines, int partition, long offset, byte[] key, byte[] value) {
        if (lines.length() > 0) lines.append('\n');
        lines.append(partition).append('\t').append(offset).append('\t')
            .append(new String(key, StandardCharsets.UTF_8)).append('\t').append(new String(value, StandardCharsets.UTF_8));
    }

    void run(Client client) throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode request = json.readTree(line);
            Thread thread = new Thread(() -> answer(client, request), request.get("op").asText());
            thread.setDaemon(true);
            thread.start();
        }
        Runtime.getRuntime().halt(0);
    }

    private void answer(Client client, JsonNode request) {
        ObjectNode reply = json.createObjectNode();
        reply.set("id", request.get("id"));
        try {
            perform(client, request);
        } catch (Throwable error) {
            Throwable cause = error.getCause() == null ? error : error.getCause();
            reply.put("error", String.valueOf(cause));
        }
        say(reply);
    }

    private void perform(Client client, JsonNode request) throws Exception {
        String op = request.get("op").asText();
        switch (op) {
            case "createTopic" -> client.createTopic(text(request, "topic"), request.get("partitions").asInt());
            case "produce" -> client.produce(text(request, "topic"), text(request, "codec"), text(request, "file"));
            case "join" -> client.join(text(request, "member"), text(request, "group"), text(request, "topic"), request.get("commits").asBoolean(),
                request.hasNonNull("mode") ? text(request, "mode") : null);
            case "leave" -> client.leave(text(request, "member"));
            default -> throw new IllegalArgumentException("no operation '" + op + "'");
        }
    }

    private static String text(JsonNode request, String field) {
        return request.get(field).asText();
    }

    private void say(ObjectNode message) {
        try {
            String line = json.writeValueAsString(message);
            synchronized (out) {
                out.write(line);
                out.write('\n');
                out.flush();
            }
        } catch (IOException gone) {
            Runtime.getRuntime().halt(1);
        }
    }
}
