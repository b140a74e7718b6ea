import type { LogSettings } from '../../config/log-settings.js';
import { MalformedError } from '../../base/bytes.js';
import * as batch from '../../protocol/records/batch.js';
import type { LogHost } from '../host.js';
import { LeaderEpochs, type EpochEntry } from './leader-epochs.js';
import type { LoadedLog } from './loaded-log.js';
import {
  CLEANED_SUFFIX, DELETED_SUFFIX, LEADER_EPOCH_FILE, LOG_SUFFIX, METADATA_SNAPSHOT_DELETED_SUFFIX, OFFSET_INDEX_SUFFIX,
  PARTITION_METADATA_FILE, SWAP_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX, offsetOfFile, segmentFile,
} from '../paths.js';
import { rebuildProducerState, restoreProducerState } from '../producers/producer-rebuild.js';
import { recallBatches } from '../producers/producer-recall.js';
import { ProducerState } from '../producers/producer-state.js';
import { scanBatches } from '../segment/batch-scan.js';
import { GapMark, isGapMark, readGapMark } from '../segment/gap-mark.js';
import { refuseOldFormat } from '../segment/old-format.js';
import { Segment, type SegmentCut, type SegmentOptions } from '../segment/segment.js';
import { segmentOptions } from '../segment/segment-files.js';
import { SegmentList } from '../segment/segment-list.js';

export interface LoadOptions {
  readonly directory: string;
  readonly settings: LogSettings;
  /** The directory was closed in order: what its files say is believed. */
  readonly clean: boolean;
  /** From the checkpoints; 0 when they say nothing. */
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly contiguous: boolean;
}

/**
 * Reads a partition's directory (`LogLoader`), after whatever end its last owner had: left-overs are cleared away, compaction's
 * swaps finished, what may be torn is checked batch by batch and cut at the first that is wrong. Within the turn when it was
 * closed in order. Fails with `OldFormatLogError`, nothing having been cut, where there are messages of an old format.
 */
export function loadLog(host: LogHost, options: LoadOptions): LoadedLog | Promise<LoadedLog> {
  const loader = new LogLoader(host, options);
  loader.refuseOldFormat();
  const loaded = loader.loadNow();
  if (loaded !== undefined) return loaded;
  return new LogLoader(host, loader.isDoubtful ? { ...options, clean: false } : options).load();
}

class LogLoader {
  private readonly segments = new SegmentList();
  private readonly epochs: LeaderEpochs;
  private readonly producers: ProducerState;
  private readonly clean: boolean;
  private readonly recoveryPoint: number;
  private names: string[];
  /** `names` as they were when the segments were opened. */
  private present: ReadonlySet<string> = new Set();
  /** What should vouch for the records does not: they are to be read again. */
  isDoubtful = false;
  /** A segment was scanned, which leaves snapshots that `names` does not know. */
  private scanned = false;

  constructor(private readonly host: LogHost, private readonly options: LoadOptions) {
    const { directory } = options;
    this.epochs = new LeaderEpochs(host.disk, `${directory}/${LEADER_EPOCH_FILE}`);
    this.producers = new ProducerState(host.disk, directory, host.producerExpirationMs);
    // Without its epochs a log cannot be replicated; the records tell them again, all of them.
    this.clean = options.clean && !this.epochs.damaged;
    this.recoveryPoint = this.epochs.damaged ? 0 : options.recoveryPoint;
    this.names = host.disk.list(directory);
  }

  refuseOldFormat(): void {
    // Sorted names: the first is the one with the oldest records.
    const first = this.names.find(name => name.endsWith(LOG_SUFFIX));
    if (first !== undefined) refuseOldFormat(this.host.disk, `${this.options.directory}/${first}`);
  }

