import { describe, expect, test } from '@jest/globals';
import { localSettings } from '../config/index.js';
import { SimWorld, type SimNode } from '../env/sim/index.js';
import { createLogHost, readMetaProperties, loneHome } from '../log/index.js';
import { recordsOfImage } from '../metadata/image-records.js';
import { MetadataLoader } from '../metadata/loader.js';
import type { MetadataImage } from '../metadata/types.js';
import { RaftDriver } from '../raft/driver.js';
import { metadataLogSettings, staticVoters } from '../raft/metadata-log.js';
import { createControllerRuntime, LocalController } from './controller-api.js';
import { formatDirectories, readBootstrapFile } from './format.js';

/** The process dies, or the power fails, at every single disk operation between an empty directory and a few settings later. */

const ROUNDS = 8;
const VOTERS = [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }];

const content = (image: MetadataImage) => [...recordsOfImage(image)].map(record => JSON.stringify(record)).sort();

async function start(env: SimNode, own: Record<string, string> = {}, standalone = true) {
  const settings = localSettings({
    'metadata.max.idle.interval.ms': '0', 'internal.metadata.delete.delay.millis': '0', 'metadata.log.max.record.bytes.between.snapshots': '300',
    'metadata.max.retention.bytes': '1000', ...own,
  }, '/data');
  formatDirectories({
    env, directories: ['/data'], metadataDirectory: '/data', clusterId: 'c', nodeId: 1, ignoreFormatted: true, ...(standalone && { standalone: { endpoints: VOTERS } }),
  });
  const faults: unknown[] = [];
  const onFault = (error: unknown): void => { faults.push(error); };
  const raft = await RaftDriver.open({
    host: createLogHost({ env }), logDirectory: loneHome(env.logger, '/data', readMetaProperties(env.disk, '/data')!.directoryId), nodeId: 1,
    settings: metadataLogSettings(settings), endpoints: VOTERS, staticVoters: staticVoters(settings), onFault,
  });
  const runtime = createControllerRuntime({
    env, log: raft, nodeId: 1, clusterId: 'c', settings, bootstrap: readBootstrapFile(env.disk, '/data'),
    kraftVersion: raft.describe().quorum.kraftVersion, onFault,
  });
  const loader = new MetadataLoader(raft, onFault);
  loader.add({ onImage: (image, _, facts) => raft.offerSnapshot(image, facts.lastContainedLogTimestampMs) });
  let elected: Promise<void> | undefined;
  raft.onLeadership(epoch => { if (epoch === null) runtime.resigned(); else elected = runtime.elected(epoch); });
  raft.start();
  await elected;
  if (runtime.status !== 'active') throw faults[0];
  loader.start();
  const close = async (): Promise<void> => {
    loader.close();
    runtime.close();
    await raft.close();
  };
  return { api: new LocalController(runtime), runtime, raft, loader, faults, close };
}

/** One setting a round; says which rounds were answered. */
async function workload(env: SimNode, answered: number[]): Promise<void> {
  const { api, loader } = await start(env);
  for (let round = 0; round < ROUNDS; round++) {
    const configs = [{ name: 'log.retention.ms', configOperation: 0, value: String(1000 + round) }];
    await api.incrementalAlterConfigs({ validateOnly: false, resources: [{ resourceType: 4, resourceName: '', configs }] });
    answered.push(round);
    await loader.caughtUp();
    // Flushes and snapshots get time to happen, or not.
    await new Promise<void>(resolve => { env.clock.after(round % 3, resolve); });
  }
}

/** How many operations the workload makes when nothing happens to it. */
async function operations(): Promise<number> {
  const world = new SimWorld('undisturbed');
  const node = world.node('a');
  await world.runUntil(workload(node, []));
  await world.run(100);
  return node.machine.diskOperations;
}

describe('a metadata log that is cut off', () => {
  test.each(['kill', 'crash'] as const)('by a %s at any operation comes back as what it was', async death => {
    const count = await operations();
    expect(count).toBeGreaterThan(60);
    for (let index = 0; index < count; index++) {
      const world = new SimWorld(`${death} ${index}`);
      const node = world.node('a');
      node.machine.onDiskOperation = (_, at) => (at.index === index && at.node === node ? { death } : undefined);
      const answered: number[] = [];
      workload(node, answered).catch(() => undefined);
      await world.run(1000);
      node.kill();
      node.machine.onDiskOperation = undefined;
      const after = await world.runUntil(start(world.node('a')));
      await world.runUntil(after.loader.caughtUp());
      const { image } = after.loader;
      expect([index, image.features.metadataVersion, after.faults]).toEqual([index, 30, []]);
      expect(content(image)).toEqual(content(after.runtime.machine!.image));
      const value = image.configs.get('4:')?.get('log.retention.ms');
      const last = value === undefined ? -1 : Number(value) - 1000;
      // A process that is killed has left all that it answered in the page cache; power takes what was not flushed yet.
      if (death === 'kill') expect([index, last]).toEqual([index, Math.max(last, answered.at(-1) ?? -1)]);
      await world.runUntil(after.close());
    }
  }, 120_000);
});

test('a directory without voters of its own takes them from the settings, and says what is missing', async () => {
  const world = new SimWorld('static');
  await expect(world.runUntil(start(world.node('a'), {}, false))).rejects.toThrow(/names no voters/);
  const { raft, close } = await world.runUntil(start(world.node('b'), { 'controller.quorum.voters': '1@localhost:9093' }, false));
  expect(raft.describe().quorum).toMatchObject({ kraftVersion: 0, voters: [{ voterId: 1, endpoints: [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }] }] });
  expect(world.node('b').disk.readFile('/data/__cluster_metadata-0/quorum-state').toString()).toContain('"data_version":0');
  await world.runUntil(close());
});
