// Settings that are altered over the wire act on the next append: as topic overrides, and as defaults of the broker.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../env/index.js';
import { NodeNet, silentLogger } from '../env/node/index.js';
import { createTopicsApi, fetchApi, incrementalAlterConfigsApi, produceApi } from '../protocol/generated/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import * as batch from '../protocol/records/batch.js';
import { CompressionType } from '../protocol/records/batch.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import { RawClient } from './raw-client.js';
import { startBroker, type RunningBroker } from './start-broker.js';

const TOPIC = 2;
const BROKER = 4;
const SET = 0;
const DELETE = 1;

let data: string;
let broker: RunningBroker;
let client: RawClient;
const told: string[] = [];
const logger: Logger = { ...silentLogger, info: line => told.push(line), warn: line => told.push(line), child: () => logger };

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'ottla-settings-'));
  broker = await startBroker({ data, logger, settings: { 'log.cleaner.backoff.ms': 20 } });
  client = await RawClient.connect(new NodeNet(), broker.port);
});
afterAll(async () => {
  client.close();
  await broker.close();
  rmSync(data, { recursive: true, force: true });
});

async function topic(name: string, configs: Record<string, string> = {}, replicationFactor = 1): Promise<string> {
  const { topics } = await client.send(createTopicsApi, {
    topics: [{ name, numPartitions: 1, replicationFactor, assignments: [], configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })) }],
  });
  expect(topics).toMatchObject([{ errorCode: ErrorCode.NONE }]);
  return topics[0]!.topicId;
}

async function alter(resourceType: number, resourceName: string, changes: Record<string, string | null>): Promise<void> {
  const { responses } = await client.send(incrementalAlterConfigsApi, {
    resources: [{ resourceType, resourceName, configs: Object.entries(changes).map(([name, value]) => ({ name, value, configOperation: value === null ? DELETE : SET })) }],
    validateOnly: false,
  });
  expect(responses).toMatchObject([{ errorCode: ErrorCode.NONE }]);
}

async function produce(topicId: string, value: Uint8Array, timestampMs = Date.now(), acks = -1) {
  const records = buildBatch({}, [{ timestampMs, key: Buffer.from('key'), value }]);
  const { responses } = await client.send(produceApi, { acks, timeoutMs: 1000, topicData: [{ topicId, partitionData: [{ index: 0, records }] }] });
  return responses[0]!.partitionResponses[0]!;
}

/** Codec, size and value of the batch at an offset, as the log keeps it. */
async function batchAt(topicId: string, fetchOffset: number): Promise<{ codec: number; sizeBytes: number; value: Buffer }> {
  const { responses } = await client.send(fetchApi, {
    maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 24, forgottenTopicsData: [],
    topics: [{ topicId, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 24 }] }],
  });
  const bytes = responses[0]!.partitions[0]!.records!;
  const at = [...batchesIn(bytes)][0]!;
  return { codec: batch.compressionType(bytes, at), sizeBytes: batch.sizeInBytes(bytes, at), value: Buffer.from([...recordsIn(bytes, at)][0]!.value!) };
}

const small = Buffer.from('a small value');
/** Large enough to leave the event loop, and hard enough to compress for levels to differ. */
const large = Buffer.from(JSON.stringify(Array.from({ length: 6000 }, (_, id) => ({ id, name: `customer ${(id * 7919) % 1013}`, amount: (id * 2654435761) % 100_003 }))));

