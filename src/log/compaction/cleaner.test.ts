import { beforeEach, describe, expect, test } from '@jest/globals';
import type { CleanerSettings } from '../../config/cleaner-settings.js';
import type { LogSettings } from '../../config/log-settings.js';
import { SimRandom, SimWorld, type SimNode } from '../../env/sim/index.js';
import { buildBatch } from '../../protocol/records/batch-builder.js';
import { buildEndTransactionMarker } from '../../protocol/records/control-records.js';
import { openLogManager, type NodeLogManager } from '../manager/manager.js';
import type { Log } from '../partition/log.js';
import { CLIENT, TOPIC_ID } from '../test-support.js';
import { firstDirtyOffset, groupSegments, planCleaning, type CleaningPlan } from './cleanable.js';
import { CLEANER, COMPACTED, readCommitted, Workload, type ModelRecord } from './test-workload.js';

/** Which log is compacted next, and what keeps one from it; on a simulated disk and clock. */

let world: SimWorld;
let node: SimNode;
let settings: CleanerSettings;
beforeEach(() => {
  world = new SimWorld('cleaner');
  node = world.node('broker');
  node.disk.makeDirectory('/data');
  settings = CLEANER;
});

async function start(directories = ['/data'], known = COMPACTED): Promise<NodeLogManager> {
  const manager = await world.runUntil(openLogManager({
    env: node, directories, clusterId: 'c', nodeId: 1, defaultSettings: COMPACTED, settingsOf: () => known, cleanerSettings: () => settings,
    tailCacheBytes: 0, readAheadFromBytes: 1,
  }));
  await world.runUntil(manager.load());
  return manager;
}

const open = (manager: NodeLogManager, own: Partial<LogSettings> = {}, topic = 'events'): Log => manager.getOrCreate(topic, 0, TOPIC_ID, { ...COMPACTED, ...own });

/** Records of about 100 bytes, a dozen a segment, all committed; `keys` of them come again and again. */
function append(log: Log, count: number, keys = 5): void {
  for (let index = 0; index < count; index++) {
    const key = Buffer.from(`key ${log.logEndOffset % keys}`);
    log.appendAsLeader(buildBatch({}, [{ timestampMs: world.wallMs, key, value: Buffer.from(`${log.logEndOffset}`.padEnd(40)) }]), CLIENT);
  }
  log.updateHighWatermark(log.logEndOffset);
}

const plan = (log: Log): CleaningPlan => planCleaning(log, firstDirtyOffset(log, log.compaction.cleanedOffset), world.wallMs);
const isCompacted = (log: Log): boolean => !log.compaction.inProgress && plan(log).cleanableBytes === 0;
const filesOf = (log: Log): string[] => node.disk.list(log.directory);
const checkpoint = (directory = '/data'): string => node.disk.readFile(`${directory}/cleaner-offset-checkpoint`).toString();
const offsetsIn = async (log: Log): Promise<number[]> => (await world.runUntil(readCommitted(log))).map(({ offset }) => offset);

test('other settings are acted on at once, not after the pause that they end', async () => {
  settings = { ...CLEANER, backoffMs: 3_600_000 };
  const manager = await start();
  const log = open(manager);
  append(log, 60);
  manager.cleaner.settingsChanged();
  await world.run(100);
  expect(isCompacted(log)).toBe(false);
  settings = { ...CLEANER, backoffMs: 1_800_000 };
  manager.cleaner.settingsChanged();
  await world.run(100);
  expect(isCompacted(log)).toBe(true);
});

