import { beforeEach, describe, expect, test } from '@jest/globals';
import { TimingWheel } from '../base/timing-wheel.js';
import { DiskError } from '../env/index.js';
import { MemoryDisk } from '../env/memory/memory-disk.js';
import { NodeRandom, silentLogger } from '../env/node/index.js';
import { createLog, createLogHost, type Log, ReadBudget } from '../log/index.js';
import { ManualClock, SETTINGS, TOPIC_ID } from '../log/test-support.js';
import type { PartitionImage } from '../metadata/types.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { buildEndTransactionMarker } from '../protocol/records/control-records.js';
import {
  fetch, Partition, PartitionReplicatedLog, produce, replicaMetrics, type FetchOptions, type FetchOutcome, type FetchPosition, type ProduceEntry,
  type ProduceOutcome, type ProduceOptions,
} from './index.js';

const SOLE: PartitionImage = {
  replicas: [1], directories: [], isr: [1], eligibleLeaderReplicas: [], lastKnownElr: [], addingReplicas: [], removingReplicas: [],
  leader: 1, leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0,
};

let clock: ManualClock;
let waits: { clock: ManualClock; wheel: TimingWheel };
let partition: Partition;

beforeEach(() => {
  clock = new ManualClock();
  waits = { clock, wheel: new TimingWheel(clock) };
  partition = open(SOLE);
});

function openLog(settings = SETTINGS, tailCacheBytes = 1 << 20) {
  const host = createLogHost({ tailCacheBytes, env: { disk: new MemoryDisk(() => clock.nowMs()), clock, random: new NodeRandom(), logger: silentLogger } });
  return createLog({ host, directory: '/data/t-0', topic: 't', partition: 0, topicId: TOPIC_ID, settings });
}

function open(image: PartitionImage, settings = SETTINGS, tailCacheBytes = 1 << 20): Partition {
  const log = openLog(settings, tailCacheBytes);
  const opened = new Partition(TOPIC_ID, 't', 0, log, image, 1);
  opened.changeTo(image);
  return opened;
}

function replicatedLog(readBytes = 1 << 20, budget: Pick<ReadBudget, 'share'> = new ReadBudget()): PartitionReplicatedLog {
  return new PartitionReplicatedLog(partition, { clock, readBytes, budget });
}

function batch(...values: string[]): Buffer {
  return buildBatch({}, values.map(value => ({ timestampMs: clock.nowMs(), key: null, value: Buffer.from(value) })));
}

function unforeseen(error: unknown): void {
  throw error;
}

const ALL_ACKS: ProduceOptions = { requiredAcks: -1, timeoutMs: 1000, context: { origin: 'client' } };

/** Produces one record with acks=all; the answer goes to `answers`. */
function startProduce(answers: ProduceOutcome[][]) {
  const entry: ProduceEntry = { partition, batches: batch('a') };
  return produce(waits, [entry], ALL_ACKS, () => answers.push([entry.outcome!]), unforeseen);
}

function append(to: Partition, requiredAcks = 1, ...values: string[]): ProduceOutcome[] {
  const entry: ProduceEntry = { partition: to, batches: batch(...values) };
  let outcomes: ProduceOutcome[] = [];
  produce(waits, [entry], { ...ALL_ACKS, requiredAcks }, () => { outcomes = [entry.outcome!]; }, unforeseen);
  return outcomes;
}

const AT_START: FetchPosition = { topicId: TOPIC_ID, topic: 't', index: 0, currentLeaderEpoch: -1, lastFetchedEpoch: -1, fetchOffset: 0, maxBytes: 1 << 20 };
const NO_WAIT: FetchOptions = { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, readCommitted: false, budget: new ReadBudget() };

/** Starts a fetch; `answer()` is undefined while it is parked. */
function startFetch(position: Partial<FetchPosition>, options: Partial<FetchOptions> = {}, find: () => Partition | number = () => partition) {
  let outcomes: FetchOutcome[] | undefined;
  fetch(waits, find, [{ ...AT_START, ...position }], { ...NO_WAIT, ...options }, done => { outcomes = done; }, unforeseen);
  return () => outcomes;
}

