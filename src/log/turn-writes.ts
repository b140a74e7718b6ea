import type { Clock } from '../env/index.js';

/** Who has appended and not written. */
export interface Appended {
  /**
   * Brings all that was appended to the system, or says of it, by its safe end, that it is not there yet. Throws, after it has taken
   * its own measures, when that fails.
   */
  write(): void;
}

/** With so much to write nobody waits for the end of the turn: it bounds the memory, and the bytes are still in the processor's cache. */
const MOST_UNWRITTEN_BYTES = 1 << 20;

/**
 * Appends of a turn reach the system together: one write for each log instead of one for each batch. They must before anybody
 * outside of the process can learn of them, so whoever sends calls `writeAll` first. When a write fails, what this turn has
 * learned is not true: `onFailure` is told at once, which may be in the midst of the turn, and nothing of it may be sent, be it
 * said before or after.
 */
export class TurnWrites {
  private readonly logs = new Set<Appended>();
  private readonly failureListeners: (() => void)[] = [];
  private unwrittenBytes = 0;

  constructor(private readonly clock: Pick<Clock, 'endOfTurn'>) {}

  onFailure(listener: () => void): void {
    this.failureListeners.push(listener);
  }

  /** A log has appended that many bytes; it is asked to write when the turn ends, or now. */
  add(log: Appended, sizeBytes: number): void {
    if (this.logs.size === 0) this.clock.endOfTurn(() => this.writeAll());
    this.logs.add(log);
    this.unwrittenBytes += sizeBytes;
    if (this.unwrittenBytes >= MOST_UNWRITTEN_BYTES) this.writeAll();
  }

  writeAll(): void {
    if (this.logs.size === 0) return;
    const logs = [...this.logs];
    this.logs.clear();
    this.unwrittenBytes = 0;
    let failed = false;
    for (const log of logs) {
      try {
        log.write();
      } catch {
        failed = true;
      }
    }
    if (failed) for (const listener of this.failureListeners) listener();
  }
}
