package ottla.quotas;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.lang.reflect.Proxy;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import kafka.server.ClientRequestQuotaManager;
import org.apache.kafka.common.errors.ThrottlingQuotaExceededException;
import org.apache.kafka.common.metrics.MetricConfig;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.metrics.Quota;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.utils.Sanitizer;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.network.Session;
import org.apache.kafka.server.config.ClientQuotaManagerConfig;
import org.apache.kafka.server.quota.ClientQuotaEntity.ConfigEntity;
import org.apache.kafka.server.quota.ClientQuotaManager;
import org.apache.kafka.server.quota.ControllerMutationQuota;
import org.apache.kafka.server.quota.ControllerMutationQuotaManager;
import org.apache.kafka.server.quota.QuotaType;
import ottla.Questions;

/**
 * Says how long Apache's own quota managers hold clients back. Each line is one life of a broker: its windows and what happens,
 * step by step at given times; the answer is what each step gives.
 */
public final class QuotaOracle {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        Questions.serve(life -> new Life(life).answers());
    }

    private static final class Life {
        private final JsonNode steps;
        private final Map<String, ClientQuotaManager> managers;
        private final ControllerMutationQuotaManager mutations;
        private long nowMs;

        Life(JsonNode life) {
            steps = life.get("steps");
            Time time = (Time) Proxy.newProxyInstance(Life.class.getClassLoader(), new Class<?>[] {Time.class}, (proxy, method, args) -> switch (method.getName()) {
                case "milliseconds", "hiResClockMs" -> nowMs;
                case "nanoseconds" -> nowMs * 1_000_000;
                default -> throw new UnsupportedOperationException(method.getName());
            });
            Metrics metrics = new Metrics(new MetricConfig(), List.of(), time);
            ClientQuotaManagerConfig config = new ClientQuotaManagerConfig(life.get("samples").asInt(), life.get("windowSeconds").asInt());
            mutations = new ControllerMutationQuotaManager(config, metrics, time, "", Optional.empty());
            managers = Map.of(
                "producer_byte_rate", new ClientQuotaManager(config, metrics, QuotaType.PRODUCE, time, ""),
                "consumer_byte_rate", new ClientQuotaManager(config, metrics, QuotaType.FETCH, time, ""),
                "request_percentage", new ClientRequestQuotaManager(config, metrics, time, "", Optional.empty()),
                "controller_mutation_rate", mutations);
        }

        ArrayNode answers() throws Exception {
            ArrayNode answers = JSON.createArrayNode();
            for (JsonNode step : steps) {
                nowMs = step.get("atMs").asLong();
                answers.add(answer(step));
            }
            for (ClientQuotaManager manager : managers.values()) manager.shutdown();
            return answers;
        }

        private double answer(JsonNode step) throws Exception {
            ClientQuotaManager manager = managers.get(step.path("key").asText("controller_mutation_rate"));
            String kind = step.get("kind").asText();
            if (kind.equals("bound")) {
                JsonNode bound = step.get("bound");
                manager.updateQuota(user(step), client(step), bound.isNull() ? Optional.empty() : Optional.of(new Quota(bound.asDouble(), true)));
                return 0;
            }
            Session session = new Session(new KafkaPrincipal("User", step.get("user").asText()), InetAddress.getLoopbackAddress());
            String clientId = step.get("clientId").asText();
            return switch (kind) {
                case "record" -> manager.maybeRecordAndGetThrottleTimeMs(session, clientId, step.get("value").asDouble(), nowMs);
                case "time" -> manager.maybeRecordAndGetThrottleTimeMs(session, clientId, percentage(step), nowMs);
                case "time after" -> {
                    if (manager.quotasEnabled()) manager.recordNoThrottle(session, clientId, percentage(step));
                    yield 0;
                }
                case "unrecord" -> {
                    if (manager.quotasEnabled()) manager.unrecordQuotaSensor(session, clientId, step.get("value").asDouble(), nowMs);
                    yield 0;
                }
                case "room" -> Math.min(manager.maxValueInQuotaWindow(session, clientId), Integer.MAX_VALUE);
                case "strict" -> mutate(mutations.newStrictQuotaFor(session, clientId), step);
                case "permissive" -> mutate(mutations.newPermissiveQuotaFor(session, clientId), step);
                default -> throw new IllegalArgumentException(kind);
            };
        }

        /** As of a thread that spent so many nanoseconds. */
        private static double percentage(JsonNode step) {
            return step.get("nanos").asLong() * (100.0 / 1_000_000_000L);
        }

        /** Of what is refused the throttle time below zero. */
        private static double mutate(ControllerMutationQuota quota, JsonNode step) {
            try {
                quota.record(step.get("value").asDouble());
                return quota.throttleTime();
            } catch (ThrottlingQuotaExceededException e) {
                return -1 - quota.throttleTime();
            }
        }

        private static Optional<ConfigEntity> user(JsonNode step) {
            if (!step.has("user")) return Optional.empty();
            JsonNode name = step.get("user");
            return Optional.of(name.isNull() ? ClientQuotaManager.DEFAULT_USER_ENTITY : new ClientQuotaManager.UserEntity(Sanitizer.sanitize(name.asText())));
        }

        private static Optional<ConfigEntity> client(JsonNode step) {
            if (!step.has("clientId")) return Optional.empty();
            JsonNode name = step.get("clientId");
            return Optional.of(name.isNull() ? ClientQuotaManager.DEFAULT_USER_CLIENT_ID : new ClientQuotaManager.ClientIdEntity(name.asText()));
        }
    }
}
