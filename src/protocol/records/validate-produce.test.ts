import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { writeInt16, writeInt32, writeInt64 } from '../../base/bytes.js';
import { writeVarint } from '../../base/varint.js';
import type { Compute } from '../../env/compute.js';
import { NodeCompute, codecJob } from '../../env/node/compute.js';
import { ErrorCode } from '../generated/errors.js';
import * as batch from './batch.js';
import { buildBatch, type BatchOptions, type RecordInput } from './batch-builder.js';
import { recordsIn } from './batch-iterator.js';
import { codecFunctions } from './compression/index.js';
import { COMPUTE_FROM_BYTES, MAX_RECORD_ERRORS, validateProduce, type AcceptedBatch, type ProduceCheckContext, type ProduceRules, type RejectedBatch } from './validate-produce.js';

const { CompressionType, TimestampType } = batch;

const NOW = 1_700_000_000_000;
const RULES: ProduceRules = {
  maxMessageBytes: 1_048_588, cleanupPolicy: { compact: false }, timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number('9223372036854775807'), timestampAfterMaxMs: 3_600_000, compressionType: 'producer', gzipLevel: -1, lz4Level: 9, zstdLevel: 3,
};
const CONTEXT: ProduceCheckContext = { origin: 'client', produceVersion: 11, nowMs: NOW };
const codecs = Object.entries(CompressionType);

const record = (index: number): RecordInput => ({ timestampMs: NOW + index, key: Buffer.from(`key ${index}`), value: Buffer.from(`value ${index}`) });
const three = (options: BatchOptions = {}): Buffer => buildBatch(options, [record(0), record(2), record(1)]);

/** Changes a batch and puts its checksum right. */
function edited(source: Buffer, edit: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(source);
  edit(bytes);
  batch.setCrc(bytes, 0, batch.computeCrc(bytes, 0));
  return bytes;
}

function check(records: Uint8Array, rules: Partial<ProduceRules> = {}, context: Partial<ProduceCheckContext> = {}): AcceptedBatch | RejectedBatch {
  const result = validateProduce(records, { ...RULES, ...rules }, { ...CONTEXT, ...context });
  if (result instanceof Promise) throw new Error('no promise was wanted');
  return result;
}

function accepted(...given: Parameters<typeof check>): AcceptedBatch {
  const result = check(...given);
  if (!result.accepted) throw new Error(`rejected: ${result.errorCode} ${result.errorMessage}`);
  return result;
}

function errorOf(...given: Parameters<typeof check>): number {
  const result = check(...given);
  return result.accepted ? ErrorCode.NONE : result.errorCode;
}

const values = (bytes: Uint8Array): string[] => [...recordsIn(bytes)].map(one => `${one.offset} ${String(one.value)}`);

