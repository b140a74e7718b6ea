import { expect, test } from '@jest/globals';
import type { DiskFile } from '../../env/index.js';
import { MemoryDisk, type DiskOperation } from '../../env/memory/memory-disk.js';
import { failure } from '../../env/memory/tree.js';
import { batchOf, eventually, openTestLog, readAll, recordsRead, testHost, ManualClock, whenSafe } from '../test-support.js';
import type { LogHost } from '../host.js';
import type { Log } from './log.js';

/** A disk whose writes off the loop wait for `letGo`, and whose other ones take long while it is `slow`. */
class StallingDisk extends MemoryDisk {
  isSlow = false;
  fails = false;
  readonly writes: string[] = [];
  private waiting: (() => void)[] = [];

  constructor(readonly clock: ManualClock) {
    super();
  }

  get waitingWrites(): number {
    return this.waiting.length;
  }

  letGo(): void {
    for (const go of this.waiting.splice(0)) go();
  }

  override open(...args: Parameters<MemoryDisk['open']>): DiskFile {
    const file = super.open(...args);
    const write = file.write.bind(file);
    file.write = async (buffers, position) => {
      await new Promise<void>(resolve => { this.waiting.push(resolve); });
      return write(buffers, position);
    };
    return file;
  }

  override perform<T>(operation: DiskOperation, apply: (limitBytes?: number) => T): T {
    if (operation.kind === 'write' && operation.path.endsWith('.log')) {
      if (this.fails) throw failure('EIO', operation.path, 'planted');
      this.writes.push(`${operation.position} ${operation.length}`);
      if (this.isSlow) this.clock.advance(100);
    }
    return super.perform(operation, apply);
  }
}

/** A log whose disk has just stalled, with one record in it. */
async function stalledLog(settings = {}): Promise<{ disk: StallingDisk; host: LogHost; log: Log }> {
  const clock = new ManualClock();
  const disk = new StallingDisk(clock);
  disk.makeDirectory('/logs');
  const host = testHost({ disk, clock });
  const log = await openTestLog('/logs/events-0', { host, settings });
  disk.isSlow = true;
  append(log);
  disk.isSlow = false;
  return { disk, host, log };
}

/** One record more, in a turn of its own. */
function append(log: Log): void {
  log.appendAsLeader(batchOf([`record ${log.logEndOffset}`]), { origin: 'client', leaderEpoch: 0 });
  log.write();
}

/** The same on a disk that stalls: its write has begun, and waits for `letGo`. */
async function appendBehind(disk: StallingDisk, log: Log): Promise<void> {
  append(log);
  await eventually(() => disk.waitingWrites === 1);
}

const RECORDS = ['record 0', 'record 1', 'record 2', 'record 3'];
const values = async (log: Log): Promise<string[]> => (await readAll(log)).map(({ value }) => value);

test('after a write that took long, records wait for writes off the loop, one at a time, and are not safe before', async () => {
  const { disk, log } = await stalledLog();
  expect(log.safeEndOffset).toBe(1);
  append(log);
  await appendBehind(disk, log);
  append(log);
  expect([log.safeEndOffset, log.logEndOffset, disk.writes.length, disk.waitingWrites]).toEqual([1, 4, 1, 1]);
  const safe = whenSafe(log);
  disk.letGo();
  await eventually(() => disk.waitingWrites === 1);
  expect(log.safeEndOffset).toBe(3);
  disk.letGo();
  await safe;
  expect(disk.writes).toHaveLength(3);
  expect(await values(log)).toEqual(RECORDS);
  await log.close();
});

test('once the disk is quick again, appends are written within their turn', async () => {
  const { disk, log } = await stalledLog();
  await appendBehind(disk, log);
  disk.letGo();
  await whenSafe(log);
  append(log);
  expect([log.safeEndOffset, disk.writes.length]).toEqual([3, 3]);
  await log.close();
});

test('whoever needs the file finds all in it, also what is being written; closing waits for that', async () => {
  const { disk, log } = await stalledLog();
  await appendBehind(disk, log);
  append(log);
  log.roll();
  append(log);
  expect(disk.readFile('/logs/events-0/00000000000000000000.log').length).toBe(log.sizeBytes - batchOf(['record 3']).length);
  let isClosed = false;
  const closed = log.close().then(() => { isClosed = true; });
  // Far more turns of the loop than closing takes by itself.
  for (let turn = 0; turn < 100; turn++) await new Promise(resolve => { setImmediate(resolve); });
  expect(isClosed).toBe(false);
  await eventually(() => { disk.letGo(); return isClosed; });
  await closed;
  const again = await openTestLog('/logs/events-0', { host: testHost({ disk }) });
  expect(await values(again)).toEqual(RECORDS);
  await again.close();
});

test('a write that fails off the loop fails the log, and who waits hears of it', async () => {
  const { disk, log } = await stalledLog();
  await appendBehind(disk, log);
  const safe = whenSafe(log);
  disk.fails = true;
  disk.letGo();
  await expect(safe).rejects.toMatchObject({ code: 'EIO' });
  expect([log.safeEndOffset, log.failure?.code]).toEqual([1, 'EIO']);
  await log.close();
});

test('what a turn has brought before the disk passes for stalled is written with the turn, and so is what follows in it', async () => {
  const { disk, host, log } = await stalledLog();
  await appendBehind(disk, log);
  disk.letGo();
  await whenSafe(log);
  const other = await openTestLog('/logs/other-0', { host });
  log.appendAsLeader(batchOf(['record 2']), { origin: 'client', leaderEpoch: 0 });
  expect(log.safeEndOffset).toBe(3);
  // Another log's write, within the same turn, tells of the stall.
  disk.isSlow = true;
  append(other);
  disk.isSlow = false;
  log.appendAsLeader(batchOf(['record 3']), { origin: 'client', leaderEpoch: 0 });
  log.write();
  expect([log.safeEndOffset, disk.waitingWrites]).toEqual([4, 0]);
  expect(disk.readFile('/logs/events-0/00000000000000000000.log').length).toBe(log.sizeBytes);
  await log.close();
  await other.close();
});

test('a log that is given up while it is written to touches the disk no more', async () => {
  const { disk, log } = await stalledLog();
  await appendBehind(disk, log);
  append(log);
  disk.fails = true;
  log.abandon();
  expect(disk.writes).toHaveLength(1);
  disk.letGo();
  await eventually(() => log.isClosed);
});

test('what is being written is not read from the file before it is there', async () => {
  const { disk, log } = await stalledLog({ preallocate: true });
  await appendBehind(disk, log);
  append(log);
  log.tail.clear();
  let found: string[] | undefined;
  const reading = recordsRead(log.read(1, { maxBytes: 1 << 20, minOneBatch: true, limitOffset: 3 })).then(records => { found = records.map(({ value }) => value); });
  expect((await recordsRead(log.read(0, { maxBytes: 1 << 20, minOneBatch: true, limitOffset: 3 }))).map(({ value }) => value)).toEqual(['record 0']);
  expect(found).toBeUndefined();
  disk.letGo();
  await eventually(() => { disk.letGo(); return found !== undefined; });
  await reading;
  expect(found![0]).toBe('record 1');
  await log.close();
});
