// Transactions over the wire: producers of both versions, their coordinator, what readers see, and markers that come from elsewhere.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeNet } from '../env/node/index.js';
import { eventually } from '../log/test-support.js';
import { errorName } from '../protocol/errors.js';
import {
  addOffsetsToTxnApi, addPartitionsToTxnApi, createTopicsApi, describeProducersApi, endTxnApi, fetchApi, findCoordinatorApi, incrementalAlterConfigsApi,
  initProducerIdApi, listOffsetsApi, offsetCommitApi, offsetFetchApi, produceApi, txnOffsetCommitApi, writeTxnMarkersApi,
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
/** Transactional ids by producer id. */
const nameOf = new Map<number, string>();

async function start(): Promise<void> {
  broker = await startBroker({ data });
  client = await RawClient.connect(new NodeNet(), broker.port);
}

async function stop(): Promise<void> {
  client.close();
  await broker.close();
}

beforeEach(async () => {
  nameOf.clear();
  data = mkdtempSync(join(tmpdir(), 'ottla-transactions-'));
  await start();
  const { topics } = await client.send(createTopicsApi, { topics: [{ name: 'events', numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }] });
  topicId = topics[0]!.topicId;
  await client.send(findCoordinatorApi, { keyType: 0, coordinatorKeys: ['readers'] });
  await client.send(findCoordinatorApi, { keyType: 1, coordinatorKeys: ['seven'] });
});
afterEach(async () => {
  await stop();
  rmSync(data, { recursive: true, force: true });
});

function records(values: readonly string[], options: BatchOptions): Buffer {
  return buildBatch(options, values.map(value => ({ timestampMs: TIME_MS, key: null, value: Buffer.from(value) })));
}

/** A producer of transactions as its coordinator knows it, and where it is. */
class Producer {
  producerId = -1;
  epoch = -1;
  /** Of its next batch in each partition. */
  private readonly sequences = new Map<number, number>();

  /** Of version 2 each transaction has an epoch of its own, and partitions are added with their records (KIP-890). */
  constructor(readonly transactionalId: string, private readonly version: 0 | 2 = 2) {}

  get isNewer(): boolean {
    return this.version === 2;
  }

  /** Takes the id, from whoever had it before. */
  async init(): Promise<this> {
    const answer = await settled(() => client.send(initProducerIdApi, { transactionalId: this.transactionalId, transactionTimeoutMs: 60_000 }));
    this.take(answer);
    return this;
  }

  private take({ producerId, producerEpoch }: { producerId: number | bigint; producerEpoch: number }): void {
    if (Number(producerId) === this.producerId && producerEpoch === this.epoch) return;
    [this.producerId, this.epoch] = [Number(producerId), producerEpoch];
    nameOf.set(this.producerId, this.transactionalId);
    this.sequences.clear();
  }

  async add(...partitions: number[]): Promise<string> {
    const { resultsByTopicV3AndBelow } = await client.send(addPartitionsToTxnApi, {
      ...this.named3, v3AndBelowTopics: [{ name: 'events', partitions }],
    }, 3);
    return errorName(resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode);
  }

  private get named3() {
    return { v3AndBelowTransactionalId: this.transactionalId, v3AndBelowProducerId: this.producerId, v3AndBelowProducerEpoch: this.epoch };
  }

  async send(values: readonly string[], { index = 0, version = this.isNewer ? 13 : 11, transactional = true, sequence = this.sequences.get(index) ?? 0 } = {}): Promise<string> {
    const bytes = records(values, { producerId: this.producerId, producerEpoch: this.epoch, baseSequence: sequence, isTransactional: transactional });
    const topic = version >= 13 ? { topicId } : { name: 'events' };
    const { responses } = await client.send(produceApi, {
      transactionalId: this.transactionalId, acks: -1, timeoutMs: 1000, topicData: [{ ...topic, partitionData: [{ index, records: bytes }] }],
    }, version);
    const { errorCode } = responses[0]!.partitionResponses[0]!;
    if (errorCode === ErrorCode.NONE) this.sequences.set(index, sequence + values.length);
    return errorName(errorCode);
  }

  async commitOffset(committedOffset: number, member: { generationId?: number; memberId?: string } = {}): Promise<string> {
    if (!this.isNewer) await client.send(addOffsetsToTxnApi, { transactionalId: this.transactionalId, producerId: this.producerId, producerEpoch: this.epoch, groupId: 'readers' });
    const { topics } = await client.send(txnOffsetCommitApi, {
      transactionalId: this.transactionalId, groupId: 'readers', producerId: this.producerId, producerEpoch: this.epoch, ...member,
      topics: [{ name: 'events', partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: null }] }],
    }, this.isNewer ? 5 : 3);
    return errorName(topics[0]!.partitions[0]!.errorCode);
  }

  async end(committed: boolean): Promise<string> {
    const { transactionalId, producerId, epoch: producerEpoch } = this;
    const answer = await client.send(endTxnApi, { transactionalId, producerId, producerEpoch, committed }, this.isNewer ? 5 : 3);
    if (answer.errorCode === ErrorCode.NONE && this.isNewer) this.take(answer);
    return errorName(answer.errorCode);
  }
}

