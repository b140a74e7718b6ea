import { assert } from '../base/assert.js';
import type { LogSettings } from '../config/log-settings.js';
import { DiskError, type Cancel } from '../env/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { KafkaError } from '../protocol/errors.js';
import * as batch from '../protocol/records/batch.js';
import { ZERO_UUID, type Uuid } from '../protocol/wire/types.js';
import { describeForFollower, stampForLeader, type Batches } from './append-batches.js';
import { asCorruptMessage, readCold } from './cold-read.js';
import { GroupFlush } from './group-flush.js';
import type { LogHost } from './host.js';
import type { LeaderEpochs } from './leader-epochs.js';
import { formatPartitionMetadata } from './partition-metadata.js';
import { DELETED_SUFFIX, LEADER_EPOCH_FILE, PARTITION_METADATA_FILE, parentOf } from './paths.js';
import { ProducerState, REPLAY, type ProducerUpdate } from './producer-state.js';
import { rebuildProducerState } from './producer-rebuild.js';
import { deletableSegments } from './retention.js';
import { Segment } from './segment.js';
import type { SegmentList } from './segment-list.js';
import type { LogTail } from './tail-cache.js';
import { findMaxTimestamp, findTimestamp } from './timestamp-search.js';
import {
  UnexpectedAppendOffsetError,
  type ActiveProducer, type AppendContext, type AppendResult, type LogRead, type PartitionLog, type ReadOptions, type TimestampAndOffset,
} from './types.js';

/** What a directory was found to hold, or a new one begins with. */
export interface LoadedLog {
  readonly segments: SegmentList;
  readonly epochs: LeaderEpochs;
  readonly producers: ProducerState;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly recoveryPoint: number;
  /** `partition.metadata` is there. */
  readonly hasTopicId: boolean;
}

export interface LogIdentity {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: Uuid;
  readonly directory: string;
}

/**
 * One partition's log (`UnifiedLog`). Everything in memory changes within a turn; only reads of cold data, flushes, truncation
 * and the removal of files leave the loop, and each of those looks again at what it finds when it comes back.
 */
export class Log implements PartitionLog {
  readonly topic: string;
  readonly partition: number;
  private currentTopicId: Uuid;
  private currentDirectory: string;
  private currentSettings: LogSettings;
  private readonly segments: SegmentList;
  private readonly epochs: LeaderEpochs;
  private readonly producers: ProducerState;
  private readonly tail: LogTail;
  private readonly flusher = new GroupFlush(() => this.flushOnce());
  private startOffset: number;
  private endOffset: number;
  private flushedOffset: number;
  private committedOffset: number;
  private unstableOffset: number | undefined;
  /** Counts truncations: what was read or synced across one must be looked at again. */
  private generation = 0;
  private truncating = false;
  private closed = false;
  private failure: DiskError | undefined;
  private topicIdWritten: boolean;
  private cancelTimedFlush: Cancel | undefined;
  private readonly pendingRemovals = new Set<Cancel>();
  /** Files came or went that the directory may not durably know of. */
  private directoryUnsynced = false;
  /** The directory's own name, in the one above, likewise. */
  private nameUnsynced = true;
  /** Something was written since the log was opened: closing has work to do. */
  private written = false;

  constructor(private readonly host: LogHost, identity: LogIdentity, settings: LogSettings, loaded: LoadedLog) {
    this.topic = identity.topic;
    this.partition = identity.partition;
    this.currentTopicId = identity.topicId;
    this.currentDirectory = identity.directory;
    this.currentSettings = settings;
    this.segments = loaded.segments;
    this.epochs = loaded.epochs;
    this.producers = loaded.producers;
    this.tail = host.tailCache.newTail();
    this.startOffset = loaded.logStartOffset;
    this.endOffset = loaded.logEndOffset;
    this.flushedOffset = loaded.recoveryPoint;
    this.committedOffset = loaded.logStartOffset;
    this.topicIdWritten = loaded.hasTopicId || identity.topicId === ZERO_UUID;
    this.updateUnstableOffset();
  }

