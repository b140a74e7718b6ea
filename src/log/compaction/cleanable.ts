import type { LogSettings } from '../../config/log-settings.js';
import { MAX_RELATIVE_OFFSET, type Segment } from '../segment/segment.js';
import type { SegmentList } from '../segment/segment-list.js';

/** What must be known of a log to say what of it can be compacted. */
export interface CompactedLog {
  readonly segments: SegmentList;
  readonly settings: LogSettings;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly lastStableOffset: number;
}

/** A log that might be compacted next (`LogToClean`). */
export interface CleaningPlan {
  /** Nothing below it is dirty. */
  readonly firstDirtyOffset: number;
  /** Base offset of the first segment that has to stay as it is. */
  readonly firstUncleanableOffset: number;
  readonly cleanBytes: number;
  readonly cleanableBytes: number;
  /** Dirty share of what would be compacted; 0 when there is nothing. */
  readonly cleanableRatio: number;
  /** How much longer than `max.compaction.lag.ms` something has waited; 0 when nothing has. */
  readonly compactionDelayMs: number;
}

/**
 * Where a cleaning would begin: where the last one ended, or at the start of the log when that is no offset of it any more
 * (`LogCleanerManager.cleanableOffsets`).
 */
export function firstDirtyOffset(log: CompactedLog, cleanedOffset: number | undefined): number {
  if (cleanedOffset === undefined || cleanedOffset < log.logStartOffset || cleanedOffset > log.logEndOffset) return log.logStartOffset;
  return cleanedOffset;
}

/** What a cleaning that begins at `firstDirty` would do now. */
export function planCleaning(log: CompactedLog, firstDirty: number, nowMs: number): CleaningPlan {
  const { segments, settings } = log;
  const dirty = sealedFrom(segments, firstDirty);
  const lagging = settings.minCompactionLagMs > 0
    ? dirty.find(segment => segment.retentionTimestampMs() > nowMs - settings.minCompactionLagMs)
    : undefined;
  const bound = Math.max(firstDirty, Math.min(log.lastStableOffset, segments.active.baseOffset, lagging?.baseOffset ?? Infinity));
  // The whole segment stays in which the bound lies.
  const firstUncleanableOffset = (sealedFrom(segments, bound)[0] ?? segments.active).baseOffset;
  const cleanBytes = sizeOf(segments.between(-1, firstDirty));
  const cleanableBytes = sizeOf(segments.between(Math.min(firstDirty, firstUncleanableOffset), firstUncleanableOffset));
  return {
    firstDirtyOffset: firstDirty,
    firstUncleanableOffset,
    cleanBytes,
    cleanableBytes,
    cleanableRatio: cleanableBytes === 0 ? 0 : cleanableBytes / (cleanBytes + cleanableBytes),
    compactionDelayMs: compactionDelay(dirty, nowMs - settings.maxCompactionLagMs),
  };
}

/** Whether the log asks for compaction: enough of it is dirty, or something has waited too long. */
export function isDue(plan: CleaningPlan, settings: LogSettings): boolean {
  return (plan.compactionDelayMs > 0 && plan.cleanableBytes > 0) || plan.cleanableRatio > settings.minCleanableDirtyRatio;
}

/** The sealed segments that hold offsets from `offset` on. */
function sealedFrom(segments: SegmentList, offset: number): Segment[] {
  return segments.between(offset, segments.active.baseOffset);
}

function sizeOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function compactionDelay(dirty: readonly Segment[], cleanUntilMs: number): number {
  // No record is older than time itself: without a bound on the lag, nothing need be read.
  if (cleanUntilMs <= 0) return 0;
  let earliestMs = Infinity;
  for (const segment of dirty) {
    const firstMs = segment.firstBatchTimestamp();
    if (firstMs > 0) earliestMs = Math.min(earliestMs, firstMs);
  }
  return Math.max(0, cleanUntilMs - earliestMs);
}

export interface GroupLimits {
  readonly segmentBytes: number;
  readonly segmentIndexBytes: number;
  /** Of the cleaning. */
  readonly firstUncleanableOffset: number;
}

/** What a segment adds to the one that it would be written into with others. */
export interface GroupedSize {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  readonly offsetIndexBytes: number;
  readonly timeIndexBytes: number;
}

/**
 * Segments to be written into one, so that they do not become ever smaller: neighbours whose bytes, index bytes and offsets fit
 * into one as they are (`Cleaner.groupSegmentsBySize`).
 */
export function groupSegments<T extends GroupedSize>(segments: readonly T[], limits: GroupLimits): T[][] {
  const groups: T[][] = [];
  let total = { sizeBytes: 0, offsetIndexBytes: 0, timeIndexBytes: 0 };
  for (const [index, segment] of segments.entries()) {
    const group = groups.at(-1);
    const sum = {
      sizeBytes: total.sizeBytes + segment.sizeBytes,
      offsetIndexBytes: total.offsetIndexBytes + segment.offsetIndexBytes,
      timeIndexBytes: total.timeIndexBytes + segment.timeIndexBytes,
    };
    // The base offset of the next one bounds the last offset, which would have to be read.
    const lastOffset = (segments[index + 1]?.baseOffset ?? limits.firstUncleanableOffset) - 1;
    const fits = sum.sizeBytes <= limits.segmentBytes && sum.offsetIndexBytes <= limits.segmentIndexBytes && sum.timeIndexBytes <= limits.segmentIndexBytes;
    if (group && fits && (segment.sizeBytes === 0 || lastOffset - group[0]!.baseOffset <= MAX_RELATIVE_OFFSET)) {
      group.push(segment);
      total = sum;
    } else {
      groups.push([segment]);
      total = segment;
    }
  }
  return groups;
}
