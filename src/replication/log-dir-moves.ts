import { DiskError, type Clock, type Logger } from '../env/index.js';
import { MAX_NAME_LENGTH, LogBeingCheckedError, partitionDirectoryAside, type FutureLog, type LogManager } from '../log/index.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Uuid } from '../protocol/wire/types.js';
import type { Partition } from './partition.js';
import type { ReplicaManager } from './replica-manager.js';

export interface LogDirMovesOptions {
  readonly logManager: LogManager;
  readonly replicas: Pick<ReplicaManager, 'get' | 'isOffline' | 'all'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `replica.alter.log.dirs.io.max.bytes.per.second` as it is now. */
  readonly bytesPerSecond: () => number;
  /** Moves that go on side by side (`num.replica.alter.log.dirs.threads`). */
  readonly atOnce: number;
  /** Tells the controller in which directory a replica lies, and calls back when it has taken that. */
  readonly assign: (topicId: Uuid, index: number, directoryId: Uuid, accepted?: () => void) => void;
  /** The controller keeps account of directories (KIP-858); otherwise it takes all that it is told at once, and forgets it. */
  readonly keepsAssignments: () => boolean;
}

/** A partition as an AlterReplicaLogDirs names it; without an id when the cluster does not know it. */
export interface PartitionToMove {
  readonly topic: string;
  readonly index: number;
  readonly topicId: Uuid | undefined;
}

/** What is read and written at once, the loop waiting for the write. */
const CHUNK_BYTES = 256 << 10;
/** While little or nothing may be copied, the setting is looked at again this often. */
const STANDSTILL_MS = 1000;
const ANY_ID = '0'.repeat(32);

interface Move {
  readonly partition: Partition;
  readonly future: FutureLog;
  /** Where the replica was when the move began. */
  readonly fromId: Uuid;
  /** The controller may believe that the replica lies in the new directory already. */
  isAssigned: boolean;
  /** It does not merely believe so: it keeps account of it. */
  isKept: boolean;
  stopped: boolean;
  /** Ends a wait. */
  wake: () => void;
}

/**
 * Moves partitions between log directories (KIP-113, KIP-858, Kafka's `ReplicaAlterLogDirsManager`): each is copied while its log
 * serves on; when the copy holds all, the controller is told of the new directory, and when it has taken that, the copy takes
 * the log's place. A move outlasts the process; one that fails stays where it is until the next start, or until it is asked for
 * again.
 */
export class LogDirMoves {
  readonly #moves = new Map<Partition, Move>();
  readonly #queue: Move[] = [];
  #active = 0;
  /** Bytes that were copied ahead of the rate, and when that was last reckoned. */
  #owedBytes = 0;
  #reckonedAtMs = 0;
  #closed = false;

  constructor(private readonly options: LogDirMovesOptions) {}

  /** Goes on with the copies that were found at the start. */
  resume(): void {
    for (const partition of this.options.replicas.all()) {
      const future = this.options.logManager.futures.get(partition.topic, partition.index);
      if (future !== undefined) this.#begin(partition, future);
    }
  }

  /** Moves a partition to the directory `path`, or back when that is where it is; the error code (`ReplicaManager.alterReplicaLogDirs`). */
  alter(asked: PartitionToMove, path: string): number {
    try {
      this.#alter(asked, path);
      return ErrorCode.NONE;
    } catch (error) {
      if (!(error instanceof KafkaError) && !(error instanceof DiskError)) throw error;
      this.options.logger.warn('a partition is not moved to another log directory', { topic: asked.topic, partition: asked.index, path, reason: error.message });
      return error instanceof KafkaError ? error.errorCode : ErrorCode.KAFKA_STORAGE_ERROR;
    }
  }

  /** Whether the metadata may say that a replica lies where it is still being moved to. */
  isMovingTo(partition: Partition, directoryId: Uuid | undefined): boolean {
    const move = this.#moves.get(partition);
    return move !== undefined && move.isAssigned && move.future.directory.id === directoryId;
  }

  /** Partitions whose log or copy was in a directory that failed move no more. */
  directoryFailed(): void {
    for (const move of this.#moves.values()) {
      if (!this.#isWhole(move)) this.#stop(move);
    }
  }

  /** Both the log and the copy are at hand. */
  #isWhole({ partition: { topic, index }, future }: Move): boolean {
    const { logManager } = this.options;
    return logManager.get(topic, index) !== undefined && logManager.futures.get(topic, index) === future;
  }

  close(): void {
    this.#closed = true;
    for (const move of this.#moves.values()) {
      move.stopped = true;
      move.wake();
    }
    this.#moves.clear();
  }

