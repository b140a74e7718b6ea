import { describe, expect, test } from '@jest/globals';
import type { DiskError, DiskFile, OpenOptions } from '../../env/index.js';
import { MemoryDisk } from '../../env/memory/memory-disk.js';
import { NodeRandom, silentLogger } from '../../env/node/index.js';
import { SimWorld } from '../../env/sim/index.js';
import { batchOf, CLIENT, eventually, ManualClock, SETTINGS, TOPIC_ID, whenSafe } from '../test-support.js';
import { createLog, createLogHost } from './open-log.js';
import { SafeEnd } from './safe-end.js';

test('the end of what is safe is where the first of several reasons to wait has it, and it tells when that moves on', () => {
  const told: number[] = [];
  const safeEnd: SafeEnd = new SafeEnd(() => told.push(safeEnd.limit));
  const [one, other] = [safeEnd.newReason(), safeEnd.newReason()];
  one.hold(5);
  other.hold(3);
  one.hold(7);
  expect([safeEnd.limit, told]).toEqual([3, []]);
  other.release(6);
  expect(told).toEqual([5]);
  other.release(4);
  one.release();
  other.release();
  expect(told).toEqual([5, 6, Infinity]);
  expect([one.isThere, other.isThere]).toEqual([false, false]);
});

/** A disk whose syncs of records end when they are told; how many have begun. */
class HeldSyncs extends MemoryDisk {
  begun = 0;
  private held: (() => void)[] = [];

  override open(path: string, options?: OpenOptions): DiskFile {
    const file = super.open(path, options);
    const sync = file.sync.bind(file);
    file.sync = async () => {
      if (!path.endsWith('.log')) return sync();
      this.begun++;
      await new Promise<void>(resolve => { this.held.push(resolve); });
      return sync();
    };
    return file;
  }

  /** Ends those that have begun, waits for what follows of that, and lets come what should not. */
  async letGo(hasFollowed: () => boolean = () => true): Promise<void> {
    for (const resolve of this.held.splice(0)) resolve();
    await eventually(hasFollowed);
    for (let i = 0; i < 3; i++) await new Promise(resolve => { setImmediate(resolve); });
  }

  /** Ends whatever begins until `work` is done. */
  async letGoUntil(work: Promise<void>): Promise<void> {
    const state = { isDone: false };
    const ending = work.finally(() => { state.isDone = true; });
    while (!state.isDone) await this.letGo();
    await ending;
  }
}

function open(flushMessages: number) {
  const clock = new ManualClock();
  const disk = new HeldSyncs(() => clock.nowMs());
  const host = createLogHost({ env: { disk, clock, random: new NodeRandom(), logger: silentLogger } });
  const settings = { ...SETTINGS, flushMessages };
  const log = createLog({ host, directory: '/data/events-0', topic: 'events', partition: 0, topicId: TOPIC_ID, settings });
  const told: number[] = [];
  log.onSafeEndMoved = () => told.push(log.safeEndOffset);
  return { log, disk, told, settings };
}

