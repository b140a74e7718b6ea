import { BLOCK_BYTES } from '../../base/block-memory.js';
import { MalformedError } from '../../base/bytes.js';
import type { DiskFile } from '../../env/index.js';
import * as batch from '../../protocol/records/batch.js';
import { DEFAULT_MAX_DECOMPRESSED_BYTES, walkBatch } from '../../protocol/records/batch-iterator.js';
import { COMPRESSION_NAMES, isCompressionType } from '../../protocol/records/compression/index.js';
import { BatchWalk, isZeroIn, type ReadAt, type RowEnd, type ScannedBatch } from '../segment/batch-walk.js';
import { MAX_RELATIVE_OFFSET } from '../segment/segment.js';
import { maxTimestampOf } from '../segment/timestamps.js';

/** Reads `.log` files that nobody vouches for: everything that can be wrong is told, nothing is thrown, little is held in memory. */

/** A whole batch; the bytes are valid until the next is asked for. */
export interface StoredBatch extends ScannedBatch {
  readonly kind: 'batch';
}

/** Where the row of batches ends before the file does. */
export interface Damage {
  /**
   * torn: a batch that is not whole; zeros: room that was taken in advance, the rest of a block that was written past the page cache, or
   * what was lost; old: a message of format v0 or v1; corrupt: no batch at all.
   */
  readonly kind: 'torn' | 'zeros' | 'old' | 'corrupt';
  readonly position: number;
  readonly message: string;
}

const CHUNK_BYTES = 1 << 20;

/** The batches of a file, and at last, where they do not fill it, why. */
export async function* batchesOfFile(file: DiskFile, sizeBytes: number): AsyncGenerator<StoredBatch | Damage, void, undefined> {
  const read: ReadAt = (chunk, length, position) => file.read(chunk, 0, length, position);
  const walk = new BatchWalk({ from: 0, to: sizeBytes }, CHUNK_BYTES);
  for (let wanted = walk.wanted(); wanted !== undefined; wanted = walk.wanted()) {
    walk.given(await read(wanted.chunk, wanted.length, wanted.position));
    while (walk.next()) yield { kind: 'batch', ...walk.found };
  }
  if (walk.end !== undefined) yield await damageOf(walk.end, walk.endPosition, sizeBytes, read);
}

async function damageOf(end: RowEnd, position: number, sizeBytes: number, read: ReadAt): Promise<Damage> {
  const left = sizeBytes - position;
  // A few zeros may be the first bytes of an offset; or they fill a block.
  if ((left >= batch.LOG_OVERHEAD || sizeBytes % BLOCK_BYTES === 0) && await isZeroIn({ from: position, to: sizeBytes }, read)) {
    return { kind: 'zeros', position, message: `from position ${position} on there are ${left} bytes of zeros` };
  }
  if (end.kind === 'old') return { kind: 'old', position, message: `at position ${position} there is a message of format v${end.format}, from before Kafka 0.11, which Ottla does not read` };
  if (end.kind === 'corrupt') return { kind: 'corrupt', position, message: `at position ${position} there is no batch: ${end.error.message}` };
  return { kind: 'torn', position, message: `the batch at position ${position} is torn: it needs ${end.neededBytes} bytes, and ${left} are left` };
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

/**
 * What is wrong with a batch by its header and checksum, and by where it stands: after `previousOffset`, in a segment from
 * `segmentBase` on. A start that looks at it ends the log before it.
 */
export function headerFaults(facts: BatchFacts, segmentBase: number, previousOffset: number): string[] {
  const { position, baseOffset, lastOffset } = facts;
  const here = `the batch at position ${position}`;
  const faults: string[] = [];
  if (!facts.isCrcValid) faults.push(`${here} has a wrong checksum`);
  if (!Number.isSafeInteger(baseOffset) || lastOffset < baseOffset || baseOffset < 0) {
    faults.push(`${here} has impossible offsets, ${baseOffset} to ${lastOffset}`);
  } else if (baseOffset < segmentBase) faults.push(`${here} begins at offset ${baseOffset}, before its segment`);
  else if (baseOffset <= previousOffset) faults.push(`${here} begins at offset ${baseOffset}, and the one before it ends at ${previousOffset}`);
  else if (lastOffset - segmentBase > MAX_RELATIVE_OFFSET) faults.push(`${here} ends at offset ${lastOffset}, too far from the segment's first`);
  return faults;
}

/** What no start looks at. */
export function codecFaults({ position, codec }: BatchFacts): string[] {
  return codec.startsWith('codec') ? [`the batch at position ${position} has an unknown codec, ${codec}`] : [];
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
