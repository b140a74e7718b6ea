import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { buildEndTransactionMarker } from '../../protocol/records/control-records.js';
import type { Log } from './log.js';
import { ownDirectory } from '../test-set-up.js';
import { batchOf, CLIENT, openTestLog, testHost } from '../test-support.js';

const own = ownDirectory();

const open = (options = {}): Promise<Log> => openTestLog(own.directory, { host: testHost({ clock: own.clock }), ...options });
const write = (log: Log, producerId: number, baseSequence = 0): void => {
  log.appendAsLeader(batchOf(['x'], { producerId, producerEpoch: 2, baseSequence, isTransactional: true, timestampMs: own.clock.nowMs() }), CLIENT);
  log.updateHighWatermark(log.logEndOffset);
};
const end = (log: Log, producerId: number, committed: boolean): void => {
  const marker = { committed, coordinatorEpoch: 4 };
  log.appendAsLeader(buildEndTransactionMarker({ producerId, producerEpoch: 2, timestampMs: own.clock.nowMs() }, marker), { origin: 'coordinator', leaderEpoch: 0, transactionVersion: 1 });
};

const told = (log: Log) => log.activeProducers().toSorted((a, b) => a.producerId - b.producerId);

test('producers are told with their open transaction, after a clean and an unclean end too', async () => {
  const log = await open();
  write(log, 7);
  write(log, 8);
  end(log, 8, true);
  const expected = [
    { producerId: 7, producerEpoch: 2, lastSequence: 0, lastTimestampMs: own.clock.nowMs(), coordinatorEpoch: -1, currentTxnStartOffset: 0 },
    { producerId: 8, producerEpoch: 2, lastSequence: 0, lastTimestampMs: own.clock.nowMs(), coordinatorEpoch: 4, currentTxnStartOffset: -1 },
  ];
  expect(told(log)).toEqual(expected);
  await log.close();
  const clean = await open({ clean: true });
  expect(told(clean)).toEqual(expected);
  clean.abandon();
  const unclean = await open();
  expect(told(unclean)).toEqual(expected);
  await unclean.close();
});

test('a producer with an open transaction does not expire', async () => {
  const log = await open();
  write(log, 7);
  write(log, 8);
  end(log, 8, true);
  own.clock.advance(30 * 24 * 3600 * 1000);
  log.removeExpiredProducers(own.clock.nowMs());
  expect(log.activeProducers().map(({ producerId }) => producerId)).toEqual([7]);
  await log.close();
});

test('the last stable offset passes a marker only once it is committed', async () => {
  const log = await open();
  write(log, 7);
  end(log, 7, false);
  expect(log.lastStableOffset).toBe(0);
  log.updateHighWatermark(2);
  expect(log.lastStableOffset).toBe(2);
  await log.close();
});

test('an abort is noted in the index of the segment that holds its marker, and told to readers of every segment that it touches', async () => {
  const log = await open();
  write(log, 7);
  log.roll();
  write(log, 8);
  write(log, 7, 1);
  log.roll();
  end(log, 7, false);
  end(log, 8, true);
  log.updateHighWatermark(log.logEndOffset);
  const aborted = async (offset: number): Promise<unknown> => {
    const read = await log.read(offset, { maxBytes: 1 << 20, minOneBatch: true, limitOffset: log.lastStableOffset, includeAborted: true });
    read.release();
    return read.abortedTransactions;
  };
  for (const offset of [0, 1, 2, 3]) expect(await aborted(offset)).toEqual([{ producerId: 7, firstOffset: 0 }]);
  expect(await aborted(4)).toEqual([]);
  await log.close();
  const index = readFileSync(`${own.directory}/00000000000000000003.txnindex`);
  // Version, producer, first and last offset, and the last stable offset: producer 8 still had its own open at 1.
  expect([index.length, index.readInt16BE(0), ...[2, 10, 18, 26].map(at => Number(index.readBigInt64BE(at)))]).toEqual([34, 0, 7, 0, 3, 1]);
});

test('retention does not wait for an open transaction; what is left of it ends with its marker', async () => {
  const log = await open({ settings: { retentionMs: 1_000, fileDeleteDelayMs: 0 } });
  write(log, 7);
  write(log, 8);
  log.roll();
  own.clock.advance(10_000);
  write(log, 7, 1);
  expect(log.applyRetention(own.clock.nowMs())).toBe(1);
  expect([log.logStartOffset, log.lastStableOffset]).toEqual([2, 2]);
  expect(told(log).map(({ producerId, currentTxnStartOffset }) => [producerId, currentTxnStartOffset])).toEqual([[7, 0], [8, 1]]);
  end(log, 7, false);
  log.updateHighWatermark(log.logEndOffset);
  // Of the other nothing is left but that it is open.
  expect(log.lastStableOffset).toBe(2);
  end(log, 8, true);
  log.updateHighWatermark(log.logEndOffset);
  expect(log.lastStableOffset).toBe(5);
  const read = await log.read(2, { maxBytes: 1 << 20, minOneBatch: true, limitOffset: log.lastStableOffset, includeAborted: true });
  read.release();
  expect(read.abortedTransactions).toEqual([{ producerId: 7, firstOffset: 0 }]);
  await log.close();
});

test('records deleted below an open transaction\'s end move the last stable offset with the start', async () => {
  const log = await open();
  write(log, 7);
  write(log, 8);
  end(log, 8, true);
  log.updateHighWatermark(log.logEndOffset);
  expect(log.lastStableOffset).toBe(0);
  log.incrementLogStartOffset(2, 'test');
  expect([log.logStartOffset, log.lastStableOffset]).toEqual([2, 2]);
  end(log, 7, true);
  log.updateHighWatermark(log.logEndOffset);
  expect(log.lastStableOffset).toBe(log.logEndOffset);
  await log.close();
});
