import { MalformedError } from '../../base/bytes.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { KafkaError } from '../../protocol/errors.js';
import * as batch from '../../protocol/records/batch.js';
import type { LogHost } from '../host.js';
import type { Segment } from '../segment/segment.js';
import type { SegmentList } from '../segment/segment-list.js';

export interface ColdReadOptions {
  readonly maxBytes: number;
  /** The first batch may be larger than `maxBytes`, up to this. */
  readonly maxFirstBytes: number;
  readonly limitOffset: number;
}

/** Whole batches out of a file, in a buffer that is to be given back. */
export interface ColdRead {
  readonly bytes: Uint8Array;
  readonly nextOffset: number;
  readonly release: () => void;
}

/** What of a buffer is asked for, or where to read instead. */
type Cut =
  | { readonly kind: 'found'; readonly start: number; readonly end: number; readonly nextOffset: number }
  | { readonly kind: 'nothing' }
  /** The first batch wanted begins at or after `at`; if known, it takes `needed` bytes. */
  | { readonly kind: 'elsewhere'; readonly at: number; readonly needed: number };

const NOTHING: Cut = { kind: 'nothing' };

/** Reads from the segment that holds `offset`, or where that one has nothing more, from the next; one read in most cases. */
export async function readCold(host: LogHost, segments: SegmentList, offset: number, options: ColdReadOptions): Promise<ColdRead | undefined> {
  for (let segment = segments.floor(offset) ?? segments.first; ;) {
    const found = await readSegment(host, segment, offset, options).catch((error: unknown) => {
      // Another may have taken its place long enough ago that its file is gone.
      if (segments.has(segment)) throw error;
      return 'end' as const;
    });
    if (found !== 'end') return found;
    const next = segments.after(segment);
    if (!next) return undefined;
    segment = next;
  }
}

/** 'end': the segment has no such offset nor one after it. undefined: what comes is too large, or not to be shown. */
async function readSegment(host: LogHost, segment: Segment, offset: number, options: ColdReadOptions): Promise<ColdRead | 'end' | undefined> {
  let { position, exact } = segment.locate(offset);
  let wanted = options.maxBytes;
  for (;;) {
    // Without an exact position, what an index entry leaves to be skipped is read too.
    const length = Math.min(segment.sizeBytes - position, Math.max(wanted, batch.BATCH_OVERHEAD) + (exact ? 0 : host.readAheadBytes));
    if (length < batch.BATCH_OVERHEAD) return 'end';
    const buffer = host.readBuffers.take(length);
    const start = position;
    const got = await segment.log.during(file => file.read(buffer, 0, length, start));
    const cut = cutBatches(buffer, got, offset, options);
    if (cut.kind === 'found') {
      segment.rememberRead(cut.nextOffset, position + cut.end);
      let released = false;
      const release = (): void => {
        if (!released) host.readBuffers.give(buffer);
        released = true;
      };
      return { bytes: buffer.subarray(cut.start, cut.end), nextOffset: cut.nextOffset, release };
    }
    host.readBuffers.give(buffer);
    if (cut.kind === 'nothing') return undefined;
    // A file that ends inside of a batch gives no more, however often it is read.
    if (cut.at === 0 && (got < length || position + got >= segment.sizeBytes)) return 'end';
    position += cut.at;
    exact = cut.needed > 0;
    wanted = Math.max(options.maxBytes, cut.needed);
  }
}

function cutBatches(bytes: Buffer, length: number, offset: number, options: ColdReadOptions): Cut {
  let start = 0;
  while (headerFits(bytes, start, length) && batch.lastOffset(bytes, start) < offset) start += sizeOf(bytes, start);
  if (!headerFits(bytes, start, length)) return { kind: 'elsewhere', at: start, needed: 0 };
  const firstSize = sizeOf(bytes, start);
  if (firstSize > options.maxBytes && firstSize > options.maxFirstBytes) return NOTHING;
  if (batch.lastOffset(bytes, start) >= options.limitOffset) return NOTHING;
  if (start + firstSize > length) return { kind: 'elsewhere', at: start, needed: firstSize };
  const most = Math.min(length, start + Math.max(options.maxBytes, firstSize));
  let end = start;
  let nextOffset = offset;
  while (headerFits(bytes, end, most) && end + sizeOf(bytes, end) <= most && batch.lastOffset(bytes, end) < options.limitOffset) {
    nextOffset = batch.nextOffset(bytes, end);
    end += sizeOf(bytes, end);
  }
  return { kind: 'found', start, end, nextOffset };
}

function headerFits(bytes: Buffer, at: number, length: number): boolean {
  return at + batch.BATCH_OVERHEAD <= length && batch.sizeInBytes(bytes, at) >= 0;
}

function sizeOf(bytes: Buffer, at: number): number {
  const size = batch.sizeInBytes(bytes, at);
  if (size < batch.BATCH_OVERHEAD) throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, `A batch in the log claims a size of ${size} bytes`);
  return size;
}

/** Offsets that cannot be are as corrupt as sizes. */
export function asCorruptMessage(error: unknown): unknown {
  return error instanceof MalformedError ? new KafkaError(ErrorCode.CORRUPT_MESSAGE, error.message) : error;
}
