// Producers, well-behaved and not: the table of what a leader refuses.

import { writeInt16, writeInt32 } from '../../../src/base/bytes.js';
import { initProducerIdApi, produceApi, type ProduceRequestInput } from '../../../src/protocol/generated/index.js';
import * as batch from '../../../src/protocol/records/batch.js';
import { buildBatch, type BatchOptions, type RecordInput } from '../../../src/protocol/records/batch-builder.js';
import type { Player } from '../player.js';
import { NO_SUCH_ID } from './topics.js';

const TIMEOUT_MS = 10_000;
/** Long ago, and the same for both brokers. */
export const THEN_MS = 1_700_000_000_000;

export function records(count: number, options: BatchOptions = {}, more: Partial<RecordInput> = {}): Buffer {
  return buildBatch(options, Array.from({ length: count }, (_, i) =>
    ({ timestampMs: THEN_MS + i, key: Buffer.from(`k${i}`), value: Buffer.from(`value ${i}`), ...more })));
}

/** A batch that was changed after it was made; its checksum fits again unless told otherwise. */
function changed(bytes: Buffer, change: (bytes: Buffer) => void, seal = true): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  if (seal) batch.setCrc(copy, 0, batch.computeCrc(copy, 0));
  return copy;
}

interface Target {
  readonly name: string;
  readonly topicId: string;
}

export function produceRequest({ name, topicId }: Target, bytes: Uint8Array | null, more: Partial<ProduceRequestInput> = {}, index = 0): ProduceRequestInput {
  return { acks: -1, timeoutMs: TIMEOUT_MS, topicData: [{ name, topicId, partitionData: [{ index, records: bytes }] }], ...more };
}

export async function produce(player: Player): Promise<void> {
  await plain(player);
  await hostile(player);
  await topicSettings(player);
  await sequences(player);
  await acks(player);
}

async function target(player: Player, name: string, configs: Readonly<Record<string, string>> = {}, partitions = 1): Promise<Target> {
  return { name, topicId: await player.topic(name, partitions, configs) };
}

