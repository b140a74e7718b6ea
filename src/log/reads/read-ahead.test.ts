import { beforeEach, describe, expect, test } from '@jest/globals';
import { SimWorld, type SimNode } from '../../env/sim/index.js';
import { buildBatch } from '../../protocol/records/batch-builder.js';
import { runCleanJob } from '../compaction/clean-job.js';
import { planCleaning } from '../compaction/cleanable.js';
import { cleanLog } from '../compaction/clean-log.js';
import { CLEANER, COMPACTED } from '../compaction/test-workload.js';
import type { LogHost } from '../host.js';
import type { Log } from '../partition/log.js';
import { createLog, createLogHost } from '../partition/open-log.js';
import { batchOf, CLIENT, plainRecords, SETTINGS, TOPIC_ID, type PlainRecord } from '../test-support.js';
import type { LogRead } from '../types.js';

/** Readers that go through a log in order: what they ask for next is there. On a simulated disk, whose reads are counted. */

const BATCHES = 60;
const BATCH_BYTES = 20_000;
/** Holds five batches. */
const PIECE = 110_000;

let world: SimWorld;
let node: SimNode;
let host: LogHost;
let log: Log;
/** Reads of `.log` files so far. */
let reads: number;

beforeEach(() => {
  world = new SimWorld(1);
  node = world.node('broker');
  reads = 0;
  node.machine.onDiskOperation = ({ kind, path }) => {
    if (kind === 'read' && path.includes('.log')) reads++;
    return undefined;
  };
  host = createLogHost({ env: node, tailCacheBytes: 0 });
  log = filled();
});

const batchAt = (value: string): Buffer => batchOf([value.padEnd(BATCH_BYTES, '.')]);
const valueOf = ({ value }: PlainRecord): string => value.replace(/\.+$/, '');

function filled(topic = 'events', on = host): Log {
  const made = createLog({ host: on, directory: `/${topic}-0`, topic, partition: 0, topicId: TOPIC_ID, settings: SETTINGS });
  for (let index = 0; index < BATCHES; index++) made.appendAsLeader(batchAt(`${index}`), CLIENT);
  made.updateHighWatermark(BATCHES);
  return made;
}

interface Got {
  readonly values: string[];
  /** Answered within the turn. */
  readonly atOnce: boolean;
  readonly reads: number;
}

interface Asked {
  readonly of?: Log;
  readonly maxBytes?: number;
  readonly limitOffset?: number;
  /** The answer is not sent yet. */
  readonly keeps?: LogRead[];
}

async function read(offset: number, { of = log, maxBytes = PIECE, limitOffset = of.highWatermark, keeps }: Asked = {}): Promise<Got> {
  const before = reads;
  const answer = of.read(offset, { maxBytes, minOneBatch: true, limitOffset });
  const found = await world.runUntil(Promise.resolve(answer));
  const values = plainRecords(Buffer.concat(found.buffers)).map(valueOf);
  const got = { values, atOnce: !(answer instanceof Promise), reads: reads - before };
  if (keeps) keeps.push(found);
  else found.release();
  return got;
}

/** Two answers of five, the first two of a reader who goes on; what is read for him thereafter is there. */
async function goOn(of = log, from = 0): Promise<void> {
  await read(from, { of });
  await read(from + 5, { of });
  await world.run(10);
}

const range = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `${from + index}`);

