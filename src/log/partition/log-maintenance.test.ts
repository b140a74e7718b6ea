import { describe, expect, test } from '@jest/globals';
import { readFileSync, readdirSync } from 'node:fs';
import type { LogSettings } from '../../config/log-settings.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { CompressionType } from '../../protocol/records/batch.js';
import type { Log } from './log.js';
import { isGapMark } from '../segment/gap-mark.js';
import { ownDirectory } from '../test-set-up.js';
import { batchOf, CLIENT, eventually, openTestLog, readAll, recordsRead, testHost } from '../test-support.js';
import { UnexpectedAppendOffsetError } from '../types.js';

const own = ownDirectory();

const open = (settings: Partial<LogSettings> = {}, options = {}): Promise<Log> => openTestLog(own.directory, { host: testHost({ clock: own.clock, tailCacheBytes: 0 }), settings, ...options });
const segments = (): number[] => readdirSync(own.directory).filter(name => name.endsWith('.log')).map(name => Number.parseInt(name, 10)).sort((a, b) => a - b);
const record = (offset: number, timestampMs?: number): Buffer => batchOf([`record ${offset}`.padEnd(30)], { timestampMs: timestampMs ?? own.clock.nowMs() });

describe('a new segment begins', () => {
  test('when the active one would be too large', async () => {
    const size = record(0).length;
    const log = await open({ segmentBytes: 3 * size });
    for (let offset = 0; offset < 7; offset++) log.appendAsLeader(record(offset), CLIENT);
    expect(segments()).toEqual([0, 3, 6]);
    expect(await readAll(log)).toHaveLength(7);
    await log.close();
  });

  test('when records are so much later than the first', async () => {
    const log = await open({ segmentMs: 1000 });
    const start = own.clock.nowMs();
    for (const [offset, at] of [0, 500, 1000, 1001, 2001, 2002].entries()) log.appendAsLeader(record(offset, start + at), CLIENT);
    expect(segments()).toEqual([0, 3, 5]);
    await log.close();
  });

  test('when records have no time and the segment is that old', async () => {
    const log = await open({ segmentMs: 1000 });
    log.appendAsLeader(record(0, -1), CLIENT);
    own.clock.advance(1000);
    log.appendAsLeader(record(1, -1), CLIENT);
    own.clock.advance(1);
    log.appendAsLeader(record(2, -1), CLIENT);
    expect(segments()).toEqual([0, 2]);
    await log.close();
  });

  test('when an index is full', async () => {
    const log = await open({ segmentIndexBytes: 48, indexIntervalBytes: 0 });
    for (let offset = 0; offset < 12; offset++) log.appendAsLeader(record(offset, own.clock.nowMs() + offset), CLIENT);
    expect(segments()).toEqual([0, 4, 8]);
    await log.close();
  });

  test('when an offset would be too far from the base', async () => {
    const log = await open();
    log.appendAsFollower(batchOf(['near'], { baseOffset: 0, partitionLeaderEpoch: 0 }));
    log.appendAsFollower(batchOf(['last'], { baseOffset: 0x7fff_ffff, partitionLeaderEpoch: 0 }));
    log.appendAsFollower(batchOf(['far'], { baseOffset: 0x8000_0000, partitionLeaderEpoch: 0 }));
    expect(segments()).toEqual([0, 0x8000_0000]);
    expect((await readAll(log)).map(found => found.value)).toEqual(['near', 'last', 'far']);
    await log.close();
  });

  test('and the old one\'s indexes are whole and exactly as long as needed', async () => {
    const log = await open({ segmentBytes: 600, indexIntervalBytes: 100 });
    for (let offset = 0; offset < 7; offset++) log.appendAsLeader(record(offset, own.clock.nowMs() + offset), CLIENT);
    const time = readFileSync(`${own.directory}/00000000000000000000.timeindex`);
    expect(readFileSync(`${own.directory}/00000000000000000000.index`)).toHaveLength(8 * 2);
    expect([time.length, time.readInt32BE(time.length - 4)]).toEqual([12 * 3, segments()[1]! - 1]);
    await log.close();
  });
});

