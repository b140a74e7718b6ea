import { MalformedError } from '../../base/bytes.js';
import { readVarint } from '../../base/varint.js';
import * as batch from './batch.js';
import { decompress } from './compression/index.js';
import { RecordWalker } from './record-walker.js';

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** A record of a batch; key, value and header values are views of the batch, or of what it decompressed to. */
export interface BatchRecord {
  readonly offset: number;
  /** -1: the producer gave none. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

const NO_HEADERS: readonly RecordHeader[] = [];

/** What a batch may decompress to when nobody set a bound: beyond it, it is taken for a bomb. */
export const DEFAULT_MAX_DECOMPRESSED_BYTES = 100 * 1024 * 1024;

/** Positions of the whole batches, in order; an incomplete one at the end is left out. Throws `CorruptBatchError`. */
export function* batchesIn(bytes: Uint8Array, start = 0, end = bytes.length): Generator<number, void, undefined> {
  for (let at = start; ;) {
    const size = batch.completeBatchSize(bytes, at, end);
    if (size === 0) return;
    yield at;
    at += size;
  }
}

/**
 * The records of the batch at `at`, decompressed when needed. The checksum is not verified here: `batch.isValid` does.
 * Throws `MalformedError`, or `OutputTooLargeError` beyond `maxDecompressedBytes`.
 */
export function* recordsIn(bytes: Uint8Array, at = 0, maxDecompressedBytes = DEFAULT_MAX_DECOMPRESSED_BYTES): Generator<BatchRecord, void, undefined> {
  const walker = walkBatch(bytes, at, maxDecompressedBytes);
  const baseOffset = batch.baseOffset(bytes, at);
  const baseTimestampMs = batch.baseTimestampMs(bytes, at);
  const appendTimeMs = batch.timestampType(bytes, at) === batch.TimestampType.logAppendTime ? batch.maxTimestampMs(bytes, at) : undefined;
  while (walker.next()) {
    yield {
      offset: safe(baseOffset + walker.offsetDelta, 'offset'),
      timestampMs: appendTimeMs ?? safe(baseTimestampMs + walker.timestampDelta, 'timestamp'),
      key: field(walker, walker.keyAt, walker.keyLength),
      value: field(walker, walker.valueAt, walker.valueLength),
      headers: walker.headerCount === 0 ? NO_HEADERS : readHeaders(walker),
    };
  }
}

/** A walker over the records of the batch at `at`, for those who want single fields of many records. */
export function walkBatch(bytes: Uint8Array, at: number, maxDecompressedBytes = DEFAULT_MAX_DECOMPRESSED_BYTES): RecordWalker {
  const start = at + batch.BATCH_OVERHEAD;
  const end = at + batch.sizeInBytes(bytes, at);
  const count = batch.count(bytes, at);
  const codec = batch.compressionType(bytes, at);
  // Compaction leaves empty batches behind that keep their codec.
  if (codec === batch.CompressionType.none || start === end) return new RecordWalker(bytes, start, end, count);
  const plain = decompress(codec, bytes.subarray(start, end), maxDecompressedBytes);
  return new RecordWalker(plain, 0, plain.length, count);
}

function safe(value: number, name: string): number {
  if (!Number.isSafeInteger(value)) throw new MalformedError(`record's ${name} ${value} is beyond what can be meant`);
  return value;
}

function field(walker: RecordWalker, at: number, length: number): Uint8Array | null {
  return length < 0 ? null : walker.bytes.subarray(at, at + length);
}

function readHeaders(walker: RecordWalker): RecordHeader[] {
  const { bytes } = walker;
  const cursor = { bytes, at: walker.headersAt, end: walker.end };
  return Array.from({ length: walker.headerCount }, () => {
    const keyLength = readVarint(cursor);
    const key = Buffer.from(bytes.buffer, bytes.byteOffset + cursor.at, keyLength).toString('utf8');
    cursor.at += keyLength;
    const valueLength = readVarint(cursor);
    const value = valueLength < 0 ? null : bytes.subarray(cursor.at, cursor.at + valueLength);
    cursor.at += Math.max(0, valueLength);
    return { key, value };
  });
}
