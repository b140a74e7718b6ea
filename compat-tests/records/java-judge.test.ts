import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { COMPRESSION_NAMES, compress } from '../../src/protocol/records/compression/index.js';
import { forceBackend, isInstalled, type BackendName, type CodecName } from '../../src/protocol/records/compression/backends.js';
import { buildBatch, type BatchOptions, type RecordInput } from '../../src/protocol/records/batch-builder.js';
import { recordsIn, type BatchRecord } from '../../src/protocol/records/batch-iterator.js';
import * as batch from '../../src/protocol/records/batch.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { buildEndTransactionMarker } from '../../src/protocol/records/control-records.js';
import { validateProduce, type ProduceRules } from '../../src/protocol/records/validate-produce.js';
import { describeWithJava } from '../support/java-tests.js';
import { RecordsOracle } from './oracle.js';

const { CompressionType } = batch;

interface JavaRecord {
  offset: number;
  timestamp: number;
  key: string | null;
  value: string | null;
  headers: { key: string; value: string | null }[];
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
const hexField = (field: Uint8Array | null): string | null => field && hex(field);
const unhex = (text: string): Buffer => Buffer.from(text, 'hex');

const asJava = (record: RecordInput | BatchRecord, offset: number): JavaRecord => ({
  offset, timestamp: record.timestampMs, key: hexField(record.key), value: hexField(record.value),
  headers: (record.headers ?? []).map(header => ({ key: header.key, value: hexField(header.value) })),
});

/** What a field holds, told so that a failure prints in a line: bytes that repeat, count up, or look like chance. */
interface Content {
  kind: 'same' | 'period' | 'noise';
  seed: number;
  length: number;
}

const content = fc.option(fc.record<Content>({
  kind: fc.constantFrom('same', 'period', 'noise'), seed: fc.nat(1000),
  length: fc.oneof({ weight: 8, arbitrary: fc.nat(60) }, { weight: 2, arbitrary: fc.nat(5000) }, { weight: 1, arbitrary: fc.nat(100_000) }),
}), { nil: null });

function field(of: Content | null): Uint8Array | null {
  if (of === null) return null;
  const { kind, seed, length } = of;
  if (kind === 'same') return new Uint8Array(length).fill(seed);
  return Uint8Array.from({ length }, (_, at) => (kind === 'period' ? at % (seed + 1) : Math.imul(at + seed, 0x9e3779b1) >>> (at % 23)));
}

interface Told {
  timestampMs: number;
  key: Content | null;
  value: Content | null;
  headers: { key: string; value: Content | null }[];
}

const records = fc.array(fc.record<Told>({
  timestampMs: fc.oneof(fc.integer({ min: 0, max: 2 ** 45 }), fc.constant(-1), fc.constant(1_700_000_000_000)),
  key: content,
  value: content,
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 6 }), value: content }), { maxLength: 2 }),
}), { minLength: 1, maxLength: 12 });

const inFull = (told: readonly Told[]): RecordInput[] => told.map(({ timestampMs, key, value, headers }) =>
  ({ timestampMs, key: field(key), value: field(value), headers: headers.map(header => ({ key: header.key, value: field(header.value) })) }));

const options = fc.record({
  baseOffset: fc.oneof(fc.nat(), fc.constant(2 ** 50)),
  producerId: fc.oneof(fc.nat(), fc.constant(2 ** 40)),
  producerEpoch: fc.nat(32767),
  baseSequence: fc.nat(2 ** 31 - 1),
  isTransactional: fc.boolean(),
  partitionLeaderEpoch: fc.nat(),
});

const ways: [CodecName | 'none', BackendName | 'none'][] = [
  ['none', 'none'], ['gzip', 'node'], ['snappy', 'javascript'], ['lz4', 'javascript'], ['zstd', 'wasm'],
  ...(isInstalled('lz4-napi') ? [['lz4', 'native'] as [CodecName, BackendName]] : []),
  ...(isInstalled('zstd-napi/binding.js') ? [['zstd', 'native'] as [CodecName, BackendName]] : []),
];

