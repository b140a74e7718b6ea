import { MalformedError, isSafeInt64, writeInt16, writeInt32 } from '../../base/bytes.js';
import { OutputTooLargeError, type Compute } from '../../env/compute.js';
import { ErrorCode } from '../generated/errors.js';
import * as batch from './batch.js';
import { CompressionType, TimestampType } from './batch.js';
import { buildBatch } from './batch-builder.js';
import { DEFAULT_MAX_DECOMPRESSED_BYTES, recordsIn } from './batch-iterator.js';
import { messageOf } from './compression/backends.js';
import { COMPRESSION_NAMES, COMPUTE_TASKS, compress, decompress, isCompressionType } from './compression/index.js';
import { RecordWalker } from './record-walker.js';

/**
 * What a leader checks of a record set before it appends it, and the changes it makes: Kafka's `ProduceRequest.validateRecords`,
 * `UnifiedLog.analyzeAndValidateRecords` and `LogValidator`. Offsets and leader epoch are stamped later, by the log.
 */

/** The settings of a topic that bear on it; a log's settings fit. */
export interface ProduceRules {
  readonly maxMessageBytes: number;
  readonly cleanupPolicy: { readonly compact: boolean };
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** `producer` keeps what the client chose. */
  readonly compressionType: 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly gzipLevel: number;
  readonly lz4Level: number;
  readonly zstdLevel: number;
}

export interface ProduceCheckContext {
  readonly origin: 'client' | 'coordinator';
  /** Version of the Produce request; -1 when there was none. */
  readonly produceVersion: number;
  readonly nowMs: number;
  /** Present: long (de)compressions go to it, and the result is a promise. */
  readonly compute?: Compute;
  /** What the records may take decompressed; 100 MiB by default. Kafka has no bound. */
  readonly maxDecompressedBytes?: number;
}

/** One batch, ready for its offsets. */
export interface AcceptedBatch {
  readonly accepted: true;
  /** A view of what was given, possibly stamped in place; a new batch when it was converted or had to wait. */
  readonly batch: Uint8Array;
  readonly count: number;
  /** -1: no record has a timestamp. The append time under LogAppendTime. */
  readonly maxTimestampMs: number;
  /** Of the first record with the largest timestamp, from the base offset; of the last record under LogAppendTime. */
  readonly maxTimestampOffsetDelta: number;
  /** -1 unless the topic uses LogAppendTime. */
  readonly logAppendTimeMs: number;
}

export interface RejectedBatch {
  readonly accepted: false;
  readonly errorCode: number;
  readonly errorMessage: string;
  /** The records that are to blame, where single ones are; at most `MAX_RECORD_ERRORS` of them. */
  readonly recordErrors: readonly RecordError[];
  /** Refused before anybody looked at the partition's log, so that an answer tells nothing of it (`ProduceRequest.validateRecords`). */
  readonly beforeLog: boolean;
}

export interface RecordError {
  readonly batchIndex: number;
  readonly batchIndexErrorMessage: string | null;
}

export type ValidatedBatch = AcceptedBatch | RejectedBatch;

export const MAX_RECORD_ERRORS = 1000;

/**
 * From this many bytes of input on, a (de)compression is worth a trip to another thread. Measured: the trip takes 20 to 50 us of
 * this thread and 50 to 100 us in all, whatever the size; 64 KiB take 85 us to compress with lz4, 110 with zstd, 230 with
 * snappy, and 75 to 500 us to decompress.
 */
export const COMPUTE_FROM_BYTES = 64 * 1024;

/** Checks the records of one partition in a Produce request. Bytes that are given may be stamped in place. */
export function validateProduce(records: Uint8Array, rules: ProduceRules, context: ProduceCheckContext): ValidatedBatch | Promise<ValidatedBatch> {
  try {
    const result = validate(records, rules, context);
    return result instanceof Promise ? result.catch(rejection) : result;
  } catch (error) {
    return rejection(error);
  }
}

function validate(records: Uint8Array, rules: ProduceRules, context: ProduceCheckContext): ValidatedBatch | Promise<ValidatedBatch> {
  const size = onlyBatchSize(records, context.produceVersion);
  const set = size === records.length ? records : records.subarray(0, size);
  checkHeader(set, rules, context);
  const plain = plainRecords(set, context);
  if (!(plain instanceof Promise)) return finish(set, plain, rules, context);
  // The caller's bytes may be gone when the promise settles.
  const kept = Buffer.from(set);
  return plain.then(bytes => finish(kept, bytes, rules, context));
}

