// Where every record is to be flushed, nobody hears of one that is not: its producer, readers, groups, transactions.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { SimWorld } from '../env/sim/index.js';
import {
  addPartitionsToTxnApi, endTxnApi, fetchApi, findCoordinatorApi, initProducerIdApi, listOffsetsApi, offsetCommitApi, offsetFetchApi, produceApi,
} from '../protocol/generated/index.js';
import { buildBatch, type BatchOptions } from '../protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import { RawClient, type ClientApi } from './raw-client.js';
import { TwoDirectories } from './two-directories.js';

const [UNCOMMITTED, COMMITTED] = [0, 1];
const LATEST = -1;
/** Less than any coordinator waits for its log, and far more than the simulated disk takes. */
const LONG_MS = 1000;

let cluster: TwoDirectories;
let topicId: string;
let clients: RawClient[];
/** Files whose syncs hang, and how those that do are let go. */
let hanging: RegExp | undefined;
let letGo: () => void;
let hung: Promise<void>;

beforeEach(async () => {
  clients = [];
  hanging = undefined;
  hung = new Promise(resolve => { letGo = resolve; });
  cluster = new TwoDirectories(new SimWorld(1), { 'log.flush.interval.messages': '1' });
  const { disk } = cluster;
  const open = disk.open.bind(disk);
  disk.open = (path, options) => {
    const file = open(path, options);
    const sync = file.sync.bind(file);
    file.sync = async () => {
      if (hanging?.test(path)) await hung;
      return sync();
    };
    return file;
  };
  await cluster.start();
  topicId = await cluster.create('t');
});
afterEach(async () => {
  for (const client of clients) client.close();
  await cluster.world.runUntil(cluster.broker!.close());
});

function hang(files: RegExp): void {
  hanging = files;
}

function resume(): void {
  hanging = undefined;
  letGo();
}

/** Each over a connection of its own, on which nothing else waits. */
async function ask<RequestInput, Response>(api: ClientApi<RequestInput, Response>, request: RequestInput, version?: number): Promise<{ answer: Promise<Response>; isAnswered: () => boolean }> {
  const client = await cluster.world.runUntil(RawClient.connect(cluster.world.node('client').net, 9092, { host: 'broker' }));
  clients.push(client);
  let isAnswered = false;
  const answer = client.send(api, request, version).finally(() => { isAnswered = true; });
  return { answer, isAnswered: () => isAnswered };
}

/** To the end, for what does not hang. */
async function settled<RequestInput, Response>(api: ClientApi<RequestInput, Response>, request: RequestInput, version?: number): Promise<Response> {
  return cluster.world.runUntil((await ask(api, request, version)).answer);
}

function records(value: string, options: BatchOptions = {}): Buffer {
  return buildBatch(options, [{ timestampMs: cluster.world.wallMs, key: null, value: Buffer.from(value) }]);
}

function produceOf(value: string, acks: number, options?: BatchOptions) {
  return { acks, timeoutMs: 10_000, topicData: [{ topicId, partitionData: [{ index: 0, records: records(value, options) }] }] };
}

function fetchOf(fetchOffset: number, { maxWaitMs = 0, isolationLevel = UNCOMMITTED } = {}) {
  return {
    maxWaitMs, minBytes: 1, maxBytes: 1 << 20, isolationLevel, forgottenTopicsData: [],
    topics: [{ topicId, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }] }],
  };
}

interface Fetched {
  readonly responses: readonly { readonly partitions: readonly { readonly errorCode: number; readonly highWatermark: number | bigint; readonly records: Uint8Array | null }[] }[];
}

/** The error code, the high watermark, and the values read. */
function seen({ responses }: Fetched): [number, number, string[]] {
  const { errorCode, highWatermark, records: bytes } = responses[0]!.partitions[0]!;
  const values: string[] = [];
  for (const at of batchesIn(bytes ?? Buffer.alloc(0))) for (const { value } of recordsIn(bytes!, at)) values.push(Buffer.from(value ?? []).toString());
  return [errorCode, Number(highWatermark), values];
}

async function endOf(isolationLevel = UNCOMMITTED): Promise<number> {
  const { topics } = await settled(listOffsetsApi, { replicaId: -1, isolationLevel, topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: LATEST }] }] });
  return Number(topics[0]!.partitions[0]!.offset);
}

test.each([1, -1])('acks=%i: a record is neither acknowledged nor read nor counted before it is on the disk', async acks => {
  expect(await cluster.produce(topicId, 0, 'before')).toBe(0);
  hang(/\/t-0\/\d+\.log$/);
  const produced = await ask(produceApi, produceOf('after', acks));
  const waiting = await ask(fetchApi, fetchOf(1, { maxWaitMs: 10_000 }));
  await cluster.pass(LONG_MS);
  expect([produced.isAnswered(), waiting.isAnswered()]).toEqual([false, false]);
  expect(seen(await settled(fetchApi, fetchOf(0)))).toEqual([0, 1, ['before']]);
  expect(await endOf()).toBe(1);

  resume();
  const { responses } = await cluster.world.runUntil(produced.answer);
  expect(responses[0]!.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 1 });
  expect(seen(await cluster.world.runUntil(waiting.answer))).toEqual([0, 2, ['after']]);
  expect(await endOf()).toBe(2);
});

