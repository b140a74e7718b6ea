import { describe, expect, test } from '@jest/globals';
import { copyFileSync, cpSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { ownDirectory } from '../test-set-up.js';
import { batchOf, CLIENT, openTestLog, readAll } from '../test-support.js';
import type { Log } from './log.js';
import { segmentFile } from '../paths.js';

const own = ownDirectory();

/** Five records of about 100 bytes a segment. */
const SMALL = { segmentBytes: 550, indexIntervalBytes: 150, fileDeleteDelayMs: 0 };
const open = (options: Parameters<typeof openTestLog>[1] = {}): Promise<Log> => openTestLog(own.directory, { settings: SMALL, ...options });

async function write(count: number, leaderEpoch = 0): Promise<Log> {
  const log = await open();
  append(log, count, leaderEpoch);
  return log;
}

function append(log: Log, count: number, leaderEpoch = 0): void {
  for (let index = 0; index < count; index++) {
    log.appendAsLeader(batchOf([`record ${log.logEndOffset}`.padEnd(30)], { timestampMs: 1000 + log.logEndOffset }), { origin: 'client', leaderEpoch });
  }
  log.write();
}

const names = (suffix: string): string[] => readdirSync(own.directory).filter(name => name.endsWith(suffix));
const offsetsOf = (log: Log): Promise<number[]> => readAll(log).then(records => records.map(record => record.offset));
const upTo = (end: number, from = 0): number[] => Array.from({ length: end - from }, (_, index) => from + index);

test('indexes are rebuilt as they were', async () => {
  await (await write(23)).close();
  const indexes = [...names('.index'), ...names('.timeindex')];
  expect(indexes.length).toBeGreaterThan(8);
  const before = indexes.map(name => readFileSync(`${own.directory}/${name}`, 'hex'));
  for (const name of indexes) writeFileSync(`${own.directory}/${name}`, Buffer.alloc(10 << 10, 1));
  await (await open()).close();
  expect(indexes.map(name => readFileSync(`${own.directory}/${name}`, 'hex'))).toEqual(before);
});

test('the log ends at the first bad batch, and later segments go', async () => {
  await (await write(23)).close();
  const [first, second, third] = names('.log');
  const bytes = readFileSync(`${own.directory}/${second}`);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(`${own.directory}/${second}`, bytes);
  const log = await open();
  const end = Number.parseInt(third!, 10) - 1;
  expect([names('.log'), log.logEndOffset]).toEqual([[first, second], end]);
  expect(await offsetsOf(log)).toEqual(upTo(end));
  append(log, 3);
  expect(await offsetsOf(log)).toEqual(upTo(end + 3));
  await log.close();
});

test('what the recovery point vouches for is not read', async () => {
  const log = await write(23);
  await log.close();
  const first = `${own.directory}/${names('.log')[0]}`;
  const bytes = readFileSync(first);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(first, bytes);
  const again = await open({ recoveryPoint: 12 });
  expect([again.logEndOffset, again.recoveryPoint]).toEqual([23, 12]);
  await again.close();
});

test.each([['.index'], ['.timeindex']])('a %s file that is missing is made anew, also when the end was clean', async suffix => {
  await (await write(12)).close();
  const missing = names(suffix)[0]!;
  const before = readFileSync(`${own.directory}/${missing}`, 'hex');
  rmSync(`${own.directory}/${missing}`);
  const log = await open({ clean: true });
  expect(await offsetsOf(log)).toEqual(upTo(12));
  expect((await log.offsetForTimestamp(1003))?.offset).toBe(3);
  await log.close();
  if (suffix === '.index') expect(readFileSync(`${own.directory}/${missing}`, 'hex')).toBe(before);
});

test('a clean directory whose last batch was torn all the same is cut', async () => {
  await (await write(4)).close();
  const path = segmentFile(own.directory, 0, '.log');
  truncateSync(path, readFileSync(path).length - 1);
  const log = await open({ clean: true });
  expect(log.logEndOffset).toBe(3);
  append(log, 1);
  expect(await offsetsOf(log)).toEqual(upTo(4));
  await log.close();
});

test('indexes without a log go, and what was to be deleted', async () => {
  await (await write(3)).close();
  for (const name of [segmentFile('', 99, '.index'), segmentFile('', 99, '.timeindex'), segmentFile('', 99, '.log.deleted'), segmentFile('', 99, '.txnindex')]) {
    writeFileSync(own.directory + name, 'x');
  }
  await (await open()).close();
  expect(readdirSync(own.directory).filter(name => name.includes('99'))).toEqual([]);
});

test('snapshots of the metadata log are left alone', async () => {
  await (await write(3)).close();
  const snapshots = ['00000000000000000002-0000000001.checkpoint', '00000000000000000001-0000000001.checkpoint.deleted', '00000000000000000003-0000000001.checkpoint.part'];
  for (const name of snapshots) writeFileSync(`${own.directory}/${name}`, 'snapshot');
  await (await open()).close();
  expect(readdirSync(own.directory).filter(name => name.includes('.checkpoint'))).toEqual(snapshots.sort());
});

describe('compaction that was interrupted', () => {
  test('before its swap: what it wrote goes', async () => {
    await (await write(12)).close();
    for (const suffix of ['.log', '.index', '.timeindex']) copyFileSync(segmentFile(own.directory, 0, suffix), segmentFile(own.directory, 0, `${suffix}.cleaned`));
    const log = await open();
    expect([names('.cleaned'), log.logEndOffset]).toEqual([[], 12]);
    await log.close();
  });

  test('after its swap: that takes the place of the segments it stands for', async () => {
    await (await write(12)).close();
    const [first, second, third] = names('.log').map(name => Number.parseInt(name, 10));
    // The swap holds the second segment only, as if compaction had found all of the first to be old.
    for (const suffix of ['.log', '.index', '.timeindex']) {
      copyFileSync(segmentFile(own.directory, second!, suffix), segmentFile(own.directory, first!, `${suffix}.swap`));
    }
    const log = await open();
    expect(names('.swap')).toEqual([]);
    expect(names('.log').map(name => Number.parseInt(name, 10))).toEqual([first, third]);
    expect((await readAll(log)).map(record => record.offset)).toEqual(upTo(12, second));
    await log.close();
  });

  test('after its swap, with nothing left of a segment: its old indexes go too', async () => {
    await (await write(12)).close();
    const first = Number.parseInt(names('.log')[0]!, 10);
    writeFileSync(segmentFile(own.directory, first, '.txnindex'), Buffer.alloc(34));
    for (const suffix of ['.log', '.index', '.timeindex']) writeFileSync(segmentFile(own.directory, first, `${suffix}.swap`), '');
    const log = await open();
    expect([names('.swap'), names('.txnindex')]).toEqual([[], []]);
    expect((await readAll(log)).map(record => record.offset)).toEqual(upTo(12, Number.parseInt(names('.log')[1]!, 10)));
    await log.close();
  });

  test('in a split that had not come to its end: swaps beyond the first unfinished file go too', async () => {
    await (await write(12)).close();
    const second = Number.parseInt(names('.log')[1]!, 10);
    copyFileSync(segmentFile(own.directory, second, '.log'), segmentFile(own.directory, second, '.log.swap'));
    writeFileSync(segmentFile(own.directory, second, '.log.cleaned'), '');
    const log = await open();
    expect([names('.swap'), names('.cleaned')]).toEqual([[], []]);
    expect(await offsetsOf(log)).toEqual(upTo(12));
    await log.close();
  });
});

test('a log that ends before its start begins there anew', async () => {
  await (await write(12)).close();
  const log = await open({ logStartOffset: 40 });
  expect([log.logStartOffset, log.logEndOffset, log.segmentCount]).toEqual([40, 40, 1]);
  append(log, 1);
  log.abandon();
  const again = await open();
  expect([again.logStartOffset, again.logEndOffset]).toEqual([40, 41]);
  await again.close();
});

describe('leader epochs', () => {
  test('that never reached the file are found in the records', async () => {
    const log = await write(4, 1);
    append(log, 4, 3);
    log.abandon();
    rmSync(`${own.directory}/leader-epoch-checkpoint`, { force: true });
    const again = await open();
    expect([1, 2, 3].map(epoch => again.endOffsetForEpoch(epoch))).toEqual([
      { leaderEpoch: 1, endOffset: 4 }, { leaderEpoch: 1, endOffset: 4 }, { leaderEpoch: 3, endOffset: 8 },
    ]);
    await again.close();
  });

  test('that begin beyond the end are forgotten', async () => {
    const log = await write(4, 1);
    log.assignEpochStart(7, 4);
    await log.close();
    const again = await open({ clean: true });
    expect(again.latestEpoch).toBe(1);
    await again.close();
  });

  test('in a damaged file are read from all records', async () => {
    const log = await write(4, 1);
    append(log, 4, 3);
    await log.close();
    writeFileSync(`${own.directory}/leader-epoch-checkpoint`, 'damaged');
    const again = await open({ clean: true });
    expect(again.endOffsetForEpoch(1)).toEqual({ leaderEpoch: 1, endOffset: 4 });
    await again.close();
    expect(readFileSync(`${own.directory}/leader-epoch-checkpoint`, 'utf8')).toBe('0\n2\n1 0\n3 4\n');
  });
});

test('offsets are not used again when all segments were deleted and the process was killed', async () => {
  const log = await open({ settings: { ...SMALL, retentionMs: 1, fileDeleteDelayMs: 60_000 } });
  append(log, 12);
  log.updateHighWatermark(12);
  log.applyRetention(Date.now());
  expect([log.logStartOffset, log.logEndOffset]).toEqual([12, 12]);
  log.abandon();
  const again = await open();
  expect([again.logStartOffset, again.logEndOffset]).toEqual([12, 12]);
  expect(names('.log')).toEqual(['00000000000000000012.log']);
  expect(names('.log.deleted')).toEqual([]);
  await again.close();
});

test('a kill at any moment leaves a log that opens, with a prefix of what was written', async () => {
  // Every state of the directory between two appends, which is what a kill of the process leaves.
  const log = await open();
  for (let index = 0; index < 14; index++) {
    append(log, 1, index >> 2);
    const copy = `${own.root}/copy-0`;
    cpSync(own.directory, copy, { recursive: true });
    const killed = await openTestLog(copy, { settings: SMALL });
    expect([killed.logEndOffset, killed.latestEpoch]).toEqual([index + 1, index >> 2]);
    expect(await offsetsOf(killed)).toEqual(upTo(index + 1));
    await killed.close();
    rmSync(copy, { recursive: true });
  }
  await log.close();
});

test('a directory under another name is the same log', async () => {
  await (await write(3)).close();
  renameSync(own.directory, `${own.root}/renamed-0`);
  const log = await openTestLog(`${own.root}/renamed-0`, { clean: true });
  log.appendAsLeader(batchOf(['more']), CLIENT);
  expect(log.logEndOffset).toBe(4);
  expect(existsSync(own.directory)).toBe(false);
  await log.close();
});

describe('what a producer had in flight is known when it comes again', () => {
  const batchNumber = (sequence: number, timestampMs: number) => batchOf([`record ${sequence}`.padEnd(30)], { producerId: 7, producerEpoch: 0, baseSequence: sequence, timestampMs });

  test.each([['a kill', false], ['a clean stop', true]])('after %s, across segments', async (_, clean) => {
    const nowMs = Date.now();
    const log = await open();
    for (let sequence = 0; sequence < 12; sequence++) log.appendAsLeader(batchNumber(sequence, nowMs), CLIENT);
    await log.close();
    expect(names('.log').length).toBeGreaterThan(1);
    const again = await open({ clean });
    // The last five, in the order in which they were sent: none is written a second time.
    for (let sequence = 7; sequence < 12; sequence++) {
      expect(again.appendAsLeader(batchNumber(sequence, nowMs), CLIENT)).toMatchObject({ lastOffset: sequence });
    }
    expect(again.logEndOffset).toBe(12);
    expect(() => again.appendAsLeader(batchNumber(6, nowMs), CLIENT)).toThrow(/sequence 6 where 12/);
    again.appendAsLeader(batchNumber(12, nowMs), CLIENT);
    expect(again.logEndOffset).toBe(13);
    await again.close();
  });
});
