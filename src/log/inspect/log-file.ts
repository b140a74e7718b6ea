import { MalformedError } from '../../base/bytes.js';
import type { DiskFile } from '../../env/index.js';
import * as batch from '../../protocol/records/batch.js';
import { DEFAULT_MAX_DECOMPRESSED_BYTES, walkBatch } from '../../protocol/records/batch-iterator.js';
import { COMPRESSION_NAMES, isCompressionType } from '../../protocol/records/compression/index.js';
import { maxTimestampOf } from '../segment/timestamps.js';

/** Reading a `.log` file that nobody vouches for: everything that can be wrong is told, nothing is thrown, and little is held in memory. */

/** A whole batch; the bytes are valid until the next is asked for. */
export interface StoredBatch {
  readonly kind: 'batch';
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly position: number;
  readonly sizeBytes: number;
}

/** Where the row of batches ends before the file does. */
export interface Damage {
  /** torn: a batch that is not whole; zeros: room that was taken and not used, or lost; corrupt: no batch at all. */
  readonly kind: 'torn' | 'zeros' | 'corrupt';
  readonly position: number;
  readonly message: string;
}

const CHUNK_BYTES = 1 << 20;

/** The batches of a file, and at last, where they do not fill it, why. */
export async function* batchesOfFile(file: DiskFile, sizeBytes: number): AsyncGenerator<StoredBatch | Damage, void, undefined> {
  let chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(batch.BATCH_OVERHEAD, sizeBytes)));
  for (let position = 0; position < sizeBytes;) {
    const length = await file.read(chunk, 0, Math.min(chunk.length, sizeBytes - position), position);
    let at = 0;
    for (;;) {
      const next = nextBatch(chunk, at, length, position + at);
      if (next === undefined) break;
      if (typeof next !== 'number') {
        const isZero = next.kind === 'corrupt' && await isZeroFrom(file, position + at, sizeBytes);
        yield isZero ? { kind: 'zeros', position: position + at, message: `from position ${position + at} on there are ${sizeBytes - position - at} bytes of zeros` } : next;
        return;
      }
      yield { kind: 'batch', bytes: chunk, at, position: position + at, sizeBytes: next };
      at += next;
    }
    position += at;
    if (at > 0) continue;
    const needed = length >= batch.LOG_OVERHEAD ? batch.sizeInBytes(chunk, 0) : batch.BATCH_OVERHEAD;
    if (needed > sizeBytes - position || needed <= length) {
      const left = sizeBytes - position;
      // The first bytes of an offset are zeros too.
      const isZero = left >= batch.LOG_OVERHEAD && await isZeroFrom(file, position, sizeBytes);
      yield isZero
        ? { kind: 'zeros', position, message: `from position ${position} on there are ${left} bytes of zeros` }
        : { kind: 'torn', position, message: `the batch at position ${position} is torn: it needs ${needed} bytes, and ${left} are left` };
      return;
    }
    chunk = Buffer.allocUnsafeSlow(needed);
  }
}

/** Its size; undefined when it is not whole here. */
function nextBatch(chunk: Buffer, at: number, end: number, position: number): number | Damage | undefined {
  try {
    const size = batch.completeBatchSize(chunk, at, end);
    return size === 0 ? undefined : size;
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { kind: 'corrupt', position, message: `at position ${position} there is no batch: ${error.message}` };
  }
}

async function isZeroFrom(file: DiskFile, from: number, to: number): Promise<boolean> {
  const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, to - from));
  const zeros = Buffer.alloc(chunk.length);
  for (let position = from; position < to;) {
    const length = await file.read(chunk, 0, Math.min(chunk.length, to - position), position);
    if (length === 0 || !chunk.subarray(0, length).equals(zeros.subarray(0, length))) return false;
    position += length;
  }
  return true;
}

/** What a batch says of itself. Numbers beyond 2^53-1, which nobody can have meant, come as `NaN`. */
export interface BatchFacts {
  readonly position: number;
  readonly sizeBytes: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly count: number;
  /** A name, or `codec 5`. */
  readonly codec: string;
  readonly leaderEpoch: number;
  readonly maxTimestampMs: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  /** When what is deleted may go (KIP-534); undefined when nobody has said. */
  readonly deleteHorizonMs: number | undefined;
  readonly crc: number;
  readonly isCrcValid: boolean;
}

