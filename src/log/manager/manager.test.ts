import { describe, expect, test } from '@jest/globals';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { MemoryDisk } from '../../env/memory/memory-disk.js';
import { NodeDisk, NodeRandom, silentLogger } from '../../env/node/index.js';
import { DiskError } from '../../env/index.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import { openLogManager, type LogManagerOptions, type NodeLogManager } from './manager.js';
import { openLog } from '../partition/open-log.js';
import { ownManagers } from '../test-set-up.js';
import { batchOf, CLIENT, eventually, ManualClock, readAll, SETTINGS, TOPIC_ID } from '../test-support.js';

const own = ownManagers();

const file = (name: string): string => readFileSync(`${own.root}/data/${name}`, 'utf8');

test('formats an empty directory, and claims it again for the same node only', async () => {
  const manager = await own.start();
  const { id } = manager.logDirs[0]!;
  expect(file('meta.properties')).toBe(`#\ncluster.id=the-cluster\ndirectory.id=${id}\nnode.id=1\nversion=1\n`);
  await manager.close({ brokerEpoch: 5 });
  expect((await own.start()).logDirs[0]!.id).toBe(id);
  own.managers.pop()!.abandon();
  await expect(own.start({ nodeId: 2 })).rejects.toThrow(`${own.root}/data/meta.properties: the directory is of node 1, not 2`);
  await expect(own.start({ clusterId: 'other' })).rejects.toThrow('the directory is of cluster the-cluster, not other');
});

test('a log that nobody has written to says of which topic it is, soon and at a stop in order', async () => {
  const manager = await own.start();
  manager.getOrCreate('a-topic', 0, TOPIC_ID, SETTINGS);
  expect(existsSync(`${own.root}/data/a-topic-0`)).toBe(false);
  own.clock.advance(50);
  expect(file('a-topic-0/partition.metadata')).toBe(`version: 0\ntopic_id: ${TOPIC_ID}`);
  manager.getOrCreate('a-topic', 1, TOPIC_ID, SETTINGS);
  await manager.close({ brokerEpoch: 1 });
  expect(file('a-topic-1/partition.metadata')).toBe(`version: 0\ntopic_id: ${TOPIC_ID}`);
});

test('its metrics count the logs, wake none, and are told whenever retention looks around', async () => {
  const first = await own.start();
  for (const partition of [0, 1]) first.getOrCreate('a-topic', partition, TOPIC_ID, SETTINGS).appendAsLeader(batchOf(['x']), CLIENT);
  await first.close({ brokerEpoch: 1 });
  const told: [string, unknown][] = [];
  const logger = { ...silentLogger, debug: (message: string, fields?: unknown) => { told.push([message, fields]); } };
  const manager = await own.start({ env: { disk: new NodeDisk(), clock: own.clock, random: new NodeRandom(), logger }, retentionCheckMs: 60_000 });
  expect(manager.metrics).toMatchObject({ logs: 2, sleepingLogs: 2, futureLogs: 0, OfflineLogDirectoryCount: 0, cleaner: { 'uncleanable-partitions-count': 0 } });
  manager.get('a-topic', 1)!.appendAsLeader(batchOf(['y']), CLIENT);
  expect(manager.metrics).toMatchObject({ logs: 2, sleepingLogs: 1 });
  own.clock.advance(60_000);
  expect(told).toContainEqual(['logs', expect.objectContaining({ logs: 2, sleepingLogs: 1, 'max-dirty-percent': 0 })]);
});

test('a log that lacked it learns and says of which topic it is', async () => {
  mkdirSync(`${own.root}/data/a-topic-0`, { recursive: true });
  const manager = await own.start();
  manager.getOrCreate('a-topic', 0, TOPIC_ID, SETTINGS);
  own.clock.advance(50);
  expect(file('a-topic-0/partition.metadata')).toBe(`version: 0\ntopic_id: ${TOPIC_ID}`);
});

test('refuses a directory that another holds', async () => {
  await own.start();
  await expect(own.start()).rejects.toThrow(`${own.root}/data is in use by another broker`);
});

