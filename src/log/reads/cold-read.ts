import { MalformedError } from '../../base/bytes.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { KafkaError } from '../../protocol/errors.js';
import * as batch from '../../protocol/records/batch.js';
import type { LogHost } from '../host.js';
import { scanBatches } from '../segment/batch-scan.js';
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
  readonly bytes: Buffer;
  readonly nextOffset: number;
  /** What the batch after them takes; 0: nobody knows. */
  readonly followingBytes: number;
  readonly segment: Segment;
  readonly release: () => void;
}

/** Two of one, at a position before a batch: each is released by itself. */
export function splitRead(read: ColdRead, at: number, offset: number): [ColdRead, ColdRead] {
  let held = 2;
  const release = (): void => {
    if (--held === 0) read.release();
  };
  const { bytes, segment } = read;
  const followingBytes = batch.sizeInBytes(bytes, at);
  return [
    { bytes: bytes.subarray(0, at), nextOffset: offset, followingBytes, segment, release: once(release) },
    { ...read, bytes: bytes.subarray(at), release: once(release) },
  ];
}

function once(task: () => void): () => void {
  let done = false;
  return () => {
    if (!done) task();
    done = true;
  };
}

/** What of a buffer is asked for, or where to read instead. */
type Cut =
  | { readonly kind: 'found'; readonly start: number; readonly end: number; readonly nextOffset: number; readonly followingBytes: number }
  | { readonly kind: 'nothing' }
  /** The first batch wanted begins at or after `at`; if known, it takes `needed` bytes. */
  | { readonly kind: 'elsewhere'; readonly at: number; readonly needed: number }
  /** What begins at `at` is no batch. */
  | { readonly kind: 'unsound'; readonly at: number };

const NOTHING: Cut = { kind: 'nothing' };

/**
 * Reads from the segment that holds `offset`, or where that one has nothing more, from the next; one read in most cases. Rejects
 * with `OldFormatLogError` at a message of an old format, with CORRUPT_MESSAGE at what is none and no batch either.
 */
export async function readCold(host: LogHost, segments: SegmentList, offset: number, options: ColdReadOptions): Promise<ColdRead | undefined> {
  for (let segment = segments.floor(offset) ?? segments.first; ;) {
    const { baseOffset } = segment;
    const follower = segments.after(segment);
    const bounds = { baseOffset, endOffset: follower?.baseOffset ?? Infinity };
    const found = await readSegment(host, segment, offset, { ...options, ...bounds }).catch((error: unknown) => {
      // Another may have taken its place long enough ago that its file is gone.
      if (segments.has(segment)) throw error;
      return 'end' as const;
    });
    // What is written to may be shorter than what is known of it; any other is whole.
    if (found === 'torn' && follower && segments.has(segment)) throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, `Segment ${baseOffset} does not end with a whole batch`);
    if (found !== 'end' && found !== 'torn') return found;
    const next = segments.after(segment);
    if (!next) return undefined;
    segment = next;
  }
}

/** Offsets that a segment's batches may have. */
interface Bounds {
  readonly baseOffset: number;
  readonly endOffset: number;
}

/**
 * 'end': the segment has no such offset nor one after it; 'torn': it may, and ends inside of a batch. undefined: what comes is too
 * large, or not to be shown.
 */
