import type { LogSettings } from '../config/log-settings.js';
import type { DiskError } from '../env/index.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Uuid } from '../protocol/wire/types.js';
import type { TransactionalWriter, VerificationGuard } from './producers/verification.js';
import type { ReadBudget } from './reads/read-budget.js';

export type { TransactionalWriter, VerificationGuard };

/** Who appends, and under which rules. */
export interface AppendContext {
  readonly origin: 'client' | 'coordinator' | 'raft';
  /** Epoch that the leader stamps into the batches. */
  readonly leaderEpoch: number;
  /** The version of transactions by whose rules a marker is checked (0, 1, 2). */
  readonly transactionVersion?: number;
  /** Of transactional data that may begin a transaction here: what `startVerification` gave before its coordinator was asked. */
  readonly guard?: VerificationGuard | undefined;
}

export interface AppendResult {
  /** Offset of the first record; of the original append when `duplicate`. */
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** -1 unless the topic uses LogAppendTime; of a duplicate the largest timestamp of the original, as Kafka tells it. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** The batch was already in the log (KIP-98): nothing was written. */
  readonly duplicate: boolean;
}

/** Bytes of a log as they go to a client: whole batches, not to be changed. */
export interface LogRead {
  readonly buffers: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** Aborted transactions that touch what was read; present for read_committed. */
  readonly abortedTransactions?: readonly { producerId: number; firstOffset: number }[];
  /** Gives pooled memory back; to be called once the bytes are sent. */
  readonly release: () => void;
}

export interface ReadOptions {
  readonly maxBytes: number;
  /** Return the first batch even when it is larger than `maxBytes` (KIP-74). */
  readonly minOneBatch: boolean;
  /** Nothing at or beyond this offset: high watermark, last stable offset, or log end. */
  readonly limitOffset: number;
  readonly includeAborted?: boolean;
}

export interface TimestampAndOffset {
  readonly timestampMs: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

/**
 * One partition's log (`UnifiedLog` in Kafka). Appending is synchronous, into memory, and the turn's appends reach the page
 * cache in one write before the turn's answers leave; reading is synchronous where the bytes are in the tail cache and a promise
 * where they are not. Errors of the disk come as `DiskError`, faults in what was sent as `KafkaError`.
 *
 * After a start a log sleeps until it is used. What is said to wake it may read its directory within the turn, the first time, and
 * throws `LogBeingCheckedError` while that must be looked through first; of a log without a record most know all without waking.
 */
export interface PartitionLog {
  // These never wake it.
  readonly topic: string;
  readonly partition: number;
  readonly topicId: Uuid;
  /** Made and never written to, by a process that ended before it could say for which topic: it may be anybody's. */
  readonly isUnused: boolean;
  /** Nothing of it was used since the start. */
  readonly isAsleep: boolean;
  /** The log directory that it lies in, from its begin to its end. */
  readonly home: LogDir;
  /** The partition's own directory, in `home`. */
  readonly directory: string;
  /** Offset that the next record gets. */
  readonly logEndOffset: number;
  /**
   * Exclusive end of what is as safe as the settings ask, which Apache Kafka has at the end of each append: what this replica counts
   * as its own towards the high watermark, and acknowledges. It is `logEndOffset` unless something is waited for (`SafeEnd`), and
   * falls back only for a duplicate that is in the log and not on the disk.
   */
  readonly safeEndOffset: number;
  /** Exclusive end of what is committed; the owner of the partition moves it, never back below `logStartOffset`. */
  readonly highWatermark: number;
  /** All below it is durable. */
  readonly recoveryPoint: number;
  /** The disk failed it: of what was appended last nobody knows whether it is there, and nothing is appended or read any more. */
  readonly failure: DiskError | undefined;
  readonly settings: LogSettings;
  /** Of all segments. */
  readonly sizeBytes: number;

  // These wake it.
  readonly logStartOffset: number;
  /** min(high watermark, first offset of the oldest open transaction). */
  readonly lastStableOffset: number;
  readonly latestEpoch: number | undefined;
  readonly segmentCount: number;

