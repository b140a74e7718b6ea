// A TCP link that can be disturbed: clients connect to the proxy, the proxy to the broker. For kernels without netem.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Cancel, Clock } from '../../src/env/clock.js';
import { NodeClock } from '../../src/env/node/clock.js';

/** up: from the client to the broker. */
export type Direction = 'up' | 'down';

const BOTH: readonly Direction[] = ['up', 'down'];

/** Bytes that the link has taken and not passed on. */
export interface Kept {
  /** Those that wait, for a delay or until the link heals; what a sender's kernel holds back behind them is not counted. */
  readonly held: number;
  /** Those that vanished, since the link was made. */
  readonly lost: number;
}

export interface LinkOptions {
  /** 0, the default, takes a free port. */
  readonly port?: number;
  /** Measures delays. */
  readonly clock?: Pick<Clock, 'after'>;
  /** Asked for each connection; hears all that passes, as it passes. */
  readonly listener?: () => LinkListener;
}

/** Bytes in the order in which they leave the link; they must not be changed. */
export type LinkListener = (direction: Direction, bytes: Buffer) => void;

/**
 * One link. What it does to bytes:
 * - `delay`: they come so much later, in order;
 * - `stall`: they wait, as in a partition that heals before anybody gives up;
 * - `cut`: they vanish, and connections that lost any are reset when the link heals, as after a partition that outlasted TCP;
 * - `reset`: every connection ends at once with RST.
 */
export class LinkProxy {
  private readonly pipes = new Set<Pipe>();
  private readonly stalled = new Set<Direction>();
  private readonly lost = new Set<Direction>();
  private readonly kept: Record<Direction, { held: number; lost: number }> = { up: { held: 0, lost: 0 }, down: { held: 0, lost: 0 } };
  private readonly awaited = new Set<() => void>();
  private delayMs = 0;

  private constructor(
    private readonly server: Server, private readonly target: () => { host: string; port: number }, private readonly clock: Pick<Clock, 'after'>,
    private readonly listener: (() => LinkListener) | undefined,
  ) {
    server.on('connection', client => this.accept(client));
  }

  /** Listens on 127.0.0.1. `target` is asked for each connection: the broker may move. */
  static async listen(target: () => { host: string; port: number }, { port = 0, clock = new NodeClock(), listener }: LinkOptions = {}): Promise<LinkProxy> {
    const server = createServer({ allowHalfOpen: false, noDelay: true });
    const proxy = new LinkProxy(server, target, clock, listener);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.pipes.size;
  }

  /** Of all connections together, those that are over excepted in what is held. */
  bytes(direction: Direction): Kept {
    return this.kept[direction];
  }

  /** Resolves once `isSo` holds of the link's bytes that way, which may be at once. */
  until(direction: Direction, isSo: (bytes: Kept) => boolean): Promise<void> {
    return new Promise(resolve => {
      const look = (): void => {
        if (!isSo(this.kept[direction])) return;
        this.awaited.delete(look);
        resolve();
      };
      this.awaited.add(look);
      look();
    });
  }

  delay(ms: number): void {
    this.delayMs = ms;
  }

  stall(...directions: Direction[]): void {
    for (const direction of directions.length > 0 ? directions : BOTH) this.stalled.add(direction);
  }

  cut(...directions: Direction[]): void {
    for (const direction of directions.length > 0 ? directions : BOTH) this.lost.add(direction);
  }

  /** Ends every disturbance. */
  heal(): void {
    this.delayMs = 0;
    this.stalled.clear();
    this.lost.clear();
    for (const pipe of this.pipes) pipe.healed();
  }

  reset(): void {
    for (const pipe of this.pipes) pipe.reset();
  }

  async close(): Promise<void> {
    this.reset();
    await new Promise(resolve => { this.server.close(resolve); });
  }

