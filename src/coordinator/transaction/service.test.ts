import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TimingWheel } from '../../base/timing-wheel.js';
import type { Logger } from '../../env/index.js';
import { ManualClock } from '../../log/test-support.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { buildBatch } from '../../protocol/records/batch-builder.js';
import { recordsIn } from '../../protocol/records/batch-iterator.js';
import type { TransactionMarker } from '../../protocol/records/control-records.js';
import { MemoryLog } from '../../runtime/memory-log.js';
import { RuntimeSet } from '../../runtime/runtime-set.js';
import { coordinatorRuntimeError } from '../errors.js';
import { transactionRecordCodec, type TransactionRecord } from './records.js';
import { TransactionService } from './service.js';
import { LAST_CLIENT_EPOCH, STATE_NAMES, unused } from './transaction.js';
import { TransactionMachine } from './transaction-machine.js';
import type { TopicPartition, TransactionVersion } from './types.js';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const EVENTS = { topic: 'events', index: 0 };
const ORDERS = { topic: 'orders', index: 2 };
const PARTITION = 0;
const COMMIT_TIMEOUT_MS = 5_000;

/** A coordinator over a log in memory, and all that it does to logs, in order. */
class Coordinator {
  readonly clock = new ManualClock();
  readonly log = new Journal(entry => this.did.push(entry));
  readonly did: string[] = [];
  readonly markers: TransactionMarker[] = [];
  /** What becomes of a marker in a partition. */
  outcome: (partition: TopicPartition) => number = () => ErrorCode.NONE;
  beforeMarkers: () => void = () => {};
  /** Marker writing waits for it. */
  gate: Promise<void> | undefined;
  readonly settings = {
    maxTimeoutMs: 900_000, twoPhaseCommit: false, idExpirationMs: 3_600_000, abortCheckIntervalMs: 1_000, expiryCheckIntervalMs: 60_000,
    version: 2 as TransactionVersion,
  };
  readonly service: TransactionService;
  private readonly runtimes: RuntimeSet<TransactionMachine, TransactionRecord>;
  private readonly wheel: TimingWheel;
  hasNoProducerIds = false;
  private producerIds = 100;
  nextProducerId = async (): Promise<number> => {
    if (this.hasNoProducerIds) throw new KafkaError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
    return this.producerIds++;
  };
  /** What the service has told of errors. */
  readonly errors: unknown[] = [];

  constructor() {
    const { clock, settings } = this;
    const logger: Logger = { ...silent, error: (_message, fields) => { this.errors.push(fields?.['error']); } };
    this.wheel = new TimingWheel(clock);
    const runtimes = this.runtimes = new RuntimeSet<TransactionMachine, TransactionRecord>({
      name: 'transaction coordinator', topic: '__transaction_state', clock, random: { int: () => 0, float: () => 0, bytes: length => Buffer.alloc(length) },
      logger: silent, codec: transactionRecordCodec, open: () => this.log, create: () => new TransactionMachine(settings), errorFor: coordinatorRuntimeError,
      commitTimeoutMs: COMMIT_TIMEOUT_MS,
    });
    this.service = new TransactionService({
      settings, logger, wheel: this.wheel, partitionCount: () => 1,
      runtimes,
      nextProducerId: () => this.nextProducerId(),
      writeAll: () => { this.did.push('write'); },
      writeMarkers: async (marker, partitions) => {
        this.beforeMarkers();
        this.markers.push(marker);
        this.did.push(`${marker.committed ? 'commit' : 'abort'} ${marker.producerId}/${marker.producerEpoch} in ${partitions.map(({ topic, index }) => `${topic}-${index}`).join(' ')}`);
        await this.gate;
        return partitions.map(partition => ({ ...partition, errorCode: this.outcome(partition) }));
      },
    });
    this.service.start();
  }

  async elected(epoch: number): Promise<void> {
    await this.electedUnheard(epoch);
    await this.service.elected(PARTITION);
    await this.settled();
  }

  /** The machine serves, and the service has missed it. */
  async electedUnheard(epoch: number): Promise<void> {
    this.log.leaderEpoch = epoch;
    await this.runtimes.elected(PARTITION, epoch);
  }

  resigned(): void {
    this.runtimes.resigned(PARTITION);
  }

