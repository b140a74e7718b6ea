import { beforeEach, describe, expect, test } from '@jest/globals';
import { MemoryDisk } from '../env/memory/memory-disk.js';
import { NodeRandom, silentLogger } from '../env/node/index.js';
import { createLog, createLogHost, ReadBudget } from '../log/index.js';
import { ManualClock, SETTINGS, TOPIC_ID } from '../log/test-support.js';
import type { PartitionImage } from '../metadata/types.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { fetch, Partition, PartitionReplicatedLog, produce, type FetchOptions, type FetchOutcome, type FetchPosition, type ProduceOutcome } from './index.js';

const SOLE: PartitionImage = {
  replicas: [1], directories: [], isr: [1], eligibleLeaderReplicas: [], lastKnownElr: [], addingReplicas: [], removingReplicas: [],
  leader: 1, leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0,
};

let clock: ManualClock;
let partition: Partition;

beforeEach(() => {
  clock = new ManualClock();
  partition = open(SOLE);
});

function open(image: PartitionImage, settings = SETTINGS): Partition {
  const host = createLogHost({ env: { disk: new MemoryDisk(() => clock.nowMs()), clock, random: new NodeRandom(), logger: silentLogger } });
  const log = createLog({ host, directory: '/data/t-0', topic: 't', partition: 0, topicId: TOPIC_ID, settings });
  const opened = new Partition(TOPIC_ID, 't', 0, log, image, 1);
  opened.changeTo(image);
  return opened;
}

function batch(...values: string[]): Buffer {
  return buildBatch({}, values.map(value => ({ timestampMs: clock.nowMs(), key: null, value: Buffer.from(value) })));
}

function unforeseen(error: unknown): void {
  throw error;
}

function append(to: Partition, requiredAcks = 1, ...values: string[]): ProduceOutcome[] {
  let outcomes: ProduceOutcome[] = [];
  produce(clock, [{ partition: to, batches: batch(...values) }], { requiredAcks, timeoutMs: 1000, context: { origin: 'client' } }, done => { outcomes = done; }, unforeseen);
  return outcomes;
}

const AT_START: FetchPosition = { topicId: TOPIC_ID, topic: 't', index: 0, currentLeaderEpoch: -1, lastFetchedEpoch: -1, fetchOffset: 0, maxBytes: 1 << 20 };
const NO_WAIT: FetchOptions = { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, readCommitted: false, budget: new ReadBudget() };

/** Starts a fetch; `answer()` is undefined while it is parked. */
function startFetch(position: Partial<FetchPosition>, options: Partial<FetchOptions> = {}, find: () => Partition | number = () => partition) {
  let outcomes: FetchOutcome[] | undefined;
  fetch(clock, find, [{ ...AT_START, ...position }], { ...NO_WAIT, ...options }, done => { outcomes = done; }, unforeseen);
  return () => outcomes;
}

const turn = (): Promise<void> => new Promise(resolve => { setImmediate(resolve); });

describe('produce', () => {
  test('to a sole replica is committed at once, whatever the acks', () => {
    expect(append(partition, -1, 'a', 'b')).toMatchObject([{ errorCode: 0, append: { baseOffset: 0, lastOffset: 1 } }]);
    expect(partition.log.highWatermark).toBe(2);
  });

  test('where this node does not lead is refused', () => {
    partition.changeTo({ ...SOLE, leader: 2 });
    expect(append(partition, 1, 'a')).toMatchObject([{ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }]);
  });

  const three: PartitionImage = { ...SOLE, replicas: [1, 2, 3], isr: [1, 2, 3] };

  test('with acks=all waits for the other replicas, and times out without them', () => {
    partition = open(three);
    const outcomes: ProduceOutcome[][] = [];
    produce(clock, [{ partition, batches: batch('a') }], { requiredAcks: -1, timeoutMs: 1000, context: { origin: 'client' } }, done => outcomes.push(done), unforeseen);
    expect(outcomes).toEqual([]);
    clock.advance(1000);
    expect(outcomes).toMatchObject([[{ errorCode: ErrorCode.REQUEST_TIMED_OUT }]]);
  });

  test('with acks=all is answered when the ISR no longer needs the others', () => {
    partition = open(three);
    const outcomes: ProduceOutcome[][] = [];
    produce(clock, [{ partition, batches: batch('a') }], { requiredAcks: -1, timeoutMs: 1000, context: { origin: 'client' } }, done => outcomes.push(done), unforeseen);
    partition.changeTo({ ...three, isr: [1], partitionEpoch: 1 });
    expect(outcomes).toMatchObject([[{ errorCode: 0 }]]);
  });

  test('with acks=all and too few in sync is not even appended', () => {
    partition = open({ ...three, isr: [1] }, { ...SETTINGS, minInsyncReplicas: 2 });
    expect(append(partition, -1, 'a')).toMatchObject([{ errorCode: ErrorCode.NOT_ENOUGH_REPLICAS }]);
    expect(partition.log.logEndOffset).toBe(0);
  });
});

