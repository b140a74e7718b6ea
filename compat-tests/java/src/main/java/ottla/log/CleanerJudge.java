package ottla.log;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ScheduledFuture;
import java.util.function.Supplier;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.util.Scheduler;
import org.apache.kafka.storage.internals.log.Cleaner;
import org.apache.kafka.storage.internals.log.CleanerStats;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.LogToClean;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.SkimpyOffsetMap;
import org.apache.kafka.storage.internals.log.UnifiedLog;
import org.apache.kafka.storage.internals.utils.Throttler;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;
import ottla.Questions;

/**
 * Compacts logs with Apache's own cleaner. Each line asks for one cleaning, in JSON: the partition's directory, which was closed
 * in order, the time that the cleaner is to believe in, the memory of its offset map, the first dirty offset and the topic's
 * settings. The answer is a line with the offset where it ended, and the records and bytes that it read and wrote.
 */
public final class CleanerJudge {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final int FIVE_MINUTES_MS = 300_000;
    private static final int BUFFER_BYTES = 1 << 20;
    private static final double LOAD_FACTOR = 0.9;

    public static void main(String[] args) throws Exception {
        Questions.serve(CleanerJudge::clean);
    }

    private static Map<String, Object> clean(JsonNode ask) throws Exception {
        Time time = new StoppedClock(ask.get("nowMs").asLong());
        LogConfig config = new LogConfig(MAPPER.convertValue(ask.get("settings"), Map.class));
        UnifiedLog log = UnifiedLog.create(new File(ask.get("directory").asText()), config, 0, 0, new NoScheduler(), new BrokerTopicStats(), time,
            FIVE_MINUTES_MS, new ProducerStateManagerConfig(Integer.MAX_VALUE, false), FIVE_MINUTES_MS, new LogDirFailureChannel(1), true, Optional.empty());
        log.updateHighWatermark(log.logEndOffset());
        Cleaner cleaner = new Cleaner(0, new SkimpyOffsetMap(ask.get("mapBytes").asInt()), BUFFER_BYTES, BUFFER_BYTES, LOAD_FACTOR,
            new Throttler(Double.MAX_VALUE, Long.MAX_VALUE, "cleaner-io", "bytes", time), time, partition -> { });
        LogToClean whole = new LogToClean(log, ask.get("firstDirty").asLong(), log.activeSegment().baseOffset(), false);
        Map.Entry<Long, CleanerStats> done = cleaner.doClean(whole, time.milliseconds());
        log.close();
        CleanerStats stats = done.getValue();
        return Map.of("endOffset", done.getKey(), "messagesRead", stats.messagesRead(), "messagesWritten", stats.messagesWritten(),
            "bytesRead", stats.bytesRead(), "bytesWritten", stats.bytesWritten(), "invalidMessages", stats.invalidMessagesRead());
    }

    /** Files that wait for their removal stay. */
    private static final class NoScheduler implements Scheduler {
        @Override
        public void startup() { }

        @Override
        public void shutdown() { }

        @Override
        public ScheduledFuture<?> schedule(String name, Runnable task, long delayMs, long periodMs) {
            return (ScheduledFuture<?>) Proxy.newProxyInstance(CleanerJudge.class.getClassLoader(), new Class<?>[] {ScheduledFuture.class},
                (proxy, method, arguments) -> method.getReturnType() == boolean.class ? false : null);
        }

        @Override
        public void resizeThreadPool(int newSize) { }
    }

    /** A wall clock that stands still. */
    private record StoppedClock(long milliseconds) implements Time {
        @Override
        public long nanoseconds() {
            return System.nanoTime();
        }

        @Override
        public void sleep(long ms) {
            Time.SYSTEM.sleep(ms);
        }

        @Override
        public void waitObject(Object object, Supplier<Boolean> condition, long deadlineMs) throws InterruptedException {
            Time.SYSTEM.waitObject(object, condition, deadlineMs);
        }
    }
}
