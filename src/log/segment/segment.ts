import * as batch from '../../protocol/records/batch.js';
import type { ProducerState } from '../producers/producer-state.js';
import type { LeaderEpochs } from '../partition/leader-epochs.js';
import { isZero, scanBatches, scanBatchesNow, type ScannedBatch } from './batch-scan.js';
import type { LogHost } from '../host.js';
import type { LogTail } from '../reads/tail-cache.js';
import { LogFile } from './log-file.js';
import { OffsetIndex } from './offset-index.js';
import { LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX, nameOf, segmentFile } from '../paths.js';
import { TimeIndex, type TimestampOffset } from './time-index.js';
import { maxRecordTimestampOf, maxTimestampOf } from './timestamps.js';
import { TransactionIndex } from './txn-index.js';
import type { DiskWays } from './write-ways.js';

/** How far from the base an offset may be: indexes hold the difference in 32 bits. */
export const MAX_RELATIVE_OFFSET = 0x7fff_ffff;
/** Ends of late reads that are kept, so that a reader who goes on need not be looked up. */
const READ_HINTS = 4;

/** What a segment needs of its host. */
export type SegmentHost = Pick<LogHost, 'disk' | 'clock' | 'files' | 'indexBudget'> & { readonly writeWays: Pick<DiskWays, 'of'> };

export interface SegmentOptions {
  readonly directory: string;
  readonly baseOffset: number;
  readonly indexIntervalBytes: number;
  /** Taken off `segment.ms`, so that logs written alike do not all roll in one moment. */
  readonly rollJitterMs: number;
  /** How large an index may get before the segment is full. */
  readonly maxIndexBytes: number;
  /** The size that the `.log` file of a new segment gets at once; 0: it grows as it is written. */
  readonly preallocatedBytes: number;
}

/** What recovery is about to cut off a segment. */
export interface SegmentCut {
  readonly truncatedBytes: number;
  /** The offset after what is left. */
  readonly nextOffset: number;
  /** There is nothing in it but zeros. */
  readonly isZero: boolean;
}

/** What decides whether a segment can take an append, or a new one begins. */
export interface RollQuestion {
  readonly nowMs: number;
  readonly sizeBytes: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  readonly segmentBytes: number;
  readonly segmentMs: number;
}

/** A `.log` file and its indexes (`LogSegment`); its name is the offset of its first record, or lower. */
export class Segment {
  readonly baseOffset: number;
  readonly log: LogFile;
  readonly offsetIndex: OffsetIndex;
  readonly timeIndex: TimeIndex;
  readonly txnIndex: TransactionIndex;
  sizeBytes: number;
  /** The indexes have been written whole, and wait to be synced before the recovery point may pass this segment. */
  indexesUnsynced = false;
  private readonly indexIntervalBytes: number;
  private readonly rollJitterMs: number;
  private readonly maxIndexBytes: number;
  private createdMs: number;
  private bytesSinceIndexEntry = 0;
  /** undefined: not read from the time index yet. */
  private largest: TimestampOffset | undefined;
  /** Of the first batch: time-based rolling counts from it. undefined: not read yet. */
  private firstTimestampMs: number | undefined;
  private readonly readHints: { offset: number; position: number }[] = [];
  private nextHint = 0;

  private constructor(private readonly host: SegmentHost, options: SegmentOptions, fresh: boolean, aside: string) {
    const { directory, baseOffset } = options;
    const path = (suffix: string): string => segmentFile(directory, baseOffset, suffix + aside);
    this.baseOffset = baseOffset;
    this.indexIntervalBytes = options.indexIntervalBytes;
    this.rollJitterMs = options.rollJitterMs;
    this.maxIndexBytes = options.maxIndexBytes;
    this.createdMs = host.clock.nowMs();
    this.log = new LogFile(host.files.file(path(LOG_SUFFIX), { create: fresh }), host.writeWays.of(directory), fresh ? options.preallocatedBytes : 0);
    this.offsetIndex = new OffsetIndex(host.disk, host.indexBudget, path(OFFSET_INDEX_SUFFIX), baseOffset, fresh);
    this.timeIndex = new TimeIndex(host.disk, host.indexBudget, path(TIME_INDEX_SUFFIX), baseOffset, fresh);
    this.txnIndex = new TransactionIndex(host.disk, path(TXN_INDEX_SUFFIX), fresh);
    this.sizeBytes = fresh ? 0 : host.disk.stat(this.log.path)!.sizeBytes;
    if (fresh) this.largest = { timestampMs: batch.NO_TIMESTAMP, offset: baseOffset };
  }