describe('fetch', () => {
  test('answers at once what is there', () => {
    append(partition, 1, 'a');
    expect(startFetch({})()).toMatchObject([{ errorCode: 0, highWatermark: 1, logStartOffset: 0 }]);
    expect(startFetch({})()![0]!.read!.sizeBytes).toBeGreaterThan(61);
  });

  test('waits at the end until something comes', async () => {
    const answer = startFetch({}, { maxWaitMs: 500 });
    await turn();
    expect(answer()).toBeUndefined();
    append(partition, 1, 'a');
    await turn();
    expect(answer()).toMatchObject([{ errorCode: 0, highWatermark: 1 }]);
  });

  test('waits for minBytes, and gives less when the time is over', async () => {
    const answer = startFetch({}, { maxWaitMs: 500, minBytes: 10_000 });
    append(partition, 1, 'a');
    await turn();
    expect(answer()).toBeUndefined();
    clock.advance(500);
    await turn();
    expect(answer()![0]!.read!.sizeBytes).toBeGreaterThan(61);
  });

  test.each([
    ['beyond the end', { fetchOffset: 2 }, ErrorCode.OFFSET_OUT_OF_RANGE],
    ['beyond what a number holds', { fetchOffset: 2n ** 60n }, ErrorCode.OFFSET_OUT_OF_RANGE],
    ['with an epoch of the future', { currentLeaderEpoch: 9 }, ErrorCode.UNKNOWN_LEADER_EPOCH],
  ])('%s is told without waiting', (_name, position, errorCode) => {
    append(partition, 1, 'a');
    expect(startFetch(position, { maxWaitMs: 500 })()).toMatchObject([{ errorCode }]);
  });

  test('with an epoch of the past is fenced', () => {
    partition.changeTo({ ...SOLE, leaderEpoch: 3 });
    expect(startFetch({ currentLeaderEpoch: 2 })()).toMatchObject([{ errorCode: ErrorCode.FENCED_LEADER_EPOCH }]);
  });

  test('is answered when the partition goes away while it waits', async () => {
    let found: Partition | number = partition;
    const answer = startFetch({}, { maxWaitMs: 500 }, () => found);
    found = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    partition.changeTo({ ...SOLE, leader: -1 });
    await turn();
    expect(answer()).toMatchObject([{ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, highWatermark: -1 }]);
  });

  test('tells a reader whose history parts from ours where to go back to', () => {
    append(partition, 1, 'a', 'b');
    partition.changeTo({ ...SOLE, leaderEpoch: 5 });
    append(partition, 1, 'c');
    expect(startFetch({ fetchOffset: 3, lastFetchedEpoch: 3 })()).toMatchObject([{ divergingEpoch: { epoch: 0, endOffset: 2 } }]);
  });
});

