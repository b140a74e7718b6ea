import { afterEach, beforeEach } from '@jest/globals';
import { NodeDisk, NodeRandom, silentLogger } from '../env/node/index.js';
import { openLogManager, type LogManagerOptions, type NodeLogManager } from './manager/manager.js';
import { ManualClock, SETTINGS, temporaryDirectory } from './test-support.js';

/** What each test of a file gets for itself, made before it and taken away after it. */
export interface OwnDirectory {
  /** The path of an empty directory. */
  readonly root: string;
  /** A partition's directory in it, which is not there yet. */
  readonly directory: string;
  readonly clock: ManualClock;
}

export interface OwnManagers extends OwnDirectory {
  /** Those that were started and are let go of after the test, the newest last. */
  readonly managers: NodeLogManager[];
  /** Opens and loads a manager, of `data` in the directory unless it is told otherwise. */
  start(options?: Partial<LogManagerOptions>): Promise<NodeLogManager>;
}

export function ownDirectory(): OwnDirectory {
  let root: ReturnType<typeof temporaryDirectory>;
  let clock: ManualClock;
  beforeEach(() => {
    root = temporaryDirectory();
    clock = new ManualClock();
  });
  afterEach(() => root.remove());
  return {
    get root() { return root.path; },
    get directory() { return `${root.path}/events-0`; },
    get clock() { return clock; },
  };
}

export function ownManagers(): OwnManagers {
  const managers: NodeLogManager[] = [];
  // Before their directory goes.
  afterEach(() => {
    for (const manager of managers.splice(0)) manager.abandon();
  });
  const own = ownDirectory();
  return {
    get root() { return own.root; },
    get directory() { return own.directory; },
    get clock() { return own.clock; },
    managers,
    async start(options = {}) {
      const env = { disk: new NodeDisk(), clock: own.clock, random: new NodeRandom(), logger: silentLogger };
      const manager = await openLogManager({ env, directories: [`${own.root}/data`], clusterId: 'the-cluster', nodeId: 1, defaultSettings: SETTINGS, ...options });
      managers.push(manager);
      await manager.load();
      return manager;
    },
  };
}