  #alter({ topic, index, topicId }: PartitionToMove, path: string): void {
    const { logManager, replicas } = this.options;
    const { futures } = logManager;
    if (partitionDirectoryAside(topic, index, ANY_ID, '-future').length > MAX_NAME_LENGTH) {
      throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, 'the name of the topic is too long for the directory of a copy');
    }
    if (logManager.isCordoned(futures.directoryAt(path))) throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `${path} is cordoned`);
    if (topicId !== undefined && replicas.isOffline(topicId, index)) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `${topic}-${index} is offline`);
    const partition = topicId === undefined ? undefined : replicas.get(topicId, index);
    if (partition === undefined) {
      logManager.preferDirectory(topic, index, path);
      const code = topicId === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.REPLICA_NOT_AVAILABLE;
      throw new KafkaError(code, `${topic}-${index} is not here yet; it will be made there`);
    }
    const begun = futures.get(topic, index);
    if (begun !== undefined && begun.directory.path !== path) this.#cancel(partition);
    if (partition.log.home.path === path) return;
    this.#begin(partition, futures.get(topic, index) ?? futures.create(topic, index, path));
  }

  #begin(partition: Partition, future: FutureLog): void {
    if (this.#closed || this.#moves.has(partition)) return;
    const fromId = partition.log.home.id;
    const move: Move = { partition, future, fromId, isAssigned: false, isKept: false, stopped: false, wake: () => {} };
    this.#moves.set(partition, move);
    this.#queue.push(move);
    this.#startNext();
  }

  #cancel(partition: Partition): void {
    const move = this.#moves.get(partition);
    if (move !== undefined) this.#stop(move);
    this.options.logManager.futures.remove(partition.topic, partition.index);
  }

  #stop(move: Move): void {
    move.stopped = true;
    move.wake();
    this.#moves.delete(move.partition);
    const { topicId, index } = move.partition;
    if (move.isAssigned) this.options.assign(topicId, index, move.fromId);
  }

  #startNext(): void {
    while (this.#active < this.options.atOnce) {
      const move = this.#queue.shift();
      if (move === undefined) return;
      if (move.stopped) continue;
      this.#active++;
      void this.#run(move).finally(() => {
        this.#active--;
        this.#startNext();
      });
    }
  }

  async #run(move: Move): Promise<void> {
    const { partition: { topic, index }, future } = move;
    const { logger } = this.options;
    try {
      logger.info('a partition is being copied to another log directory', { topic, partition: index, path: future.directory.path });
      if (await this.#finish(move)) logger.info('a partition has moved to another log directory', { topic, partition: index, path: future.directory.path });
    } catch (error) {
      if (move.stopped) return;
      const isWhole = this.#isWhole(move);
      if (isWhole && error instanceof LogBeingCheckedError) {
        await error.checked;
        if (!move.stopped) await this.#run(move);
        return;
      }
      // Otherwise its topic is gone, and its copy with it.
      if (isWhole) logger.error('a partition could not be moved; it is tried again after the next start', { topic, partition: index, path: future.directory.path, error });
      this.#stop(move);
    }
  }

  /** true when the copy has taken the log's place, false when the move was stopped before. */
  async #finish(move: Move): Promise<boolean> {
    await this.#copyAll(move);
    if (!move.stopped) await this.#tellController(move);
    for (;;) {
      await this.#copyAll(move);
      if (move.stopped) return false;
      // Most of it off the loop, so that what is left for the turn of the replacement is little.
      await move.future.log.flush();
      if (move.stopped) return false;
      const log = move.future.replaceLog({ isAssigned: move.isKept });
      if (log === undefined) continue;
      this.#moves.delete(move.partition);
      move.partition.replaceLog(log);
      return true;
    }
  }

  async #copyAll(move: Move): Promise<void> {
    while (!move.stopped) {
      const copied = await move.future.copy(CHUNK_BYTES);
      if (copied === 0) return;
      await this.#pay(move, copied);
    }
  }

  /** Waits until so many bytes are paid for; a turn of the loop in any case, which is not only for copying. */
  async #pay(move: Move, bytes: number): Promise<void> {
    this.#reckon();
    this.#owedBytes += bytes;
    do {
      const leftMs = Math.ceil((this.#owedBytes * 1000) / this.options.bytesPerSecond());
      await this.#wait(move, Math.min(Math.max(leftMs, 1), STANDSTILL_MS));
      this.#reckon();
    } while (!move.stopped && this.#owedBytes > 0);
  }

  #reckon(): void {
    const { clock, bytesPerSecond } = this.options;
    const nowMs = clock.monotonicMs();
    this.#owedBytes = Math.max(0, this.#owedBytes - ((nowMs - this.#reckonedAtMs) * bytesPerSecond()) / 1000);
    this.#reckonedAtMs = nowMs;
  }

  #wait(move: Move, delayMs: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.options.clock.after(delayMs, resolve);
      move.wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #tellController(move: Move): Promise<void> {
    const { topicId, index } = move.partition;
    return new Promise(resolve => {
      move.wake = resolve;
      move.isAssigned = true;
      move.isKept = this.options.keepsAssignments();
      this.options.assign(topicId, index, move.future.directory.id, resolve);
    });
  }
}