describe.each(['a topic', 'the broker\'s default'])('altered for %s', scope => {
  const ofTopic = scope === 'a topic';
  const name = ofTopic ? 'own' : 'inherits';
  /** Topic names for settings, and the broker's names where those differ. */
  const brokerNames: Record<string, string> = {
    'max.message.bytes': 'message.max.bytes', 'message.timestamp.type': 'log.message.timestamp.type',
    'message.timestamp.before.max.ms': 'log.message.timestamp.before.max.ms', 'message.timestamp.after.max.ms': 'log.message.timestamp.after.max.ms',
  };
  const set = (changes: Record<string, string | null>): Promise<void> =>
    ofTopic ? alter(TOPIC, name, changes) : alter(BROKER, '', Object.fromEntries(Object.entries(changes).map(([key, value]) => [brokerNames[key] ?? key, value])));
  let topicId: string;
  beforeAll(async () => { topicId = await topic(name); });

  test('max.message.bytes', async () => {
    await set({ 'max.message.bytes': '100' });
    expect(await produce(topicId, Buffer.alloc(100))).toMatchObject({ errorCode: ErrorCode.MESSAGE_TOO_LARGE });
    await set({ 'max.message.bytes': null });
    expect(await produce(topicId, Buffer.alloc(100))).toMatchObject({ errorCode: ErrorCode.NONE });
  });

  test('message.timestamp.before.max.ms and after.max.ms', async () => {
    const hourMs = 3_600_000;
    expect(await produce(topicId, small, Date.now() - 2 * hourMs)).toMatchObject({ errorCode: ErrorCode.NONE });
    await set({ 'message.timestamp.before.max.ms': String(hourMs) });
    expect(await produce(topicId, small, Date.now() - 2 * hourMs)).toMatchObject({ errorCode: ErrorCode.INVALID_TIMESTAMP });
    await set({ 'message.timestamp.before.max.ms': null });
    expect(await produce(topicId, small, Date.now() + 2 * hourMs)).toMatchObject({ errorCode: ErrorCode.INVALID_TIMESTAMP });
    await set({ 'message.timestamp.after.max.ms': String(3 * hourMs) });
    expect(await produce(topicId, small, Date.now() + 2 * hourMs)).toMatchObject({ errorCode: ErrorCode.NONE });
    await set({ 'message.timestamp.after.max.ms': null });
  });

  test('message.timestamp.type', async () => {
    expect(await produce(topicId, small, 5)).toMatchObject({ logAppendTimeMs: -1 });
    await set({ 'message.timestamp.type': 'LogAppendTime' });
    expect((await produce(topicId, small, 5)).logAppendTimeMs).toBeGreaterThan(1_700_000_000_000);
    await set({ 'message.timestamp.type': null });
    expect(await produce(topicId, small, 5)).toMatchObject({ logAppendTimeMs: -1 });
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('compression.type %s, for small batches and for those that leave the loop', async codec => {
    await set({ 'compression.type': codec });
    for (const value of [small, large]) {
      const { errorCode, baseOffset } = await produce(topicId, value);
      expect(errorCode).toBe(ErrorCode.NONE);
      const kept = await batchAt(topicId, Number(baseOffset));
      expect(kept.codec).toBe(CompressionType[codec]);
      expect(kept.value.equals(value)).toBe(true);
    }
    await set({ 'compression.type': 'producer' });
    expect((await batchAt(topicId, Number((await produce(topicId, small)).baseOffset))).codec).toBe(CompressionType.none);
  });

  test.each([['gzip', '1', '9'], ['lz4', '1', '17'], ['zstd', '1', '19']] as const)('compression.%s.level', async (codec, low, high) => {
    const sizes: number[] = [];
    for (const level of [low, high]) {
      await set({ 'compression.type': codec, [`compression.${codec}.level`]: level });
      sizes.push((await batchAt(topicId, Number((await produce(topicId, large)).baseOffset))).sizeBytes);
    }
    expect(sizes[1]).toBeLessThan(sizes[0]!);
    await set({ 'compression.type': 'producer', [`compression.${codec}.level`]: null });
  });
});

test('min.insync.replicas asks for no more replicas than there are', async () => {
  const topicId = await topic('few');
  await alter(TOPIC, 'few', { 'min.insync.replicas': '3' });
  expect(await produce(topicId, small)).toMatchObject({ errorCode: ErrorCode.NONE });
});

test('a topic that becomes compacted is compacted, on a worker thread', async () => {
  const topicId = await topic('states', { 'segment.ms': '1', 'min.cleanable.dirty.ratio': '0.01' });
  for (let i = 1; i <= 10; i++) await produce(topicId, Buffer.from(`value ${i}`), i * 1000);
  await alter(TOPIC, 'states', { 'cleanup.policy': 'compact' });
  while ((await batchAt(topicId, 0)).value.toString() === 'value 1') await new Promise(resolve => { setTimeout(resolve, 5); });
  expect(told).toContain('compacted a log');
  expect(told.filter(line => line.includes('worker threads'))).toEqual([]);
});
