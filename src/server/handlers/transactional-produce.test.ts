// What Produce does with records of transactions, over real logs and a coordinator that says what the test wants.

import { beforeEach, describe, expect, test } from '@jest/globals';
import { errorName } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { produceApi } from '../../protocol/generated/produce.js';
import { buildBatch } from '../../protocol/records/batch-builder.js';
import { buildEndTransactionMarker } from '../../protocol/records/control-records.js';
import { CloseConnection } from '../api.js';
import { Operation, Resource } from '../context.js';
import { produceApis } from './produce.js';
import { callApi } from './testing/call-api.js';
import { LedPartitions, settingsWith } from './testing/led-partitions.js';

const ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
/** The first versions that do otherwise than those before: 3 is the oldest, 11 knows TRANSACTION_ABORTABLE, 12 adds partitions. */
const [OLDEST, ABORTABLE, ADDING, NEWEST] = [3, 11, 12, 13];

let led: LedPartitions;
beforeEach(() => {
  led = new LedPartitions();
  led.addTopic('t', ID, 3);
});

interface Sent {
  readonly index?: number;
  readonly producerId?: number;
  readonly epoch?: number;
  readonly sequence?: number;
  readonly transactional?: boolean;
}

function batchOf({ producerId = 9, epoch = 0, sequence = 0, transactional = true }: Sent): Buffer {
  return buildBatch({ producerId, producerEpoch: epoch, baseSequence: sequence, isTransactional: transactional }, [{ timestampMs: led.clock.nowMs(), key: null, value: Buffer.from('x') }]);
}

interface Request {
  readonly version?: number;
  readonly transactionalId?: string | null;
  readonly acks?: number;
}

async function answerTo(sent: readonly Sent[], { version = NEWEST, transactionalId = 'tx', acks = -1 }: Request = {}) {
  const { responses } = await callApi(produceApis(led.services), produceApi, version, {
    transactionalId, acks, timeoutMs: 1000,
    topicData: [{ ...(version >= 13 ? { topicId: ID } : { name: 't' }), partitionData: sent.map(one => ({ index: one.index ?? 0, records: batchOf(one) })) }],
  });
  return responses[0]!.partitionResponses;
}

async function produce(sent: Sent | readonly Sent[], request: Request = {}): Promise<string[]> {
  return (await answerTo(Array.isArray(sent) ? sent : [sent as Sent], request)).map(({ errorCode }) => errorName(errorCode));
}

function mark({ index = 0, epoch = 0, transactionVersion = 0 } = {}): void {
  const bytes = buildEndTransactionMarker({ producerId: 9, producerEpoch: epoch, timestampMs: led.clock.nowMs() }, { committed: true, coordinatorEpoch: 0 });
  led.partition('t', index).append(bytes, { origin: 'coordinator', transactionVersion }, 1);
}

const endOf = (index = 0): number => led.partition('t', index).log.logEndOffset;

describe('the first records of a transaction in a partition', () => {
  test('are taken once the coordinator was asked: verified by older clients, added by those that add', async () => {
    for (const version of [OLDEST, ABORTABLE, ADDING, NEWEST]) {
      led = new LedPartitions();
      led.addTopic('t', ID);
      expect(await produce({ epoch: 3 }, { version })).toEqual(['NONE']);
      expect(led.asked).toEqual([{ question: version >= ADDING ? 'add' : 'verify', producerEpoch: 3, partitions: ['t-0'] }]);
      expect(endOf()).toBe(1);
    }
  });

  test('are asked for together, and those after them no more', async () => {
    expect(await produce([{ index: 0 }, { index: 2 }])).toEqual(['NONE', 'NONE']);
    expect(await produce([{ index: 0, sequence: 1 }, { index: 1 }, { index: 2, sequence: 1 }])).toEqual(['NONE', 'NONE', 'NONE']);
    expect(await produce([{ index: 0, sequence: 2 }, { index: 1, sequence: 1 }])).toEqual(['NONE', 'NONE']);
    expect(led.asked.map(({ partitions }) => partitions)).toEqual([['t-0', 't-2'], ['t-1']]);
  });

  test('are counted, with the time that the coordinator takes, and those that it does not know', async () => {
    led.meanwhile = () => led.clock.advance(7);
    led.errorCodes = [ErrorCode.NONE, ErrorCode.TRANSACTION_ABORTABLE];
    await produce({ index: 0 }, { version: ABORTABLE });
    await produce([{ index: 1 }, { index: 2 }], { version: ABORTABLE });
    await produce({ index: 0, sequence: 1 }, { version: ABORTABLE });
    expect(led.verifications.metrics()).toEqual({ verifications: 2, verificationTimeMs: 14, verificationFailures: 2 });
  });

  test('go unasked from older clients where verification is switched off, and are added still', async () => {
    led.settings = settingsWith({ 'transaction.partition.verification.enable': 'false' });
    expect(await produce({}, { version: ABORTABLE })).toEqual(['NONE']);
    expect(led.asked).toEqual([]);
    expect(await produce({ index: 1 })).toEqual(['NONE']);
    expect(led.asked).toMatchObject([{ question: 'add' }]);
  });

  test('are refused when a marker came while the coordinator was asked', async () => {
    led.meanwhile = () => mark();
    const [answer] = await answerTo([{}], { version: ABORTABLE });
    expect(answer).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE, logStartOffset: 0 });
    expect(endOf()).toBe(1);
  });

  test('are taken from a partition that is led here, whatever another says', async () => {
    expect(await produce([{ index: 7 }, { index: 1 }])).toEqual(['UNKNOWN_TOPIC_OR_PARTITION', 'NONE']);
    expect(led.asked.map(({ partitions }) => partitions)).toEqual([['t-1']]);
  });

  test('of a version with epochs begin at sequence 0', async () => {
    expect(await produce({ sequence: 4 })).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER']);
    expect(await produce({ index: 1, sequence: 4 }, { version: ABORTABLE })).toEqual(['NONE']);
  });
});