function rejection(error: unknown): RejectedBatch {
  const reject = (errorCode: number, errorMessage: string, recordErrors: readonly RecordError[] = [], beforeLog = false): RejectedBatch =>
    ({ accepted: false, errorCode, errorMessage, recordErrors, beforeLog });
  if (error instanceof Rejection) return reject(error.errorCode, error.message, error.recordErrors, error.beforeLog);
  if (error instanceof batch.OldFormatError) return reject(ErrorCode.INVALID_RECORD, error.message, [], true);
  if (error instanceof batch.CorruptBatchError) return reject(ErrorCode.CORRUPT_MESSAGE, error.message);
  if (error instanceof OutputTooLargeError) return reject(ErrorCode.MESSAGE_TOO_LARGE, error.message);
  if (error instanceof MalformedError) return reject(ErrorCode.INVALID_RECORD, error.message);
  throw error;
}

class Rejection extends Error {
  constructor(
    readonly errorCode: number,
    message: string,
    readonly recordErrors: readonly RecordError[] = [],
    readonly beforeLog = false,
  ) {
    super(message);
  }
}

function invalid(message: string): Rejection {
  return new Rejection(ErrorCode.INVALID_RECORD, message);
}

function unfit(errorCode: number, message: string): Rejection {
  return new Rejection(errorCode, message, [], true);
}

/** Whether there is one batch, as a Produce of this version must have it: nothing more of it is checked. */
export function holdsOneBatch(records: Uint8Array, produceVersion: number): boolean {
  try {
    return onlyBatchSize(records, produceVersion) > 0;
  } catch {
    return false;
  }
}

/** Size of the one batch that there must be. An incomplete one after it is passed over, as Kafka does. */
function onlyBatchSize(records: Uint8Array, produceVersion: number): number {
  const size = batch.completeBatchSize(records, 0, records.length);
  if (size === 0) throw unfit(ErrorCode.INVALID_RECORD, 'there is no complete record batch');
  if (batch.compressionType(records, 0) === CompressionType.zstd && produceVersion >= 0 && produceVersion < 7) {
    throw unfit(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `zstd needs Produce version 7 or later, this is version ${produceVersion}`);
  }
  if (batch.completeBatchSize(records, size, records.length) !== 0) throw unfit(ErrorCode.INVALID_RECORD, 'there is more than one record batch');
  return size;
}

const TIMESTAMPS_AT = [batch.BASE_TIMESTAMP_AT, batch.MAX_TIMESTAMP_AT] as const;

function checkHeader(set: Uint8Array, rules: ProduceRules, { origin }: ProduceCheckContext): void {
  if (origin === 'client' && (!isSafeInt64(set, batch.BASE_OFFSET_AT) || batch.baseOffset(set, 0) !== 0)) throw invalid('base offset of the record batch is not 0');
  if (set.length > rules.maxMessageBytes) {
    throw new Rejection(ErrorCode.MESSAGE_TOO_LARGE, `record batch of ${set.length} bytes is larger than max.message.bytes, ${rules.maxMessageBytes}`);
  }
  if (!batch.isValid(set, 0)) throw new batch.CorruptBatchError(`record batch has a wrong checksum, ${batch.crc(set, 0)}`);
  const codec = batch.compressionType(set, 0);
  if (!isCompressionType(codec)) throw new Rejection(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `compression type ${codec} is unknown`);
  for (const at of TIMESTAMPS_AT) {
    if (!isSafeInt64(set, at)) throw new Rejection(ErrorCode.INVALID_TIMESTAMP, 'timestamp in the header of the record batch is out of range');
  }
  if (!isSafeInt64(set, batch.PRODUCER_ID_AT)) throw invalid('producer id is out of range');
  if (origin === 'client') checkClientHeader(set);
}

function checkClientHeader(set: Uint8Array): void {
  const delta = batch.lastOffsetDelta(set, 0);
  const count = batch.count(set, 0);
  if (delta < 0) throw invalid(`last offset delta is ${delta}`);
  if (count <= 0) throw invalid(`record count is ${count}`);
  if (delta + 1 !== count) throw invalid(`last offset delta ${delta} does not fit the record count ${count}`);
  if (batch.isControl(set, 0)) throw invalid('clients may not write control records');
  if (batch.hasProducerId(set, 0) && batch.baseSequence(set, 0) < 0) {
    throw invalid(`base sequence is ${batch.baseSequence(set, 0)}, with producer id ${batch.producerId(set, 0)}`);
  }
}