  get topicId(): Uuid {
    return this.currentTopicId;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  get directory(): string {
    return this.currentDirectory;
  }

  get settings(): LogSettings {
    return this.currentSettings;
  }

  get logStartOffset(): number {
    return this.startOffset;
  }

  get logEndOffset(): number {
    return this.endOffset;
  }

  get recoveryPoint(): number {
    return this.flushedOffset;
  }

  get highWatermark(): number {
    return this.committedOffset;
  }

  get lastStableOffset(): number {
    return Math.min(this.unstableOffset ?? this.committedOffset, this.committedOffset);
  }

  get latestEpoch(): number | undefined {
    return this.epochs.latest;
  }

  get sizeBytes(): number {
    return this.segments.sizeBytes;
  }

  get segmentCount(): number {
    return this.segments.length;
  }

  /** Base offset of the oldest segment: below `logStartOffset` when that was moved into it. */
  get firstSegmentOffset(): number {
    return this.segments.first.baseOffset;
  }

  appendAsLeader(bytes: Uint8Array, context: AppendContext): AppendResult {
    this.mustBeWritable();
    const { origin, leaderEpoch, transactionVersion = 0 } = context;
    const batches = stampForLeader(bytes, this.endOffset, leaderEpoch);
    if (origin !== 'raft') this.checkSizes(batches);
    let update: ProducerUpdate | undefined;
    if (batches.producers.length > 0 && origin !== 'raft') {
      const duplicate = origin === 'client' ? this.producers.findDuplicate(bytes, batches.producers[0]!) : undefined;
      if (duplicate) return this.duplicateResult(duplicate);
      update = this.producers.begin({ origin, transactionVersion });
      for (const at of batches.producers) update.add(bytes, at);
    }
    this.append(batches, update);
    const { flushMessages } = this.currentSettings;
    return {
      baseOffset: batches.firstOffset,
      lastOffset: batches.lastOffset,
      logAppendTimeMs: this.currentSettings.timestampType === 'LogAppendTime' ? batches.maxTimestampMs : batch.NO_TIMESTAMP,
      logStartOffset: this.startOffset,
      duplicate: false,
      durable: this.endOffset - this.flushedOffset >= flushMessages ? this.flush() : undefined,
    };
  }

  private duplicateResult(duplicate: { firstOffset: number; lastOffset: number; timestampMs: number }): AppendResult {
    return {
      baseOffset: duplicate.firstOffset,
      lastOffset: duplicate.lastOffset,
      logAppendTimeMs: this.currentSettings.timestampType === 'LogAppendTime' ? duplicate.timestampMs : batch.NO_TIMESTAMP,
      logStartOffset: this.startOffset,
      duplicate: true,
      durable: this.currentSettings.flushMessages <= 1 && duplicate.lastOffset >= this.flushedOffset ? this.flush() : undefined,
    };
  }

  appendAsFollower(bytes: Uint8Array, leaderEpoch = Number.MAX_SAFE_INTEGER): { lastOffset: number } {
    this.mustBeWritable();
    const batches = describeForFollower(bytes, leaderEpoch);
    if (!batches) return { lastOffset: this.endOffset - 1 };
    if (batches.firstOffset < this.endOffset) throw new UnexpectedAppendOffsetError(batches.firstOffset, batches.lastOffset, this.endOffset);
    let update: ProducerUpdate | undefined;
    if (batches.producers.length > 0) {
      update = this.producers.begin(REPLAY);
      for (const at of batches.producers) update.add(batches.bytes, at);
    }
    this.append(batches, update);
    return { lastOffset: batches.lastOffset };
  }

  /** A log that was made but never written to has no topic yet and may be anybody's. */
  adopt(topicId: Uuid): boolean {
    if (this.currentTopicId !== ZERO_UUID || this.endOffset > 0) return false;
    this.currentTopicId = topicId;
    this.topicIdWritten = false;
    return true;
  }

  private checkSizes({ bytes, largestBatch }: Batches): void {
    const { maxMessageBytes, segmentBytes } = this.currentSettings;
    if (largestBatch > maxMessageBytes) {
      throw new KafkaError(ErrorCode.MESSAGE_TOO_LARGE, `A batch of ${largestBatch} bytes exceeds max.message.bytes of ${maxMessageBytes}`);
    }
    if (bytes.length > segmentBytes) {
      throw new KafkaError(ErrorCode.RECORD_LIST_TOO_LARGE, `${bytes.length} bytes in one append exceed segment.bytes of ${segmentBytes}`);
    }
  }

  /** All checks are passed: bytes to the file, then memory follows. */
  private append(batches: Batches, update: ProducerUpdate | undefined): void {
    this.guarded(() => {
      if (!this.topicIdWritten) this.writeTopicId();
      this.maybeRoll(batches);
      this.segments.active.append(batches.bytes);
      this.written = true;
      this.endOffset = batches.lastOffset + 1;
      this.tail.append(batches.bytes, batches.firstOffset, this.endOffset);
      for (const { epoch, startOffset } of batches.epochs) this.epochs.assign(epoch, startOffset);
      if (update) {
        this.producers.commit(update, this.endOffset, this.segments.active.txnIndex);
        this.updateUnstableOffset();
      } else {
        this.producers.updateMapEndOffset(this.endOffset);
      }
    });
    if (this.currentSettings.flushMs <= LONGEST_DELAY_MS) this.flushInTime();
  }

  /** `flush.ms`: no record waits longer for the disk. */
  private flushInTime(): void {
    this.cancelTimedFlush ??= this.host.clock.after(this.currentSettings.flushMs, () => {
      this.cancelTimedFlush = undefined;
      this.flush().catch(() => undefined);
    });
  }

  private maybeRoll({ bytes, firstOffset, lastOffset, maxTimestampMs }: Batches): void {
    const { segmentBytes, segmentMs, segmentIndexBytes } = this.currentSettings;
    const question = { nowMs: this.host.clock.nowMs(), sizeBytes: bytes.length, lastOffset, maxTimestampMs, segmentBytes, segmentMs, segmentIndexBytes };
    if (this.segments.active.shouldRoll(question)) this.rollTo(firstOffset);
  }

  roll(): void {
    this.mustBeWritable();
    this.guarded(() => this.rollTo(this.endOffset));
  }

  private rollTo(offset: number): void {
    const old = this.segments.active;
    if (old.baseOffset === offset) return;
    this.written = true;
    this.withdrawRecoveryPoint(old);
    old.seal();
    this.segments.add(this.newSegment(offset));
    // Offsets may jump here when a follower skips what compaction took; the snapshot stands for all below the new segment.
    this.producers.updateMapEndOffset(offset);
    this.producers.takeSnapshot();
    this.flush(Math.min(offset, this.endOffset)).catch(() => undefined);
  }

  /**
   * A recovery point at the very end vouches for all segments but the active one; before that one is sealed, it must not be
   * vouched for, until the flush to come has brought its indexes to the disk.
   */
  private withdrawRecoveryPoint(active: Segment): void {
    if (this.flushedOffset < this.endOffset || this.flushedOffset === active.baseOffset) return;
    this.flushedOffset = active.baseOffset;
    this.host.recoveryPointMovedBack(this.currentDirectory);
  }

  /** Its file is made at once: where it is the only one, its name keeps offsets from being used twice. */
  private newSegment(baseOffset: number): Segment {
    const segment = Segment.create(this.host, this.segmentOptions(baseOffset));
    const leftOver = this.host.disk.stat(segment.log.path);
    if (leftOver) this.host.disk.removeNow(segment.log.path);
    segment.log.now();
    this.directoryUnsynced = true;
    return segment;
  }

  private segmentOptions(baseOffset: number): { directory: string; baseOffset: number; indexIntervalBytes: number; rollJitterMs: number } {
    const { indexIntervalBytes, segmentJitterMs, segmentMs } = this.currentSettings;
    const rollJitterMs = Math.floor(this.host.random.float() * Math.min(segmentJitterMs, segmentMs));
    return { directory: this.currentDirectory, baseOffset, indexIntervalBytes, rollJitterMs };
  }

  /** Before the first record: a crash of the process must not leave records that belong to no topic. Synced by the first flush. */
  private writeTopicId(): void {
    const file = this.host.disk.open(`${this.currentDirectory}/${PARTITION_METADATA_FILE}`, { create: true });
    try {
      file.writeNow([Buffer.from(formatPartitionMetadata(this.topicId))], 0);
    } finally {
      file.close();
    }
    this.topicIdWritten = true;
    this.directoryUnsynced = true;
  }

  read(offset: number, options: ReadOptions): LogRead | Promise<LogRead> {
    this.mustBeReadable(offset);
    const limitOffset = Math.min(options.limitOffset, this.endOffset);
    const { maxBytes, minOneBatch } = options;
    if (offset >= limitOffset) return this.asRead(offset, undefined, options);
    const cached = this.tail.read(offset, { maxBytes, minOneBatch, limitOffset });
    return cached ? this.asRead(offset, cached, options) : this.readFromDisk(offset, { ...options, limitOffset });
  }

  private async readFromDisk(offset: number, options: ReadOptions): Promise<LogRead> {
    for (;;) {
      const { generation } = this;
      const found = await readCold(this.host, this.segments, offset, options).catch(error => {
        throw asCorruptMessage(error);
      });
      const release = (): void => found?.release();
      if (generation !== this.generation) {
        release();
        this.mustBeReadable(offset);
        continue;
      }
      if (!found) return this.asRead(offset, undefined, options);
      return this.asRead(offset, { buffers: [found.bytes], sizeBytes: found.bytes.length, nextOffset: found.nextOffset, release }, options);
    }
  }

  private asRead(
    offset: number,
    found: { buffers: readonly Uint8Array[]; sizeBytes: number; nextOffset: number; release?: () => void } | undefined,
    { includeAborted }: ReadOptions,
  ): LogRead {
    const { buffers, sizeBytes, nextOffset, release = NOTHING_TO_RELEASE } = found ?? { buffers: NO_BUFFERS, sizeBytes: 0, nextOffset: offset };
    if (!includeAborted) return { buffers, sizeBytes, release };
    return { buffers, sizeBytes, release, abortedTransactions: this.abortedBetween(offset, nextOffset) };
  }

  private abortedBetween(offset: number, upperBound: number): { producerId: number; firstOffset: number }[] {
    const found: { producerId: number; firstOffset: number }[] = [];
    if (upperBound <= offset) return found;
    for (const segment of this.segments.from(offset)) if (segment.txnIndex.collect(offset, upperBound, found)) break;
    return found;
  }

  updateHighWatermark(offset: number): void {
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

  async offsetForTimestamp(timestampMs: number): Promise<TimestampAndOffset | undefined> {
    this.mustBeOpen();
    return findTimestamp(this.segments, timestampMs, this.startOffset);
  }

  async offsetOfMaxTimestamp(): Promise<TimestampAndOffset | undefined> {
    this.mustBeOpen();
    return findMaxTimestamp(this.segments);
  }

  endOffsetForEpoch(epoch: number): { leaderEpoch: number; endOffset: number } {
    return this.epochs.endOffsetFor(epoch, this.endOffset);
  }

  epochForOffset(offset: number): number | undefined {
    return this.epochs.epochForOffset(offset);
  }

  assignEpochStart(epoch: number, startOffset: number): void {
    this.epochs.assign(epoch, startOffset);
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
      // From this moment on nobody reads what goes.
      this.endOffset = offset;
      this.flushedOffset = Math.min(this.flushedOffset, offset);
      this.startOffset = Math.min(this.startOffset, offset);
      if (this.committedOffset > offset) this.updateHighWatermark(offset);
      this.host.recoveryPointMovedBack(this.currentDirectory);
      this.epochs.truncateFromEnd(offset);
      this.epochs.save();
      // From the end, and durably before anything new is written: whatever stops us, what is left is one history's beginning.
      this.setAside([...this.segments].filter(segment => segment.baseOffset > offset).reverse());
      this.host.disk.syncDirectory(this.currentDirectory);
      await this.segments.active.truncateTo(offset);
      await this.rebuildProducers();
    });
  }

