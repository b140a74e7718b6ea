import { expect, test } from '@jest/globals';
import { Broker } from '../broker/broker.js';
import { loadSettings } from '../config/index.js';
import { SimWorld } from '../env/sim/index.js';
import { createTopicsApi } from '../protocol/generated/create-topics.js';
import { fetchApi } from '../protocol/generated/fetch.js';
import { metadataApi } from '../protocol/generated/metadata.js';
import { produceApi } from '../protocol/generated/produce.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import { RawClient } from './raw-client.js';

const PORT = 9092;

/** The real broker, server and all, on a simulated machine. */
async function startOn(world: SimWorld, machine: string): Promise<Broker> {
  const { disk } = world.node(machine);
  if (disk.stat('/data') === undefined) {
    disk.makeDirectory('/data');
    disk.syncDirectory('/');
  }
  const { settings } = loadSettings({ dataDirectory: '/data', flags: [], address: { host: machine, port: PORT } });
  return world.runUntil(Broker.start({ settings, env: world.node(machine) }));
}

async function readAll(world: SimWorld, client: RawClient, topicId: string, partition: number): Promise<string[]> {
  const { responses } = await world.runUntil(client.send(fetchApi, {
    maxWaitMs: 100, minBytes: 1, maxBytes: 1 << 20, forgottenTopicsData: [],
    topics: [{ topicId, partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
  }));
  const bytes = responses[0]!.partitions[0]!.records!;
  return [...batchesIn(bytes)].flatMap(at => [...recordsIn(bytes, at)].map(({ value }) => Buffer.from(value!).toString()));
}

/** Creates a topic, produces and fetches with the broker killed in between, and gives what was read at the end. */
async function scenario(seed: number): Promise<{ values: string[]; trace: string; digest: string }> {
  const world = new SimWorld(seed);
  const { net, random } = world.node('client');
  await startOn(world, 'broker');
  let client = await world.runUntil(RawClient.connect(net, PORT, { host: 'broker' }));
  const created = await world.runUntil(client.send(createTopicsApi, {
    topics: [{ name: 't', numPartitions: 3, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 10_000,
  }));
  expect(created.topics).toMatchObject([{ errorCode: 0 }]);
  const { topics: [topic] } = await world.runUntil(client.send(metadataApi, { topics: [{ name: 't' }] }));
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 5; i++) {
      const records = buildBatch({}, [{ timestampMs: world.wallMs, key: null, value: Buffer.from(`${round}.${i}.${random.int(1000)}`) }]);
      const { responses } = await world.runUntil(client.send(produceApi, {
        acks: -1, timeoutMs: 1000, topicData: [{ topicId: topic!.topicId, partitionData: [{ index: 1, records }] }],
      }));
      expect(responses[0]!.partitionResponses).toMatchObject([{ errorCode: 0, baseOffset: round * 5 + i }]);
    }
    world.node('broker').kill();
    await startOn(world, 'broker');
    client = await world.runUntil(RawClient.connect(net, PORT, { host: 'broker' }));
  }
  const values = await readAll(world, client, topic!.topicId, 1);
  world.node('broker').kill();
  return { values, trace: world.trace.tail(), digest: world.trace.digest() };
}

test('the whole broker runs in a simulated world: the same seed gives the same trace, byte for byte, through kill -9 and restarts', async () => {
  const [first, again, other] = [await scenario(11), await scenario(11), await scenario(12)];
  expect(first.values).toHaveLength(15);
  expect(first.values[14]).toMatch(/^2\.4\./);
  expect(again.trace).toBe(first.trace);
  expect(again.digest).toBe(first.digest);
  expect(other.digest).not.toBe(first.digest);
});

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])('after a power loss (seed %i) the broker serves again, and what is left is the beginning of what was sent', async seed => {
  const world = new SimWorld(seed);
  const { net } = world.node('client');
  await startOn(world, 'broker');
  let client = await world.runUntil(RawClient.connect(net, PORT, { host: 'broker' }));
  await world.runUntil(client.send(createTopicsApi, {
    topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 10_000,
  }));
  const { topics: [topic] } = await world.runUntil(client.send(metadataApi, { topics: [{ name: 't' }] }));
  const produce = async (text: string) => world.runUntil(client.send(produceApi, {
    acks: -1, timeoutMs: 1000,
    topicData: [{ topicId: topic!.topicId, partitionData: [{ index: 0, records: buildBatch({}, [{ timestampMs: world.wallMs, key: null, value: Buffer.from(text) }]) }] }],
  }));
  for (let i = 0; i < 10; i++) await produce(String(i));
  world.node('broker').crash();
  await startOn(world, 'broker');
  client = await world.runUntil(RawClient.connect(net, PORT, { host: 'broker' }));
  const { responses } = await produce('after');
  expect(responses[0]!.partitionResponses).toMatchObject([{ errorCode: 0 }]);
  const read = await readAll(world, client, topic!.topicId, 0);
  expect(read).toEqual([...Array.from({ length: read.length - 1 }, (_, i) => String(i)), 'after']);
});