/** The records without compression; undefined when there was none: they lie in the batch. */
function plainRecords(set: Uint8Array, context: ProduceCheckContext): Uint8Array | undefined | Promise<Uint8Array> {
  const codec = batch.compressionType(set, 0) as CompressionType;
  if (codec === CompressionType.none) return undefined;
  const packed = set.subarray(batch.BATCH_OVERHEAD);
  const maxOutputBytes = context.maxDecompressedBytes ?? DEFAULT_MAX_DECOMPRESSED_BYTES;
  if (context.compute === undefined || packed.length < COMPUTE_FROM_BYTES) return decompress(codec, packed, maxOutputBytes);
  return context.compute.run(COMPUTE_TASKS[codec].decompress, Buffer.from(packed), { maxOutputBytes }).catch((error: unknown) => {
    throw isDataError(error) ? new MalformedError(`${COMPRESSION_NAMES[codec]} data is corrupt: ${messageOf(error)}`) : error;
  });
}

/** Whether zlib complains of the data: Z_DATA_ERROR and its kin, `ZSTD_error_…` for zstd. */
function isDataError(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^(?:Z_|ZSTD_)/.test(code);
}

interface Facts {
  readonly maxTimestampMs: number;
  readonly maxTimestampOffsetDelta: number;
  /** Whether offsets go up by one from 0; if not, the batch is rewritten, as Kafka does for clients that number wrongly. */
  readonly sequential: boolean;
}

/** Looks at every record; throws when any is at fault. */
function checkRecords(set: Uint8Array, plain: Uint8Array | undefined, rules: ProduceRules, nowMs: number): Facts {
  const count = batch.count(set, 0);
  const walker = plain === undefined ? new RecordWalker(set, batch.BATCH_OVERHEAD, set.length, count) : new RecordWalker(plain, 0, plain.length, count);
  const baseTimestampMs = batch.baseTimestampMs(set, 0);
  const keyNeeded = rules.cleanupPolicy.compact && !batch.isControl(set, 0);
  const claimsAppendTime = batch.timestampType(set, 0) === TimestampType.logAppendTime;
  const headerMaxTimestampMs = batch.maxTimestampMs(set, 0);
  const timeChecked = rules.timestampType === 'CreateTime';
  const earliestMs = nowMs - rules.timestampBeforeMaxMs;
  const latestMs = nowMs + rules.timestampAfterMaxMs;
  const faults = new Faults();
  let maxTimestampMs: number = batch.NO_TIMESTAMP;
  let maxTimestampOffsetDelta = 0;
  let sequential = true;
  for (let index = 0; walker.next(); index++) {
    const timestampMs = claimsAppendTime ? headerMaxTimestampMs : baseTimestampMs + walker.timestampDelta;
    if (walker.keyLength < 0 && keyNeeded) faults.add(index, 'a compacted topic takes no record without a key');
    else if (!Number.isSafeInteger(timestampMs) || (timeChecked && timestampMs !== batch.NO_TIMESTAMP && (timestampMs < earliestMs || timestampMs > latestMs))) {
      faults.addTimestamp(index, `timestamp ${timestampMs} is not within [${earliestMs}, ${latestMs}]`);
    } else if (claimsAppendTime && (!timeChecked || timestampMs === batch.NO_TIMESTAMP)) {
      // Where a topic keeps the producers' time, Kafka takes the claim for a time like any other, and drops it.
      faults.addTimestamp(index, 'producers may not set the timestamp type to LogAppendTime');
    }
    if (timestampMs > maxTimestampMs) {
      maxTimestampMs = timestampMs;
      maxTimestampOffsetDelta = index;
    }
    if (walker.offsetDelta !== index) sequential = false;
  }
  faults.throwIfAny();
  return { maxTimestampMs, maxTimestampOffsetDelta, sequential };
}

class Faults {
  private readonly list: RecordError[] = [];
  private total = 0;
  private timestamp = false;

  add(batchIndex: number, batchIndexErrorMessage: string): void {
    this.total++;
    if (this.list.length < MAX_RECORD_ERRORS) this.list.push({ batchIndex, batchIndexErrorMessage });
  }

  addTimestamp(batchIndex: number, message: string): void {
    this.timestamp = true;
    this.add(batchIndex, message);
  }

  throwIfAny(): void {
    if (this.total === 0) return;
    const code = this.timestamp ? ErrorCode.INVALID_TIMESTAMP : ErrorCode.INVALID_RECORD;
    throw new Rejection(code, `${this.total} of the records are at fault, the first: ${this.list[0]!.batchIndexErrorMessage}`, this.list);
  }
}

