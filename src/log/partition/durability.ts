import type { Cancel, DiskError, DiskFile } from '../../env/index.js';
import type { LogSettings } from '../../config/log-settings.js';
import type { LogHome, LogHost } from '../host.js';
import { GroupFlush } from './group-flush.js';
import type { LeaderEpochs } from './leader-epochs.js';
import { PARTITION_METADATA_FILE, RECOVERY_POINT_FILE } from '../paths.js';
import type { ProducerState } from '../producers/producer-state.js';
import type { ReasonToWait, SafeEnd } from './safe-end.js';
import type { Segment } from '../segment/segment.js';
import type { SegmentList } from '../segment/segment-list.js';

/** What must be known of a log to make it durable. */
export interface DurableLog {
  readonly home: LogHome;
  readonly directory: string;
  readonly settings: LogSettings;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Counts truncations. */
  readonly generation: number;
  readonly segments: SegmentList;
  readonly producers: ProducerState;
  readonly epochs: LeaderEpochs;
  /** Why nothing can be brought to the disk any more. */
  readonly failure: DiskError | undefined;
  readonly isClosed: boolean;
  noteFailure(error: unknown): unknown;
}

/**
 * How much of a log would outlast a power loss: all below the recovery point, and every segment that ends there or before with
 * its indexes. Recovery begins at the recovery point of the checkpoint, so this one never runs ahead of the disk.
 */
export class LogDurability {
  private readonly flusher = new GroupFlush(() => this.flushOnce());
  /** The directory's own name, in the one above, likewise. */
  private ownNameUnsynced = true;
  /** `partition.metadata` was written, which matters once there are records. */
  private topicIdUnsynced = false;
  private cancelTimed: Cancel | undefined;
  private timedDelayMs: number | undefined;
  /** Records that `flush.messages` wants flushed. */
  private readonly unsafe: ReasonToWait;

  constructor(
    private readonly host: LogHost,
    private readonly log: DurableLog,
    private readonly safeEnd: SafeEnd,
    private flushedOffset: number,
    /** Names came or went that the directory may not durably know of. */
    private namesUnsynced: boolean,
  ) {
    this.unsafe = safeEnd.newReason();
  }

  get recoveryPoint(): number {
    return this.flushedOffset;
  }

  /** Something is left to sync although no record may be. */
  get isIncomplete(): boolean {
    return this.namesUnsynced || this.hasUnsyncedIndexes;
  }

  flush(offset: number): Promise<void> {
    return offset <= this.flushedOffset ? Promise.resolve() : this.flushAll();
  }

  flushAll(): Promise<void> {
    return this.flusher.request();
  }

  /** `flush.messages`: what begins at `offset` is not safe before it is flushed. Appends meanwhile share that flush, or the next. */
  flushBefore(offset: number): void {
    const isAskedFor = this.unsafe.isThere;
    this.unsafe.hold(offset);
    if (!isAskedFor) this.flushUnsafe();
  }

  private flushUnsafe(): void {
    // What is closed flushes all by itself, or nothing ever again.
    if (!this.log.isClosed) this.flushAll().catch(() => this.safeEnd.tell());
  }

  /** What waited is flushed; what has come meanwhile may be so much that it waits for the next. */
  private flushed(): void {
    if (!this.unsafe.isThere) return;
    if (this.log.logEndOffset - this.flushedOffset < this.log.settings.flushMessages) return this.unsafe.release();
    this.flushUnsafe();
    this.unsafe.release(this.flushedOffset);
  }

  /** Brings records, and whose they are, to the disk within the turn, the loop waiting for it; the recovery point stays. */
  syncNow(): void {
    const { disk } = this.host;
    for (const segment of this.log.segments.from(this.flushedOffset)) if (segment.sizeBytes > 0) segment.log.now().syncNow();
    const topicIdFile = this.topicIdFile();
    topicIdFile?.syncNow();
    topicIdFile?.close();
    disk.syncDirectory(this.log.directory);
  }

  /** Resolves when no flush is under way. */
  idle(): Promise<void> {
    return this.flusher.idle();
  }

