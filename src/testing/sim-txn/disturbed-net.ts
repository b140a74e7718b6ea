import type { ByteSink, ByteStream, Net, NetListener } from '../../env/index.js';
import type { SimWorld } from '../../env/sim/index.js';

/**
 * What may happen to a request on its way. lost: it never arrives, and the connection breaks. unanswered: it is served, and the
 * connection breaks before the answer. late: the connection breaks, and the request arrives all the same, later. again: it is
 * served and answered, and arrives a second time later.
 */
export type Disturbance = 'lost' | 'unanswered' | 'late' | 'again';

export interface PlannedDisturbance {
  readonly how: Disturbance;
  /** Requests that pass before it strikes. */
  readonly after: number;
  /** How much later a request arrives that is late or comes again. */
  readonly delayMs: number;
}

const API_KEY_AT = 4;

/** What connects one simulated client: whole requests are disturbed as planned. Every write is one request, as `RawClient` does it. */
export class DisturbedNet implements Net {
  private planned: { how: Disturbance; after: number; delayMs: number }[] = [];

  constructor(
    private readonly net: Net,
    private readonly world: SimWorld,
    /** What becomes of a disturbance of that API; some a protocol's own flaws forbid. */
    private readonly permitted: (how: Disturbance, apiKey: number) => Disturbance,
    /** A request will arrive, so much later, that its sender does not know of. */
    private readonly onGhost: (apiKey: number, delayMs: number) => void,
  ) {}

  plan({ how, after, delayMs }: PlannedDisturbance): void {
    this.planned.push({ how, after, delayMs });
  }

  listen(): Promise<NetListener> {
    return Promise.reject(new Error('a client does not listen'));
  }

  resolve(host: string): Promise<string | undefined> {
    return this.net.resolve(host);
  }

  async connect(options: { host: string; port: number; timeoutMs?: number }): Promise<ByteStream> {
    const stream = await this.net.connect(options);
    return new DisturbedStream(stream, frame => this.next(frame), (frame, delayMs) => this.ghost(options, frame, delayMs));
  }

  private next(frame: Uint8Array): { how: Disturbance; delayMs: number } | undefined {
    for (const each of this.planned) each.after--;
    const due = this.planned.find(({ after }) => after < 0);
    if (due === undefined) return undefined;
    this.planned = this.planned.filter(each => each !== due);
    return { how: this.permitted(due.how, apiKeyOf(frame)), delayMs: due.delayMs };
  }

  /** A connection that carries one request and is never looked at. Where no broker runs, the request is gone. */
  private ghost(options: { host: string; port: number }, frame: Uint8Array, delayMs: number): void {
    this.onGhost(apiKeyOf(frame), delayMs);
    const copy = Uint8Array.from(frame);
    this.world.schedule(delayMs, () => {
      this.net.connect(options).then(stream => {
        stream.start(new Nobody());
        stream.write([copy]);
      }, () => undefined);
    });
  }
}

function apiKeyOf(frame: Uint8Array): number {
  return frame[API_KEY_AT]! * 256 + frame[API_KEY_AT + 1]!;
}

class Nobody implements ByteSink {
  private readonly buffer = Buffer.allocUnsafe(4096);
  nextBuffer(): Uint8Array { return this.buffer; }
  filled(): void { /* Nobody reads it. */ }
  ended(): void { /* Nobody minds. */ }
}

class DisturbedStream implements ByteStream, ByteSink {
  private sink!: ByteSink;
  private breaksAtAnswer = false;
  private broken = false;

  constructor(
    private readonly stream: ByteStream,
    private readonly next: (frame: Uint8Array) => { how: Disturbance; delayMs: number } | undefined,
    private readonly ghost: (frame: Uint8Array, delayMs: number) => void,
  ) {}

  get remoteAddress(): string { return this.stream.remoteAddress; }
  get remotePort(): number { return this.stream.remotePort; }
  get localPort(): number { return this.stream.localPort; }
  get pendingBytes(): number { return this.stream.pendingBytes; }
  get takingMark(): number { return this.stream.takingMark; }

  start(sink: ByteSink): void {
    this.sink = sink;
    this.stream.start(this);
  }

  pause(): void { this.stream.pause(); }
  resume(): void { this.stream.resume(); }
  end(): void { this.stream.end(); }
  destroy(): void { this.stream.destroy(); }

  write(buffers: readonly Uint8Array[], onFlushed?: (error?: Error) => void): void {
    const disturbance = this.next(buffers[0]!);
    const how = disturbance?.how;
    if (how === 'late' || how === 'again') this.ghost(buffers[0]!, disturbance!.delayMs);
    if (how === 'unanswered') this.breaksAtAnswer = true;
    if (how === 'lost' || how === 'late') queueMicrotask(() => this.break());
    else this.stream.write(buffers, onFlushed);
  }

  nextBuffer(): Uint8Array { return this.sink.nextBuffer(); }

  filled(length: number): void {
    if (this.broken) return;
    if (this.breaksAtAnswer) this.break();
    else this.sink.filled(length);
  }

  ended(error?: Error): void {
    if (!this.broken) this.sink.ended(error);
  }

  private break(): void {
    this.broken = true;
    this.stream.destroy();
    this.sink.ended(new Error('the connection broke'));
  }
}
