import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { stringHashCode } from '../base/java-hash.js';
import { groupRecordCodec } from '../coordinator/group/records.js';
import { NodeNet } from '../env/node/index.js';
import {
  createTopicsApi, fetchApi, findCoordinatorApi, heartbeatApi, metadataApi, offsetCommitApi, offsetFetchApi, produceApi,
} from '../protocol/generated/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { recordsIn } from '../protocol/records/batch-iterator.js';
import { ZERO_UUID } from '../protocol/wire/types.js';
import { RawClient } from './raw-client.js';
import { startBroker, type RunningBroker, type StartBrokerOptions } from './start-broker.js';

const stops: (() => void | Promise<void>)[] = [];
afterEach(async () => { for (const stop of stops.splice(0).reverse()) await stop(); });

async function start(options: StartBrokerOptions = {}): Promise<{ broker: RunningBroker; client: RawClient }> {
  const broker = await startBroker({ logLevel: 'warn', ...options });
  stops.push(() => broker.close());
  const client = await RawClient.connect(new NodeNet(), broker.port);
  stops.push(() => client.close());
  return { broker, client };
}

const values = (bytes: Uint8Array | null) => [...recordsIn(bytes!, 0)].map(({ value }) => Buffer.from(value!).toString());

describe('a broker in memory', () => {
  test('takes records and gives them back', async () => {
    const { client } = await start();
    const created = await client.send(createTopicsApi, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }] });
    expect(created.topics).toMatchObject([{ errorCode: 0, name: 't' }]);
    const { topics: [topic] } = await client.send(metadataApi, { topics: [{ name: 't' }] });
    const batch = buildBatch({}, [{ timestampMs: Date.now(), key: null, value: Buffer.from('hello') }]);
    const produced = await client.send(produceApi, { acks: -1, timeoutMs: 1000, topicData: [{ topicId: topic!.topicId, partitionData: [{ index: 0, records: batch }] }] });
    expect(produced.responses[0]!.partitionResponses).toMatchObject([{ errorCode: 0, baseOffset: 0 }]);
    const fetched = await client.send(fetchApi, {
      maxWaitMs: 100, minBytes: 1, maxBytes: 1 << 20,
      topics: [{ topicId: topic!.topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }], forgottenTopicsData: [],
    });
    expect(values(fetched.responses[0]!.partitions[0]!.records)).toEqual(['hello']);
  });
});

test('a start that finds its port taken makes no data directory', async () => {
  const root = mkdtempSync(join(tmpdir(), 'ottla-'));
  stops.push(() => rmSync(root, { recursive: true }));
  const other = await new NodeNet().listen({ host: '127.0.0.1', port: 0 }, stream => stream.destroy());
  stops.push(() => other.close());
  const taken = start({ data: join(root, 'data'), port: other.port });
  await expect(taken).rejects.toMatchObject({ code: 'EADDRINUSE', port: other.port });
  expect(readdirSync(root)).toEqual([]);
});

/** A broker over `data`, with one record put into partition 0 of `__consumer_offsets` as an administrator may; stopped again. */
async function leaveBehind({ data, settings }: StartBrokerOptions, record: { key: Uint8Array | null; value: Uint8Array | null }): Promise<void> {
  const { broker, client } = await start({ data, settings });
  await client.send(createTopicsApi, { topics: [{ name: 'kept', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }] });
  await client.send(findCoordinatorApi, { keyType: 0, coordinatorKeys: ['a'] });
  const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: null }];
  const committed = await client.send(offsetCommitApi, { groupId: 'b', topics: [{ name: 'kept', partitions }] }, 9);
  expect(committed.topics[0]!.partitions).toMatchObject([{ errorCode: 0 }]);
  const admin = await RawClient.connect(new NodeNet(), broker.port, { clientId: '__admin_client' });
  stops.push(() => admin.close());
  const { topics: [topic] } = await admin.send(metadataApi, { topics: [{ name: '__consumer_offsets' }] });
  const records = buildBatch({}, [{ timestampMs: Date.now(), ...record }]);
  const produced = await admin.send(produceApi, { acks: -1, timeoutMs: 1000, topicData: [{ topicId: topic!.topicId, partitionData: [{ index: 0, records }] }] });
  expect(produced.responses[0]!.partitionResponses).toMatchObject([{ errorCode: 0 }]);
  await broker.close();
}

