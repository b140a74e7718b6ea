import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { SimWorld } from '../../env/sim/index.js';
import type { Log } from '../partition/log.js';
import { createLog, createLogHost, openLog } from '../partition/open-log.js';
import { segmentFile } from '../paths.js';
import { batchOf, CLIENT, openTestLog, readAll, SETTINGS, temporaryDirectory, TOPIC_ID } from '../test-support.js';
import { isGapMark } from './gap-mark.js';

/** Which gaps between segments end a log after a power loss: those that the loss made, and no other. */

let root: ReturnType<typeof temporaryDirectory>;
let directory: string;
let opened: Log[];
beforeEach(() => {
  root = temporaryDirectory();
  directory = `${root.path}/events-0`;
  opened = [];
});
afterEach(() => {
  for (const log of opened) log.abandon();
  root.remove();
});

const VALUE = 'a record'.padEnd(30);
const BATCH_BYTES = batchOf([VALUE]).length;
/** Five batches a segment. */
const SMALL = { segmentBytes: 550, indexIntervalBytes: 150, fileDeleteDelayMs: 0 };

async function open(options: Parameters<typeof openTestLog>[1] = {}): Promise<Log> {
  const log = await openTestLog(directory, { settings: SMALL, ...options });
  opened.push(log);
  return log;
}

const offsetsOf = async (log: Log): Promise<number[]> => (await readAll(log)).map(({ offset }) => offset);
const upTo = (end: number): number[] => Array.from({ length: end }, (_, index) => index);

function append(log: Log, count: number): void {
  for (let index = 0; index < count; index++) log.appendAsLeader(batchOf([VALUE]), CLIENT);
  log.write();
}

function follow(log: Log, offsets: readonly number[]): void {
  for (const baseOffset of offsets) log.appendAsFollower(batchOf([VALUE], { baseOffset }));
  log.write();
}

/** Takes the last batch of the segment, as if it had not come to the disk before the power failed. */
function loseEndOf(baseOffset: number): void {
  const path = segmentFile(directory, baseOffset, '.log');
  truncateSync(path, statSync(path).size - BATCH_BYTES);
}

/** Apache Kafka clears away what ends so, of every log that it opens. */
function openByApache(): void {
  for (const name of readdirSync(directory)) if (name.endsWith('.deleted')) rmSync(`${directory}/${name}`);
}

const marks = (): string[] => readdirSync(directory).filter(isGapMark);

test('where a leader wrote, a gap is a loss: the log ends there', async () => {
  const log = await open();
  append(log, 23);
  const [, second, third] = log.segments.baseOffsets as [number, number, number];
  log.abandon();
  loseEndOf(second);
  const again = await open();
  expect(again.logEndOffset).toBe(third - 1);
  append(again, 12);
  again.abandon();
  expect(await offsetsOf(await open())).toEqual(upTo(third + 11));
});

test('what a follower skipped, as its leader was compacted, is none', async () => {
  const log = await open();
  const offsets = upTo(23).map(index => 3 * index);
  follow(log, offsets);
  expect(log.segmentCount).toBeGreaterThan(4);
  log.abandon();
  const again = await open();
  expect([again.logEndOffset, await offsetsOf(again)]).toEqual([67, offsets]);
});

test('after the last gap of a follower, what is missing is a loss again', async () => {
  const log = await open();
  follow(log, upTo(10).map(index => 3 * index));
  append(log, 20);
  const last = log.segments.baseOffsets.at(-1)!;
  const beforeLast = log.segments.baseOffsets.at(-2)!;
  log.abandon();
  loseEndOf(beforeLast);
  const again = await open();
  expect(again.logEndOffset).toBe(last - 1);
});

test('of a log that Apache Kafka had in the meantime, nothing is cut for a gap', async () => {
  const log = await open();
  append(log, 23);
  const [first, second] = log.segments.baseOffsets as [number, number];
  log.abandon();
  expect(marks()).toHaveLength(1);
  openByApache();
  loseEndOf(first);
  const again = await open();
  expect([again.logEndOffset, await offsetsOf(again)]).toEqual([23, upTo(23).filter(offset => offset !== second - 1)]);
});

