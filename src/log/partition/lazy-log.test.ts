import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { appendFileSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { NodeDisk, NodeRandom, silentLogger } from '../../env/node/index.js';
import { SimWorld } from '../../env/sim/index.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import type { Log } from './log.js';
import { openLogManager, type NodeLogManager } from '../manager/manager.js';
import { LogBeingCheckedError } from '../types.js';
import { batchOf, CLIENT, eventually, ManualClock, readAll, SETTINGS, temporaryDirectory, TOPIC_ID } from '../test-support.js';

/** Counts the partition directories that are looked into. */
class CountingDisk extends NodeDisk {
  lists = 0;

  override list(directory: string): string[] {
    if (!directory.endsWith('/data')) this.lists++;
    return super.list(directory);
  }
}

let root: ReturnType<typeof temporaryDirectory>;
let clock: ManualClock;
let disk: CountingDisk;
let manager: NodeLogManager;

beforeEach(() => {
  root = temporaryDirectory();
  clock = new ManualClock();
});
afterEach(() => {
  manager.abandon();
  root.remove();
});

async function start(): Promise<void> {
  disk = new CountingDisk();
  const env = { disk, clock, random: new NodeRandom(), logger: silentLogger };
  manager = await openLogManager({ env, directories: [`${root.path}/data`], clusterId: 'c', nodeId: 1, defaultSettings: SETTINGS });
  await manager.load();
}

const PARTITIONS = 30;

/** Logs of a few batches each, closed in order and found again. */
async function restarted(): Promise<void> {
  await start();
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const log = manager.getOrCreate('t', partition, TOPIC_ID, SETTINGS);
    for (let batch = 0; batch <= partition % 3; batch++) log.appendAsLeader(batchOf([`${partition}.${batch}`]), { ...CLIENT, leaderEpoch: batch });
    log.updateHighWatermark(log.logEndOffset);
  }
  manager.get('t', 5)!.incrementLogStartOffset(2, 'test');
  await manager.close({ brokerEpoch: 1 });
  await start();
}

const isChecked = (log: Log): Promise<void> => eventually(() => {
  try {
    return log.logStartOffset === 0;
  } catch {
    return false;
  }
});

const linesOf = (name: string): string[] => readFileSync(`${root.path}/data/${name}`, 'utf8').split('\n').sort();

test('logs that were closed in order are not looked into until they are used, not to lead nor to be closed again', async () => {
  await restarted();
  const checkpoints = ['recovery-point-offset-checkpoint', 'replication-offset-checkpoint', 'log-start-offset-checkpoint'];
  const before = checkpoints.map(linesOf);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const log = manager.getOrCreate('t', partition, TOPIC_ID, SETTINGS);
    log.assignEpochStart(7, log.logEndOffset);
    expect([log.logEndOffset, log.highWatermark, log.recoveryPoint]).toEqual(Array.from({ length: 3 }, () => (partition % 3) + 1));
    log.updateHighWatermark(log.logEndOffset);
    log.removeExpiredProducers(clock.nowMs());
  }
  await manager.close({ brokerEpoch: 2 });
  expect(disk.lists).toBe(0);
  expect(checkpoints.map(linesOf)).toEqual(before);
});

test('the first use finds what was left, and what happened since', async () => {
  await restarted();
  const log = manager.get('t', 5)!;
  log.assignEpochStart(6, log.logEndOffset);
  log.assignEpochStart(7, log.logEndOffset);
  expect([log.logStartOffset, log.logEndOffset, log.highWatermark]).toEqual([2, 3, 3]);
  expect(await readAll(log)).toEqual([{ offset: 2, value: '5.2' }]);
  expect([log.endOffsetForEpoch(2), log.endOffsetForEpoch(7), log.latestEpoch]).toEqual([{ leaderEpoch: 2, endOffset: 3 }, { leaderEpoch: 7, endOffset: 3 }, 7]);
  expect(log.appendAsLeader(batchOf(['new']), { ...CLIENT, leaderEpoch: 7 }).baseOffset).toBe(3);
  expect(disk.lists).toBe(1);
  await manager.close({ brokerEpoch: 2 });
  await start();
  expect(await readAll(manager.get('t', 5)!)).toEqual([{ offset: 2, value: '5.2' }, { offset: 3, value: 'new' }]);
});