async function readSegment(host: LogHost, segment: Segment, offset: number, options: ColdReadOptions & Bounds): Promise<ColdRead | 'end' | 'torn' | undefined> {
  let { position, exact } = segment.locate(offset);
  let wanted = options.maxBytes;
  for (;;) {
    // Without an exact position, what an index entry leaves to be skipped is read too.
    const length = Math.min(segment.sizeBytes - position, Math.max(wanted, batch.BATCH_OVERHEAD) + (exact ? 0 : host.indexGapBytes));
    if (length <= 0) return 'end';
    if (length < batch.BATCH_OVERHEAD) {
      await refuseOldFormat(segment, position);
      return 'torn';
    }
    const buffer = host.readBuffers.take(length);
    const start = position;
    let got: number;
    let cut: Cut;
    try {
      got = await segment.log.during(file => file.read(buffer, 0, length, start));
      cut = cutBatches(buffer, got, offset, options);
    } catch (error) {
      host.readBuffers.give(buffer);
      throw error;
    }
    if (cut.kind === 'found') {
      segment.rememberRead(offset, cut.nextOffset, position + cut.end);
      const { nextOffset, followingBytes } = cut;
      return { bytes: buffer.subarray(cut.start, cut.end), nextOffset, followingBytes, segment, release: once(() => host.readBuffers.give(buffer)) };
    }
    host.readBuffers.give(buffer);
    if (cut.kind === 'nothing') return undefined;
    if (cut.kind === 'unsound') {
      const at = position + cut.at;
      await refuseOldFormat(segment, at);
      throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, `Segment ${segment.baseOffset} has no batch at position ${at}, where one should begin`);
    }
    // A file that ends inside of a batch gives no more, however often it is read.
    if (cut.at === 0 && (got < length || position + got >= segment.sizeBytes)) return 'torn';
    position += cut.at;
    exact = cut.needed > 0;
    wanted = Math.max(options.maxBytes, cut.needed);
  }
}

/** Of a buffer whose bytes up to `length` begin with a batch: the batches that are asked for. */
export function cutBatches(bytes: Buffer, length: number, offset: number, options: ColdReadOptions & Bounds): Cut {
  let start = 0;
  let least = options.baseOffset;
  while (headerFits(bytes, start, length) && isSound(bytes, start) && batch.lastOffset(bytes, start) < offset) {
    least = endOf(bytes, start, least, options.endOffset);
    start += batch.sizeInBytes(bytes, start);
  }
  if (!headerFits(bytes, start, length)) return { kind: 'elsewhere', at: start, needed: 0 };
  if (!isSound(bytes, start)) return { kind: 'unsound', at: start };
  const firstSize = batch.sizeInBytes(bytes, start);
  if (firstSize > options.maxBytes && firstSize > options.maxFirstBytes) return NOTHING;
  if (batch.lastOffset(bytes, start) >= options.limitOffset) return NOTHING;
  if (start + firstSize > length) return { kind: 'elsewhere', at: start, needed: firstSize };
  const most = Math.min(length, start + Math.max(options.maxBytes, firstSize));
  let end = start;
  let nextOffset = offset;
  // What comes before one that cannot be is good; the next read tells of that.
  while (headerFits(bytes, end, most) && isSound(bytes, end) && end + batch.sizeInBytes(bytes, end) <= most && batch.lastOffset(bytes, end) < options.limitOffset) {
    nextOffset = least = endOf(bytes, end, least, options.endOffset);
    end += batch.sizeInBytes(bytes, end);
  }
  const followingBytes = headerFits(bytes, end, length) && isSound(bytes, end) ? batch.sizeInBytes(bytes, end) : 0;
  return { kind: 'found', start, end, nextOffset, followingBytes };
}

function headerFits(bytes: Buffer, at: number, length: number): boolean {
  return at + batch.BATCH_OVERHEAD <= length;
}

function isSound(bytes: Buffer, at: number): boolean {
  return batch.magic(bytes, at) === batch.MAGIC_V2 && batch.sizeInBytes(bytes, at) >= batch.BATCH_OVERHEAD;
}

/** Only its own checksum tells an old message, which may be longer than what was read, from a batch that is damaged where the format stands. */
async function refuseOldFormat(segment: Segment, position: number): Promise<void> {
  await scanBatches(segment.log, { from: position, to: segment.sizeBytes }, {}, () => false);
}

/** The offset after a batch. No checksum covers where it begins: what tells is that it must lie between those beside it. */
function endOf(bytes: Buffer, at: number, least: number, most: number): number {
  const baseOffset = batch.baseOffset(bytes, at);
  const nextOffset = batch.nextOffset(bytes, at);
  if (baseOffset >= least && nextOffset > baseOffset && nextOffset <= most) return nextOffset;
  throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, `A batch in the log claims offsets ${baseOffset} to ${nextOffset - 1}, between ${least} and ${most}`);
}

/** Offsets that cannot be are as corrupt as sizes. */
export function asCorruptMessage(error: unknown): unknown {
  return error instanceof MalformedError ? new KafkaError(ErrorCode.CORRUPT_MESSAGE, error.message) : error;
}
