import type { TimingWheel, WheelTimer } from '../base/timing-wheel.js';
import type { ReplicatedLog } from './replicated-log.js';

interface Waiting {
  resolve(response: unknown): void;
  reject(error: Error): void;
}

interface Parked {
  readonly waiting: Waiting;
  readonly response: unknown;
  readonly end: number;
  /** Undefined once it was released or ran out. */
  timer: WheelTimer | undefined;
  timedOut: boolean;
}

/** Replies that are decided but not yet true: each leaves when all that was in the log when it came is committed. */
export class Parking {
  /** In the order in which they came, which is that of `end`; from `first` on. */
  private queue: Parked[] = [];
  private first = 0;

  constructor(
    private readonly log: Pick<ReplicatedLog, 'endOffset' | 'committedEnd'>,
    private readonly wheel: TimingWheel,
    private readonly timeoutMs: number | undefined,
    private readonly timeoutError: () => Error,
  ) {}

  park(waiting: Waiting, response: unknown): void {
    const end = this.log.endOffset;
    this.release();
    if (end <= this.log.committedEnd) {
      waiting.resolve(response);
      return;
    }
    const parked: Parked = { waiting, response, end, timer: undefined, timedOut: false };
    if (this.timeoutMs !== undefined) parked.timer = this.wheel.add(this.timeoutMs, () => this.timeOut(parked));
    this.queue.push(parked);
  }

  /** Lets go of what is committed by now. */
  release(): void {
    const end = this.log.committedEnd;
    while (this.first < this.queue.length && this.queue[this.first]!.end <= end) {
      const parked = this.queue[this.first++]!;
      this.disarm(parked);
      if (!parked.timedOut) parked.waiting.resolve(parked.response);
    }
    if (this.first > 1024 || this.first === this.queue.length) {
      this.queue = this.queue.slice(this.first);
      this.first = 0;
    }
  }

  rejectAll(error: Error): void {
    const rejected = this.queue.slice(this.first);
    this.queue = [];
    this.first = 0;
    for (const parked of rejected) {
      this.disarm(parked);
      if (!parked.timedOut) parked.waiting.reject(error);
    }
  }

  private timeOut(parked: Parked): void {
    parked.timer = undefined;
    parked.timedOut = true;
    parked.waiting.reject(this.timeoutError());
  }

  private disarm(parked: Parked): void {
    if (parked.timer !== undefined) this.wheel.cancel(parked.timer);
    parked.timer = undefined;
  }
}
