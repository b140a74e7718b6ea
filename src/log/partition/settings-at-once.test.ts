import { beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import type { LogSettings } from '../../config/log-settings.js';
import type { Log } from './log.js';
import { ownDirectory } from '../test-set-up.js';
import { batchOf, CLIENT, eventually, openTestLog, readAll, SETTINGS, testHost, whenSafe } from '../test-support.js';

/** Which settings act on what is open, and which wait for the next segment: `UnifiedLog.updateConfig`, `LogSegment.open`. */

const own = ownDirectory();

const open = (settings: Partial<LogSettings> = {}, options = {}): Promise<Log> => openTestLog(own.directory, { host: testHost({ clock: own.clock, tailCacheBytes: 0 }), settings, ...options });
const alter = (log: Log, settings: Partial<LogSettings>): void => log.updateSettings({ ...SETTINGS, ...settings });
const segments = (): number[] => readdirSync(own.directory).filter(name => name.endsWith('.log')).map(name => Number.parseInt(name, 10)).sort((a, b) => a - b);
const record = (timestampMs = own.clock.nowMs()): Buffer => batchOf(['a record'.padEnd(30)], { timestampMs });
const append = (log: Log, count: number): void => {
  for (let left = count; left > 0; left--) log.appendAsLeader(record(), CLIENT);
};
const fileOf = (offset: number, suffix = '.log'): string => `${own.directory}/${String(offset).padStart(20, '0')}${suffix}`;

describe('an open log takes at once', () => {
  test('segment.bytes, for its size and for the largest append', async () => {
    const log = await open();
    append(log, 3);
    alter(log, { segmentBytes: 3 * record().length });
    append(log, 1);
    expect(segments()).toEqual([0, 3]);
    alter(log, { segmentBytes: record().length - 1 });
    expect(() => append(log, 1)).toThrow('exceed segment.bytes');
    await log.close();
  });

  test('segment.ms', async () => {
    const log = await open();
    append(log, 1);
    own.clock.advance(1001);
    alter(log, { segmentMs: 1000 });
    append(log, 1);
    expect(segments()).toEqual([0, 1]);
    await log.close();
  });

  test('max.message.bytes', async () => {
    const log = await open();
    alter(log, { maxMessageBytes: record().length - 1 });
    expect(() => append(log, 1)).toThrow('max.message.bytes');
    alter(log, { maxMessageBytes: record().length });
    append(log, 1);
    await log.close();
  });

  test('retention.bytes, retention.ms and cleanup.policy', async () => {
    const size = record().length;
    const log = await open({ segmentBytes: size });
    append(log, 6);
    log.updateHighWatermark(6);
    expect(log.applyRetention(own.clock.nowMs())).toBe(0);
    alter(log, { segmentBytes: size, retentionBytes: 3 * size });
    expect([log.applyRetention(own.clock.nowMs()), log.logStartOffset]).toEqual([3, 3]);
    own.clock.advance(10);
    alter(log, { segmentBytes: size, retentionMs: 9, cleanupPolicy: { delete: false, compact: true } });
    expect(log.applyRetention(own.clock.nowMs())).toBe(0);
    alter(log, { segmentBytes: size, retentionMs: 9 });
    expect([log.applyRetention(own.clock.nowMs()), log.logStartOffset]).toEqual([3, 6]);
    await log.close();
  });

  test('file.delete.delay.ms', async () => {
    const size = record().length;
    const log = await open({ segmentBytes: size });
    append(log, 2);
    log.updateHighWatermark(2);
    alter(log, { segmentBytes: size, retentionBytes: size, fileDeleteDelayMs: 10 });
    log.applyRetention(own.clock.nowMs());
    expect(readdirSync(own.directory)).toContain('00000000000000000000.log.deleted');
    own.clock.advance(10);
    await eventually(() => !readdirSync(own.directory).some(name => name.endsWith('.log.deleted')));
    await log.close();
  });

  test('flush.messages', async () => {
    const log = await open();
    append(log, 1);
    alter(log, { flushMessages: 2 });
    append(log, 1);
    expect(log.safeEndOffset).toBe(1);
    await whenSafe(log);
    expect(log.recoveryPoint).toBe(2);
    append(log, 1);
    expect([log.safeEndOffset, log.recoveryPoint]).toEqual([3, 2]);
    await log.close();
  });

  test('flush.ms, for what waits under a longer one too, and lets go of the timer when there is none any more', async () => {
    const log = await open({ flushMs: 1_000_000 });
    append(log, 1);
    alter(log, { flushMs: 50 });
    own.clock.advance(50);
    await eventually(() => log.recoveryPoint === 1);
    append(log, 1);
    expect(own.clock.pendingTimers).toBe(1);
    alter(log, {});
    expect(own.clock.pendingTimers).toBe(0);
    await log.close();
  });
});

describe('the next segment takes', () => {
  test('index.interval.bytes', async () => {
    const log = await open({ indexIntervalBytes: 1 << 20 });
    append(log, 4);
    alter(log, { indexIntervalBytes: 0 });
    append(log, 4);
    log.roll();
    append(log, 4);
    log.roll();
    expect([statSync(fileOf(0, '.index')).size, statSync(fileOf(8, '.index')).size]).toEqual([0, 3 * 8]);
    await log.close();
  });

  test('segment.index.bytes', async () => {
    const log = await open({ indexIntervalBytes: 0, segmentIndexBytes: 80 });
    append(log, 3);
    alter(log, { indexIntervalBytes: 0, segmentIndexBytes: 48 });
    append(log, 8);
    expect(segments()).toEqual([0]);
    append(log, 7);
    expect(segments()).toEqual([0, 11]);
    append(log, 1);
    expect(segments()).toEqual([0, 11, 18]);
    await log.close();
  });

  test('segment.jitter.ms, of which a share is taken off segment.ms', async () => {
    const random = { int: () => 0, float: () => 0.5, bytes: (length: number) => new Uint8Array(length) };
    const host = { ...testHost({ clock: own.clock, tailCacheBytes: 0 }), random };
    const log = await open({ segmentMs: 1000 }, { host });
    append(log, 1);
    alter(log, { segmentMs: 1000, segmentJitterMs: 800 });
    own.clock.advance(1000);
    append(log, 1);
    expect(segments()).toEqual([0]);
    own.clock.advance(1);
    append(log, 1);
    own.clock.advance(600);
    append(log, 1);
    expect(segments()).toEqual([0, 2]);
    own.clock.advance(1);
    append(log, 1);
    expect(segments()).toEqual([0, 2, 4]);
    await log.close();
  });

  test('preallocate', async () => {
    const segmentBytes = 10_000;
    const log = await open({ segmentBytes });
    append(log, 1);
    alter(log, { segmentBytes, preallocate: true });
    append(log, 1);
    expect(statSync(fileOf(0)).size).toBe(2 * record().length);
    log.roll();
    expect(statSync(fileOf(2)).size).toBe(segmentBytes);
    await log.close();
  });
});

describe('preallocated segments', () => {
  const settings = { segmentBytes: 10_000, preallocate: true };
  let size: number;
  beforeEach(() => { size = record().length; });

  test('have their size from the first write, count what is in them, and are trimmed at roll and at close', async () => {
    const log = await open(settings);
    append(log, 3);
    expect([statSync(fileOf(0)).size, log.sizeBytes]).toEqual([10_000, 3 * size]);
    expect(await readAll(log)).toHaveLength(3);
    log.roll();
    append(log, 1);
    expect([statSync(fileOf(0)).size, statSync(fileOf(3)).size]).toEqual([3 * size, 10_000]);
    await log.close();
    expect(statSync(fileOf(3)).size).toBe(size);
    const again = await open(settings, { clean: true });
    expect([again.logEndOffset, again.sizeBytes]).toEqual([4, 4 * size]);
    await again.close();
  });

  test.each([[true, 'clean'], [false, 'unclean']])('of a process that was killed end with their records, not with the zeros', async clean => {
    const log = await open(settings);
    append(log, 3);
    log.abandon();
    expect(statSync(fileOf(0)).size).toBe(10_000);
    const again = await open(settings, { clean });
    expect([again.logEndOffset, again.sizeBytes, statSync(fileOf(0)).size]).toEqual([3, 3 * size, 3 * size]);
    append(again, 1);
    expect((await readAll(again)).map(({ offset }) => offset)).toEqual([0, 1, 2, 3]);
    await again.close();
  });

  test('that were never written to are empty', async () => {
    const log = await open(settings);
    append(log, 2);
    log.roll();
    log.abandon();
    const again = await open(settings);
    expect([again.logEndOffset, segments()]).toEqual([2, [0, 2]]);
    await again.close();
  });

  test('whose trimming a power loss undid keep the segments after them', async () => {
    const log = await open(settings);
    append(log, 2);
    log.roll();
    append(log, 2);
    log.abandon();
    truncateSync(fileOf(0), 10_000);
    const again = await open(settings);
    expect([again.logEndOffset, statSync(fileOf(0)).size]).toEqual([4, 2 * size]);
    await again.close();
  });

  test('that lost records to zeros end the log there', async () => {
    const log = await open(settings);
    append(log, 2);
    log.roll();
    append(log, 2);
    log.abandon();
    truncateSync(fileOf(0), size);
    truncateSync(fileOf(0), 10_000);
    const again = await open(settings);
    expect([again.logEndOffset, segments()]).toEqual([1, [0]]);
    await again.close();
  });

  test('whose zeros hide something at their end are damaged', async () => {
    const log = await open(settings);
    append(log, 2);
    log.roll();
    append(log, 1);
    log.abandon();
    const bytes = Buffer.concat([readFileSync(fileOf(0)), Buffer.alloc(500), Buffer.from([1])]);
    writeFileSync(fileOf(0), bytes);
    const again = await open(settings);
    expect([again.logEndOffset, segments()]).toEqual([2, [0]]);
    await again.close();
  });
});
