import * as batch from '../../protocol/records/batch.js';
import { scanBatchesNow } from '../segment/batch-scan.js';
import { BATCHES_KEPT, type BatchMetadata, type ProducerEntry } from './producer-append.js';
import type { ProducerState } from './producer-state.js';
import type { Segment } from '../segment/segment.js';
import type { SegmentList } from '../segment/segment-list.js';
import { maxTimestampOf } from '../segment/timestamps.js';

/** How much of a log's end is read: five batches of the size that clients send by default, of several producers. */
const RECALL_BYTES = 1 << 20;
/** After `delivery.timeout.ms` (2 minutes by default) a producer sends nothing again; twice that, for clocks that differ. */
const RESEND_MS = 240_000;

export interface RecallOptions {
  readonly nowMs: number;
  readonly logStartOffset: number;
  readonly clean: boolean;
}

/**
 * Finds at the log's end the batches before a producer's last one. A snapshot holds that one alone, and Apache knows no other
 * after a start: a producer that had more in flight when its broker died then hears OUT_OF_ORDER_SEQUENCE_NUMBER for what it sends
 * again, and writes it twice under a new producer id. Knowing all five, we answer that it is there.
 */
export function recallBatches(producers: ProducerState, segments: SegmentList, { nowMs, logStartOffset, clean }: RecallOptions): void {
  const wanted = new Map<number, ProducerEntry>();
  for (const [producerId, entry] of producers.entries) {
    const mayComeAgain = !clean || nowMs - entry.lastTimestampMs < RESEND_MS;
    if (entry.batches.length > 0 && entry.batches.length < BATCHES_KEPT && mayComeAgain) wanted.set(producerId, entry);
  }
  if (wanted.size === 0) return;
  const found = new Map<number, BatchMetadata[]>();
  for (const { segment, from } of tailOf(segments)) {
    scanBatchesNow(segment.log, { from, to: segment.sizeBytes }, {}, ({ bytes, at }) => {
      const entry = wanted.get(batch.producerId(bytes, at));
      if (entry && batch.baseOffset(bytes, at) >= logStartOffset) note(found, entry, bytes, at);
    });
  }
  for (const [producerId, batches] of found) producers.recall(producerId, batches);
}

/** Where to begin in the last segments, oldest first, so that about `RECALL_BYTES` are read. */
function tailOf(segments: SegmentList): { segment: Segment; from: number }[] {
  const tail: { segment: Segment; from: number }[] = [];
  let left = RECALL_BYTES;
  for (const segment of [...segments].toReversed()) {
    if (left <= 0) break;
    const from = positionBefore(segment, segment.sizeBytes - left);
    tail.unshift({ segment, from });
    left -= segment.sizeBytes - from;
  }
  return tail;
}

/** Where an indexed batch begins that is not after `position`; 0 when none is. */
function positionBefore(segment: Segment, position: number): number {
  if (position <= 0) return 0;
  const index = segment.offsetIndex;
  for (let slot = index.count - 1; slot >= 0; slot--) {
    const entry = index.entry(slot);
    if (entry.position <= position) return entry.position;
  }
  return 0;
}

function note(found: Map<number, BatchMetadata[]>, entry: ProducerEntry, bytes: Uint8Array, at: number): void {
  const lastOffset = batch.lastOffset(bytes, at);
  const isBefore = lastOffset < entry.batches[0]!.lastOffset;
  if (!isBefore || batch.producerEpoch(bytes, at) !== entry.epoch || batch.isControl(bytes, at)) return;
  const batches = found.get(entry.producerId) ?? [];
  batches.push({
    lastSequence: batch.lastSequence(bytes, at), lastOffset, offsetDelta: batch.lastOffsetDelta(bytes, at), timestampMs: maxTimestampOf(bytes, at),
  });
  if (batches.length > BATCHES_KEPT) batches.shift();
  found.set(entry.producerId, batches);
}