export function factsOf({ bytes, at, position, sizeBytes }: StoredBatch): BatchFacts {
  const codec = batch.compressionType(bytes, at);
  const baseOffset = int64(() => batch.baseOffset(bytes, at));
  return {
    position, sizeBytes, baseOffset,
    lastOffset: baseOffset + batch.lastOffsetDelta(bytes, at),
    count: batch.count(bytes, at),
    codec: isCompressionType(codec) ? COMPRESSION_NAMES[codec] : `codec ${codec}`,
    leaderEpoch: batch.partitionLeaderEpoch(bytes, at),
    maxTimestampMs: maxTimestampOf(bytes, at),
    timestampType: batch.timestampType(bytes, at) === batch.TimestampType.logAppendTime ? 'LogAppendTime' : 'CreateTime',
    producerId: int64(() => batch.producerId(bytes, at)),
    producerEpoch: batch.producerEpoch(bytes, at),
    baseSequence: batch.baseSequence(bytes, at),
    lastSequence: batch.lastSequence(bytes, at),
    isTransactional: batch.isTransactional(bytes, at),
    isControl: batch.isControl(bytes, at),
    deleteHorizonMs: batch.hasDeleteHorizon(bytes, at) ? int64(() => batch.baseTimestampMs(bytes, at)) : undefined,
    crc: batch.crc(bytes, at),
    isCrcValid: batch.isValid(bytes, at),
  };
}

function int64(read: () => number): number {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedError) return NaN;
    throw error;
  }
}

const MAX_RELATIVE_OFFSET = 0x7fff_ffff;

/** What is wrong with a batch by its header and checksum, and by where it stands: after `previousOffset`, in a segment from `segmentBase` on. */
export function headerFaults(facts: BatchFacts, segmentBase: number, previousOffset: number): string[] {
  const { position, baseOffset, lastOffset } = facts;
  const here = `the batch at position ${position}`;
  const faults: string[] = [];
  if (!facts.isCrcValid) faults.push(`${here} has a wrong checksum`);
  if (!Number.isSafeInteger(baseOffset) || lastOffset < baseOffset || baseOffset < 0) faults.push(`${here} has impossible offsets, ${baseOffset} to ${lastOffset}`);
  else if (baseOffset < segmentBase) faults.push(`${here} begins at offset ${baseOffset}, before its segment`);
  else if (baseOffset <= previousOffset) faults.push(`${here} begins at offset ${baseOffset}, and the one before it ends at ${previousOffset}`);
  else if (lastOffset - segmentBase > MAX_RELATIVE_OFFSET) faults.push(`${here} ends at offset ${lastOffset}, too far from the segment's first`);
  if (facts.codec.startsWith('codec')) faults.push(`${here} has an unknown codec, ${facts.codec}`);
  return faults;
}

/** What is wrong with its records, which must be read one by one for that. */
export function recordFaults({ bytes, at }: StoredBatch, facts: BatchFacts): string[] {
  const here = `the batch at position ${facts.position}`;
  let previous = -1;
  let largest = batch.NO_TIMESTAMP;
  try {
    const base = int64(() => batch.baseTimestampMs(bytes, at));
    const walker = walkBatch(bytes, at, DEFAULT_MAX_DECOMPRESSED_BYTES);
    while (walker.next()) {
      if (walker.offsetDelta <= previous || facts.baseOffset + walker.offsetDelta > facts.lastOffset) {
        return [`${here} holds a record with offset ${facts.baseOffset + walker.offsetDelta}, out of order or of the batch's range`];
      }
      previous = walker.offsetDelta;
      largest = Math.max(largest, base + walker.timestampDelta);
    }
  } catch (error) {
    return [`${here} cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
  if (facts.timestampType === 'CreateTime' && previous >= 0 && largest > facts.maxTimestampMs) {
    return [`${here} says that no record is later than ${facts.maxTimestampMs}, and one is of ${largest}`];
  }
  return [];
}