test('a clean stop leaves checkpoints and the marker, and the next start believes them', async () => {
  const manager = await own.start();
  const log = manager.getOrCreate('a-topic', 3, TOPIC_ID, SETTINGS);
  log.appendAsLeader(batchOf(['x', 'y', 'z']), CLIENT);
  log.updateHighWatermark(3);
  log.incrementLogStartOffset(1, 'test');
  await manager.close({ brokerEpoch: 42 });
  expect(file('.kafka_cleanshutdown')).toBe('{"version":0,"brokerEpoch":42}');
  expect(file('recovery-point-offset-checkpoint')).toBe('0\n1\na-topic 3 3\n');
  expect(file('log-start-offset-checkpoint')).toBe('0\n1\na-topic 3 1\n');
  expect(file('replication-offset-checkpoint')).toBe('0\n1\na-topic 3 3\n');
  expect(readdirSync(`${own.root}/data/a-topic-3`).sort()).toEqual([
    '00000000000000000000.index', '00000000000000000000.log', '00000000000000000000.timeindex', '00000000000000000003.snapshot',
    'leader-epoch-checkpoint', 'partition.metadata',
  ]);
  const again = await own.start();
  expect(again.previousBrokerEpoch).toBe(42);
  expect(existsSync(`${own.root}/data/.kafka_cleanshutdown`)).toBe(false);
  const found = again.get('a-topic', 3)!;
  expect([found.topicId, found.logStartOffset, found.logEndOffset, found.highWatermark]).toEqual([TOPIC_ID, 1, 3, 3]);
});

test('after a kill, records and offsets are found without the marker', async () => {
  const manager = await own.start();
  for (let partition = 0; partition < 20; partition++) {
    manager.getOrCreate('events', partition, TOPIC_ID, SETTINGS).appendAsLeader(batchOf([`value of ${partition}`]), CLIENT);
  }
  manager.host.turnWrites.writeAll();
  manager.abandon();
  // As between the two steps of making it.
  mkdirSync(`${own.root}/data/empty-0`);
  const again = await own.start();
  expect(again.previousBrokerEpoch).toBeUndefined();
  for (let partition = 0; partition < 20; partition++) {
    expect(await readAll(again.get('events', partition)!)).toEqual([{ offset: 0, value: `value of ${partition}` }]);
  }
  const empty = again.get('empty', 0)!;
  expect(empty.topicId).toBe(ZERO_UUID);
  expect(again.getOrCreate('empty', 0, TOPIC_ID, SETTINGS)).toBe(empty);
  expect(empty.topicId).toBe(TOPIC_ID);
});

test('a long recovery tells how far it has come', async () => {
  const manager = await own.start();
  for (let partition = 0; partition < 6; partition++) manager.getOrCreate('events', partition, TOPIC_ID, SETTINGS).appendAsLeader(batchOf(['x']), CLIENT);
  manager.host.turnWrites.writeAll();
  manager.abandon();
  const slow = new ManualClock();
  const told: unknown[] = [];
  const logger = { ...silentLogger, info: (message: string, fields?: { done?: number }) => { told.push([message, fields?.done]); } };
  // Each log takes two seconds.
  Object.defineProperty(slow, 'monotonicMs', { value: () => (slow.advance(2000), slow.nowMs()) });
  await own.start({ env: { disk: new NodeDisk(), clock: slow, random: new NodeRandom(), logger } });
  expect(told).toEqual([['recovering logs, the last stop was not clean', undefined], ['recovering logs', 3], ['logs recovered', 6]]);
});

test('knows a partition of another topic with the same name', async () => {
  const manager = await own.start();
  manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS).appendAsLeader(batchOf(['x']), CLIENT);
  const other = 'AAAAAAAAAAAAAAAAAAAAAg';
  expect(() => manager.getOrCreate('events', 0, other, SETTINGS)).toThrow(expect.objectContaining({ errorCode: ErrorCode.INCONSISTENT_TOPIC_ID }));
  manager.markStray('events', 0);
  expect(manager.get('events', 0)).toBeUndefined();
  const another = manager.getOrCreate('events', 0, other, SETTINGS);
  expect(another.logEndOffset).toBe(0);
  another.appendAsLeader(batchOf(['y']), CLIENT);
  expect(readdirSync(`${own.root}/data`).filter(name => name.endsWith('-stray'))).toEqual([expect.stringMatching(/^events-0\.[0-9a-f]{32}-stray$/)]);
  manager.abandon();
  expect([...(await own.start()).all()]).toHaveLength(1);
});

