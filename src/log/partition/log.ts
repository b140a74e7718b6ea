import { assert } from '../../base/assert.js';
import type { LogSettings } from '../../config/log-settings.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { KafkaError } from '../../protocol/errors.js';
import * as batch from '../../protocol/records/batch.js';
import { ZERO_UUID, type Uuid } from '../../protocol/wire/types.js';
import { checkSizes, describeForFollower, stampForLeader, type Batches } from './append-batches.js';
import { LogDurability, type DurableLog } from './durability.js';
import type { LogHost } from '../host.js';
import { LazyLog, type LogParts, type SleepingLog } from './lazy-log.js';
import type { EpochEntry } from './leader-epochs.js';
import type { LoadedLog, LogIdentity } from './loaded-log.js';
import { LogReader, type ReadableLog } from '../reads/log-reader.js';
import { OwnDirectory } from './own-directory.js';
import { CLEANER_OFFSET_FILE, LEADER_EPOCH_FILE, LOG_START_OFFSET_FILE } from '../paths.js';
import { SafeEnd } from './safe-end.js';
import { activeProducer, REPLAY, type ProducerUpdate } from '../producers/producer-state.js';
import { rebuildProducerState } from '../producers/producer-rebuild.js';
import { OldFormatLogError } from '../segment/old-format.js';
import { deletableSegments } from '../segment/retention.js';
import type { Segment } from '../segment/segment.js';
import { SegmentFiles, type SegmentedLog } from '../segment/segment-files.js';
import { findMaxTimestamp, findTimestamp } from '../segment/timestamp-search.js';
import {
  UnexpectedAppendOffsetError,
  type ActiveProducer, type AppendContext, type AppendResult, type LogRead, type PartitionLog, type ReadOptions, type TimestampAndOffset, type TransactionalWriter, type VerificationGuard,
} from '../types.js';
import { WriteBehind } from './write-behind.js';

/**
 * One partition's log (`UnifiedLog`). Everything in memory changes within a turn; only reads of cold data, flushes, truncation
 * and the removal of files leave the loop, and each of those looks again at what it finds when it comes back.
 */
export class Log extends LazyLog implements PartitionLog, DurableLog, ReadableLog, SegmentedLog {
  private readonly own: OwnDirectory;
  private currentSettings: LogSettings;
  private committedOffset = 0;
  /** The last epoch that began while the log slept, and wrote nothing. */
  private epochAsleep: EpochEntry | undefined;
  private unstableOffset: number | undefined;
  /** Counts truncations: what was read or synced across one must be looked at again. */
  generation = 0;
  private truncating = false;
  /** Something was written since the log was opened: closing has work to do. */
  private written = false;

  constructor(host: LogHost, identity: LogIdentity, settings: LogSettings, found: LoadedLog | SleepingLog) {
    super(host, identity, 'load' in found ? found : undefined);
    this.currentSettings = settings;
    const sleeps = 'load' in found;
    // An id is known either because the directory tells it, or because the log is new.
    this.own = new OwnDirectory(host.disk, identity.directory, identity.topicId, sleeps || found.isNew !== true, sleeps || found.hasTopicId);
    if ('segments' in found) this.wakeWith(found);
  }

  protected makeParts({ segments, epochs, producers, logStartOffset, logEndOffset, recoveryPoint, isUnsynced, gaps }: LoadedLog): LogParts {
    const safeEnd = new SafeEnd(() => this.onSafeEndMoved());
    return {
      segments, epochs, producers, startOffset: logStartOffset, endOffset: logEndOffset, safeEnd,
      tail: this.host.tailCache.newTail(),
      writes: new WriteBehind(this.host, this, safeEnd),
      durability: new LogDurability(this.host, this, safeEnd, recoveryPoint, isUnsynced),
      reader: new LogReader(this.host, this),
      files: new SegmentFiles(this.host, this, gaps, () => this.durability.namesChanged()),
    };
  }

  protected get isChanged(): boolean {
    return this.written;
  }

  protected woken(): void {
    if (this.epochAsleep !== undefined) this.epochs.assign(this.epochAsleep.epoch, Math.min(this.epochAsleep.startOffset, this.endOffset));
    this.updateHighWatermark(this.committedOffset);
    this.durability.flushWithin(this.currentSettings.flushMs);
  }