  async passes(ms: number, stepMs = 50): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(stepMs);
      await this.settled();
    }
  }

  /** All that waits for nothing but its turn is done. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  }

  init(changed = {}) {
    return this.service.initProducerId({
      transactionalId: 't', transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1, enable2Pc: false, keepPreparedTxn: false, ...changed,
    });
  }

  /** The id `t` with a transaction open that cannot be ended without another producer id; it times out after two seconds. */
  async openInLastEpoch(): Promise<void> {
    const producerId = await this.nextProducerId();
    const value = { ...unused('t', producerId, 2_000, this.clock.nowMs()), producerEpoch: LAST_CLIENT_EPOCH };
    this.log.append(buildBatch({}, [{ timestampMs: this.clock.nowMs(), ...transactionRecordCodec.encode({ transactionalId: 't', value, format: 1 }) }]), { leaderEpoch: this.log.leaderEpoch });
    this.resigned();
    await this.elected(this.log.leaderEpoch + 1);
    await this.add(producerId, LAST_CLIENT_EPOCH, EVENTS);
  }

  add(producerId: number, producerEpoch: number, ...partitions: TopicPartition[]) {
    return this.addTo('t', producerId, producerEpoch, ...partitions);
  }

  addTo(transactionalId: string, producerId: number, producerEpoch: number, ...partitions: TopicPartition[]) {
    return this.service.addPartitions({ transactionalId, producerId, producerEpoch, partitions, clientVersion: 2 });
  }

  end(producerId: number, producerEpoch: number, committed = true, clientVersion: TransactionVersion = 2) {
    return this.service.endTransaction({ transactionalId: 't', producerId, producerEpoch, committed, clientVersion });
  }

  async state(transactionalId = 't'): Promise<string> {
    const [{ transactionState, producerId, producerEpoch, errorCode }] = await this.service.describe([transactionalId]) as [Awaited<ReturnType<TransactionService['describe']>>[number]];
    return errorCode === ErrorCode.NONE ? `${transactionState} ${producerId}/${producerEpoch}` : `error ${errorCode}`;
  }

  close(): void {
    this.service.close();
    this.runtimes.close();
    this.wheel.close();
  }
}

/** Tells of each record that is appended. */
class Journal extends MemoryLog {
  constructor(private readonly note: (entry: string) => void) {
    super();
  }

  override append(...args: Parameters<MemoryLog['append']>): ReturnType<MemoryLog['append']> {
    const result = super.append(...args);
    for (const { key, value } of recordsIn(args[0], 0)) {
      const record = transactionRecordCodec.decode(key, value)!;
      this.note(record.value === null ? `forget ${record.transactionalId}` : STATE_NAMES[record.value.state]);
    }
    return result;
  }
}

let coordinator: Coordinator;
beforeEach(async () => {
  coordinator = new Coordinator();
  await coordinator.elected(4);
});
afterEach(() => coordinator.close());

const NONE = { errorCode: ErrorCode.NONE };