describe('a reader that goes on where it was', () => {
  test('is answered within the turn, by one read of the disk for each answer, up to the end', async () => {
    await goOn();
    for (let offset = 10; offset < BATCHES; offset += 5) {
      expect(await read(offset)).toEqual({ values: range(offset, offset + 5), atOnce: true, reads: 0 });
      await world.run(10);
    }
    expect(reads).toBe(BATCHES / 5);
    expect(host.readBudget.heldBytes).toBe(0);
  });

  test('is given what is under way when it is fast', async () => {
    await read(0);
    await read(5);
    expect(await read(10)).toEqual({ values: range(10, 15), atOnce: false, reads: 1 });
    expect(reads).toBe(3);
  });

  test('gets what fits of what is there, and the rest next time', async () => {
    await goOn();
    const before = reads;
    for (let offset = 10; offset < 15; offset++) expect(await read(offset, { maxBytes: 30_000 })).toEqual({ values: [`${offset}`], atOnce: true, reads: 0 });
    expect(reads).toBe(before);
    expect(host.readBudget.heldBytes).toBe(0);
  });

  test('shares the buffer with the rest for as long as either is held', async () => {
    await goOn();
    const kept: LogRead[] = [];
    for (let offset = 10; offset < 15; offset++) await read(offset, { maxBytes: 30_000, keeps: kept });
    // Nothing else may be read into the buffer meanwhile.
    await read(30);
    expect(kept.flatMap(({ buffers }) => plainRecords(Buffer.concat(buffers)).map(valueOf))).toEqual(range(10, 15));
    for (const { release } of kept) {
      expect(host.readBudget.heldBytes).toBeGreaterThan(0);
      release();
      release();
    }
    expect(host.readBudget.heldBytes).toBe(0);
  });

  test('gets more than is there when it asks for more', async () => {
    await goOn();
    expect(await read(10, { maxBytes: 2 * PIECE })).toEqual({ values: range(10, 20), atOnce: false, reads: 1 });
  });

  test('sees nothing that it may not see when it comes, though it was read', async () => {
    await goOn();
    expect(await read(10, { limitOffset: 12 })).toEqual({ values: ['10', '11'], atOnce: true, reads: 0 });
    expect((await read(12, { limitOffset: 12 })).values).toEqual([]);
    expect(await read(12)).toEqual({ values: range(12, 15), atOnce: true, reads: 0 });
  });

  test('is served beside another at the same place', async () => {
    await goOn();
    const [first, second] = await Promise.all([read(10), read(10)]);
    expect([first.values, second.values]).toEqual([range(10, 15), range(10, 15)]);
  });

  test('hears nothing of a read that failed before it asked, and reads itself', async () => {
    await read(0);
    await read(5);
    node.machine.onDiskOperation = ({ kind }) => (kind === 'read' ? { code: 'EIO' } : undefined);
    await world.run(10);
    expect(host.readBudget.heldBytes).toBe(0);
    node.machine.onDiskOperation = undefined;
    expect(await read(10)).toMatchObject({ values: range(10, 15), atOnce: false });
  });
});

describe('nothing is read ahead', () => {
  const readsAhead = async (): Promise<number> => {
    const before = reads;
    await world.run(100);
    return reads - before;
  };

  test.each([
    ['who came once', async () => { await read(5); }],
    ['who goes elsewhere', async () => { await read(5); await read(40); await read(20); }],
    ['who asks for little at a time', async () => { await read(0, { maxBytes: 60_000 }); await read(2, { maxBytes: 60_000 }); await read(4, { maxBytes: 60_000 }); }],
    ['who got little of what he asked for', async () => { await read(40, { limitOffset: 45 }); await read(45, { limitOffset: 47 }); }],
    ['who has come to the end of what may be shown', async () => { await read(0, { limitOffset: 10 }); await read(5, { limitOffset: 10 }); }],
  ])('for one %s', async (_, come) => {
    await come();
    expect(await readsAhead()).toBe(0);
    expect(host.readBudget.heldBytes).toBe(0);
  });

  test('that the tail cache has', async () => {
    host = createLogHost({ env: node, tailCacheBytes: 1 << 20 });
    log = filled('cached');
    const start = log.tail.startOffset;
    await read(start - 10);
    await read(start - 5);
    expect(await readsAhead()).toBe(0);
    expect(await read(start)).toMatchObject({ atOnce: true, reads: 0 });
  });

  test('before the answer is sent, nor in place of one that was never sent', async () => {
    await read(0);
    const kept: LogRead[] = [];
    await read(5, { keeps: kept });
    expect(await readsAhead()).toBe(0);
    await world.runUntil(log.truncateTo(20));
    kept[0]!.release();
    expect(await readsAhead()).toBe(0);
  });

  test('of a log that was closed before the answer was sent', async () => {
    await read(0);
    const kept: LogRead[] = [];
    await read(5, { keeps: kept });
    await world.runUntil(log.close());
    kept[0]!.release();
    expect(await readsAhead()).toBe(0);
    expect(host.readBudget.heldBytes).toBe(0);
  });

  test('for more than sixteen readers at a time, whose pieces live', async () => {
    const others = Array.from({ length: 20 }, (_, index) => filled(`other-${index}`));
    for (const of of others) await goOn(of);
    expect(host.readBudget.heldBytes).toBe(16 * (128 << 10));
    const answers = [];
    for (const of of others) answers.push(await read(10, { of }));
    expect(answers.map(({ atOnce }) => atOnce)).toEqual(others.map((_, index) => index < 16));
  });

  test('when answers that wait to be sent take more than half of the memory for them', async () => {
    host.readBudget.hold(32 << 20);
    await goOn();
    expect(host.readBudget.heldBytes).toBe(32 << 20);
    expect(await read(10)).toMatchObject({ values: range(10, 15), reads: 1 });
  });
});

