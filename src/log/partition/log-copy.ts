import * as batch from '../../protocol/records/batch.js';
import type { Log } from './log.js';
import type { LogRead } from '../types.js';

/** So much may be missing for a copy to be finished within a turn. */
const MOST_AT_LAST_BYTES = 4 << 20;

/**
 * Brings a copy of a log to where the log is, which serves on meanwhile (`ReplicaAlterLogDirsThread`): as a follower of it, by
 * offsets and leader epochs. Nothing is remembered between two calls, so that a copy goes on wherever it was left.
 */
export class LogCopy {
  constructor(readonly source: Log, private readonly copy: Log) {}

  /** Copies up to `maxBytes`, a batch at least; resolves to how many bytes, 0 when the copy holds all. */
  async some(maxBytes: number): Promise<number> {
    const { source, copy } = this;
    copy.updateSettings(source.settings);
    await this.truncate();
    this.follow();
    const read = await this.next(maxBytes);
    if (this.beginsBelow(read)) await this.beginAt(read);
    return this.take(read);
  }

  /**
   * Makes the copy hold all that the log holds, durably, within this turn; false when too much is missing, or only the disk has
   * it. The log must be replaced before the turn ends.
   */
  finishNow(): boolean {
    const { source, copy } = this;
    for (let left = MOST_AT_LAST_BYTES; !this.isComplete; ) {
      if (left <= 0 || this.truncation !== undefined) return false;
      const read = this.next(left);
      if (read instanceof Promise) {
        // The disk's answer comes too late.
        void read.then(({ release }) => release(), () => undefined);
        return false;
      }
      if (this.beginsBelow(read)) {
        read.release();
        return false;
      }
      const taken = this.take(read);
      if (taken === 0) return false;
      left -= taken;
    }
    this.follow();
    if ((source.latestEpoch ?? -1) > (copy.latestEpoch ?? -1)) copy.assignEpochStart(source.latestEpoch!, copy.logEndOffset);
    copy.syncNow();
    return true;
  }

  private get isComplete(): boolean {
    return this.truncation === undefined && this.copy.logEndOffset === this.source.logEndOffset;
  }

  /** Where the copy must end, or begin anew, since the log has another history; undefined when it is a beginning of the log. */
  private get truncation(): { readonly end: number } | { readonly start: number } | undefined {
    const { source, copy } = this;
    if (copy.logEndOffset < source.logStartOffset) return { start: source.logStartOffset };
    const epoch = copy.latestEpoch;
    if (epoch === undefined) return copy.logEndOffset > source.logEndOffset ? { end: source.logEndOffset } : undefined;
    const { leaderEpoch, endOffset } = source.endOffsetForEpoch(epoch);
    if (endOffset < 0) return copy.logEndOffset > source.logStartOffset ? { start: source.logStartOffset } : undefined;
    const end = leaderEpoch === epoch ? endOffset : Math.min(endOffset, copy.endOffsetForEpoch(leaderEpoch).endOffset);
    if (end >= copy.logEndOffset) return undefined;
    return end <= copy.logStartOffset ? { start: source.logStartOffset } : { end };
  }

  private async truncate(): Promise<void> {
    for (let cut = this.truncation; cut !== undefined; cut = this.truncation) {
      if ('end' in cut) await this.copy.truncateTo(cut.end);
      else await this.copy.truncateFullyAndStartAt(cut.start);
    }
  }

  /** High watermark and start offset, and what retention took. */
  private follow(): void {
    const { source, copy } = this;
    copy.updateHighWatermark(source.highWatermark);
    copy.incrementLogStartOffset(Math.min(source.logStartOffset, copy.highWatermark), 'the start of the log that is copied');
  }

  private next(maxBytes: number): LogRead | Promise<LogRead> {
    const { source, copy } = this;
    const most = Math.min(maxBytes, source.settings.segmentBytes);
    return source.read(Math.min(copy.logEndOffset, source.logEndOffset), { maxBytes: most, minOneBatch: true, limitOffset: source.logEndOffset });
  }

  /** The copy is empty, and the log's start lies within its first batch. */
  private beginsBelow({ buffers, sizeBytes }: LogRead): boolean {
    const { logStartOffset, logEndOffset } = this.copy;
    return logStartOffset === logEndOffset && sizeBytes > 0 && batch.baseOffset(buffers[0]!, 0) < logEndOffset;
  }

  /** The copy begins where the batch does; its start follows (`Partition.appendRecordsToFollowerOrFutureReplica`). */
  private async beginAt({ buffers, release }: LogRead): Promise<void> {
    try {
      await this.copy.truncateFullyAndStartAt(batch.baseOffset(buffers[0]!, 0));
    } catch (error) {
      release();
      throw error;
    }
  }

  private take({ buffers, sizeBytes, release }: LogRead): number {
    const { copy } = this;
    try {
      if (sizeBytes > 0) copy.appendAsFollower(buffers.length === 1 ? buffers[0]! : Buffer.concat(buffers));
    } finally {
      release();
    }
    // Nobody reads it yet: the cache is for those that are read.
    copy.write();
    copy.tail.clear();
    return sizeBytes;
  }
}