describe('a transaction', () => {
  test('is decided, carried to its partitions and complete, each written before the next', async () => {
    expect(await coordinator.init()).toEqual({ ...NONE, producerId: 100, producerEpoch: 0 });
    expect(await coordinator.add(100, 0, EVENTS, ORDERS)).toBe(ErrorCode.NONE);
    expect(coordinator.did).toEqual(['Empty', 'Ongoing', 'write']);
    coordinator.did.length = 0;
    expect(await coordinator.end(100, 0)).toEqual({ ...NONE, producerId: 100, producerEpoch: 1 });
    expect(coordinator.did).toEqual(['PrepareCommit', 'write', 'commit 100/1 in events-0 orders-2', 'CompleteCommit']);
    expect(coordinator.markers).toEqual([{ producerId: 100, producerEpoch: 1, coordinatorEpoch: 4, committed: true, transactionVersion: 2 }]);
    expect(await coordinator.state()).toBe('CompleteCommit 100/1');
    expect(coordinator.service.metrics()).toEqual({ commits: 1, aborts: 0, timeouts: 0 });
  });

  test('is said to hold a partition once that is written, whoever asks', async () => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS);
    coordinator.did.length = 0;
    const asked = { transactionalId: 't', producerId: 100, producerEpoch: 0, partitions: [EVENTS] };
    expect(await coordinator.service.verifyPartitions(asked)).toEqual([{ ...EVENTS, ...NONE }]);
    expect(coordinator.did).toEqual(['write']);
  });

  test('of the classic protocol keeps its epoch, and tells the client of none', async () => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS);
    expect(await coordinator.end(100, 0, false, 0)).toEqual({ ...NONE, producerId: -1, producerEpoch: -1 });
    expect(coordinator.markers).toEqual([{ producerId: 100, producerEpoch: 0, coordinatorEpoch: 4, committed: false, transactionVersion: 0 }]);
  });

  test('that has ended can be followed by the next at once, while one whose markers take long is answered before', async () => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS);
    let open = (): void => {};
    coordinator.gate = new Promise(resolve => { open = resolve; });
    let answer: unknown;
    void coordinator.end(100, 0).then(result => { answer = result; });
    await coordinator.settled();
    expect(answer).toBeUndefined();
    expect(await coordinator.add(100, 1, EVENTS)).toBe(ErrorCode.CONCURRENT_TRANSACTIONS);
    await coordinator.passes(600);
    expect(answer).toEqual({ ...NONE, producerId: 100, producerEpoch: 1 });
    expect(await coordinator.state()).toBe('PrepareCommit 100/1');
    open();
    await coordinator.settled();
    expect(await coordinator.state()).toBe('CompleteCommit 100/1');
    expect(await coordinator.add(100, 1, EVENTS)).toBe(ErrorCode.NONE);
  });

  test('is carried on with after partitions were not to be had, only to those', async () => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS, ORDERS);
    coordinator.outcome = ({ topic }) => (topic === 'orders' ? ErrorCode.NOT_LEADER_OR_FOLLOWER : ErrorCode.NONE);
    const ended = coordinator.end(100, 0);
    await coordinator.settled();
    expect((await coordinator.service.describe(['t']))[0]!.partitions).toEqual([ORDERS]);
    await coordinator.passes(100);
    coordinator.outcome = () => ErrorCode.NONE;
    coordinator.did.length = 0;
    await coordinator.passes(100);
    expect(coordinator.did).toEqual(['write', 'commit 100/1 in orders-2', 'CompleteCommit']);
    expect(await ended).toMatchObject(NONE);
  });

  test.each([
    ['whose partition was deleted', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ['whose partition knows a later epoch', ErrorCode.INVALID_PRODUCER_EPOCH],
  ])('%s is complete without it', async (_, errorCode) => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS);
    coordinator.outcome = () => errorCode;
    await coordinator.end(100, 0);
    expect(await coordinator.state()).toBe('CompleteCommit 100/1');
  });

  test('is left to another coordinator that has ended it', async () => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS);
    coordinator.outcome = () => ErrorCode.TRANSACTION_COORDINATOR_FENCED;
    await coordinator.end(100, 0);
    await coordinator.passes(900);
    expect([await coordinator.state(), coordinator.markers.length]).toEqual(['PrepareCommit 100/1', 1]);
  });

  test('that is open for too long is aborted, and its producer fenced', async () => {
    await coordinator.init({ transactionTimeoutMs: 2_000 });
    await coordinator.add(100, 0, EVENTS);
    await coordinator.passes(1_500);
    expect(await coordinator.state()).toBe('Ongoing 100/0');
    await coordinator.passes(2_000);
    expect(await coordinator.state()).toBe('CompleteAbort 100/1');
    expect(coordinator.markers).toMatchObject([{ committed: false, producerEpoch: 1 }]);
    expect(coordinator.service.metrics()).toEqual({ commits: 0, aborts: 1, timeouts: 1 });
    expect(await coordinator.end(100, 0)).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
    expect(await coordinator.add(100, 0, EVENTS)).toBe(ErrorCode.PRODUCER_FENCED);
  });

  test('that cannot be aborted keeps no other open', async () => {
    await coordinator.openInLastEpoch();
    await coordinator.init({ transactionalId: 'u', transactionTimeoutMs: 2_000 });
    await coordinator.addTo('u', 101, 0, EVENTS);
    coordinator.hasNoProducerIds = true;
    await coordinator.passes(4_000);
    expect([await coordinator.state('t'), await coordinator.state('u')]).toEqual(['Ongoing 100/32766', 'CompleteAbort 101/1']);
    coordinator.hasNoProducerIds = false;
    await coordinator.passes(2_000);
    expect(await coordinator.state('t')).toBe('CompleteAbort 102/0');
    // To wait for producer ids is nothing that anybody need look into.
    expect(coordinator.errors).toEqual([]);
  });

  test('that cannot be aborted for a reason that nobody thought of is an error to be told of', async () => {
    await coordinator.openInLastEpoch();
    const fault = new TypeError('a fault');
    coordinator.nextProducerId = () => Promise.reject(fault);
    await coordinator.passes(2_000 + 1_000);
    expect(coordinator.errors).toEqual([fault]);
  });

  test('is aborted once, however often it is found while a producer id is waited for', async () => {
    await coordinator.openInLastEpoch();
    const waiting: ((producerId: number) => void)[] = [];
    coordinator.nextProducerId = () => new Promise(resolve => { waiting.push(resolve); });
    await coordinator.passes(10_000);
    expect(waiting).toHaveLength(1);
    // Whoever leads it next has none that waits.
    await coordinator.elected(9);
    await coordinator.passes(1_000);
    expect(waiting).toHaveLength(2);
    waiting[1]!(500);
    await coordinator.settled();
    expect(await coordinator.state()).toBe('CompleteAbort 500/0');
  });

  test('of a producer that is there anew is aborted first', async () => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS);
    expect(await coordinator.init()).toEqual({ errorCode: ErrorCode.CONCURRENT_TRANSACTIONS, producerId: -1, producerEpoch: -1 });
    await coordinator.settled();
    expect(await coordinator.init()).toEqual({ ...NONE, producerId: 100, producerEpoch: 2 });
  });
});