  get topicId(): Uuid {
    return this.own.topicId;
  }

  get directory(): string {
    return this.own.path;
  }

  get settings(): LogSettings {
    return this.currentSettings;
  }

  get logStartOffset(): number {
    return this.isKnownEmpty ? 0 : this.startOffset;
  }

  get logEndOffset(): number {
    return this.asleep?.logEndOffset ?? this.endOffset;
  }

  get safeEndOffset(): number {
    return this.asleep?.logEndOffset ?? Math.min(this.endOffset, this.safeEnd.limit);
  }

  get recoveryPoint(): number {
    return this.asleep === undefined ? this.durability.recoveryPoint : this.asleep.recoveryPoint ?? this.asleep.logEndOffset;
  }

  get highWatermark(): number {
    return this.committedOffset;
  }

  get lastStableOffset(): number {
    // Only its producers know of open transactions.
    if (this.asleep !== undefined && this.committedOffset > 0) this.wake();
    return Math.min(this.unstableOffset ?? this.highWatermark, this.highWatermark);
  }

  get latestEpoch(): number | undefined {
    return this.epochs.latest;
  }

  get segmentCount(): number {
    return this.segments.length;
  }

  /** Where the log begins, when the name of its first segment does not tell. */
  get startOffsetToNote(): number | undefined {
    if (this.asleep !== undefined) return this.asleep.logStartOffset;
    if (this.segments.length === 0 || this.startOffset > this.segments.first.baseOffset) return this.startOffset;
    // As long as the segments before it could come back with a power loss, it does not tell durably.
    return this.startOffset > 0 && this.durability.isIncomplete ? this.startOffset : undefined;
  }

  appendAsLeader(bytes: Uint8Array, context: AppendContext): AppendResult {
    this.mustBeWritable();
    const { origin, leaderEpoch, transactionVersion = 0, guard } = context;
    const batches = stampForLeader(bytes, this.endOffset, leaderEpoch);
    if (origin !== 'raft') checkSizes(batches, this.currentSettings);
    let update: ProducerUpdate | undefined;
    if (batches.producers.length > 0 && origin !== 'raft') {
      const duplicate = origin === 'client' ? this.producers.findDuplicate(bytes, batches.producers[0]!) : undefined;
      if (duplicate) return this.duplicateResult(duplicate);
      update = this.producers.begin({ origin, transactionVersion, guard, verifies: this.host.verifiesTransactions });
      for (const at of batches.producers) update.add(bytes, at);
    }
    this.append(batches, update);
    return {
      baseOffset: batches.firstOffset,
      lastOffset: batches.lastOffset,
      logAppendTimeMs: this.currentSettings.timestampType === 'LogAppendTime' ? batches.maxTimestampMs : batch.NO_TIMESTAMP,
      logStartOffset: this.startOffset,
      duplicate: false,
    };
  }

  startVerification(writer: TransactionalWriter): VerificationGuard | undefined {
    return this.producers.startVerification(writer, this.host.clock.nowMs());
  }

  private duplicateResult({ firstOffset: baseOffset, lastOffset, timestampMs: logAppendTimeMs }: { firstOffset: number; lastOffset: number; timestampMs: number }): AppendResult {
    // What a process appended that was killed is here, and perhaps not on the disk.
    if (this.currentSettings.flushMessages <= 1 && lastOffset >= this.recoveryPoint) this.durability.flushBefore(baseOffset);
    return { baseOffset, lastOffset, logAppendTimeMs, logStartOffset: this.startOffset, duplicate: true };
  }

  appendAsFollower(bytes: Uint8Array, leaderEpoch = Number.MAX_SAFE_INTEGER): { lastOffset: number } {
    this.mustBeWritable();
    const batches = describeForFollower(bytes, leaderEpoch);
    if (!batches) return { lastOffset: this.endOffset - 1 };
    if (batches.firstOffset < this.endOffset) throw new UnexpectedAppendOffsetError(batches.firstOffset, batches.lastOffset, this.endOffset);
    let update: ProducerUpdate | undefined;
    if (batches.producers.length > 0) update = this.producers.begin(REPLAY);
    for (const at of batches.producers) update?.add(batches.bytes, at);
    this.append(batches, update);
    return { lastOffset: batches.lastOffset };
  }

