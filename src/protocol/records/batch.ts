import { MalformedError, readInt16, readInt32, readInt64, readInt8, readUint32, writeInt16, writeInt32, writeInt64 } from '../../base/bytes.js';
import { crc32c } from '../../base/crc32c.js';

/**
 * The header of a record batch, message format v2 (KIP-98; Kafka's `DefaultRecordBatch`), read and stamped where it lies: every
 * function takes the bytes and the position where the batch begins, and allocates nothing. They do not check bounds: use them on
 * what `completeBatchSize` or `batchesIn` has found. Import as a namespace: `batch.baseOffset(bytes, at)`.
 *
 * The checksum leaves out the base offset and the leader epoch, so that a leader may stamp both without computing it again.
 */

export const BASE_OFFSET_AT = 0;
export const LENGTH_AT = 8;
export const PARTITION_LEADER_EPOCH_AT = 12;
export const MAGIC_AT = 16;
export const CRC_AT = 17;
export const ATTRIBUTES_AT = 21;
export const LAST_OFFSET_DELTA_AT = 23;
export const BASE_TIMESTAMP_AT = 27;
export const MAX_TIMESTAMP_AT = 35;
export const PRODUCER_ID_AT = 43;
export const PRODUCER_EPOCH_AT = 51;
export const BASE_SEQUENCE_AT = 53;
export const COUNT_AT = 57;
/** Size of the header: where the records begin. */
export const BATCH_OVERHEAD = 61;
/** Base offset and length, which the length does not count. */
export const LOG_OVERHEAD = 12;
/** The smallest size that any format had (v0), below which a batch is corrupt whatever its magic. */
const SMALLEST_BATCH = LOG_OVERHEAD + 14;
export const MAGIC_V2 = 2;

export const COMPRESSION_MASK = 0x07;
export const TIMESTAMP_TYPE_MASK = 0x08;
export const TRANSACTIONAL_MASK = 0x10;
export const CONTROL_MASK = 0x20;
export const DELETE_HORIZON_MASK = 0x40;

export const NO_TIMESTAMP = -1;
export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const MAX_PRODUCER_EPOCH = 0x7fff;
export const NO_SEQUENCE = -1;
export const NO_PARTITION_LEADER_EPOCH = -1;

/** Codecs as the lowest three bits of the attributes name them. */
export const CompressionType = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;
export type CompressionType = (typeof CompressionType)[keyof typeof CompressionType];

export const TimestampType = { createTime: 0, logAppendTime: 1 } as const;
export type TimestampType = (typeof TimestampType)[keyof typeof TimestampType];

/** A batch whose size, magic or checksum cannot be right: CORRUPT_MESSAGE. */
export class CorruptBatchError extends MalformedError {
  override readonly name: string = 'CorruptBatchError';
}

/** A batch of message format v0 or v1, which nobody has written since Kafka 0.11. */
export class OldFormatError extends CorruptBatchError {
  override readonly name = 'OldFormatError';
}

/**
 * Size of the batch at `at`, header included; 0 when fewer than its bytes lie before `end` (what a fetch may end with).
 * Throws `CorruptBatchError` when size or magic cannot be (`ByteBufferLogInputStream`), its child `OldFormatError` before v2.
 */
export function completeBatchSize(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < MAGIC_AT + 1) return 0;
  const size = sizeInBytes(bytes, at);
  if (size < SMALLEST_BATCH) throw new CorruptBatchError(`record batch size ${size} is less than the smallest, ${SMALLEST_BATCH}`);
  const format = magic(bytes, at);
  if (format < 0 || format > MAGIC_V2) throw new CorruptBatchError(`record batch has magic ${format}, known are 0 to ${MAGIC_V2}`);
  if (format !== MAGIC_V2) throw new OldFormatError(`record batch is of message format v${format}; only v2 is supported`);
  if (end - at < size) return 0;
  if (size < BATCH_OVERHEAD) throw new CorruptBatchError(`record batch of ${size} bytes is shorter than its header of ${BATCH_OVERHEAD}`);
  return size;
}

export function baseOffset(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + BASE_OFFSET_AT);
}

/** Size with header; what the length field says, not what is there. */
export function sizeInBytes(bytes: Uint8Array, at: number): number {
  return LOG_OVERHEAD + readInt32(bytes, at + LENGTH_AT);
}

export function partitionLeaderEpoch(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + PARTITION_LEADER_EPOCH_AT);
}

export function magic(bytes: Uint8Array, at: number): number {
  return readInt8(bytes, at + MAGIC_AT);
}

export function crc(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + CRC_AT);
}

