package ottla.groups;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Matches names of topics against a pattern as Apache's TopicRegexResolver does. Each line is a pattern and names in JSON; the
 * answer is a line with the names that match, or with what is wrong with the pattern.
 */
public final class RegexOracle {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            System.out.println(MAPPER.writeValueAsString(answer(MAPPER.readTree(line))));
            System.out.flush();
        }
    }

    private static Map<String, Object> answer(JsonNode question) {
        try {
            Pattern pattern = Pattern.compile(question.get("pattern").asText());
            List<String> matching = new ArrayList<>();
            question.get("topics").forEach(topic -> {
                if (pattern.matcher(topic.asText()).matches()) matching.add(topic.asText());
            });
            return Map.of("matching", matching);
        } catch (PatternSyntaxException invalid) {
            return Map.of("error", invalid.getDescription());
        }
    }
}
