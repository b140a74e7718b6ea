package ottla.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.StringReader;
import java.lang.reflect.Proxy;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import kafka.server.ConfigHelper;
import kafka.server.KafkaConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.message.DescribeConfigsRequestData.DescribeConfigsResource;
import org.apache.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsResourceResult;
import org.apache.kafka.common.message.DescribeConfigsResponseData.DescribeConfigsSynonym;
import org.apache.kafka.coordinator.group.GroupConfig;
import org.apache.kafka.metadata.ConfigRepository;
import org.apache.kafka.metadata.MetadataCache;
import org.apache.kafka.server.config.AbstractKafkaConfig;
import org.apache.kafka.server.config.DynamicBrokerConfig;
import org.apache.kafka.server.config.QuotaConfig;
import org.apache.kafka.server.metrics.ClientMetricsConfigs;
import org.apache.kafka.storage.internals.log.LogConfig;
import ottla.Questions;

/** Says what Apache's own classes make of settings. Reads lines of JSON, answers each with one line of JSON, in order. */
public final class ConfigOracle {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, ConfigDef> DEFINITIONS = Map.of(
        "broker", AbstractKafkaConfig.CONFIG_DEF,
        "quota", QuotaConfig.brokerQuotaConfigs(),
        "topic", LogConfig.configDefCopy(),
        "group", GroupConfig.CONFIG_DEF,
        "client-metrics", ClientMetricsConfigs.configDef());

    public static void main(String[] arguments) throws Exception {
        Questions.serve(question -> {
            try {
                return answer(question);
            } catch (Exception e) {
                return JSON.createObjectNode().put("error", e.getMessage());
            }
        });
    }

    private static JsonNode answer(JsonNode question) throws Exception {
        return switch (question.get("ask").asText()) {
            case "table" -> table(question.get("kind").asText());
            case "value" -> value(question);
            case "properties" -> properties(question.get("text").asText());
            case "validate" -> validate(question);
            case "describe" -> describe(question);
            default -> throw new IllegalArgumentException("unknown question");
        };
    }

    private static JsonNode table(String kind) {
        Map<String, String> modes = DynamicBrokerConfig.dynamicConfigUpdateModes();
        boolean ofNode = kind.equals("broker") || kind.equals("quota");
        ArrayNode rows = JSON.createArrayNode();
        for (ConfigDef.ConfigKey key : DEFINITIONS.get(kind).configKeys().values()) {
            ObjectNode row = rows.addObject();
            row.put("name", key.name);
            row.put("type", key.type.name().toLowerCase());
            row.put("required", !key.hasDefault());
            row.put("default", key.hasDefault() ? ConfigDef.convertToString(key.defaultValue, key.type) : null);
            row.put("valid", key.validator == null ? "" : key.validator.toString());
            row.put("importance", key.importance.name().toLowerCase());
            row.put("update", ofNode ? modes.getOrDefault(key.name, "read-only") : "read-only");
            row.put("internal", key.internalConfig);
        }
        return rows;
    }

    /** The value as it prints, or the fault, of one setting among those of its kind. */
    private static JsonNode value(JsonNode question) {
        String name = question.get("name").asText();
        ConfigDef.ConfigKey key = DEFINITIONS.get(question.get("kind").asText()).configKeys().get(name);
        ConfigDef alone = new ConfigDef().define(key);
        Object parsed = alone.parse(Map.of(name, question.get("text").asText())).get(name);
        Object plain = parsed instanceof org.apache.kafka.common.config.types.Password password ? password.value() : parsed;
        return JSON.createObjectNode().put("text", ConfigDef.convertToString(plain, plain instanceof String ? null : key.type));
    }

    private static JsonNode properties(String text) throws Exception {
        Properties properties = new Properties();
        properties.load(new StringReader(text));
        ObjectNode entries = JSON.createObjectNode();
        properties.stringPropertyNames().stream().sorted().forEach(name -> entries.put(name, properties.getProperty(name)));
        return JSON.createObjectNode().set("entries", entries);
    }

