import type { Cancel, Clock } from '../env/index.js';
import type { LogRead, ReadBudget } from '../log/index.js';
import type { Int64, Uuid } from '../protocol/wire/types.js';
import type { Partition, Watcher } from './partition.js';
import { ReadPass } from './read-pass.js';

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
  /** Where memory is short the answer takes less than `maxBytes`, or waits for its turn. */
  readonly budget: ReadBudget;
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
  #leaveLine: Cancel | undefined;
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
    if (this.#mustQueue()) return;
    const pass = new ReadPass(this.find, this.positions, this.options);
    try {
      const cold = pass.run();
      if (cold === undefined) this.#judge(pass);
      else cold.then(() => this.#judge(pass)).catch((error: unknown) => this.#fail(error, pass));
    } catch (error) {
      this.#fail(error, pass);
    }
  }

  /** While memory is exhausted, whoever would read waits in line, where he keeps his place. */
  #mustQueue(): boolean {
    const { budget } = this.options;
    if (!budget.isExhausted) return false;
    this.#leaveLine ??= budget.whenRoom(() => {
      this.#leaveLine = undefined;
      this.attempt();
    });
    return true;
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
    this.#leaveLine?.();
    for (const partition of this.#watched) partition.unwatch(this);
    this.#watched = [];
  }

  #fail(error: unknown, pass: ReadPass): void {
    this.#finish();
    pass.release();
    this.failed(error);
  }
}