  /** A new, empty segment, its files under its name and `aside`. They come into being when there is something to write. */
  static create(host: SegmentHost, options: SegmentOptions, aside = ''): Segment {
    return new Segment(host, options, true, aside);
  }

  /** A segment whose `.log` file is there, under its name and what may follow it. Nothing but its size is read. */
  static open(host: SegmentHost, options: SegmentOptions, aside = ''): Segment {
    return new Segment(host, options, false, aside);
  }

  shouldRoll(question: RollQuestion): boolean {
    const { sizeBytes } = this;
    if (sizeBytes > question.segmentBytes - question.sizeBytes) return true;
    if (sizeBytes > 0 && this.waitedMs(question) > question.segmentMs - this.rollJitterMs) return true;
    return question.lastOffset - this.baseOffset > MAX_RELATIVE_OFFSET
      || this.offsetIndex.count >= OffsetIndex.maxEntries(this.maxIndexBytes)
      || this.timeIndex.count >= TimeIndex.maxEntries(this.maxIndexBytes);
  }

  /** By the records' own time when they have one, so that replaying old data rolls as it did then. */
  private waitedMs({ nowMs, maxTimestampMs }: RollQuestion): number {
    const firstTimestampMs = this.firstBatchTimestamp();
    return firstTimestampMs >= 0 ? maxTimestampMs - firstTimestampMs : nowMs - this.createdMs;
  }

  /** The largest timestamp of the first batch; -1 when there is none. */
  firstBatchTimestamp(): number {
    return (this.firstTimestampMs ??= this.readFirstTimestamp());
  }

  private readFirstTimestamp(): number {
    const header = Buffer.allocUnsafe(batch.BATCH_OVERHEAD);
    const length = this.log.now().readNow(header, 0, header.length, 0);
    return length < header.length ? batch.NO_TIMESTAMP : maxTimestampOf(header, 0);
  }