test('deletes a partition by renaming it at once and removing it later', async () => {
  const manager = await own.start();
  manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS).appendAsLeader(batchOf(['x']), CLIENT);
  manager.delete('events', 0);
  const waiting = (): string[] => readdirSync(`${own.root}/data`).filter(name => name.endsWith('-delete'));
  expect(waiting()).toEqual([expect.stringMatching(/^events-0\.[0-9a-f]{32}-delete$/)]);
  expect(manager.get('events', 0)).toBeUndefined();
  own.clock.advance(SETTINGS.fileDeleteDelayMs - 1);
  expect(waiting()).toHaveLength(1);
  own.clock.advance(1);
  await eventually(() => waiting().length === 0);
});

test('a partition that was deleted waits as long as the node says, not its topic', async () => {
  let deleteDelayMs = 5000;
  const manager = await own.start({ deleteDelayMs: () => deleteDelayMs });
  manager.getOrCreate('events', 0, TOPIC_ID, { ...SETTINGS, fileDeleteDelayMs: 0 }).identify();
  deleteDelayMs = 2000;
  const before = own.clock.pendingTimers;
  manager.delete('events', 0);
  const waiting = (): string[] => readdirSync(`${own.root}/data`).filter(name => name.endsWith('-delete'));
  own.clock.advance(1999);
  expect([waiting().length, own.clock.pendingTimers]).toEqual([1, before]);
  own.clock.advance(1);
  await eventually(() => waiting().length === 0);
});

test('a partition that is deleted before its directory was made leaves nothing behind', async () => {
  const manager = await own.start();
  manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS);
  manager.delete('events', 0);
  const left = (): string[] => readdirSync(`${own.root}/data`).filter(name => name.startsWith('events'));
  own.clock.advance(SETTINGS.fileDeleteDelayMs);
  expect(left()).toEqual([]);
  await manager.close({ brokerEpoch: 1 });
  expect(left()).toEqual([]);
});

test('what waited for deletion when the process ended is removed by the next', async () => {
  mkdirSync(`${own.root}/data/gone-0.${'0'.repeat(32)}-delete`, { recursive: true });
  await own.start();
  own.clock.advance(SETTINGS.fileDeleteDelayMs);
  await eventually(() => !readdirSync(`${own.root}/data`).some(name => name.startsWith('gone')));
});

test('an unreadable checkpoint costs a recovery, not records', async () => {
  const manager = await own.start();
  manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS).appendAsLeader(batchOf(['x', 'y']), CLIENT);
  await manager.close({ brokerEpoch: 1 });
  writeFileSync(`${own.root}/data/recovery-point-offset-checkpoint`, 'nonsense\n\n\n');
  const again = await own.start();
  expect(await readAll(again.get('events', 0)!)).toHaveLength(2);
  expect(again.get('events', 0)!.recoveryPoint).toBe(0);
});