  get isUnused(): boolean {
    return this.topicId === ZERO_UUID && this.logEndOffset === 0;
  }

  /** Takes an unused log for a topic; false when it is somebody's. */
  adopt(topicId: Uuid): boolean {
    if (!this.isUnused) return false;
    this.own.adopt(topicId);
    return true;
  }

  /** Whether its directory is there: a new one is made with the first record, or soon, since many take their time. */
  get isOnDisk(): boolean {
    return this.own.isMade;
  }

  makeDirectory(): void {
    if (!this.own.isMade) this.guarded(() => this.own.make());
  }

  /**
   * Writes down, if nobody has, which topic the directory belongs to. Apache Kafka sets one aside that does not say so, even an
   * empty one. The log's first flush, which syncs its name too, makes it durable.
   */
  identify(): void {
    if (this.guarded(() => this.own.identify())) this.durability.topicIdWritten();
  }

  /** All checks are passed: the batches are in memory from now on, and in the file when the turn ends. */
  private append(batches: Batches, update: ProducerUpdate | undefined): void {
    this.guarded(() => {
      this.identify();
      if (this.files.mustRoll(batches)) this.rollTo(batches.firstOffset);
      this.segments.active.append(batches.bytes, this.tail);
      this.written = true;
      this.endOffset = batches.lastOffset + 1;
      for (const { epoch, startOffset } of batches.epochs) this.epochs.assign(epoch, startOffset);
      if (update) {
        this.producers.commit(update, this.endOffset, this.segments.active.txnIndex);
        this.updateUnstableOffset();
      } else {
        this.producers.updateMapEndOffset(this.endOffset);
      }
    });
    this.writes.appended(batches.firstOffset, batches.bytes.length);
    this.host.turnWrites.add(this, batches.bytes.length);
    if (this.failure) throw this.failure;
    const { flushMs, flushMessages } = this.currentSettings;
    this.durability.flushWithin(flushMs);
    if (this.endOffset - this.recoveryPoint >= flushMessages) this.durability.flushBefore(batches.firstOffset);
  }

  write(): void {
    if (this.failure) throw this.failure;
    this.guarded(() => this.writes.write());
  }

  roll(): void {
    this.mustBeWritable();
    this.guarded(() => this.rollTo(this.endOffset));
  }

  private rollTo(offset: number): void {
    const old = this.segments.active;
    if (old.baseOffset === offset) return;
    this.makeDirectory();
    this.written = true;
    this.durability.beforeSealing(old);
    // A checkpoint has all logs write first, this one too.
    if (this.failure) throw this.failure;
    this.files.roll(offset);
    this.flush(Math.min(offset, this.endOffset)).catch(() => undefined);
  }

  read(offset: number, options: ReadOptions): LogRead | Promise<LogRead> {
    return this.reader.read(offset, options);
  }

  bytesBefore(offset: number): number | undefined {
    return offset >= this.endOffset ? this.tail.addedBytes : this.tail.addedBefore(offset);
  }

  updateHighWatermark(offset: number): void {
    if (this.asleep !== undefined) {
      this.committedOffset = Math.min(offset, this.asleep.logEndOffset);
      return;
    }
    this.committedOffset = Math.min(Math.max(offset, this.startOffset), this.endOffset);
    this.producers.onHighWatermark(this.committedOffset);
    this.updateUnstableOffset();
  }

  private updateUnstableOffset(): void {
    const first = this.producers.firstUnstableOffset;
    this.unstableOffset = first === undefined ? undefined : Math.max(first, this.startOffset);
  }