async function bytesAt({ log }: Partition, offset: number): Promise<Buffer> {
  const { buffers } = await log.read(offset, { maxBytes: 1 << 20, minOneBatch: true, limitOffset: log.logEndOffset });
  return Buffer.concat(buffers);
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
    startProduce(outcomes);
    expect(outcomes).toEqual([]);
    clock.advance(1000);
    expect(outcomes).toMatchObject([[{ errorCode: ErrorCode.REQUEST_TIMED_OUT }]]);
  });

  test('with acks=all is answered when the ISR no longer needs the others', () => {
    partition = open(three);
    const outcomes: ProduceOutcome[][] = [];
    startProduce(outcomes);
    partition.changeTo({ ...three, isr: [1], partitionEpoch: 1 });
    expect(outcomes).toMatchObject([[{ errorCode: 0 }]]);
  });

  test('with acks=all and too few in sync is not even appended', () => {
    partition = open({ ...three, isr: [1] }, { ...SETTINGS, minInsyncReplicas: 2 });
    expect(append(partition, -1, 'a')).toMatchObject([{ errorCode: ErrorCode.NOT_ENOUGH_REPLICAS }]);
    expect(partition.log.logEndOffset).toBe(0);
  });
});

describe('a produce whose topic asks for a flush', () => {
  const FLUSHED = { ...SETTINGS, flushMessages: 1 };
  const TWO: PartitionImage = { ...SOLE, replicas: [1, 2], isr: [1, 2] };

  /** Produces to the partition; the outcome is undefined while that waits. */
  function start(requiredAcks: number) {
    const entry: ProduceEntry = { partition, batches: batch('a') };
    let outcome: ProduceOutcome | undefined;
    const pending = produce(waits, [entry], { ...ALL_ACKS, requiredAcks }, () => { outcome = entry.outcome; }, unforeseen);
    return { pending, outcome: () => outcome };
  }

  test.each([0, 1, -1])('acks=%i: waits for that, and so does the high watermark', async requiredAcks => {
    partition = open(SOLE, FLUSHED);
    const { outcome } = start(requiredAcks);
    // The time that is given is for other replicas.
    clock.advance(10_000);
    expect([outcome(), partition.log.logEndOffset, partition.log.highWatermark]).toEqual([undefined, 1, 0]);
    while (outcome() === undefined) await turn();
    expect([outcome()!.errorCode, partition.log.highWatermark, partition.log.recoveryPoint, waits.wheel.size]).toEqual([0, 1, 1, 0]);
  });

  test('acks=1: does not wait for the other replicas, on which the high watermark does', async () => {
    partition = open(TWO, FLUSHED);
    const { outcome } = start(1);
    expect(outcome()).toBeUndefined();
    while (outcome() === undefined) await turn();
    expect([outcome()!.errorCode, partition.log.highWatermark]).toEqual([0, 0]);
  });

  test('acks=-1: has its time for the other replicas once it is flushed', async () => {
    partition = open(TWO, FLUSHED);
    const { outcome } = start(-1);
    while (waits.wheel.size === 0) await turn();
    expect([outcome(), partition.log.safeEndOffset]).toEqual([undefined, 1]);
    clock.advance(ALL_ACKS.timeoutMs);
    expect(outcome()).toEqual({ errorCode: ErrorCode.REQUEST_TIMED_OUT });
  });

  test.each([1, -1])('acks=%i: is refused when the leadership ends before', async requiredAcks => {
    partition = open(SOLE, FLUSHED);
    const { outcome } = start(requiredAcks);
    partition.resign();
    expect(outcome()).toEqual({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER });
  });

  test('goes on in a copy that holds its records and takes the place of the log', () => {
    partition = open(SOLE, FLUSHED);
    const { outcome } = start(-1);
    const copy = openLog();
    copy.appendAsLeader(batch('a'), { origin: 'client', leaderEpoch: 0 });
    partition.replaceLog(copy);
    expect([outcome()?.errorCode, copy.highWatermark]).toEqual([0, 1]);
  });

  test('can be given up', async () => {
    partition = open(SOLE, FLUSHED);
    const { pending, outcome } = start(1);
    pending!.abandon();
    while (partition.log.highWatermark === 0) await turn();
    expect([outcome(), waits.wheel.size]).toEqual([undefined, 0]);
  });

  test('is not committed for a coordinator before that', async () => {
    partition = open(SOLE, FLUSHED);
    const log = replicatedLog();
    const ends: number[] = [];
    log.onCommitted(() => ends.push(log.committedEnd));
    log.append(batch('a', 'b'), { leaderEpoch: 0 });
    expect([ends, log.endOffset, log.committedEnd]).toEqual([[], 2, 0]);
    while (ends.length === 0) await turn();
    expect(ends).toEqual([2]);
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
    ['in memory', 1 << 20],
    ['on the disk alone', 1],
  ])('that waits does not read again until there is enough, where the records are %s', async (_where, tailCacheBytes) => {
    partition = open(SOLE, SETTINGS, tailCacheBytes);
    append(partition, 1, 'a');
    const { sizeBytes } = partition.log;
    let reads = 0;
    const find = (): Partition => { reads++; return partition; };
    const answer = startFetch({}, { maxWaitMs: 500, minBytes: 10 * sizeBytes }, find);
    while (waits.wheel.size === 0) await turn();
    const before = reads;
    for (let index = 1; index < 9; index++) append(partition, 1, 'a');
    await turn();
    expect([reads, answer()]).toEqual([before, undefined]);
    append(partition, 1, 'a');
    while (answer() === undefined) await turn();
    expect(reads).toBe(before + 1);
    expect(answer()).toMatchObject([{ read: { sizeBytes: 10 * sizeBytes } }]);
  });

  test('that wants as much as it may be given waits for that, though whole batches come to less', async () => {
    append(partition, 1, 'a');
    const { sizeBytes } = partition.log;
    const bytes = Math.floor(3.5 * sizeBytes);
    const answer = startFetch({}, { maxWaitMs: 500, minBytes: bytes, maxBytes: bytes });
    append(partition, 1, 'a');
    append(partition, 1, 'a');
    await turn();
    expect(answer()).toBeUndefined();
    append(partition, 1, 'a');
    await turn();
    expect(answer()).toMatchObject([{ read: { sizeBytes: 3 * sizeBytes } }]);
    expect(startFetch({}, { maxWaitMs: 500, minBytes: bytes, maxBytes: bytes })()).toMatchObject([{ read: { sizeBytes: 3 * sizeBytes } }]);
  });

  test('that waits at several places counts what all can give, each up to its own bound', async () => {
    const { sizeBytes } = (append(partition, 1, 'a'), partition.log);
    const other = open(SOLE);
    const outcomes: FetchOutcome[][] = [];
    const positions = [{ ...AT_START, maxBytes: 2 * sizeBytes }, { ...AT_START, index: 1 }];
    fetch(waits, ({ index }) => (index === 0 ? partition : other), positions, { ...NO_WAIT, maxWaitMs: 500, minBytes: 4 * sizeBytes }, done => outcomes.push(done), unforeseen);
    for (let index = 0; index < 5; index++) append(partition, 1, 'a');
    append(other, 1, 'a');
    await turn();
    expect(outcomes).toEqual([]);
    append(other, 1, 'a');
    await turn();
    expect(outcomes.map(([one, two]) => [one!.read!.sizeBytes, two!.read!.sizeBytes])).toEqual([[2 * sizeBytes, 2 * sizeBytes]]);
  });

  test.each([
    ['and the partition then moves', true],
    ['and moved before it was parked', false],
  ])('that waits at the end, %s to a log that holds less, is answered by the next append', async (_when, waits) => {
    for (let index = 0; index < 9; index++) append(partition, 1, 'a');
    const kept = openLog();
    await kept.truncateFullyAndStartAt(8);
    kept.appendAsFollower(await bytesAt(partition, 8));
    kept.updateHighWatermark(9);
    if (!waits) partition.replaceLog(kept);
    const answer = startFetch({ fetchOffset: 9 }, { maxWaitMs: 500 });
    await turn();
    if (waits) partition.replaceLog(kept);
    append(partition, 1, 'b');
    await turn();
    expect(answer()).toMatchObject([{ errorCode: 0, highWatermark: 10, read: { sizeBytes: kept.sizeBytes / 2 } }]);
  });

  test('of committed records counts those that are not decided only when they are', async () => {
    const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true };
    const records = buildBatch(producer, [{ timestampMs: clock.nowMs(), key: null, value: Buffer.from('a') }]);
    const answer = startFetch({}, { maxWaitMs: 500, readCommitted: true });
    partition.append(records, { origin: 'client' }, 1);
    await turn();
    expect(answer()).toBeUndefined();
    const marker = buildEndTransactionMarker({ producerId: 7, producerEpoch: 0, timestampMs: clock.nowMs() }, { committed: true, coordinatorEpoch: 0 });
    partition.append(marker, { origin: 'coordinator' }, 1);
    await turn();
    expect(answer()).toMatchObject([{ lastStableOffset: 2, read: { sizeBytes: partition.log.sizeBytes } }]);
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
    const parked = fetch(waits, find, [AT_START], LONG, outcomes => answers.push(outcomes), unforeseen);
    await turn();
    expect(waits.wheel.size).toBe(1);
    parked.abandon();
    const before = finds;
    append(partition, 1, 'a');
    await turn();
    expect([finds - before, waits.wheel.size, answers]).toEqual([0, 0, []]);
  });

  test('with a produce leaves no timer either, and its records stay', () => {
    partition = open({ ...SOLE, replicas: [1, 2], isr: [1, 2] });
    const answers: ProduceOutcome[][] = [];
    const pending = startProduce(answers);
    expect(waits.wheel.size).toBe(1);
    pending!.abandon();
    partition.changeTo({ ...SOLE, replicas: [1, 2], isr: [1], partitionEpoch: 1 });
    expect([waits.wheel.size, answers, partition.log.highWatermark]).toEqual([0, [], 1]);
  });

  test('because the server stops gets what there is, at once', async () => {
    append(partition, 1, 'a');
    const answers: FetchOutcome[][] = [];
    const parked = fetch(waits, () => partition, [AT_START], { ...LONG, minBytes: 10_000 }, outcomes => answers.push(outcomes), unforeseen);
    await turn();
    expect(answers).toEqual([]);
    parked.hurry();
    expect(answers).toMatchObject([[{ errorCode: 0, highWatermark: 1 }]]);
    expect(waits.wheel.size).toBe(0);
  });
});