    private static JsonNode validate(JsonNode question) {
        KafkaConfig node = node(question);
        Map<String, String> own = texts(question.get("own"));
        switch (question.get("kind").asText()) {
            case "topic" -> LogConfig.validate(Map.of(), own, node.extractLogConfigMap(), node.remoteLogManagerConfig().isRemoteStorageSystemEnabled());
            case "group" -> GroupConfig.validate(own, node.groupCoordinatorConfig(), node.shareGroupConfig());
            case "client-metrics" -> ClientMetricsConfigs.validate("s", own);
            case "broker" -> {
                node.dynamicConfig().initialize(scala.Option.empty());
                node.dynamicConfig().validate(asProperties(own), question.get("perBroker").asBoolean());
            }
            default -> throw new IllegalArgumentException("unknown kind");
        }
        return JSON.createObjectNode().put("accepted", true);
    }

    /** What a broker with these settings, changed like that, answers to DescribeConfigs. */
    private static JsonNode describe(JsonNode question) {
        KafkaConfig node = node(question);
        node.dynamicConfig().initialize(scala.Option.empty());
        node.dynamicConfig().updateDefaultConfig(asProperties(texts(question.get("clusterWide"))), false);
        node.dynamicConfig().updateBrokerConfig(node.nodeId(), asProperties(texts(question.get("perBroker"))), false);
        Properties own = asProperties(texts(question.get("own")));
        ConfigRepository repository = resource -> own;
        MetadataCache cache = (MetadataCache) Proxy.newProxyInstance(ConfigOracle.class.getClassLoader(), new Class<?>[] {MetadataCache.class},
            (proxy, method, parameters) -> method.getName().equals("contains"));
        String kind = question.get("kind").asText();
        ConfigResource.Type type = switch (kind) {
            case "topic" -> ConfigResource.Type.TOPIC;
            case "group" -> ConfigResource.Type.GROUP;
            case "client-metrics" -> ConfigResource.Type.CLIENT_METRICS;
            default -> ConfigResource.Type.BROKER;
        };
        String name = kind.equals("cluster") ? "" : kind.equals("broker") ? String.valueOf(node.nodeId()) : "r";
        DescribeConfigsResource resource = new DescribeConfigsResource().setResourceType(type.id()).setResourceName(name).setConfigurationKeys(null);
        var results = new ConfigHelper(cache, node, repository)
            .describeConfigs(scala.jdk.javaapi.CollectionConverters.asScala(List.of(resource)).toList(), true, false);
        var result = results.head();
        if (result.errorCode() != 0) throw new IllegalStateException(result.errorMessage());
        ArrayNode entries = JSON.createArrayNode();
        for (DescribeConfigsResourceResult entry : result.configs()) {
            ObjectNode shown = entries.addObject();
            shown.put("name", entry.name()).put("value", entry.value()).put("readOnly", entry.readOnly()).put("configSource", entry.configSource());
            shown.put("isSensitive", entry.isSensitive()).put("configType", entry.configType());
            ArrayNode synonyms = shown.putArray("synonyms");
            for (DescribeConfigsSynonym synonym : entry.synonyms()) {
                synonyms.addObject().put("name", synonym.name()).put("value", synonym.value()).put("source", synonym.source());
            }
        }
        return entries;
    }

    private static KafkaConfig node(JsonNode question) {
        return new KafkaConfig(new HashMap<>(texts(question.get("node"))), false);
    }

    private static Map<String, String> texts(JsonNode object) {
        Map<String, String> map = new HashMap<>();
        if (object != null) object.fields().forEachRemaining(field -> map.put(field.getKey(), field.getValue().asText()));
        return map;
    }

    private static Properties asProperties(Map<String, String> map) {
        Properties properties = new Properties();
        properties.putAll(map);
        return properties;
    }
}
