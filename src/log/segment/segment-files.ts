import type { LogSettings } from '../../config/log-settings.js';
import type { Cancel } from '../../env/index.js';
import type { Batches } from '../partition/append-batches.js';
import type { LogHost } from '../host.js';
import { CLEANED_SUFFIX, DELETED_SUFFIX, SWAP_SUFFIX } from '../paths.js';
import type { ProducerState } from '../producers/producer-state.js';
import type { GapMark } from './gap-mark.js';
import { Segment, type SegmentOptions } from './segment.js';
import type { SegmentList } from './segment-list.js';

/** What must be known of a log to make and remove its segments. */
export interface SegmentedLog {
  readonly directory: string;
  readonly settings: LogSettings;
  readonly segments: SegmentList;
  readonly producers: ProducerState;
  noteFailure(error: unknown): unknown;
}

/** Begins and ends the lives of a log's segments on the disk. */
export class SegmentFiles {
  private readonly pendingRemovals = new Set<Cancel>();

  constructor(
    private readonly host: LogHost,
    private readonly log: SegmentedLog,
    private readonly gaps: GapMark,
    private readonly namesChanged: () => void,
  ) {}

  /** Adds an empty segment. Its file is made at once: where it is the only one, its name keeps offsets from being used twice. */
  begin(baseOffset: number): void {
    const segment = Segment.create(this.host, segmentOptions(this.host, this.log.directory, baseOffset, this.log.settings));
    if (this.host.disk.stat(segment.log.path)) this.host.disk.removeNow(segment.log.path);
    segment.log.now();
    this.namesChanged();
    this.log.segments.add(segment);
  }

  /** Whether an append no longer fits the active segment. */
  mustRoll({ bytes, lastOffset, maxTimestampMs }: Batches): boolean {
    const { segments, settings } = this.log;
    const { segmentBytes } = settings;
    return segments.active.shouldRoll({ nowMs: this.host.clock.nowMs(), sizeBytes: bytes.length, lastOffset, maxTimestampMs, segmentBytes, segmentMs: maxSegmentMs(settings) });
  }

  /** Ends the active segment and begins another. */
  roll(offset: number): void {
    const { segments, producers } = this.log;
    segments.active.seal();
    const { baseOffset: lastBaseOffset } = segments.active;
    this.gaps.beforeSegment(this.log.directory, { lastBaseOffset, endOffset: segments.active.findEndNow().nextOffset, baseOffset: offset });
    this.begin(offset);
    // Offsets may jump here when a follower skips what compaction took; the snapshot stands for all below the new segment.
    producers.updateMapEndOffset(offset);
    producers.takeSnapshot();
  }

  /**
   * Takes segments out at once, in the order given, and removes their files after `file.delete.delay.ms`, by when all readers
   * are done.
   */
  setAside(gone: readonly Segment[]): void {
    this.log.segments.remove(gone);
    this.renameToRemove(gone, gone);
  }

  /**
   * Puts what compaction wrote in the place of `old`, under the base offset of the first. Whatever stops us, the next start finds
   * one or the other whole (`LocalLog.replaceSegments`): once the last file is called `.swap` it counts, and only then may the
   * old ones go; once they have, it gets its name.
   */
  replace(old: readonly Segment[]): void {
    const { log, host } = this;
    const { baseOffset } = old[0]!;
    this.gaps.beforeCompacted(log.directory, log.segments.after(old.at(-1)!)!.baseOffset);
    const segment = Segment.open(host, segmentOptions(host, log.directory, baseOffset, log.settings), CLEANED_SUFFIX);
    segment.changeSuffix(CLEANED_SUFFIX, SWAP_SUFFIX);
    host.disk.syncDirectory(log.directory);
    log.segments.replace(old, segment);
    this.renameToRemove(old, old.slice(1));
    segment.changeSuffix(SWAP_SUFFIX, '');
    host.disk.syncDirectory(log.directory);
  }

  /** Segments without a place in the list any more; of some of them the producer snapshots, which stand for the offset, go too. */
  private renameToRemove(gone: readonly Segment[], withSnapshots: readonly Segment[]): void {
    const { disk, clock } = this.host;
    this.namesChanged();
    for (const segment of gone) segment.addSuffix(DELETED_SUFFIX);
    const snapshots = withSnapshots.map(({ baseOffset }) => this.log.producers.setAsideSnapshot(baseOffset)).filter(path => path !== undefined);
    const cancel = clock.after(this.log.settings.fileDeleteDelayMs, () => {
      this.pendingRemovals.delete(cancel);
      const removals = [...gone.map(segment => segment.remove()), ...snapshots.map(path => disk.remove(path))];
      Promise.all(removals).catch((error: unknown) => this.log.noteFailure(error));
    });
    this.pendingRemovals.add(cancel);
  }

  /** Files that wait for removal stay; whoever opens the log next removes them. */
  forget(): void {
    for (const cancel of this.pendingRemovals) cancel();
    this.pendingRemovals.clear();
  }
}

/** A record in the active segment is never compacted: it must not stay there for longer than it may wait (`LogConfig.maxSegmentMs`). */
function maxSegmentMs({ cleanupPolicy, maxCompactionLagMs, segmentMs }: LogSettings): number {
  return cleanupPolicy.compact && maxCompactionLagMs > 0 ? Math.min(maxCompactionLagMs, segmentMs) : segmentMs;
}

/** What a segment takes from the settings when it begins, or is opened, and keeps: later changes are for the next one (`LogSegment.open`). */
export function segmentOptions(host: LogHost, directory: string, baseOffset: number, settings: LogSettings): SegmentOptions {
  const { indexIntervalBytes, segmentJitterMs, segmentMs, segmentIndexBytes, preallocate, segmentBytes } = settings;
  const rollJitterMs = Math.floor(host.random.float() * Math.min(segmentJitterMs, segmentMs));
  return { directory, baseOffset, indexIntervalBytes, rollJitterMs, maxIndexBytes: segmentIndexBytes, preallocatedBytes: preallocate ? segmentBytes : 0 };
}
