// Quotas of a whole broker on simulated time: what clients get is what their bounds allow, by the bytes and by the clock.

import { beforeEach, describe, expect, test } from '@jest/globals';
import { Broker } from '../broker/broker.js';
import { loadSettings } from '../config/index.js';
import { SimWorld } from '../env/sim/index.js';
import {
  alterClientQuotasApi, apiVersionsApi, createPartitionsApi, createTopicsApi, describeClientQuotasApi, fetchApi, incrementalAlterConfigsApi, metadataApi, produceApi,
} from '../protocol/generated/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import { RawClient } from './raw-client.js';

const PORT = 9092;
const BROKER_RESOURCE = 4;

let world: SimWorld;
let topicId: string;

beforeEach(async () => {
  world = new SimWorld(1);
  const { disk } = world.node('broker');
  disk.makeDirectory('/data');
  disk.syncDirectory('/');
  await start();
  const admin = await connect('admin');
  await world.runUntil(admin.send(createTopicsApi, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 10_000 }));
  const { topics } = await world.runUntil(admin.send(metadataApi, { topics: [{ name: 't' }] }));
  topicId = topics[0]!.topicId;
});

async function start(): Promise<void> {
  const { settings } = loadSettings({ dataDirectory: '/data', flags: [], address: { host: 'broker', port: PORT } });
  await world.runUntil(Broker.start({ settings, env: world.node('broker') }));
}

function connect(clientId: string, machine = 'client'): Promise<RawClient> {
  return world.runUntil(RawClient.connect(world.node(machine).net, PORT, { host: 'broker', clientId }));
}

async function limit(entity: Readonly<Record<string, string | null>>, values: Readonly<Record<string, number | null>>): Promise<void> {
  const admin = await connect('admin');
  const { entries } = await world.runUntil(admin.send(alterClientQuotasApi, {
    entries: [{
      entity: Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName })),
      ops: Object.entries(values).map(([key, value]) => ({ key, value: value ?? 0, remove: value === null })),
    }],
    validateOnly: false,
  }));
  expect(entries).toMatchObject([{ errorCode: ErrorCode.NONE }]);
  admin.close();
  await world.run(10);
}

const batchOf = (bytes: number) => buildBatch({}, [{ timestampMs: world.wallMs, key: null, value: Buffer.alloc(bytes) }]);

const produceRequest = (bytes: number, acks = -1) =>
  ({ acks, timeoutMs: 1000, topicData: [{ topicId, partitionData: [{ index: 0, records: batchOf(bytes) }] }] });

const askVersions = { clientSoftwareName: 'x', clientSoftwareVersion: '1' };

/** What comes of a request, and how long it took. */
async function timed<T>(request: Promise<T>): Promise<{ answer: T; tookMs: number }> {
  const beganMs = world.wallMs;
  const answer = await world.runUntil(request);
  return { answer, tookMs: world.wallMs - beganMs };
}

describe('a client that produces', () => {
  test('is given what its quota allows, told for how long it is held back, and not heard meanwhile', async () => {
    await limit({ 'client-id': 'limited' }, { producer_byte_rate: 10_000 });
    const client = await connect('limited');
    const beganMs = world.wallMs;
    let [bytes, throttledMs] = [0, 0];
    while (world.wallMs - beganMs < 120_000) {
      const { answer } = await timed(client.send(produceApi, produceRequest(5000)));
      bytes += 5000;
      throttledMs += answer.throttleTimeMs;
    }
    const elapsedMs = world.wallMs - beganMs;
    // The first ten seconds' worth comes at once.
    expect(bytes / (elapsedMs + 10_000) * 1000).toBeGreaterThan(9000);
    expect(bytes / (elapsedMs + 10_000) * 1000).toBeLessThan(11_000);
    // All the time that passed is what it was told to wait, but for the last time and the way there and back.
    expect(throttledMs).toBeGreaterThan(0.9 * elapsedMs);
  });

  test('is not heard either when it wants no answers', async () => {
    await limit({ user: 'ANONYMOUS' }, { producer_byte_rate: 1000 });
    const client = await connect('whoever');
    client.sendOnly(produceApi, produceRequest(20_000, 0));
    const { tookMs } = await timed(client.send(apiVersionsApi, askVersions, 3));
    // (2000 - 1000) / 1000 of ten seconds, and the bytes around the value.
    expect(tookMs).toBeGreaterThan(10_000);
    expect(tookMs).toBeLessThan(12_000);
  });

  test('is as free as before beside it, and after the quota is gone', async () => {
    await limit({ 'client-id': 'limited' }, { producer_byte_rate: 1000 });
    const free = await connect('free');
    expect((await timed(free.send(produceApi, produceRequest(50_000)))).answer.throttleTimeMs).toBe(0);
    await limit({ 'client-id': 'limited' }, { producer_byte_rate: null });
    const client = await connect('limited');
    for (let i = 0; i < 3; i++) {
      const { answer, tookMs } = await timed(client.send(produceApi, produceRequest(50_000)));
      expect([answer.throttleTimeMs, tookMs < 1000]).toEqual([0, true]);
    }
  });
});