test('of a log that Apache Kafka wrote, what is written here is vouched for', async () => {
  const log = await open();
  append(log, 12);
  const [first, second] = log.segments.baseOffsets as [number, number];
  await log.close();
  openByApache();
  const here = await open({ clean: true });
  append(here, 12);
  const later = here.segments.baseOffsets.findLast(baseOffset => baseOffset < here.segments.active.baseOffset)!;
  here.abandon();
  loseEndOf(first);
  loseEndOf(later);
  const end = statSync(segmentFile(directory, later, '.log')).size / BATCH_BYTES + later;
  const again = await open();
  expect(await offsetsOf(again)).toEqual(upTo(end).filter(offset => offset !== second - 1));
});

test('what a process that was killed wrote last is vouched for too, as a power loss may take it yet', async () => {
  const log = await open();
  append(log, 4);
  log.abandon();
  const again = await open();
  append(again, 4);
  again.abandon();
  loseEndOf(0);
  loseEndOf(0);
  expect((await open()).logEndOffset).toBe(3);
});

test('what was written after the log was cut is vouched for', async () => {
  const log = await open();
  follow(log, upTo(10).map(index => 3 * index));
  append(log, 10);
  expect(marks()).not.toEqual([]);
  await log.truncateTo(0);
  append(log, 12);
  const [first, second] = log.segments.baseOffsets as [number, number];
  log.abandon();
  loseEndOf(first);
  expect((await open()).logEndOffset).toBe(second - 1);
});

test('a log that was cut within a batch goes on with a gap that is no loss', async () => {
  const log = await open();
  append(log, 10);
  for (let index = 0; index < 3; index++) log.appendAsLeader(batchOf([VALUE, VALUE, VALUE]), CLIENT);
  await log.truncateTo(17);
  log.roll();
  append(log, 3);
  log.abandon();
  const again = await open();
  expect([again.logEndOffset, await offsetsOf(again)]).toEqual([20, upTo(20).filter(offset => offset !== 16)]);
});

test('a log of one segment has no mark, and one that was begun anew has a new one', async () => {
  const log = await open();
  append(log, 5);
  expect(marks()).toEqual([]);
  append(log, 5);
  expect(marks()).toEqual(['00000000000000000000.gapless.deleted']);
  await log.truncateFullyAndStartAt(100);
  follow(log, [200, 300, 400, 500, 600, 700]);
  expect(marks()).toEqual(['00000000000000000700.gapless.deleted']);
  await log.close();
  expect((await open({ clean: true })).logEndOffset).toBe(701);
});

test('of two marks, between which the process died, the one that says less counts', async () => {
  const log = await open();
  append(log, 23);
  const [first] = log.segments.baseOffsets as [number];
  log.abandon();
  writeFileSync(segmentFile(directory, 20, '.gapless.deleted'), '');
  loseEndOf(first);
  expect((await open()).logEndOffset).toBe(23);
});

describe('a power loss', () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7])('never leaves a second segment without the mark, seed %i', async seed => {
    const world = new SimWorld(seed);
    const identity = { directory: '/events-0', topic: 'events', partition: 0, topicId: TOPIC_ID, settings: { ...SETTINGS, ...SMALL } };
    const log = createLog({ host: createLogHost({ env: world.node('broker') }), ...identity });
    log.makeDirectory();
    world.node('broker').disk.syncDirectory('/');
    append(log, 8);
    world.node('broker').crash();
    const names = world.node('broker').disk.list('/events-0');
    const segments = names.filter(name => name.endsWith('.log')).length;
    expect(segments < 2 || names.some(isGapMark)).toBe(true);
    const again = await world.runUntil(openLog({ host: createLogHost({ env: world.node('broker') }), ...identity }));
    expect(again.logEndOffset).toBeLessThanOrEqual(8);
  });
});