  async truncateFullyAndStartAt(offset: number): Promise<void> {
    assert(offset >= 0, 'a log cannot start at a negative offset');
    this.mustBeWritable();
    await this.whileTruncating(async () => {
      this.endOffset = offset;
      this.startOffset = offset;
      this.flushedOffset = Math.min(this.flushedOffset, offset);
      this.updateHighWatermark(offset);
      this.host.recoveryPointMovedBack(this.currentDirectory);
      this.epochs.clear();
      this.epochs.save();
      this.setAside([...this.segments].reverse());
      this.segments.add(this.newSegment(offset));
      this.producers.truncateFullyAndStartAt(offset);
      this.host.disk.syncDirectory(this.currentDirectory);
      await Promise.resolve();
    });
  }

  private async whileTruncating(work: () => Promise<void>): Promise<void> {
    this.truncating = true;
    this.written = true;
    this.generation++;
    this.tail.clear();
    try {
      await work();
    } catch (error) {
      throw this.noteFailure(error);
    } finally {
      this.generation++;
      this.truncating = false;
    }
    this.updateUnstableOffset();
  }

  private async rebuildProducers(): Promise<void> {
    await rebuildProducerState(this.producers, this.segments, {
      logStartOffset: this.startOffset, lastOffset: this.endOffset, nowMs: this.host.clock.nowMs(), clean: false,
    });
  }

