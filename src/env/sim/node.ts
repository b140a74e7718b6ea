import type { Cancel, Clock } from '../clock.js';
import type { Env } from '../index.js';
import { UNBOUNDED_BYTES } from '../memory/memory-disk.js';
import type { FileTree } from '../memory/tree.js';
import { LineLogger } from '../node/logger.js';
import { SimCompute } from './compute.js';
import { SimDisk, type DiskHook } from './disk.js';
import { Durability, type CrashOptions } from './durability.js';
import { SimNet } from './net.js';
import { SimRandom } from './random.js';
import type { SimWorld } from './world.js';

/** A disk at one moment. */
export type DiskImage = Pick<Durability, 'copy'>;

/** What outlives a process: the machine's name, its disk, and the numbers it has given away. */
export class SimMachine {
  readonly durability: Durability;
  /** How much its disk holds; beyond it, writes fail with ENOSPC. */
  capacityBytes = UNBOUNDED_BYTES;
  /** Ports that were given away where any would do. */
  nextPort = 20_000;
  /** How many operations so far have changed something on the disk; the next one has this index. */
  diskOperations = 0;
  /** Asked about every disk operation, whichever process makes it. */
  onDiskOperation: DiskHook | undefined;
  private current: SimNode | undefined;
  private processes = 0;

  constructor(
    readonly world: SimWorld,
    readonly name: string,
    image?: DiskImage,
  ) {
    this.durability = image?.copy() ?? new Durability();
  }

  get tree(): FileTree {
    return this.durability.tree;
  }

  /** The disk as it is now, cache and platter, for `SimWorld.restore`. */
  image(): DiskImage {
    return this.durability.copy();
  }

  /** A bit of a file turns by itself. */
  rot(path: string, position: number, bit?: number): void {
    this.durability.rot(this.tree.file(path), position, bit);
  }

  /** The process that runs here; a new one when there was none or it died. */
  process(): SimNode {
    if (this.current?.alive !== true) {
      const random = new SimRandom(`${this.world.seed}/${this.name}/${this.processes++}`);
      this.current = new SimNode(this, random);
    }
    return this.current;
  }
}

/** The environment of one process. Once it is dead nothing that it started goes on, and it can touch nothing. */
export class SimNode implements Env {
  alive = true;
  /** It died because the power failed. */
  lostPower = false;
  readonly clock: SimClock;
  readonly disk: SimDisk;
  readonly net: SimNet;
  readonly compute: SimCompute;
  readonly logger: LineLogger;

  constructor(
    readonly machine: SimMachine,
    readonly random: SimRandom,
  ) {
    const { world, name } = machine;
    this.clock = new SimClock(this);
    this.disk = new SimDisk(this, random.fork('disk'));
    this.net = new SimNet(this);
    this.compute = new SimCompute(this, random.fork('compute'), world.options.computeFunctions);
    this.logger = new LineLogger('debug', line => this.record('log', line.trimEnd()), '', () => world.wallMs);
    this.record('starts', name);
  }

  get name(): string {
    return this.machine.name;
  }

  get world(): SimWorld {
    return this.machine.world;
  }

  /** `kill -9`: what reached the page cache stays, connections break. */
  kill(): void {
    this.die('killed');
  }

  /** Power loss: of what was not synced the seed decides how much is kept, to the sector. */
  crash(options: CrashOptions = {}): void {
    if (!this.die('crashed')) return;
    this.lostPower = true;
    this.machine.durability.losePower(options.seed === undefined ? this.random.fork('crash') : new SimRandom(options.seed), options);
  }

  record(kind: string, detail: string): void {
    if (this.alive) this.world.trace.record(this.name, kind, detail);
  }

  private die(how: string): boolean {
    if (!this.alive) return false;
    this.record(how, '');
    this.alive = false;
    this.world.network.dropAll(this);
    return true;
  }
}

/** Simulated time: the wall clock and the monotonic one go alike, unless the wall clock is set. */
export class SimClock implements Clock {
  /** Added to the wall clock, for tests of clocks that jump. */
  wallOffsetMs = 0;

  constructor(private readonly node: SimNode) {}

  nowMs(): number {
    return this.node.world.wallMs + this.wallOffsetMs;
  }

  monotonicMs(): number {
    return this.node.world.nowMs;
  }

  after(delayMs: number, task: () => void): Cancel {
    const { node } = this;
    return node.world.schedule(delayMs, () => {
      node.record('timer', `after ${delayMs}`);
      task();
    }, () => node.alive);
  }

  endOfTurn(task: () => void): void {
    const { node } = this;
    node.world.atEndOfTurn(() => {
      if (node.alive) task();
    });
  }
}