describe('who waits no more', () => {
  const LONG: FetchOptions = { ...NO_WAIT, maxWaitMs: 0x7fffffff };

  test('leaves nothing behind: no timer, and no work at the next append', async () => {
    let finds = 0;
    const answers: FetchOutcome[][] = [];
    const find = (): Partition => { finds++; return partition; };
    const parked = fetch(clock, find, [AT_START], LONG, outcomes => answers.push(outcomes), unforeseen);
    await turn();
    expect(clock.pendingTimers).toBe(1);
    parked.abandon();
    const before = finds;
    append(partition, 1, 'a');
    await turn();
    expect([finds - before, clock.pendingTimers, answers]).toEqual([0, 0, []]);
  });

  test('with a produce leaves no timer either, and its records stay', () => {
    partition = open({ ...SOLE, replicas: [1, 2], isr: [1, 2] });
    const answers: ProduceOutcome[][] = [];
    const abandon = produce(clock, [{ partition, batches: batch('a') }], { requiredAcks: -1, timeoutMs: 1000, context: { origin: 'client' } },
      outcomes => answers.push(outcomes), unforeseen);
    expect(clock.pendingTimers).toBe(1);
    abandon();
    partition.changeTo({ ...SOLE, replicas: [1, 2], isr: [1], partitionEpoch: 1 });
    expect([clock.pendingTimers, answers, partition.log.highWatermark]).toEqual([0, [], 1]);
  });

  test('because the server stops gets what there is, at once', async () => {
    append(partition, 1, 'a');
    const answers: FetchOutcome[][] = [];
    const parked = fetch(clock, () => partition, [AT_START], { ...LONG, minBytes: 10_000 }, outcomes => answers.push(outcomes), unforeseen);
    await turn();
    expect(answers).toEqual([]);
    parked.hurry();
    expect(answers).toMatchObject([[{ errorCode: 0, highWatermark: 1 }]]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('what nobody foresaw ends in the request that it belongs to', () => {
  const broken = new Error('unforeseen');
  const fails = (): never => { throw broken; };

  test('when a parked fetch is woken', async () => {
    let find = (): Partition => partition;
    const failures: unknown[] = [];
    fetch(clock, () => find(), [AT_START], { ...NO_WAIT, maxWaitMs: 500 }, unforeseen, error => failures.push(error));
    await turn();
    find = fails;
    expect(append(partition, 1, 'a')).toMatchObject([{ errorCode: 0 }]);
    await turn();
    expect([failures, clock.pendingTimers]).toEqual([[broken], 0]);
  });

  test('when the answer of a fetch cannot be made once its time is over', async () => {
    const failures: unknown[] = [];
    fetch(clock, () => partition, [AT_START], { ...NO_WAIT, maxWaitMs: 500 }, fails, error => failures.push(error));
    await turn();
    clock.advance(500);
    expect(failures).toEqual([broken]);
  });

  test('when a cold read fails', async () => {
    append(partition, 1, 'a');
    const failures: unknown[] = [];
    const { log } = partition;
    const cold = Object.assign(Object.create(partition) as Partition, { log: Object.assign(Object.create(log) as typeof log, { read: () => Promise.reject(broken) }) });
    Object.defineProperty(cold, 'checkLeaderEpoch', { value: () => ErrorCode.NONE });
    fetch(clock, () => cold, [AT_START], NO_WAIT, unforeseen, error => failures.push(error));
    await turn();
    expect(failures).toEqual([broken]);
  });

  test.each([
    ['the timer', (): void => clock.advance(1000)],
    ["another's change of the partition", (): void => { partition.changeTo({ ...SOLE, replicas: [1, 2], isr: [1], partitionEpoch: 1 }); }],
  ])('when %s completes a produce whose answer cannot be made', (_who, complete) => {
    partition = open({ ...SOLE, replicas: [1, 2], isr: [1, 2] });
    const failures: unknown[] = [];
    produce(clock, [{ partition, batches: batch('a') }], { requiredAcks: -1, timeoutMs: 1000, context: { origin: 'client' } }, fails, error => failures.push(error));
    complete();
    expect([failures, clock.pendingTimers]).toEqual([[broken], 0]);
  });

  test('when the answer of a produce that waited for the disk cannot be made', async () => {
    partition = open(SOLE, { ...SETTINGS, flushMessages: 1 });
    const failures: unknown[] = [];
    produce(clock, [{ partition, batches: batch('a') }], { requiredAcks: 1, timeoutMs: 1000, context: { origin: 'client' } }, fails, error => failures.push(error));
    while (failures.length === 0) await turn();
    expect(failures).toEqual([broken]);
  });
});

describe('a partition under a coordinator', () => {
  test('gives back what was appended, and tells of commits', async () => {
    const log = new PartitionReplicatedLog(partition);
    const ends: number[] = [];
    const stop = log.onCommitted(() => ends.push(log.committedEnd));
    log.append(batch('a', 'b'), { leaderEpoch: 0 });
    stop();
    log.append(batch('c'), { leaderEpoch: 0 });
    expect(ends).toEqual([2]);
    let bytes = 0;
    await log.readAll(({ batches }) => { bytes += batches.length; return true; });
    expect(bytes).toBe(partition.log.sizeBytes);
  });

  test('takes batches as large as the topic has it at that time', () => {
    const log = new PartitionReplicatedLog(partition);
    partition.log.updateSettings({ ...partition.log.settings, maxMessageBytes: 4321 });
    expect(log.maxBatchBytes).toBe(4321);
  });

  test('refuses who believes in another epoch', () => {
    expect(() => new PartitionReplicatedLog(partition).append(batch('a'), { leaderEpoch: 7 })).toThrow(/epoch 7/);
  });
});
