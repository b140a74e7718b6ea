import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readdirSync, writeFileSync } from 'node:fs';
import { NodeDisk } from '../../env/node/index.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { buildEndTransactionMarker } from '../../protocol/records/control-records.js';
import { batchOf, ManualClock, openTestLog as open, readAll, temporaryDirectory, testHost } from '../test-support.js';
import type { Log } from '../partition/log.js';

let root: ReturnType<typeof temporaryDirectory>;
let log: Log;
beforeEach(async () => {
  root = temporaryDirectory();
  log = await openTestLog(`${root.path}/events-0`);
});
afterEach(async () => {
  await log.close();
  root.remove();
});

/** Time stands still at that of the records: no producer expires by itself. */
function openTestLog(directory: string, options: Parameters<typeof open>[1] = {}): Promise<Log> {
  return open(directory, { host: testHost({ clock: new ManualClock() }), ...options });
}

interface Sent {
  readonly epoch?: number;
  readonly sequence: number;
  readonly count?: number;
  readonly transactional?: boolean;
  readonly producerId?: number;
}

function send({ epoch = 0, sequence, count = 1, transactional = false, producerId = 9 }: Sent): ReturnType<Log['appendAsLeader']> {
  const values = Array.from({ length: count }, (_, index) => `v${index}`);
  const bytes = batchOf(values, { producerId, producerEpoch: epoch, baseSequence: sequence, isTransactional: transactional });
  return log.appendAsLeader(bytes, { origin: 'client', leaderEpoch: 0 });
}

function mark(committed: boolean, { producerId = 9, epoch = 0, coordinatorEpoch = 0, transactionVersion = 0 } = {}): ReturnType<Log['appendAsLeader']> {
  const bytes = buildEndTransactionMarker({ producerId, producerEpoch: epoch, timestampMs: 1_700_000_000_000 }, { committed, coordinatorEpoch });
  return log.appendAsLeader(bytes, { origin: 'coordinator', leaderEpoch: 0, transactionVersion });
}

const error = (name: keyof typeof ErrorCode): unknown => expect.objectContaining({ errorCode: ErrorCode[name] });
const OUT_OF_ORDER = error('OUT_OF_ORDER_SEQUENCE_NUMBER');

describe('sequences', () => {
  test('go on without a gap', () => {
    send({ sequence: 0, count: 3 });
    expect(() => send({ sequence: 4 })).toThrow(OUT_OF_ORDER);
    expect(() => send({ sequence: 2 })).toThrow(OUT_OF_ORDER);
    expect(send({ sequence: 3 })).toMatchObject({ baseOffset: 3, duplicate: false });
    expect(log.logEndOffset).toBe(4);
  });

  test('of the last five batches are known when they come again', () => {
    for (let sequence = 0; sequence < 12; sequence += 2) send({ sequence, count: 2 });
    for (let sequence = 2; sequence < 12; sequence += 2) {
      expect(send({ sequence, count: 2 })).toMatchObject({ baseOffset: sequence, lastOffset: sequence + 1, duplicate: true });
    }
    expect(() => send({ sequence: 0, count: 2 })).toThrow(OUT_OF_ORDER);
    expect(() => send({ sequence: 10, count: 1 })).toThrow(OUT_OF_ORDER);
    expect(log.logEndOffset).toBe(12);
  });

  test('wrap around after 2^31-1', () => {
    const last = 0x7fff_ffff;
    send({ sequence: last - 1, count: 2 });
    send({ sequence: 0 });
    expect(send({ sequence: last - 1, count: 2 })).toMatchObject({ baseOffset: 0, duplicate: true });
    log.appendAsLeader(batchOf(['w'], { producerId: 10, producerEpoch: 0, baseSequence: last }), { origin: 'client', leaderEpoch: 0 });
    expect(send({ producerId: 10, sequence: 0 })).toMatchObject({ duplicate: false });
  });

  test('within a batch wrap too', () => {
    send({ sequence: 0x7fff_ffff - 1, count: 4 });
    expect(() => send({ sequence: 3 })).toThrow(OUT_OF_ORDER);
    expect(send({ sequence: 2 })).toMatchObject({ baseOffset: 4 });
  });

  test('of a producer without traces may begin anywhere', () => {
    expect(send({ sequence: 77 })).toMatchObject({ baseOffset: 0 });
  });

  test('of a new epoch begin at 0', () => {
    send({ sequence: 0 });
    expect(() => send({ epoch: 1, sequence: 1 })).toThrow(OUT_OF_ORDER);
    send({ epoch: 1, sequence: 0 });
    expect(() => send({ epoch: 0, sequence: 1 })).toThrow(error('INVALID_PRODUCER_EPOCH'));
    expect(send({ epoch: 1, sequence: 1 })).toMatchObject({ baseOffset: 2 });
  });

  test('do not matter to coordinators', () => {
    const bytes = batchOf(['x'], { producerId: 9, producerEpoch: 0, baseSequence: 50 });
    send({ sequence: 0 });
    expect(log.appendAsLeader(bytes, { origin: 'coordinator', leaderEpoch: 0 })).toMatchObject({ baseOffset: 1 });
  });

  test('of a refused append leave no trace', () => {
    send({ sequence: 0 });
    expect(() => send({ sequence: 9 })).toThrow(OUT_OF_ORDER);
    expect(log.activeProducers()).toEqual([expect.objectContaining({ producerId: 9, producerEpoch: 0, lastSequence: 0 })]);
  });
});

