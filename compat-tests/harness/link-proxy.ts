// A TCP link that can be disturbed: clients connect to the proxy, the proxy to the broker. For kernels without netem.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** up: from the client to the broker. */
export type Direction = 'up' | 'down';

const BOTH: readonly Direction[] = ['up', 'down'];

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
  private delayMs = 0;

  private constructor(private readonly server: Server, private readonly target: () => { host: string; port: number }) {
    server.on('connection', client => this.accept(client));
  }

  /** Listens on 127.0.0.1, by default on a free port. `target` is asked for each connection: the broker may move. */
  static async listen(target: () => { host: string; port: number }, port = 0): Promise<LinkProxy> {
    const server = createServer({ allowHalfOpen: false, noDelay: true });
    const proxy = new LinkProxy(server, target);
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
      delayMs: () => this.delayMs,
      isStalled: direction => this.stalled.has(direction),
      isCut: direction => this.lost.has(direction),
      gone: () => this.pipes.delete(pipe),
    });
    this.pipes.add(pipe);
  }
}

interface Weather {
  delayMs(): number;
  isStalled(direction: Direction): boolean;
  isCut(direction: Direction): boolean;
  gone(): void;
}

/** One client's connection through the link. */
class Pipe {
  private readonly waiting: Record<Direction, Buffer[]> = { up: [], down: [] };
  private readonly timers = new Set<NodeJS.Timeout>();
  private lostBytes = false;
  private closed = false;

  constructor(private readonly client: Socket, private readonly broker: Socket, private readonly weather: Weather) {
    this.join('up', client, broker);
    this.join('down', broker, client);
  }

  healed(): void {
    if (this.lostBytes) return this.reset();
    for (const direction of BOTH) this.pass(direction);
  }

  reset(): void {
    this.end(socket => socket.resetAndDestroy());
  }

  private join(direction: Direction, from: Socket, to: Socket): void {
    from.on('data', (bytes: Buffer) => this.take(direction, from, bytes));
    to.on('drain', () => from.resume());
    from.once('error', () => this.reset());
    from.once('close', () => this.finish(direction));
  }

  private take(direction: Direction, from: Socket, bytes: Buffer): void {
    if (this.weather.isCut(direction)) {
      this.lostBytes = true;
      return;
    }
    this.waiting[direction].push(bytes);
    const delayMs = this.weather.delayMs();
    if (delayMs === 0) return this.pass(direction);
    // What waits is bounded by what one side sends in a delay.
    from.pause();
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.pass(direction);
      from.resume();
    }, delayMs);
    this.timers.add(timer);
  }

  private pass(direction: Direction): void {
    const [from, to] = direction === 'up' ? [this.client, this.broker] : [this.broker, this.client];
    if (this.weather.isStalled(direction)) {
      from.pause();
      return;
    }
    from.resume();
    for (const bytes of this.waiting[direction].splice(0)) if (!to.destroyed && !to.write(bytes)) from.pause();
  }

  /** One side has closed: the other hears of it, unless nothing gets through. */
  private finish(direction: Direction): void {
    if (this.weather.isStalled(direction) || this.weather.isCut(direction)) {
      this.lostBytes = true;
      return;
    }
    this.end(socket => socket.destroySoon());
  }

  private end(close: (socket: Socket) => void): void {
    if (this.closed) return;
    this.closed = true;
    for (const timer of this.timers) clearTimeout(timer);
    for (const socket of [this.client, this.broker]) close(socket);
    this.weather.gone();
  }
}