describe('a start that fails', () => {
  const open = (options: Partial<LogManagerOptions> = {}): Promise<NodeLogManager> => {
    const env = { disk: new NodeDisk(), clock: own.clock, random: new NodeRandom(), logger: silentLogger };
    return openLogManager({ env, directories: [`${own.root}/data`], clusterId: 'the-cluster', nodeId: 1, defaultSettings: SETTINGS, ...options });
  };
  const states = (): string[] => ['.kafka_cleanshutdown', 'recovery-point-offset-checkpoint', 'log-start-offset-checkpoint', 'replication-offset-checkpoint']
    .map(name => (existsSync(`${own.root}/data/${name}`) ? file(name) : 'absent'));

  async function withDeletedRecords(): Promise<NodeLogManager> {
    const manager = await own.start();
    const log = manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS);
    log.appendAsLeader(batchOf(['a', 'b', 'c']), CLIENT);
    log.updateHighWatermark(3);
    log.incrementLogStartOffset(2, 'test');
    return manager;
  }

  test('before logs are loaded leaves the marker and the checkpoints as they were', async () => {
    await (await withDeletedRecords()).close({ brokerEpoch: 42 });
    const before = states();
    await (await open()).close({ brokerEpoch: -1 });
    expect(states()).toEqual(before);
    const again = await own.start();
    expect(again.previousBrokerEpoch).toBe(42);
    expect([again.get('events', 0)!.logStartOffset, again.get('events', 0)!.highWatermark]).toEqual([2, 3]);
  });

  test('after a kill does not vouch for what nobody recovered', async () => {
    const manager = await withDeletedRecords();
    own.clock.advance(60_000);
    await eventually(() => states()[3] !== 'absent' && states()[2] !== 'absent' && states()[1] !== 'absent');
    manager.abandon();
    appendFileSync(`${own.root}/data/events-0/00000000000000000000.log`, batchOf(['torn']).subarray(0, 40));
    const before = states();
    expect(before).toEqual(['absent', expect.any(String), '0\n1\nevents 0 2\n', '0\n1\nevents 0 3\n']);
    await (await open()).close({ brokerEpoch: -1 });
    expect(states()).toEqual(before);
    const log = (await own.start()).get('events', 0)!;
    expect([log.logStartOffset, log.logEndOffset]).toEqual([2, 3]);
    log.appendAsLeader(batchOf(['d']), CLIENT);
    expect(await readAll(log)).toEqual([{ offset: 2, value: 'c' }, { offset: 3, value: 'd' }]);
  });

  test('in the midst of loading writes for the directories that are loaded, and for no other', async () => {
    const directories = [`${own.root}/more`, `${own.root}/data`];
    await (await withDeletedRecords()).close({ brokerEpoch: 42 });
    const [, ...checkpoints] = states();
    leavePartition(`${own.root}/more/events-0`);
    const manager = await open({ directories });
    await expect(manager.load()).rejects.toThrow('partition events-0 is in');
    await manager.close({ brokerEpoch: -1 });
    expect(states()).toEqual(['absent', ...checkpoints]);
    expect(existsSync(`${own.root}/more/.kafka_cleanshutdown`)).toBe(true);
    rmSync(`${own.root}/more/events-0`, { recursive: true });
    const log = (await own.start({ directories })).get('events', 0)!;
    expect([log.logStartOffset, log.logEndOffset]).toEqual([2, 3]);
  });

  test('on a log that cannot be read writes nothing for its directory', async () => {
    await (await withDeletedRecords()).close({ brokerEpoch: 42 });
    const [, ...checkpoints] = states();
    const path = `${own.root}/data/events-0/leader-epoch-checkpoint`;
    const kept = readFileSync(path);
    rmSync(path);
    mkdirSync(path);
    // Or nobody would look before somebody wants it.
    rmSync(`${own.root}/data/.kafka_cleanshutdown`);
    const manager = await open();
    await expect(manager.load()).rejects.toThrow('no log directory can be used');
    await manager.close({ brokerEpoch: -1 });
    expect(states()).toEqual(['absent', ...checkpoints]);
    rmSync(path, { recursive: true });
    writeFileSync(path, kept);
    expect((await own.start()).get('events', 0)!.logStartOffset).toBe(2);
  });

  test('and a metadata log that is cut before the others are loaded leaves their recovery points', async () => {
    await (await withDeletedRecords()).close({ brokerEpoch: 42 });
    const before = states();
    const manager = await open();
    const metadata = await openLog({
      host: manager.host, directory: `${own.root}/data/__cluster_metadata-0`, topic: '__cluster_metadata', partition: 0, topicId: ZERO_UUID, settings: SETTINGS,
    });
    for (const value of ['x', 'y']) metadata.appendAsLeader(batchOf([value]), { origin: 'raft', leaderEpoch: 1 });
    await metadata.flush();
    await metadata.truncateTo(1);
    await metadata.close();
    await manager.close({ brokerEpoch: -1 });
    expect(states()).toEqual(before);
  });
});

test('leaves the metadata log, and directories that are no partition, alone', async () => {
  mkdirSync(`${own.root}/data/__cluster_metadata-0`, { recursive: true });
  mkdirSync(`${own.root}/data/lost+found`);
  writeFileSync(`${own.root}/data/notes-1`, 'a file');
  expect([...(await own.start()).all()]).toEqual([]);
});

