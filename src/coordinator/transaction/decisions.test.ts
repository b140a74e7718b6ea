import { describe, expect, test } from '@jest/globals';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { decideAddPartitions, decideEnd, decideFence, decideInit, isExpired, isTimedOut, verify, type Decision, type Given } from './decisions.js';
import { completed, ENDLESS_MS, LAST_CLIENT_EPOCH, prepared, TransactionState, unused, type Transaction } from './transaction.js';
import type { InitProducerIdRequest, TransactionVersion } from './types.js';

const NOW_MS = 1_000_000;
const given = (changed: Partial<Given> = {}): Given => ({ nowMs: NOW_MS, version: 2, newProducerId: undefined, ...changed });
const { EMPTY, ONGOING, PREPARE_COMMIT, PREPARE_ABORT, COMPLETE_COMMIT, COMPLETE_ABORT } = TransactionState;

const at = (state: Transaction['state'], changed: Partial<Transaction> = {}): Transaction => ({
  ...unused('t', 7, 60_000, 1), producerEpoch: 3, state, startTimeMs: state === EMPTY ? -1 : 500, ...changed,
});
const events = { topic: 'events', index: 0 };
const withEvents = new Map([['events/0', events]]);

/** `NONE -> ONGOING epoch 3`, or the name of an error. */
function told(decision: Decision): string {
  if (typeof decision === 'string') return decision;
  const { errorCode, next } = decision;
  const code = Object.entries(ErrorCode).find(([, value]) => value === errorCode)![0];
  if (next === undefined) return code;
  const state = Object.entries(TransactionState).find(([, value]) => value === next.state)![0];
  return `${code} -> ${state} ${next.producerId}/${next.producerEpoch}`;
}

const init = (changed: Partial<InitProducerIdRequest> = {}): InitProducerIdRequest => ({
  transactionalId: 't', transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1, enable2Pc: false, keepPreparedTxn: false, ...changed,
});
const end = (committed: boolean, producerEpoch: number, clientVersion: TransactionVersion, producerId = 7) =>
  ({ transactionalId: 't', producerId, producerEpoch, committed, clientVersion });

describe('a producer that begins', () => {
  test('gets a new id, and epoch 0', () => {
    expect(told(decideInit(undefined, init(), given()))).toBe('needs a producer id');
    expect(told(decideInit(undefined, init(), given({ newProducerId: 9 })))).toBe('NONE -> EMPTY 9/0');
  });

  test.each([EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT])('gets the next epoch of an id in state %i', state => {
    expect(told(decideInit(at(state), init(), given()))).toBe('NONE -> EMPTY 7/4');
  });

  test.each([PREPARE_COMMIT, PREPARE_ABORT])('waits for the end of a transaction in state %i', state => {
    expect(told(decideInit(at(state), init(), given()))).toBe('CONCURRENT_TRANSACTIONS');
  });

  test('fences who is in the midst of a transaction, and waits for its abort', () => {
    expect(told(decideInit(at(ONGOING), init(), given()))).toBe('CONCURRENT_TRANSACTIONS -> PREPARE_ABORT 7/4');
    expect(told(decideInit(at(ONGOING), init(), given({ version: 0 })))).toBe('CONCURRENT_TRANSACTIONS -> PREPARE_ABORT 7/4');
  });

  test('gets another id when the epochs are used up', () => {
    const exhausted = at(EMPTY, { producerEpoch: LAST_CLIENT_EPOCH });
    expect(told(decideInit(exhausted, init(), given()))).toBe('needs a producer id');
    expect(told(decideInit(exhausted, init(), given({ newProducerId: 9 })))).toBe('NONE -> EMPTY 9/0');
  });
});

describe('a producer that goes on after an error (KIP-360)', () => {
  test.each([
    ['with what it has', { producerId: 7, producerEpoch: 3 }, 'NONE -> EMPTY 7/4'],
    ['with what it had when it did not hear the answer', { producerId: 7, producerEpoch: 2 }, 'NONE -> EMPTY 7/3'],
    ['with what somebody before it had', { producerId: 7, producerEpoch: 1 }, 'PRODUCER_FENCED'],
    ['with an epoch that there is not yet', { producerId: 7, producerEpoch: 4 }, 'PRODUCER_FENCED'],
    ['with the id of somebody else', { producerId: 8, producerEpoch: 3 }, 'PRODUCER_FENCED'],
    ['with an id from before, not used up', { producerId: 6, producerEpoch: 3 }, 'PRODUCER_FENCED'],
  ])('%s', (_, producer, expected) => {
    expect(told(decideInit(at(EMPTY, { previousProducerId: 6, lastProducerEpoch: 2 }), init(producer), given()))).toBe(expected);
  });

  test.each([3, 2, 1, 4])('is asked for no epoch while a transaction is open, but fences who has it, in epoch %i', producerEpoch => {
    expect(told(decideInit(at(ONGOING), init({ producerId: 7, producerEpoch }), given()))).toBe('CONCURRENT_TRANSACTIONS -> PREPARE_ABORT 7/4');
    expect(told(decideInit(at(ONGOING), init({ producerId: 8, producerEpoch }), given()))).toBe('PRODUCER_FENCED');
  });

  test('is known by the id that it used up', () => {
    const current = at(EMPTY, { previousProducerId: 6, producerEpoch: 0, lastProducerEpoch: LAST_CLIENT_EPOCH });
    expect(told(decideInit(current, init({ producerId: 6, producerEpoch: LAST_CLIENT_EPOCH }), given()))).toBe('NONE -> EMPTY 7/0');
  });

  test('cannot go on from an older epoch once all are used up', () => {
    const current = at(EMPTY, { producerEpoch: LAST_CLIENT_EPOCH });
    expect(told(decideInit(current, init({ producerId: 7, producerEpoch: 5 }), given({ newProducerId: 9 })))).toBe('UNKNOWN_SERVER_ERROR');
  });
});