describe.each(codecs)('a good batch, codec %s', (_, compression) => {
  test('is accepted as it is, with what it holds', () => {
    const given = three({ compression });
    const before = Buffer.from(given);
    const result = accepted(given);
    expect(result).toMatchObject({ count: 3, maxTimestampMs: NOW + 2, maxTimestampOffsetDelta: 1, logAppendTimeMs: -1 });
    expect(Buffer.from(result.batch)).toEqual(before);
    expect(result.batch.buffer).toBe(given.buffer);
  });

  test('a wrong max timestamp is put right', () => {
    const given = edited(three({ compression }), bytes => writeInt64(bytes, batch.MAX_TIMESTAMP_AT, NOW + 99_999));
    const result = accepted(given);
    expect([batch.maxTimestampMs(result.batch, 0), batch.isValid(result.batch, 0)]).toEqual([NOW + 2, true]);
  });

  test('LogAppendTime is stamped', () => {
    const result = accepted(three({ compression }), { timestampType: 'LogAppendTime' });
    expect(result).toMatchObject({ maxTimestampMs: NOW, maxTimestampOffsetDelta: 2, logAppendTimeMs: NOW });
    expect([batch.timestampType(result.batch, 0), batch.maxTimestampMs(result.batch, 0), batch.isValid(result.batch, 0)])
      .toEqual([TimestampType.logAppendTime, NOW, true]);
  });

  test.each(codecs)('is converted to %s when the topic says so', (target, targetId) => {
    const result = accepted(three({ compression, producerId: 9, producerEpoch: 1, baseSequence: 4, isTransactional: true }), {
      compressionType: target === 'none' ? 'uncompressed' : (target as ProduceRules['compressionType']),
    });
    expect(batch.compressionType(result.batch, 0)).toBe(targetId);
    expect([batch.isValid(result.batch, 0), batch.sizeInBytes(result.batch, 0)]).toEqual([true, result.batch.length]);
    expect([batch.producerId(result.batch, 0), batch.producerEpoch(result.batch, 0), batch.baseSequence(result.batch, 0), batch.isTransactional(result.batch, 0)])
      .toEqual([9, 1, 4, true]);
    expect(values(result.batch)).toEqual(['0 value 0', '1 value 2', '2 value 1']);
  });

  test('offsets that do not go up by one are written anew', () => {
    const numbered = buildBatch({ compression }, [{ ...record(0), offset: 0, headers: [{ key: 'h', value: null }] }, { ...record(1), offset: 1 }, { ...record(2), offset: 5 }]);
    const given = edited(numbered, bytes => writeInt32(bytes, batch.LAST_OFFSET_DELTA_AT, 2));
    const result = accepted(given);
    expect(values(result.batch)).toEqual(['0 value 0', '1 value 1', '2 value 2']);
    expect([...recordsIn(result.batch)].map(one => one.timestampMs)).toEqual([NOW, NOW + 1, NOW + 2]);
    expect([...recordsIn(result.batch)][0]!.headers).toEqual([{ key: 'h', value: null }]);
    expect([batch.compressionType(result.batch, 0), batch.isValid(result.batch, 0), batch.hasDeleteHorizon(result.batch, 0)]).toEqual([compression, true, false]);
  });

  test('a compacted topic names the records without a key', () => {
    const given = buildBatch({ compression }, [record(0), { ...record(1), key: null }, { ...record(2), key: Buffer.alloc(0) }, { ...record(3), key: null }]);
    expect(check(given, { cleanupPolicy: { compact: true } })).toMatchObject({
      errorCode: ErrorCode.INVALID_RECORD, recordErrors: [{ batchIndex: 1 }, { batchIndex: 3 }],
    });
    expect(errorOf(given)).toBe(ErrorCode.NONE);
  });

  test('records beyond the count, or fewer than it, are invalid', () => {
    const count = (wanted: number) => edited(three({ compression }), bytes => {
      writeInt32(bytes, batch.COUNT_AT, wanted);
      writeInt32(bytes, batch.LAST_OFFSET_DELTA_AT, wanted - 1);
    });
    expect([2, 4, 1_000_000].map(wanted => errorOf(count(wanted)))).toEqual([ErrorCode.INVALID_RECORD, ErrorCode.INVALID_RECORD, ErrorCode.INVALID_RECORD]);
  });
});

test('there must be exactly one batch; an incomplete one after it is passed over', () => {
  expect(errorOf(Buffer.alloc(0))).toBe(ErrorCode.INVALID_RECORD);
  expect(errorOf(three().subarray(0, 60))).toBe(ErrorCode.INVALID_RECORD);
  expect(errorOf(three().subarray(0, -1))).toBe(ErrorCode.INVALID_RECORD);
  expect(errorOf(Buffer.concat([three(), three()]))).toBe(ErrorCode.INVALID_RECORD);
  const size = three().length;
  expect(accepted(Buffer.concat([three(), three().subarray(0, 50)])).batch).toHaveLength(size);
});

