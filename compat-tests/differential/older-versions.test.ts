// Versions that Apache Kafka 4 gave up: each says what the oldest one says that it has kept, as far as it has the words. What the kept
// ones say is held against Apache Kafka by the differential test.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NodeNet } from '../../src/env/node/index.js';
import {
  createAclsApi, createDelegationTokenApi, createTopicsApi, deleteAclsApi, deleteTopicsApi, describeAclsApi, describeConfigsApi,
  describeDelegationTokenApi, describeLogDirsApi, expireDelegationTokenApi, listOffsetsApi, offsetCommitApi, offsetFetchApi,
  offsetForLeaderEpochApi, produceApi, renewDelegationTokenApi,
} from '../../src/protocol/generated/index.js';
import { Reader } from '../../src/protocol/wire/reader.js';
import type { Api } from '../../src/protocol/wire/types.js';
import { Writer } from '../../src/protocol/wire/writer.js';
import { RawClient } from '../../src/testing/raw-client.js';
import { brokerUnderTest } from '../support/brokers.js';
import { Player, rangesOf } from './player.js';
import { produceRequest, records } from './scenarios/produce.js';

const TIMEOUT_MS = 60_000;
const TOPIC = 'older';
const DEFAULT_SOURCE = 5;

const broker = brokerUnderTest({ 'offsets.topic.num.partitions': '1' }, 'ottla');
let client: RawClient;

beforeAll(async () => {
  await broker.start();
  client = await RawClient.connect(new NodeNet(), broker.port, { host: broker.host });
  const player = new Player(broker.host, broker.port, await rangesOf(broker.host, broker.port));
  const topicId = await player.topic(TOPIC);
  await player.quietly(produceApi, produceRequest({ name: TOPIC, topicId }, records(3)));
  player.close();
}, TIMEOUT_MS);

afterAll(async () => {
  client.close();
  await broker.remove();
}, TIMEOUT_MS);

/** What is made or dropped has the version in its name: each may do so once. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, part: unknown) =>
  (typeof part === 'bigint' ? Number(part) : part instanceof Uint8Array ? Buffer.from(part).toString('hex') : typeof part === 'string' ? part.replace(/-v\d+$/, '') : part)));

/** Asks in every version below `kept` and expects what `kept` says, in the words of that version. `fold` puts into old fields what new ones say. */
async function older<Request, Response, RequestInput, ResponseOutput extends object>(
  api: Api<Request, Response, RequestInput, ResponseOutput>, kept: number, request: (version: number) => RequestInput, fold: (answer: ResponseOutput) => object = answer => answer,
): Promise<void> {
  expect(api.minVersion).toBeLessThan(kept);
  const newer = fold(await client.send(api, request(kept), kept));
  for (let version = api.minVersion; version < kept; version++) {
    const writer = new Writer();
    api.encodeResponse(writer, newer as Response, version);
    const expected = api.decodeResponse(new Reader(writer.toBuffer()), version);
    expect(plain(await client.send(api, request(version), version))).toEqual(plain(expected));
  }
}

const partition = { partitionIndex: 0 };

test('topics are made and dropped in old versions as in the oldest kept one', async () => {
  const topic = (name: string, more: object = {}) => ({ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...more });
  await older(createTopicsApi, 2, version => ({ timeoutMs: 5000, topics: [topic(`made-v${version}`), topic(TOPIC), topic('in valid'), topic('none', { numPartitions: 0 })] }));
  await older(deleteTopicsApi, 1, version => ({ timeoutMs: 5000, topicNames: [`made-v${version}`, 'no-such'] }));
}, TIMEOUT_MS);

test('offsets are found by time and by epoch in old versions as in the oldest kept one', async () => {
  for (const timestamp of [-1, -2]) {
    await older(listOffsetsApi, 1, () => ({ replicaId: -1, topics: [{ name: TOPIC, partitions: [{ ...partition, timestamp }, { partitionIndex: 7, timestamp }] }] }), answer => ({
      ...answer,
      topics: answer.topics.map(topic => ({ ...topic, partitions: topic.partitions.map(one => ({ ...one, oldStyleOffsets: one.offset < 0 ? [] : [one.offset] })) })),
    }));
  }
  for (const leaderEpoch of [0, 7]) {
    await older(offsetForLeaderEpochApi, 2, () => ({ topics: [{ topic: TOPIC, partitions: [{ partition: 0, leaderEpoch }, { partition: 7, leaderEpoch }] }] }));
  }
}, TIMEOUT_MS);

test('offsets are committed and fetched in old versions as in the oldest kept one', async () => {
  await older(offsetCommitApi, 2, version => ({
    groupId: `group-v${version}`,
    topics: [{ name: TOPIC, partitions: [{ ...partition, committedOffset: 2, committedMetadata: 'm' }, { partitionIndex: 7, committedOffset: 1, committedMetadata: null }] }],
  }));
  await older(offsetFetchApi, 1, () => ({ groupId: 'group-v0', topics: [{ name: TOPIC, partitionIndexes: [0, 7] }] }));
  await older(offsetFetchApi, 1, () => ({ groupId: 'no-such', topics: [{ name: TOPIC, partitionIndexes: [0] }] }));
}, TIMEOUT_MS);

test('settings and directories are described in old versions as in the oldest kept one', async () => {
  const resources = ([[2, TOPIC], [4, '1'], [2, 'no-such']] as const).map(([resourceType, resourceName]) => ({ resourceType, resourceName, configurationKeys: null }));
  await older(describeConfigsApi, 1, () => ({ resources }), answer => ({
    ...answer,
    results: answer.results.map(result => ({ ...result, configs: result.configs.map(config => ({ ...config, isDefault: config.configSource === DEFAULT_SOURCE })) })),
  }));
  await older(describeLogDirsApi, 1, () => ({ topics: [{ topic: TOPIC, partitions: [0] }] }));
}, TIMEOUT_MS);

test('access control and tokens are answered in old versions as in the oldest kept one', async () => {
  await older(describeAclsApi, 1, () => ({ resourceTypeFilter: 1, resourceNameFilter: null, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }));
  await older(createAclsApi, 1, () => ({ creations: [{ resourceType: 2, resourceName: 't', principal: 'User:a', host: '*', operation: 3, permissionType: 3 }] }));
  await older(deleteAclsApi, 1, () => ({ filters: [{ resourceTypeFilter: 2, resourceNameFilter: null, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }] }));
  await older(createDelegationTokenApi, 1, () => ({ renewers: [], maxLifetimeMs: -1 }));
  await older(renewDelegationTokenApi, 1, () => ({ hmac: Buffer.from('h'), renewPeriodMs: 1 }));
  await older(expireDelegationTokenApi, 1, () => ({ hmac: Buffer.from('h'), expiryTimePeriodMs: 1 }));
  await older(describeDelegationTokenApi, 1, () => ({ owners: null }));
}, TIMEOUT_MS);