  applyRetention(nowMs: number): number {
    this.mustBeWritable();
    return this.guarded(() => {
      const gone = deletableSegments(this.segments, this, nowMs);
      if (gone.length === 0) return 0;
      if (gone.length === this.segments.length) {
        this.rollTo(this.endOffset);
        // The new name must outlast those that go, or offsets would begin anew.
        this.host.disk.syncDirectory(this.currentDirectory);
      }
      this.incrementLogStartOffset(this.segments.after(gone.at(-1)!)!.baseOffset, 'segment deletion');
      this.setAside(gone);
      return gone.length;
    });
  }

  /** Takes segments out at once and removes their files after `file.delete.delay.ms`, by when all readers are done. */
  private setAside(gone: readonly Segment[]): void {
    this.segments.remove(gone);
    this.directoryUnsynced = true;
    const snapshots: string[] = [];
    for (const segment of gone) {
      segment.addSuffix(DELETED_SUFFIX);
      const snapshot = this.producers.setAsideSnapshot(segment.baseOffset);
      if (snapshot !== undefined) snapshots.push(snapshot);
    }
    const cancel = this.host.clock.after(this.currentSettings.fileDeleteDelayMs, () => {
      this.pendingRemovals.delete(cancel);
      const removals = [...gone.map(segment => segment.remove()), ...snapshots.map(path => this.host.disk.remove(path))];
      Promise.all(removals).catch((error: unknown) => this.noteFailure(error));
    });
    this.pendingRemovals.add(cancel);
  }