  /**
   * Asked before the coordinator of a transaction is: the guard that an append has to bring then, or undefined when the
   * transaction has written here already and nobody need be asked (KIP-890). @throws KafkaError INVALID_PRODUCER_EPOCH.
   */
  startVerification(writer: TransactionalWriter): VerificationGuard | undefined;
  /** Appends validated batches: assigns offsets, stamps the epoch in place, checks producers. */
  appendAsLeader(batches: Uint8Array, context: AppendContext): AppendResult;
  /**
   * Appends batches that carry their offsets and epochs already (a follower's fetch, a raft follower); a cut-off one at the end
   * is left out, and so is all from the first batch on whose epoch is beyond `leaderEpoch` (KAFKA-18723). Throws
   * `UnexpectedAppendOffsetError` when they begin before the end of the log.
   */
  appendAsFollower(batches: Uint8Array, leaderEpoch?: number): { lastOffset: number };
  /** Brings what was appended to the system now, instead of with the turn's end (`TurnWrites`): all that is below `safeEndOffset`. */
  write(): void;
  read(offset: number, options: ReadOptions): LogRead | Promise<LogRead>;
  /**
   * A count of bytes that grows with the log: from what it says for two offsets, how much lies between them. undefined when that
   * could not be told without the disk.
   */
  bytesBefore(offset: number): number | undefined;
  /** Moves the start forward (DeleteRecords, retention); OFFSET_OUT_OF_RANGE beyond the high watermark. */
  incrementLogStartOffset(offset: number, reason: string): boolean;
  /** First record at or after a timestamp; undefined when there is none. */
  offsetForTimestamp(timestampMs: number): Promise<TimestampAndOffset | undefined>;
  /** Record with the largest timestamp (ListOffsets -3). */
  offsetOfMaxTimestamp(): Promise<TimestampAndOffset | undefined>;
  /** Epoch that covers the request and the exclusive end of it (OffsetForLeaderEpoch); -1, -1 when unknown. */
  endOffsetForEpoch(epoch: number): { leaderEpoch: number; endOffset: number };
  /** Epoch of the batch at an offset, undefined when unknown. */
  epochForOffset(offset: number): number | undefined;
  truncateTo(offset: number): Promise<void>;
  truncateFullyAndStartAt(offset: number): Promise<void>;
  /** Producers with state here, for DescribeProducers. */
  activeProducers(): readonly ActiveProducer[];
  /** Begins a new segment, when the active one holds anything. */
  roll(): void;
  /**
   * Deletes segments that retention by time, by size or the start offset lets go; how many. Never beyond the high watermark. Where
   * there are none, a log that slept sleeps on.
   */
  applyRetention(nowMs: number): number;

  // These never wake it: what they tell is kept until it wakes, or there is nothing to do.
  updateHighWatermark(offset: number): void;
  assignEpochStart(epoch: number, startOffset: number): void;
  updateSettings(settings: LogSettings): void;
  removeExpiredProducers(nowMs: number): void;
  /** Makes all below `offset` (default: the end) durable; at most one fdatasync in flight, arrivals share the next. */
  flush(offset?: number): Promise<void>;
  /**
   * Called when `safeEndOffset` has moved, other than by an append; when it never will, since the log has failed; and after a check
   * (`LogBeingCheckedError`), which may find the log longer or shorter than its checkpoints had it.
   */
  onSafeEndMoved: () => void;
  /** Makes all durable and lets go of files: the next open finds the log clean. A check that is under way is brought to its end. */
  close(): Promise<void>;
}

/** A log that was changed while nobody owned it is looked through before its first use; clients hear NOT_LEADER_OR_FOLLOWER meanwhile. */
export class LogBeingCheckedError extends KafkaError {
  constructor(
    log: string,
    /** Resolves when the check is over, however it ends. */
    readonly checked: Promise<void>,
  ) {
    super(ErrorCode.NOT_LEADER_OR_FOLLOWER, `The log of ${log} is being checked, since it was changed while it was closed`);
  }
}

/** Batches for a follower begin before the end of its log; an empty log may start over at `firstOffset`. */
export class UnexpectedAppendOffsetError extends Error {
  override readonly name = 'UnexpectedAppendOffsetError';
  constructor(
    readonly firstOffset: number,
    readonly lastOffset: number,
    logEndOffset: number,
  ) {
    super(`Batches from offset ${firstOffset} to ${lastOffset} do not follow a log that ends at ${logEndOffset}`);
  }
}

export interface ActiveProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestampMs: number;
  readonly coordinatorEpoch: number;
  readonly currentTxnStartOffset: number;
}

