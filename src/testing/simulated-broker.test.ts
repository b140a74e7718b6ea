import { expect, test } from '@jest/globals';
import { Broker } from '../broker/broker.js';
import { loadSettings } from '../config/index.js';
import { SimWorld } from '../env/sim/index.js';
import { createTopicsApi } from '../protocol/generated/create-topics.js';
import { ErrorCode } from '../protocol/generated/errors.js';
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
  const values: string[] = [];
  for (;;) {
    // One fetch may not give all.
    const { responses } = await world.runUntil(client.send(fetchApi, {
      maxWaitMs: 10, minBytes: 1, maxBytes: 1 << 24, forgottenTopicsData: [],
      topics: [{ topicId, partitions: [{ partition, fetchOffset: values.length, partitionMaxBytes: 1 << 24 }] }],
    }));
    const bytes = responses[0]?.partitions[0]?.records ?? NOTHING;
    if (bytes.length === 0) return values;
    for (const at of batchesIn(bytes)) for (const { value } of recordsIn(bytes, at)) values.push(textOf(value!));
  }
}

const NOTHING = Buffer.alloc(0);
/** Large values have their number in front. */
const textOf = (value: Uint8Array): string => Buffer.from(value).toString().replace(/ x*$/, '');

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

const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);
test.each(SEEDS)('after a power loss (seed %i) the broker serves again, and what is left is the beginning of what was sent', async seed => {
  const world = new SimWorld(seed);
  const { net } = world.node('client');
  await startOn(world, 'broker');
  let client = await world.runUntil(RawClient.connect(net, PORT, { host: 'broker' }));
  await world.runUntil(client.send(createTopicsApi, {
    topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 10_000,
  }));
  // As in Kafka, a leader tells of a topic as soon as it is written; on the disk it is a few milliseconds later.
  await world.run(50);
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

test('who produced in a turn whose write failed gets no answer, and who waited for records none of them', async () => {
  const world = new SimWorld(3);
  const { machine } = world.node('broker');
  await startOn(world, 'broker');
  const connect = () => world.runUntil(RawClient.connect(world.node('client').net, PORT, { host: 'broker' }));
  const [producer, reader] = [await connect(), await connect()];
  await world.runUntil(producer.send(createTopicsApi, {
    topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 10_000,
  }));
  const { topics: [topic] } = await world.runUntil(producer.send(metadataApi, { topics: [{ name: 't' }] }));
  const { topicId } = topic!;
  const fetchFrom = (client: RawClient) => client.send(fetchApi, {
    maxWaitMs: 30_000, minBytes: 1, maxBytes: 1 << 20, forgottenTopicsData: [],
    topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
  });
  const fetched = fetchFrom(reader);
  const isCut = expect(fetched).rejects.toThrow('closed');
  await world.run(1000);
  machine.onDiskOperation = ({ kind, path }) => (kind === 'write' && path.endsWith('/t-0/00000000000000000000.log') ? { code: 'EIO' } : undefined);
  const produced = producer.send(produceApi, {
    acks: -1, timeoutMs: 1000,
    topicData: [{ topicId, partitionData: [{ index: 0, records: buildBatch({}, [{ timestampMs: world.wallMs, key: null, value: Buffer.from('lost') }]) }] }],
  });
  await expect(world.runUntil(produced)).rejects.toThrow('closed');
  // Woken in the same turn, of which nothing is told.
  await isCut;
  const { responses } = await world.runUntil(fetchFrom(await connect()));
  expect(responses[0]!.partitions).toMatchObject([{ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, records: Buffer.alloc(0) }]);
});

/** Creates a topic and produces until all is done or the machine's disk operation `index` kills the broker in its midst. */
async function interruptedAt(index: number, death: 'kill' | 'crash') {
  const world = new SimWorld(index);
  const { machine } = world.node('broker');
  const progress = { created: false, acknowledged: 0, died: false, finished: false };
  machine.onDiskOperation = (operation, at) => {
    if (at.index !== index || operation.kind === 'read' || operation.kind === 'open') return undefined;
    progress.died = true;
    machine.onDiskOperation = undefined;
    return { death, appliedBytes: world.random.int(3) * 20 };
  };
  const work = async (): Promise<void> => {
    await startOn(world, 'broker');
    const client = await world.runUntil(RawClient.connect(world.node('client').net, PORT, { host: 'broker' }));
    const topics = [{ name: 't', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [{ name: 'segment.bytes', value: '1048576' }] }];
    await world.runUntil(client.send(createTopicsApi, { topics, timeoutMs: 10_000 }));
    progress.created = true;
    const { topics: [topic] } = await world.runUntil(client.send(metadataApi, { topics: [{ name: 't' }] }));
    for (let i = 0; i < 6; i++) {
      const value = Buffer.from(`${i} ${'x'.repeat(100_000 * i)}`);
      const records = buildBatch({}, [{ timestampMs: world.wallMs, key: null, value }]);
      const { responses } = await world.runUntil(client.send(produceApi, {
        acks: -1, timeoutMs: 1000, topicData: [{ topicId: topic!.topicId, partitionData: [{ index: 0, records }] }],
      }));
      if (responses[0]!.partitionResponses[0]!.errorCode === 0) progress.acknowledged++;
    }
    progress.finished = true;
  };
  // What the dying broker throws, or never answers, is no fault.
  await work().catch((error: unknown) => { if (!progress.died) throw error; });
  return { world, progress };
}

test.each(['kill', 'crash'] as const)('whichever disk operation a %s comes in the midst of, the broker starts again and has kept what it must', async death => {
  for (let index = 0; ; index++) {
    const { world, progress } = await interruptedAt(index, death);
    if (!progress.died) {
      expect(progress.finished).toBe(true);
      expect(index).toBeGreaterThan(60);
      return;
    }
    await startOn(world, 'broker');
    const client = await world.runUntil(RawClient.connect(world.node('client').net, PORT, { host: 'broker' }));
    const { topics: [topic] } = await world.runUntil(client.send(metadataApi, { topics: [{ name: 't' }], allowAutoTopicCreation: false }));
    const kept = topic!.errorCode === 0 ? await readAll(world, client, topic!.topicId, 0) : [];
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => String(i)));
    if (death === 'crash') continue;
    expect({ index, exists: topic!.errorCode === 0 || !progress.created }).toEqual({ index, exists: true });
    expect(kept.length).toBeGreaterThanOrEqual(progress.acknowledged);
  }
});
