import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { MalformedError, writeInt32 } from '../../base/bytes.js';
import * as batch from './batch.js';
import { BatchBuilder, buildBatch, type BatchOptions, type RecordInput } from './batch-builder.js';
import { batchesIn, recordsIn, type BatchRecord } from './batch-iterator.js';
import { ControlRecordType, buildControlBatch, buildEndTransactionMarker, controlRecordType, parseEndTransactionMarker } from './control-records.js';

const { CompressionType, TimestampType } = batch;

const bytes = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.integer({ min: 60, max: 300 }).map(length => new Uint8Array(length).fill(length)));
const nullableBytes = fc.option(bytes, { nil: null });
const records = fc.array(fc.record({
  timestampMs: fc.oneof(fc.integer({ min: 0, max: 2 ** 45 }), fc.constant(-1), fc.constant(2 ** 52)),
  key: nullableBytes,
  value: nullableBytes,
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 8 }), value: nullableBytes }), { maxLength: 4 }),
}), { minLength: 1, maxLength: 20 });
const options: fc.Arbitrary<BatchOptions> = fc.record({
  baseOffset: fc.oneof(fc.nat(), fc.constant(2 ** 50)),
  compression: fc.constantFrom(...Object.values(CompressionType)),
  producerId: fc.oneof(fc.nat(), fc.constant(-1), fc.constant(2 ** 40)),
  producerEpoch: fc.integer({ min: -1, max: 32767 }),
  baseSequence: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  isTransactional: fc.boolean(),
  isControl: fc.boolean(),
  partitionLeaderEpoch: fc.integer({ min: -1 }),
});

const plain = (record: BatchRecord | RecordInput) => ({
  timestampMs: record.timestampMs,
  key: record.key && [...record.key],
  value: record.value && [...record.value],
  headers: record.headers?.map(header => ({ key: header.key, value: header.value && [...header.value] })),
});

test('what a builder is given, the header and the records say again', () => {
  fc.assert(fc.property(options, records, (chosen, wanted) => {
    const built = buildBatch(chosen, wanted);
    expect(batch.isValid(built, 0)).toBe(true);
    expect(batch.completeBatchSize(built, 0, built.length)).toBe(built.length);
    expect({
      baseOffset: batch.baseOffset(built, 0),
      compression: batch.compressionType(built, 0),
      producerId: batch.producerId(built, 0),
      producerEpoch: batch.producerEpoch(built, 0),
      baseSequence: batch.baseSequence(built, 0),
      isTransactional: batch.isTransactional(built, 0),
      isControl: batch.isControl(built, 0),
      partitionLeaderEpoch: batch.partitionLeaderEpoch(built, 0),
    }).toEqual(chosen);
    expect(batch.hasProducerId(built, 0)).toBe(chosen.producerId !== -1);
    expect([batch.count(built, 0), batch.lastOffsetDelta(built, 0)]).toEqual([wanted.length, wanted.length - 1]);
    expect(batch.maxTimestampMs(built, 0)).toBe(Math.max(...wanted.map(record => record.timestampMs)));
    const read = [...recordsIn(built, 0)];
    expect(read.map(plain)).toEqual(wanted.map(plain));
    expect(read.map(record => record.offset)).toEqual(wanted.map((_, index) => chosen.baseOffset! + index));
  }), { numRuns: 300 });
});

const sample = (overrides: BatchOptions = {}) =>
  buildBatch(overrides, [1, 2, 3].map(index => ({ timestampMs: 1000 * index, key: Buffer.from(`k${index}`), value: Buffer.from(`value ${index}`) })));

test('offset and leader epoch are stamped without touching the checksum', () => {
  const built = sample();
  batch.setBaseOffset(built, 0, 5_000_000_000);
  batch.setPartitionLeaderEpoch(built, 0, 7);
  expect([batch.baseOffset(built, 0), batch.lastOffset(built, 0), batch.nextOffset(built, 0), batch.partitionLeaderEpoch(built, 0)])
    .toEqual([5_000_000_000, 5_000_000_002, 5_000_000_003, 7]);
  expect(batch.isValid(built, 0)).toBe(true);
});

test('LogAppendTime is stamped with a new checksum, and then every record has that time', () => {
  const built = sample();
  batch.setMaxTimestamp(built, 0, TimestampType.logAppendTime, 99_000);
  expect([batch.timestampType(built, 0), batch.maxTimestampMs(built, 0), batch.isValid(built, 0)]).toEqual([TimestampType.logAppendTime, 99_000, true]);
  expect([...recordsIn(built, 0)].map(record => record.timestampMs)).toEqual([99_000, 99_000, 99_000]);
  expect(sample({ logAppendTimeMs: 99_000 })).toEqual(built);
  batch.setMaxTimestamp(built, 0, TimestampType.createTime, 3000);
  expect(built).toEqual(sample());
});

test('sequences wrap after 2^31-1', () => {
  const built = sample({ producerId: 1, producerEpoch: 0, baseSequence: 2 ** 31 - 2 });
  expect(batch.lastSequence(built, 0)).toBe(0);
  expect(batch.lastSequence(sample(), 0)).toBe(batch.NO_SEQUENCE);
  fc.assert(fc.property(fc.nat(2 ** 31 - 1), fc.nat(2 ** 31 - 1), (sequence, step) => {
    const next = batch.incrementSequence(sequence, step);
    expect(BigInt(next)).toBe((BigInt(sequence) + BigInt(step)) % (2n ** 31n));
    expect(batch.decrementSequence(next, step)).toBe(sequence);
  }));
});