describe('following a leader', () => {
  test('takes offsets and epochs as they come', async () => {
    const log = await open();
    const bytes = Buffer.concat([batchOf(['a', 'b'], { baseOffset: 10, partitionLeaderEpoch: 2 }), batchOf(['c'], { baseOffset: 15, partitionLeaderEpoch: 4 })]);
    expect(log.appendAsFollower(bytes)).toEqual({ lastOffset: 15 });
    expect([log.logEndOffset, log.latestEpoch, log.endOffsetForEpoch(2).endOffset]).toEqual([16, 4, 15]);
    expect((await recordsRead(log.read(12, { maxBytes: 1000, minOneBatch: true, limitOffset: 16 }))).map(({ offset }) => offset)).toEqual([15]);
    await log.close();
  });

  test('leaves out a batch that was cut off, and those of a leader to come', async () => {
    const log = await open();
    const [first, second] = [batchOf(['a'], { partitionLeaderEpoch: 1 }), batchOf(['b'], { baseOffset: 1, partitionLeaderEpoch: 2 })];
    expect(log.appendAsFollower(Buffer.concat([first, second.subarray(0, -1)]))).toEqual({ lastOffset: 0 });
    expect(log.appendAsFollower(second, 1)).toEqual({ lastOffset: 0 });
    expect(log.appendAsFollower(second, 2)).toEqual({ lastOffset: 1 });
    await log.close();
  });

  test('refuses what does not follow, or is damaged', async () => {
    const log = await open();
    log.appendAsFollower(batchOf(['a', 'b'], { partitionLeaderEpoch: 1 }));
    expect(() => log.appendAsFollower(batchOf(['x'], { baseOffset: 1, partitionLeaderEpoch: 1 }))).toThrow(UnexpectedAppendOffsetError);
    const damaged = batchOf(['c'], { baseOffset: 2, partitionLeaderEpoch: 1 });
    damaged[damaged.length - 1]! ^= 1;
    expect(() => log.appendAsFollower(damaged)).toThrow(expect.objectContaining({ errorCode: ErrorCode.CORRUPT_MESSAGE }));
    const unordered = Buffer.concat([batchOf(['c'], { baseOffset: 5, partitionLeaderEpoch: 1 }), batchOf(['d'], { baseOffset: 4, partitionLeaderEpoch: 1 })]);
    expect(() => log.appendAsFollower(unordered)).toThrow(expect.objectContaining({ errorCode: ErrorCode.CORRUPT_MESSAGE }));
    expect(log.logEndOffset).toBe(2);
    await log.close();
  });
});