test('what a producer sends again while its record is not on the disk yet waits with it', async () => {
  const sequenced = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
  hang(/\/t-0\/\d+\.log$/);
  const asked = [await ask(produceApi, produceOf('once', 1, sequenced)), await ask(produceApi, produceOf('once', 1, sequenced))];
  await cluster.pass(LONG_MS);
  expect(asked.map(({ isAnswered }) => isAnswered())).toEqual([false, false]);
  resume();
  for (const { answer } of asked) {
    const { responses } = await cluster.world.runUntil(answer);
    expect(responses[0]!.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 0 });
  }
  expect(seen(await settled(fetchApi, fetchOf(0)))).toEqual([0, 1, ['once']]);
});

test("a group's offsets are committed, and told, once they are on the disk", async () => {
  expect(await settled(findCoordinatorApi, { keyType: 0, coordinatorKeys: ['readers'] })).toMatchObject({ coordinators: [{ errorCode: 0 }] });
  const commit = (committedOffset: number) => ({
    groupId: 'readers', generationIdOrMemberEpoch: -1, memberId: '', topics: [{ topicId, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: null }] }],
  });
  const asked = { groups: [{ groupId: 'readers', topics: [{ topicId, partitionIndexes: [0] }] }] };
  const offsetIn = ({ groups }: { groups: readonly { topics: readonly { partitions: readonly { committedOffset: number | bigint }[] }[] }[] }): number =>
    Number(groups[0]!.topics[0]!.partitions[0]!.committedOffset);
  expect(await settled(offsetCommitApi, commit(3))).toMatchObject({ topics: [{ partitions: [{ errorCode: 0 }] }] });
  hang(/\/__consumer_offsets-\d+\/\d+\.log$/);
  const committed = await ask(offsetCommitApi, commit(4));
  const fetched = await ask(offsetFetchApi, asked);
  await cluster.pass(LONG_MS);
  expect([committed.isAnswered(), fetched.isAnswered()]).toEqual([false, false]);

  resume();
  expect(await cluster.world.runUntil(committed.answer)).toMatchObject({ topics: [{ partitions: [{ errorCode: 0 }] }] });
  expect(offsetIn(await cluster.world.runUntil(fetched.answer))).toBe(4);
});

test('a transaction ends, and its records are shown, once the decision is on the disk; complete it is once the markers are', async () => {
  const transactionalId = 'seven';
  expect(await settled(findCoordinatorApi, { keyType: 1, coordinatorKeys: [transactionalId] })).toMatchObject({ coordinators: [{ errorCode: 0 }] });
  const { errorCode, producerId, producerEpoch } = await settled(initProducerIdApi, { transactionalId, transactionTimeoutMs: 60_000 });
  expect(errorCode).toBe(0);
  // As clients of the first version do: partitions are added in a request of its own.
  await settled(addPartitionsToTxnApi, {
    v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerId: producerId, v3AndBelowProducerEpoch: producerEpoch, v3AndBelowTopics: [{ name: 't', partitions: [0] }],
  }, 3);
  const batch = records('paid', { producerId: Number(producerId), producerEpoch, baseSequence: 0, isTransactional: true });
  const { responses } = await settled(produceApi, { transactionalId, acks: -1, timeoutMs: 1000, topicData: [{ name: 't', partitionData: [{ index: 0, records: batch }] }] }, 11);
  expect(responses[0]!.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 0 });

  hang(/\/__transaction_state-\d+\/\d+\.log$/);
  const ended = await ask(endTxnApi, { transactionalId, producerId, producerEpoch, committed: true }, 3);
  await cluster.pass(LONG_MS);
  expect(ended.isAnswered()).toBe(false);
  // Not even the marker is written.
  expect([await endOf(UNCOMMITTED), await endOf(COMMITTED)]).toEqual([1, 0]);

  // The decision is on the disk, the marker is not: that it is taken, but not yet carried out, is what the client hears.
  hang(/\/t-0\/\d+\.log$/);
  letGo();
  hung = new Promise(resolve => { letGo = resolve; });
  expect(await cluster.world.runUntil(ended.answer)).toMatchObject({ errorCode: 0 });
  await cluster.pass(LONG_MS);
  expect([await endOf(UNCOMMITTED), await endOf(COMMITTED)]).toEqual([1, 0]);

  resume();
  await cluster.pass(LONG_MS);
  expect([await endOf(UNCOMMITTED), await endOf(COMMITTED)]).toEqual([2, 2]);
  expect(seen(await settled(fetchApi, fetchOf(0, { isolationLevel: COMMITTED })))[2][0]).toBe('paid');
});
