import type { Clock } from '../../env/index.js';

/** Work that comes again and again, or later, until all is closed. */
export class Periodic {
  private readonly pending = new Set<() => void>();
  private closed = false;

  constructor(
    private readonly clock: Clock,
    private readonly onError: (error: unknown) => void,
  ) {}

  every(intervalMs: number, task: () => void, firstMs = intervalMs): void {
    this.once(firstMs, () => {
      try {
        task();
      } finally {
        this.every(intervalMs, task);
      }
    });
  }

  once(delayMs: number, task: () => void): void {
    if (this.closed) return;
    const cancel = this.clock.after(delayMs, () => {
      this.pending.delete(cancel);
      try {
        task();
      } catch (error) {
        this.onError(error);
      }
    });
    this.pending.add(cancel);
  }

  /** Nothing that was asked for happens any more. */
  close(): void {
    this.closed = true;
    for (const cancel of this.pending) cancel();
    this.pending.clear();
  }
}