  flush(offset = this.endOffset): Promise<void> {
    if (offset <= this.flushedOffset) return Promise.resolve();
    return this.failure ? Promise.reject(this.failure) : this.flusher.request();
  }

  private async flushOnce(): Promise<void> {
    try {
      for (;;) {
        const { endOffset, generation } = this;
        const unsynced = this.segments.from(this.flushedOffset);
        for (const segment of this.segments) if (segment.indexesUnsynced || unsynced.includes(segment)) await segment.sync();
        await this.producers.syncSnapshots();
        this.epochs.save();
        if (this.directoryUnsynced || this.nameUnsynced) await this.syncDirectory();
        if (generation !== this.generation || this.hasUnsyncedIndexes) continue;
        this.flushedOffset = Math.max(this.flushedOffset, endOffset);
        return;
      }
    } catch (error) {
      throw this.noteFailure(error);
    }
  }

  private get hasUnsyncedIndexes(): boolean {
    for (const segment of this.segments) if (segment.indexesUnsynced) return true;
    return false;
  }

  private async syncDirectory(): Promise<void> {
    const { disk } = this.host;
    this.directoryUnsynced = false;
    const path = `${this.currentDirectory}/${PARTITION_METADATA_FILE}`;
    if (disk.stat(path)) {
      const file = disk.open(path);
      await file.sync().finally(() => file.close());
    }
    disk.syncDirectory(this.currentDirectory);
    if (this.nameUnsynced) disk.syncDirectory(parentOf(this.currentDirectory));
    this.nameUnsynced = false;
  }