test('a log that somebody changed while it was closed is refused until it has been checked', async () => {
  await restarted();
  const [name] = readdirSync(`${root.path}/data/t-2`).filter(entry => entry.endsWith('.log'));
  appendFileSync(`${root.path}/data/t-2/${name}`, batchOf(['torn']).subarray(0, 40));
  const log = manager.get('t', 2)!;
  expect(() => log.logStartOffset).toThrow(expect.objectContaining({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }));
  await isChecked(log);
  expect(await readAll(log)).toEqual([0, 1, 2].map(offset => ({ offset, value: `2.${offset}` })));
  expect(log.appendAsLeader(batchOf(['new']), CLIENT).baseOffset).toBe(3);
});

/** A log of one partition on a simulated machine that was closed in order and has got a torn end since; its first use has begun a check. */
async function beingChecked() {
  const world = new SimWorld(1);
  const env = world.node('broker');
  const options = { env, directories: ['/data'], clusterId: 'c', nodeId: 1, defaultSettings: SETTINGS };
  const open = async (): Promise<NodeLogManager> => {
    manager = await world.runUntil(openLogManager(options));
    await world.runUntil(manager.load());
    return manager;
  };
  const bytes = batchOf(['a']);
  (await open()).getOrCreate('t', 0, TOPIC_ID, SETTINGS).appendAsLeader(bytes, CLIENT);
  await world.runUntil(manager.close({ brokerEpoch: 1 }));
  const file = env.disk.open('/data/t-0/00000000000000000000.log');
  file.writeNow([bytes.subarray(0, 40)], bytes.length);
  file.close();
  const log = (await open()).get('t', 0)!;
  expect(() => log.logStartOffset).toThrow(LogBeingCheckedError);
  return { world, env, log, sizeBytes: bytes.length };
}

test('a log that is closed while it is being checked is brought to order first: nothing is done to its files once the directory is free', async () => {
  const { world, env, log, sizeBytes } = await beingChecked();
  await world.runUntil(manager.close({ brokerEpoch: 2 }));
  expect([env.disk.stat('/data/.kafka_cleanshutdown')?.isDirectory, env.disk.stat('/data/t-0/00000000000000000000.log')?.sizeBytes]).toEqual([false, sizeBytes]);
  const later: string[] = [];
  env.machine.onDiskOperation = ({ kind, path }) => { later.push(`${kind} ${path}`); return undefined; };
  await world.run(10_000);
  expect(later).toEqual([]);
  expect(() => log.appendAsLeader(batchOf(['b']), CLIENT)).toThrow('closed');
});

test('a log that is given up while it is being checked stays closed when the check is over', async () => {
  const { world, log } = await beingChecked();
  manager.abandon();
  await world.run(10_000);
  expect([log.isAsleep, log.isClosed]).toEqual([true, true]);
});

test('who meets a check can wait for its end', async () => {
  const { world, log } = await beingChecked();
  let met: unknown;
  try { log.appendAsLeader(batchOf(['b']), CLIENT); } catch (error) { met = error; }
  await world.runUntil((met as LogBeingCheckedError).checked);
  expect(log.appendAsLeader(batchOf(['b']), CLIENT).baseOffset).toBe(1);
});

test('a visit lets a log sleep on, unless it says otherwise, and never one that it has changed', async () => {
  await restarted();
  const log = manager.get('t', 1)!;
  expect([log.whileAwake(() => log.segmentCount, () => false), log.isAsleep]).toEqual([1, true]);
  expect([log.whileAwake(() => log.segmentCount, () => true), log.isAsleep]).toEqual([1, false]);
  expect([log.whileAwake(() => log.segmentCount, () => false), log.isAsleep]).toEqual([1, false]);
  const other = manager.get('t', 4)!;
  expect(() => other.whileAwake(() => other.appendAsLeader(batchOf(['new']), CLIENT), () => false)).toThrow('changed');
  expect(other.isAsleep).toBe(false);
});

test('producers are found again in the records when the snapshot that should tell of them is damaged', async () => {
  await start();
  const producer = { producerId: 9, producerEpoch: 0 };
  manager.getOrCreate('t', 0, TOPIC_ID, SETTINGS).appendAsLeader(batchOf(['a'], { ...producer, baseSequence: 0 }), CLIENT);
  await manager.close({ brokerEpoch: 1 });
  const [snapshot] = readdirSync(`${root.path}/data/t-0`).filter(entry => entry.endsWith('.snapshot'));
  appendFileSync(`${root.path}/data/t-0/${snapshot}`, 'damaged');
  await start();
  const log = manager.get('t', 0)!;
  await isChecked(log);
  expect(log.activeProducers()).toMatchObject([{ producerId: 9, lastSequence: 0 }]);
});

