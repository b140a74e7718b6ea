import { describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { ErrorCode } from '../../protocol/generated/errors.js';
import * as batch from '../../protocol/records/batch.js';
import { ownDirectory } from '../test-set-up.js';
import { batchOf, CLIENT, openTestLog, readAll, recordsRead, testHost, TOPIC_ID, whenSafe } from '../test-support.js';

const own = ownDirectory();

const all = { maxBytes: 1 << 20, minOneBatch: true, limitOffset: Number.MAX_SAFE_INTEGER };

describe('appending as leader', () => {
  test('gives offsets in order and stamps them, and the epoch, into the batch', async () => {
    const log = await openTestLog(own.directory);
    const first = log.appendAsLeader(batchOf(['a', 'b', 'c']), { origin: 'client', leaderEpoch: 7 });
    expect(first).toMatchObject({ baseOffset: 0, lastOffset: 2, duplicate: false, logAppendTimeMs: -1, logStartOffset: 0 });
    const bytes = batchOf(['d', 'e']);
    expect(log.appendAsLeader(bytes, { origin: 'client', leaderEpoch: 8 })).toMatchObject({ baseOffset: 3, lastOffset: 4 });
    expect([batch.baseOffset(bytes, 0), batch.partitionLeaderEpoch(bytes, 0), batch.isValid(bytes, 0)]).toEqual([3, 8, true]);
    expect(log.logEndOffset).toBe(5);
    expect(log.latestEpoch).toBe(8);
    expect(await readAll(log)).toEqual(['a', 'b', 'c', 'd', 'e'].map((value, offset) => ({ offset, value })));
    expect(readFileSync(`${own.directory}/partition.metadata`, 'utf8')).toBe(`version: 0\ntopic_id: ${TOPIC_ID}`);
    await log.close();
  });

  test('refuses what is larger than the topic allows', async () => {
    const log = await openTestLog(own.directory, { settings: { maxMessageBytes: 100, segmentBytes: 150 } });
    expect(() => log.appendAsLeader(batchOf(['x'.repeat(100)]), CLIENT)).toThrow(expect.objectContaining({ errorCode: ErrorCode.MESSAGE_TOO_LARGE }));
    const two = Buffer.concat([batchOf(['x'.repeat(20)]), batchOf(['y'.repeat(20)])]);
    expect(() => log.appendAsLeader(two, { origin: 'coordinator', leaderEpoch: 0 })).toThrow(expect.objectContaining({ errorCode: ErrorCode.RECORD_LIST_TOO_LARGE }));
    expect(log.logEndOffset).toBe(0);
    await log.close();
  });

  test('waits for the disk when flush.messages says so', async () => {
    const log = await openTestLog(own.directory, { settings: { flushMessages: 2 } });
    log.appendAsLeader(batchOf(['a']), CLIENT);
    expect(log.safeEndOffset).toBe(1);
    log.appendAsLeader(batchOf(['b']), CLIENT);
    expect(log.safeEndOffset).toBe(1);
    await whenSafe(log);
    expect(log.recoveryPoint).toBe(2);
    await log.close();
  });
});

describe('reading', () => {
  test.each([['from memory', 1 << 20], ['from the disk', 0]])('returns whole batches, also for an offset within one, %s', async (_, tailCacheBytes) => {
    const log = await openTestLog(own.directory, { host: testHost({ tailCacheBytes }) });
    for (let index = 0; index < 10; index++) log.appendAsLeader(batchOf([`${index}a`, `${index}b`, `${index}c`]), CLIENT);
    const one = { ...all, maxBytes: 1 };
    expect((await recordsRead(log.read(4, one))).map(record => record.offset)).toEqual([3, 4, 5]);
    expect((await recordsRead(log.read(6, one))).map(record => record.value)).toEqual(['2a', '2b', '2c']);
    expect(await recordsRead(log.read(6, { ...one, minOneBatch: false }))).toEqual([]);
    const size = batchOf(['0a', '0b', '0c']).length;
    expect((await recordsRead(log.read(0, { ...all, maxBytes: 3 * size + 5 }))).map(record => record.offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await recordsRead(log.read(30, all))).toEqual([]);
    await log.close();
  });

  test.each([['from memory', 1 << 20], ['from the disk', 0]])('shows nothing at or beyond the limit, %s', async (_, tailCacheBytes) => {
    const log = await openTestLog(own.directory, { host: testHost({ tailCacheBytes }) });
    for (let index = 0; index < 4; index++) log.appendAsLeader(batchOf(['x', 'y']), CLIENT);
    expect((await recordsRead(log.read(0, { ...all, limitOffset: 4 }))).map(record => record.offset)).toEqual([0, 1, 2, 3]);
    expect((await recordsRead(log.read(0, { ...all, limitOffset: 5 }))).map(record => record.offset)).toEqual([0, 1, 2, 3]);
    expect(await recordsRead(log.read(4, { ...all, limitOffset: 4 }))).toEqual([]);
    expect(await recordsRead(log.read(4, { ...all, limitOffset: 5 }))).toEqual([]);
    await log.close();
  });

  test('answers OFFSET_OUT_OF_RANGE outside of the log', async () => {
    const log = await openTestLog(own.directory);
    log.appendAsLeader(batchOf(['a', 'b']), CLIENT);
    log.updateHighWatermark(2);
    log.incrementLogStartOffset(1, 'test');
    for (const offset of [0, 3]) expect(() => log.read(offset, all)).toThrow(expect.objectContaining({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }));
    await log.close();
  });
});

describe('opening again', () => {
  test('finds every record after a clean end, and goes on', async () => {
    const log = await openTestLog(own.directory);
    for (let index = 0; index < 100; index++) log.appendAsLeader(batchOf([`value ${index}`]), { origin: 'client', leaderEpoch: index >> 5 });
    await log.close();
    const again = await openTestLog(own.directory, { clean: true });
    expect([again.logEndOffset, again.latestEpoch, again.recoveryPoint]).toEqual([100, 3, 100]);
    again.appendAsLeader(batchOf(['more']), CLIENT);
    expect((await readAll(again)).map(record => record.value)).toEqual([...Array.from({ length: 100 }, (_, index) => `value ${index}`), 'more']);
    await again.close();
  });

  test('finds every record when nobody closed it', async () => {
    const log = await openTestLog(own.directory, { settings: { segmentBytes: 1000 } });
    for (let index = 0; index < 100; index++) log.appendAsLeader(batchOf([`value ${index}`]), { origin: 'client', leaderEpoch: 5 });
    await log.flush();
    log.abandon();
    const again = await openTestLog(own.directory);
    expect([again.logEndOffset, again.latestEpoch]).toEqual([100, 5]);
    expect(await readAll(again)).toHaveLength(100);
    await again.close();
  });

  test('cuts a torn last batch off at every byte of it', async () => {
    const log = await openTestLog(own.directory);
    log.appendAsLeader(batchOf(['kept']), CLIENT);
    const kept = log.sizeBytes;
    log.appendAsLeader(batchOf(['torn', 'off']), CLIENT);
    const whole = log.sizeBytes;
    await log.flush();
    log.abandon();
    const path = `${own.directory}/00000000000000000000.log`;
    expect(existsSync(path)).toBe(true);
    for (let size = whole - 1; size >= kept; size--) {
      truncateSync(path, size);
      const again = await openTestLog(own.directory);
      expect([again.logEndOffset, again.sizeBytes]).toEqual([1, kept]);
      again.abandon();
    }
    expect(readdirSync(own.directory).sort()).toContain('00000000000000000000.index');
  });
});