describe('transactions', () => {
  test('hold the last stable offset until their marker is committed', () => {
    send({ sequence: 0 });
    send({ sequence: 1, transactional: true });
    send({ producerId: 10, sequence: 0, transactional: true });
    log.updateHighWatermark(3);
    expect(log.lastStableOffset).toBe(1);
    mark(true);
    expect([log.lastStableOffset, log.logEndOffset]).toEqual([1, 4]);
    log.updateHighWatermark(4);
    expect(log.lastStableOffset).toBe(2);
    mark(false, { producerId: 10 });
    log.updateHighWatermark(5);
    expect(log.lastStableOffset).toBe(5);
  });

  test('that were aborted are told to those who read committed', async () => {
    send({ sequence: 0, count: 2, transactional: true });
    mark(false);
    send({ sequence: 2, transactional: true });
    mark(true);
    const read = await log.read(0, { maxBytes: 1 << 20, minOneBatch: true, limitOffset: 5, includeAborted: true });
    expect(read.abortedTransactions).toEqual([{ producerId: 9, firstOffset: 0 }]);
    const later = await log.read(3, { maxBytes: 1 << 20, minOneBatch: true, limitOffset: 5, includeAborted: true });
    expect(later.abortedTransactions).toEqual([]);
  });

  test('take no other records of their producer', () => {
    send({ sequence: 0, transactional: true });
    expect(() => send({ sequence: 1 })).toThrow(error('INVALID_TXN_STATE'));
    expect(send({ sequence: 1, transactional: true })).toMatchObject({ baseOffset: 1 });
  });

  test('are not ended by a coordinator of the past', () => {
    send({ sequence: 0, transactional: true });
    mark(true, { coordinatorEpoch: 5 });
    send({ sequence: 1, transactional: true });
    expect(() => mark(true, { coordinatorEpoch: 4 })).toThrow(error('TRANSACTION_COORDINATOR_FENCED'));
  });

  test('of version 2 end with an epoch of its own', () => {
    send({ sequence: 0, transactional: true });
    expect(() => mark(true, { epoch: 0, transactionVersion: 2 })).toThrow(error('INVALID_PRODUCER_EPOCH'));
    mark(true, { epoch: 1, transactionVersion: 2 });
    // The same marker once more changes nothing.
    mark(true, { epoch: 1, transactionVersion: 2 });
    expect(() => send({ epoch: 0, sequence: 1, transactional: true })).toThrow(error('INVALID_PRODUCER_EPOCH'));
    expect(send({ epoch: 1, sequence: 0, transactional: true })).toMatchObject({ baseOffset: 3 });
  });
});

