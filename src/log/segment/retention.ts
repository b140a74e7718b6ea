import type { LogSettings } from '../../config/log-settings.js';
import type { Segment } from './segment.js';
import type { SegmentList } from './segment-list.js';

export interface RetentionView {
  readonly settings: LogSettings;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly highWatermark: number;
}

/**
 * The oldest segments that need not be kept (`UnifiedLog.deleteOldSegments`): those wholly below the start of the log, those
 * without which the log is still at least `retention.bytes` large, those whose newest record is older than `retention.ms`. The
 * active segment may be among them, unless it is empty; none that reaches beyond the high watermark is.
 */
export function deletableSegments(segments: SegmentList, log: RetentionView, nowMs: number): Segment[] {
  const { settings } = log;
  const all = [...segments];
  let count = countWhile(all, log, (_, next) => next !== undefined && next.baseOffset <= log.logStartOffset);
  if (!settings.cleanupPolicy.delete) return all.slice(0, count);
  if (settings.retentionBytes >= 0) {
    let surplus = all.slice(count).reduce((sum, segment) => sum + segment.sizeBytes, 0) - settings.retentionBytes;
    count += countWhile(all.slice(count), log, segment => (surplus -= segment.sizeBytes) >= 0);
  }
  if (settings.retentionMs >= 0) {
    count += countWhile(all.slice(count), log, segment => nowMs - segment.retentionTimestampMs() > settings.retentionMs);
  }
  return all.slice(0, count);
}

function countWhile(segments: readonly Segment[], log: RetentionView, mayGo: (segment: Segment, next: Segment | undefined) => boolean): number {
  const kept = segments.findIndex((segment, index) => {
    const next = segments[index + 1];
    const endOffset = next?.baseOffset ?? log.logEndOffset;
    if (log.highWatermark < endOffset || (!next && segment.sizeBytes === 0)) return true;
    return !mayGo(segment, next);
  });
  return kept < 0 ? segments.length : kept;
}