describe('what the coordinator says', () => {
  const told = async (errorCode: number): Promise<unknown[]> => Promise.all([ABORTABLE - 1, ABORTABLE, ADDING, NEWEST].map(async version => {
    led = new LedPartitions();
    led.addTopic('t', ID);
    led.settings = settingsWith({ 'add.partitions.to.txn.retry.backoff.max.ms': '0' });
    led.errorCodes = [errorCode];
    const [{ errorCode: answered, errorMessage, logStartOffset } = { errorCode: -1 }] = await answerTo([{}], { version });
    expect([endOf(), Number(logStartOffset)]).toEqual([0, -1]);
    return errorMessage ? [errorName(answered), errorMessage] : errorName(answered);
  }));
  const wait = (name: string): unknown => ['NOT_ENOUGH_REPLICAS', `Unable to verify the partition has been added to the transaction. Underlying error: ${name}`];
  const notAdded = ['INVALID_TXN_STATE', 'Partition was not added to the transaction'];
  const same = (answer: unknown): unknown[] => Array.from({ length: 4 }, () => answer);

  test.each([
    ['PRODUCER_FENCED', same('INVALID_PRODUCER_EPOCH')],
    ['INVALID_PRODUCER_EPOCH', same('INVALID_PRODUCER_EPOCH')],
    ['INVALID_PRODUCER_ID_MAPPING', same('INVALID_PRODUCER_ID_MAPPING')],
    ['INVALID_TXN_STATE', same(notAdded)],
    ['TRANSACTION_ABORTABLE', [notAdded, 'TRANSACTION_ABORTABLE', 'TRANSACTION_ABORTABLE', 'TRANSACTION_ABORTABLE']],
    ['CONCURRENT_TRANSACTIONS', [wait('CONCURRENT_TRANSACTIONS'), wait('CONCURRENT_TRANSACTIONS'), 'CONCURRENT_TRANSACTIONS', 'CONCURRENT_TRANSACTIONS']],
    ['COORDINATOR_LOAD_IN_PROGRESS', same(wait('COORDINATOR_LOAD_IN_PROGRESS'))],
    ['COORDINATOR_NOT_AVAILABLE', same(wait('COORDINATOR_NOT_AVAILABLE'))],
    ['NOT_COORDINATOR', same(wait('NOT_COORDINATOR'))],
    ['NETWORK_EXCEPTION', same(wait('NETWORK_EXCEPTION'))],
  ] as const)('%s is told as the versions 10 to 13 know it', async (name, expected) => {
    expect(await told(ErrorCode[name])).toEqual(expected);
  });

  test('fails the partitions that it was asked for, and no other', async () => {
    await produce({ index: 0 });
    led.errorCodes = [ErrorCode.INVALID_PRODUCER_EPOCH];
    expect(await produce([{ index: 0, sequence: 1 }, { index: 1 }])).toEqual(['NONE', 'INVALID_PRODUCER_EPOCH']);
    expect([endOf(0), endOf(1)]).toEqual([2, 0]);
  });

  test('is asked again by who adds, while the transaction before is being ended, within its time', async () => {
    led.errorCodes = [ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.NONE];
    const answer = produce({});
    await untilAsked(1);
    for (let times = 2; times <= 3; times++) {
      led.clock.advance(20);
      await untilAsked(times);
    }
    expect(await answer).toEqual(['NONE']);

    led.errorCodes = [ErrorCode.CONCURRENT_TRANSACTIONS];
    const late = produce({ index: 1 });
    for (let asked = 4; asked < 9; asked++) {
      await untilAsked(asked);
      led.clock.advance(20);
    }
    expect(await late).toEqual(['CONCURRENT_TRANSACTIONS']);
  });

  test('is not asked again of a transaction whose epoch has passed meanwhile', async () => {
    led.errorCodes = [ErrorCode.CONCURRENT_TRANSACTIONS];
    const answer = produce({});
    await untilAsked(1);
    mark({ epoch: 1, transactionVersion: 2 });
    led.clock.advance(20);
    expect(await answer).toEqual(['INVALID_PRODUCER_EPOCH']);
    expect(led.asked).toHaveLength(1);
  });
});