describe('what can be compacted', () => {
  test('ends before the active segment, the first undecided transaction and what is too new', async () => {
    const log = open(await start());
    append(log, 30);
    expect(plan(log).firstUncleanableOffset).toBe(log.segments.active.baseOffset);
    const [, second] = log.segments.baseOffsets;
    log.updateHighWatermark(second! + 1);
    expect(plan(log)).toMatchObject({ firstUncleanableOffset: second, cleanableBytes: log.segments.first.sizeBytes });
    log.updateHighWatermark(log.logEndOffset);

    log.appendAsLeader(buildBatch({ producerId: 1, producerEpoch: 0, baseSequence: 0, isTransactional: true }, [{ timestampMs: world.wallMs, key: Buffer.from('k'), value: null }]), CLIENT);
    const openAt = log.segments.active.baseOffset;
    append(log, 30);
    expect(plan(log).firstUncleanableOffset).toBe(openAt);
    log.appendAsLeader(buildEndTransactionMarker({ producerId: 1, producerEpoch: 0, timestampMs: world.wallMs }, { committed: true, coordinatorEpoch: 0 }), { origin: 'coordinator', leaderEpoch: 0 });
    log.updateHighWatermark(log.logEndOffset);
    expect(plan(log).firstUncleanableOffset).toBe(log.segments.active.baseOffset);

    log.updateSettings({ ...COMPACTED, minCompactionLagMs: 5000 });
    expect(plan(log).cleanableBytes).toBe(0);
    await world.run(5001);
    append(log, 30);
    const lagging = [...log.segments].find(segment => segment.largestTimestamp().timestampMs > world.wallMs - 5000)!;
    expect(plan(log).firstUncleanableOffset).toBe(lagging.baseOffset);
    expect(lagging.baseOffset).toBeGreaterThan(openAt);
  });

  test('waits for as long as its file was not written to, where no record has a timestamp', async () => {
    settings = { ...CLEANER, enabled: false };
    const log = open(await start(), { minCompactionLagMs: 5000 });
    for (let index = 0; index < 30; index++) {
      log.appendAsLeader(buildBatch({}, [{ timestampMs: -1, key: Buffer.from('k'), value: Buffer.from('v'.repeat(40)) }]), CLIENT);
    }
    log.updateHighWatermark(30);
    log.write();
    await world.run(1000);
    expect(plan(log).cleanableBytes).toBe(0);
    await world.run(5000);
    expect(plan(log).cleanableBytes).toBeGreaterThan(0);
  });

  test('is no longer in the active segment when it has waited for as long as it may', async () => {
    const compacted = open(await start(), { maxCompactionLagMs: 5000 });
    append(compacted, 1);
    await world.run(4000);
    append(compacted, 1);
    expect(compacted.segments.baseOffsets).toEqual([0]);
    await world.run(1001);
    append(compacted, 1);
    expect(compacted.segments.baseOffsets).toEqual([0, 2]);
    compacted.updateSettings({ ...compacted.settings, cleanupPolicy: { compact: false, delete: true } });
    await world.run(6000);
    append(compacted, 1);
    expect(compacted.segments.baseOffsets).toEqual([0, 2]);
  });

  test('begins where the last cleaning ended, or at the start of the log when that is nowhere in it', async () => {
    const log = open(await start());
    append(log, 30);
    log.incrementLogStartOffset(7, 'test');
    expect([undefined, 3, 7, 20, 30, 31].map(cleaned => firstDirtyOffset(log, cleaned))).toEqual([7, 7, 7, 20, 30, 7]);
  });

  test('is due when enough of the log is dirty, or something has waited longer than it may', async () => {
    settings = { ...CLEANER, enabled: false };
    const log = open(await start(), { minCleanableDirtyRatio: 0.9 });
    append(log, 60);
    log.compaction.cleanedOffset = log.segments.baseOffsets[2]!;
    settings = CLEANER;
    await world.run(3000);
    expect(plan(log).cleanableBytes).toBeGreaterThan(0);
    log.updateSettings({ ...log.settings, maxCompactionLagMs: 10_000 });
    await world.run(5000);
    expect(plan(log)).toMatchObject({ compactionDelayMs: 0 });
    await world.runUntil(() => isCompacted(log));
    expect(plan(log).cleanableBytes).toBe(0);
  });

  test('is written into one segment as far as bytes, index bytes and offsets fit', () => {
    const segment = (baseOffset: number, sizeBytes: number, offsetIndexBytes = 1, timeIndexBytes = 1) => ({ baseOffset, sizeBytes, offsetIndexBytes, timeIndexBytes });
    const group = (segments: ReturnType<typeof segment>[], firstUncleanableOffset = 1000) =>
      groupSegments(segments, { segmentBytes: 100, segmentIndexBytes: 10, firstUncleanableOffset }).map(found => found.map(({ baseOffset }) => baseOffset));
    expect(group([segment(0, 60), segment(10, 40), segment(20, 1), segment(30, 200), segment(40, 0)])).toEqual([[0, 10], [20], [30], [40]]);
    expect(group([segment(0, 1, 6), segment(10, 1, 5), segment(20, 1, 1, 9), segment(30, 1, 1, 2)])).toEqual([[0], [10, 20], [30]]);
    const far = 2 ** 31;
    expect(group([segment(0, 1), segment(10, 1), segment(far, 1)], far + 5)).toEqual([[0, 10], [far]]);
    expect(group([segment(0, 1), segment(far - 5, 0)], far + 5)).toEqual([[0, far - 5]]);
    expect(group([segment(0, 1), segment(far - 5, 1)], far)).toEqual([[0, far - 5]]);
    expect(group([])).toEqual([]);
  });
});