describe('what nobody foresaw ends in the request that it belongs to', () => {
  const broken = new Error('unforeseen');
  const fails = (): never => { throw broken; };

  test('when a parked fetch is woken', async () => {
    let find = (): Partition => partition;
    const failures: unknown[] = [];
    fetch(waits, () => find(), [AT_START], { ...NO_WAIT, maxWaitMs: 500 }, unforeseen, error => failures.push(error));
    await turn();
    find = fails;
    expect(append(partition, 1, 'a')).toMatchObject([{ errorCode: 0 }]);
    await turn();
    expect([failures, waits.wheel.size]).toEqual([[broken], 0]);
  });

  test('when the answer of a fetch cannot be made once its time is over', async () => {
    const failures: unknown[] = [];
    fetch(waits, () => partition, [AT_START], { ...NO_WAIT, maxWaitMs: 500 }, fails, error => failures.push(error));
    await turn();
    clock.advance(500);
    expect(failures).toEqual([broken]);
  });

  test('when a cold read fails', async () => {
    append(partition, 1, 'a');
    const failures: unknown[] = [];
    const { log } = partition;
    partition.replaceLog(Object.assign(Object.create(log) as typeof log, { read: () => Promise.reject(broken) }));
    fetch(waits, () => partition, [AT_START], NO_WAIT, unforeseen, error => failures.push(error));
    await turn();
    expect(failures).toEqual([broken]);
  });

  test.each([
    ['the timer', (): void => clock.advance(1000)],
    ["another's change of the partition", (): void => { partition.changeTo({ ...SOLE, replicas: [1, 2], isr: [1], partitionEpoch: 1 }); }],
  ])('when %s completes a produce whose answer cannot be made', (_who, complete) => {
    partition = open({ ...SOLE, replicas: [1, 2], isr: [1, 2] });
    const failures: unknown[] = [];
    produce(waits, [{ partition, batches: batch('a') }], ALL_ACKS, fails, error => failures.push(error));
    complete();
    expect([failures, waits.wheel.size]).toEqual([[broken], 0]);
  });

  test('when the answer of a produce that waited for the disk cannot be made', async () => {
    partition = open(SOLE, { ...SETTINGS, flushMessages: 1 });
    const failures: unknown[] = [];
    produce(waits, [{ partition, batches: batch('a') }], { ...ALL_ACKS, requiredAcks: 1 }, fails, error => failures.push(error));
    while (failures.length === 0) await turn();
    expect(failures).toEqual([broken]);
  });
});