const ASK_AGAIN: readonly number[] = [
  ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR,
];

/** Asks again as long as the answer is to come again. */
async function settled<Answer extends { readonly errorCode: number }>(ask: () => Promise<Answer>): Promise<Answer> {
  let answer: Answer | undefined;
  await eventually(async () => {
    answer = await ask();
    return !ASK_AGAIN.includes(answer.errorCode);
  });
  return answer!;
}

async function plain(...values: string[]): Promise<void> {
  await client.send(produceApi, { acks: -1, timeoutMs: 1000, topicData: [{ topicId, partitionData: [{ index: 0, records: records(values, {}) }] }] });
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
  const { responses } = await client.send(fetchApi, {
    isolationLevel, maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, forgottenTopicsData: [],
    topics: [{ topicId, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }] }],
  });
  const { records: bytes, lastStableOffset, abortedTransactions, highWatermark } = responses[0]!.partitions[0]!;
  const found = [...batchesIn(bytes!)].flatMap(at => [...recordsIn(bytes!, at)].map(({ offset, key, value }) => {
    if (!batch.isControl(bytes!, at)) return `${offset} ${Buffer.from(value!).toString()}`;
    const producerId = batch.producerId(bytes!, at);
    return `${offset} ${parseEndTransactionMarker(key, value)!.committed ? 'commit' : 'abort'} of ${nameOf.get(producerId) ?? producerId}`;
  }));
  const aborted = abortedTransactions?.map(({ producerId, firstOffset }) => [nameOf.get(Number(producerId)), Number(firstOffset)]) ?? null;
  return { found, lastStableOffset: Number(lastStableOffset), highWatermark: Number(highWatermark), aborted };
}

async function offsetAt(timestamp: number, isolationLevel: number): Promise<number> {
  const { topics } = await client.send(listOffsetsApi, { replicaId: -1, isolationLevel, topics: [{ name: 'events', partitions: [{ partitionIndex: 0, timestamp }] }] });
  return Number(topics[0]!.partitions[0]!.offset);
}