describe('cutting', () => {
  test.each([0, 1, 4, 5, 6, 11])('at %i leaves what is before, whole batches of it', async offset => {
    const log = await open({ segmentBytes: 550, indexIntervalBytes: 100 });
    for (let index = 0; index < 12; index++) log.appendAsLeader(record(index, own.clock.nowMs() + index), { origin: 'client', leaderEpoch: index >> 2 });
    log.updateHighWatermark(12);
    await log.truncateTo(offset);
    expect([log.logEndOffset, log.highWatermark]).toEqual([offset, offset]);
    expect((await readAll(log)).map(found => found.offset)).toEqual(Array.from({ length: offset }, (_, index) => index));
    expect(log.latestEpoch).toBe(offset === 0 ? undefined : (offset - 1) >> 2);
    const { baseOffset } = log.appendAsLeader(record(99, own.clock.nowMs() + 1), { origin: 'client', leaderEpoch: 9 });
    expect(baseOffset).toBe(offset);
    expect((await log.offsetOfMaxTimestamp())?.timestampMs).toBe(own.clock.nowMs() + Math.max(offset - 1, 1));
    await log.close();
    const again = await open({}, { clean: true });
    expect(await readAll(again)).toHaveLength(offset + 1);
    await again.close();
  });

  test('all, and starting elsewhere', async () => {
    const log = await open({ segmentBytes: 400 });
    for (let index = 0; index < 12; index++) log.appendAsLeader(record(index), CLIENT);
    await log.truncateFullyAndStartAt(100);
    expect([log.logStartOffset, log.logEndOffset, log.highWatermark, log.latestEpoch, segments()]).toEqual([100, 100, 100, undefined, [100]]);
    expect(log.appendAsLeader(record(0), CLIENT).baseOffset).toBe(100);
    log.abandon();
    const again = await open();
    expect([again.logStartOffset, again.logEndOffset]).toEqual([100, 101]);
    await again.close();
  });

  test('at the end takes an epoch away that wrote nothing', async () => {
    const log = await open();
    log.appendAsLeader(record(0), CLIENT);
    log.assignEpochStart(5, 1);
    await log.truncateTo(1);
    expect(log.latestEpoch).toBe(0);
    await log.close();
  });

  test('while something is read from the disk gives no bytes that are gone', async () => {
    const log = await open();
    for (let index = 0; index < 12; index++) log.appendAsLeader(record(index), CLIENT);
    const read = log.read(6, { maxBytes: 1 << 20, minOneBatch: true, limitOffset: 12 });
    await log.truncateTo(3);
    await expect(read).rejects.toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE });
    await log.close();
  });
});

describe('retention', () => {
  const filled = async (settings: Partial<LogSettings>): Promise<Log> => {
    const log = await open({ segmentBytes: 450, ...settings });
    for (let index = 0; index < 17; index++) log.appendAsLeader(record(index, own.clock.nowMs() + index * 100), CLIENT);
    log.updateHighWatermark(17);
    expect(segments()).toEqual([0, 4, 8, 12, 16]);
    return log;
  };

  test('by time lets segments go whose last record is old enough', async () => {
    const log = await filled({ retentionMs: 1000 });
    const lastOfSecond = own.clock.nowMs() + 700;
    expect(log.applyRetention(lastOfSecond + 1000)).toBe(1);
    expect(log.applyRetention(lastOfSecond + 1001)).toBe(1);
    expect([log.logStartOffset, segments()]).toEqual([8, [8, 12, 16]]);
    expect(() => log.read(7, { maxBytes: 1, minOneBatch: true, limitOffset: 17 })).toThrow(expect.objectContaining({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE }));
    await log.close();
  });

  test('by size keeps at least as much as was asked for', async () => {
    const log = await filled({ retentionBytes: 1000 });
    expect(log.applyRetention(0)).toBe(1);
    expect(log.sizeBytes).toBeGreaterThanOrEqual(1000);
    expect(log.sizeBytes - 4 * record(0).length).toBeLessThan(1000);
    await log.close();
  });

  test('takes the active segment too, once it is old', async () => {
    const log = await filled({ retentionMs: 1 });
    expect(log.applyRetention(own.clock.nowMs() + 10_000)).toBe(5);
    expect([log.logStartOffset, log.logEndOffset, segments()]).toEqual([17, 17, [17]]);
    expect(log.applyRetention(own.clock.nowMs() + 1e9)).toBe(0);
    await log.close();
  });

  test('takes nothing that is not committed', async () => {
    const log = await open({ segmentBytes: 450, retentionMs: 1 });
    for (let index = 0; index < 17; index++) log.appendAsLeader(record(index), CLIENT);
    log.updateHighWatermark(7);
    expect(log.applyRetention(own.clock.nowMs() + 10_000)).toBe(1);
    expect(log.logStartOffset).toBe(4);
    await log.close();
  });

  test('of a log that is only compacted follows its start offset alone', async () => {
    const log = await filled({ retentionMs: 1, retentionBytes: 0, cleanupPolicy: { delete: false, compact: true } });
    expect(log.applyRetention(own.clock.nowMs() + 1e6)).toBe(0);
    log.incrementLogStartOffset(9, 'delete records');
    expect(log.applyRetention(own.clock.nowMs())).toBe(2);
    expect([log.logStartOffset, segments()]).toEqual([9, [8, 12, 16]]);
    await log.close();
  });

  test('removes the files after the delay', async () => {
    const log = await filled({ retentionMs: 1000, fileDeleteDelayMs: 500 });
    log.applyRetention(own.clock.nowMs() + 1701);
    await log.flush();
    const waiting = (): string[] => readdirSync(own.directory).filter(name => name.endsWith('.deleted') && !isGapMark(name));
    expect(waiting().map(name => name.slice(18))).toEqual(expect.arrayContaining(['00.index.deleted', '00.log.deleted', '04.log.deleted', '04.snapshot.deleted']));
    own.clock.advance(500);
    await eventually(() => waiting().length === 0);
    await log.close();
  });
});