  /** What a log takes that was closed in order, as far as nobody has touched it; undefined: it must be loaded in full. */
  loadNow(): LoadedLog | undefined {
    if (!this.clean || this.clearTemporaryFiles()) return undefined;
    this.removeOrphanIndexes();
    for (const segment of this.segmentsFound()) {
      this.segments.add(segment);
      if (!this.hasSoundIndexes(segment)) return undefined;
    }
    const logEndOffset = this.endNow();
    if (logEndOffset === undefined) return undefined;
    const logStartOffset = Math.max(this.options.logStartOffset, this.segments.first.baseOffset);
    this.epochs.truncateFromEnd(logEndOffset);
    this.epochs.truncateFromStart(logStartOffset);
    this.producers.adoptSnapshots(this.names, this.segments.baseOffsets);
    const nowMs = this.host.clock.nowMs();
    if (!restoreProducerState(this.producers, this.segments, { logStartOffset, lastOffset: logEndOffset, nowMs, clean: true })) {
      this.isDoubtful = true;
      return undefined;
    }
    recallBatches(this.producers, this.segments, { nowMs, logStartOffset, clean: true });
    return this.loaded(logStartOffset, logEndOffset, logEndOffset);
  }

  private loaded(logStartOffset: number, logEndOffset: number, recoveryPoint: number): LoadedLog {
    const { segments, epochs, producers } = this;
    return {
      segments, epochs, producers, logStartOffset, logEndOffset, recoveryPoint,
      isUnsynced: !this.clean,
      gaps: this.gapsOf(),
      hasTopicId: this.names.includes(PARTITION_METADATA_FILE),
    };
  }

  /** Where nobody vouches for what is there, all that follows the last segment from now on can be vouched for. */
  private gapsOf(): GapMark {
    const { gaplessFrom: noted } = this;
    return new GapMark(this.host.disk, noted ?? this.segments.active.baseOffset, noted, this.clean || this.options.contiguous);
  }

  private get gaplessFrom(): number | undefined {
    return this.options.contiguous ? 0 : readGapMark(this.names);
  }

  /** The offset after the last record; undefined when the last segment is torn, or the log ends before its start. */
  private endNow(): number | undefined {
    const { logStartOffset } = this.options;
    if (this.segments.length === 0) return this.beginAt(logStartOffset);
    const { active } = this.segments;
    const { nextOffset, position } = active.findEndNow();
    return position === active.sizeBytes && nextOffset >= logStartOffset ? nextOffset : undefined;
  }

  async load(): Promise<LoadedLog> {
    const { host, options } = this;
    if (this.clearTemporaryFiles()) await this.finishSwaps();
    this.removeOrphanIndexes();
    await this.openSegments();
    if (!this.clean) await this.recoverFrom(this.recoveryPoint);
    const logEndOffset = await this.findEnd();
    const recoveryPoint = this.clean ? logEndOffset : Math.min(this.recoveryPoint, logEndOffset);
    const logStartOffset = Math.max(options.logStartOffset, this.segments.first.baseOffset);
    this.epochs.truncateFromEnd(logEndOffset);
    await this.recallEpochs(logStartOffset, logEndOffset);
    this.epochs.truncateFromStart(logStartOffset);
    this.producers.adoptSnapshots(this.scanned ? host.disk.list(options.directory) : this.names, this.segments.baseOffsets);
    await rebuildProducerState(this.producers, this.segments, {
      logStartOffset, lastOffset: logEndOffset, nowMs: host.clock.nowMs(), clean: this.clean,
    });
    recallBatches(this.producers, this.segments, { nowMs: host.clock.nowMs(), logStartOffset, clean: this.clean });
    return this.loaded(logStartOffset, logEndOffset, recoveryPoint);
  }

  /** Removes what was on its way out, and what compaction had not finished; whether a finished swap waits to be made real. */
  private clearTemporaryFiles(): boolean {
    const cleaned = this.names.filter(name => name.endsWith(CLEANED_SUFFIX));
    const firstCleaned = Math.min(...cleaned.map(name => offsetOfFile(name) ?? Infinity));
    // A split that was under way wrote `.cleaned` files first: swaps at or beyond them are not whole.
    const swaps = this.names.filter(name => name.endsWith(SWAP_SUFFIX));
    const unfinished = swaps.filter(name => (offsetOfFile(name) ?? -1) >= firstCleaned);
    const deleted = this.names.filter(name => name.endsWith(DELETED_SUFFIX) && !name.endsWith(METADATA_SNAPSHOT_DELETED_SUFFIX) && !isGapMark(name));
    this.removeFiles([...deleted, ...unfinished, ...cleaned]);
    return swaps.length > unfinished.length;
  }