function force(codec: CodecName | 'none', backend: BackendName | 'none'): void {
  if (codec !== 'none' && backend !== 'none') forceBackend(codec, backend);
}

await describeWithJava("Apache's own classes", () => {
  let oracle: RecordsOracle;
  beforeAll(async () => { oracle = await RecordsOracle.start(); }, 300_000);
  afterAll(async () => {
    forceBackend('lz4');
    forceBackend('zstd');
    await oracle.close();
  });

  test.each(ways)('read what we write: %s by %s', async (codec, backend) => {
    force(codec, backend);
    await fc.assert(fc.asyncProperty(options, records, async (chosen: BatchOptions, told) => {
      const wanted = inFull(told);
      const built = buildBatch({ ...chosen, compression: CompressionType[codec] }, wanted);
      expect(await oracle.ask('read', hex(built))).toEqual([{
        baseOffset: chosen.baseOffset, lastOffset: chosen.baseOffset! + wanted.length - 1, partitionLeaderEpoch: chosen.partitionLeaderEpoch,
        compression: codec, timestampType: 'CreateTime', maxTimestamp: Math.max(...wanted.map(one => one.timestampMs)),
        producerId: chosen.producerId, producerEpoch: chosen.producerEpoch, baseSequence: chosen.baseSequence,
        lastSequence: batch.incrementSequence(chosen.baseSequence!, wanted.length - 1), isTransactional: chosen.isTransactional, isControl: false,
        count: wanted.length, records: wanted.map((one, index) => asJava(one, chosen.baseOffset! + index)),
      }]);
    }), { numRuns: 30 });
  }, 120_000);

  test.each(ways)('write what we read: %s by %s', async (codec, backend) => {
    force(codec, backend);
    const levels = { none: [null], gzip: [null, 1, 9], snappy: [null], lz4: [null, 1, 17], zstd: [null, -5, 1, 19] }[codec];
    await fc.assert(fc.asyncProperty(options, records, fc.constantFrom(...levels), async (chosen, told, level) => {
      const wanted = inFull(told);
      const question = { ...chosen, compression: codec, level, records: wanted.map((one, index) => asJava(one, index)) };
      const answer = await oracle.ask('write', JSON.stringify(question)) as { hex: string };
      const built = unhex(answer.hex);
      expect([batch.isValid(built, 0), COMPRESSION_NAMES[batch.compressionType(built, 0)]]).toEqual([true, codec]);
      expect([...recordsIn(built)].map(one => asJava(one, one.offset))).toEqual(wanted.map((one, index) => asJava(one, chosen.baseOffset + index)));
      // Without compression there is one way to write a batch.
      if (codec === 'none') expect(hex(buildBatch(chosen, wanted))).toBe(answer.hex);
    }), { numRuns: 30 });
  }, 120_000);

  test('read our transaction markers and batches of LogAppendTime', async () => {
    const marker = buildEndTransactionMarker({ baseOffset: 3, producerId: 7, producerEpoch: 1, timestampMs: 5 }, { committed: false, coordinatorEpoch: 2 });
    expect(await oracle.ask('read', hex(marker))).toMatchObject([{ isControl: true, isTransactional: true, records: [{ key: '00000000', value: '000000000002' }] }]);
    const stamped = buildBatch({ logAppendTimeMs: 99 }, [{ timestampMs: 5, key: null, value: null }]);
    expect(await oracle.ask('read', hex(stamped))).toMatchObject([{ timestampType: 'LogAppendTime', maxTimestamp: 99, records: [{ timestamp: 99 }] }]);
  });

  test('snappy, lz4 and zstd data of several blocks is read either way', async () => {
    const value = Uint8Array.from({ length: 700_000 }, (_, at) => (at % 1000 < 500 ? at % 7 : Math.imul(at, 0x9e3779b1) >>> 24));
    for (const [codec, backend] of ways) {
      force(codec, backend);
      const built = buildBatch({ compression: CompressionType[codec] }, [{ timestampMs: 1, key: null, value }]);
      expect(await oracle.ask('read', hex(built))).toMatchObject([{ records: [{ value: hex(value) }] }]);
    }
  });

  describe('judge produced records as we do', () => {
    const NOW = 1_700_000_000_000;
    const rules = fc.record({
      maxMessageBytes: fc.constantFrom(1_000_000, 150), compact: fc.boolean(), timestampType: fc.constantFrom('CreateTime' as const, 'LogAppendTime' as const),
      timestampBeforeMaxMs: fc.constantFrom(1e15, 1000), timestampAfterMaxMs: fc.constantFrom(3_600_000, 1),
      compressionType: fc.constantFrom('producer' as const, 'producer' as const, 'uncompressed' as const, 'gzip' as const, 'snappy' as const, 'lz4' as const, 'zstd' as const),
      produceVersion: fc.constantFrom(3, 6, 7, 11),
      // Compressors differ in their last bytes, so a conversion is not judged by its size.
    }).map(chosen => ({ ...chosen, maxMessageBytes: ['producer', 'uncompressed'].includes(chosen.compressionType) ? chosen.maxMessageBytes : 1_000_000 }));
    const small = fc.array(fc.record({
      timestampMs: fc.constantFrom(NOW, NOW, NOW + 5000, NOW - 5000, -1), key: fc.option(fc.uint8Array({ maxLength: 5 }), { nil: null, freq: 6 }),
      value: fc.option(fc.uint8Array({ maxLength: 30 }), { nil: null }),
    }), { minLength: 1, maxLength: 6 });
    const header = fc.record({ compression: fc.constantFrom(...Object.values(CompressionType)), producerId: fc.constantFrom(-1, 4), baseSequence: fc.constantFrom(-1, 0, 7) });
    /** Fields that a client may get wrong: [position, size, value]. */
    const faults = fc.array(fc.oneof(
      fc.tuple(fc.constant(batch.BASE_OFFSET_AT + 7), fc.constant(1), fc.constantFrom(0, 1)),
      fc.tuple(fc.constantFrom(batch.LAST_OFFSET_DELTA_AT, batch.COUNT_AT), fc.constant(4), fc.integer({ min: -2, max: 7 })),
      fc.tuple(fc.constant(batch.MAGIC_AT), fc.constant(1), fc.constantFrom(0, 1, 3, 2)),
      fc.tuple(fc.constant(batch.ATTRIBUTES_AT + 1), fc.constant(1), fc.constantFrom(0, 1, 2, 3, 4, 16, 32)),
      fc.tuple(fc.constant(batch.BASE_SEQUENCE_AT), fc.constant(4), fc.constantFrom(-1, 3)),
      fc.tuple(fc.constant(batch.LENGTH_AT), fc.constant(4), fc.constantFrom(-1, 0, 13, 14, 48, 49, 1_000)),
      fc.tuple(fc.integer({ min: batch.BATCH_OVERHEAD, max: batch.BATCH_OVERHEAD + 25 }), fc.constant(1), fc.integer({ min: 0, max: 255 })),
    ), { maxLength: 2 });
    const shape = fc.record({ repairCrc: fc.constantFrom(true, true, true, true, false), tail: fc.constantFrom('', '', '', '', 'part', 'batch'), cut: fc.constantFrom(0, 0, 0, 0, 0, 1) });

    function produced(
      chosen: BatchOptions, wanted: readonly RecordInput[], changes: readonly (readonly [number, number, number])[],
      { repairCrc, tail, cut }: { repairCrc: boolean; tail: string; cut: number },
    ): Buffer {
      const good = buildBatch({ ...chosen, producerEpoch: 0 }, wanted);
      const bytes = Buffer.from(good);
      for (const [at, size, value] of changes) {
        if (at + size > bytes.length) continue;
        if (size === 4) bytes.writeInt32BE(value, at);
        else bytes[at] = value;
      }
      const size = batch.sizeInBytes(bytes, 0);
      if (repairCrc && size >= batch.BATCH_OVERHEAD && size <= bytes.length) batch.setCrc(bytes, 0, batch.computeCrc(bytes, 0));
      const rest = tail === 'batch' ? good : tail === 'part' ? good.subarray(0, 30) : Buffer.alloc(0);
      return Buffer.concat([bytes, rest]).subarray(0, bytes.length + rest.length - cut);
    }

    test('the same code, the same records at fault, the same batch in the log', async () => {
      const seen = new Map<number, number>();
      await fc.assert(fc.asyncProperty(rules, header, small, faults, shape, async ({ compact, produceVersion, ...topic }, chosen, wanted, changes, form) => {
        const bytes = produced(chosen, wanted, changes, form);
        const question = { hex: hex(bytes), compact, produceVersion, now: NOW, ...topic };
        const theirs = await oracle.ask('validate', JSON.stringify(question)) as { errorCode: number; hex?: string; recordErrors?: number[]; message?: string; failure?: string };
        const ourRules: ProduceRules = { ...topic, cleanupPolicy: { compact }, gzipLevel: -1, lz4Level: 9, zstdLevel: 3 };
        const ours = await validateProduce(bytes, ourRules, { origin: 'client', produceVersion, nowMs: NOW });
        const code = ours.accepted ? ErrorCode.NONE : ours.errorCode;
        seen.set(code, (seen.get(code) ?? 0) + 1);
        const unforeseen = theirs.failure !== undefined || theirs.errorCode === ErrorCode.UNKNOWN_SERVER_ERROR;
        if (unforeseen && !ours.accepted) {
          // Where Apache does not know what happened, we say what is wrong.
          expect(code).toBeGreaterThan(0);
        } else if (unforeseen && ours.accepted) {
          // It cannot convert timestamps below -1 or transactional batches without a producer id, nor put compressed offsets right.
          expect(await oracle.ask('read', hex(ours.batch))).toMatchObject([{ count: ours.count }]);
        } else if (!ours.accepted && theirs.errorCode === ErrorCode.NONE) {
          // It skips through compressed records without looking at their lengths, and so stores what no consumer can read.
          expect({ code, read: await oracle.ask('read', theirs.hex!) }).toMatchObject({ code: ErrorCode.INVALID_RECORD, read: { failure: expect.any(String) } });
        } else if (!ours.accepted && changes.some(([at]) => at === batch.LENGTH_AT || at >= batch.BATCH_OVERHEAD)) {
          // A changed length, or a changed byte of a record, makes several faults; which of them is told first is no matter.
          expect(theirs.errorCode).toBeGreaterThan(0);
        } else {
          expect({ code, ours, theirs }).toMatchObject({ code: theirs.errorCode });
          if (ours.accepted) expect(plain(ours.batch)).toEqual(plain(unhex(theirs.hex!)));
          else expect(ours.recordErrors.map(error => error.batchIndex)).toEqual(theirs.recordErrors ?? []);
        }
        if (ours.accepted) expect([...recordsIn(ours.batch)].map(one => one.offset)).toEqual(Array.from({ length: ours.count }, (_, offset) => offset));
      }), { numRuns: 2000 });
      for (const code of [ErrorCode.NONE, ErrorCode.CORRUPT_MESSAGE, ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.INVALID_TIMESTAMP, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, ErrorCode.INVALID_RECORD]) {
        expect(seen.get(code) ?? 0).toBeGreaterThan(5);
      }
    }, 120_000);

    /** A batch but for how its records are packed; the leader epoch is the log's to stamp. */
    function plain(bytes: Uint8Array): unknown {
      return {
        codec: batch.compressionType(bytes, 0), attributes: batch.attributes(bytes, 0), count: batch.count(bytes, 0), delta: batch.lastOffsetDelta(bytes, 0),
        max: batch.maxTimestampMs(bytes, 0), producer: batch.producerId(bytes, 0), sequence: batch.baseSequence(bytes, 0),
        valid: batch.isValid(bytes, 0), size: batch.sizeInBytes(bytes, 0) === bytes.length,
        // Apache leaves wrong offsets in batches without compression as they are; we put them right everywhere.
        records: [...recordsIn(bytes)].map((one, index) => asJava(one, index)),
      };
    }
  });
});

test('our frames of lz4 are the bytes that Java begins with', () => {
  expect(hex(compress(CompressionType.lz4, Buffer.from('x')).subarray(0, 7))).toBe('04224d1860'.concat('4082'));
});
