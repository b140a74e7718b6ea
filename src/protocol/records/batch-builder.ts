import { assert } from '../../base/assert.js';
import { writeInt16, writeInt32, writeInt64 } from '../../base/bytes.js';
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from '../../base/varint.js';
import * as batch from './batch.js';
import { CompressionType } from './batch.js';
import { compress } from './compression/index.js';
import type { RecordHeader } from './batch-iterator.js';

export interface BatchOptions {
  /** Offset of the first record; 0 by default. */
  readonly baseOffset?: number;
  /** The last offset that the batch stands for, where its last records are left out (compaction); that of the last record by default. */
  readonly lastOffset?: number;
  readonly compression?: CompressionType;
  /** The codec's level; its default when absent. */
  readonly compressionLevel?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  readonly partitionLeaderEpoch?: number;
  /** Present: the batch is of LogAppendTime, and this is the time of all its records. */
  readonly logAppendTimeMs?: number;
  /** Present: it takes the place of the base timestamp (KIP-534). */
  readonly deleteHorizonMs?: number;
  /** `append` refuses what would make the batch larger than this before compression; a first record always fits. */
  readonly maxSizeBytes?: number;
}

export interface RecordInput {
  /** By default the offset after the last one. */
  readonly offset?: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
}

const NO_HEADERS: readonly RecordHeader[] = [];
const NO_KEYS: readonly Uint8Array[] = [];
const FIRST_CAPACITY = 1024;

/** Builds one record batch of message format v2 (`MemoryRecordsBuilder`). */
export class BatchBuilder {
  private bytes = Buffer.allocUnsafe(FIRST_CAPACITY);
  private at = batch.BATCH_OVERHEAD;
  private records = 0;
  private nextOffset: number;
  private readonly baseOffset: number;
  private baseTimestampMs = batch.NO_TIMESTAMP;
  private maxTimestampMs = batch.NO_TIMESTAMP;

  constructor(private readonly options: BatchOptions = {}) {
    this.baseOffset = options.baseOffset ?? 0;
    this.nextOffset = this.baseOffset;
  }

  get count(): number {
    return this.records;
  }

  /** Bytes so far, header included, before compression. */
  get sizeInBytes(): number {
    return this.at;
  }

  /** Adds a record and returns its offset; undefined when `maxSizeBytes` forbids it. */
  append(record: RecordInput): number | undefined {
    const offset = record.offset ?? this.nextOffset;
    assert(offset >= this.nextOffset && Number.isSafeInteger(offset), `offset ${offset} is below the next one, ${this.nextOffset}, or beyond what can be meant`);
    if (this.records === 0) this.baseTimestampMs = this.options.deleteHorizonMs ?? record.timestampMs;
    const offsetDelta = offset - this.baseOffset;
    const timestampDelta = record.timestampMs - this.baseTimestampMs;
    const headers = record.headers ?? NO_HEADERS;
    const headerKeys = headers.length === 0 ? NO_KEYS : headers.map(header => Buffer.from(header.key, 'utf8'));
    const bodySize = 1 + sizeOfVarlong(timestampDelta) + sizeOfVarint(offsetDelta) +
      sizeOfField(record.key) + sizeOfField(record.value) + sizeOfHeaders(headers, headerKeys);
    const size = sizeOfVarint(bodySize) + bodySize;
    if (this.records > 0 && this.at + size > (this.options.maxSizeBytes ?? Infinity)) return undefined;
    this.reserve(size);
    const { bytes } = this;
    let at = writeVarint(bytes, this.at, bodySize);
    bytes[at++] = 0;
    at = writeVarlong(bytes, at, timestampDelta);
    at = writeVarint(bytes, at, offsetDelta);
    at = writeField(bytes, at, record.key);
    at = writeField(bytes, at, record.value);
    at = writeVarint(bytes, at, headers.length);
    for (const [index, header] of headers.entries()) at = writeField(bytes, writeField(bytes, at, headerKeys[index]!), header.value);
    assert(at === this.at + size, `record took ${at - this.at} bytes, ${size} were foreseen`);
    this.at = at;
    this.records++;
    this.nextOffset = offset + 1;
    this.maxTimestampMs = Math.max(this.maxTimestampMs, record.timestampMs);
    return offset;
  }

