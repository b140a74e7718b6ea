import { expect, test } from '@jest/globals';
import { BLOCK_BYTES } from '../../base/block-memory.js';
import type { OpenOptions } from '../../env/index.js';
import { MemoryDisk, type DiskOperation } from '../../env/memory/memory-disk.js';
import { NodeDisk } from '../../env/node/disk.js';
import { failure } from '../../env/memory/tree.js';
import { batchOf, openTestLog, readAll, temporaryDirectory, testHost } from '../test-support.js';
import type { Log } from '../partition/log.js';

const ALWAYS = { direct: 'always', leastDirectBytes: 1 } as const;

/** Tells the writes that reach it, and may know no direct ones. */
class TellingDisk extends MemoryDisk {
  readonly writes: { position: number; length: number }[] = [];
  directOpens = 0;

  constructor(private readonly refuses = false) {
    super();
  }

  override open(path: string, options: OpenOptions = {}): ReturnType<MemoryDisk['open']> {
    if (options.direct) this.directOpens++;
    if (options.direct && this.refuses) throw failure('EINVAL', path, 'not here');
    return super.open(path, options);
  }

  override perform<T>(operation: DiskOperation, apply: (limitBytes?: number) => T): T {
    if (operation.kind === 'write' && operation.path.endsWith('.log')) this.writes.push({ position: operation.position!, length: operation.length! });
    return super.perform(operation, apply);
  }
}

async function logOn(disk: MemoryDisk, options: { tailCacheBytes?: number; segmentBytes?: number } = {}): Promise<Log> {
  disk.makeDirectory('/logs');
  const host = testHost({ disk, writeWays: ALWAYS, tailChunkBytes: 4 * BLOCK_BYTES, ...options });
  const { segmentBytes } = options;
  return openTestLog('/logs/events-0', { host, settings: segmentBytes === undefined ? {} : { segmentBytes } });
}

/** Appends a record of that many characters, and has it written. */
function append(log: Log, characters: number): string {
  const value = String.fromCharCode(97 + log.logEndOffset % 26).repeat(characters);
  log.appendAsLeader(batchOf([value]), { origin: 'client', leaderEpoch: 0 });
  log.write();
  return value;
}

const SIZES = [20_000, 300, 5000, 4000, 10, 17_000, 40_000];

test('what goes past the page cache is whole blocks, and reads back as it was sent, from memory and from the file', async () => {
  const disk = new TellingDisk();
  const log = await logOn(disk);
  const values = SIZES.map(size => append(log, size));
  const direct = disk.writes.filter(({ position, length }) => position % BLOCK_BYTES === 0 && length % BLOCK_BYTES === 0);
  expect(direct.length).toBeGreaterThanOrEqual(SIZES.length - 2);
  expect((await readAll(log)).map(({ value }) => value)).toEqual(values);
  await log.close();
  const again = await openTestLog('/logs/events-0', { host: testHost({ disk }) });
  expect((await readAll(again)).map(({ value }) => value)).toEqual(values);
  await again.close();
});

test('a segment that is done has no rest of a block behind it', async () => {
  const disk = new MemoryDisk();
  const log = await logOn(disk, { segmentBytes: 41_000 });
  for (const size of SIZES) append(log, size);
  expect(log.segmentCount).toBeGreaterThan(2);
  await log.close();
  const files = disk.list('/logs/events-0').filter(name => name.endsWith('.log')).map(name => disk.readFile(`/logs/events-0/${name}`));
  expect(files.reduce((sum, { length }) => sum + length, 0)).toBe(log.sizeBytes);
  for (const file of files) expect(file.subarray(-5)).not.toEqual(Buffer.alloc(5));
});

test('a file system that knows no direct writes gets others, once it was asked', async () => {
  const disk = new TellingDisk(true);
  const log = await logOn(disk);
  const values = SIZES.map(size => append(log, size));
  expect([disk.directOpens, disk.writes.length]).toEqual([1, SIZES.length]);
  expect(disk.writes.reduce((sum, { length }) => sum + length, 0)).toBe(log.sizeBytes);
  expect((await readAll(log)).map(({ value }) => value)).toEqual(values);
  await log.close();
});

test('what is larger than the tail cache goes through the page cache', async () => {
  const disk = new TellingDisk();
  const log = await logOn(disk, { tailCacheBytes: 8 * BLOCK_BYTES });
  const values = [5000, 60_000, 300, 9000].map(size => append(log, size));
  expect(disk.writes).toContainEqual({ position: batchOf([values[0]!]).length, length: batchOf([values[1]!]).length });
  expect((await readAll(log)).map(({ value }) => value)).toEqual(values);
  await log.close();
});

test('on the file system of this machine too, where it knows direct writes', async () => {
  const root = temporaryDirectory();
  const host = testHost({ writeWays: { direct: 'always', leastDirectBytes: 100_000 } });
  const log = await openTestLog(`${root.path}/events-0`, { host });
  const values = [300_000, 150_000, 50, 400_000].map(size => append(log, size));
  expect((await readAll(log)).map(({ value }) => value)).toEqual(values);
  // Three at most are large; the first of them lies in a chunk that is not.
  if (knowsDirectWrites(root.path)) expect(host.writeWays.metrics.directWrites).toBeGreaterThan(0);
  await log.close();
  const again = await openTestLog(`${root.path}/events-0`, { clean: true, recoveryPoint: 4 });
  expect((await readAll(again)).map(({ value }) => value)).toEqual(values);
  await again.close();
  root.remove();
});

/** Whether a file can be opened for them at all; not on every file system. */
function knowsDirectWrites(directory: string): boolean {
  try {
    const disk = new NodeDisk();
    disk.open(`${directory}/asked`, { create: true }).close();
    disk.open(`${directory}/asked`, { direct: true }).close();
    return true;
  } catch {
    return false;
  }
}