/** Lets what is under way go on until the coordinator was asked so often, and what it said is heard. */
async function untilAsked(times: number): Promise<void> {
  while (led.asked.length < times) await turn();
  await turn();
}

const turn = (): Promise<void> => new Promise(resolve => { setImmediate(resolve); });

describe('a request', () => {
  test('without a transactional id, or with one that its sender may not use, is refused whole', async () => {
    const both = [{ transactional: false, producerId: 5 }, { index: 1 }];
    expect(await produce(both, { transactionalId: null })).toEqual(['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED']);
    led.allowed = (operation, resource, name) => resource !== Resource.TRANSACTIONAL_ID || operation !== Operation.WRITE || name !== 'tx';
    expect(await produce(both)).toEqual(['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED']);
    expect(await produce(both, { transactionalId: 'mine' })).toEqual(['NONE', 'NONE']);
  });

  test('of two producers, or of two epochs of one, is refused whole', async () => {
    for (const other of [{ producerId: 10 }, { epoch: 1 }]) {
      const [answer, more] = await answerTo([{}, { index: 1, ...other }]);
      expect(answer).toMatchObject({ errorCode: ErrorCode.INVALID_PRODUCER_ID_MAPPING, errorMessage: 'Transactional records contained more than one producer ID' });
      expect(more).toMatchObject({ errorCode: ErrorCode.INVALID_PRODUCER_ID_MAPPING });
    }
    expect(led.asked).toEqual([]);
  });

  test('that wants no answer ends its connection instead', async () => {
    await expect(produce({}, { acks: 0, transactionalId: null })).rejects.toThrow(CloseConnection);
    led.errorCodes = [ErrorCode.INVALID_TXN_STATE];
    await expect(produce({}, { acks: 0 })).rejects.toThrow(CloseConnection);
  });

  test('may carry plain records beside those of the transaction, but not into an open one', async () => {
    expect(await produce([{}, { index: 1, transactional: false }])).toEqual(['NONE', 'NONE']);
    expect(await produce({ sequence: 1, transactional: false }, { version: ABORTABLE })).toEqual(['INVALID_TXN_STATE']);
    expect(led.asked.map(({ partitions }) => partitions)).toEqual([['t-0']]);
  });

  test('of an epoch that has passed is told so, and nobody is asked', async () => {
    await produce({ epoch: 1 });
    for (const version of [OLDEST, ABORTABLE, NEWEST]) expect(await produce({ epoch: 0, sequence: 1 }, { version })).toEqual(['INVALID_PRODUCER_EPOCH']);
    mark({ epoch: 2, transactionVersion: 2 });
    expect(await produce({ epoch: 1, sequence: 1 })).toEqual(['INVALID_PRODUCER_EPOCH']);
    expect(led.asked).toHaveLength(1);
  });

  test('that comes again inside a transaction is answered with where its records are', async () => {
    const [first] = await answerTo([{}]);
    const [again] = await answerTo([{}]);
    expect(again).toMatchObject({ errorCode: ErrorCode.NONE, baseOffset: first!.baseOffset });
    expect(endOf()).toBe(1);
  });

  test('of the next transaction begins at 0 in its epoch after a marker of version 2, and goes on after an older one', async () => {
    await produce({});
    mark({ epoch: 1, transactionVersion: 2 });
    expect(await produce({ epoch: 1, sequence: 1 })).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER']);
    expect(await produce({ epoch: 1, sequence: 0 })).toEqual(['NONE']);
    await produce({ index: 1 }, { version: ABORTABLE });
    mark({ index: 1 });
    expect(await produce({ index: 1, sequence: 1 }, { version: ABORTABLE })).toEqual(['NONE']);
  });
});
