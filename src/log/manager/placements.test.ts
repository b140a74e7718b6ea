import { describe, expect, test } from '@jest/globals';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { HIGH_WATERMARK_FILE } from '../paths.js';
import { ownManagers } from '../test-set-up.js';
import { batchOf, CLIENT, eventually, readAll, SETTINGS, TOPIC_ID } from '../test-support.js';

const own = ownManagers();

test('new partitions go where the fewest are', async () => {
  const directories = [`${own.root}/data`, `${own.root}/more`];
  const manager = await own.start({ directories });
  for (let partition = 0; partition < 6; partition++) manager.getOrCreate('events', partition, TOPIC_ID, SETTINGS);
  for (const directory of directories) expect(readdirSync(directory).filter(name => name.startsWith('events'))).toHaveLength(3);
});

test('where all are cordoned, new partitions go to the first', async () => {
  const directories = [`${own.root}/data`, `${own.root}/more`];
  const manager = await own.start({ directories, cordonedDirectories: () => directories });
  for (let partition = 0; partition < 3; partition++) expect(manager.getOrCreate('events', partition, TOPIC_ID, SETTINGS).directory).toBe(`${directories[0]}/events-${partition}`);
});

describe('several directories', () => {
  const [one, two] = ['data', 'more'] as const;
  const directories = (): string[] => [one, two].map(name => `${own.root}/${name}`);
  const names = (directory: string): string[] => readdirSync(`${own.root}/${directory}`).filter(name => name.startsWith('events'));

  test('a partition is made where somebody wants it, then where the cluster says, and nowhere while it may lie in one that is offline', async () => {
    const manager = await own.start({ directories: directories() });
    const [first, second] = manager.logDirs;
    manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS, second!.id);
    manager.preferDirectory('events', 1, second!.path);
    manager.getOrCreate('events', 1, TOPIC_ID, SETTINGS, first!.id);
    expect([names(one), names(two)]).toEqual([[], ['events-0', 'events-1']]);
    expect(() => manager.preferDirectory('events', 1, '/nowhere')).toThrow(expect.objectContaining({ errorCode: ErrorCode.LOG_DIR_NOT_FOUND }));
    rmSync(`${own.root}/${two}`, { recursive: true });
    writeFileSync(`${own.root}/${two}`, 'no directory any more');
    expect(() => manager.getOrCreate('events', 2, TOPIC_ID, SETTINGS, second!.id)).toThrow(expect.objectContaining({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR }));
    expect(second!.error).toContain('events-2');
    expect(manager.get('events', 0)).toBeUndefined();
    expect(() => manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS, second!.id)).toThrow('events-0 may lie in a log directory that is offline');
    expect(() => manager.futures.create('events', 2, first!.path)).toThrow(expect.objectContaining({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR }));
    expect(manager.getOrCreate('events', 3, TOPIC_ID, SETTINGS).directory).toBe(`${first!.path}/events-3`);
  });

  test('a partition of an earlier topic of the name, in a directory that was away, is set aside', async () => {
    const manager = await own.start({ directories: directories() });
    const other = 'AAAAAAAAAAAAAAAAAAAAAg';
    manager.getOrCreate('events', 0, other, SETTINGS, manager.logDirs[0]!.id).appendAsLeader(batchOf(['old']), CLIENT);
    await manager.close({ brokerEpoch: 1 });
    mkdirSync(`${own.root}/${two}/events-0`);
    writeFileSync(`${own.root}/${two}/events-0/partition.metadata`, `version: 0\ntopic_id: ${TOPIC_ID}`);
    const again = await own.start({ directories: directories(), isStray: ({ topicId }) => topicId === other });
    expect([names(one), names(two)]).toEqual([[expect.stringMatching(/^events-0\.[0-9a-f]{32}-stray$/)], ['events-0']]);
    expect(again.get('events', 0)!.topicId).toBe(TOPIC_ID);
  });

  test('a copy takes the place of a log that is gone, when no directory is offline, and never that of one that is there', async () => {
    const manager = await own.start({ directories: directories() });
    for (const partition of [0, 1]) {
      manager.getOrCreate('events', partition, TOPIC_ID, SETTINGS, manager.logDirs[0]!.id).appendAsLeader(batchOf([`value of ${partition}`]), CLIENT);
      expect(await manager.futures.create('events', partition, `${own.root}/${two}`).copy(1 << 20)).toBeGreaterThan(0);
    }
    await manager.close({ brokerEpoch: 1 });
    rmSync(`${own.root}/${one}/events-0`, { recursive: true });
    const again = await own.start({ directories: directories() });
    expect([names(one), names(two)]).toEqual([['events-1'], ['events-0', expect.stringMatching(/^events-1\.[0-9a-f]{32}-future$/)]]);
    expect(await readAll(again.get('events', 0)!)).toEqual([{ offset: 0, value: 'value of 0' }]);
    expect(again.futures.get('events', 0)).toBeUndefined();
    expect(again.futures.get('events', 1)!.replaceLog()).toBe(again.get('events', 1));
    expect(names(two)).toEqual(['events-0', 'events-1']);
    own.clock.advance(SETTINGS.fileDeleteDelayMs);
    await eventually(() => names(one).length === 0);
  });

  test('two copies of one partition stop the start and are named', async () => {
    for (const directory of directories()) mkdirSync(`${directory}/events-0.${'0'.repeat(32)}-future`, { recursive: true });
    await expect(own.start({ directories: directories() })).rejects.toThrow('two copies of partition events-0 are being made');
  });
});

test('a log whose copy has taken its place, and the copy, each tell the directory that they lie in', async () => {
  const directories = [`${own.root}/data`, `${own.root}/more`];
  const manager = await own.start({ directories });
  const [one, two] = manager.logDirs;
  const log = manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS, one!.id);
  const copy = manager.futures.create('events', 0, two!.path);
  expect(copy.replaceLog()).toBe(copy.log);
  expect(manager.get('events', 0)).toBe(copy.log);
  expect([log, copy.log].map(({ home }) => home.path)).toEqual([one!.path, two!.path]);
});

test('whatever has a checkpoint written, what logs have appended is written before', async () => {
  const manager = await own.start();
  const log = manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS);
  const onDisk = (): number => statSync(`${log.directory}/00000000000000000000.log`, { throwIfNoEntry: false })?.size ?? 0;
  log.appendAsLeader(batchOf(['x']), CLIENT);
  expect(onDisk()).toBe(0);
  log.home.checkpoint(HIGH_WATERMARK_FILE);
  expect(onDisk()).toBe(log.sizeBytes);
  expect(log.sizeBytes).toBeGreaterThan(0);
});
