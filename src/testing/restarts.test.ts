import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeNet } from '../env/node/index.js';
import { eventually } from '../log/test-support.js';
import { createTopicsApi, deleteRecordsApi, listOffsetsApi, metadataApi, produceApi } from '../protocol/generated/index.js';
import { setBaseOffset } from '../protocol/records/batch.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { RawClient } from './raw-client.js';
import { startBroker, type RunningBroker, type StartBrokerOptions } from './start-broker.js';

/** What one run of a broker leaves in its directory, and the next makes of it. */

const EARLIEST = -2;
const LATEST = -1;

let root: string;
const stops: (() => void | Promise<void>)[] = [];
beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'ottla-restarts-')); });
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  rmSync(root, { recursive: true });
});

async function start(options: StartBrokerOptions = {}): Promise<{ broker: RunningBroker; client: RawClient }> {
  const broker = await startBroker({ data: `${root}/data`, ...options });
  stops.push(() => broker.close());
  const client = await RawClient.connect(new NodeNet(), broker.port);
  stops.push(() => client.close());
  return { broker, client };
}

async function createTopic(client: RawClient, name: string, numPartitions: number): Promise<string> {
  const created = await client.send(createTopicsApi, { topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 10_000 });
  expect(created.topics).toMatchObject([{ errorCode: 0 }]);
  const { topics: [topic] } = await client.send(metadataApi, { topics: [{ name }] });
  return topic!.topicId;
}

async function produce(client: RawClient, topicId: string, text: string): Promise<void> {
  const records = buildBatch({}, [{ timestampMs: 1_700_000_000_000, key: null, value: Buffer.from(text) }]);
  const { responses } = await client.send(produceApi, { acks: -1, timeoutMs: 10_000, topicData: [{ topicId, partitionData: [{ index: 0, records }] }] });
  expect(responses[0]!.partitionResponses).toMatchObject([{ errorCode: 0 }]);
}

async function offsetOf(client: RawClient, name: string, timestamp: number): Promise<number> {
  const { topics } = await client.send(listOffsetsApi, { replicaId: -1, isolationLevel: 0, topics: [{ name, partitions: [{ partitionIndex: 0, timestamp }] }] });
  return Number(topics[0]!.partitions[0]!.offset);
}

/** A start that finds its port in somebody else's hands. */
async function failedStart(data: string): Promise<void> {
  const server = createServer();
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  try {
    await expect(startBroker({ data, port })).rejects.toThrow(String(port));
  } finally {
    await new Promise(resolve => { server.close(resolve); });
  }
}

describe('a start that fails as its port is taken', () => {
  test('does not bring deleted records back', async () => {
    const { broker, client } = await start();
    const topicId = await createTopic(client, 't', 1);
    for (let i = 0; i < 5; i++) await produce(client, topicId, `secret ${i}`);
    await client.send(deleteRecordsApi, { topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 4 }] }], timeoutMs: 10_000 });
    await broker.close();
    const marker = readFileSync(`${root}/data/.kafka_cleanshutdown`, 'utf8');
    await failedStart(`${root}/data`);
    expect(readFileSync(`${root}/data/.kafka_cleanshutdown`, 'utf8')).toBe(marker);
    const again = await start();
    expect([await offsetOf(again.client, 't', EARLIEST), await offsetOf(again.client, 't', LATEST)]).toEqual([4, 5]);
  });

  test('after a kill leaves the recovery to the next', async () => {
    const { client } = await start();
    const topicId = await createTopic(client, 't', 1);
    await produce(client, topicId, 'whole');
    // What a process that is killed now would leave: the directory as it is, with half a record.
    const killed = `${root}/killed`;
    cpSync(`${root}/data`, killed, { recursive: true, filter: path => !path.endsWith('.lock') });
    appendFileSync(`${killed}/t-0/00000000000000000000.log`, 'half a record');
    await failedStart(killed);
    expect(existsSync(`${killed}/.kafka_cleanshutdown`)).toBe(false);
    const again = await start({ data: killed });
    expect(await offsetOf(again.client, 't', LATEST)).toBe(1);
    await produce(again.client, topicId, 'next');
    expect(await offsetOf(again.client, 't', LATEST)).toBe(2);
  });
});

describe('partitions without records', () => {
  const named = (pattern: RegExp): string[] => readdirSync(`${root}/data`).filter(name => pattern.test(name)).sort();

  test('stay where they are through restarts', async () => {
    const first = await start();
    const topicId = await createTopic(first.client, 't', 3);
    await first.broker.close();
    for (let restart = 0; restart < 3; restart++) await (await start()).broker.close();
    expect(named(/^t-|-(stray|delete)$/)).toEqual(['t-0', 't-1', 't-2']);
    const { client } = await start();
    await produce(client, topicId, 'at last');
    expect(await offsetOf(client, 't', LATEST)).toBe(1);
  });

  test('are deleted where no topic has them, while one with records is set aside', async () => {
    const first = await start();
    const topicId = await createTopic(first.client, 't', 1);
    await produce(first.client, topicId, 'kept');
    await first.broker.close();
    mkdirSync(`${root}/data/gone-0`);
    mkdirSync(`${root}/data/t-7`);
    cpSync(`${root}/data/t-0`, `${root}/data/other-0`, { recursive: true });
    await (await start()).broker.close();
    expect(named(/^(t|gone|other)-/)).toEqual([
      expect.stringMatching(/^gone-0\.[0-9a-f]{32}-delete$/), expect.stringMatching(/^other-0\.[0-9a-f]{32}-stray$/),
      't-0', expect.stringMatching(/^t-7\.[0-9a-f]{32}-delete$/),
    ]);
  });
});

test('what was put at the end of a log while nobody owned it is there for readers once it has been checked', async () => {
  const { broker, client } = await start();
  const topicId = await createTopic(client, 't', 1);
  await produce(client, topicId, 'ours');
  await broker.close();
  const more = buildBatch({}, [{ timestampMs: 1_700_000_000_000, key: null, value: Buffer.from('another') }]);
  setBaseOffset(more, 0, 1);
  appendFileSync(`${root}/data/t-0/00000000000000000000.log`, more);
  const { client: later } = await start();
  await eventually(async () => await offsetOf(later, 't', LATEST) === 2);
});
