import { BinaryHeap } from '../../base/heap.js';
import type { ComputeFunctions } from '../compute.js';
import { SimNetwork } from './network.js';
import { SimMachine, type DiskImage, type SimNode } from './node.js';
import { SimRandom } from './random.js';
import { Trace } from './trace.js';

/** The wall clock that a world starts with: 2026-01-01. */
const STARTS_AT_MS = 1_767_225_600_000;

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  /** Asked when its time has come: a dead node's events do not happen. */
  readonly wanted: () => boolean;
}

export interface SimWorldOptions {
  /** What the compute ports run; gzip is there already. */
  readonly computeFunctions?: ComputeFunctions;
  /** How far its clocks are on when it begins; 0 otherwise. */
  readonly beginsAtMs?: number;
}

/** Nothing is left to happen, or the time allowed is over, and what was waited for has not come. */
export class SimStalledError extends Error {
  override readonly name = 'SimStalledError';
}

/**
 * A world in one process on simulated time: events run one at a time in order of time, and between two of them every promise
 * gets its turn. All chance comes from the seed, so the same seed and the same program give the same trace, byte for byte,
 * as long as the program uses nothing but its `Env`.
 */
export class SimWorld {
  readonly random: SimRandom;
  readonly trace: Trace;
  readonly network: SimNetwork;
  private readonly machines = new Map<string, SimMachine>();
  private readonly events = new BinaryHeap<Event>((a, b) => a.atMs - b.atMs || a.order - b.order);
  private turnTasks: (() => void)[] = [];
  private elapsedMs: number;
  private scheduled = 0;

  constructor(readonly seed: number | string, readonly options: SimWorldOptions = {}) {
    this.random = new SimRandom(seed);
    this.elapsedMs = options.beginsAtMs ?? 0;
    this.trace = new Trace(() => this.elapsedMs);
    this.network = new SimNetwork(this);
  }

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.elapsedMs;
  }

  /** What the clocks on its walls show. */
  get wallMs(): number {
    return STARTS_AT_MS + Math.floor(this.elapsedMs);
  }

  /** The environment of the process that runs on the machine `name`: a new process when the last one was killed. */
  node(name: string): SimNode {
    return (this.machines.get(name) ?? this.add(new SimMachine(this, name))).process();
  }

  /** A machine `name`, new to this world, with a disk as another one had it. */
  restore(name: string, image: DiskImage): SimMachine {
    return this.add(new SimMachine(this, name, image));
  }

  private add(machine: SimMachine): SimMachine {
    this.machines.set(machine.name, machine);
    this.network.giveAddress(machine.name);
    return machine;
  }

  /** Whether there is a machine of this name. */
  has(name: string): boolean {
    return this.machines.has(name);
  }

  /** Lets `run` happen after `delayMs`, if `wanted` still says so. Returns a way to call it off. */
  schedule(delayMs: number, run: () => void, wanted: () => boolean = () => true): () => void {
    let calledOff = false;
    this.events.push({
      atMs: this.elapsedMs + Math.max(0, delayMs), order: this.scheduled++, run, wanted: () => !calledOff && wanted(),
    });
    return () => { calledOff = true; };
  }

  /** Lets `task` run once the event at hand and its promises are through. */
  atEndOfTurn(task: () => void): void {
    this.turnTasks.push(task);
  }

  /** Lets simulated time go on by `ms`. */
  async run(ms: number): Promise<void> {
    const untilMs = this.elapsedMs + ms;
    await this.drain();
    while ((this.events.peek()?.atMs ?? Infinity) <= untilMs) await this.step();
    this.elapsedMs = untilMs;
  }

  /** Lets the world go on until a promise settles or a condition holds, for at most `limitMs` of its time. */
  async runUntil<T>(goal: Promise<T>, limitMs?: number): Promise<T>;
  async runUntil(goal: () => boolean, limitMs?: number): Promise<void>;
  async runUntil<T>(goal: Promise<T> | (() => boolean), limitMs = 60_000): Promise<T | void> {
    let settled = false;
    const settle = (): void => { settled = true; };
    const reached = typeof goal === 'function' ? goal : () => settled;
    if (typeof goal !== 'function') goal.then(settle, settle);
    const untilMs = this.elapsedMs + limitMs;
    await this.drain();
    while (!reached()) {
      const next = this.events.peek();
      if (next === undefined) throw new SimStalledError(`nothing is left to happen (seed ${this.seed})\n${this.trace.tail(20)}`);
      if (next.atMs > untilMs) throw new SimStalledError(`not reached within ${limitMs} ms (seed ${this.seed})\n${this.trace.tail(20)}`);
      await this.step();
    }
    return typeof goal === 'function' ? undefined : goal;
  }

  private async step(): Promise<void> {
    const event = this.events.pop()!;
    this.elapsedMs = Math.max(this.elapsedMs, event.atMs);
    if (!event.wanted()) return;
    event.run();
    await this.drain();
  }

  /** Runs promises, then what waits for the end of the turn, until neither is left. */
  private async drain(): Promise<void> {
    await everyPromise();
    while (this.turnTasks.length > 0) {
      const tasks = this.turnTasks;
      this.turnTasks = [];
      for (const task of tasks) task();
      await everyPromise();
    }
  }
}

/** One real turn of the loop, in which every promise runs that can. */
function everyPromise(): Promise<void> {
  return new Promise(resolve => { setImmediate(resolve); });
}
