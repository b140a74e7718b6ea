// The log's half of transactions over the wire, without their coordinator: what is open here
// was put into the logs while the broker was down.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeNet } from '../env/node/index.js';
import { openTestLog } from '../log/test-support.js';
import {
  createTopicsApi, fetchApi, findCoordinatorApi, incrementalAlterConfigsApi, initProducerIdApi, listOffsetsApi, offsetCommitApi, offsetFetchApi, produceApi, writeTxnMarkersApi,
} from '../protocol/generated/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import * as batch from '../protocol/records/batch.js';
import { buildBatch, type BatchOptions } from '../protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import { parseEndTransactionMarker } from '../protocol/records/control-records.js';
import { RawClient } from './raw-client.js';
import { startBroker, type RunningBroker } from './start-broker.js';

const TIME_MS = 1_700_000_000_000;
const [UNCOMMITTED, COMMITTED] = [0, 1];
const [LATEST, MAX_TIMESTAMP] = [-1, -3];

let data: string;
let broker: RunningBroker;
let client: RawClient;
let topicId: string;

async function start(): Promise<void> {
  broker = await startBroker({ data });
  client = await RawClient.connect(new NodeNet(), broker.port);
}

async function stop(): Promise<void> {
  client.close();
  await broker.close();
}

beforeEach(async () => {
  data = mkdtempSync(join(tmpdir(), 'ottla-transactions-'));
  await start();
  const { topics } = await client.send(createTopicsApi, { topics: [{ name: 'events', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }] });
  topicId = topics[0]!.topicId;
});
afterEach(async () => {
  await stop();
  rmSync(data, { recursive: true, force: true });
});

function records(values: readonly string[], options: BatchOptions): Buffer {
  return buildBatch(options, values.map(value => ({ timestampMs: TIME_MS, key: null, value: Buffer.from(value) })));
}

const open = (producerId: number, values: readonly string[], baseSequence = 0): Buffer =>
  records(values, { producerId, producerEpoch: 0, baseSequence, isTransactional: true });

/** Puts batches into the log of a partition, as the leader of another time would have. */
async function given(...batches: Buffer[]): Promise<void> {
  await stop();
  const log = await openTestLog(`${data}/events-0`, { topicId, clean: true });
  for (const bytes of batches) log.appendAsLeader(bytes, { origin: 'client', leaderEpoch: 0 });
  await log.close();
  // It vouches for what the broker left.
  rmSync(`${data}/.kafka_cleanshutdown`);
  await start();
}

interface Marker {
  readonly producerId: number;
  readonly committed?: boolean;
  readonly producerEpoch?: number;
  readonly coordinatorEpoch?: number;
  readonly transactionVersion?: number;
  readonly topics?: readonly (readonly [name: string, ...indexes: number[]])[];
}

async function end(...markers: Marker[]): Promise<unknown[]> {
  const { markers: results } = await client.send(writeTxnMarkersApi, {
    markers: markers.map(({ producerId, committed = true, producerEpoch = 0, coordinatorEpoch = 0, transactionVersion = 0, topics = [['events', 0]] }) => ({
      producerId, producerEpoch, coordinatorEpoch, transactionVersion, transactionResult: committed,
      topics: topics.map(([name, ...partitionIndexes]) => ({ name, partitionIndexes })),
    })),
  });
  return results.flatMap(({ producerId, topics }) => topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, errorCode }) => [producerId, `${name}-${partitionIndex}`, errorCode])));
}

async function fetch(isolationLevel: number, fetchOffset = 0) {
  const { responses } = await client.send(fetchApi, { isolationLevel, maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, forgottenTopicsData: [], topics: [{ topicId, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }] }] });
  const { records: bytes, lastStableOffset, abortedTransactions, highWatermark } = responses[0]!.partitions[0]!;
  const found = [...batchesIn(bytes!)].flatMap(at => [...recordsIn(bytes!, at)].map(({ offset, key, value }) =>
    (batch.isControl(bytes!, at) ? `${offset} ${parseEndTransactionMarker(key, value)!.committed ? 'commit' : 'abort'} of ${batch.producerId(bytes!, at)}` : `${offset} ${Buffer.from(value!).toString()}`)));
  return { found, lastStableOffset: Number(lastStableOffset), highWatermark: Number(highWatermark), aborted: abortedTransactions?.map(({ producerId, firstOffset }) => [Number(producerId), Number(firstOffset)]) ?? null };
}