describe('a change of coordinators', () => {
  test.each([true, false])('goes on with what was decided (committed: %s)', async committed => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS);
    coordinator.outcome = () => ErrorCode.NOT_LEADER_OR_FOLLOWER;
    void coordinator.end(100, 0, committed);
    await coordinator.settled();
    coordinator.resigned();
    await coordinator.passes(200);
    const before = coordinator.markers.length;
    coordinator.outcome = () => ErrorCode.NONE;
    await coordinator.elected(9);
    expect(coordinator.markers.slice(before)).toMatchObject([{ coordinatorEpoch: 9, committed, producerEpoch: 1 }]);
    expect(await coordinator.state()).toBe(`${committed ? 'CompleteCommit' : 'CompleteAbort'} 100/1`);
  });

  test('that nobody told of leaves no decision undone', async () => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS);
    coordinator.outcome = () => ErrorCode.NOT_LEADER_OR_FOLLOWER;
    void coordinator.end(100, 0);
    await coordinator.settled();
    coordinator.resigned();
    coordinator.outcome = () => ErrorCode.NONE;
    await coordinator.electedUnheard(9);
    await coordinator.passes(1_100);
    expect(await coordinator.state()).toBe('CompleteCommit 100/1');
  });

  test('loses nothing of an open transaction', async () => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS);
    await coordinator.add(100, 0, ORDERS);
    await coordinator.elected(9);
    expect(await coordinator.service.describe(['t'])).toMatchObject([{ transactionState: 'Ongoing', producerEpoch: 0, partitions: [EVENTS, ORDERS] }]);
    expect(await coordinator.end(100, 0)).toMatchObject(NONE);
  });

  test('answers NOT_COORDINATOR and nothing else where nobody serves', async () => {
    coordinator.resigned();
    const expected = ErrorCode.NOT_COORDINATOR;
    expect(await coordinator.init()).toMatchObject({ errorCode: expected });
    expect(await coordinator.add(100, 0, EVENTS)).toBe(expected);
    expect(await coordinator.end(100, 0)).toMatchObject({ errorCode: expected });
    expect(await coordinator.service.describe(['t'])).toMatchObject([{ errorCode: expected }]);
    expect(await coordinator.service.verifyPartitions({ transactionalId: 't', producerId: 1, producerEpoch: 0, partitions: [EVENTS] })).toEqual([{ ...EVENTS, errorCode: expected }]);
  });
});

describe('a decision that cannot be written', () => {
  test.each([
    [ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.COORDINATOR_NOT_AVAILABLE],
    [ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_COORDINATOR],
    [ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.UNKNOWN_SERVER_ERROR],
  ])('is none, and whoever asked hears of it (%i)', async (cause, told) => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS);
    coordinator.log.refuseWith = new KafkaError(cause);
    expect(await coordinator.end(100, 0)).toEqual({ errorCode: told, producerId: -1, producerEpoch: -1 });
    expect([await coordinator.state(), coordinator.markers]).toEqual(['Ongoing 100/0', []]);
  });

  test('is carried out too while the note of the one before is not committed yet', async () => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS);
    coordinator.beforeMarkers = () => { coordinator.log.holdCommits = true; };
    const first = coordinator.end(100, 0);
    await coordinator.settled();
    coordinator.beforeMarkers = () => {};
    const second = coordinator.end(100, 1, false);
    await coordinator.settled();
    coordinator.log.holdCommits = false;
    coordinator.log.commit();
    expect([await first, await second]).toMatchObject([NONE, NONE]);
    expect(await coordinator.state()).toBe('CompleteAbort 100/2');
  });

  test('or is not committed yet writes no markers', async () => {
    await coordinator.init();
    await coordinator.add(100, 0, EVENTS);
    coordinator.log.holdCommits = true;
    const ended = coordinator.end(100, 0);
    await coordinator.settled();
    expect(coordinator.markers).toEqual([]);
    coordinator.log.holdCommits = false;
    coordinator.log.commit();
    expect(await ended).toMatchObject(NONE);
    expect(coordinator.markers).toHaveLength(1);
  });
});