async function plain(player: Player): Promise<void> {
  const to = await target(player, 'produce', {}, 4);
  await player.ask('three records', produceApi, produceRequest(to, records(3)));
  for (const [codec, type] of Object.entries(batch.CompressionType)) {
    await player.ask(`compressed with ${codec}`, produceApi, produceRequest(to, records(50, { compression: type }), {}, 1));
  }
  await player.ask('without keys', produceApi, produceRequest(to, records(2, {}, { key: null, value: null, headers: [{ key: 'h', value: null }] })));
  await player.ask('unknown topic', produceApi, produceRequest({ name: 'no-such', topicId: NO_SUCH_ID }, records(1)));
  await player.ask('unknown partition', produceApi, produceRequest(to, records(1), {}, 4));
  await player.ask('partition -1', produceApi, produceRequest(to, records(1), {}, -1));
  await player.ask('no id', produceApi, produceRequest({ name: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' }, records(1)), { from: 13 });
  await player.ask('an invalid name', produceApi, produceRequest({ name: 'in valid', topicId: NO_SUCH_ID }, records(1)), { to: 12 });
  await player.ask('no topics', produceApi, { acks: -1, timeoutMs: TIMEOUT_MS, topicData: [] });
  await player.ask('no partitions', produceApi, { acks: -1, timeoutMs: TIMEOUT_MS, topicData: [{ ...to, partitionData: [] }] });
  await player.ask('good and bad', produceApi, {
    acks: -1, timeoutMs: TIMEOUT_MS, topicData: [
      { ...to, partitionData: [{ index: 0, records: records(1) }, { index: 9, records: records(1) }, { index: 2, records: changed(records(1), b => { b[20]! ^= 1; }, false) }] },
      { name: 'no-such', topicId: NO_SUCH_ID, partitionData: [{ index: 0, records: records(1) }] },
    ],
  });
  await player.ask('a partition twice', produceApi, {
    acks: -1, timeoutMs: TIMEOUT_MS, topicData: [{ ...to, partitionData: [{ index: 3, records: records(1) }, { index: 3, records: records(2) }] }],
  });
  await player.ask('timeout 0', produceApi, produceRequest(to, records(1), { timeoutMs: 0 }, 2));
  await player.ask('timeout -1', produceApi, produceRequest(to, records(1), { timeoutMs: -1 }, 2));
}

async function hostile(player: Player): Promise<void> {
  const to = await target(player, 'hostile');
  const good = records(3);
  const old = Buffer.alloc(40);
  writeInt32(old, 8, 28);
  const withMagic = (magic: number) => changed(old, b => { b[batch.MAGIC_AT] = magic; }, false);
  const set16 = (at: number, value: number) => changed(good, b => { writeInt16(b, at, value); });
  const set32 = (at: number, value: number) => changed(good, b => { writeInt32(b, at, value); });
  const inputs: [string, Uint8Array | null][] = [
    ['empty records', new Uint8Array()],
    ['11 bytes', good.subarray(0, 11)],
    ['a header', good.subarray(0, 61)],
    ['half a batch', good.subarray(0, good.length - 5)],
    ['two batches', Buffer.concat([good, good])],
    ['a batch and some', Buffer.concat([good, good.subarray(0, 20)])],
    ['a batch and 5 bytes', Buffer.concat([good, good.subarray(0, 5)])],
    ['magic 0', withMagic(0)],
    ['magic 1', withMagic(1)],
    ['magic 3', changed(good, b => { b[batch.MAGIC_AT] = 3; })],
    ['magic -1', changed(good, b => { b[batch.MAGIC_AT] = 255; })],
    ['size 13', changed(good, b => { writeInt32(b, 8, 13); }, false)],
    ['size 0', changed(good, b => { writeInt32(b, 8, 0); }, false)],
    ['size -1', changed(good, b => { writeInt32(b, 8, -1); }, false)],
    ['size of less than a header', changed(good, b => { writeInt32(b, 8, 40); }, false).subarray(0, 52)],
    ['size beyond the bytes', changed(good, b => { writeInt32(b, 8, 1_000_000); }, false)],
    ['a wrong checksum', changed(good, b => { b[batch.CRC_AT]! ^= 1; }, false)],
    ['a changed byte', changed(good, b => { b[70]! ^= 1; }, false)],
    ['base offset 5', changed(good, b => { b[7] = 5; })],
    ['base offset -1', changed(good, b => { b.fill(255, 0, 8); })],
    ['leader epoch 7', changed(good, b => { writeInt32(b, batch.PARTITION_LEADER_EPOCH_AT, 7); })],
    ['count 0', set32(batch.COUNT_AT, 0)],
    ['count -1', set32(batch.COUNT_AT, -1)],
    ['count too small', set32(batch.COUNT_AT, 2)],
    ['count too large', set32(batch.COUNT_AT, 4)],
    ['count and delta too small', changed(set32(batch.COUNT_AT, 2), b => { writeInt32(b, batch.LAST_OFFSET_DELTA_AT, 1); })],
    ['count and delta too large', changed(set32(batch.COUNT_AT, 4), b => { writeInt32(b, batch.LAST_OFFSET_DELTA_AT, 3); })],
    ['last offset delta -1', set32(batch.LAST_OFFSET_DELTA_AT, -1)],
    ['last offset delta 9', set32(batch.LAST_OFFSET_DELTA_AT, 9)],
    ['a control batch', set16(batch.ATTRIBUTES_AT, 0x20)],
    ['append time', set16(batch.ATTRIBUTES_AT, 0x08)],
    ['a delete horizon', set16(batch.ATTRIBUTES_AT, 0x40)],
    ['an attribute nobody knows', set16(batch.ATTRIBUTES_AT, 0x80)],
    ['transactional without an id', set16(batch.ATTRIBUTES_AT, 0x10)],
    ['compressed, not so', set16(batch.ATTRIBUTES_AT, 1)],
    ['snappy, not so', set16(batch.ATTRIBUTES_AT, 2)],
    ['lz4, not so', set16(batch.ATTRIBUTES_AT, 3)],
    ['codec 5', set16(batch.ATTRIBUTES_AT, 5)],
    ['codec 7', set16(batch.ATTRIBUTES_AT, 7)],
    ['a record too long', changed(good, b => { b[61] = 100; })],
    ['a record of length 0', changed(good, b => { b[61] = 0; })],
    ['a record of negative length', changed(good, b => { b[61] = 1; })],
    ['no records', buildBatch({}, [])],
    ['no timestamp', buildBatch({}, [{ timestampMs: -1, key: null, value: null }])],
    ['a negative timestamp', buildBatch({}, [{ timestampMs: -5, key: null, value: null }])],
    ['a timestamp in the far future', buildBatch({}, [{ timestampMs: 9_000_000_000_000, key: null, value: null }])],
    ['some timestamps in the far future', buildBatch({}, [THEN_MS, 9_000_000_000_000, THEN_MS + 1].map(timestampMs => ({ timestampMs, key: null, value: null })))],
    ['max timestamp not the largest', changed(good, b => { b[batch.MAX_TIMESTAMP_AT + 7]! ^= 3; })],
    ['larger than max.message.bytes', buildBatch({}, [{ timestampMs: THEN_MS, key: null, value: Buffer.alloc(1_048_600) }])],
    ['a producer id without a sequence', records(1, { producerId: 77, producerEpoch: 0 })],
    ['a producer id with epoch -1', records(1, { producerId: 78, producerEpoch: -1, baseSequence: 0 })],
    ['a sequence of -2', records(1, { producerId: 79, producerEpoch: 0, baseSequence: -2 })],
    ['a sequence without a producer id', records(1, { baseSequence: 4 })],
  ];
  for (const [label, bytes] of inputs) await player.ask(label, produceApi, produceRequest(to, bytes), label.startsWith('larger') ? { from: 12 } : {});
  await player.ask('to an internal topic', produceApi, produceRequest({ name: '__consumer_offsets', topicId: NO_SUCH_ID }, records(1)), { to: 12 });
}

async function topicSettings(player: Player): Promise<void> {
  const compacted = await target(player, 'p-compacted', { 'cleanup.policy': 'compact' });
  await player.ask('no key, compacted', produceApi, produceRequest(compacted, records(3, {}, { key: null })));
  await player.ask('some keys, compacted', produceApi, produceRequest(compacted,
    buildBatch({}, ['a', null, 'b', null].map(key => ({ timestampMs: THEN_MS, key: key === null ? null : Buffer.from(key), value: null })))));
  await player.ask('no key and compression, compacted', produceApi, produceRequest(compacted, records(3, { compression: 1 }, { key: null })));
  const small = await target(player, 'p-small', { 'max.message.bytes': '100' });
  await player.ask('too large for its topic', produceApi, produceRequest(small, records(10)));
  const segment = await target(player, 'p-segment', { 'segment.bytes': '1048576', 'max.message.bytes': '4000000' });
  await player.ask('larger than a segment', produceApi, produceRequest(segment, records(1, {}, { value: Buffer.alloc(1_100_000) })), { from: 12 });
  const append = await target(player, 'p-append-time', { 'message.timestamp.type': 'LogAppendTime' });
  await player.ask('to a topic with append time', produceApi, produceRequest(append, records(2)));
  await player.ask('append time claimed', produceApi, produceRequest(append, records(2, { logAppendTimeMs: THEN_MS })));
  const strict = await target(player, 'p-strict-time', { 'message.timestamp.before.max.ms': '1000', 'message.timestamp.after.max.ms': '1000' });
  await player.ask('too old', produceApi, produceRequest(strict, records(2)));
  await player.ask('now', produceApi, produceRequest(strict, records(1, {}, { timestampMs: Date.now() })));
  const zstd = await target(player, 'p-zstd', { 'compression.type': 'zstd' });
  await player.ask('to a topic with zstd', produceApi, produceRequest(zstd, records(20)));
}

/** Producer ids that no broker gave out: Kafka takes them as it finds them. */
async function sequences(player: Player): Promise<void> {
  const init = { transactionalId: null, transactionTimeoutMs: 1000 };
  await player.until('producer ids', async () => (await player.quietly(initProducerIdApi, init)).errorCode === 0);
  await player.ask('an idempotent producer', initProducerIdApi, init);
  const to = await target(player, 'sequences', {}, player.newest(produceApi.key) + 1);
  const send = (label: string, sequence: number, epoch: number, count = 2, producerId = 4000) => player.ask(label, produceApi, version =>
    produceRequest(to, records(count, { producerId, producerEpoch: epoch, baseSequence: sequence }), {}, version));
  await send('an unknown producer starts anywhere', 10, 1);
  await send('the next sequence', 12, 1);
  await send('a duplicate', 12, 1);
  await send('a duplicate of an older batch', 10, 1);
  await send('a duplicate of another length', 12, 1, 1);
  await send('a gap', 15, 1);
  await send('before the first', 5, 1);
  await send('an old epoch', 14, 0);
  await send('a new epoch that does not start at 0', 3, 2);
  await send('a new epoch', 0, 2);
  await send('the old epoch again', 14, 1);
  for (let i = 1; i <= 5; i++) await send(`batch ${i} of five more`, i * 2, 2);
  await send('a duplicate of the fifth last', 2, 2);
  await send('a duplicate of the sixth last', 0, 2);
  await send('the end of all sequences', 2_147_483_646, 0, 2, 4001);
  await send('the wrap', 0, 0, 2, 4001);
  await send('across the end', 2_147_483_647, 0, 3, 4002);
  await send('after the wrap', 2, 0, 1, 4002);
  const mixed = await target(player, 'sequences-mixed');
  await player.ask('transactional batch, unknown to all', produceApi, version => produceRequest(mixed,
    records(1, { producerId: 5000 + version, producerEpoch: 0, baseSequence: 0, isTransactional: true }), {}), {});
}

async function acks(player: Player): Promise<void> {
  const to = await target(player, 'acks');
  await player.ask('acks 1', produceApi, produceRequest(to, records(1), { acks: 1 }));
  for (const wrong of [2, -2, 100]) await player.ask(`acks ${wrong}`, produceApi, produceRequest(to, records(1), { acks: wrong }));
  for (const [label, request] of [
    ['succeeds', produceRequest(to, records(1), { acks: 0 })],
    ['fails', produceRequest(to, new Uint8Array(), { acks: 0 })],
    ['meets no partition', produceRequest(to, records(1), { acks: 0 }, 8)],
  ] as const) {
    const client = await player.connect();
    client.sendOnly(produceApi, request, 9);
    await player.once(`a request after one with acks 0 that ${label}`, produceApi, produceRequest(to, records(1)), 9, client);
    client.close();
  }
}
