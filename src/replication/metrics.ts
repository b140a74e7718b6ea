import type { ActiveProducer } from '../log/index.js';
import type { Partition } from './partition.js';

/** How the replicas of a node are; the names are Kafka's, of `kafka.server:type=ReplicaManager`. */
export interface ReplicaMetrics {
  /** Producers, idempotent and transactional ones, that partitions remember (`producer.id.expiration.ms`). */
  readonly ProducerIdCount: number;
  /**
   * Partitions led here whose oldest transaction got nothing for longer than any transaction may be open, by the timestamps of
   * its records: nobody is about to end it, and readers of committed records wait. `kafka-transactions.sh find-hanging` names them.
   */
  readonly PartitionsWithLateTransactionsCount: number;
}

/** Beyond `transaction.max.timeout.ms`: the time that a coordinator has to abort it. */
const LATE_MS = 5 * 60_000;

/** Counted at each call. No log wakes for it: of one that nobody has used since the start nothing is told. */
export function replicaMetrics(partitions: Iterable<Partition>, nowMs: number, maxTransactionTimeoutMs: number): ReplicaMetrics {
  let ProducerIdCount = 0;
  let PartitionsWithLateTransactionsCount = 0;
  for (const { log, leaderEpoch } of partitions) {
    if (log.isAsleep) continue;
    const producers = log.activeProducers();
    ProducerIdCount += producers.length;
    const lastMs = leaderEpoch === undefined ? undefined : oldestOpen(producers)?.lastTimestampMs;
    if (lastMs !== undefined && nowMs - lastMs > maxTransactionTimeoutMs + LATE_MS) PartitionsWithLateTransactionsCount++;
  }
  return { ProducerIdCount, PartitionsWithLateTransactionsCount };
}

/** Whose transaction began first of those that are open. */
function oldestOpen(producers: readonly ActiveProducer[]): ActiveProducer | undefined {
  let oldest: ActiveProducer | undefined;
  for (const producer of producers) {
    const { currentTxnStartOffset: start } = producer;
    if (start >= 0 && (oldest === undefined || start < oldest.currentTxnStartOffset)) oldest = producer;
  }
  return oldest;
}
