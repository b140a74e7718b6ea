import { DiskError, type Cancel, type Clock } from '../env/index.js';
import type { LogRead } from '../log/index.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Int64, Uuid } from '../protocol/wire/types.js';
import type { Partition, Watcher } from './partition.js';

/** One partition as a consumer asks for it. */
export interface FetchPosition {
  readonly topicId: Uuid;
  readonly topic: string;
  readonly index: number;
  /** -1: do not check. */
  readonly currentLeaderEpoch: number;
  /** Epoch of the last record that the reader holds, -1 when it does not tell (KIP-595). */
  readonly lastFetchedEpoch: number;
  readonly fetchOffset: Int64;
  readonly maxBytes: number;
}

export interface FetchOptions {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly readCommitted: boolean;
}

export interface FetchOutcome {
  readonly position: FetchPosition;
  readonly errorCode: number;
  /** The three offsets are -1 where there is an error. */
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Present when the partition could be read, even if it gave nothing. */
  readonly read?: LogRead;
  /** The reader's log parts from ours here: it must truncate. */
  readonly divergingEpoch?: { epoch: number; endOffset: number };
}

/** Finds a partition on this node, or says why not (UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID). */
export type FindPartition = (position: FetchPosition) => Partition | number;

/** A fetch that may be parked. */
export interface PendingFetch {
  /** Nobody waits for it any more: `done` is not called. */
  abandon(): void;
  /** Answers with what there is, as if the time were over. */
  hurry(): void;
}

/**
 * Reads all positions and calls `done` when at least `minBytes` are there, something went wrong, or `maxWaitMs` has passed.
 * Whoever gets the outcomes calls `release` on each read once its bytes are sent. What nobody foresaw, now or later, even in
 * `done`, goes to `failed`.
 */
export function fetch(
  clock: Clock,
  find: FindPartition,
  positions: readonly FetchPosition[],
  options: FetchOptions,
  done: (outcomes: FetchOutcome[]) => void,
  failed: (error: unknown) => void,
): PendingFetch {
  const pending = new Fetch(clock, find, positions, options, done, failed);
  pending.attempt();
  return pending;
}

class Fetch implements Watcher, PendingFetch {
  #watched: Partition[] = [];
  #cancelTimer: Cancel | undefined;
  #rechecking = false;
  #timedOut = false;
  #finished = false;

