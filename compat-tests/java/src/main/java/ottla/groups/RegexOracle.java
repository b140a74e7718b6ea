package ottla.groups;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import ottla.Questions;

/**
 * Matches names of topics against a pattern as Apache's TopicRegexResolver does. Each line is a pattern and names in JSON; the
 * answer is a line with the names that match, or with what is wrong with the pattern.
 */
public final class RegexOracle {
    public static void main(String[] args) throws Exception {
        Questions.serve(RegexOracle::answer);
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
