import type { LogHost } from '../host.js';
import type { SegmentList } from '../segment/segment-list.js';
import type { WriteWays } from '../segment/write-ways.js';
import type { ReasonToWait, SafeEnd } from './safe-end.js';

/** What must be known of a log to write it off the loop. */
interface WritableLog {
  readonly directory: string;
  readonly segments: SegmentList;
  readonly logEndOffset: number;
  readonly failure: Error | undefined;
  noteFailure(error: unknown): unknown;
}

/** With more of one log in memory the loop waits for its disk after all. */
const MOST_BEHIND_BYTES = 32 << 20;

/**
 * How what was appended to a log reaches the system: within the turn, or, while its disk stalls, off the loop, one write at a time,
 * so that nobody but who waits for this log is held up. What has come meanwhile is the next write; none of it is safe before.
 */
export class WriteBehind {
  private readonly ways: WriteWays;
  private readonly unwritten: ReasonToWait;
  private underWay: Promise<void> | undefined;

  constructor(host: LogHost, private readonly log: WritableLog, private readonly safeEnd: SafeEnd) {
    this.ways = host.writeWays(log.directory);
    this.unwritten = safeEnd.newReason();
  }

  /** Records from `offset` on were appended: whether they are safe with the end of the turn is decided now. */
  appended(offset: number): void {
    if (this.areUnderWay || this.ways.isStalled) this.unwritten.hold(offset);
  }

  /** Writes what was appended, or sees to it that it will be. Throws what the disk says. */
  write(): void {
    const file = this.log.segments.active.log;
    if (!this.unwritten.isThere) return file.write();
    if (file.unwrittenBytes > MOST_BEHIND_BYTES) file.write();
    this.underWay ??= this.writeOffTheLoop();
  }

  get areUnderWay(): boolean {
    return this.underWay !== undefined;
  }

  /** Resolves when nothing is being written off the loop. */
  async idle(): Promise<void> {
    await this.underWay;
  }

  private async writeOffTheLoop(): Promise<void> {
    const { log } = this;
    // Who waits goes on when it is told that all is safe: not in the midst of a turn's writes.
    await Promise.resolve();
    try {
      while (log.segments.active.log.unwrittenBytes > 0) {
        const endOffset = log.logEndOffset;
        await log.segments.active.log.writeBehind();
        if (log.failure !== undefined) break;
        if (endOffset < log.logEndOffset) this.unwritten.release(endOffset);
      }
    } catch (error) {
      log.noteFailure(error);
    }
    this.underWay = undefined;
    if (log.failure === undefined) this.unwritten.release();
    else this.safeEnd.tell();
  }
}