async function offsetAt(timestamp: number, isolationLevel: number): Promise<number> {
  const { topics } = await client.send(listOffsetsApi, { replicaId: -1, isolationLevel, topics: [{ name: 'events', partitions: [{ partitionIndex: 0, timestamp }] }] });
  return Number(topics[0]!.partitions[0]!.offset);
}

describe('an open transaction', () => {
  beforeEach(() => given(records(['before'], {}), open(7, ['a', 'b']), records(['between'], {}), open(8, ['c'])));

  test('hides what comes after its first record from readers of committed records, until its marker', async () => {
    expect(await fetch(UNCOMMITTED)).toMatchObject({ found: ['0 before', '1 a', '2 b', '3 between', '4 c'], aborted: null });
    expect(await fetch(COMMITTED)).toEqual({ found: ['0 before'], lastStableOffset: 1, highWatermark: 5, aborted: [] });
    expect(await end({ producerId: 7 })).toEqual([[7, 'events-0', ErrorCode.NONE]]);
    expect(await fetch(COMMITTED)).toEqual({ found: ['0 before', '1 a', '2 b', '3 between'], lastStableOffset: 4, highWatermark: 6, aborted: [] });
    expect(await end({ producerId: 8, committed: false })).toEqual([[8, 'events-0', ErrorCode.NONE]]);
    expect(await fetch(COMMITTED)).toEqual({
      found: ['0 before', '1 a', '2 b', '3 between', '4 c', '5 commit of 7', '6 abort of 8'], lastStableOffset: 7, highWatermark: 7, aborted: [[8, 4]],
    });
  });

  test('bounds ListOffsets at read_committed', async () => {
    expect([await offsetAt(LATEST, UNCOMMITTED), await offsetAt(LATEST, COMMITTED), await offsetAt(TIME_MS + 1, COMMITTED)]).toEqual([5, 1, -1]);
    expect(await offsetAt(MAX_TIMESTAMP, COMMITTED)).toBe(await offsetAt(MAX_TIMESTAMP, UNCOMMITTED));
    await end({ producerId: 7 }, { producerId: 8 });
    expect(await offsetAt(LATEST, COMMITTED)).toBe(7);
  });

  test('outlasts a restart, and so does what its abort left', async () => {
    await stop();
    await start();
    expect((await fetch(COMMITTED)).lastStableOffset).toBe(1);
    await end({ producerId: 7, committed: false });
    await stop();
    await start();
    expect(await fetch(COMMITTED)).toMatchObject({ lastStableOffset: 4, aborted: [[7, 1]] });
    expect(await fetch(COMMITTED, 3)).toMatchObject({ aborted: [[7, 1]] });
    await end({ producerId: 8 });
    expect(await fetch(COMMITTED, 6)).toMatchObject({ found: ['6 commit of 8'], aborted: [] });
  });

  test('keeps its producer from writing outside of it', async () => {
    const { responses } = await client.send(produceApi, { acks: -1, timeoutMs: 1000, topicData: [{ topicId, partitionData: [{ index: 0, records: records(['x'], { producerId: 7, producerEpoch: 0, baseSequence: 2 }) }] }] });
    expect(responses[0]!.partitionResponses[0]).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
  });

  test('is ended by a later epoch only, under transaction.version 2, and once', async () => {
    const two = { producerId: 7, transactionVersion: 2 };
    expect(await end(two)).toEqual([[7, 'events-0', ErrorCode.INVALID_PRODUCER_EPOCH]]);
    expect(await end({ ...two, producerEpoch: 1 })).toEqual([[7, 'events-0', ErrorCode.NONE]]);
    // The same again finds nothing open, and is let through.
    expect(await end({ ...two, producerEpoch: 1 })).toEqual([[7, 'events-0', ErrorCode.NONE]]);
    expect(await end({ ...two, producerEpoch: 0 })).toEqual([[7, 'events-0', ErrorCode.INVALID_PRODUCER_EPOCH]]);
    expect((await fetch(COMMITTED)).lastStableOffset).toBe(4);
  });
});

