// Answers at the edges, as Apache Kafka 4.3.1 gives them (compat-tests/differential compares them all, where there is Java).

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NodeNet } from '../env/node/index.js';
import {
  createTopicsApi, deleteRecordsApi, deleteTopicsApi, describeTopicPartitionsApi, fetchApi, incrementalAlterConfigsApi, initProducerIdApi, listOffsetsApi, metadataApi,
  offsetForLeaderEpochApi, produceApi,
} from '../protocol/generated/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { buildBatch, type BatchOptions } from '../protocol/records/batch-builder.js';
import { ZERO_UUID } from '../protocol/wire/types.js';
import { RawClient } from './raw-client.js';
import { startBroker, type RunningBroker } from './start-broker.js';

const TIME_MS = 1_700_000_000_000;
let broker: RunningBroker;
let client: RawClient;

beforeAll(async () => {
  broker = await startBroker();
  client = await RawClient.connect(new NodeNet(), broker.port);
});

afterAll(async () => {
  client.close();
  await broker.close();
});

async function topic(name: string): Promise<string> {
  const { topics } = await client.send(createTopicsApi, { topics: [{ name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }] });
  return topics[0]!.topicId;
}

async function produce(topicId: string, options: BatchOptions = {}) {
  const records = buildBatch(options, [1, 2].map(i => ({ timestampMs: TIME_MS + i, key: null, value: null })));
  const { responses } = await client.send(produceApi, { acks: -1, timeoutMs: 1000, topicData: [{ topicId, partitionData: [{ index: 0, records }] }] });
  return responses[0]!.partitionResponses[0]!;
}

test('Metadata answers once for what is asked twice, refuses ids before version 12, and says which names cannot be', async () => {
  const topicId = await topic('asked');
  const twice = await client.send(metadataApi, { topics: [{ name: 'asked' }, { name: 'asked' }] });
  expect(twice.topics).toHaveLength(1);
  const old = await client.send(metadataApi, { topics: [{ topicId, name: null }] }, 11);
  expect(old.topics).toMatchObject([{ errorCode: ErrorCode.INVALID_REQUEST }]);
  const invalid = await client.send(metadataApi, { topics: [{ name: 'no/pe' }, { name: 'none' }], allowAutoTopicCreation: false });
  expect(invalid.topics).toMatchObject([{ errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION }, { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }]);
});

test('DeleteTopics refuses a topic that is given by its name and by its id, and keeps it', async () => {
  const topicId = await topic('kept');
  const { responses } = await client.send(deleteTopicsApi, { topics: [{ name: 'kept', topicId: ZERO_UUID }, { name: null, topicId }], timeoutMs: 1000 });
  expect(responses).toMatchObject([{ name: 'kept', topicId, errorCode: ErrorCode.INVALID_REQUEST }]);
  const twice = await client.send(deleteTopicsApi, { topics: [{ name: null, topicId }, { name: null, topicId }], timeoutMs: 1000 });
  expect(twice.responses).toMatchObject([{ name: null, topicId, errorCode: ErrorCode.INVALID_REQUEST }]);
  const { topics } = await client.send(metadataApi, { topics: [{ name: 'kept' }], allowAutoTopicCreation: false });
  expect(topics).toMatchObject([{ errorCode: ErrorCode.NONE }]);
});

test('DescribeTopicPartitions gives at least one partition, and takes a cursor at what is asked for only', async () => {
  await topic('pages');
  const page = await client.send(describeTopicPartitionsApi, { topics: [{ name: 'pages' }], responsePartitionLimit: 0 });
  expect(page).toMatchObject({ topics: [{ partitions: [{ partitionIndex: 0 }] }], nextCursor: { topicName: 'pages', partitionIndex: 1 } });
  const elsewhere = await client.send(describeTopicPartitionsApi, { topics: [{ name: 'pages' }], cursor: { topicName: 'other', partitionIndex: 0 } });
  expect(elsewhere.topics).toMatchObject([{ errorCode: ErrorCode.INVALID_REQUEST }]);
});

test('Produce tells of a duplicate its time, and of most failures where the log starts', async () => {
  const topicId = await topic('produced');
  const first = { producerId: 7000, producerEpoch: 0, baseSequence: 0 };
  expect(await produce(topicId, first)).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset: 0, logAppendTimeMs: -1 });
  expect(await produce(topicId, first)).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset: 0, logAppendTimeMs: TIME_MS + 2 });
  expect(await produce(topicId, { ...first, baseSequence: 9 })).toMatchObject({ errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, logStartOffset: 0 });
  expect(await produce(topicId, { baseOffset: 5 })).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD, logStartOffset: 0 });
  expect(await produce(ZERO_UUID)).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_ID, logStartOffset: -1 });
});