describe('ids', () => {
  test('that nobody uses are forgotten', async () => {
    await coordinator.init();
    await coordinator.passes(3_500_000, 5_000);
    expect(await coordinator.state()).toBe('Empty 100/0');
    await coordinator.passes(200_000, 5_000);
    expect(await coordinator.state()).toBe(`error ${ErrorCode.TRANSACTIONAL_ID_NOT_FOUND}`);
    expect(coordinator.did.at(-1)).toBe('forget t');
  });

  test('go over to another producer id when the epochs are used up', async () => {
    await coordinator.init();
    for (let epoch = 0; epoch < 0x7ffe; epoch++) await coordinator.init();
    expect(await coordinator.state()).toBe('Empty 100/32766');
    await coordinator.add(100, 0x7ffe, EVENTS);
    expect(await coordinator.end(100, 0x7ffe)).toEqual({ ...NONE, producerId: 101, producerEpoch: 0 });
    expect(coordinator.markers).toMatchObject([{ producerId: 100, producerEpoch: 0x7fff }]);
    expect(await coordinator.end(100, 0x7ffe)).toEqual({ ...NONE, producerId: 101, producerEpoch: 0 });
    expect(await coordinator.state()).toBe('CompleteCommit 101/0');
  });

  test.each([
    ['an empty name', { transactionalId: '' }, ErrorCode.INVALID_REQUEST],
    ['no time at all', { transactionTimeoutMs: 0 }, ErrorCode.INVALID_TRANSACTION_TIMEOUT],
    ['more time than there is', { transactionTimeoutMs: 900_001 }, ErrorCode.INVALID_TRANSACTION_TIMEOUT],
    ['two-phase commit, which is off', { enable2Pc: true }, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
    ['a transaction that is prepared', { keepPreparedTxn: true }, ErrorCode.UNSUPPORTED_VERSION],
  ])('are not for who wants %s', async (_, changed, errorCode) => {
    expect(await coordinator.init(changed)).toEqual({ errorCode, producerId: -1, producerEpoch: -1 });
  });

  test('are listed by state, producer, age and name', async () => {
    await coordinator.init();
    await coordinator.init({ transactionalId: 'u' });
    await coordinator.add(100, 0, EVENTS);
    await coordinator.passes(100);
    const list = async (changed = {}): Promise<string> => {
      const { unknownStates, transactions } = await coordinator.service.list({ states: [], producerIds: [], durationMs: -1, transactionalIdPattern: null, ...changed });
      return [...transactions.map(({ transactionalId, producerId, transactionState }) => `${transactionalId} ${producerId} ${transactionState}`), ...unknownStates].join(', ');
    };
    expect(await list()).toBe('t 100 Ongoing, u 101 Empty');
    expect(await list({ states: ['Ongoing'] })).toBe('t 100 Ongoing');
    expect(await list({ states: ['Asleep'] })).toBe('Asleep');
    expect(await list({ producerIds: [101] })).toBe('u 101 Empty');
    expect(await list({ durationMs: 50, states: ['Ongoing'] })).toBe('t 100 Ongoing');
    expect(await list({ durationMs: 500, states: ['Ongoing'] })).toBe('');
    expect(await list({ transactionalIdPattern: '[a-t]' })).toBe('t 100 Ongoing');
    await expect(list({ transactionalIdPattern: '(' })).rejects.toMatchObject({ errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION });
  });

  describe('are listed without those of a partition', () => {
    const list = () => coordinator.service.list({ states: ['Asleep'], producerIds: [], durationMs: -1, transactionalIdPattern: null });
    const refused = (errorCode: number) => ({ errorCode, unknownStates: [], transactions: [] });

    test('only when it is led elsewhere', async () => {
      coordinator.resigned();
      expect(await list()).toEqual({ ...NONE, unknownStates: ['Asleep'], transactions: [] });
    });

    test('never while it is loaded', async () => {
      coordinator.resigned();
      const elected = coordinator.elected(9);
      expect(await list()).toEqual(refused(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS));
      await elected;
    });

    test('never when it does not answer in time', async () => {
      await coordinator.init();
      coordinator.log.holdCommits = true;
      void coordinator.init();
      const listed = list();
      await coordinator.passes(COMMIT_TIMEOUT_MS + 100);
      expect(await listed).toEqual(refused(ErrorCode.COORDINATOR_NOT_AVAILABLE));
    });
  });
});