describe('a client that consumes', () => {
  test('is given an empty answer while it is held back, no more at a time than its quota allows, and all in the end', async () => {
    const producer = await connect('producer');
    for (let i = 0; i < 60; i++) await world.runUntil(producer.send(produceApi, produceRequest(5000)));
    await limit({ user: 'ANONYMOUS', 'client-id': 'limited' }, { consumer_byte_rate: 10_000 });
    const client = await connect('limited');
    const beganMs = world.wallMs;
    let [read, bytes, throttledMs, emptyAnswers, sessionId, sessionEpoch] = [0, 0, 0, 0, 0, 0];
    while (read < 60) {
      const { answer } = await timed(client.send(fetchApi, {
        maxWaitMs: 100, minBytes: 1, maxBytes: 1 << 24, sessionId, sessionEpoch, forgottenTopicsData: [],
        topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: read, partitionMaxBytes: 1 << 24 }] }],
      }));
      expect(answer.errorCode).toBe(ErrorCode.NONE);
      const records = answer.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
      if (answer.throttleTimeMs > 0) expect(records).toHaveLength(0);
      expect(records.length).toBeLessThanOrEqual(100_000);
      emptyAnswers += answer.throttleTimeMs > 0 ? 1 : 0;
      throttledMs += answer.throttleTimeMs;
      bytes += records.length;
      for (const at of batchesIn(records)) for (const { offset } of recordsIn(records, at)) expect(offset).toBe(read++);
      sessionEpoch = answer.sessionId === 0 ? 0 : sessionEpoch + 1;
      ({ sessionId } = answer);
    }
    const elapsedMs = world.wallMs - beganMs;
    expect(emptyAnswers).toBeGreaterThan(0);
    expect(sessionId).toBeGreaterThan(0);
    expect(throttledMs).toBeGreaterThan(0.8 * elapsedMs);
    expect(bytes / (elapsedMs + 10_000) * 1000).toBeLessThan(12_000);
  });
});

describe('a client that changes topics', () => {
  test('is refused beyond its quota, and served again later', async () => {
    await limit({ 'client-id': 'limited' }, { controller_mutation_rate: 1 });
    const grow = async (count: number) => (await world.runUntil((await connect('limited')).send(createPartitionsApi, {
      topics: [{ name: 't', count, assignments: null }], timeoutMs: 10_000, validateOnly: false,
    })));
    expect(await grow(21)).toMatchObject({ throttleTimeMs: 0, results: [{ errorCode: ErrorCode.NONE }] });
    const refused = await grow(22);
    expect(refused).toMatchObject({ results: [{ errorCode: ErrorCode.THROTTLING_QUOTA_EXCEEDED }] });
    expect(refused.throttleTimeMs).toBeGreaterThan(8000);
    await world.run(refused.throttleTimeMs);
    expect(await grow(22)).toMatchObject({ throttleTimeMs: 0, results: [{ errorCode: ErrorCode.NONE }] });
  });
});

describe('a client that asks for topics which are not there', () => {
  test('is given as many as its quota allows, and asks again for the others', async () => {
    await limit({ 'client-id': 'limited' }, { controller_mutation_rate: 0.1 });
    const client = await connect('limited');
    const askFor = async (name: string): Promise<number> =>
      (await world.runUntil(client.send(metadataApi, { topics: [{ name }], allowAutoTopicCreation: true }))).topics[0]!.errorCode;
    expect([await askFor('first'), await askFor('second'), await askFor('third')])
      .toEqual([ErrorCode.NONE, ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    await world.run(20_000);
    expect(await askFor('third')).toBe(ErrorCode.NONE);
  });
});

describe('the broker', () => {
  test('knows its quotas again after it was killed', async () => {
    await limit({ 'client-id': 'limited' }, { producer_byte_rate: 1000, request_percentage: 12.5 });
    world.node('broker').kill();
    await start();
    const client = await connect('limited');
    const { entries } = await world.runUntil(client.send(describeClientQuotasApi, { components: [], strict: false }));
    expect(entries).toMatchObject([{ entity: [{ entityType: 'client-id', entityName: 'limited' }], values: [{ key: 'producer_byte_rate', value: 1000 }, { key: 'request_percentage', value: 12.5 }] }]);
    expect((await timed(client.send(produceApi, produceRequest(20_000)))).answer.throttleTimeMs).toBeGreaterThan(10_000);
  });

  test('takes no more connections than its settings say, from the moment they do', async () => {
    const admin = await connect('admin');
    const set = (name: string, value: string) => world.runUntil(admin.send(incrementalAlterConfigsApi, {
      resources: [{ resourceType: BROKER_RESOURCE, resourceName: '', configs: [{ name, configOperation: 0, value }] }], validateOnly: false,
    }));
    const idle = await connect('idle');
    expect((await set('max.connections', '2')).responses).toMatchObject([{ errorCode: ErrorCode.NONE }]);
    await world.run(10);
    const waiting = await connect('waiting');
    const answer = waiting.send(apiVersionsApi, askVersions, 3);
    let answered = false;
    void answer.then(() => { answered = true; });
    await world.run(1000);
    expect(answered).toBe(false);
    idle.close();
    expect((await world.runUntil(answer)).errorCode).toBe(ErrorCode.NONE);
  });

  test('lets no address connect more often than its quota says', async () => {
    await limit({ ip: 'client' }, { connection_creation_rate: 1 });
    const tries = await Promise.all(Array.from({ length: 15 }, () => connect('eager')));
    const outcomes: string[] = [];
    for (const client of tries) client.send(apiVersionsApi, askVersions, 3).then(() => outcomes.push('served'), () => outcomes.push('turned away'));
    const elsewhere = await connect('patient', 'elsewhere');
    expect((await world.runUntil(elsewhere.send(apiVersionsApi, askVersions, 3))).errorCode).toBe(ErrorCode.NONE);
    await world.run(2000);
    // Ten seconds' worth, of which the administrator's connection is one.
    expect(outcomes.filter(outcome => outcome === 'served').length).toBeLessThanOrEqual(10);
    expect(outcomes).toHaveLength(15);
  });
});