  constructor(
    private readonly clock: Clock,
    private readonly find: FindPartition,
    private readonly positions: readonly FetchPosition[],
    private readonly options: FetchOptions,
    private readonly done: (outcomes: FetchOutcome[]) => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  attempt(): void {
    const pass = new ReadPass(this.find, this.positions, this.options);
    try {
      const cold = pass.run();
      if (cold === undefined) this.#judge(pass);
      else cold.then(() => this.#judge(pass)).catch((error: unknown) => this.#fail(error, pass));
    } catch (error) {
      this.#fail(error, pass);
    }
  }

  /** Appends of one turn wake a parked fetch once. */
  wake(): void {
    if (this.#rechecking || this.#finished) return;
    this.#rechecking = true;
    this.clock.endOfTurn(() => {
      this.#rechecking = false;
      if (!this.#finished) this.attempt();
    });
  }

  abandon(): void {
    this.#finish();
  }

  hurry(): void {
    this.#timedOut = true;
    if (!this.#finished) this.attempt();
  }

  #judge(pass: ReadPass): void {
    if (this.#finished) {
      pass.release();
      return;
    }
    const enough = pass.bytesRead >= this.options.minBytes || pass.mustAnswer || this.positions.length === 0;
    if (enough || this.options.maxWaitMs <= 0 || this.#timedOut) {
      this.#finish();
      this.done(pass.outcomes);
    } else {
      pass.release();
      this.#park();
    }
  }

  #park(): void {
    if (this.#cancelTimer !== undefined) return;
    this.#cancelTimer = this.clock.after(this.options.maxWaitMs, () => this.hurry());
    for (const position of this.positions) {
      const partition = this.find(position);
      if (typeof partition === 'number') continue;
      partition.watch(this);
      this.#watched.push(partition);
    }
    // What came between the read and the watch must not wait for the next append.
    this.wake();
  }

  #finish(): void {
    this.#finished = true;
    this.#cancelTimer?.();
    for (const partition of this.#watched) partition.unwatch(this);
    this.#watched = [];
  }

  #fail(error: unknown, pass: ReadPass): void {
    this.#finish();
    pass.release();
    this.failed(error);
  }
}

/** One walk over the positions; synchronous for as long as the logs answer from memory. */
class ReadPass {
  readonly outcomes: FetchOutcome[] = [];
  bytesRead = 0;
  /** An error or a divergence: the reader must hear of it now. */
  mustAnswer = false;

  constructor(
    private readonly find: FindPartition,
    private readonly positions: readonly FetchPosition[],
    private readonly options: FetchOptions,
  ) {}

  /** A promise when some read has to go to the disk. */
  run(from = 0): Promise<void> | undefined {
    for (let i = from; i < this.positions.length; i++) {
      const pending = this.#readOne(this.positions[i]!);
      if (pending !== undefined) return pending.then(() => this.run(i + 1));
    }
    return undefined;
  }

  release(): void {
    for (const outcome of this.outcomes) outcome.read?.release();
  }

  #readOne(position: FetchPosition): Promise<void> | undefined {
    const partition = this.find(position);
    if (typeof partition === 'number') return this.#refuse(position, partition);
    const fenced = partition.checkLeaderEpoch(Math.max(position.currentLeaderEpoch, -1));
    if (fenced !== ErrorCode.NONE) return this.#refuse(position, fenced);
    const { log } = partition;
    const { fetchOffset } = position;
    // Divergence first: a reader whose log is longer than ours hears where it parts, not that it is out of range.
    const divergingEpoch = divergence(partition, position);
    if (divergingEpoch === NO_SUCH_EPOCH) return this.#refuse(position, ErrorCode.OFFSET_OUT_OF_RANGE);
    if (divergingEpoch !== undefined) {
      this.mustAnswer = true;
      this.#add(position, partition, { divergingEpoch });
      return undefined;
    }
    if (typeof fetchOffset === 'bigint' || fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) {
      return this.#refuse(position, ErrorCode.OFFSET_OUT_OF_RANGE);
    }
    return this.#read(position, partition, fetchOffset);
  }

  #read(position: FetchPosition, partition: Partition, fetchOffset: number): Promise<void> | undefined {
    const { log } = partition;
    const budget = this.options.maxBytes - this.bytesRead;
    const first = this.bytesRead === 0;
    const limitOffset = this.options.readCommitted ? log.lastStableOffset : log.highWatermark;
    if ((budget <= 0 && !first) || fetchOffset >= limitOffset) {
      this.#add(position, partition, { read: NOTHING });
      return undefined;
    }
    try {
      const read = log.read(fetchOffset, {
        maxBytes: Math.min(position.maxBytes, Math.max(budget, 0)),
        minOneBatch: first,
        limitOffset,
        includeAborted: this.options.readCommitted,
      });
      if (!(read instanceof Promise)) {
        this.#add(position, partition, { read });
        return undefined;
      }
      return read.then(
        found => this.#add(position, partition, { read: found }),
        (error: unknown) => { this.#refuse(position, codeOf(error)); },
      );
    } catch (error) {
      return this.#refuse(position, codeOf(error));
    }
  }

  #add(position: FetchPosition, { log }: Partition, found: Pick<FetchOutcome, 'read' | 'divergingEpoch'>): void {
    this.bytesRead += found.read?.sizeBytes ?? 0;
    this.outcomes.push({
      position,
      errorCode: ErrorCode.NONE,
      highWatermark: log.highWatermark,
      lastStableOffset: log.lastStableOffset,
      logStartOffset: log.logStartOffset,
      ...found,
    });
  }

  #refuse(position: FetchPosition, errorCode: number): undefined {
    this.mustAnswer = true;
    this.outcomes.push({ position, errorCode, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 });
    return undefined;
  }
}

const NOTHING: LogRead = { buffers: [], sizeBytes: 0, release() {}, abortedTransactions: [] };

function codeOf(error: unknown): number {
  if (error instanceof KafkaError) return error.errorCode;
  if (error instanceof DiskError) return ErrorCode.KAFKA_STORAGE_ERROR;
  throw error;
}

/** The reader's last epoch is none that this log knows. */
const NO_SUCH_EPOCH = Symbol('no such epoch');

/** Where the reader's last epoch ended on our side, if that was before its position (KIP-595, KIP-320; `Partition.readRecords`). */
function divergence({ log }: Partition, { lastFetchedEpoch, fetchOffset }: FetchPosition): FetchOutcome['divergingEpoch'] | typeof NO_SUCH_EPOCH {
  if (lastFetchedEpoch < 0) return undefined;
  const { leaderEpoch, endOffset } = log.endOffsetForEpoch(lastFetchedEpoch);
  if (leaderEpoch < 0 || endOffset < 0) return NO_SUCH_EPOCH;
  return leaderEpoch < lastFetchedEpoch || endOffset < fetchOffset ? { epoch: leaderEpoch, endOffset } : undefined;
}