test('old formats are invalid; sizes and magics that cannot be, wrong checksums and short batches are corrupt', () => {
  const withMagic = (magic: number) => errorOf(edited(three(), bytes => { bytes[batch.MAGIC_AT] = magic; }));
  expect([0, 1, 3, 0xff].map(withMagic)).toEqual([ErrorCode.INVALID_RECORD, ErrorCode.INVALID_RECORD, ErrorCode.CORRUPT_MESSAGE, ErrorCode.CORRUPT_MESSAGE]);
  const withLength = (length: number) => errorOf(edited(Buffer.concat([three(), Buffer.alloc(50)]), bytes => { writeInt32(bytes, batch.LENGTH_AT, length); }));
  expect([-1, 0, 13, 40].map(withLength)).toEqual(Array.from({ length: 4 }, () => ErrorCode.CORRUPT_MESSAGE));
  for (const at of [21, 30, 61, three().length - 1]) {
    const given = three();
    given[at]! ^= 0x40;
    expect(errorOf(given)).toBe(ErrorCode.CORRUPT_MESSAGE);
  }
});

test('what a client may not write in the header', () => {
  const edit = (change: (bytes: Buffer) => void, context: Partial<ProduceCheckContext> = {}) => errorOf(edited(three({ producerId: 5, producerEpoch: 0, baseSequence: 0 }), change), {}, context);
  const invalid: ((bytes: Buffer) => void)[] = [
    bytes => writeInt64(bytes, batch.BASE_OFFSET_AT, 1),
    bytes => bytes.fill(0x7f, batch.BASE_OFFSET_AT, 8),
    bytes => writeInt32(bytes, batch.LAST_OFFSET_DELTA_AT, -1),
    bytes => writeInt32(bytes, batch.LAST_OFFSET_DELTA_AT, 5),
    bytes => writeInt32(bytes, batch.COUNT_AT, 0),
    bytes => writeInt32(bytes, batch.COUNT_AT, -3),
    bytes => writeInt16(bytes, batch.ATTRIBUTES_AT, batch.CONTROL_MASK),
    bytes => writeInt32(bytes, batch.BASE_SEQUENCE_AT, -1),
  ];
  expect(invalid.map(change => edit(change))).toEqual(invalid.map(() => ErrorCode.INVALID_RECORD));
  expect(edit(bytes => bytes.fill(0x7f, batch.PRODUCER_ID_AT, batch.PRODUCER_ID_AT + 8))).toBe(ErrorCode.INVALID_RECORD);
  const control = buildBatch({ isControl: true, isTransactional: true, producerId: 5, producerEpoch: 0 }, [{ ...record(0), key: null }]);
  expect(errorOf(control)).toBe(ErrorCode.INVALID_RECORD);
  expect(errorOf(control, { cleanupPolicy: { compact: true } }, { origin: 'coordinator' })).toBe(ErrorCode.NONE);
});

test('compression ids that name no codec, and zstd before Produce 7, are unsupported', () => {
  for (const id of [5, 6, 7]) expect(errorOf(edited(three(), bytes => writeInt16(bytes, batch.ATTRIBUTES_AT, id)))).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
  const zstd = () => three({ compression: CompressionType.zstd });
  expect([3, 6, 7, -1].map(produceVersion => errorOf(zstd(), {}, { produceVersion })))
    .toEqual([ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, ErrorCode.NONE, ErrorCode.NONE]);
});

test('a batch larger than max.message.bytes is too large, also when conversion made it so', () => {
  const size = three().length;
  expect([size, size - 1].map(maxMessageBytes => errorOf(three(), { maxMessageBytes }))).toEqual([ErrorCode.NONE, ErrorCode.MESSAGE_TOO_LARGE]);
  const packed = buildBatch({ compression: CompressionType.gzip }, [{ ...record(0), value: Buffer.alloc(5000) }]);
  expect(errorOf(packed, { maxMessageBytes: 1000, compressionType: 'uncompressed' })).toBe(ErrorCode.MESSAGE_TOO_LARGE);
  expect(errorOf(packed, { maxMessageBytes: 1000 })).toBe(ErrorCode.NONE);
});