  incrementLogStartOffset(offset: number, reason: string): boolean {
    if (offset > this.committedOffset) {
      throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE, `The start of ${this.name} cannot move to ${offset}, beyond the high watermark ${this.committedOffset}`);
    }
    if (offset <= this.startOffset) return false;
    this.startOffset = offset;
    this.epochs.truncateFromStart(offset);
    this.producers.onLogStartOffset(offset);
    this.updateUnstableOffset();
    this.host.logger.debug('log start offset moved', { log: this.name, offset, reason });
    return true;
  }

  offsetForTimestamp(timestampMs: number): Promise<TimestampAndOffset | undefined> {
    return this.search(() => findTimestamp(this.segments, timestampMs, this.startOffset));
  }

  offsetOfMaxTimestamp(): Promise<TimestampAndOffset | undefined> {
    return this.search(() => findMaxTimestamp(this.segments));
  }

  private async search<T>(find: () => Promise<T>): Promise<T> {
    this.mustBeOpen();
    const { generation } = this;
    try {
      return await find();
    } catch (error) {
      // What was cut off meanwhile speaks against nothing.
      if (error instanceof OldFormatLogError && generation === this.generation) this.refuse(error);
      throw error;
    }
  }

  endOffsetForEpoch(epoch: number): { leaderEpoch: number; endOffset: number } {
    return this.epochs.endOffsetFor(epoch, this.endOffset);
  }

  epochForOffset(offset: number): number | undefined {
    return this.epochs.epochForOffset(offset);
  }

  assignEpochStart(epoch: number, startOffset: number): void {
    if (this.asleep !== undefined) this.epochAsleep = { epoch, startOffset };
    else this.epochs.assign(epoch, startOffset);
  }

  async truncateTo(offset: number): Promise<void> {
    assert(offset >= 0, 'a log cannot be cut at a negative offset');
    this.mustBeWritable();
    if (offset >= this.endOffset) {
      // An epoch that began here as leader, and wrote nothing, must not stay.
      this.epochs.truncateFromEnd(this.endOffset);
      return;
    }
    if (offset < this.segments.first.baseOffset) return this.truncateFullyAndStartAt(offset);
    await this.whileTruncating(async () => {
      const isBelowStart = offset < this.startOffset;
      // From this moment on nobody reads what goes.
      this.endOffset = offset;
      this.startOffset = Math.min(this.startOffset, offset);
      if (this.committedOffset > offset) this.updateHighWatermark(offset);
      this.durability.truncated(offset);
      this.epochs.truncateFromEnd(offset);
      this.epochs.save(offset);
      // From the end, and durably before anything new is written: whatever stops us, what is left is one history's beginning.
      this.files.setAside([...this.segments].filter(segment => segment.baseOffset > offset).reverse());
      this.host.disk.syncDirectory(this.directory);
      await this.segments.active.truncateTo(offset);
      // Before a snapshot forgets who wrote below the start: with a start that a kill takes back, those records would be there again.
      if (isBelowStart || this.startOffsetToNote !== undefined) this.home.checkpoint(LOG_START_OFFSET_FILE);
      // Where its directory has failed meanwhile, none was written.
      if (this.failure) throw this.failure;
      await rebuildProducerState(this.producers, this.segments, {
        logStartOffset: this.startOffset, lastOffset: offset, nowMs: this.host.clock.nowMs(), clean: false,
      });
    });
  }

  async truncateFullyAndStartAt(offset: number): Promise<void> {
    assert(offset >= 0, 'a log cannot start at a negative offset');
    this.mustBeWritable();
    await this.whileTruncating(async () => {
      const isBelowStart = offset < this.startOffset;
      this.endOffset = offset;
      this.startOffset = offset;
      this.updateHighWatermark(offset);
      this.durability.truncated(offset);
      this.epochs.clear();
      this.epochs.save(offset);
      this.files.setAside([...this.segments].reverse());
      if (isBelowStart) {
        // Once the old records are gone, or those below their start would be back; and before the new ones can be taken for old.
        this.host.disk.syncDirectory(this.directory);
        this.home.checkpoint(LOG_START_OFFSET_FILE);
      }
      this.files.begin(offset);
      this.producers.truncateFullyAndStartAt(offset);
      this.host.disk.syncDirectory(this.directory);
      await Promise.resolve();
    });
  }

  private async whileTruncating(work: () => Promise<void>): Promise<void> {
    this.makeDirectory();
    this.truncating = true;
    this.written = true;
    this.compaction.abort();
    this.generation++;
    this.tail.clear();
    this.reader.dropAhead();
    try {
      if (this.writes.areUnderWay) await this.writes.idle();
      await work();
    } catch (error) {
      throw this.noteFailure(error);
    } finally {
      this.generation++;
      this.truncating = false;
    }
    this.updateUnstableOffset();
    if (this.compaction.truncated(this.segments.active.baseOffset)) this.home.checkpoint(CLEANER_OFFSET_FILE);
  }

  applyRetention(nowMs: number): number {
    this.mustBeWritable();
    // Deletion and compaction take turns.
    if (this.isKnownEmpty || this.compaction.inProgress) return 0;
    return this.whileAwake(() => this.deleteExpired(nowMs), deleted => deleted > 0);
  }

  private deleteExpired(nowMs: number): number {
    return this.guarded(() => {
      const gone = deletableSegments(this.segments, this, nowMs);
      if (gone.length === 0) return 0;
      if (gone.length === this.segments.length) {
        this.rollTo(this.endOffset);
        // The new name must outlast those that go, or offsets would begin anew.
        this.host.disk.syncDirectory(this.directory);
      }
      this.incrementLogStartOffset(this.segments.after(gone.at(-1)!)!.baseOffset, 'segment deletion');
      this.files.setAside(gone);
      return gone.length;
    });
  }

  /**
   * Puts the segment that compaction has written beside some that follow one another in their place (`UnifiedLog.replaceSegments`).
   * False when they are no longer what it was written from.
   */
  replaceSegments(old: readonly Segment[]): boolean {
    this.mustBeOpen();
    if (this.truncating || !old.every(segment => this.segments.has(segment))) return false;
    this.guarded(() => this.files.replace(old));
    this.tail.forgetBelow(this.segments.after(this.segments.floor(old[0]!.baseOffset)!)!.baseOffset);
    return true;
  }

  flush(offset = this.logEndOffset): Promise<void> {
    if (this.failure) return Promise.reject(this.failure);
    return this.asleep === undefined && this.isOnDisk ? this.durability.flush(offset) : Promise.resolve();
  }

  updateSettings(settings: LogSettings): void {
    if (this.currentSettings.cleanupPolicy.compact && !settings.cleanupPolicy.compact) this.compaction.abort();
    this.currentSettings = settings;
    if (this.asleep === undefined) this.durability.flushWithin(settings.flushMs);
  }

  activeProducers(): readonly ActiveProducer[] {
    return Array.from(this.producers.entries.values(), activeProducer);
  }

  removeExpiredProducers(nowMs: number): void {
    if (this.asleep === undefined) this.producers.removeExpired(nowMs);
  }

  /** The directory was renamed: to one that waits for deletion, or set aside. */
  movedTo(directory: string): void {
    this.compaction.abort();
    this.own.path = directory;
    if (this.asleep !== undefined) return;
    for (const segment of this.segments) segment.movedTo(directory);
    this.producers.movedTo(directory);
    this.epochs.movedTo(`${directory}/${LEADER_EPOCH_FILE}`);
  }

  /** Brings records to the disk, the loop waiting for it; the recovery point stays. For what must happen within a turn. */
  syncNow(): void {
    if (this.asleep !== undefined || !this.isOnDisk) return;
    this.guarded(() => this.durability.syncNow());
  }

  protected async finish(): Promise<void> {
    this.identify();
    if (this.written) {
      this.segments.active.seal();
      this.producers.takeSnapshot();
    }
    if (this.recoveryPoint < this.endOffset || this.durability.isIncomplete) await this.durability.flushAll();
    this.epochs.save(this.endOffset);
  }

  private mustBeWritable(): void {
    this.mustBeOpen();
    assert(!this.truncating, 'nothing is written while a log is being truncated');
  }

  get unwrittenFrom(): number {
    return this.writes.unwrittenFrom;
  }

  writeProgress(): Promise<void> {
    return this.writes.progress();
  }

  isReadable(offset: number): boolean {
    return !this.closed && this.failure === undefined && offset >= this.startOffset && offset <= this.endOffset;
  }

  mustBeReadable(offset: number): void {
    this.mustBeOpen();
    if (this.isReadable(offset)) return;
    throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE, `${this.name} has offsets from ${this.startOffset} to ${this.endOffset}, not ${offset}`);
  }
}
