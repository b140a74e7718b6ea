// Which transactional records a log takes, and which it refuses because nobody asked their coordinator (KIP-890).

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { buildEndTransactionMarker } from '../../protocol/records/control-records.js';
import type { Log } from '../partition/log.js';
import { batchOf, ManualClock, openTestLog, temporaryDirectory, testHost } from '../test-support.js';
import type { VerificationGuard } from './verification.js';

const HOUR_MS = 3_600_000;

let root: ReturnType<typeof temporaryDirectory>;
let clock: ManualClock;
let verifies: boolean;
let log: Log;
beforeEach(async () => {
  root = temporaryDirectory();
  clock = new ManualClock();
  verifies = true;
  log = await openTestLog(`${root.path}/events-0`, {
    host: testHost({ clock, verifiesTransactions: () => verifies, producerExpirationMs: () => HOUR_MS }),
  });
});
afterEach(async () => {
  await log.close();
  root.remove();
});

interface Sender {
  readonly epoch?: number;
  readonly sequence?: number;
  readonly bumpsEpoch?: boolean;
}

const start = ({ epoch = 0, sequence = 0, bumpsEpoch = false }: Sender = {}): VerificationGuard | undefined =>
  log.startVerification({ producerId: 9, producerEpoch: epoch, baseSequence: sequence, bumpsEpoch });

function send(guard: VerificationGuard | undefined, { epoch = 0, sequence = 0 }: Sender = {}, origin: 'client' | 'coordinator' = 'client') {
  const bytes = batchOf(['x'], { producerId: 9, producerEpoch: epoch, baseSequence: sequence, isTransactional: true, timestampMs: clock.nowMs() });
  return log.appendAsLeader(bytes, { origin, leaderEpoch: 0, guard });
}

function mark({ epoch = 0, transactionVersion = 0 } = {}): void {
  const bytes = buildEndTransactionMarker({ producerId: 9, producerEpoch: epoch, timestampMs: clock.nowMs() }, { committed: true, coordinatorEpoch: 0 });
  log.appendAsLeader(bytes, { origin: 'coordinator', leaderEpoch: 0, transactionVersion });
}

const error = (name: keyof typeof ErrorCode): unknown => expect.objectContaining({ errorCode: ErrorCode[name] });
const NOT_VERIFIED = error('INVALID_TXN_STATE');
const OUT_OF_ORDER = error('OUT_OF_ORDER_SEQUENCE_NUMBER');
const STALE = error('INVALID_PRODUCER_EPOCH');

describe('a transaction', () => {
  test('begins with a guard alone, and needs none as long as it is open', () => {
    expect(() => send(undefined)).toThrow(NOT_VERIFIED);
    expect(send(start())).toMatchObject({ baseOffset: 0 });
    expect(start({ sequence: 1 })).toBeUndefined();
    expect(send(undefined, { sequence: 1 })).toMatchObject({ baseOffset: 1 });
    mark();
    expect(() => send(undefined, { sequence: 2 })).toThrow(NOT_VERIFIED);
  });

  test('does not begin with what was verified before a marker', () => {
    const before = start();
    mark();
    expect(() => send(before)).toThrow(NOT_VERIFIED);
    const after = start();
    expect(() => send(before)).toThrow(NOT_VERIFIED);
    expect(send(after)).toMatchObject({ duplicate: false });
  });

  test('takes one guard for all who asked meanwhile', () => {
    const first = start();
    expect(start()).toBe(first);
    send(first);
    // The first append has opened it: who comes with the used guard needs none.
    expect(send(first, { sequence: 1 })).toMatchObject({ duplicate: false });
  });

  test('begins unasked where nothing is to be verified', () => {
    verifies = false;
    expect(send(undefined)).toMatchObject({ baseOffset: 0 });
  });

  test('of a coordinator, whose records have no sequences, needs a guard too', () => {
    expect(() => send(undefined, {}, 'coordinator')).toThrow(NOT_VERIFIED);
    expect(send(start({ sequence: -1 }), { sequence: 7 }, 'coordinator')).toMatchObject({ baseOffset: 0 });
  });

  test('of an epoch that has passed is told so, rather than that nobody verified it', () => {
    send(start({ epoch: 1 }), { epoch: 1 });
    mark({ epoch: 2, transactionVersion: 2 });
    expect(() => start({ epoch: 1 })).toThrow(STALE);
    expect(() => send(undefined, { epoch: 1, sequence: 1 })).toThrow(STALE);
  });

  test('that is open in another epoch is not the one of this producer', () => {
    send(start());
    const guard = start({ epoch: 1 });
    expect(guard).toBeDefined();
    expect(() => send(undefined, { epoch: 1 })).toThrow(NOT_VERIFIED);
    expect(send(guard, { epoch: 1 })).toMatchObject({ duplicate: false });
  });

  test('that has ended knows its last batches, and asks for no guard of a repetition', () => {
    send(start());
    mark();
    expect(send(undefined)).toMatchObject({ baseOffset: 0, duplicate: true });
  });

  test('that is replicated or read again was verified where it was led', async () => {
    const leader = batchOf(['x'], { producerId: 9, producerEpoch: 0, baseSequence: 0, isTransactional: true });
    expect(log.appendAsFollower(leader)).toEqual({ lastOffset: 0 });
    await log.close();
    log = await openTestLog(`${root.path}/events-0`, { host: testHost({ clock, verifiesTransactions: () => true }) });
    expect(send(undefined, { sequence: 1 })).toMatchObject({ baseOffset: 1 });
  });
});

