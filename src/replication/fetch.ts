import type { WheelTimer } from '../base/timing-wheel.js';
import type { Cancel } from '../env/index.js';
import type { FetchOptions, FetchOutcome, FetchPosition, FindPartition } from './fetch-types.js';
import { ParkedPosition } from './parked-position.js';
import { ReadPass } from './read-pass.js';
import type { Waits } from './waits.js';

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
  waits: Waits,
  find: FindPartition,
  positions: readonly FetchPosition[],
  options: FetchOptions,
  done: (outcomes: FetchOutcome[]) => void,
  failed: (error: unknown) => void,
): PendingFetch {
  const pending = new Fetch(waits, find, positions, options, done, failed);
  pending.attempt();
  return pending;
}

/**
 * While it is parked, appends only move a count of what could be read; it reads again when that is enough (`DelayedFetch`).
 */
class Fetch implements PendingFetch {
  #parked: ParkedPosition[] = [];
  /** Bytes that the parked positions could give together. */
  #readableBytes = 0;
  #timer: WheelTimer | undefined;
  #leaveLine: Cancel | undefined;
  #rechecking = false;
  #timedOut = false;
  #finished = false;

  constructor(
    private readonly waits: Waits,
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
      this.#park(pass);
    }
  }

  #park(pass: ReadPass): void {
    this.#timer ??= this.waits.wheel.add(this.options.maxWaitMs, () => this.hurry());
    this.#unwatch();
    this.#readableBytes = pass.bytesRead;
    const grown = (bytes: number | undefined): void => this.#grown(bytes);
    this.positions.forEach((position, i) => {
      const partition = this.find(position);
      // Gone while others were read from the disk: to be told.
      if (typeof partition === 'number') return this.#recheck();
      const parked = new ParkedPosition(partition, position, this.options, pass.limits[i]!, pass.outcomes[i]!.read?.sizeBytes ?? 0, grown);
      this.#parked.push(parked);
      // What came between the read and the watch must not wait for the next append.
      parked.wake();
    });
  }

  /** A partition can give so many bytes more; undefined: nobody knows until it is read. */
  #grown(bytes: number | undefined): void {
    this.#readableBytes += bytes ?? 0;
    if (bytes === undefined || this.#readableBytes >= this.options.minBytes) this.#recheck();
  }

  /** Once for all that happens in this turn. */
  #recheck(): void {
    if (this.#rechecking || this.#finished) return;
    this.#rechecking = true;
    this.waits.clock.endOfTurn(() => {
      this.#rechecking = false;
      if (!this.#finished) this.attempt();
    });
  }

  #finish(): void {
    this.#finished = true;
    this.#leaveLine?.();
    if (this.#timer !== undefined) this.waits.wheel.cancel(this.#timer);
    this.#unwatch();
  }

  #unwatch(): void {
    for (const parked of this.#parked) parked.leave();
    this.#parked = [];
  }

  #fail(error: unknown, pass: ReadPass): void {
    this.#finish();
    pass.release();
    this.failed(error);
  }
}