describe('the metrics of replicas', () => {
  const LONGEST_MS = 900_000;
  const metrics = () => replicaMetrics([partition], clock.nowMs(), LONGEST_MS);
  const send = (producerId: number, isTransactional: boolean): void => {
    const record = { timestampMs: clock.nowMs(), key: null, value: Buffer.from('a') };
    partition.append(buildBatch({ producerId, producerEpoch: 0, baseSequence: 0, isTransactional }, [record]), { origin: 'client' }, 1);
  };

  test('count the producers that are remembered, and partitions with a transaction that nobody is about to end', () => {
    expect(metrics()).toEqual({ ProducerIdCount: 0, PartitionsWithLateTransactionsCount: 0 });
    send(7, false);
    send(8, true);
    clock.advance(LONGEST_MS + 300_000);
    send(9, true);
    expect(metrics()).toEqual({ ProducerIdCount: 3, PartitionsWithLateTransactionsCount: 0 });
    clock.advance(1);
    expect(metrics()).toEqual({ ProducerIdCount: 3, PartitionsWithLateTransactionsCount: 1 });
    partition.append(buildEndTransactionMarker({ producerId: 8, producerEpoch: 0, timestampMs: clock.nowMs() }, { committed: true, coordinatorEpoch: 0 }), { origin: 'coordinator' }, 1);
    expect(metrics()).toEqual({ ProducerIdCount: 3, PartitionsWithLateTransactionsCount: 0 });
  });

  test('leave late transactions to the leader', () => {
    send(8, true);
    clock.advance(2 * LONGEST_MS);
    partition.resign();
    expect(metrics()).toEqual({ ProducerIdCount: 1, PartitionsWithLateTransactionsCount: 0 });
  });
});