describe('searching by time', () => {
  const times = [100, 100, 300, 200, 500, 400, 400, 700];

  test.each([[CompressionType.none], [CompressionType.gzip]])('finds the first record that is as late, compression %i', async compression => {
    const log = await open({ segmentBytes: 300, indexIntervalBytes: 0 });
    for (const timestampMs of times) log.appendAsLeader(batchOf(['x', 'y'], { timestampMs, compression }), CLIENT);
    const find = async (timestampMs: number): Promise<[number, number] | undefined> => {
      const found = await log.offsetForTimestamp(timestampMs);
      return found && [found.offset, found.timestampMs];
    };
    expect(await Promise.all([0, 100, 101, 250, 301, 501, 700].map(find))).toEqual([[0, 100], [0, 100], [4, 300], [4, 300], [8, 500], [14, 700], [14, 700]]);
    expect(await find(701)).toBeUndefined();
    expect(await log.offsetOfMaxTimestamp()).toEqual({ timestampMs: 700, offset: 14, leaderEpoch: 0 });
    log.updateHighWatermark(16);
    log.incrementLogStartOffset(9, 'test');
    expect(await find(500)).toEqual([9, 500]);
    await log.close();
  });

  test('goes no further than the first segment that is late enough, also when its records are before the start', async () => {
    const log = await open({ segmentBytes: 100 });
    for (const timestampMs of [300, 100, 400]) log.appendAsLeader(batchOf(['x'], { timestampMs }), CLIENT);
    expect(log.segmentCount).toBe(3);
    log.updateHighWatermark(3);
    log.incrementLogStartOffset(1, 'test');
    expect([await log.offsetForTimestamp(200), await log.offsetForTimestamp(301)]).toEqual([undefined, { timestampMs: 400, offset: 2, leaderEpoch: 0 }]);
    await log.close();
  });

  test('finds the first record where none has a time', async () => {
    const log = await open();
    log.appendAsLeader(batchOf(['x', 'y'], { timestampMs: -1 }), CLIENT);
    expect(await log.offsetOfMaxTimestamp()).toEqual({ timestampMs: -1, offset: 0, leaderEpoch: 0 });
    await log.close();
  });

  test('finds nothing in an empty log', async () => {
    const log = await open();
    expect([await log.offsetForTimestamp(0), await log.offsetOfMaxTimestamp()]).toEqual([undefined, undefined]);
    await log.close();
  });
});

describe('flushing', () => {
  test('moves the recovery point to the end', async () => {
    const log = await open({ segmentBytes: 300 });
    for (let index = 0; index < 10; index++) log.appendAsLeader(record(index), CLIENT);
    await log.flush();
    expect(log.recoveryPoint).toBe(10);
    await log.close();
  });

  test('in time, when flush.ms says so', async () => {
    const log = await open({ flushMs: 50 });
    log.appendAsLeader(record(0), CLIENT);
    own.clock.advance(50);
    await log.flush();
    expect(log.recoveryPoint).toBe(1);
    await log.close();
  });
});