describe('an open transaction', () => {
  let seven: Producer;
  let eight: Producer;
  beforeEach(async () => {
    seven = await new Producer('seven', 0).init();
    eight = await new Producer('eight', 0).init();
    await plain('before');
    for (const producer of [seven, eight]) expect(await producer.add(0)).toBe('NONE');
    expect(await seven.send(['a', 'b'])).toBe('NONE');
    await plain('between');
    expect(await eight.send(['c'])).toBe('NONE');
  });
  const ends = ({ producerId }: Producer, ...codes: number[]): unknown[] => codes.map(code => [producerId, 'events-0', code]);

  test('hides what comes after its first record from readers of committed records, until it ends', async () => {
    expect(await fetch(UNCOMMITTED)).toMatchObject({ found: ['0 before', '1 a', '2 b', '3 between', '4 c'], aborted: null });
    expect(await fetch(COMMITTED)).toEqual({ found: ['0 before'], lastStableOffset: 1, highWatermark: 5, aborted: [] });
    expect(await seven.end(true)).toBe('NONE');
    expect(await fetch(COMMITTED)).toEqual({ found: ['0 before', '1 a', '2 b', '3 between'], lastStableOffset: 4, highWatermark: 6, aborted: [] });
    expect(await eight.end(false)).toBe('NONE');
    expect(await fetch(COMMITTED)).toEqual({
      found: ['0 before', '1 a', '2 b', '3 between', '4 c', '5 commit of seven', '6 abort of eight'], lastStableOffset: 7, highWatermark: 7, aborted: [['eight', 4]],
    });
  });

  test('bounds ListOffsets at read_committed', async () => {
    expect([await offsetAt(LATEST, UNCOMMITTED), await offsetAt(LATEST, COMMITTED), await offsetAt(TIME_MS + 1, COMMITTED)]).toEqual([5, 1, -1]);
    expect(await offsetAt(MAX_TIMESTAMP, COMMITTED)).toBe(await offsetAt(MAX_TIMESTAMP, UNCOMMITTED));
    await end(seven, eight);
    expect(await offsetAt(LATEST, COMMITTED)).toBe(7);
  });

  test('outlasts a restart, and so does what its abort left', async () => {
    await stop();
    await start();
    expect((await fetch(COMMITTED)).lastStableOffset).toBe(1);
    expect(await seven.end(false)).toBe('NONE');
    await stop();
    await start();
    expect(await fetch(COMMITTED)).toMatchObject({ lastStableOffset: 4, aborted: [['seven', 1]] });
    expect(await fetch(COMMITTED, 3)).toMatchObject({ aborted: [['seven', 1]] });
    expect(await eight.send(['d'])).toBe('NONE');
    expect(await eight.end(true)).toBe('NONE');
    expect(await fetch(COMMITTED, 6)).toMatchObject({ found: ['6 d', '7 commit of eight'], aborted: [] });
  });

  test('keeps its producer from writing outside of it', async () => {
    expect(await seven.send(['x'], { transactional: false })).toBe('INVALID_TXN_STATE');
    expect(await seven.send(['x'], { index: 1 })).toBe('TRANSACTION_ABORTABLE');
    expect(await seven.send(['x'], { index: 1, version: 10 })).toBe('INVALID_TXN_STATE');
  });

  test('is ended by a later epoch only, under transaction.version 2, and once', async () => {
    const two = { producerId: seven.producerId, transactionVersion: 2 };
    expect(await end(two)).toEqual(ends(seven, ErrorCode.INVALID_PRODUCER_EPOCH));
    expect(await end({ ...two, producerEpoch: 1 })).toEqual(ends(seven, ErrorCode.NONE));
    // The same again finds nothing open, and is let through.
    expect(await end({ ...two, producerEpoch: 1 })).toEqual(ends(seven, ErrorCode.NONE));
    expect(await end({ ...two, producerEpoch: 0 })).toEqual(ends(seven, ErrorCode.INVALID_PRODUCER_EPOCH));
    expect((await fetch(COMMITTED)).lastStableOffset).toBe(4);
  });

  test('is aborted when its transactional id is taken by another, and the one before is told so', async () => {
    const next = await new Producer('seven', 0).init();
    expect([next.producerId, next.epoch]).toEqual([seven.producerId, seven.epoch + 2]);
    expect(await fetch(COMMITTED)).toMatchObject({ found: ['0 before', '1 a', '2 b', '3 between'], aborted: [['seven', 1]] });
    expect([await seven.send(['late']), await seven.send(['late'], { version: 13 })]).toEqual(['INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_EPOCH']);
    expect([await seven.add(0), await seven.end(true)]).toEqual(['PRODUCER_FENCED', 'PRODUCER_FENCED']);
  });

  test('is told by DescribeProducers, and hangs no more once an administrator has aborted it', async () => {
    const open = async (): Promise<unknown[]> => {
      const { topics } = await client.send(describeProducersApi, { topics: [{ name: 'events', partitionIndexes: [0] }] });
      return topics[0]!.partitions[0]!.activeProducers
        .map(({ producerId, currentTxnStartOffset, coordinatorEpoch }) => [nameOf.get(Number(producerId)), Number(currentTxnStartOffset), coordinatorEpoch])
        .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    };
    expect(await open()).toEqual([['eight', 4, -1], ['seven', 1, -1]]);
    expect(await end({ producerId: seven.producerId, committed: false, coordinatorEpoch: -1 })).toEqual(ends(seven, ErrorCode.NONE));
    expect(await open()).toEqual([['eight', 4, -1], ['seven', -1, -1]]);
    expect(await fetch(COMMITTED)).toMatchObject({ lastStableOffset: 4, aborted: [['seven', 1]] });
    // Its coordinator was not asked: to it the transaction is open still, and takes what comes.
    expect(await seven.send(['late'])).toBe('NONE');
  });
});