test('Fetch tells a reader that is ahead where its log parts from ours, and nothing of a log that it cannot read', async () => {
  const topicId = await topic('fetched');
  await produce(topicId);
  const fetch = async (fetchOffset: number, lastFetchedEpoch: number) => {
    const { responses } = await client.send(fetchApi, {
      maxWaitMs: 0, minBytes: 0, forgottenTopicsData: [],
      topics: [{ topicId, partitions: [{ partition: 0, currentLeaderEpoch: 0, fetchOffset, lastFetchedEpoch, partitionMaxBytes: 1000 }] }],
    });
    return responses[0]!.partitions[0]!;
  };
  expect(await fetch(9, 0)).toMatchObject({ errorCode: ErrorCode.NONE, divergingEpoch: { epoch: 0, endOffset: 2 }, highWatermark: 2 });
  expect(await fetch(2, 4)).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, highWatermark: -1, logStartOffset: -1 });
  expect(await fetch(9, -1)).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, highWatermark: -1, logStartOffset: -1 });
  expect(await fetch(2, -1)).toMatchObject({ errorCode: ErrorCode.NONE, abortedTransactions: null });
});

test('ListOffsets refuses times without a meaning, partitions asked for twice, and epochs below all others', async () => {
  await topic('listed');
  const list = async (...asked: { partitionIndex: number; timestamp: number; currentLeaderEpoch?: number }[]) => {
    const { topics } = await client.send(listOffsetsApi, { replicaId: -1, isolationLevel: 0, timeoutMs: 1000, topics: [{ name: 'listed', partitions: asked }] });
    return topics[0]!.partitions;
  };
  expect(await list({ partitionIndex: 0, timestamp: -7 })).toMatchObject([{ errorCode: ErrorCode.UNSUPPORTED_VERSION, offset: -1 }]);
  expect(await list({ partitionIndex: 0, timestamp: -1 }, { partitionIndex: 0, timestamp: -2 }, { partitionIndex: 1, timestamp: -1 }))
    .toMatchObject([{ partitionIndex: 0, errorCode: ErrorCode.INVALID_REQUEST }, { partitionIndex: 1, errorCode: ErrorCode.NONE }]);
  expect(await list({ partitionIndex: 0, timestamp: -1, currentLeaderEpoch: -3 })).toMatchObject([{ errorCode: ErrorCode.FENCED_LEADER_EPOCH }]);
  const epochs = await client.send(offsetForLeaderEpochApi, { topics: [{ topic: 'listed', partitions: [{ partition: 0, currentLeaderEpoch: -3, leaderEpoch: 0 }] }] });
  expect(epochs.topics[0]!.partitions).toMatchObject([{ errorCode: ErrorCode.FENCED_LEADER_EPOCH }]);
});

test.each([['compact', ErrorCode.POLICY_VIOLATION], ['', ErrorCode.NONE], ['compact,delete', ErrorCode.NONE]])(
  "DeleteRecords of a topic with cleanup.policy '%s' answers %i", async (value, errorCode) => {
    const name = `policy-${value.replace(',', '-')}`;
    await client.send(createTopicsApi, { topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [{ name: 'cleanup.policy', value }] }] });
    const { topics } = await client.send(deleteRecordsApi, { timeoutMs: 1000, topics: [{ name, partitions: [{ partitionIndex: 0, offset: 0 }] }] });
    expect(topics[0]!.partitions[0]).toMatchObject({ errorCode });
  });

test('a broker takes changes of its own settings only, and calls bad ones an invalid request', async () => {
  const set = async (resourceType: number, resourceName: string, name: string, value: string) => {
    const { responses } = await client.send(incrementalAlterConfigsApi, { resources: [{ resourceType, resourceName, configs: [{ name, configOperation: 0, value }] }], validateOnly: true });
    return responses[0]!.errorCode;
  };
  expect(await set(4, '1', 'num.io.threads', '9')).toBe(ErrorCode.NONE);
  expect(await set(4, '2', 'num.io.threads', '9')).toBe(ErrorCode.INVALID_REQUEST);
  expect(await set(4, '1', 'num.io.threads', 'many')).toBe(ErrorCode.INVALID_REQUEST);
  expect(await set(2, 'in valid', 'retention.ms', '9')).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
  expect(await set(16, 'm', 'no.such', '9')).toBe(ErrorCode.INVALID_REQUEST);
});

test('InitProducerId takes an id and an epoch together or neither', async () => {
  const request = { transactionalId: null, transactionTimeoutMs: 1000 };
  expect(await client.send(initProducerIdApi, { ...request, producerId: 5, producerEpoch: -1 })).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
  expect(await client.send(initProducerIdApi, request)).toMatchObject({ errorCode: ErrorCode.NONE, producerEpoch: 0 });
});