function finish(set: Uint8Array, plain: Uint8Array | undefined, rules: ProduceRules, context: ProduceCheckContext): ValidatedBatch | Promise<ValidatedBatch> {
  const facts = checkRecords(set, plain, rules, context.nowMs);
  const source = batch.compressionType(set, 0) as CompressionType;
  const target = targetCompression(set, source, rules);
  if (source === target && facts.sequential) return accept(set, facts, rules, context.nowMs);
  const records = plain ?? set.subarray(batch.BATCH_OVERHEAD);
  const numbered = facts.sequential ? records : renumber(set, records);
  const packed = packRecords(target, numbered, levelOf(target, rules), context);
  const convert = (bytes: Uint8Array): AcceptedBatch => {
    const converted = withRecords(set, target, bytes);
    if (converted.length > rules.maxMessageBytes) {
      throw new Rejection(ErrorCode.MESSAGE_TOO_LARGE, `record batch of ${converted.length} bytes as ${COMPRESSION_NAMES[target]} is larger than max.message.bytes, ${rules.maxMessageBytes}`);
    }
    return accept(converted, facts, rules, context.nowMs);
  };
  return packed instanceof Promise ? packed.then(convert) : convert(packed);
}

function targetCompression(set: Uint8Array, source: CompressionType, rules: ProduceRules): CompressionType {
  // Control records stay as the coordinator wrote them.
  if (rules.compressionType === 'producer' || batch.isControl(set, 0)) return source;
  return rules.compressionType === 'uncompressed' ? CompressionType.none : CompressionType[rules.compressionType];
}

function levelOf(target: CompressionType, { gzipLevel, lz4Level, zstdLevel }: ProduceRules): number | undefined {
  switch (target) {
    case CompressionType.gzip: return gzipLevel;
    case CompressionType.lz4: return lz4Level;
    case CompressionType.zstd: return zstdLevel;
    default: return undefined;
  }
}

function packRecords(target: CompressionType, plain: Uint8Array, level: number | undefined, { compute }: ProduceCheckContext): Uint8Array | Promise<Uint8Array> {
  if (compute === undefined || target === CompressionType.none || plain.length < COMPUTE_FROM_BYTES) return compress(target, plain, level);
  return compute.run(COMPUTE_TASKS[target].compress, Buffer.from(plain), level === undefined ? {} : { level });
}

/** The batch's header before other records, with lengths and checksum put right. */
function withRecords(set: Uint8Array, codec: CompressionType, records: Uint8Array): Buffer {
  const bytes = Buffer.concat([set.subarray(0, batch.BATCH_OVERHEAD), records]);
  writeInt32(bytes, batch.LENGTH_AT, bytes.length - batch.LOG_OVERHEAD);
  writeInt16(bytes, batch.ATTRIBUTES_AT, (batch.attributes(bytes, 0) & ~batch.COMPRESSION_MASK) | codec);
  batch.setCrc(bytes, 0, batch.computeCrc(bytes, 0));
  return bytes;
}

/** The same records with offsets that go up by one from 0. */
function renumber(set: Uint8Array, plain: Uint8Array): Uint8Array {
  const source = withRecords(set, CompressionType.none, plain);
  batch.setBaseOffset(source, 0, 0);
  const deleteHorizonMs = batch.baseTimestampMs(set, 0);
  // Keeping the base timestamp keeps the header as it is.
  const renumbered = buildBatch({ deleteHorizonMs }, [...recordsIn(source, 0)].map((record, offset) => ({ ...record, offset })));
  return renumbered.subarray(batch.BATCH_OVERHEAD);
}

function accept(set: Uint8Array, facts: Facts, rules: ProduceRules, nowMs: number): AcceptedBatch {
  const count = batch.count(set, 0);
  if (rules.timestampType === 'LogAppendTime') {
    batch.setMaxTimestamp(set, 0, TimestampType.logAppendTime, nowMs);
    return { accepted: true, batch: set, count, maxTimestampMs: nowMs, maxTimestampOffsetDelta: count - 1, logAppendTimeMs: nowMs };
  }
  batch.setMaxTimestamp(set, 0, TimestampType.createTime, facts.maxTimestampMs);
  const { maxTimestampMs, maxTimestampOffsetDelta } = facts;
  return { accepted: true, batch: set, count, maxTimestampMs, maxTimestampOffsetDelta, logAppendTimeMs: batch.NO_TIMESTAMP };
}