describe('what was read ahead is dropped', () => {
  beforeEach(async () => {
    await goOn();
    expect(host.readBudget.heldBytes).toBeGreaterThan(0);
  });

  test('when nobody has come for it in a second or two, and no timer is left', async () => {
    await world.run(2500);
    expect(host.readBudget.heldBytes).toBe(0);
    await expect(world.runUntil(() => false)).rejects.toThrow('nothing is left to happen');
    expect(await read(10)).toMatchObject({ values: range(10, 15), atOnce: false });
  });

  test('when memory gets short', () => {
    host.readBudget.hold(49 << 20);
    expect(host.readBudget.heldBytes).toBe(49 << 20);
  });

  test('when the log is cut, and what was written since is read', async () => {
    await world.runUntil(log.truncateTo(12));
    expect(host.readBudget.heldBytes).toBe(0);
    for (let index = 12; index < 20; index++) log.appendAsLeader(batchAt(`new ${index}`), CLIENT);
    log.updateHighWatermark(20);
    expect(await read(10)).toMatchObject({ values: ['10', '11', 'new 12', 'new 13', 'new 14'] });
  });

  test('when the log begins anew at the same offset', async () => {
    await world.runUntil(log.truncateFullyAndStartAt(10));
    for (let index = 10; index < 20; index++) log.appendAsLeader(batchAt(`new ${index}`), CLIENT);
    log.updateHighWatermark(20);
    expect(await read(10)).toMatchObject({ values: ['new 10', 'new 11', 'new 12', 'new 13', 'new 14'] });
  });

  test('when the log is closed, with the timer', async () => {
    await world.runUntil(log.close());
    expect(host.readBudget.heldBytes).toBe(0);
    await expect(world.runUntil(() => false)).rejects.toThrow('nothing is left to happen');
  });

  test('when the log is cut or closed while it is being read', async () => {
    await read(10);
    await world.runUntil(log.truncateTo(40));
    await read(20);
    await read(25);
    await world.runUntil(log.close());
    await world.run(10);
    expect(host.readBudget.heldBytes).toBe(0);
  });

  test('when the start of the log has passed it', async () => {
    log.incrementLogStartOffset(20, 'test');
    expect(() => log.read(10, { maxBytes: PIECE, minOneBatch: true, limitOffset: BATCHES })).toThrow('not 10');
    await world.run(2500);
    expect(host.readBudget.heldBytes).toBe(0);
  });

  test('not when the log only begins another segment', async () => {
    log.roll();
    expect(await read(10)).toEqual({ values: range(10, 15), atOnce: true, reads: 0 });
  });
});

test('the disk is not asked for a batch that is known not to fit', async () => {
  log = createLog({ host, directory: '/large-0', topic: 'large', partition: 0, topicId: TOPIC_ID, settings: SETTINGS });
  for (let index = 0; index < 3; index++) log.appendAsLeader(batchOf([`${index}`.padEnd(120_000, '.')]), CLIENT);
  log.updateHighWatermark(3);
  expect(await read(0, { maxBytes: 200_000 })).toEqual({ values: ['0'], atOnce: false, reads: 1 });
});

test('what compaction took is not read any more', async () => {
  log = createLog({ host, directory: '/compacted-0', topic: 'compacted', partition: 0, topicId: TOPIC_ID, settings: { ...COMPACTED, segmentBytes: 1 << 30, segmentMs: 1 } });
  // Each second record is the last of its key.
  for (let index = 0; index < BATCHES; index++) {
    const key = Buffer.from(index % 2 === 0 ? 'often' : `once ${index}`);
    log.appendAsLeader(buildBatch({}, [{ timestampMs: world.wallMs, key, value: Buffer.from(`${index}`.padEnd(BATCH_BYTES, '.')) }]), CLIENT);
  }
  log.updateHighWatermark(BATCHES);
  log.roll();
  log.appendAsLeader(batchAt('newest'), CLIENT);
  await goOn();
  await world.runUntil(cleanLog(log, planCleaning(log, 0, world.wallMs), {
    host: node, settings: CLEANER, checkpoint: () => undefined, runClean: job => runCleanJob(node, job),
  }));
  expect((await read(10)).values).toEqual(['11', '13', '15', '17', '19']);
});