describe('partitions that are added', () => {
  const add = (current: Transaction | undefined, changed = {}) =>
    told(decideAddPartitions(current, { transactionalId: 't', producerId: 7, producerEpoch: 3, partitions: [events], clientVersion: 0, ...changed }, given()));

  test('begin a transaction, or join the one that is open', () => {
    expect(add(at(EMPTY))).toBe('NONE -> ONGOING 7/3');
    expect(add(at(COMPLETE_ABORT))).toBe('NONE -> ONGOING 7/3');
    expect(add(at(ONGOING))).toBe('NONE -> ONGOING 7/3');
  });

  test('are written once', () => {
    expect(add(at(ONGOING, { partitions: withEvents }))).toBe('NONE');
  });

  test('are refused to others, and while a transaction ends', () => {
    expect(add(undefined)).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(add(at(EMPTY), { producerId: 8 })).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(add(at(EMPTY), { producerEpoch: 2 })).toBe('PRODUCER_FENCED');
    expect(add(at(PREPARE_COMMIT))).toBe('CONCURRENT_TRANSACTIONS');
  });

  test('can be asked after', () => {
    const asked = { transactionalId: 't', producerId: 7, producerEpoch: 3, partitions: [events, { topic: 'events', index: 1 }] };
    expect(verify(at(ONGOING, { partitions: withEvents }), asked).map(({ errorCode }) => errorCode)).toEqual([ErrorCode.NONE, ErrorCode.TRANSACTION_ABORTABLE]);
    expect(verify(at(PREPARE_ABORT, { partitions: withEvents }), asked).map(({ errorCode }) => errorCode)).toEqual([ErrorCode.CONCURRENT_TRANSACTIONS, ErrorCode.CONCURRENT_TRANSACTIONS]);
  });
});

describe('the end of a classic transaction', () => {
  test.each([
    [EMPTY, 'INVALID_TXN_STATE', 'INVALID_TXN_STATE'],
    [ONGOING, 'NONE -> PREPARE_COMMIT 7/3', 'NONE -> PREPARE_ABORT 7/3'],
    [PREPARE_COMMIT, 'CONCURRENT_TRANSACTIONS', 'CONCURRENT_TRANSACTIONS'],
    [PREPARE_ABORT, 'CONCURRENT_TRANSACTIONS', 'CONCURRENT_TRANSACTIONS'],
    [COMPLETE_COMMIT, 'NONE', 'INVALID_TXN_STATE'],
    [COMPLETE_ABORT, 'INVALID_TXN_STATE', 'NONE'],
  ])('in state %i', (state, commit, abort) => {
    expect(told(decideEnd(at(state), end(true, 3, 0), given()))).toBe(commit);
    expect(told(decideEnd(at(state), end(false, 3, 0), given()))).toBe(abort);
  });

  test('takes the very epoch', () => {
    expect(told(decideEnd(at(ONGOING), end(true, 2, 0), given()))).toBe('PRODUCER_FENCED');
    expect(told(decideEnd(at(ONGOING), end(true, 4, 0), given()))).toBe('PRODUCER_FENCED');
    expect(told(decideEnd(at(ONGOING), end(true, 3, 0, 8), given()))).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(told(decideEnd(undefined, end(true, 3, 0), given()))).toBe('INVALID_PRODUCER_ID_MAPPING');
  });
});