  /** A swap stands for all segments in its range: those go, and it gets its name. */
  private async finishSwaps(): Promise<void> {
    const { disk } = this.host;
    const swaps = this.names.filter(name => name.endsWith(SWAP_SUFFIX));
    let first = Infinity;
    let end = -Infinity;
    const bases = swaps.filter(swap => swap.endsWith(LOG_SUFFIX + SWAP_SUFFIX)).map(offsetOfFile).filter(base => base !== undefined);
    for (const baseOffset of bases) {
      const segment = Segment.open(this.host, this.segmentOptions(baseOffset), SWAP_SUFFIX);
      first = Math.min(first, baseOffset);
      end = Math.max(end, (await segment.findEnd()).nextOffset);
      segment.close();
    }
    this.removeFiles(this.names.filter(name => {
      const offset = offsetOfFile(name);
      // Where nothing is left of a segment, its swap is empty: its old indexes must not stay all the same.
      return offset !== undefined && !name.endsWith(SWAP_SUFFIX) && ((offset >= first && offset < end) || bases.includes(offset));
    }));
    for (const name of swaps) {
      const path = `${this.options.directory}/${name}`;
      disk.rename(path, path.slice(0, -SWAP_SUFFIX.length));
    }
    this.names = disk.list(this.options.directory);
  }

  private removeOrphanIndexes(): void {
    const logs = new Set(this.names.filter(name => name.endsWith(LOG_SUFFIX)).map(offsetOfFile));
    this.removeFiles(this.names.filter(name =>
      [OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX].some(suffix => name.endsWith(suffix)) && !logs.has(offsetOfFile(name))));
  }

  private removeFiles(names: readonly string[]): void {
    for (const name of names) this.host.disk.removeNow(`${this.options.directory}/${name}`);
    if (names.length > 0) this.names = this.names.filter(name => !names.includes(name));
  }

  private async openSegments(): Promise<void> {
    for (const segment of this.segmentsFound()) {
      this.segments.add(segment);
      // Those beyond the recovery point are scanned anyway.
      if (!this.clean && segment.baseOffset >= this.recoveryPoint) continue;
      if (!this.hasSoundIndexes(segment)) await this.recoverSegment(segment);
    }
  }

  private segmentsFound(): Segment[] {
    this.present = new Set(this.names);
    const bases = this.names.filter(name => name.endsWith(LOG_SUFFIX)).map(offsetOfFile).filter(base => base !== undefined);
    return bases.sort((a, b) => a - b).map(baseOffset => Segment.open(this.host, this.segmentOptions(baseOffset)));
  }

  private has(segment: Segment, suffix: string): boolean {
    return this.present.has(segmentFile('', segment.baseOffset, suffix).slice(1));
  }

  private hasSoundIndexes(segment: Segment): boolean {
    if (!this.has(segment, OFFSET_INDEX_SUFFIX)) {
      if (segment.sizeBytes > 0) return false;
      // One that a start made, and nobody wrote to, has none yet.
      for (const index of [segment.offsetIndex, segment.timeIndex]) index.reset();
    }
    if (!this.has(segment, TXN_INDEX_SUFFIX)) return true;
    try {
      segment.txnIndex.check(segment.baseOffset);
      return true;
    } catch (error) {
      if (error instanceof MalformedError) return false;
      throw error;
    }
  }

  /** Checks every segment that holds records from `offset` on; at the first bad batch the log ends. */
  private async recoverFrom(offset: number): Promise<void> {
    const { gaplessFrom = Infinity } = this;
    for (const segment of this.segments.from(offset)) {
      // The log was found to end before it.
      if (segment.baseOffset > this.segments.active.baseOffset) return;
      const { nextOffset } = await this.recoverSegment(segment);
      const next = this.segments.after(segment);
      if (next && next.baseOffset > nextOffset && nextOffset >= gaplessFrom) return this.endAfter(segment, 0);
    }
  }

  /** The log ends with `segment`. Those after it go first: a stop in between must not make them its continuation. */
  private async endAfter(segment: Segment, truncatedBytes: number): Promise<void> {
    const later = [...this.segments].filter(({ baseOffset }) => baseOffset > segment.baseOffset);
    this.host.logger.warn('log was cut where it is torn or damaged', {
      directory: this.options.directory, segment: segment.baseOffset, truncatedBytes, segmentsRemoved: later.length,
    });
    await this.removeSegments(later);
  }

