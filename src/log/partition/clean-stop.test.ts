import { expect, test } from '@jest/globals';
import { SimWorld, type SimNode } from '../../env/sim/index.js';
import type { Log } from './log.js';
import { createLog, createLogHost, openLog } from './open-log.js';
import { batchOf, CLIENT, SETTINGS, TOPIC_ID } from '../test-support.js';

/** A clean stop vouches for a log: what its directory shows then, it must show after a power loss too. */

const IDENTITY = { directory: '/events-0', topic: 'events', partition: 0, topicId: TOPIC_ID, settings: SETTINGS };

function begun(world: SimWorld): { node: SimNode; log: Log } {
  const node = world.node('broker');
  return { node, log: createLog({ host: createLogHost({ env: node }), ...IDENTITY }) };
}

test('indexes and snapshots that it makes outlast a power loss, also where all records were synced before', async () => {
  const world = new SimWorld(1);
  const { node, log } = begun(world);
  log.appendAsLeader(batchOf(['one'], { producerId: 1, producerEpoch: 0, baseSequence: 0 }), CLIENT);
  await world.runUntil(log.flush());
  await world.runUntil(log.close());
  const shown = node.disk.list('/events-0');
  expect(shown).toEqual(expect.arrayContaining(['00000000000000000000.index', '00000000000000000000.timeindex', '00000000000000000001.snapshot']));
  node.crash({ keep: 0 });
  expect(world.node('broker').disk.list('/events-0')).toEqual(shown);
});

test('what a process that was killed took away, and the next one did not find, does not come back', async () => {
  const world = new SimWorld(1);
  const { node, log } = begun(world);
  log.appendAsLeader(batchOf(['one']), CLIENT);
  await world.runUntil(log.flush());
  node.machine.onDiskOperation = ({ kind, path }) => (kind === 'create' && path.endsWith('.log') ? { death: 'kill' } : undefined);
  // To the last rename: the new beginning is not there yet.
  log.truncateFullyAndStartAt(5).catch(() => undefined);
  node.machine.onDiskOperation = undefined;
  const second = world.node('broker');
  expect(second).not.toBe(node);
  const found = await world.runUntil(openLog({ host: createLogHost({ env: second }), ...IDENTITY }));
  expect(found.logEndOffset).toBe(0);
  await world.runUntil(found.close());
  second.crash({ keep: 0 });
  const again = await world.runUntil(openLog({ host: createLogHost({ env: world.node('broker') }), ...IDENTITY, clean: true }));
  expect(again.logEndOffset).toBe(0);
});

test('the start that retention leaves is noted until the names of what it took can no longer come back', async () => {
  const world = new SimWorld(1);
  const node = world.node('broker');
  const settings = { ...SETTINGS, retentionBytes: 1 };
  const log = createLog({ host: createLogHost({ env: node }), ...IDENTITY, settings });
  for (const value of ['one', 'two', 'three']) {
    log.appendAsLeader(batchOf([value]), CLIENT);
    log.roll();
  }
  log.updateHighWatermark(3);
  await world.runUntil(log.flush());
  expect([log.applyRetention(world.wallMs) > 0, log.logStartOffset > 0]).toEqual([true, true]);
  expect(log.startOffsetToNote).toBe(log.logStartOffset);
  log.appendAsLeader(batchOf(['four']), CLIENT);
  await world.runUntil(log.flush());
  expect(log.startOffsetToNote).toBe(undefined);
});