test('retention lets a log sleep on that has nothing to lose, and not the other', async () => {
  await restarted();
  const log = manager.get('t', 1)!;
  for (let round = 1; round <= 3; round++) {
    expect(log.applyRetention(1_700_000_000_000)).toBe(0);
    expect(disk.lists).toBe(round);
  }
  log.updateSettings({ ...SETTINGS, retentionMs: 1000 });
  expect(log.applyRetention(1_800_000_000_000)).toBe(1);
  expect([log.logStartOffset, log.logEndOffset, disk.lists]).toEqual([2, 2, 4]);
});

test('the last stable offset is that of the records, before anything else was asked', async () => {
  await start();
  const log = manager.getOrCreate('t', 0, TOPIC_ID, SETTINGS);
  log.appendAsLeader(batchOf(['plain']), CLIENT);
  log.appendAsLeader(batchOf(['open'], { producerId: 9, producerEpoch: 0, baseSequence: 0, isTransactional: true }), CLIENT);
  log.updateHighWatermark(2);
  await manager.close({ brokerEpoch: 1 });
  await start();
  const found = manager.get('t', 0)!;
  expect([found.isAsleep, found.highWatermark]).toEqual([true, 2]);
  expect(found.lastStableOffset).toBe(1);
});

test('its size wants nothing but its files, also while it is being checked', async () => {
  await start();
  const log = manager.getOrCreate('t', 0, TOPIC_ID, { ...SETTINGS, segmentBytes: 200 });
  for (let index = 0; index < 5; index++) log.appendAsLeader(batchOf(['x'.repeat(60)]), CLIENT);
  const { sizeBytes, segmentCount } = log;
  expect(segmentCount).toBeGreaterThan(2);
  await manager.close({ brokerEpoch: 1 });
  await start();
  expect([manager.get('t', 0)!.sizeBytes, manager.get('t', 0)!.isAsleep]).toEqual([sizeBytes, true]);
  await manager.close({ brokerEpoch: 1 });
  appendFileSync(`${root.path}/data/t-0/${'0'.repeat(19)}4.log`, 'torn');
  await start();
  const changed = manager.get('t', 0)!;
  expect(() => changed.logStartOffset).toThrow('being checked');
  expect(changed.sizeBytes).toBe(sizeBytes + 'torn'.length);
  await isChecked(changed);
});

test('of an empty log retention, its size and its ends want nothing from the disk', async () => {
  await start();
  manager.getOrCreate('empty', 0, TOPIC_ID, SETTINGS);
  await manager.close({ brokerEpoch: 1 });
  await start();
  const log = manager.get('empty', 0)!;
  log.updateSettings({ ...SETTINGS, retentionMs: 1000 });
  expect([log.applyRetention(1_800_000_000_000), log.sizeBytes, log.logStartOffset, log.logEndOffset, disk.lists]).toEqual([0, 0, 0, 0, 0]);
  expect(log.appendAsLeader(batchOf(['first']), CLIENT).baseOffset).toBe(0);
  expect([log.sizeBytes > 0, disk.lists]).toEqual([true, 1]);
});

test('a log whose directory is gone says so at its first use, and takes its directory offline', async () => {
  await restarted();
  rmSync(`${root.path}/data/t-3`, { recursive: true });
  const log = manager.get('t', 3)!;
  expect(() => log.sizeBytes).toThrow('ENOENT');
  expect(manager.logDirs[0]!.error).toContain('t-3');
});

test('a start that nobody wrote to, and that has no index therefore, is used at once', async () => {
  await start();
  await manager.getOrCreate('t', 0, TOPIC_ID, SETTINGS).truncateFullyAndStartAt(5);
  await manager.close({ brokerEpoch: 1 });
  const directory = `${root.path}/data/t-0`;
  for (const name of readdirSync(directory)) if (name.endsWith('index')) rmSync(`${directory}/${name}`);
  await start();
  const log = manager.get('t', 0)!;
  expect([log.logStartOffset, log.logEndOffset]).toEqual([5, 5]);
  log.appendAsLeader(batchOf(['x']), CLIENT);
  await manager.close({ brokerEpoch: 2 });
  expect(readdirSync(directory).filter(name => name.endsWith('index'))).toHaveLength(2);
  await start();
  expect([manager.get('t', 0)!.logStartOffset, manager.get('t', 0)!.logEndOffset]).toEqual([5, 6]);
});