test('timestamps out of range, or of a type that is not the client\'s to set', () => {
  const at = (timestampMs: number, rules: Partial<ProduceRules> = {}) => check(buildBatch({}, [record(0), { ...record(1), timestampMs }]), rules);
  expect(at(NOW + 3_600_000).accepted).toBe(true);
  expect(at(NOW + 3_600_001)).toMatchObject({ errorCode: ErrorCode.INVALID_TIMESTAMP, recordErrors: [{ batchIndex: 1 }] });
  expect(at(NOW - 1001, { timestampBeforeMaxMs: 1000 })).toMatchObject({ errorCode: ErrorCode.INVALID_TIMESTAMP });
  expect(at(NOW - 1000, { timestampBeforeMaxMs: 1000 }).accepted).toBe(true);
  expect(at(-1, { timestampBeforeMaxMs: 1000 }).accepted).toBe(true);
  expect(at(0, { timestampBeforeMaxMs: 1000, timestampType: 'LogAppendTime' }).accepted).toBe(true);
  // Kafka takes a claimed append time for a time of the client's, where that is what a topic keeps.
  expect(check(three({ logAppendTimeMs: NOW }))).toMatchObject({ accepted: true, maxTimestampMs: NOW, logAppendTimeMs: -1 });
  expect(check(three({ logAppendTimeMs: NOW }), { timestampType: 'LogAppendTime' })).toMatchObject({ accepted: false, errorCode: ErrorCode.INVALID_TIMESTAMP });
  const beyond = edited(three(), bytes => bytes.fill(0x7f, batch.BASE_TIMESTAMP_AT, batch.BASE_TIMESTAMP_AT + 8));
  expect(errorOf(beyond)).toBe(ErrorCode.INVALID_TIMESTAMP);
});

test('a batch without any timestamp has none', () => {
  expect(accepted(buildBatch({}, [{ ...record(0), timestampMs: -1 }]))).toMatchObject({ maxTimestampMs: -1, maxTimestampOffsetDelta: 0 });
});

test('a hundred thousand faults are told in a list that ends', () => {
  const given = buildBatch({}, Array.from({ length: 100_000 }, () => ({ timestampMs: NOW, key: null, value: null })));
  const result = check(given, { cleanupPolicy: { compact: true } });
  expect(result).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD, errorMessage: expect.stringContaining('100000 of the records') });
  expect((result as RejectedBatch).recordErrors).toHaveLength(MAX_RECORD_ERRORS);
});

test('a header count beyond the bytes is invalid', () => {
  const body = Buffer.alloc(20);
  let at = writeVarint(body, 0, 6 + 4);
  for (const part of [0, 0, 0]) body[at++] = part;
  at = writeVarint(body, at, -1);
  at = writeVarint(body, at, -1);
  at = writeVarint(body, at, 0x3fff_ffff);
  const given = edited(Buffer.concat([buildBatch({}, [record(0)]).subarray(0, batch.BATCH_OVERHEAD), body.subarray(0, 11)]), bytes => {
    writeInt32(bytes, batch.LENGTH_AT, bytes.length - batch.LOG_OVERHEAD);
  });
  expect(check(given)).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD, errorMessage: expect.stringContaining('1073741823 headers') });
});