function leavePartition(path: string): void {
  mkdirSync(path, { recursive: true });
  writeFileSync(`${path}/partition.metadata`, `version: 0\ntopic_id: ${TOPIC_ID}`);
}

test('a partition in two directories stops the start and is named', async () => {
  const directories = [`${own.root}/data`, `${own.root}/more`];
  for (const directory of directories) leavePartition(`${directory}/events-0`);
  await expect(own.start({ directories })).rejects.toThrow(`partition events-0 is in ${directories[1]} and in ${directories[0]}`);
});

test.each([[0, 1], [1, 0]])('a partition that was made and never used gives way to the one in another directory', async (used, unused) => {
  const directories = [`${own.root}/data`, `${own.root}/more`];
  leavePartition(`${directories[used]}/events-0`);
  mkdirSync(`${directories[unused]}/events-0`, { recursive: true });
  const manager = await own.start({ directories });
  expect(manager.get('events', 0)?.directory).toBe(`${directories[used]}/events-0`);
  expect(readdirSync(directories[unused]!).filter(name => name.startsWith('events-0'))).toEqual([expect.stringMatching(/^events-0\.[0-9a-f]{32}-delete$/)]);
});

test('the recovery point of a partition that was deleted is not that of one with its name', async () => {
  const manager = await own.start();
  const log = manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS);
  log.appendAsLeader(batchOf(['one']), CLIENT);
  await log.flush();
  own.clock.advance(60_000);
  const path = `${own.root}/data/recovery-point-offset-checkpoint`;
  const checkpoint = (): string => readFileSync(path, 'utf8');
  await eventually(() => existsSync(path));
  expect(checkpoint()).toBe('0\n1\nevents 0 1\n');
  manager.delete('events', 0);
  manager.getOrCreate('events', 0, 'AAAAAAAAAAAAAAAAAAAABg', SETTINGS);
  expect(checkpoint()).toBe('0\n0\n');
});