  /**
   * `flush.ms`: what is written now waits no longer for the disk. A time that differs from the last one counts from now on: what
   * waits under the old one would perhaps wait for days.
   */
  flushWithin(delayMs: number): void {
    if (delayMs !== this.timedDelayMs) this.cancelTimedFlush();
    this.timedDelayMs = delayMs;
    if (delayMs > LONGEST_DELAY_MS || this.flushedOffset >= this.log.logEndOffset) return;
    this.cancelTimed ??= this.host.clock.after(delayMs, () => {
      this.cancelTimed = undefined;
      this.flush(this.log.logEndOffset).catch(() => undefined);
    });
  }

  cancelTimedFlush(): void {
    this.cancelTimed?.();
    this.cancelTimed = undefined;
  }

  topicIdWritten(): void {
    this.topicIdUnsynced = true;
  }

  /** A file was made, renamed or removed. */
  namesChanged(): void {
    this.namesUnsynced = true;
  }

  /** The log ends at `offset` from now on; no checkpoint says otherwise when this returns. */
  truncated(offset: number): void {
    this.flushedOffset = Math.min(this.flushedOffset, offset);
    this.log.home.checkpoint(RECOVERY_POINT_FILE);
    // Nothing is left of what waited.
    if (Math.max(this.unsafe.from, this.log.logStartOffset) >= offset) this.unsafe.release();
  }

  /**
   * A recovery point at the very end vouches for all segments but the active one. Before that one is sealed, this must end: its
   * indexes come to the disk only with the flush that follows.
   */
  beforeSealing(active: Segment): void {
    if (this.flushedOffset < this.log.logEndOffset || this.flushedOffset === active.baseOffset) return;
    this.flushedOffset = active.baseOffset;
    this.log.home.checkpoint(RECOVERY_POINT_FILE);
  }

  private async flushOnce(): Promise<void> {
    const { log } = this;
    try {
      for (;;) {
        this.mustBeSound();
        const { logEndOffset, generation } = log;
        // Sealing may have made their files.
        if (this.hasUnsyncedIndexes) this.namesUnsynced = true;
        const firstUnsynced = log.segments.floor(this.flushedOffset)?.baseOffset ?? 0;
        for (const segment of log.segments) {
          // Retention or compaction may have taken it out while this waited for another.
          if (log.segments.has(segment) && (segment.indexesUnsynced || segment.baseOffset >= firstUnsynced)) await segment.sync();
        }
        await log.producers.syncSnapshots();
        log.epochs.save(log.logEndOffset);
        if (this.namesUnsynced || this.ownNameUnsynced || this.topicIdUnsynced) await this.syncNames();
        // Cut, or rolled, while this waited: what was synced is not all that the recovery point would vouch for.
        if (generation !== log.generation || this.hasUnsyncedIndexes) continue;
        this.mustBeSound();
        this.flushedOffset = Math.max(this.flushedOffset, logEndOffset);
        return this.flushed();
      }
    } catch (error) {
      throw log.noteFailure(error);
    }
  }

  /** After a sync that failed the system takes what was not written for written: another that succeeds proves nothing. */
  private mustBeSound(): void {
    if (this.log.failure) throw this.log.failure;
  }

  private get hasUnsyncedIndexes(): boolean {
    for (const segment of this.log.segments) if (segment.indexesUnsynced) return true;
    return false;
  }

  private topicIdFile(): DiskFile | undefined {
    const path = `${this.log.directory}/${PARTITION_METADATA_FILE}`;
    return this.host.disk.stat(path) ? this.host.disk.open(path) : undefined;
  }

  private async syncNames(): Promise<void> {
    const { disk } = this.host;
    const { log } = this;
    this.namesUnsynced = false;
    this.topicIdUnsynced = false;
    const topicIdFile = this.topicIdFile();
    await topicIdFile?.sync().finally(() => topicIdFile.close());
    // Both begin now: the directory may have another name, or be gone, before the first is done.
    await Promise.all([disk.flushDirectory(log.directory), this.ownNameUnsynced && disk.flushDirectory(log.home.path)]);
    this.ownNameUnsynced = false;
  }
}

/** Beyond it, timers of Node run at once; so long a time is none. */
const LONGEST_DELAY_MS = 0x7fff_ffff;