  private async recoverSegment(segment: Segment): Promise<{ truncatedBytes: number; nextOffset: number }> {
    this.scanned = true;
    const producers = new ProducerState(this.host.disk, this.options.directory, this.host.producerExpirationMs);
    producers.adoptSnapshots(this.host.disk.list(this.options.directory), this.segments.baseOffsets);
    await rebuildProducerState(producers, this.segments, {
      logStartOffset: this.options.logStartOffset, lastOffset: segment.baseOffset, nowMs: this.host.clock.nowMs(), clean: false,
    });
    const recovered = await segment.recover(producers, this.epochs, cut => this.beforeCut(segment, cut));
    // The next segment's recovery begins from here.
    producers.takeSnapshot();
    await producers.syncSnapshots();
    return recovered;
  }

  private async beforeCut(segment: Segment, { truncatedBytes, nextOffset, isZero }: SegmentCut): Promise<void> {
    // Zeros are room that was taken in advance, or the rest of a block that a write past the page cache left, unless the next segment
    // tells that there were records.
    if (isZero && (this.segments.after(segment)?.baseOffset ?? nextOffset) === nextOffset) return;
    await this.endAfter(segment, truncatedBytes);
  }

  private async removeSegments(gone: readonly Segment[]): Promise<void> {
    this.segments.remove(gone);
    // From the end: a stop in between must leave no gap.
    for (const segment of gone.toReversed()) await segment.remove();
    this.host.disk.syncDirectory(this.options.directory);
  }

  /** The offset after the last record; afterwards there is an active segment, without a torn end. */
  private async findEnd(): Promise<number> {
    const { logStartOffset } = this.options;
    let end = await this.endOfLast();
    if (end !== undefined && end < logStartOffset) {
      this.host.logger.warn('log ends before its start offset: all segments are dropped', { directory: this.options.directory, end, logStartOffset });
      await this.removeSegments([...this.segments]);
      this.epochs.clear();
      this.producers.truncateFullyAndStartAt(logStartOffset);
      end = undefined;
    }
    return end ?? this.beginAt(logStartOffset);
  }

  private beginAt(offset: number): number {
    const fresh = Segment.create(this.host, this.segmentOptions(offset));
    // Of a log that begins at 0 the name tells nothing; any other must be there before its offsets are used.
    if (offset > 0) fresh.log.now();
    this.segments.add(fresh);
    return offset;
  }

  /**
   * The epochs may have been saved when the start had moved on, and the start not: what is before them stands in the records.
   */
  private async recallEpochs(logStartOffset: number, logEndOffset: number): Promise<void> {
    const known = this.epochs.all[0]?.startOffset ?? logEndOffset;
    if (this.clean || known <= logStartOffset) return;
    const found: EpochEntry[] = [];
    for (const segment of this.segments.from(logStartOffset)) {
      if (segment.baseOffset >= known) break;
      const range = { from: segment.offsetIndex.lookup(logStartOffset).position, to: segment.sizeBytes };
      await scanBatches(segment.log, range, {}, ({ bytes, at }) => {
        if (batch.baseOffset(bytes, at) >= known) return false;
        const epoch = batch.partitionLeaderEpoch(bytes, at);
        if (epoch >= 0 && batch.nextOffset(bytes, at) > logStartOffset) found.push({ epoch, startOffset: Math.max(batch.baseOffset(bytes, at), logStartOffset) });
        return true;
      });
    }
    if (found.length > 0) this.epochs.precede(found);
  }

  private async endOfLast(): Promise<number | undefined> {
    if (this.segments.length === 0) return undefined;
    const { active } = this.segments;
    const { nextOffset, position } = await active.findEnd();
    if (position === active.sizeBytes) return nextOffset;
    // Said to be clean, but torn: somebody has touched it.
    await this.recoverSegment(active);
    return (await active.findEnd()).nextOffset;
  }

  private segmentOptions(baseOffset: number): SegmentOptions {
    return segmentOptions(this.host, this.options.directory, baseOffset, this.options.settings);
  }
}