/** All logs of a node. */
export interface LogManager {
  readonly logDirs: readonly LogDir[];
  /** Bounds what reads of all logs may hold. */
  readonly readBudget: ReadBudget;
  /** The broker epoch of the last owner, when it stopped in order (KIP-966). */
  readonly previousBrokerEpoch: number | undefined;
  get(topic: string, partition: number): PartitionLog | undefined;
  all(): Iterable<PartitionLog>;
  /** Whether a directory is to get no new partitions (`cordoned.log.dirs`). */
  isCordoned(directory: LogDir): boolean;
  /**
   * Finds the log, or creates it in the directory of that id, else in the one with the fewest; either has `settings` from now on.
   * INCONSISTENT_TOPIC_ID when another topic of that name is here: it is to be set aside first. A log that was found with
   * `ZERO_UUID` for a topic id and without records, since its maker was stopped before the first, takes the id.
   * KAFKA_STORAGE_ERROR when no directory can hold it, or when an id is given and the log may lie in a directory that is offline;
   * without an id nobody has placed it yet.
   */
  getOrCreate(topic: string, partition: number, topicId: Uuid, settings: LogSettings, directoryId?: Uuid): PartitionLog;
  readonly futures: FutureLogs;
  /** Where a partition that is not here yet shall be created, before any other consideration (KIP-113). */
  preferDirectory(topic: string, partition: number, path: string): void;
  /** Renames to `-delete` at once, with the copy if one is made, and removes the files after the node's `log.segment.delete.delay.ms`. */
  delete(topic: string, partition: number): void;
  /** Sets a log aside whose name another topic has by now: renamed to `-stray`, never removed. */
  markStray(topic: string, partition: number): void;
  /**
   * Flushes, sets checkpoints, writes the clean-shutdown marker, releases the locks. A directory whose logs were not all opened,
   * since the start failed before, is only released: checkpoints and marker stay as they were found.
   */
  close(options: { brokerEpoch: number }): Promise<void>;
}

/** Copies of partitions that are being made in another directory, to take the place of their logs (KIP-113). */
export interface FutureLogs {
  get(topic: string, partition: number): FutureLog | undefined;
  all(): Iterable<FutureLog>;
  /** A usable directory of the node: LOG_DIR_NOT_FOUND, KAFKA_STORAGE_ERROR. */
  directoryAt(path: string): LogDir;
  /** Begins a copy of a partition that is here, in the directory `path`; KAFKA_STORAGE_ERROR while any directory is offline. */
  create(topic: string, partition: number, path: string): FutureLog;
  /** Gives a copy up, if there is one; its files are removed after the node's `log.segment.delete.delay.ms`. */
  remove(topic: string, partition: number): void;
}

export interface FutureLog {
  readonly log: PartitionLog;
  readonly directory: LogDir;
  /** Copies up to so many bytes, a batch at least; how many, and 0 when nothing is missing now. */
  copy(maxBytes: number): Promise<number>;
  /**
   * Copies what is missing, makes all durable, and takes the log's place within this turn: `LogManager.get` finds it from now on.
   * undefined when too much is missing for that. `isAssigned`, which is so by default: the controller knows that the log is to be
   * in the copy's directory; otherwise Apache Kafka would not find it there, should the power fail meanwhile.
   */
  replaceLog(how?: { readonly isAssigned: boolean }): PartitionLog | undefined;
}

export interface LogDir {
  readonly path: string;
  /** From its `meta.properties`; `ZERO_UUID` when that could not be read. */
  readonly id: Uuid;
  /** Why it can no longer be used; undefined while it can. */
  readonly error: string | undefined;
}