describe('bombs and long work', () => {
  const large = (compression: batch.CompressionType, length: number): Buffer => buildBatch({ compression }, [{ ...record(0), value: Buffer.alloc(length) }]);

  test.each(codecs.filter(([name]) => name !== 'none'))('a bomb of %s is too large', (_, compression) => {
    expect(errorOf(large(compression, 3_000_000), {}, { maxDecompressedBytes: 1_000_000 })).toBe(ErrorCode.MESSAGE_TOO_LARGE);
  });

  test.each(codecs.filter(([name]) => name !== 'none'))('records of %s that do not decompress are invalid', (_, compression) => {
    const given = edited(three({ compression }), bytes => bytes.fill(0xee, batch.BATCH_OVERHEAD + 8));
    expect(errorOf(given)).toBe(ErrorCode.INVALID_RECORD);
  });

  /** The real port, which notes what it was asked for. */
  class NotingCompute extends NodeCompute {
    constructor(private readonly calls: string[]) {
      super({ jobs: codecJob(codecFunctions), onThisThread: true });
    }

    override run(...call: Parameters<Compute['run']>): Promise<Uint8Array> {
      this.calls.push(call[0]);
      return super.run(...call);
    }
  }
  const compute = (calls: string[]): Compute => new NotingCompute(calls);
  const noise = Buffer.from(Uint8Array.from({ length: COMPUTE_FROM_BYTES * 4 }, (_, index) => Math.imul(index ^ (index >>> 7), 2654435761) >>> 24));

  const decompressions = [['gzip', 'gunzip'], ['snappy', 'snappyDecompress'], ['lz4', 'lz4Decompress'], ['zstd', 'zstdDecompress']] as const;
  test.each(decompressions)('a long %s batch goes to the compute port; the bytes given may go meanwhile', async (codec, task) => {
    const calls: string[] = [];
    const given = buildBatch({ compression: CompressionType[codec] }, [{ ...record(0), value: noise }]);
    expect(given.length).toBeGreaterThan(COMPUTE_FROM_BYTES);
    const before = Buffer.from(given);
    const result = validateProduce(given, RULES, { ...CONTEXT, compute: compute(calls) });
    given.fill(0);
    expect(result).toBeInstanceOf(Promise);
    expect(before.equals((await result as AcceptedBatch).batch)).toBe(true);
    expect(calls).toEqual([task]);
    const bounded = await validateProduce(before, RULES, { ...CONTEXT, compute: compute(calls), maxDecompressedBytes: 1000 });
    expect(bounded).toMatchObject({ accepted: false, errorCode: ErrorCode.MESSAGE_TOO_LARGE });
    const broken = edited(before, bytes => bytes.fill(0xee, bytes.length >> 1));
    expect(await validateProduce(broken, RULES, { ...CONTEXT, compute: compute(calls) })).toMatchObject({ accepted: false, errorCode: ErrorCode.INVALID_RECORD });
  });

  test('a port that fails for another reason is not taken for bad data', async () => {
    const broken: Compute = { run: () => Promise.reject(new Error('no threads left')), release: () => Promise.resolve() };
    const given = buildBatch({ compression: CompressionType.gzip }, [{ ...record(0), value: noise }]);
    await expect(validateProduce(given, RULES, { ...CONTEXT, compute: broken })).rejects.toThrow('no threads left');
  });

  const compressions = [['gzip', 'gzip'], ['snappy', 'snappyCompress'], ['lz4', 'lz4Compress'], ['zstd', 'zstdCompress']] as const;
  test.each(compressions)('so does a long conversion to %s, and a short batch does not', async (compressionType, task) => {
    const calls: string[] = [];
    const context = { ...CONTEXT, compute: compute(calls) };
    expect(validateProduce(three({ compression: CompressionType.gzip }), RULES, context)).toMatchObject({ accepted: true });
    const result = await validateProduce(buildBatch({}, [{ ...record(0), value: noise.subarray(0, 900_000) }]), { ...RULES, compressionType }, context);
    expect(result).toMatchObject({ accepted: true });
    expect(noise.subarray(0, 900_000).equals([...recordsIn((result as AcceptedBatch).batch)][0]!.value!)).toBe(true);
    expect(calls).toEqual([task]);
  });
});

test('mutilated batches with a right checksum are accepted whole or rejected with a code, never a crash', () => {
  const allowed = new Set<number>([
    ErrorCode.NONE, ErrorCode.CORRUPT_MESSAGE, ErrorCode.INVALID_RECORD, ErrorCode.INVALID_TIMESTAMP, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
    ErrorCode.MESSAGE_TOO_LARGE,
  ]);
  const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(edits, fc.constantFrom(...Object.values(CompressionType)), fc.constantFrom('producer' as const, 'lz4' as const), (changes, compression, compressionType) => {
    const given = edited(three({ compression }), bytes => {
      const original = bytes.readInt32BE(batch.LENGTH_AT);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      bytes.writeInt32BE(original, batch.LENGTH_AT);
    });
    const result = check(given, { compressionType }, { maxDecompressedBytes: 100_000 });
    expect(allowed.has(result.accepted ? ErrorCode.NONE : result.errorCode)).toBe(true);
    if (result.accepted) expect([...recordsIn(result.batch)]).toHaveLength(result.count);
  }), { numRuns: 3000 });
});
