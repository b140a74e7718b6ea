import { expect, test } from '@jest/globals';
import { SimRandom, SimWorld, type DiskHook } from '../../env/sim/index.js';
import { openLogManager, type NodeLogManager } from '../manager/manager.js';
import type { Log } from '../partition/log.js';
import { TOPIC_ID } from '../test-support.js';
import { firstDirtyOffset, planCleaning } from './cleanable.js';
import { CLEANER, COMPACTED, readCommitted, Workload, type ModelRecord } from './test-workload.js';

/**
 * A log is written and compacted, again and again, by a manager on a simulated disk. Each operation on the disk is in its turn
 * the last of the process, or of the machine. What is found then must have for every key the value that the same beginning of
 * the history gives, whatever had been compacted; and compaction must go on from there.
 */

/** Whatever is dirty is compacted, however little. */
const SETTINGS = { ...COMPACTED, minCleanableDirtyRatio: 0 };
const ROUNDS = 2;

async function start(world: SimWorld): Promise<NodeLogManager> {
  const node = world.node('broker');
  const manager = await world.runUntil(openLogManager({
    env: node, directories: ['/data'], clusterId: 'c', nodeId: 1, defaultSettings: SETTINGS, settingsOf: () => SETTINGS, cleanerSettings: () => CLEANER, tailCacheBytes: 3000,
  }));
  await world.runUntil(manager.load());
  return manager;
}

const logIn = (manager: NodeLogManager): Log => manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS);

/** Waits until nothing is left to compact. */
async function compacted(world: SimWorld, log: Log): Promise<void> {
  const isDirty = (): boolean => planCleaning(log, firstDirtyOffset(log, log.compaction.cleanedOffset), world.wallMs).cleanableBytes > 0;
  await world.runUntil(() => !log.compaction.inProgress && !isDirty(), 60_000);
}

function write(log: Log, workload: Workload, count: number): void {
  for (let index = 0; index < count; index++) workload.append(log);
  workload.endAll(log);
  log.updateHighWatermark(log.logEndOffset);
}

/** The value of every key, as a consumer that reads from the beginning knows it in the end. */
function valuesOf(records: readonly ModelRecord[]): Record<string, string> {
  const values = new Map<string, string>();
  for (const { key, value } of records) {
    if (key === null) continue;
    if (value === null) values.delete(key);
    else values.set(key, value);
  }
  return Object.fromEntries(values);
}

interface Interrupted {
  readonly world: SimWorld;
  readonly workload: Workload;
  /** End of the log when all of it was synced last. */
  readonly syncedEnd: number;
  readonly died: boolean;
}

/**
 * Writes and compacts twice, syncing in the first `syncedRounds` of these before it compacts. In the midst of the disk operation
 * `index` of those that follow writing, the process dies or the power fails.
 */
async function interruptedAt(index: number, death: 'kill' | 'crash', seed: number, syncedRounds: number): Promise<Interrupted> {
  const world = new SimWorld(`${seed} ${index}`);
  const node = world.node('broker');
  node.disk.makeDirectory('/data');
  node.disk.syncDirectory('/');
  const workload = new Workload(new SimRandom(`workload ${seed}`), node.clock);
  let operations = 0;
  let syncedEnd = 0;
  let died = false;
  const plant: DiskHook = ({ kind }) => {
    if (kind === 'read' || kind === 'open' || operations++ < index) return undefined;
    died = true;
    node.machine.onDiskOperation = undefined;
    return { death, appliedBytes: world.random.int(3) * 40 };
  };
  const work = async (): Promise<void> => {
    const manager = await start(world);
    const log = logIn(manager);
    for (let round = 0; round < ROUNDS && node.alive; round++) {
      node.machine.onDiskOperation = undefined;
      write(log, workload, 30);
      await world.runUntil(round < syncedRounds ? log.flush() : Promise.resolve());
      if (round < syncedRounds) syncedEnd = log.logEndOffset;
      node.machine.onDiskOperation = plant;
      await compacted(world, log);
      // Past the delete horizon, so that tombstones go with the next.
      await world.run(11_000);
    }
    node.machine.onDiskOperation = undefined;
    node.kill();
  };
  await work().catch((error: unknown) => { if (!died) throw error; });
  return { world, workload, syncedEnd, died };
}

test.each([['kill', 1], ['crash', 2]] as const)('a %s at any disk operation of a cleaning loses nothing and brings nothing back, seed %i', async (death, seed) => {
  for (let index = 0; ; index++) {
    const { world, workload, died } = await interruptedAt(index, death, seed, death === 'kill' ? 0 : ROUNDS);
    const manager = await start(world);
    const log = logIn(manager);
    log.updateHighWatermark(log.logEndOffset);
    const check = async (): Promise<void> => {
      const known = new Map(workload.committed.map(record => [record.offset, record]));
      const found = await world.runUntil(readCommitted(log));
      for (const record of found) expect({ index, record }).toEqual({ index, record: known.get(record.offset) });
      expect({ index, values: valuesOf(found) }).toEqual({ index, values: valuesOf(workload.committed) });
    };
    await check();
    const names = world.node('broker').disk.list('/data/events-0');
    expect({ index, names: names.filter(name => name.endsWith('.cleaned') || name.endsWith('.swap')) }).toEqual({ index, names: [] });
    await compacted(world, log);
    await check();
    world.node('broker').kill();
    if (!died) {
      expect(index).toBeGreaterThan(100);
      return;
    }
  }
}, 300_000);

/** The newest record of every key. */
function newestOf(records: readonly ModelRecord[]): Map<string | null, ModelRecord> {
  return new Map(records.map(record => [record.key, record]));
}

test('a record that was synced goes only for a later one that cannot be lost any more', async () => {
  for (let index = 0; ; index++) {
    const { world, workload, syncedEnd, died } = await interruptedAt(index, 'crash', 3, 1);
    if (!died) {
      expect(index).toBeGreaterThan(100);
      return;
    }
    const log = logIn(await start(world));
    log.updateHighWatermark(log.logEndOffset);
    const found = newestOf(await world.runUntil(readCommitted(log)));
    for (const [key, { offset, value }] of newestOf(workload.committed.filter(record => record.offset < syncedEnd))) {
      if (key !== null && value !== null) expect({ index, key, kept: (found.get(key)?.offset ?? -1) >= offset }).toEqual({ index, key, kept: true });
    }
    world.node('broker').kill();
  }
}, 300_000);
