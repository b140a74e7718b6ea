import { DiskError } from '../../env/index.js';
import type { LogHost } from '../host.js';
import type { LogFile } from '../segment/log-file.js';
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

/** With more of a disk's logs in memory the loop waits for it after all: half of what the tail cache holds, so that it is there. */
const MOST_WAITING_BYTES = 32 << 20;

/**
 * How what was appended to a log reaches the system: within the turn, or, while its disk stalls, off the loop, one write at a time,
 * so that it does not hold up the loop, but who waits for this log. What has come meanwhile is the next write; none of it is safe before.
 */
export class WriteBehind {
  private readonly ways: WriteWays;
  private readonly unwritten: ReasonToWait;
  private underWay: Promise<void> | undefined;
  private waitingBytes = 0;

  constructor(private readonly host: LogHost, private readonly log: WritableLog, private readonly safeEnd: SafeEnd) {
    this.ways = host.writeWays.of(log.directory);
    this.unwritten = safeEnd.newReason();
  }

  /**
   * Records from `offset` on were appended, so many bytes: whether they are safe with the end of the turn is decided now. Not where the
   * turn has brought others that are, for all of a log are written together.
   */
  appended(offset: number, sizeBytes: number): void {
    if (!this.unwritten.isThere && (!this.ways.isStalled || this.file.unwrittenBytes !== sizeBytes)) return;
    this.unwritten.hold(offset);
    this.waitingBytes += sizeBytes;
    this.ways.waitingBytes += sizeBytes;
  }

  /** The first offset that is not in the file; Infinity while all are, or will be when the turn ends. */
  get unwrittenFrom(): number {
    return this.unwritten.from;
  }

  private get file(): LogFile {
    return this.log.segments.active.log;
  }

  /** Writes what was appended, or sees to it that it will be. Throws what the disk says. */
  write(): void {
    const { file } = this;
    if (!this.unwritten.isThere) return file.write();
    if (this.ways.waitingBytes > MOST_WAITING_BYTES) file.write();
    this.underWay ??= this.writeOffTheLoop();
  }

  get areUnderWay(): boolean {
    return this.underWay !== undefined;
  }

  /** Resolves when some of what waits is written, or was given up. */
  async progress(): Promise<void> {
    await this.file.writtenBehind;
    await new Promise<void>(resolve => this.host.clock.endOfTurn(resolve));
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
      while (log.failure === undefined && this.file.unwrittenBytes > 0) await this.writeSome();
    } catch (error) {
      // Whatever it was, what is not written must not pass for safe.
      log.noteFailure(error instanceof DiskError ? error : new DiskError('EIO', log.directory, `cannot write: ${String(error)}`));
    }
    this.underWay = undefined;
    this.written(this.waitingBytes);
    if (log.failure === undefined) this.unwritten.release();
    else this.safeEnd.tell();
  }

  private async writeSome(): Promise<void> {
    const { log, waitingBytes } = this;
    const { logEndOffset: endOffset } = log;
    await this.file.writeBehind();
    this.written(waitingBytes);
    if (log.failure === undefined && endOffset < log.logEndOffset) this.unwritten.release(endOffset);
  }

  private written(sizeBytes: number): void {
    this.waitingBytes -= sizeBytes;
    this.ways.waitingBytes -= sizeBytes;
  }
}