describe('a partition under a coordinator', () => {
  test('gives back what was appended, and tells of commits', async () => {
    const log = replicatedLog();
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

  test.each([1, 1000, 1 << 20])('is read whole, %i bytes at once', async readBytes => {
    // Nothing is cached, so that what is read comes from the disk.
    partition = open(SOLE, SETTINGS, 0);
    const log = replicatedLog(readBytes);
    const appended = [batch('a', 'b'), batch('c'.repeat(600)), batch('d'), batch('e'.repeat(1500)), batch('f')];
    for (const bytes of appended) log.append(bytes, { leaderEpoch: 0 });
    const sizes: number[] = [];
    const read: Uint8Array[] = [];
    await log.readAll(({ batches }) => { sizes.push(batches.length); return read.push(batches) > 0; });
    expect(Buffer.concat(read)).toEqual(Buffer.concat(appended));
    const largest = Math.max(...appended.map(({ length }) => length));
    expect(sizes.every(size => size <= Math.max(readBytes, largest))).toBe(true);
    expect(sizes.length).toBe({ 1: 5, 1000: 3, [1 << 20]: 1 }[readBytes]);
  });

  test('is read in less at once where little memory is left', async () => {
    const asked: number[] = [];
    const log = replicatedLog(5000, { share: bytes => { asked.push(bytes); return 1; } });
    for (const value of ['a', 'b']) log.append(batch(value), { leaderEpoch: 0 });
    const sizes: number[] = [];
    await log.readAll(({ batches }) => sizes.push(batches.length) > 0);
    expect([asked, sizes.length]).toEqual([[5000, 5000], 2]);
  });

  test('lets others have the loop between large pieces of what was read at once', async () => {
    const log = replicatedLog(1 << 22);
    for (let i = 0; i < 4; i++) log.append(batch('x'.repeat(700_000)), { leaderEpoch: 0 });
    const seen: string[] = [];
    await log.readAll(() => {
      clock.endOfTurn(() => seen.push('turn'));
      return seen.push('visit') > 0;
    });
    expect(seen.slice(0, 7)).toEqual(['visit', 'turn', 'visit', 'turn', 'visit', 'turn', 'visit']);
  });

  test('commits nothing more when the disk has failed it, for whoever asks before the leadership ends', () => {
    const { log } = partition;
    const replicated = replicatedLog();
    replicated.append(batch('a'), { leaderEpoch: 0 });
    expect(replicated.committedEnd).toBe(1);
    (log as Log).noteFailure(new DiskError('EIO', log.directory, 'the disk is broken'));
    expect([replicated.committedEnd, replicated.endOffset]).toEqual([-1, 1]);
  });

  test('takes batches as large as the topic has it at that time', () => {
    const log = replicatedLog();
    partition.log.updateSettings({ ...partition.log.settings, maxMessageBytes: 4321 });
    expect(log.maxBatchBytes).toBe(4321);
  });

  test('refuses who believes in another epoch', () => {
    expect(() => replicatedLog().append(batch('a'), { leaderEpoch: 7 })).toThrow(/epoch 7/);
  });
});
