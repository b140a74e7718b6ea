import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import * as batch from '../../src/protocol/records/batch.js';
import { decompress } from '../../src/protocol/records/compression/index.js';
import { writeRequestHead } from '../../src/protocol/header.js';
import { Writer } from '../../src/protocol/wire/writer.js';
import { BATCH_HEADER_BYTES, layOutBatchHeader, parseBatchHeader, parseOffsetIndex, parseRecords, parseRequestHeader, parseTimeIndex } from './readers.js';

const bytes = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null });
const records = fc.array(fc.record({
  timestampMs: fc.oneof(fc.integer({ min: 0, max: 2 ** 45 }), fc.constant(-1)),
  key: bytes,
  value: bytes,
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 6 }), value: bytes }), { maxLength: 3 }),
}), { minLength: 1, maxLength: 12 });
const options = fc.record({
  baseOffset: fc.oneof(fc.nat(), fc.constant(2 ** 52)),
  compression: fc.constantFrom(...Object.values(batch.CompressionType)),
  producerId: fc.integer({ min: -1, max: 2 ** 50 }),
  producerEpoch: fc.integer({ min: -1, max: 32767 }),
  baseSequence: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  isTransactional: fc.boolean(),
  isControl: fc.boolean(),
  partitionLeaderEpoch: fc.integer({ min: -1 }),
});

const list = (field: Uint8Array | null) => field && [...field];

test('binary-parser reads out of our batches what went in', () => {
  fc.assert(fc.property(options, records, (chosen, wanted) => {
    const built = buildBatch(chosen, wanted);
    const header = parseBatchHeader(built);
    expect(header).toEqual({
      baseOffset: BigInt(chosen.baseOffset), length: built.length - 12, partitionLeaderEpoch: chosen.partitionLeaderEpoch, magic: 2,
      crc: batch.computeCrc(built, 0), attributes: chosen.compression + (chosen.isTransactional ? 16 : 0) + (chosen.isControl ? 32 : 0),
      lastOffsetDelta: wanted.length - 1, baseTimestamp: BigInt(wanted[0]!.timestampMs), maxTimestamp: BigInt(Math.max(...wanted.map(one => one.timestampMs))),
      producerId: BigInt(chosen.producerId), producerEpoch: chosen.producerEpoch, baseSequence: chosen.baseSequence, count: wanted.length,
    });
    const parsed = parseRecords(decompress(chosen.compression, built.subarray(BATCH_HEADER_BYTES), 1e6));
    expect(parsed).toEqual(wanted.map((one, index) => ({
      attributes: 0, timestampDelta: one.timestampMs - wanted[0]!.timestampMs, offsetDelta: index, key: list(one.key), value: list(one.value),
      headers: one.headers.map(({ key, value }) => ({ key, value: list(value) })),
    })));
  }));
});

test('buffer-layout reads the same header as our accessors', () => {
  fc.assert(fc.property(options, records, (chosen, wanted) => {
    const built = buildBatch(chosen, wanted);
    expect(layOutBatchHeader(built)).toEqual({
      baseOffset: batch.baseOffset(built, 0), length: batch.sizeInBytes(built, 0) - 12, partitionLeaderEpoch: batch.partitionLeaderEpoch(built, 0),
      magic: batch.magic(built, 0), crc: batch.crc(built, 0), attributes: batch.attributes(built, 0), lastOffsetDelta: batch.lastOffsetDelta(built, 0),
      baseTimestamp: batch.baseTimestampMs(built, 0), maxTimestamp: batch.maxTimestampMs(built, 0), producerId: batch.producerId(built, 0),
      producerEpoch: batch.producerEpoch(built, 0), baseSequence: batch.baseSequence(built, 0), count: batch.count(built, 0),
    });
  }));
});

test('binary-parser reads our request headers, of both versions', () => {
  const header = fc.record({
    key: fc.nat(92), version: fc.nat(17), flexibleFrom: fc.nat(18), correlationId: fc.integer(), clientId: fc.option(fc.string({ unit: 'grapheme' }), { nil: null }),
  });
  fc.assert(fc.property(header, ({ key, version, flexibleFrom, correlationId, clientId }) => {
    const writer = new Writer();
    writeRequestHead(writer, { key, flexibleFrom }, version, correlationId, clientId);
    const written = Buffer.concat(writer.finish().buffers);
    expect(parseRequestHeader(written, version >= flexibleFrom ? 2 : 1)).toEqual({ apiKey: key, apiVersion: version, correlationId, clientId, tagCount: 0 });
  }));
});

test('index entries are 8 and 12 bytes, big-endian, as formats have it', () => {
  const index = Buffer.alloc(16);
  [7, 4096, 2 ** 31 - 1, 2 ** 30].forEach((value, at) => index.writeInt32BE(value, 4 * at));
  expect(parseOffsetIndex(index)).toEqual([{ relativeOffset: 7, position: 4096 }, { relativeOffset: 2 ** 31 - 1, position: 2 ** 30 }]);
  const times = Buffer.alloc(12);
  times.writeBigInt64BE(1_700_000_000_123n);
  times.writeInt32BE(9, 8);
  expect(parseTimeIndex(times)).toEqual([{ timestamp: 1_700_000_000_123, relativeOffset: 9 }]);
  expect(() => parseTimeIndex(index)).toThrow('not made of entries of 12');
});
