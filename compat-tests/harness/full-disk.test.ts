// A disk that fills up under a broker: what was acknowledged is there when it has room again.

import { afterAll, afterEach, expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTopicsApi } from '../../src/protocol/generated/create-topics.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { listOffsetsApi } from '../../src/protocol/generated/list-offsets.js';
import { produceApi } from '../../src/protocol/generated/produce.js';
import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import type { RawClient } from '../../src/testing/raw-client.js';
import { brokerUnderTest, type BrokerUnderTest } from '../support/brokers.js';
import { noteSkipped } from '../support/toolchains.js';
import { withClient } from '../support/with-client.js';
import { smallDisk, type SmallDisk } from './small-disk.js';

const DISK_BYTES = 64 << 20;
/** What is left for records: a few batches. */
const FREE_BYTES = 2 << 20;
const VALUE_BYTES = 200_000;
/** Of the last version that names topics instead of ids. */
const PRODUCE_VERSION = 12;
const LATEST = -1;
const TOPIC = 'filling';
const TEST_TIMEOUT_MS = 60_000;

const made = await smallDisk(DISK_BYTES);
if ('missing' in made) noteSkipped('a broker on a full disk', made.missing);
const onSmallDisk = 'missing' in made ? test.skip : test;
const disk = made as SmallDisk;
let broker: BrokerUnderTest;

afterEach(async () => {
  await broker?.remove();
  if (!('missing' in made)) disk.empty();
});

afterAll(async () => {
  if (!('missing' in made)) await disk.remove();
});

async function createTopic(partitions: number): Promise<void> {
  const topics = [{ name: TOPIC, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] }];
  await withClient(broker, client => client.send(createTopicsApi, { topics, timeoutMs: 5000 }));
}

/** The error code, or that there was no answer. */
async function write(client: RawClient, index: number): Promise<number | 'disconnected'> {
  const records = buildBatch({}, [{ timestampMs: Date.now(), key: null, value: Buffer.alloc(VALUE_BYTES) }]);
  const request = { acks: -1, timeoutMs: 5000, topicData: [{ name: TOPIC, partitionData: [{ index, records }] }] };
  const answer = await client.send(produceApi, request, PRODUCE_VERSION).catch(() => undefined);
  return answer?.responses[0]!.partitionResponses[0]!.errorCode ?? 'disconnected';
}

/** Writes until the broker says no, or hangs up; how many records it acknowledged. */
async function writeUntilRefused(index: number): Promise<number> {
  return withClient(broker, async client => {
    for (let acknowledged = 0; acknowledged * VALUE_BYTES < DISK_BYTES; acknowledged++) {
      const errorCode = await write(client, index);
      if (errorCode === ErrorCode.NONE) continue;
      expect([ErrorCode.KAFKA_STORAGE_ERROR, 'disconnected']).toContain(errorCode);
      return acknowledged;
    }
    throw new Error('the disk never filled up');
  });
}

async function endOf(partitionIndex: number): Promise<number> {
  const request = { replicaId: -1, isolationLevel: 0, topics: [{ name: TOPIC, partitions: [{ partitionIndex, timestamp: LATEST }] }] };
  const answer = await withClient(broker, client => client.send(listOffsetsApi, request));
  return Number(answer.topics[0]!.partitions[0]!.offset);
}

onSmallDisk('when its only directory is full, the broker says so and stops; with room again it has all that it acknowledged', async () => {
  broker = brokerUnderTest({ 'log.dirs': join(disk.path, 'only') });
  await broker.start();
  await createTopic(1);
  disk.fill(FREE_BYTES);
  const acknowledged = await writeUntilRefused(0);
  expect(acknowledged).toBeGreaterThan(1);
  const { code, errorTail } = await broker.ended();
  expect(code).not.toBe(0);
  expect(errorTail).toContain('ENOSPC');
  expect(errorTail).toContain(broker.dataDir);
  disk.empty();
  await broker.start();
  expect(await endOf(0)).toBeGreaterThanOrEqual(acknowledged);
}, TEST_TIMEOUT_MS);

onSmallDisk('when one of two directories is full, the partitions of the other go on', async () => {
  const roomy = mkdtempSync(join(tmpdir(), 'roomy-'));
  try {
    const small = join(disk.path, 'second');
    broker = brokerUnderTest({ 'log.dirs': `${join(roomy, 'first')},${small}` });
    await broker.start();
    await createTopic(2);
    disk.fill(FREE_BYTES);
    const onSmall = existsSync(join(small, `${TOPIC}-0`)) ? 0 : 1;
    const acknowledged = await writeUntilRefused(onSmall);
    expect(acknowledged).toBeGreaterThan(1);
    await withClient(broker, async client => {
      expect([ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_LEADER_OR_FOLLOWER]).toContain(await write(client, onSmall));
      for (let i = 0; i < 20; i++) expect(await write(client, 1 - onSmall)).toBe(ErrorCode.NONE);
    });
    disk.empty();
    await broker.stop();
    await broker.start();
    expect(await endOf(onSmall)).toBeGreaterThanOrEqual(acknowledged);
    expect(await endOf(1 - onSmall)).toBe(20);
    await withClient(broker, async client => { expect(await write(client, onSmall)).toBe(ErrorCode.NONE); });
  } finally {
    await broker.remove();
    rmSync(roomy, { recursive: true, force: true });
  }
}, TEST_TIMEOUT_MS);