describe('the checkpoint', () => {
  test('says how far logs were compacted, in Apache\'s form, and outlasts the process', async () => {
    const manager = await start();
    const log = open(manager);
    append(log, 60);
    await world.runUntil(() => isCompacted(log));
    const cleaned = log.segments.active.baseOffset;
    expect(checkpoint()).toBe(`0\n1\nevents 0 ${cleaned}\n`);
    await world.runUntil(manager.close({ brokerEpoch: 1 }));
    expect(open(await start()).compaction.cleanedOffset).toBe(cleaned);
  });

  test('goes back with a log that is cut, and goes with one that is deleted', async () => {
    const manager = await start();
    const log = open(manager);
    append(log, 60);
    await world.runUntil(() => isCompacted(log));
    await world.runUntil(log.truncateTo(20));
    expect(checkpoint()).toBe(`0\n1\nevents 0 ${log.segments.active.baseOffset}\n`);
    manager.delete('events', 0);
    expect(open(manager).compaction.cleanedOffset).toBeUndefined();
    expect(checkpoint()).toBe('0\n0\n');
  });

  test('that cannot be read, or names what is not there, lets compaction begin anew', async () => {
    const manager = await start();
    append(open(manager), 60);
    await world.runUntil(() => isCompacted(open(manager)));
    await world.runUntil(manager.close({ brokerEpoch: 1 }));
    node.disk.writeFileAtomically('/data/cleaner-offset-checkpoint', 'nonsense\n1\n2\n');
    const again = await start();
    const log = open(again);
    expect([log.compaction.cleanedOffset, log.logEndOffset]).toEqual([undefined, 60]);
    log.compaction.cleanedOffset = 1000;
    append(log, 30);
    await world.runUntil(() => isCompacted(log));
    expect(checkpoint()).toBe(`0\n1\nevents 0 ${log.segments.active.baseOffset}\n`);
    expect(new Set((await offsetsIn(log)).filter(offset => offset < log.segments.active.baseOffset)).size).toBe(5);
  });
});

test('what is missing from a log that was compacted is no loss, whatever became of its policy and of the checkpoints', async () => {
  const manager = await start();
  const log = open(manager);
  append(log, 60);
  await world.runUntil(() => isCompacted(log));
  await world.runUntil(log.flush());
  const left = await offsetsIn(log);
  manager.abandon();
  for (const file of ['cleaner-offset-checkpoint', 'recovery-point-offset-checkpoint']) node.disk.removeNow(`/data/${file}`);
  const again = (await start(['/data'], { ...COMPACTED, cleanupPolicy: { compact: false, delete: true } })).get('events', 0)!;
  again.updateHighWatermark(again.logEndOffset);
  expect([again.compaction.cleanedOffset, again.logEndOffset]).toEqual([undefined, 60]);
  expect(await offsetsIn(again)).toEqual(left);
  expect(left.length).toBeLessThan(20);
});

describe('a log that changes while it is compacted', () => {
  /** Lets a cleaning begin, and stops as it writes. */
  async function amidst(log: Log): Promise<void> {
    await world.runUntil(() => log.compaction.inProgress && filesOf(log).some(name => name.endsWith('.cleaned')));
  }

  test('by being cut: what was written goes, and what is left is compacted later', async () => {
    const log = open(await start());
    append(log, 60);
    await amidst(log);
    await world.runUntil(log.truncateTo(30));
    await world.runUntil(() => !log.compaction.inProgress);
    expect(filesOf(log).filter(name => /cleaned|swap/.test(name))).toEqual([]);
    expect((await offsetsIn(log)).at(-1)).toBe(29);
    append(log, 30);
    await world.runUntil(() => isCompacted(log));
    expect((await offsetsIn(log)).at(-1)).toBe(59);
  });

  test('by being deleted, and made anew under its name: neither hears of the other', async () => {
    const manager = await start();
    const log = open(manager);
    append(log, 60);
    await amidst(log);
    manager.delete('events', 0);
    const other = open(manager);
    append(other, 60);
    await world.runUntil(() => isCompacted(other) && !log.compaction.inProgress);
    expect(filesOf(other).filter(name => /cleaned|swap/.test(name))).toEqual([]);
    expect((await offsetsIn(other)).at(-1)).toBe(59);
    expect(manager.logDirs[0]!.error).toBeUndefined();
  });

  test('by a new policy: nothing more of it is compacted', async () => {
    const log = open(await start());
    append(log, 60);
    const before = log.segments.baseOffsets;
    await amidst(log);
    log.updateSettings({ ...log.settings, cleanupPolicy: { compact: false, delete: true } });
    await world.runUntil(() => !log.compaction.inProgress);
    expect([log.segments.baseOffsets, (await offsetsIn(log)).length]).toEqual([before, 60]);
    expect(filesOf(log).filter(name => /cleaned|swap/.test(name))).toEqual([]);
  });

  test('by the stop of the broker: it waits for the cleaning to end, and leaves nothing of it', async () => {
    const manager = await start();
    const log = open(manager);
    append(log, 60);
    await amidst(log);
    await world.runUntil(manager.close({ brokerEpoch: 1 }));
    expect(filesOf(log).filter(name => /cleaned|swap/.test(name))).toEqual([]);
    expect(await offsetsIn(open(await start()))).toHaveLength(60);
  });
});

