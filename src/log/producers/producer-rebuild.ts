import * as batch from '../../protocol/records/batch.js';
import { scanBatches } from '../segment/batch-scan.js';
import type { ProducerState } from './producer-state.js';
import type { SegmentList } from '../segment/segment-list.js';

export interface RebuildOptions {
  readonly logStartOffset: number;
  /** The state is wanted as of this offset, where a batch begins or the log ends. */
  readonly lastOffset: number;
  readonly nowMs: number;
  /** The log was closed in order: when it has no snapshot at all, it had no producers. */
  readonly clean: boolean;
}

/**
 * What `rebuildProducerState` does, without the records, for a log that was closed in order. False when the snapshots do not tell
 * all, and it must be called.
 */
export function restoreProducerState(producers: ProducerState, segments: SegmentList, { logStartOffset, lastOffset, nowMs }: RebuildOptions): boolean {
  if (producers.latestSnapshotOffset === undefined) {
    for (const offset of [...segments.baseOffsets.slice(-2), lastOffset]) {
      producers.updateMapEndOffset(offset);
      producers.takeSnapshot();
    }
    return true;
  }
  if (producers.latestSnapshotOffset < lastOffset) return false;
  producers.truncateAndReload(logStartOffset, lastOffset, nowMs);
  return producers.mapEndOffset === lastOffset;
}

/**
 * Brings the producers to what the records below an offset say: from the newest snapshot that helps, and the records after it
 * (`UnifiedLog.rebuildProducerState`). Snapshots are taken at the last two segments and the end, so that the next time is short.
 */
export async function rebuildProducerState(producers: ProducerState, segments: SegmentList, options: RebuildOptions): Promise<void> {
  const { logStartOffset, lastOffset, nowMs, clean } = options;
  const worthSnapshot = segments.baseOffsets.slice(-2);
  if (clean && restoreProducerState(producers, segments, options)) return;
  const knownEmpty = producers.isEmpty && producers.mapEndOffset >= lastOffset;
  producers.truncateAndReload(logStartOffset, lastOffset, nowMs);
  if (lastOffset > producers.mapEndOffset && !knownEmpty && segments.length > 0) {
    for (const segment of segments.from(producers.mapEndOffset)) {
      if (segment.baseOffset >= lastOffset) break;
      const startOffset = Math.max(segment.baseOffset, producers.mapEndOffset, logStartOffset);
      producers.updateMapEndOffset(startOffset);
      if (worthSnapshot.includes(segment.baseOffset) && startOffset === segment.baseOffset) producers.takeSnapshot();
      const range = { from: segment.offsetIndex.lookup(startOffset).position, to: segment.sizeBytes };
      await scanBatches(segment.log, range, {}, ({ bytes, at }) => {
        if (batch.baseOffset(bytes, at) >= lastOffset) return false;
        if (batch.lastOffset(bytes, at) >= startOffset) producers.replay(bytes, at);
        return true;
      });
    }
  }
  producers.updateMapEndOffset(lastOffset);
  producers.takeSnapshot();
}
