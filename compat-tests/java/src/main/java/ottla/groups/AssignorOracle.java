package ottla.groups;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.ConsumerGroupPartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.GroupAssignment;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;
import ottla.Questions;

/**
 * Assigns partitions with Apache's own assignors. Each line is a question in JSON: the assignor's name, whether all subscriptions
 * are the same, the partition count by topic id, and the members in their order, each with its id, instance id, rack id, topics and
 * what it has. The answer is a line: partitions by topic id by member id.
 */
public final class AssignorOracle {
    public static void main(String[] args) throws Exception {
        Questions.serve(AssignorOracle::answer);
    }

    private static Map<String, Map<String, Set<Integer>>> answer(JsonNode question) {
        Map<String, MemberSubscriptionAndAssignmentImpl> members = new LinkedHashMap<>();
        Map<Uuid, Map<Integer, String>> owners = new HashMap<>();
        for (JsonNode member : question.get("members")) {
            String memberId = member.get("memberId").asText();
            Set<Uuid> topicIds = new LinkedHashSet<>();
            member.get("topics").forEach(topicId -> topicIds.add(Uuid.fromString(topicId.asText())));
            Map<Uuid, Set<Integer>> assigned = assigned(member.get("assigned"));
            assigned.forEach((topicId, partitions) -> partitions.forEach(partition ->
                owners.computeIfAbsent(topicId, __ -> new HashMap<>()).put(partition, memberId)));
            members.put(memberId, new MemberSubscriptionAndAssignmentImpl(text(member.get("rackId")), text(member.get("instanceId")),
                topicIds, new Assignment(assigned)));
        }
        SubscriptionType type = question.get("isHomogeneous").asBoolean() ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS;
        GroupAssignment assignment = assignor(question.get("assignor").asText())
            .assign(new GroupSpecImpl(members, type, owners), describer(question.get("partitionCounts")));
        Map<String, Map<String, Set<Integer>>> plain = new TreeMap<>();
        assignment.members().forEach((memberId, member) -> {
            Map<String, Set<Integer>> topics = new TreeMap<>();
            member.partitions().forEach((topicId, partitions) -> topics.put(topicId.toString(), new TreeSet<>(partitions)));
            plain.put(memberId, topics);
        });
        return plain;
    }

    private static ConsumerGroupPartitionAssignor assignor(String name) {
        return name.equals(RangeAssignor.NAME) ? new RangeAssignor() : new UniformAssignor();
    }

    private static Optional<String> text(JsonNode node) {
        return node.isNull() ? Optional.empty() : Optional.of(node.asText());
    }

    private static Map<Uuid, Set<Integer>> assigned(JsonNode topics) {
        Map<Uuid, Set<Integer>> assigned = new LinkedHashMap<>();
        topics.fields().forEachRemaining(topic -> {
            Set<Integer> partitions = new LinkedHashSet<>();
            topic.getValue().forEach(partition -> partitions.add(partition.asInt()));
            assigned.put(Uuid.fromString(topic.getKey()), partitions);
        });
        return assigned;
    }

    private static SubscribedTopicDescriber describer(JsonNode partitionCounts) {
        return new SubscribedTopicDescriber() {
            @Override
            public int numPartitions(Uuid topicId) {
                JsonNode count = partitionCounts.get(topicId.toString());
                return count == null ? -1 : count.asInt();
            }

            @Override
            public Set<String> racksForPartition(Uuid topicId, int partition) {
                return Set.of();
            }
        };
    }
}