  private accept(client: Socket): void {
    const pipe = new Pipe(client, connect({ ...this.target(), noDelay: true }), {
      clock: this.clock,
      passed: this.listener?.(),
      keep: (direction, what, bytes) => {
        this.kept[direction][what] += bytes;
        for (const look of this.awaited) look();
      },
      delayMs: () => this.delayMs,
      isStalled: direction => this.stalled.has(direction),
      isCut: direction => this.lost.has(direction),
      gone: () => this.pipes.delete(pipe),
    });
    this.pipes.add(pipe);
  }
}

interface Weather {
  readonly clock: Pick<Clock, 'after'>;
  readonly passed: LinkListener | undefined;
  /** So many bytes more, or less, are held or lost. */
  keep(direction: Direction, what: keyof Kept, bytes: number): void;
  delayMs(): number;
  isStalled(direction: Direction): boolean;
  isCut(direction: Direction): boolean;
  gone(): void;
}

/** One client's connection through the link. */
class Pipe {
  private readonly waiting: Record<Direction, Buffer[]> = { up: [], down: [] };
  private readonly timers = new Set<Cancel>();
  /** One side has missed something: there is no going on. */
  private broken = false;
  private closed = false;

  constructor(private readonly client: Socket, private readonly broker: Socket, private readonly weather: Weather) {
    this.join('up', client, broker);
    this.join('down', broker, client);
  }

  healed(): void {
    if (this.broken) return this.reset();
    for (const direction of BOTH) this.pass(direction);
  }

  reset(): void {
    // One that is ending already cannot be reset: its handle would stay, and keep the loop busy for good.
    this.end(socket => (socket.writableEnded ? socket.destroy() : socket.resetAndDestroy()));
  }

  private join(direction: Direction, from: Socket, to: Socket): void {
    from.on('data', (bytes: Buffer) => this.take(direction, from, bytes));
    to.on('drain', () => from.resume());
    from.once('error', () => this.reset());
    from.once('close', () => this.finish(direction));
  }

  private take(direction: Direction, from: Socket, bytes: Buffer): void {
    if (this.weather.isCut(direction)) {
      this.broken = true;
      this.weather.keep(direction, 'lost', bytes.length);
      return;
    }
    this.waiting[direction].push(bytes);
    this.weather.keep(direction, 'held', bytes.length);
    const delayMs = this.weather.delayMs();
    if (delayMs === 0) return this.pass(direction);
    // What waits is bounded by what one side sends in a delay.
    from.pause();
    const timer = this.weather.clock.after(delayMs, () => {
      this.timers.delete(timer);
      this.pass(direction);
    });
    this.timers.add(timer);
  }

  private pass(direction: Direction): void {
    const [from, to] = direction === 'up' ? [this.client, this.broker] : [this.broker, this.client];
    if (this.weather.isStalled(direction)) {
      from.pause();
      return;
    }
    from.resume();
    const chunks = this.waiting[direction].splice(0);
    for (const bytes of chunks) {
      this.weather.passed?.(direction, bytes);
      if (!to.destroyed && !to.write(bytes)) from.pause();
    }
    this.weather.keep(direction, 'held', -bytesOf(chunks));
  }

  /** One side has closed: the other hears of it, unless nothing gets through. */
  private finish(direction: Direction): void {
    if (this.weather.isStalled(direction) || this.weather.isCut(direction)) {
      this.broken = true;
      return;
    }
    this.end(socket => socket.destroySoon());
  }

  private end(close: (socket: Socket) => void): void {
    if (this.closed) return;
    this.closed = true;
    for (const cancel of this.timers) cancel();
    for (const direction of BOTH) this.weather.keep(direction, 'held', -bytesOf(this.waiting[direction].splice(0)));
    for (const socket of [this.client, this.broker]) close(socket);
    this.weather.gone();
  }
}

const bytesOf = (chunks: readonly Buffer[]): number => chunks.reduce((sum, { length }) => sum + length, 0);