describe('a log that moves to another directory', () => {
  const startWithTwo = (): Promise<NodeLogManager> => start(['/data', '/other']);

  /** The value of each key, without those that were deleted. */
  async function table(log: Log): Promise<Record<string, string>> {
    const records = await world.runUntil(readCommitted(log));
    return Object.fromEntries(records.filter(({ value }) => value !== null).map(({ key, value }) => [key, value]));
  }

  function put(log: Log, key: string, value: string | null): void {
    log.appendAsLeader(buildBatch({}, [{ timestampMs: world.wallMs, key: Buffer.from(key), value: value === null ? null : Buffer.from(value) }]), CLIENT);
  }

  /** Finishes the copy that was begun; the log that is in its place now. */
  async function finishMove(manager: NodeLogManager): Promise<Log> {
    const future = manager.futures.get('events', 0)!;
    while ((await world.runUntil(future.copy(1 << 20))) > 0);
    await world.runUntil(future.log.flush());
    expect(future.replaceLog()).toBe(manager.get('events', 0));
    return manager.get('events', 0)!;
  }

  /** A copy of it holds a key that is deleted later, when nothing of it may stay for long. */
  async function copyBeforeDelete(manager: NodeLogManager): Promise<Log> {
    const log = open(manager, { deleteRetentionMs: 0, minCleanableDirtyRatio: 0 });
    put(log, 'gone', 'back from the dead');
    append(log, 30);
    expect(await world.runUntil(manager.futures.create('events', 0, '/other').copy(1))).toBeGreaterThan(0);
    put(log, 'gone', null);
    append(log, 60);
    return log;
  }

  test('is not compacted meanwhile: what was deleted stays deleted', async () => {
    const manager = await startWithTwo();
    const log = await copyBeforeDelete(manager);
    await world.run(10_000);
    expect(log.compaction.cleanedOffset).toBeUndefined();
    const moved = await finishMove(manager);
    await world.runUntil(() => isCompacted(moved));
    await world.run(5000);
    append(moved, 30);
    await world.runUntil(() => isCompacted(moved));
    expect(Object.keys(await table(moved)).sort()).toEqual(['key 0', 'key 1', 'key 2', 'key 3', 'key 4']);
  });

  test('is copied only when a cleaning that was under way has ended', async () => {
    const manager = await startWithTwo();
    const log = open(manager);
    append(log, 60);
    await world.runUntil(() => log.compaction.inProgress && filesOf(log).some(name => name.endsWith('.cleaned')));
    const future = manager.futures.create('events', 0, '/other');
    expect(future.replaceLog()).toBeUndefined();
    const copied = future.copy(1 << 20);
    expect([log.compaction.inProgress, future.log.logEndOffset]).toEqual([true, 0]);
    await world.runUntil(copied);
    expect([log.compaction.inProgress, log.compaction.cleanedOffset]).toEqual([false, undefined]);
    expect((await offsetsIn(await finishMove(manager))).length).toBe(60);
  });

  test('is compacted again once its copy is given up', async () => {
    const manager = await startWithTwo();
    const log = await copyBeforeDelete(manager);
    manager.futures.remove('events', 0);
    await world.runUntil(() => isCompacted(log));
    expect(log.compaction.cleanedOffset).toBeGreaterThan(30);
  });

  test('is copied anew where it may have been compacted since the copy began', async () => {
    let manager = await startWithTwo();
    await copyBeforeDelete(manager);
    await world.runUntil(manager.close({ brokerEpoch: 1 }));
    manager = await start();
    const compacted = open(manager, { deleteRetentionMs: 0, minCleanableDirtyRatio: 0 });
    await world.runUntil(() => compacted.compaction.cleanedOffset !== undefined && isCompacted(compacted));
    await world.run(5000);
    append(compacted, 30);
    await world.runUntil(() => isCompacted(compacted));
    const left = await table(compacted);
    expect(left).not.toHaveProperty('gone');
    await world.runUntil(manager.close({ brokerEpoch: 1 }));
    manager = await startWithTwo();
    open(manager);
    expect(manager.futures.get('events', 0)!.replaceLog()).toBeUndefined();
    expect(await table(await finishMove(manager))).toEqual(left);
  });

  test('is named by the checkpoint of one directory alone: Apache Kafka\'s cleaner ends over two', async () => {
    const manager = await startWithTwo();
    append(open(manager), 60);
    await world.runUntil(() => isCompacted(open(manager)));
    const before = open(manager);
    const cleaned = before.compaction.cleanedOffset!;
    manager.futures.create('events', 0, '/other');
    await world.runUntil(manager.close({ brokerEpoch: 1 }));
    expect([checkpoint(), checkpoint('/other')]).toEqual([`0\n1\nevents 0 ${cleaned}\n`, '0\n0\n']);
    const again = await startWithTwo();
    open(again);
    const moved = await finishMove(again);
    expect(moved.compaction.cleanedOffset).toBe(cleaned);
    expect([checkpoint(), checkpoint('/other')]).toEqual(['0\n0\n', `0\n1\nevents 0 ${cleaned}\n`]);
    again.delete('events', 0);
    await world.run(100);
    expect([checkpoint(), checkpoint('/other')]).toEqual(['0\n0\n', '0\n0\n']);
  });

  test('whose checkpoint was written by somebody else in two directories is named by one after a start', async () => {
    let manager = await startWithTwo();
    append(open(manager), 60);
    await world.runUntil(() => isCompacted(open(manager)));
    await world.runUntil(manager.close({ brokerEpoch: 1 }));
    node.disk.writeFileAtomically('/other/cleaner-offset-checkpoint', checkpoint());
    manager = await startWithTwo();
    expect([checkpoint(), checkpoint('/other')]).toEqual([expect.stringContaining('events 0'), '0\n0\n']);
  });
});