  updateSettings(settings: LogSettings): void {
    this.currentSettings = settings;
  }

  activeProducers(): readonly ActiveProducer[] {
    return Array.from(this.producers.entries.values(), entry => ({
      producerId: entry.producerId,
      producerEpoch: entry.epoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? batch.NO_SEQUENCE,
      lastTimestampMs: entry.lastTimestampMs,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTxnStartOffset: entry.currentTxnFirstOffset,
    }));
  }

  removeExpiredProducers(nowMs: number): void {
    this.producers.removeExpired(nowMs);
  }

  /** The directory was renamed: to one that waits for deletion, or set aside. */
  movedTo(directory: string): void {
    this.currentDirectory = directory;
    for (const segment of this.segments) segment.movedTo(directory);
    this.producers.movedTo(directory);
    this.epochs.movedTo(`${directory}/${LEADER_EPOCH_FILE}`);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.endUse();
    try {
      await this.flusher.idle();
      if (!this.failure) await this.finish();
    } finally {
      for (const segment of this.segments) segment.close();
    }
  }

  /** Lets go without bringing anything to the disk: what is here is to be deleted, or its disk is gone. */
  abandon(): void {
    this.endUse();
    for (const segment of this.segments) segment.close();
  }

  /** Files that wait for removal stay; whoever opens the log next removes them. */
  private endUse(): void {
    this.closed = true;
    this.tail.clear();
    this.cancelTimedFlush?.();
    for (const cancel of this.pendingRemovals) cancel();
    this.pendingRemovals.clear();
  }

  private async finish(): Promise<void> {
    if (this.written) {
      this.segments.active.seal();
      this.producers.takeSnapshot();
    }
    if (this.flushedOffset < this.endOffset || this.directoryUnsynced) await this.flusher.request();
    this.epochs.save();
  }

  private get name(): string {
    return `${this.topic}-${this.partition}`;
  }

  private mustBeOpen(): void {
    if (this.failure) throw this.failure;
    if (this.closed) throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER, `The log of ${this.name} is closed`);
  }

  private mustBeWritable(): void {
    this.mustBeOpen();
    assert(!this.truncating, 'nothing is written while a log is being truncated');
  }

  private mustBeReadable(offset: number): void {
    this.mustBeOpen();
    if (offset >= this.startOffset && offset <= this.endOffset) return;
    throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE, `${this.name} has offsets from ${this.startOffset} to ${this.endOffset}, not ${offset}`);
  }

  private guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.noteFailure(error);
    }
  }

  /** After a failed write or sync nobody knows what the disk holds: the log stays as it is until it is opened anew. */
  private noteFailure(error: unknown): unknown {
    if (error instanceof DiskError && !this.failure && !this.closed) {
      this.failure = error;
      this.host.diskFailed(this.currentDirectory, error);
    }
    return error;
  }
}

/** Beyond it, timers of Node run at once; so long a time is none. */
const LONGEST_DELAY_MS = 0x7fff_ffff;
const NO_BUFFERS: readonly Uint8Array[] = [];
const NOTHING_TO_RELEASE = (): void => undefined;
