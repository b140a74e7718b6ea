import { recordsIn, type BatchRecord } from '../../protocol/records/batch-iterator.js';
import * as batch from '../../protocol/records/batch.js';
import { scanBatches } from './batch-scan.js';
import type { Segment } from './segment.js';
import type { SegmentList } from './segment-list.js';
import { maxRecordTimestampOf } from './timestamps.js';
import type { TimestampAndOffset } from '../types.js';

/**
 * The first record at or after `startOffset` whose timestamp is at least `timestampMs` (`UnifiedLog.fetchOffsetByTimestamp`):
 * segments and batches are passed over by their largest timestamp, so only one batch or two are opened. undefined also when the
 * first segment that is late enough has it before `startOffset` only.
 */
export async function findTimestamp(segments: SegmentList, timestampMs: number, startOffset: number): Promise<TimestampAndOffset | undefined> {
  for (const segment of segments) {
    if (segment.retentionTimestampMs() < timestampMs) continue;
    const indexed = segment.timeIndex.lookup(timestampMs).offset;
    const found = await findInSegment(segment, Math.max(indexed, startOffset), {
      batch: (bytes, at) => maxRecordTimestampOf(bytes, at) >= timestampMs && batch.lastOffset(bytes, at) >= startOffset,
      record: record => record.timestampMs >= timestampMs && record.offset >= startOffset,
    });
    // With its late records below the start it decides all the same, as with Apache Kafka. One whose records compaction has all
    // taken does so there too, by the time of its file; here the search goes on.
    if (found || segment.largestTimestamp().timestampMs >= timestampMs) return found;
  }
  return undefined;
}

/** The first record that has the largest timestamp of the log, which is -1 where none has one; undefined when there is no record. */
export async function findMaxTimestamp(segments: SegmentList): Promise<TimestampAndOffset | undefined> {
  let latest = segments.first;
  for (const segment of segments) {
    if (segment.largestTimestamp().timestampMs > latest.largestTimestamp().timestampMs) latest = segment;
  }
  const { timestampMs, offset } = latest.largestTimestamp();
  return findInSegment(latest, offset, {
    batch: (bytes, at) => maxRecordTimestampOf(bytes, at) === timestampMs,
    record: record => record.timestampMs === timestampMs,
  });
}

interface Wanted {
  batch(bytes: Uint8Array, at: number): boolean;
  record(record: BatchRecord): boolean;
}

/** Looks from the index entry for `fromOffset` on. */
async function findInSegment(segment: Segment, fromOffset: number, wanted: Wanted): Promise<TimestampAndOffset | undefined> {
  let found: TimestampAndOffset | undefined;
  const range = { from: segment.offsetIndex.lookup(fromOffset).position, to: segment.sizeBytes };
  await scanBatches(segment.log, range, {}, ({ bytes, at }) => {
    if (!wanted.batch(bytes, at)) return true;
    for (const record of recordsIn(bytes, at)) {
      if (!wanted.record(record)) continue;
      found = { timestampMs: record.timestampMs, offset: record.offset, leaderEpoch: batch.partitionLeaderEpoch(bytes, at) };
      return false;
    }
    return true;
  });
  return found;
}