describe('what is known of producers', () => {
  const write = (): void => {
    for (let sequence = 0; sequence < 30; sequence++) send({ sequence });
    send({ producerId: 20, sequence: 0, transactional: true });
    send({ producerId: 21, sequence: 0, transactional: true });
    mark(false, { producerId: 21 });
  };
  const producers = (): unknown[] => [...log.activeProducers()].sort((a, b) => a.producerId - b.producerId);
  const reopen = async (clean: boolean, settings = {}): Promise<void> => {
    log.write();
    if (clean) await log.close();
    else log.abandon();
    log = await openTestLog(`${root.path}/events-0`, { clean, settings });
    log.updateHighWatermark(log.logEndOffset);
  };

  test.each([[true], [false]])('is the same after opening again, clean: %s', async clean => {
    write();
    const before = producers();
    await reopen(clean);
    expect(producers()).toEqual(before);
    expect(log.lastStableOffset).toBe(30);
    expect(send({ sequence: 29 })).toMatchObject({ baseOffset: 29, duplicate: true });
    expect(() => send({ sequence: 31 })).toThrow(OUT_OF_ORDER);
    const read = await log.read(0, { maxBytes: 1 << 20, minOneBatch: true, limitOffset: log.logEndOffset, includeAborted: true });
    expect(read.abortedTransactions).toEqual([{ producerId: 21, firstOffset: 31 }]);
  });

  test('is rebuilt from the records when the snapshot is damaged', async () => {
    write();
    const before = producers();
    await log.close();
    const directory = `${root.path}/events-0`;
    const snapshots = readdirSync(directory).filter(name => name.endsWith('.snapshot'));
    expect(snapshots).toEqual(['00000000000000000033.snapshot']);
    writeFileSync(`${directory}/${snapshots[0]}`, 'damaged');
    log = await openTestLog(directory, { clean: true });
    expect(producers()).toEqual(before);
  });

  test('goes back with the log when that is cut', async () => {
    await log.close();
    log = await openTestLog(`${root.path}/cut-0`, { settings: { segmentBytes: 300 } });
    for (let sequence = 0; sequence < 30; sequence++) send({ sequence });
    await log.truncateTo(17);
    expect(log.activeProducers()).toEqual([expect.objectContaining({ producerId: 9, lastSequence: 16 })]);
    expect(() => send({ sequence: 18 })).toThrow(OUT_OF_ORDER);
    expect(send({ sequence: 17 })).toMatchObject({ baseOffset: 17 });
    expect(await readAll(log)).toHaveLength(18);
  });

  test('is forgotten after long silence, unless a transaction is open', () => {
    write();
    log.removeExpiredProducers(1_700_000_000_000 + 24 * 3600 * 1000);
    expect(log.activeProducers().map(producer => producer.producerId)).toEqual([20]);
  });

  test('leaves one snapshot for each rolled segment, and those go with it', async () => {
    await log.close();
    log = await openTestLog(`${root.path}/rolled-0`, { settings: { segmentBytes: 300, retentionBytes: 500, fileDeleteDelayMs: 0 } });
    for (let sequence = 0; sequence < 30; sequence++) send({ sequence });
    log.updateHighWatermark(30);
    const names = (): string[] => readdirSync(`${root.path}/rolled-0`);
    const withSuffix = (suffix: string): number[] => names().filter(name => name.endsWith(suffix)).map(name => Number.parseInt(name, 10)).sort((a, b) => a - b);
    expect(withSuffix('.snapshot')).toEqual(withSuffix('.log').slice(1));
    log.applyRetention(0);
    expect(withSuffix('.snapshot')).toEqual(withSuffix('.log'));
    await log.flush();
    expect(new NodeDisk().stat(`${root.path}/rolled-0`)).toBeDefined();
  });
});
