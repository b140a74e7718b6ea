import { expect, test } from '@jest/globals';
import type { DiskError } from '../../env/index.js';
import { SimWorld } from '../../env/sim/index.js';
import { loneHome } from '../host.js';
import type { Log } from './log.js';
import { createLog, createLogHost } from './open-log.js';
import { FilePool } from '../segment/file-pool.js';
import { batchOf, CLIENT, SETTINGS, TOPIC_ID } from '../test-support.js';

/**
 * A sync that fails is told once: the system then takes what it could not write for written, and the next sync succeeds. Nothing
 * may be promised by that one.
 */

function logOnFailingDisk(): { world: SimWorld; log: Log; failures: string[]; syncs: () => number } {
  const world = new SimWorld(1);
  const env = world.node('broker');
  const failures: string[] = [];
  let syncs = 0;
  env.machine.onDiskOperation = ({ kind }) => (kind === 'sync' && syncs++ === 0 ? { code: 'EIO' } : undefined);
  const host = createLogHost({ env });
  const home = { ...loneHome(env.logger, '/'), fail: (error: DiskError) => { failures.push(error.code); } };
  const log = createLog({ host, home, directory: '/events-0', topic: 'events', partition: 0, topicId: TOPIC_ID, settings: SETTINGS });
  log.appendAsLeader(batchOf(['one']), CLIENT);
  return { world, log, failures, syncs: () => syncs };
}

test('who asked for a flush while one was about to fail hears of the failure, and no other sync is tried', async () => {
  const { world, log, failures, syncs } = logOnFailingDisk();
  const first = log.flush();
  const second = log.flush();
  second.catch(() => undefined);
  await expect(world.runUntil(first)).rejects.toMatchObject({ code: 'EIO' });
  await expect(world.runUntil(second)).rejects.toMatchObject({ code: 'EIO' });
  expect({ failures, syncs: syncs(), recoveryPoint: log.recoveryPoint }).toEqual({ failures: ['EIO'], syncs: 1, recoveryPoint: 0 });
});

test('a log that is closed while a flush fails is no clean one: its directory hears of it', async () => {
  const { world, log, failures, syncs } = logOnFailingDisk();
  log.roll();
  await world.runUntil(log.close());
  expect({ failures, syncs: syncs(), recoveryPoint: log.recoveryPoint }).toEqual({ failures: ['EIO'], syncs: 1, recoveryPoint: 0 });
});

test('a log that is given up has no failures to tell of', async () => {
  const { world, log, failures } = logOnFailingDisk();
  const flushed = log.flush();
  log.abandon();
  await expect(world.runUntil(flushed)).rejects.toMatchObject({ code: 'EIO' });
  expect(failures).toEqual([]);
});

test('with all descriptors held, a file that is opened stays open for its use', async () => {
  const { disk } = new SimWorld(1).node('broker');
  const pool = new FilePool(disk, 1);
  const [held, other] = ['/held', '/other'].map(path => pool.file(path, { create: true }));
  await held!.during(async () => {
    other!.now().writeNow([Buffer.from('written')], 0);
    expect(pool.openCount).toBe(2);
  });
  expect(disk.readFile('/other').toString()).toBe('written');
});