  /** The finished batch. Without compression it is a view of the builder's memory: build once. */
  build(): Buffer {
    const { compression = CompressionType.none, compressionLevel } = this.options;
    let bytes = this.bytes.subarray(0, this.at);
    if (compression !== CompressionType.none) {
      const packed = compress(compression, bytes.subarray(batch.BATCH_OVERHEAD), compressionLevel);
      bytes = Buffer.concat([bytes.subarray(0, batch.BATCH_OVERHEAD), packed]);
    }
    this.writeHeader(bytes, compression);
    return bytes;
  }

  private writeHeader(bytes: Uint8Array, compression: CompressionType): void {
    const { options } = this;
    writeInt64(bytes, batch.BASE_OFFSET_AT, this.baseOffset);
    writeInt32(bytes, batch.LENGTH_AT, bytes.length - batch.LOG_OVERHEAD);
    writeInt32(bytes, batch.PARTITION_LEADER_EPOCH_AT, options.partitionLeaderEpoch ?? batch.NO_PARTITION_LEADER_EPOCH);
    bytes[batch.MAGIC_AT] = batch.MAGIC_V2;
    writeInt16(bytes, batch.ATTRIBUTES_AT, attributesOf(options, compression));
    const lastOffset = options.lastOffset ?? Math.max(this.baseOffset, this.nextOffset - 1);
    writeInt32(bytes, batch.LAST_OFFSET_DELTA_AT, lastOffset - this.baseOffset);
    writeInt64(bytes, batch.BASE_TIMESTAMP_AT, this.baseTimestampMs);
    writeInt64(bytes, batch.MAX_TIMESTAMP_AT, options.logAppendTimeMs ?? this.maxTimestampMs);
    writeInt64(bytes, batch.PRODUCER_ID_AT, options.producerId ?? batch.NO_PRODUCER_ID);
    writeInt16(bytes, batch.PRODUCER_EPOCH_AT, options.producerEpoch ?? batch.NO_PRODUCER_EPOCH);
    writeInt32(bytes, batch.BASE_SEQUENCE_AT, options.baseSequence ?? batch.NO_SEQUENCE);
    writeInt32(bytes, batch.COUNT_AT, this.records);
    batch.setCrc(bytes, 0, batch.computeCrc(bytes, 0));
  }

  private reserve(size: number): void {
    if (this.at + size <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + size));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}

/** One batch of these records. */
export function buildBatch(options: BatchOptions, records: Iterable<RecordInput>): Buffer {
  const builder = new BatchBuilder(options);
  for (const record of records) assert(builder.append(record) !== undefined, 'records do not fit in maxSizeBytes');
  return builder.build();
}

function attributesOf(options: BatchOptions, compression: CompressionType): number {
  return compression |
    (options.logAppendTimeMs === undefined ? 0 : batch.TIMESTAMP_TYPE_MASK) |
    (options.isTransactional === true ? batch.TRANSACTIONAL_MASK : 0) |
    (options.isControl === true ? batch.CONTROL_MASK : 0) |
    (options.deleteHorizonMs === undefined ? 0 : batch.DELETE_HORIZON_MASK);
}

function sizeOfField(field: Uint8Array | null): number {
  return field === null ? 1 : sizeOfVarint(field.length) + field.length;
}

function writeField(bytes: Uint8Array, at: number, field: Uint8Array | null): number {
  if (field === null) return writeVarint(bytes, at, -1);
  const start = writeVarint(bytes, at, field.length);
  bytes.set(field, start);
  return start + field.length;
}

function sizeOfHeaders(headers: readonly RecordHeader[], keys: readonly Uint8Array[]): number {
  let size = sizeOfVarint(headers.length);
  for (const [index, header] of headers.entries()) size += sizeOfField(keys[index]!) + sizeOfField(header.value);
  return size;
}
