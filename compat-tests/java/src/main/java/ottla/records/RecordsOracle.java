package ottla.records;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.CorruptRecordException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.PrimitiveRef;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;
import org.apache.kafka.storage.internals.log.RecordValidationException;

/**
 * Says what Apache's own classes make of record batches. Reads lines, answers each with one line of JSON, in order.
 *
 * read TAB hex:      the batches in the bytes, each with its records, after checking their checksums.
 * write TAB json:    a batch that Apache builds, as hex.
 * validate TAB json: what a leader would answer to a Produce request with these records: an error code, and the batch
 *                    as it would be stored when there is none.
 */
public final class RecordsOracle {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final HexFormat HEX = HexFormat.of();
    private static final TopicPartition PARTITION = new TopicPartition("topic", 0);

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8), 1 << 16);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(answer(line.split("\t", 2)));
            if (!in.ready()) out.flush();
        }
        out.flush();
    }

    private static JsonNode answer(String[] question) {
        try {
            return switch (question[0]) {
                case "read" -> read(bytes(question[1]));
                case "write" -> write(MAPPER.readTree(question[1]));
                case "validate" -> validate(MAPPER.readTree(question[1]));
                default -> throw new IllegalArgumentException("no such question: " + question[0]);
            };
        } catch (Throwable failure) {
            return MAPPER.createObjectNode().put("failure", failure.toString());
        }
    }

    private static ByteBuffer bytes(String hex) {
        return ByteBuffer.wrap(HEX.parseHex(hex));
    }

    private static ArrayNode read(ByteBuffer bytes) {
        ArrayNode batches = MAPPER.createArrayNode();
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(bytes).batches()) {
            batch.ensureValid();
            ObjectNode node = batches.addObject();
            node.put("baseOffset", batch.baseOffset()).put("lastOffset", batch.lastOffset())
                .put("partitionLeaderEpoch", batch.partitionLeaderEpoch()).put("compression", batch.compressionType().name)
                .put("timestampType", batch.timestampType().name).put("maxTimestamp", batch.maxTimestamp())
                .put("producerId", batch.producerId()).put("producerEpoch", batch.producerEpoch())
                .put("baseSequence", batch.baseSequence()).put("lastSequence", batch.lastSequence())
                .put("isTransactional", batch.isTransactional()).put("isControl", batch.isControlBatch())
                .put("count", batch.countOrNull());
            ArrayNode records = node.putArray("records");
            for (Record record : batch) records.add(describe(record));
        }
        return batches;
    }

    private static ObjectNode describe(Record record) {
        ObjectNode node = MAPPER.createObjectNode().put("offset", record.offset()).put("timestamp", record.timestamp())
            .put("key", hex(record.key())).put("value", hex(record.value()));
        ArrayNode headers = node.putArray("headers");
        for (Header header : record.headers()) {
            headers.addObject().put("key", header.key()).put("value", header.value() == null ? null : HEX.formatHex(header.value()));
        }
        return node;
    }

    private static String hex(ByteBuffer field) {
        if (field == null) return null;
        byte[] copy = new byte[field.remaining()];
        field.duplicate().get(copy);
        return HEX.formatHex(copy);
    }

    private static JsonNode write(JsonNode wanted) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1024), RecordBatch.CURRENT_MAGIC_VALUE,
            compression(wanted.get("compression").asText(), wanted.get("level")), TimestampType.CREATE_TIME,
            wanted.get("baseOffset").asLong(), RecordBatch.NO_TIMESTAMP, wanted.get("producerId").asLong(),
            (short) wanted.get("producerEpoch").asInt(), wanted.get("baseSequence").asInt(),
            wanted.get("isTransactional").asBoolean(), false, wanted.get("partitionLeaderEpoch").asInt());
        for (JsonNode record : wanted.get("records")) {
            Header[] headers = new Header[record.get("headers").size()];
            for (int i = 0; i < headers.length; i++) {
                JsonNode header = record.get("headers").get(i);
                headers[i] = new RecordHeader(header.get("key").asText(), field(header.get("value")));
            }
            builder.append(record.get("timestamp").asLong(), field(record.get("key")), field(record.get("value")), headers);
        }
        return MAPPER.createObjectNode().put("hex", hex(builder.build().buffer()));
    }

    private static byte[] field(JsonNode hex) {
        return hex.isNull() ? null : HEX.parseHex(hex.asText());
    }

    private static Compression compression(String name, JsonNode level) {
        CompressionType type = CompressionType.forName(name);
        if (level == null || level.isNull()) return Compression.of(type).build();
        return switch (type) {
            case GZIP -> Compression.gzip().level(level.asInt()).build();
            case LZ4 -> Compression.lz4().level(level.asInt()).build();
            case ZSTD -> Compression.zstd().level(level.asInt()).build();
            default -> Compression.of(type).build();
        };
    }

    private static JsonNode validate(JsonNode question) {
        try {
            return MAPPER.createObjectNode().put("errorCode", 0).put("hex", hex(stored(question).buffer()));
        } catch (RecordValidationException failure) {
            ObjectNode node = MAPPER.createObjectNode().put("errorCode", Errors.forException(failure.invalidException()).code());
            ArrayNode indexes = node.putArray("recordErrors");
            failure.recordErrors().forEach(error -> indexes.add(error.batchIndex));
            return node;
        } catch (RuntimeException failure) {
            return MAPPER.createObjectNode().put("errorCode", Errors.forException(failure).code()).put("message", failure.toString());
        }
    }

    /** The way of a client's records from ProduceRequest to the log, as far as it judges them. */
    private static MemoryRecords stored(JsonNode question) {
        short version = (short) question.get("produceVersion").asInt();
        MemoryRecords records = MemoryRecords.readableRecords(bytes(question.get("hex").asText()));
        ProduceRequest.validateRecords(version, records);
        CompressionType source = CompressionType.NONE;
        int validBytes = 0;
        for (MutableRecordBatch batch : records.batches()) {
            if (batch.baseOffset() != 0) throw new InvalidRecordException("base offset is " + batch.baseOffset());
            if (batch.sizeInBytes() > question.get("maxMessageBytes").asInt()) throw new RecordTooLargeException("" + batch.sizeInBytes());
            if (!batch.isValid()) throw new CorruptRecordException("checksum " + batch.checksum());
            source = batch.compressionType();
            validBytes += batch.sizeInBytes();
        }
        ByteBuffer trimmed = records.buffer().duplicate();
        trimmed.limit(validBytes);
        records = MemoryRecords.readableRecords(trimmed);
        String target = question.get("compressionType").asText();
        LogValidator validator = new LogValidator(records, PARTITION, clock(question.get("now").asLong()), source,
            target.equals("producer") ? Compression.of(source).build() : compression(target.equals("uncompressed") ? "none" : target, null),
            question.get("compact").asBoolean(), RecordBatch.CURRENT_MAGIC_VALUE, TimestampType.forName(question.get("timestampType").asText()),
            question.get("timestampBeforeMaxMs").asLong(), question.get("timestampAfterMaxMs").asLong(), 0, AppendOrigin.CLIENT);
        MemoryRecords stored = validator.validateMessagesAndAssignOffsets(PrimitiveRef.ofLong(0), new Unmeasured(), BufferSupplier.NO_CACHING).validatedRecords();
        if (stored.sizeInBytes() > question.get("maxMessageBytes").asInt()) throw new RecordTooLargeException("stored " + stored.sizeInBytes());
        return stored;
    }

    private static Time clock(long nowMs) {
        return (Time) Proxy.newProxyInstance(Time.class.getClassLoader(), new Class<?>[] {Time.class},
            (proxy, method, arguments) -> method.getName().equals("milliseconds") ? nowMs : method.invoke(Time.SYSTEM, arguments));
    }

    private static final class Unmeasured implements LogValidator.MetricsRecorder {
        @Override public void recordInvalidMagic() {}
        @Override public void recordInvalidOffset() {}
        @Override public void recordInvalidSequence() {}
        @Override public void recordInvalidChecksums() {}
        @Override public void recordNoKeyCompactedTopic() {}
    }
}