describe('a marker of version 2', () => {
  test('leaves what was asked for the transaction after it', () => {
    send(start({ bumpsEpoch: true }));
    const next = start({ epoch: 1, bumpsEpoch: true });
    mark({ epoch: 1, transactionVersion: 2 });
    expect(send(next, { epoch: 1 })).toMatchObject({ duplicate: false });
  });

  test('voids what was asked for the transaction that it ends, and what a client without epochs asked', () => {
    const same = start({ bumpsEpoch: true });
    mark({ epoch: 1, transactionVersion: 2 });
    expect(() => send(same)).toThrow(STALE);
    const older = start({ epoch: 1 });
    mark({ epoch: 1 });
    expect(() => send(older, { epoch: 1 })).toThrow(NOT_VERIFIED);
  });
});

describe('the first sequence', () => {
  test('is 0 for a client with an epoch for each transaction, where nothing is known of it', () => {
    expect(() => send(start({ sequence: 5, bumpsEpoch: true }), { sequence: 5 })).toThrow(OUT_OF_ORDER);
    expect(send(start({ bumpsEpoch: true }))).toMatchObject({ duplicate: false });
    mark({ epoch: 1, transactionVersion: 2 });
    expect(() => send(start({ epoch: 1, sequence: 1, bumpsEpoch: true }), { epoch: 1, sequence: 1 })).toThrow(OUT_OF_ORDER);
  });

  test('may be any for an older client, and goes on over transactions of one epoch for both', () => {
    send(start({ sequence: 5 }), { sequence: 5 });
    mark();
    expect(send(start({ sequence: 6, bumpsEpoch: true }), { sequence: 6 })).toMatchObject({ duplicate: false });
  });

  test('is the lowest that was asked for: who overtakes a batch that is tried again waits', () => {
    start({ sequence: 3 });
    const guard = start({ sequence: 4 });
    expect(() => send(guard, { sequence: 4 })).toThrow(OUT_OF_ORDER);
    send(guard, { sequence: 3 });
    expect(send(undefined, { sequence: 4 })).toMatchObject({ duplicate: false });
  });

  test('begins anew with a new epoch, and an older one does not bring it back', () => {
    start({ sequence: 3 });
    const guard = start({ epoch: 1, sequence: 6 });
    start({ epoch: 0, sequence: 2 });
    expect(send(guard, { epoch: 1, sequence: 6 })).toMatchObject({ duplicate: false });
  });
});

test('what was asked and never appended is forgotten with the producers that are silent', () => {
  const guard = start();
  clock.advance(HOUR_MS - 1);
  log.removeExpiredProducers(clock.nowMs());
  expect(start()).toBe(guard);
  clock.advance(1);
  log.removeExpiredProducers(clock.nowMs());
  expect(() => send(guard)).toThrow(NOT_VERIFIED);
});

test('anybody may ask, and what is kept of that is bounded: of many the one gives way that has not asked for longest', () => {
  const guard = start();
  const ask = (producerId: number): unknown => log.startVerification({ producerId, producerEpoch: 0, baseSequence: 0, bumpsEpoch: false });
  for (let producerId = 1_000; producerId < 1_999; producerId++) ask(producerId);
  expect(start()).toBe(guard);
  for (let producerId = 1_999; producerId < 2_998; producerId++) ask(producerId);
  expect(start()).toBe(guard);
  for (let producerId = 2_998; producerId < 3_998; producerId++) ask(producerId);
  expect(() => send(guard)).toThrow(NOT_VERIFIED);
  expect(send(start())).toMatchObject({ duplicate: false });
});
