import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { LogCopy } from './log-copy.js';
import type { Log } from './log.js';
import { batchOf, CLIENT, openTestLog, readAll, temporaryDirectory, testHost } from '../test-support.js';

let root: ReturnType<typeof temporaryDirectory>;
let source: Log;
let copy: Log;

beforeEach(async () => {
  root = temporaryDirectory();
  const host = testHost();
  source = await openTestLog(`${root.path}/one/events-0`, { host });
  copy = await openTestLog(`${root.path}/two/events-0.0-future`, { host });
});

afterEach(() => {
  source.abandon();
  copy.abandon();
  root.remove();
});

function append(leaderEpoch: number, ...values: string[]): void {
  for (const value of values) source.appendAsLeader(batchOf([value]), { ...CLIENT, leaderEpoch });
  source.updateHighWatermark(source.logEndOffset);
}

async function copyAll(maxBytes = 1 << 20): Promise<void> {
  while ((await new LogCopy(source, copy).some(maxBytes)) > 0);
}

async function expectSame(): Promise<void> {
  expect(await readAll(copy)).toEqual(await readAll(source));
  const facts = ({ logStartOffset, logEndOffset, highWatermark, latestEpoch }: Log) => ({ logStartOffset, logEndOffset, highWatermark, latestEpoch });
  expect(facts(copy)).toEqual(facts(source));
}

test('copies in pieces of the size that is asked for, and ends within a turn', async () => {
  append(0, ...Array.from({ length: 50 }, (_, i) => `value ${i}`));
  const size = batchOf(['value 0']).length;
  expect(await new LogCopy(source, copy).some(3 * size)).toBe(3 * size);
  expect(copy.logEndOffset).toBe(3);
  await copyAll(7 * size);
  expect(await new LogCopy(source, copy).some(size)).toBe(0);
  append(0, 'at', 'the', 'last');
  expect(new LogCopy(source, copy).finishNow()).toBe(true);
  await expectSame();
});

test('takes with it an epoch in which nothing was written yet, and what producers did', async () => {
  const batch = batchOf(['once'], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
  source.appendAsLeader(Buffer.from(batch), CLIENT);
  await copyAll();
  source.assignEpochStart(4, source.logEndOffset);
  expect(new LogCopy(source, copy).finishNow()).toBe(true);
  expect(copy.endOffsetForEpoch(4)).toEqual(source.endOffsetForEpoch(4));
  expect(copy.appendAsLeader(Buffer.from(batch), CLIENT)).toMatchObject({ duplicate: true, baseOffset: 0 });
});

test('is cut where the log was cut, also when the log has grown beyond it since', async () => {
  append(0, 'a', 'b', 'c', 'd');
  append(1, 'e', 'f');
  await copyAll();
  await source.truncateTo(3);
  append(2, 'x', 'y', 'z', '!');
  expect(new LogCopy(source, copy).finishNow()).toBe(false);
  await copyAll();
  await expectSame();
  await source.truncateTo(1);
  await copyAll();
  await expectSame();
});

test('begins anew where the log begins, when that has moved beyond it', async () => {
  append(0, 'a', 'b', 'c', 'd');
  await new LogCopy(source, copy).some(1);
  expect(copy.logEndOffset).toBe(1);
  source.roll();
  append(0, 'e');
  source.incrementLogStartOffset(4, 'test');
  await copyAll();
  await expectSame();
  await source.truncateFullyAndStartAt(100);
  append(3, 'f');
  await copyAll();
  await expectSame();
});

test('begins with the batch that the start lies in', async () => {
  append(0, 'a');
  source.appendAsLeader(batchOf(['b', 'c', 'd']), CLIENT);
  source.updateHighWatermark(source.logEndOffset);
  source.incrementLogStartOffset(2, 'test');
  expect(new LogCopy(source, copy).finishNow()).toBe(false);
  await copyAll();
  expect(new LogCopy(source, copy).finishNow()).toBe(true);
  await expectSame();
  expect(copy.logStartOffset).toBe(2);
});

test('records that only the disk has do not come within a turn', async () => {
  append(0, 'a', 'b');
  await source.close();
  source = await openTestLog(source.directory, { host: testHost(), clean: true });
  expect(new LogCopy(source, copy).finishNow()).toBe(false);
  await copyAll();
  expect(new LogCopy(source, copy).finishNow()).toBe(true);
});