function dataDirectory(): string {
  const data = mkdtempSync(join(tmpdir(), 'ottla-'));
  stops.push(() => rmSync(data, { recursive: true, force: true }));
  return data;
}

describe('a broker that finds in __consumer_offsets', () => {
  test('a record that it cannot read starts all the same: only that partition\'s groups have no coordinator', async () => {
    const settings = { 'offsets.topic.num.partitions': 2 };
    const data = dataDirectory();
    // The metadata of group "g", in a value that ends too early.
    await leaveBehind({ data, settings }, { key: Buffer.from([0, 2, 0, 1, 103]), value: Buffer.from([0, 3, 1]) });
    const { client } = await start({ data, settings, logLevel: 'silent' });
    const heartbeat = async (groupId: string) => (await client.send(heartbeatApi, { groupId, generationId: 1, memberId: 'm' })).errorCode;
    const [bad, good] = [0, 1].map(partition => ['a', 'b', 'c'].find(group => Math.abs(stringHashCode(group)) % 2 === partition)!);
    expect([await heartbeat(bad!), await heartbeat(good!)]).toEqual([ErrorCode.NOT_COORDINATOR, ErrorCode.UNKNOWN_MEMBER_ID]);
  });

  test('an offset of a topic that is gone forgets it, and keeps those of topics that are there', async () => {
    const settings = { 'offsets.topic.num.partitions': 1 };
    const data = dataDirectory();
    const value = { offset: 5, leaderEpoch: -1, metadata: '', commitTimestamp: Date.now(), expireTimestamp: -1, topicId: ZERO_UUID };
    await leaveBehind({ data, settings }, groupRecordCodec.encode({ kind: 'offset', groupId: 'b', topic: 'gone', partition: 0, value }));
    const { client } = await start({ data, settings });
    const committed = async () => (await client.send(offsetFetchApi, { groups: [{ groupId: 'b', topics: null }] }, 9)).groups[0]!.topics.map(({ name }) => name);
    // It goes in a turn of its own, soon after the start.
    let names = await committed();
    while (names.includes('gone')) names = await committed();
    expect(names).toEqual(['kept']);
  });
});

describe('options of startBroker', () => {
  test.each([
    ['a wrong value', { settings: { 'num.partitions': 'many' } }, /num\.partitions/],
    ['a misspelt setting', { settings: { 'num.partition': 3 } }, /num\.partition .*did you mean num\.partitions/],
    ['a wrong port', { port: -1 }, /^startBroker: port is -1, and has to be a number between 0 and 65535$/],
    ['an unknown option', { prot: 1 }, /^startBroker: unknown option prot: did you mean port\?$/],
    ['a setting among the options', { 'num.partitions': 3 }, /unknown option num\.partitions: settings of Kafka go into settings$/],
    ['an option like no other', { somethingElse: 1 }, /unknown option somethingElse: there are port, host, /],
    ['an unknown log level', { logLevel: 'verbose' }, /^startBroker: logLevel is 'verbose', and has to be one of debug, info, warn, error, silent$/],
    ['a logger that is none', { logger: console }, /^startBroker: logger is .*, and has to be an object with debug/s],
    ['settings that are none', { settings: 'num.partitions=3' }, /^startBroker: settings is 'num\.partitions=3', and has to be an object/],
    ['a data directory that is none', { data: 7 }, /^startBroker: data is 7, and has to be a string/],
  ])('%s rejects, and names what is wrong', async (_name, options, message) => {
    await expect(startBroker(options as StartBrokerOptions)).rejects.toThrow(message);
  });
});