describe('the end of a transaction with an epoch of its own (KIP-890)', () => {
  const FENCED = 'PRODUCER_FENCED';
  const WAIT = 'CONCURRENT_TRANSACTIONS';
  const ITS = 'INVALID_TXN_STATE';
  const ABORTS = 'NONE -> PREPARE_ABORT 7/4';
  // Columns: abort again, abort now, commit again, commit now.
  test.each([
    [EMPTY, FENCED, ABORTS, FENCED, ITS],
    [ONGOING, FENCED, ABORTS, FENCED, 'NONE -> PREPARE_COMMIT 7/4'],
    [PREPARE_ABORT, WAIT, WAIT, WAIT, WAIT],
    [PREPARE_COMMIT, WAIT, WAIT, WAIT, WAIT],
    [COMPLETE_ABORT, 'NONE', ABORTS, ITS, ITS],
    [COMPLETE_COMMIT, ITS, ABORTS, 'NONE', ITS],
  ])('in state %i', (state, abortAgain, abortNow, commitAgain, commitNow) => {
    const decided = [[false, 2], [false, 3], [true, 2], [true, 3]].map(([committed, epoch]) =>
      told(decideEnd(at(state, { clientVersion: 2 }), end(committed as boolean, epoch as number, 2), given())));
    expect(decided).toEqual([abortAgain, abortNow, commitAgain, commitNow]);
  });

  test.each([COMPLETE_COMMIT, COMPLETE_ABORT])('is not taken for what a classic producer did that fenced it, in state %i', state => {
    for (const committed of [true, false]) expect(told(decideEnd(at(state, { clientVersion: 0 }), end(committed, 2, 2), given()))).toBe(FENCED);
  });

  test('goes over to another id when the epochs are used up, and is known by the one before when it comes again', () => {
    const last = at(ONGOING, { producerEpoch: LAST_CLIENT_EPOCH });
    expect(told(decideEnd(last, end(true, LAST_CLIENT_EPOCH, 2), given()))).toBe('needs a producer id');
    const { next } = decideEnd(last, end(true, LAST_CLIENT_EPOCH, 2), given({ newProducerId: 9 })) as { next: Transaction };
    expect(next).toMatchObject({ producerId: 7, producerEpoch: LAST_CLIENT_EPOCH + 1, nextProducerId: 9 });
    const after = completed(next, NOW_MS);
    expect(after).toMatchObject({ producerId: 9, producerEpoch: 0, nextProducerId: -1, previousProducerId: 7, state: COMPLETE_COMMIT });
    expect(told(decideEnd(after, end(true, LAST_CLIENT_EPOCH, 2), given()))).toBe('NONE');
  });

  test('lets the producer wait under the id that it will have, while the partitions are not told yet', () => {
    const { next } = decideEnd(at(ONGOING, { producerEpoch: LAST_CLIENT_EPOCH }), end(true, LAST_CLIENT_EPOCH, 2), given({ newProducerId: 9 })) as { next: Transaction };
    const asNext = { transactionalId: 't', producerId: 9, producerEpoch: 0 };
    expect(told(decideAddPartitions(next, { ...asNext, partitions: [events], clientVersion: 2 }, given()))).toBe('CONCURRENT_TRANSACTIONS');
    expect(told(decideEnd(next, end(true, 0, 2, 9), given()))).toBe('CONCURRENT_TRANSACTIONS');
    expect(told(decideInit(next, init({ producerId: 9, producerEpoch: 0 }), given()))).toBe('CONCURRENT_TRANSACTIONS');
  });

  test('of nothing at all has a start, like any other', () => {
    const { next } = decideEnd(at(EMPTY), end(false, 3, 2), given()) as { next: Transaction };
    expect(next.startTimeMs).toBe(NOW_MS);
  });
});

describe('a coordinator that acts of its own accord', () => {
  test('takes the epoch away with the transaction', () => {
    expect(told(decideFence(at(ONGOING), given({ version: 0 })))).toBe('NONE -> PREPARE_ABORT 7/4');
    expect(told(decideFence(at(ONGOING), given({ version: 1 })))).toBe('NONE -> PREPARE_ABORT 7/4');
    expect(told(decideFence(at(ONGOING, { producerEpoch: LAST_CLIENT_EPOCH }), given({ version: 0 })))).toBe(`NONE -> PREPARE_ABORT 7/${LAST_CLIENT_EPOCH + 1}`);
  });

  test('does so when the timeout is over, but for distributed transactions', () => {
    expect(isTimedOut(at(ONGOING), 60_500)).toBe(false);
    expect(isTimedOut(at(ONGOING), 60_501)).toBe(true);
    expect(isTimedOut(at(ONGOING, { timeoutMs: ENDLESS_MS }), Number.MAX_SAFE_INTEGER)).toBe(false);
    expect(isTimedOut(at(COMPLETE_COMMIT), 60_501)).toBe(false);
  });

  test('forgets ids at rest', () => {
    expect(isExpired(at(EMPTY, { lastUpdateTimeMs: 100 }), 199, 100)).toBe(false);
    expect(isExpired(at(EMPTY, { lastUpdateTimeMs: 100 }), 200, 100)).toBe(true);
    expect(isExpired(at(ONGOING, { lastUpdateTimeMs: 100 }), 1_000, 100)).toBe(false);
    expect(isExpired(prepared(at(ONGOING), { committed: true, clientVersion: 0, nextProducerId: -1, fences: false }, 1), 1_000, 100)).toBe(false);
  });
});