describe('a producer with an epoch for each transaction', () => {
  test('adds partitions with their records, and begins each transaction at sequence 0', async () => {
    const producer = await new Producer('nine').init();
    expect([await producer.send(['a']), await producer.send(['b']), await producer.send(['c'], { index: 1 })]).toEqual(['NONE', 'NONE', 'NONE']);
    const { producerId, epoch } = producer;
    expect(await producer.end(true)).toBe('NONE');
    expect([producer.producerId, producer.epoch]).toEqual([producerId, epoch + 1]);
    expect(await producer.send(['d'], { sequence: 1 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(await producer.send(['d'], { sequence: 0 })).toBe('NONE');
    expect(await producer.end(false)).toBe('NONE');
    expect(await fetch(COMMITTED)).toMatchObject({ found: ['0 a', '1 b', '2 commit of nine', '3 d', '4 abort of nine'], aborted: [['nine', 3]] });
  });

  test('writes into its next transaction at once, and not any more into the one before', async () => {
    const producer = await new Producer('nine').init();
    const before = await new Producer('nine').init();
    await producer.init();
    expect(await before.send(['late'])).toBe('INVALID_PRODUCER_EPOCH');
    for (let count = 0; count < 20; count++) expect([await producer.send([`v${count}`]), await producer.end(count % 2 === 0)]).toEqual(['NONE', 'NONE']);
    const { found, aborted } = await fetch(COMMITTED);
    expect([found.length, aborted!.length]).toEqual([40, 10]);
  });
});

test('the metrics of a broker tell how its transactions are', async () => {
  const [open, done, gone] = await Promise.all(['eleven', 'twelve', 'thirteen'].map(name => new Producer(name).init())) as [Producer, Producer, Producer];
  for (const [index, producer] of [open, done, gone].entries()) expect(await producer.send(['a'], { index: index % 2 })).toBe('NONE');
  expect([await done.end(true), await gone.end(false)]).toEqual(['NONE', 'NONE']);
  await eventually(() => broker.metrics().transactions.waitingMarkers === 0);
  const { transactions, replicas, verifications } = broker.metrics();
  expect(verifications).toMatchObject({ verifications: 3, verificationFailures: 0 });
  expect(transactions).toMatchObject({
    transactionalIds: { Empty: 0, Ongoing: 1, PrepareCommit: 0, PrepareAbort: 0, CompleteCommit: 1, CompleteAbort: 1 },
    commits: 1, aborts: 1, timeouts: 0,
  });
  // By the timestamps of its records, which are years old here.
  expect(replicas).toEqual({ ProducerIdCount: 3, PartitionsWithLateTransactionsCount: 1 });
  expect(await open.end(true)).toBe('NONE');
  await eventually(() => broker.metrics().replicas.PartitionsWithLateTransactionsCount === 0);
});

describe.each([[0], [2]] as const)('offsets committed by a producer of version %s', version => {
  const read = async (requireStable: boolean): Promise<unknown> => {
    const { groups } = await client.send(offsetFetchApi, { groups: [{ groupId: 'readers', topics: [{ name: 'events', topicId, partitionIndexes: [0] }] }], requireStable });
    const { committedOffset, errorCode } = groups[0]!.topics[0]!.partitions[0]!;
    return errorCode === 0 ? Number(committedOffset) : errorName(errorCode);
  };

  test('count with the records of their transaction', async () => {
    const producer = await new Producer('ten', version).init();
    if (!producer.isNewer) await producer.add(0);
    expect([await producer.send(['out']), await producer.commitOffset(3)]).toEqual(['NONE', 'NONE']);
    expect([await read(true), await read(false)]).toEqual(['UNSTABLE_OFFSET_COMMIT', -1]);
    expect(await producer.end(true)).toBe('NONE');
    expect([await read(true), (await fetch(COMMITTED)).found]).toEqual([3, ['0 out', '1 commit of ten']]);
    expect(await producer.commitOffset(4)).toBe('NONE');
    expect(await producer.end(false)).toBe('NONE');
    expect(await read(true)).toBe(3);
  });

  test('wait for their marker over a restart', async () => {
    const producer = await new Producer('ten', version).init();
    expect(await producer.commitOffset(3)).toBe('NONE');
    await stop();
    await start();
    expect([await read(true), await read(false)]).toEqual(['UNSTABLE_OFFSET_COMMIT', -1]);
    expect(await producer.end(true)).toBe('NONE');
    expect(await read(true)).toBe(3);
  });

  test('are refused of a zombie, by its epoch and by its generation', async () => {
    const producer = await new Producer('ten', version).init();
    expect(await producer.commitOffset(3, { generationId: 1, memberId: 'm' })).toBe('ILLEGAL_GENERATION');
    const next = await new Producer('ten', version).init();
    expect(await producer.commitOffset(3)).toBe('INVALID_PRODUCER_EPOCH');
    expect(await next.commitOffset(5)).toBe('NONE');
    expect(await next.end(true)).toBe('NONE');
    expect(await read(true)).toBe(5);
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
    await client.send(incrementalAlterConfigsApi, {
      resources: [{ resourceType: 2, resourceName: 'events', configs: [{ name: 'message.timestamp.type', value: 'LogAppendTime', configOperation: 0 }] }],
      validateOnly: false,
    });
    await end({ producerId: 9 });
    const { responses } = await client.send(fetchApi, {
      maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, forgottenTopicsData: [],
      topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
    });
    const bytes = responses[0]!.partitions[0]!.records!;
    expect([batch.timestampType(bytes, 0), batch.isValid(bytes, 0), batch.isTransactional(bytes, 0)]).toEqual([batch.TimestampType.logAppendTime, true, true]);
  });

  test('in a partition of the groups passes through their coordinator, and leaves what was committed outside of transactions', async () => {
    await client.send(findCoordinatorApi, { keyType: 0, coordinatorKeys: ['readers'] });
    await client.send(offsetCommitApi, {
      groupId: 'readers', memberId: '', generationIdOrMemberEpoch: -1,
      topics: [{ name: 'events', topicId, partitions: [{ partitionIndex: 0, committedOffset: 3, committedMetadata: null }] }],
    });
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