describe('a marker', () => {
  test('of an older producer epoch or coordinator is refused, and of a producer that nobody knows taken', async () => {
    expect(await end({ producerId: 9, producerEpoch: 3, coordinatorEpoch: 5 })).toEqual([[9, 'events-0', ErrorCode.NONE]]);
    expect(await end({ producerId: 9, producerEpoch: 2, coordinatorEpoch: 5 })).toEqual([[9, 'events-0', ErrorCode.INVALID_PRODUCER_EPOCH]]);
    expect(await end({ producerId: 9, producerEpoch: 3, coordinatorEpoch: 4 })).toEqual([[9, 'events-0', ErrorCode.TRANSACTION_COORDINATOR_FENCED]]);
    expect((await fetch(UNCOMMITTED)).found).toEqual(['0 commit of 9']);
  });

  test('goes to every partition that is there, and says which are not', async () => {
    const results = await end({ producerId: 9, topics: [['events', 0, 1, 2, 0], ['none', 0]] });
    expect(results).toEqual(expect.arrayContaining([
      [9, 'events-0', ErrorCode.NONE], [9, 'events-1', ErrorCode.NONE], [9, 'events-2', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION], [9, 'none-0', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]));
    expect(results).toHaveLength(4);
    expect((await fetch(UNCOMMITTED)).highWatermark).toBe(1);
    expect(await end({ producerId: 9, topics: [] })).toEqual([]);
  });

  test('of nobody is an error of the whole request', async () => {
    expect(await end({ producerId: -1 })).toEqual([[-1, 'events-0', ErrorCode.INVALID_REQUEST]]);
  });

  test('takes the time that the topic wants', async () => {
    await client.send(incrementalAlterConfigsApi, { resources: [{ resourceType: 2, resourceName: 'events', configs: [{ name: 'message.timestamp.type', value: 'LogAppendTime', configOperation: 0 }] }], validateOnly: false });
    await end({ producerId: 9 });
    const { responses } = await client.send(fetchApi, { maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, forgottenTopicsData: [], topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }] });
    const bytes = responses[0]!.partitions[0]!.records!;
    expect([batch.timestampType(bytes, 0), batch.isValid(bytes, 0), batch.isTransactional(bytes, 0)]).toEqual([batch.TimestampType.logAppendTime, true, true]);
  });

  test('in a partition of the groups passes through their coordinator, and leaves what was committed outside of transactions', async () => {
    await client.send(findCoordinatorApi, { keyType: 0, coordinatorKeys: ['readers'] });
    await client.send(offsetCommitApi, { groupId: 'readers', memberId: '', generationIdOrMemberEpoch: -1, topics: [{ name: 'events', topicId, partitions: [{ partitionIndex: 0, committedOffset: 3, committedMetadata: null }] }] });
    const all = Array.from({ length: 50 }, (_, index) => index);
    const results = await end({ producerId: 9, producerEpoch: 1, topics: [['__consumer_offsets', ...all]] });
    expect(results).toEqual(all.map(index => [9, `__consumer_offsets-${index}`, ErrorCode.NONE]));
    expect(await end({ producerId: 9, producerEpoch: 0, topics: [['__consumer_offsets', 0, 50]] })).toEqual(expect.arrayContaining([
      [9, '__consumer_offsets-0', ErrorCode.INVALID_PRODUCER_EPOCH], [9, '__consumer_offsets-50', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]));
    await stop();
    await start();
    const { groups } = await client.send(offsetFetchApi, { groups: [{ groupId: 'readers', topics: [{ name: 'events', topicId, partitionIndexes: [0] }] }], requireStable: true });
    expect(groups[0]!.topics[0]!.partitions).toMatchObject([{ committedOffset: 3, errorCode: ErrorCode.NONE }]);
  });
});

test('transactional data is not taken while nobody can say whether its transaction is open', async () => {
  const { producerId } = await client.send(initProducerIdApi, { transactionalId: null, transactionTimeoutMs: 1000 });
  const { responses } = await client.send(produceApi, { transactionalId: 't', acks: -1, timeoutMs: 1000, topicData: [{ topicId, partitionData: [{ index: 0, records: open(Number(producerId), ['x']) }] }] });
  expect(responses[0]!.partitionResponses[0]).toMatchObject({ errorCode: ErrorCode.NOT_ENOUGH_REPLICAS });
});