  /** Adds whole batches at the end and indexes them. They are written at once, or, when a tail keeps them, with the next write. */
  append(bytes: Uint8Array, tail?: LogTail): void {
    let position = this.sizeBytes;
    this.log.append(bytes, position, tail);
    for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) {
      this.index(bytes, at, position + at);
    }
    if (position === 0) this.firstTimestampMs = maxTimestampOf(bytes, 0);
    position += bytes.length;
    this.sizeBytes = position;
  }

  /** Notes a batch in the indexes: an entry each time that more than the interval was written since the last. */
  private index(bytes: Uint8Array, at: number, position: number): void {
    const timestampMs = maxRecordTimestampOf(bytes, at);
    const largest = this.largestTimestamp();
    if (timestampMs > largest.timestampMs) this.largest = { timestampMs, offset: batch.lastOffset(bytes, at) };
    if (this.bytesSinceIndexEntry > this.indexIntervalBytes) {
      this.offsetIndex.append(batch.lastOffset(bytes, at), position);
      this.closeTimeIndex();
      this.bytesSinceIndexEntry = 0;
    }
    this.bytesSinceIndexEntry += batch.sizeInBytes(bytes, at);
  }

  /** The largest timestamp and the last offset of the batch that has it; -1 and the base offset when there is none. */
  largestTimestamp(): TimestampOffset {
    this.largest ??= this.timeIndex.last;
    return this.largest;
  }

  /** How old it is: the largest timestamp, or when nothing here has one, when the file was last written (`LogSegment.largestTimestamp`). */
  retentionTimestampMs(): number {
    const { timestampMs } = this.largestTimestamp();
    if (timestampMs >= 0) return timestampMs;
    return this.host.disk.stat(this.log.path)?.modifiedMs ?? this.createdMs;
  }

  /** Enters the largest timestamp into the time index. */
  private closeTimeIndex(): void {
    const { timestampMs, offset } = this.largestTimestamp();
    this.timeIndex.maybeAppend(timestampMs, offset);
  }

  /** Nothing will be appended any more: the indexes reach their files, and the `.log` keeps no room. */
  seal(): void {
    this.log.write();
    this.log.trim(this.sizeBytes);
    this.closeTimeIndex();
    this.offsetIndex.save();
    this.timeIndex.save();
    this.indexesUnsynced = true;
  }

  async sync(): Promise<void> {
    // Whoever seals while this waits sets the mark again, for the next flush.
    const indexes = this.indexesUnsynced;
    this.indexesUnsynced = false;
    try {
      await this.log.afterWrites(file => file.sync());
      if (indexes) await Promise.all([this.offsetIndex.sync(), this.timeIndex.sync()]);
      await this.txnIndex.sync();
    } catch (error) {
      this.indexesUnsynced ||= indexes;
      throw error;
    }
  }

  /**
   * Where to look for an offset: `exact` when a batch that holds it, or the first one after it, begins there; else a batch
   * before it does.
   */
  locate(offset: number): { position: number; exact: boolean } {
    const hint = this.readHints.find(candidate => candidate.offset === offset);
    if (hint) return { position: hint.position, exact: true };
    return { position: this.offsetIndex.lookup(offset).position, exact: false };
  }

  /** A read from `from` ended before `offset`, at a position: the next one likely begins there, and no other where this one did. */
  rememberRead(from: number, offset: number, position: number): void {
    const known = this.readHints.findIndex(hint => hint.offset === from);
    this.readHints[known < 0 ? this.nextHint : known] = { offset, position };
    if (known < 0) this.nextHint = (this.nextHint + 1) % READ_HINTS;
  }

  /** Whether a late read ended before `offset`, and who asks for it goes on. */
  isReadEnd(offset: number): boolean {
    return this.readHints.some(hint => hint.offset === offset);
  }

  /** Position of the first batch that ends at or after `offset`; the size when there is none. */
  async positionOf(offset: number): Promise<number> {
    const from = this.offsetIndex.lookup(offset).position;
    return scanBatches(this.log, { from, to: this.sizeBytes }, {}, ({ bytes, at }) => batch.lastOffset(bytes, at) < offset);
  }

  /** Cuts off `offset` and all after it. */
  async truncateTo(offset: number): Promise<void> {
    const position = await this.positionOf(offset);
    this.offsetIndex.truncateTo(offset);
    this.timeIndex.truncateTo(offset);
    this.txnIndex.truncateTo(offset);
    await this.cut(position);
    this.sizeBytes = position;
    this.readHints.length = 0;
    this.nextHint = 0;
    this.bytesSinceIndexEntry = 0;
    if (position === 0) {
      this.createdMs = this.host.clock.nowMs();
      this.firstTimestampMs = undefined;
    }
    await this.rereadLargestTimestamp();
  }

  /** Durably at once: after a power loss, old bytes behind new ones could pass for their continuation. */
  private async cut(position: number): Promise<void> {
    await this.log.afterWrites(async file => {
      await file.truncate(position);
      await file.sync();
    });
  }

  /** The time index may end before the records do. */
  private async rereadLargestTimestamp(): Promise<void> {
    let largest = this.timeIndex.last;
    const from = this.offsetIndex.lookup(largest.offset).position;
    await scanBatches(this.log, { from, to: this.sizeBytes }, {}, ({ bytes, at }) => {
      const timestampMs = maxRecordTimestampOf(bytes, at);
      if (timestampMs > largest.timestampMs) largest = { timestampMs, offset: batch.lastOffset(bytes, at) };
    });
    this.largest = largest;
  }

  /** The offset after the last whole batch, and where that batch ends; less than the size when the file has a torn end. */
  async findEnd(): Promise<{ nextOffset: number; position: number }> {
    const end = new EndFinder(this);
    return end.at(await scanBatches(this.log, end.range, {}, end.visit));
  }

  /** The same within the turn: little is read where the index is whole. */
  findEndNow(): { nextOffset: number; position: number } {
    const end = new EndFinder(this);
    return end.at(scanBatchesNow(this.log, end.range, {}, end.visit));
  }

  /**
   * Reads the whole segment, checks every batch, and rebuilds the indexes, the producers and the epochs from it. The first batch
   * that is not right, and all after it, are cut off, once `beforeCut` is done. Resolves to the number of bytes cut off, and the
   * offset after the last.
   */
  async recover(producers: ProducerState, epochs: LeaderEpochs, beforeCut: (cut: SegmentCut) => Promise<void>): Promise<{ truncatedBytes: number; nextOffset: number }> {
    this.offsetIndex.reset();
    this.timeIndex.reset();
    this.txnIndex.reset();
    this.largest = { timestampMs: batch.NO_TIMESTAMP, offset: this.baseOffset };
    this.firstTimestampMs = undefined;
    this.bytesSinceIndexEntry = 0;
    let nextOffset = this.baseOffset;
    const valid = await scanBatches(this.log, { from: 0, to: this.sizeBytes }, { verify: true }, ({ bytes, at, position }) => {
      const first = batch.baseOffset(bytes, at);
      const last = batch.lastOffset(bytes, at);
      if (first < this.baseOffset || last - this.baseOffset > MAX_RELATIVE_OFFSET) return false;
      this.index(bytes, at, position);
      const epoch = batch.partitionLeaderEpoch(bytes, at);
      if (epoch >= 0 && epoch > (epochs.latest ?? -1)) epochs.assign(epoch, first);
      producers.replay(bytes, at, this.txnIndex);
      nextOffset = last + 1;
      return true;
    });
    const truncatedBytes = this.sizeBytes - valid;
    if (truncatedBytes > 0) {
      await beforeCut({ truncatedBytes, nextOffset, isZero: await isZero(this.log, { from: valid, to: this.sizeBytes }) });
      await this.cut(valid);
    }
    this.sizeBytes = valid;
    this.seal();
    return { truncatedBytes, nextOffset };
  }

  /** Gives every file another suffix, such as `.deleted`. */
  addSuffix(suffix: string): void {
    this.changeSuffix('', suffix);
  }

  /** Gives every file the suffix `to` where it has `from`: the `.log` first, which recovery goes by. */
  changeSuffix(from: string, to: string): void {
    const renamed = (path: string): string => path.slice(0, path.length - from.length) + to;
    this.log.write();
    // What has no file changes its name all the same: the next segment may begin at the same offset.
    if (this.host.disk.stat(this.log.path)) this.log.rename(renamed(this.log.path));
    else this.log.movedTo(renamed(this.log.path));
    for (const file of [this.offsetIndex, this.timeIndex, this.txnIndex]) file.rename(renamed(file.path));
  }

  /** Removes the files for good. */
  async remove(): Promise<void> {
    this.abandon();
    for (const file of [this.log, this.offsetIndex, this.timeIndex, this.txnIndex]) await this.host.disk.remove(file.path);
  }

  movedTo(directory: string): void {
    for (const file of [this.log, this.offsetIndex, this.timeIndex, this.txnIndex]) file.movedTo(`${directory}/${nameOf(file.path)}`);
  }

  /** Lets go without writing: nobody needs what is not written. */
  abandon(): void {
    this.log.giveUp();
    this.close();
  }

  /** Lets go of descriptors and memory. */
  close(): void {
    this.log.close();
    this.offsetIndex.unload();
    this.timeIndex.unload();
  }
}

class EndFinder {
  readonly range: { from: number; to: number };
  private nextOffset: number;

  constructor({ baseOffset, offsetIndex, sizeBytes }: Segment) {
    this.nextOffset = baseOffset;
    this.range = { from: offsetIndex.lookup(Number.MAX_SAFE_INTEGER).position, to: sizeBytes };
  }

  readonly visit = ({ bytes, at }: ScannedBatch): void => {
    this.nextOffset = batch.nextOffset(bytes, at);
  };

  at(position: number): { nextOffset: number; position: number } {
    return { nextOffset: this.nextOffset, position };
  }
}