export function attributes(bytes: Uint8Array, at: number): number {
  return readInt16(bytes, at + ATTRIBUTES_AT);
}

/** 0 to 7, of which 5 to 7 name no codec. */
export function compressionType(bytes: Uint8Array, at: number): number {
  return attributes(bytes, at) & COMPRESSION_MASK;
}

export function timestampType(bytes: Uint8Array, at: number): TimestampType {
  return (attributes(bytes, at) & TIMESTAMP_TYPE_MASK) === 0 ? TimestampType.createTime : TimestampType.logAppendTime;
}

export function isTransactional(bytes: Uint8Array, at: number): boolean {
  return (attributes(bytes, at) & TRANSACTIONAL_MASK) !== 0;
}

export function isControl(bytes: Uint8Array, at: number): boolean {
  return (attributes(bytes, at) & CONTROL_MASK) !== 0;
}

/** Whether the base timestamp is a delete horizon (KIP-534). */
export function hasDeleteHorizon(bytes: Uint8Array, at: number): boolean {
  return (attributes(bytes, at) & DELETE_HORIZON_MASK) !== 0;
}

export function lastOffsetDelta(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + LAST_OFFSET_DELTA_AT);
}

/** It stays as it was when compaction has taken the last record away. */
export function lastOffset(bytes: Uint8Array, at: number): number {
  return baseOffset(bytes, at) + lastOffsetDelta(bytes, at);
}

export function nextOffset(bytes: Uint8Array, at: number): number {
  return lastOffset(bytes, at) + 1;
}

export function baseTimestampMs(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + BASE_TIMESTAMP_AT);
}

/** The largest timestamp of the records; the append time under LogAppendTime. */
export function maxTimestampMs(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + MAX_TIMESTAMP_AT);
}

export function producerId(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + PRODUCER_ID_AT);
}

export function hasProducerId(bytes: Uint8Array, at: number): boolean {
  // Any id below 0 is none, and its sign is in its first byte.
  return bytes[at + PRODUCER_ID_AT]! < 0x80;
}

export function producerEpoch(bytes: Uint8Array, at: number): number {
  return readInt16(bytes, at + PRODUCER_EPOCH_AT);
}

export function baseSequence(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + BASE_SEQUENCE_AT);
}

export function lastSequence(bytes: Uint8Array, at: number): number {
  const first = baseSequence(bytes, at);
  return first === NO_SEQUENCE ? NO_SEQUENCE : incrementSequence(first, lastOffsetDelta(bytes, at));
}

/** Sequences go from 0 to 2^31-1 and around. */
export function incrementSequence(sequence: number, increment: number): number {
  const sum = sequence + increment;
  return sum > 0x7fff_ffff ? sum - 0x8000_0000 : sum;
}

export function decrementSequence(sequence: number, decrement: number): number {
  const difference = sequence - decrement;
  return difference < 0 ? difference + 0x8000_0000 : difference;
}

export function count(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + COUNT_AT);
}

/** The checksum as it should be. */
export function computeCrc(bytes: Uint8Array, at: number): number {
  return crc32c(bytes.subarray(at + ATTRIBUTES_AT, at + sizeInBytes(bytes, at)));
}

/** Whether size and checksum are right; the whole batch must be there. */
export function isValid(bytes: Uint8Array, at: number): boolean {
  return sizeInBytes(bytes, at) >= BATCH_OVERHEAD && crc(bytes, at) === computeCrc(bytes, at);
}

export function setBaseOffset(bytes: Uint8Array, at: number, offset: number): void {
  writeInt64(bytes, at + BASE_OFFSET_AT, offset);
}

export function setPartitionLeaderEpoch(bytes: Uint8Array, at: number, epoch: number): void {
  writeInt32(bytes, at + PARTITION_LEADER_EPOCH_AT, epoch);
}

export function setCrc(bytes: Uint8Array, at: number, value: number): void {
  writeInt32(bytes, at + CRC_AT, value);
}

/** Writes timestamp type and max timestamp, and the checksum when that changed anything (`setMaxTimestamp`). */
export function setMaxTimestamp(bytes: Uint8Array, at: number, type: TimestampType, timestampMs: number): void {
  if (timestampType(bytes, at) === type && maxTimestampMs(bytes, at) === timestampMs) return;
  const others = attributes(bytes, at) & ~TIMESTAMP_TYPE_MASK;
  writeInt16(bytes, at + ATTRIBUTES_AT, type === TimestampType.logAppendTime ? others | TIMESTAMP_TYPE_MASK : others);
  writeInt64(bytes, at + MAX_TIMESTAMP_AT, timestampMs);
  setCrc(bytes, at, computeCrc(bytes, at));
}
