import { expect, test } from '@jest/globals';
import { SimWorld } from '../../env/sim/index.js';
import type { Log } from '../partition/log.js';
import { CLIENT, SETTINGS, TOPIC_ID, batchOf, recordsRead, type PlainRecord } from '../test-support.js';
import { openLogManager, type NodeLogManager } from './manager.js';

/** What is left where a copy was to take its log's place, and did not come to the end of it. */

const DIRECTORIES = ['/one', '/two'];

async function start(world: SimWorld): Promise<NodeLogManager> {
  const manager = await world.runUntil(openLogManager({ env: world.node('broker'), directories: DIRECTORIES, clusterId: 'c', nodeId: 1, defaultSettings: SETTINGS }));
  await world.runUntil(manager.load());
  return manager;
}

/** Moves a log of one record, with a fault instead of the second rename. */
async function moveAmiss(world: SimWorld, isAssigned: boolean, fault: { readonly death?: 'kill' }): Promise<NodeLogManager> {
  const manager = await start(world);
  const { machine } = world.node('broker');
  manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS, manager.logDirs[0]!.id).appendAsLeader(batchOf(['kept']), CLIENT);
  const future = manager.futures.create('events', 0, '/two');
  while ((await world.runUntil(future.copy(1 << 20))) > 0);
  let renames = 0;
  machine.onDiskOperation = ({ kind, path }) => (kind === 'rename' && /\/events-0(\.[^/]*)?$/.test(path) && ++renames === 2 ? fault : undefined);
  try {
    future.replaceLog({ isAssigned });
  } catch {
    // The process is dead, or the disk is.
  }
  expect(renames).toBe(2);
  machine.onDiskOperation = undefined;
  return manager;
}

const named = (world: SimWorld): string[] => DIRECTORIES.filter(path => world.node('broker').disk.list(path).includes('events-0'));
const recordsIn = (world: SimWorld, log: Log): Promise<PlainRecord[]> => world.runUntil(recordsRead(log.read(0, { maxBytes: 1000, minOneBatch: true, limitOffset: 1 })));

test('the copy takes the name of a log that is away, where the controller knows of it', async () => {
  const world = new SimWorld('assigned');
  await moveAmiss(world, true, { death: 'kill' });
  expect(named(world)).toEqual([]);
  const log = (await start(world)).get('events', 0)!;
  expect([log.directory, await recordsIn(world, log)]).toEqual(['/two/events-0', [{ offset: 0, value: 'kept' }]]);
});

test('a log whose copy may have its name acknowledges nothing more, and the copy has all that it acknowledged', async () => {
  const world = new SimWorld('unsure');
  const manager = await start(world);
  const { machine } = world.node('broker');
  const source = manager.getOrCreate('events', 0, TOPIC_ID, SETTINGS, manager.logDirs[0]!.id);
  source.appendAsLeader(batchOf(['kept']), CLIENT);
  const future = manager.futures.create('events', 0, '/two');
  while ((await world.runUntil(future.copy(1 << 20))) > 0);
  let isNamed = false;
  machine.onDiskOperation = ({ kind, path }) => {
    if (kind === 'syncDirectory' && path === '/two' && isNamed) return { code: 'EIO' };
    isNamed ||= kind === 'rename' && path.endsWith('-future');
    return undefined;
  };
  expect(() => future.replaceLog()).toThrow('EIO');
  expect(isNamed).toBe(true);
  expect(manager.get('events', 0)).toBe(source);
  expect(() => source.appendAsLeader(batchOf(['lost']), CLIENT)).toThrow('EIO');
  world.node('broker').kill();
  machine.onDiskOperation = undefined;
  const log = (await start(world)).get('events', 0)!;
  expect([log.directory, await recordsIn(world, log)]).toEqual(['/two/events-0', [{ offset: 0, value: 'kept' }]]);
});

test('the name is never without a log, which Apache Kafka would replace by an empty one, where the controller does not', async () => {
  const world = new SimWorld('unassigned');
  await moveAmiss(world, false, { death: 'kill' });
  expect(named(world)).toEqual(DIRECTORIES);
  await expect(start(world)).rejects.toThrow('partition events-0 is in /two and in /one: one of them must be removed by hand');
});

test('the copy is served although the disk fails that the old log is on', async () => {
  const world = new SimWorld('unassigned, and a fault');
  const manager = await moveAmiss(world, false, {});
  const log = manager.get('events', 0)!;
  expect([log.directory, manager.logDirs.map(({ error }) => error !== undefined)]).toEqual(['/two/events-0', [true, false]]);
  expect(await recordsIn(world, log)).toEqual([{ offset: 0, value: 'kept' }]);
  log.appendAsLeader(batchOf(['more']), CLIENT);
  expect(log.logEndOffset).toBe(2);
});