test('a log that holds what cannot be compacted is left alone and counted, the others are compacted', async () => {
  const manager = await start();
  const [damaged, sound] = [open(manager, {}, 'damaged'), open(manager, {}, 'sound')];
  for (const log of [damaged, sound]) append(log, 60);
  const file = node.disk.open(damaged.segments.first.log.path);
  file.writeNow([Buffer.from([0x7f])], 8);
  file.close();
  await world.runUntil(() => isCompacted(sound) && damaged.compaction.isUncleanable);
  expect(manager.cleaner.metrics).toMatchObject({ 'uncleanable-partitions-count': 1, 'uncleanable-bytes': plan(damaged).cleanableBytes });
  await world.run(5000);
  expect([damaged.compaction.inProgress, damaged.compaction.cleanedOffset, manager.logDirs[0]!.error]).toEqual([false, undefined, undefined]);
  expect(filesOf(damaged).filter(name => /cleaned|swap/.test(name))).toEqual([]);
});

test('a log that sleeps is looked at, compacted when it is due, and else left asleep', async () => {
  settings = { ...CLEANER, enabled: false };
  const manager = await start();
  const [dirty, clean] = [open(manager, {}, 'dirty'), open(manager, {}, 'clean')];
  for (const log of [dirty, clean]) append(log, 60);
  clean.compaction.cleanedOffset = clean.segments.active.baseOffset;
  await world.runUntil(manager.close({ brokerEpoch: 1 }));
  settings = CLEANER;
  const again = await start();
  const [later, asleep] = ['dirty', 'clean'].map(topic => again.get(topic, 0)!) as [Log, Log];
  expect([later.isAsleep, asleep.isAsleep]).toEqual([true, true]);
  await world.runUntil(() => later.compaction.cleanedOffset !== undefined && !later.compaction.inProgress);
  await world.run(10_000);
  expect([isCompacted(later), asleep.isAsleep, asleep.compaction.isUncleanable]).toEqual([true, true, false]);
});