test('batches are found one after the other, and a torn one at the end is left out', () => {
  const all = Buffer.concat([sample(), sample({ compression: CompressionType.lz4 }), sample()]);
  const second = sample().length;
  const third = second + sample({ compression: CompressionType.lz4 }).length;
  expect([...batchesIn(all)]).toEqual([0, second, third]);
  for (let cut = 1; cut <= sample().length; cut += 7) expect([...batchesIn(all, 0, all.length - cut)]).toEqual([0, second]);
  expect([...batchesIn(all, second, third)]).toEqual([second]);
});

test('sizes and formats that cannot be are corrupt', () => {
  const withLength = (length: number) => {
    const built = sample();
    writeInt32(built, batch.LENGTH_AT, length);
    return () => [...batchesIn(built)];
  };
  for (const length of [-1, 0, 13, -(2 ** 31)]) expect(withLength(length)).toThrow('less than the smallest');
  expect(withLength(40)).toThrow('shorter than its header');
  const withMagic = (magic: number) => {
    const built = sample();
    built[batch.MAGIC_AT] = magic;
    return () => [...batchesIn(built)];
  };
  expect(withMagic(3)).toThrow(batch.CorruptBatchError);
  expect(withMagic(0xff)).toThrow('magic -1');
  expect(withMagic(1)).toThrow('only v2 is supported');
});

test('records that do not fit their batch are malformed, never read beyond it', () => {
  fc.assert(fc.property(fc.nat(80), fc.nat(255), fc.integer({ min: -1, max: 4 }), (at, value, count) => {
    const built = buildBatch({}, [{ timestampMs: 5, key: Buffer.from('key'), value: Buffer.from('value'), headers: [{ key: 'h', value: Buffer.from('v') }] }]);
    const position = batch.BATCH_OVERHEAD + (at % (built.length - batch.BATCH_OVERHEAD));
    built[position] = value;
    if (count >= 0) writeInt32(built, batch.COUNT_AT, count);
    try {
      for (const record of recordsIn(Buffer.concat([built, Buffer.alloc(300, 0x55)]), 0)) {
        expect((record.key?.length ?? 0) + (record.value?.length ?? 0)).toBeLessThan(built.length);
      }
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedError);
    }
  }), { numRuns: 3000 });
  const tooMany = sample();
  writeInt32(tooMany, batch.COUNT_AT, 4);
  expect(() => [...recordsIn(tooMany, 0)]).toThrow(MalformedError);
  writeInt32(tooMany, batch.COUNT_AT, 2);
  expect(() => [...recordsIn(tooMany, 0)]).toThrow('are left after the records');
});

test('a builder with a bound refuses what does not fit, but never the first record', () => {
  const builder = new BatchBuilder({ maxSizeBytes: 200 });
  const record = { timestampMs: 0, key: null, value: Buffer.alloc(100) };
  expect([builder.append(record), builder.append(record), builder.count]).toEqual([0, undefined, 1]);
  expect(new BatchBuilder({ maxSizeBytes: 50 }).append(record)).toBe(0);
});

test('offsets may leave gaps, as after compaction', () => {
  const built = buildBatch({ baseOffset: 10 }, [12, 17].map(offset => ({ offset, timestampMs: 1, key: null, value: null })));
  expect([...recordsIn(built, 0)].map(record => record.offset)).toEqual([12, 17]);
  expect([batch.lastOffset(built, 0), batch.count(built, 0)]).toEqual([17, 2]);
});

test('a delete horizon takes the place of the base timestamp', () => {
  const built = buildBatch({ deleteHorizonMs: 5000 }, [{ timestampMs: 4000, key: Buffer.from('k'), value: null }]);
  expect([batch.hasDeleteHorizon(built, 0), batch.baseTimestampMs(built, 0)]).toEqual([true, 5000]);
  expect([...recordsIn(built, 0)][0]!.timestampMs).toBe(4000);
});

test('a transaction marker says commit or abort, and who coordinated', () => {
  const marker = { committed: true, coordinatorEpoch: 3 };
  const built = buildEndTransactionMarker({ baseOffset: 8, producerId: 4, producerEpoch: 2, timestampMs: 77 }, marker);
  expect([batch.isControl(built, 0), batch.isTransactional(built, 0), batch.producerId(built, 0), batch.baseOffset(built, 0)]).toEqual([true, true, 4, 8]);
  const [record] = [...recordsIn(built, 0)];
  expect(parseEndTransactionMarker(record!.key, record!.value)).toEqual(marker);
  expect([...record!.key!, ...record!.value!]).toEqual([0, 0, 0, 1, 0, 0, 0, 0, 0, 3]);
});

test('control records of raft keep their type; keys and markers that are too short are malformed', () => {
  const built = buildControlBatch({ baseOffset: 0 }, 5, [{ type: ControlRecordType.kraftVersion, value: Buffer.from([0, 0]) }]);
  const [record] = [...recordsIn(built, 0)];
  expect(controlRecordType(record!.key)).toBe(ControlRecordType.kraftVersion);
  expect(parseEndTransactionMarker(record!.key, record!.value)).toBeUndefined();
  for (const key of [null, Buffer.from([0, 0, 0]), Buffer.from([0xff, 0xff, 0, 0])]) expect(() => controlRecordType(key)).toThrow(MalformedError);
  expect(() => parseEndTransactionMarker(Buffer.from([0, 0, 0, 1]), Buffer.from([0, 0]))).toThrow(MalformedError);
});
