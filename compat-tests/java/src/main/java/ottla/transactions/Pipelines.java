package ottla.transactions;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Members of a transactional pipeline with Apache's own clients; what they do and note down is told in compat-tests/soak-eos/pipeline.ts.
 * Its argument is their JSON.
 */
public final class Pipelines {
    private Pipelines() { }

    public static void main(String[] args) throws Exception {
        JsonNode all = new ObjectMapper().readTree(args[args.length - 1]);
        Journal journal = new Journal(all.get("journal").asText());
        List<Member> members = new ArrayList<>();
        for (JsonNode each : all.get("members")) {
            MemberArguments arguments = new MemberArguments(each, all.get("bootstrap").asText());
            members.add(each.get("role").asText().equals("feeder") ? new Feeder(arguments, journal) : new Copier(arguments, journal));
        }
        members.forEach(Thread::start);
        waitForEndOfInput();
        members.forEach(Member::end);
        for (Member member : members) member.join();
        System.exit(0);
    }

    private static void waitForEndOfInput() throws IOException {
        while (System.in.read() >= 0) { /* whoever started it says nothing */ }
    }
}