test('the dirtiest log comes first, and as many are compacted at once as there are threads', async () => {
  settings = { ...CLEANER, enabled: false };
  const manager = await start();
  const logs = ['a', 'b', 'c', 'd'].map(topic => open(manager, { minCleanableDirtyRatio: 0 }, topic));
  for (const log of logs) append(log, 60);
  logs[0]!.compaction.cleanedOffset = logs[0]!.segments.baseOffsets[3]!;
  logs[2]!.compaction.cleanedOffset = logs[2]!.segments.baseOffsets[1]!;
  settings = { ...CLEANER, threads: 2 };
  const order: Log[] = [];
  let most = 0;
  await world.runUntil(() => {
    for (const log of logs) if (log.compaction.inProgress && !order.includes(log)) order.push(log);
    most = Math.max(most, logs.filter(({ compaction }) => compaction.inProgress).length);
    return logs.every(isCompacted);
  });
  expect(most).toBe(2);
  expect(order.map(({ topic }) => topic)).toEqual(['b', 'd', 'c', 'a']);
});

test('no more bytes a second are read and written than is allowed', async () => {
  const manager = await start();
  const log = open(manager);
  settings = { ...CLEANER, ioMaxBytesPerSecond: 1000 };
  append(log, 60);
  await world.runUntil(() => log.compaction.inProgress);
  const startedMs = world.nowMs;
  const bytes = plan(log).cleanableBytes;
  await world.runUntil(() => isCompacted(log), 600_000);
  // Once for the map, once to write what is left.
  expect(world.nowMs - startedMs).toBeGreaterThan(2 * bytes);
  expect(manager.cleaner.metrics['max-clean-time-secs']).toBeGreaterThanOrEqual(Math.floor(2 * bytes / 1000));
});

test('with compact,delete old segments go, and what is left is compacted from its new start', async () => {
  const manager = await start();
  const log = open(manager, { cleanupPolicy: { compact: true, delete: true }, retentionMs: 8000 });
  append(log, 60);
  await world.runUntil(() => isCompacted(log));
  await world.run(6000);
  append(log, 30, 1000);
  await world.run(4000);
  expect(log.logStartOffset).toBeGreaterThan(40);
  append(log, 30);
  await world.runUntil(() => isCompacted(log));
  expect((await offsetsIn(log)).every(offset => offset >= log.logStartOffset)).toBe(true);
  expect(checkpoint()).toBe(`0\n1\nevents 0 ${log.segments.active.baseOffset}\n`);
});

test('a cleaning is told in the log, with what it did', async () => {
  const log = open(await start());
  append(log, 60);
  await world.runUntil(() => isCompacted(log));
  const told = world.trace.tail(30).split('\n').find(line => line.includes('compacted a log'));
  expect(told).toMatch(/log=events-0 dirty="\[0, 52\]" segments="4 to 4" bytesRead=\d+ bytesWritten=\d+ smaller=90.4% messagesRead=52 messagesWritten=5 mapLoad=0.0% mapMs=\d+ ms=\d+/);
});

test('who reads while segments are swapped, and removed at once, misses nothing that is left', async () => {
  const manager = await start();
  const log = open(manager, { fileDeleteDelayMs: 0, minCleanableDirtyRatio: 0 });
  const workload = new Workload(new SimRandom('readers'), node.clock);
  const newest = (records: readonly ModelRecord[]): Record<string, ModelRecord> => Object.fromEntries(records.filter(({ key }) => key !== null).map(record => [record.key, record]));
  for (let round = 0; round < 12; round++) {
    for (let index = 0; index < 25; index++) workload.append(log);
    workload.endAll(log);
    log.updateHighWatermark(log.logEndOffset);
    const expected = newest(workload.committed);
    // A tombstone that a reader comes too late for leaves no key behind.
    const check = (seen: Record<string, ModelRecord>): void => {
      for (const [key, record] of Object.entries(expected)) if (record.value !== null || key in seen) expect(seen[key]).toEqual(record);
    };
    await world.runUntil(() => log.compaction.inProgress || isCompacted(log));
    const readers = [1, 300, 3000].map(async maxBytes => {
      while (!isCompacted(log)) {
        check(newest(await readCommitted(log, maxBytes)));
        await new Promise<void>(resolve => { node.clock.after(1, resolve); });
      }
    });
    await world.runUntil(() => isCompacted(log));
    for (const reader of readers) await world.runUntil(reader);
  }
});