describe('with flush.messages', () => {
  test('appends wait for a flush, those that come meanwhile together for the next', async () => {
    const { log, disk, told } = open(1);
    for (const value of ['a', 'b', 'c']) log.appendAsLeader(batchOf([value]), CLIENT);
    expect([log.logEndOffset, log.safeEndOffset, disk.begun]).toEqual([3, 0, 1]);
    await disk.letGo(() => log.safeEndOffset === 1 && disk.begun === 2);
    expect([told, log.safeEndOffset, disk.begun]).toEqual([[1], 1, 2]);
    await disk.letGo(() => told.length === 2);
    expect([told, log.recoveryPoint, disk.begun]).toEqual([[1, 3], 3, 2]);
    await disk.letGoUntil(log.close());
  });

  test('of more than one, what is too little to be flushed waits no longer than what is flushed', async () => {
    const { log, disk, told } = open(3);
    log.appendAsLeader(batchOf(['a', 'b']), CLIENT);
    expect([log.safeEndOffset, disk.begun]).toEqual([2, 0]);
    log.appendAsLeader(batchOf(['c']), CLIENT);
    log.appendAsLeader(batchOf(['d', 'e']), CLIENT);
    expect([log.safeEndOffset, disk.begun]).toEqual([2, 1]);
    await disk.letGo(() => told.length === 1);
    expect([told, log.recoveryPoint, disk.begun]).toEqual([[5], 3, 1]);
    await disk.letGoUntil(log.close());
  });

  test('a follower waits as a leader does', async () => {
    const { log, disk, told } = open(1);
    log.appendAsFollower(batchOf(['a', 'b']));
    expect(log.safeEndOffset).toBe(0);
    await disk.letGo(() => told.length === 1);
    expect(told).toEqual([2]);
    await disk.letGoUntil(log.close());
  });

  test('a flush of a segment that was sealed meanwhile does not let go of what follows it', async () => {
    const { log, disk, told } = open(1);
    log.appendAsLeader(batchOf(['a']), CLIENT);
    log.roll();
    log.appendAsLeader(batchOf(['b']), CLIENT);
    while (log.safeEndOffset < 2) await disk.letGo();
    expect([told.at(-1), log.recoveryPoint, log.segmentCount]).toEqual([2, 2, 2]);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    await disk.letGoUntil(log.close());
  });

  test('nothing waits any more that is cut off; what comes in its place does', async () => {
    const { log, disk } = open(1);
    log.appendAsLeader(batchOf(['a']), CLIENT);
    await disk.letGo(() => log.safeEndOffset === 1);
    log.appendAsLeader(batchOf(['b']), CLIENT);
    const cut = log.truncateTo(1);
    expect(log.safeEndOffset).toBe(1);
    await disk.letGoUntil(cut);
    log.appendAsFollower(batchOf(['B', 'C'], { baseOffset: 1 }));
    expect([log.logEndOffset, log.safeEndOffset]).toEqual([3, 1]);
    while (log.safeEndOffset < 3) await disk.letGo();
    expect(log.recoveryPoint).toBe(3);
    await disk.letGoUntil(log.close());
  });

  test('a log that starts anew further on is safe there', async () => {
    const { log, disk } = open(1);
    log.appendAsLeader(batchOf(['a']), CLIENT);
    await log.truncateFullyAndStartAt(7);
    expect(log.safeEndOffset).toBe(7);
    await disk.letGoUntil(log.close());
  });

  test('to be told that a batch is there already, its producer waits for the flush of it', async () => {
    const { log, disk, settings } = open(Number.MAX_SAFE_INTEGER);
    const batch = (): Buffer => batchOf(['a'], { producerId: 1, producerEpoch: 0, baseSequence: 0 });
    log.appendAsLeader(batch(), CLIENT);
    expect(log.safeEndOffset).toBe(1);
    log.updateSettings({ ...settings, flushMessages: 1 });
    expect(log.appendAsLeader(batch(), CLIENT).duplicate).toBe(true);
    expect([log.safeEndOffset, disk.begun]).toEqual([0, 1]);
    await disk.letGo(() => log.safeEndOffset === 1);
    expect(log.appendAsLeader(batch(), CLIENT).duplicate).toBe(true);
    expect([log.safeEndOffset, disk.begun]).toEqual([1, 1]);
    await disk.letGoUntil(log.close());
  });

  test('what waits when the log is closed is safe when that is done', async () => {
    const { log, disk, told } = open(1);
    log.appendAsLeader(batchOf(['a']), CLIENT);
    log.appendAsLeader(batchOf(['b']), CLIENT);
    await disk.letGoUntil(log.close());
    expect([told, log.recoveryPoint]).toEqual([[1, 2], 2]);
  });

  test('a flush that fails is told of, and nothing gets safe by it', async () => {
    const world = new SimWorld(1);
    const env = world.node('broker');
    env.machine.onDiskOperation = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : undefined);
    const log = createLog({ host: createLogHost({ env }), directory: '/events-0', topic: 'events', partition: 0, topicId: TOPIC_ID, settings: { ...SETTINGS, flushMessages: 1 } });
    log.appendAsLeader(batchOf(['a']), CLIENT);
    await expect(world.runUntil(whenSafe(log))).rejects.toMatchObject({ code: 'EIO' } satisfies Partial<DiskError>);
    expect(log.safeEndOffset).toBe(0);
  });
});