describe('periodic work', () => {
  test('writes checkpoints in their intervals', async () => {
    const manager = await own.start();
    const log = manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS);
    log.appendAsLeader(batchOf(['x', 'y']), CLIENT);
    log.updateHighWatermark(2);
    own.clock.advance(5000);
    await eventually(() => existsSync(`${own.root}/data/replication-offset-checkpoint`));
    expect(file('replication-offset-checkpoint')).toBe('0\n1\nevents 0 2\n');
    await log.flush();
    own.clock.advance(55_000);
    await eventually(() => existsSync(`${own.root}/data/recovery-point-offset-checkpoint`));
    expect(file('recovery-point-offset-checkpoint')).toBe('0\n1\nevents 0 2\n');
  });

  test('writes no checkpoint over a later one, or of a log that is no more, however long the disk takes', async () => {
    let letGo = (): void => undefined;
    const disk = new NodeDisk();
    const open = disk.open.bind(disk);
    disk.open = (path, how) => {
      const opened = open(path, how);
      if (path.endsWith('.new.tmp')) opened.sync = () => new Promise<void>(resolve => { letGo = resolve; });
      return opened;
    };
    const manager = await own.start({ env: { disk, clock: own.clock, random: new NodeRandom(), logger: silentLogger } });
    const log = manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS);
    log.appendAsLeader(batchOf(['x', 'y']), CLIENT);
    log.updateHighWatermark(2);
    own.clock.advance(5000);
    manager.delete('events', 0);
    manager.getOrCreate('events', 0, 'AAAAAAAAAAAAAAAAAAAAAg', SETTINGS);
    expect(readdirSync(`${own.root}/data`)).toContain('replication-offset-checkpoint.new.tmp');
    letGo();
    await eventually(() => !readdirSync(`${own.root}/data`).some(name => name.endsWith('.tmp')));
    expect(existsSync(`${own.root}/data/replication-offset-checkpoint`)).toBe(false);
    // And the next one is written as ever.
    own.clock.advance(5000);
    letGo();
    await eventually(() => existsSync(`${own.root}/data/replication-offset-checkpoint`));
    expect(file('replication-offset-checkpoint')).toBe('0\n1\nevents 0 0\n');
  });

  test('forgets producers after the time that holds now, also in logs that were open before', async () => {
    let producerExpirationMs = 3_600_000;
    const manager = await own.start({ producerExpirationMs: () => producerExpirationMs });
    const log = manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS);
    log.appendAsLeader(batchOf(['x'], { timestampMs: own.clock.nowMs(), producerId: 7, producerEpoch: 0, baseSequence: 0 }), CLIENT);
    own.clock.advance(600_000);
    expect(log.activeProducers()).toMatchObject([{ producerId: 7 }]);
    producerExpirationMs = 1_200_000;
    own.clock.advance(600_000);
    expect(log.activeProducers()).toEqual([]);
    await log.flush();
  });

  test('applies retention', async () => {
    const manager = await own.start();
    const log = manager.getOrCreate('events', 0, TOPIC_ID, { ...SETTINGS, segmentBytes: 200, retentionMs: 1000 });
    for (let index = 0; index < 10; index++) log.appendAsLeader(batchOf(['x'.repeat(50)], { timestampMs: own.clock.nowMs() }), CLIENT);
    log.updateHighWatermark(10);
    own.clock.advance(300_000);
    expect([log.logStartOffset, log.segmentCount]).toEqual([10, 1]);
    await log.flush();
  });

  test('comes first after the initial delay, and then in its intervals', async () => {
    const manager = await own.start({ initialTaskDelayMs: 30_000 });
    const log = manager.getOrCreate('events', 0, TOPIC_ID, { ...SETTINGS, segmentBytes: 120, retentionMs: 1000 });
    const append = (): void => {
      log.appendAsLeader(batchOf(['x'.repeat(50)], { timestampMs: own.clock.nowMs() }), CLIENT);
      log.updateHighWatermark(log.logEndOffset);
    };
    append();
    own.clock.advance(29_999);
    expect(log.logStartOffset).toBe(0);
    own.clock.advance(1);
    expect(log.logStartOffset).toBe(1);
    await log.flush();
    await eventually(() => existsSync(`${own.root}/data/recovery-point-offset-checkpoint`) && existsSync(`${own.root}/data/log-start-offset-checkpoint`));
    append();
    own.clock.advance(299_999);
    expect(log.logStartOffset).toBe(1);
    own.clock.advance(1);
    expect(log.logStartOffset).toBe(2);
    await log.flush();
  });
});

test('in memory, everything is as on the disk', async () => {
  const disk = new MemoryDisk();
  const env = { disk, clock: own.clock, random: new NodeRandom(), logger: silentLogger };
  const manager = await own.start({ env, directories: ['/memory'] });
  manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS).appendAsLeader(batchOf(['x', 'y']), CLIENT);
  await manager.close({ brokerEpoch: 1 });
  const again = await own.start({ env, directories: ['/memory'] });
  expect(await readAll(again.get('events', 0)!)).toHaveLength(2);
});

test('a failing disk takes its directory out, and says so', async () => {
  const disk = new NodeDisk();
  const failures: string[] = [];
  const env = { disk, clock: own.clock, random: new NodeRandom(), logger: silentLogger };
  const manager = await openLogManager({
    env, directories: [`${own.root}/data`], clusterId: 'c', nodeId: 1, defaultSettings: SETTINGS,
    onDirectoryFailed: (directory, error) => failures.push(`${directory.path} ${error.code}`),
  });
  own.managers.push(manager);
  await manager.load();
  const log = manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS);
  log.makeDirectory();
  rmSync(`${own.root}/data/events-0`, { recursive: true });
  expect(() => log.appendAsLeader(batchOf(['x']), CLIENT)).toThrow(DiskError);
  expect(failures).toEqual([`${own.root}/data ENOENT`]);
  expect(manager.logDirs[0]!.error).toContain('events-0');
  expect(() => manager.getOrCreate('other', 0, TOPIC_ID, SETTINGS)).toThrow(expect.objectContaining({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR }));
  await manager.close({ brokerEpoch: 1 });
  expect(existsSync(`${own.root}/data/.kafka_cleanshutdown`)).toBe(false);
});
