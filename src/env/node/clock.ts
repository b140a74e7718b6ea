import type { Cancel, Clock } from '../clock.js';

/** Beyond this Node's timers would fire at once. */
const LONGEST_DELAY_MS = 0x7fff_ffff;

/** The machine's clocks and Node's event loop. */
export class NodeClock implements Clock {
  private tasks: (() => void)[] = [];
  /** Swapped with `tasks` at the end of a turn, so that no turn allocates a list. */
  private spare: (() => void)[] = [];

  constructor(private readonly schedule: (task: () => void) => unknown = setImmediate) {}

  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, task: () => void): Cancel {
    const dueMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    // Node may fire up to a millisecond early, and cannot wait longer than 24 days at once.
    const wait = (): void => {
      const leftMs = dueMs - performance.now();
      if (leftMs <= 0) task();
      else timer = setTimeout(wait, Math.min(Math.ceil(leftMs), LONGEST_DELAY_MS));
    };
    timer = setTimeout(wait, Math.min(Math.max(0, Math.ceil(delayMs)), LONGEST_DELAY_MS));
    return () => clearTimeout(timer);
  }

  endOfTurn(task: () => void): void {
    if (this.tasks.length === 0) this.schedule(this.runTasks);
    this.tasks.push(task);
  }

  private readonly runTasks = (): void => {
    const { tasks } = this;
    this.tasks = this.spare;
    let done = 0;
    try {
      while (done < tasks.length) tasks[done++]!();
    } finally {
      // After a throw the rest still runs, before what came meanwhile: the tasks are other people's.
      const left = tasks.slice(done);
      if (left.length > 0 && this.tasks.length === 0) this.schedule(this.runTasks);
      this.tasks.unshift(...left);
      tasks.length = 0;
      this.spare = tasks;
    }
  };
}
