import type { ByteStream } from '../net.js';
import type { SimNode } from './node.js';
import { SimRandom } from './random.js';
import type { SimStream } from './stream.js';
import type { SimWorld } from './world.js';

interface Listening {
  readonly node: SimNode;
  readonly onConnection: (stream: ByteStream) => void;
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '::1', '0.0.0.0', '::']);

/**
 * What lies between the machines of a world. A machine is reached by its name; 127.0.0.1 is each one's own. Links can be cut
 * in one direction or both, connections reset.
 */
export class SimNetwork {
  readonly random: SimRandom;
  readonly streams = new Set<SimStream>();
  private readonly listeners = new Map<string, Listening>();
  private readonly cuts = new Set<string>();
  private readonly addresses = new Map<string, string>();
  /** How long one segment travels, in milliseconds; to be replaced for slow links. */
  latencyMs = (): number => (this.random.chance(0.02) ? 5 : 0.5) * this.random.float();

  constructor(private readonly world: SimWorld) {
    this.random = new SimRandom(`${world.seed}/network`);
  }

  /** Nothing arrives any more from one machine at another; what is sent waits until `heal`. */
  cut(from: string, to: string): void {
    this.cuts.add(`${from}>${to}`);
  }

  heal(from: string, to: string): void {
    this.cuts.delete(`${from}>${to}`);
    for (const stream of this.streams) stream.linkHealed();
  }

  isCut(from: string, to: string): boolean {
    return this.cuts.has(`${from}>${to}`);
  }

  /** Breaks every connection between two machines, as a firewall's restart does. */
  reset(a: string, b: string): void {
    for (const stream of this.streams) {
      const ends = [stream.node.name, stream.peerName];
      if (ends.includes(a) && ends.includes(b)) stream.break();
    }
  }

  /** The machine that `host` means on `from`; undefined when there is none. */
  machineOf(host: string, from: SimNode): string | undefined {
    if (LOOPBACK.has(host)) return from.name;
    return this.world.has(host) ? host : undefined;
  }

  /** Machines have their addresses in the order in which they came. */
  giveAddress(machine: string): void {
    this.addresses.set(machine, `10.0.0.${this.addresses.size + 1}`);
  }

  /** The address that connections from one machine show at another. */
  addressOf(machine: string, seenFrom: string): string {
    return machine === seenFrom ? '127.0.0.1' : this.addresses.get(machine)!;
  }

  listen(machine: string, port: number, listening: Listening): boolean {
    const key = `${machine}:${port}`;
    if (this.listeners.has(key)) return false;
    this.listeners.set(key, listening);
    return true;
  }

  unlisten(machine: string, port: number): void {
    this.listeners.delete(`${machine}:${port}`);
  }

  listenerAt(machine: string, port: number): Listening | undefined {
    return this.listeners.get(`${machine}:${port}`);
  }

  /** A process is gone: its ports are free and its peers see their connections end. */
  dropAll(node: SimNode): void {
    for (const [key, listening] of this.listeners) if (listening.node === node) this.listeners.delete(key);
    for (const stream of this.streams) if (stream.node === node) stream.destroy();
  }
}
