import { crc32c } from '../../base/crc32c.js';
import type { ByteSink, ByteStream } from '../net.js';
import type { SimNode } from './node.js';

/** Bytes that the two systems hold between a writer and a reader. */
const WINDOW_BYTES = 256 * 1024;

interface End {
  readonly node: SimNode;
  readonly port: number;
}

interface Pending {
  /** What is still to be taken; the writer leaves it unchanged until then. */
  bytes: Uint8Array;
  readonly onFlushed: ((error?: Error) => void) | undefined;
}

/** One end of a connection. Bytes arrive in order, cut at random places, each piece after a while of its own. */
export class SimStream implements ByteStream {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  private peer!: SimStream;
  private sink: ByteSink | undefined;
  private paused = false;
  private delivering = false;
  private outbox: Pending[] = [];
  private pending = 0;
  /** Bytes that left the outbox and have not reached the peer's sink. */
  private travelling = 0;
  private lastArrivalMs = 0;
  /** Arrived, not yet delivered; null is the end. */
  private inbox: (Uint8Array | null)[] = [];
  /** Would have arrived, were the link not cut. */
  private stalled: (Uint8Array | null)[] = [];
  private closed = false;
  private ending = false;
  private endTold = false;

  private constructor(
    readonly node: SimNode,
    local: End,
    remote: End,
  ) {
    const { network } = node.world;
    this.localPort = local.port;
    this.remotePort = remote.port;
    this.remoteAddress = network.addressOf(remote.node.name, node.name);
    network.streams.add(this);
  }

  static pair(a: End, b: End): [SimStream, SimStream] {
    const [atA, atB] = [new SimStream(a.node, a, b), new SimStream(b.node, b, a)];
    atA.peer = atB;
    atB.peer = atA;
    return [atA, atB];
  }

  get peerName(): string {
    return this.peer.node.name;
  }

  get pendingBytes(): number {
    return this.pending;
  }

  get takingMark(): number {
    return this.pending;
  }

  start(sink: ByteSink): void {
    this.sink = sink;
    this.soon(() => this.deliver());
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.soon(() => this.deliver());
  }

  write(buffers: readonly Uint8Array[], onFlushed?: (error?: Error) => void): void {
    if (this.closed || this.ending || buffers.length === 0) {
      const error = buffers.length === 0 ? undefined : new Error('the stream is closed');
      if (onFlushed !== undefined) this.soon(() => onFlushed(error));
      return;
    }
    buffers.forEach((bytes, index) => {
      this.outbox.push({ bytes, onFlushed: index === buffers.length - 1 ? onFlushed : undefined });
      this.pending += bytes.length;
    });
    this.pump();
  }

  end(): void {
    if (this.closed) return;
    this.ending = true;
    this.pump();
  }

  destroy(): void {
    if (this.closed) return;
    this.close();
    this.send(null);
  }

  /** The connection is gone for both, with what was under way. */
  break(): void {
    for (const stream of [this, this.peer]) {
      stream.stalled = [];
      stream.inbox = [];
      stream.soon(() => stream.refused());
    }
  }

  linkHealed(): void {
    if (this.node.world.network.isCut(this.peerName, this.node.name)) return;
    const { stalled } = this;
    this.stalled = [];
    for (const piece of stalled) this.take(piece);
  }

  private close(): void {
    if (this.closed) return;
    this.closed = true;
    this.node.world.network.streams.delete(this);
    const unsent = this.outbox;
    this.outbox = [];
    this.pending = 0;
    for (const { onFlushed } of unsent) if (onFlushed !== undefined) this.soon(() => onFlushed(new Error('the stream is closed')));
  }

  /** Gives the system as much of the outbox as it has room for. */
  private pump(): void {
    while (this.outbox.length > 0) {
      const first = this.outbox[0]!;
      const room = WINDOW_BYTES - this.travelling;
      // As TCP does: no tiny pieces only because tiny pieces were read.
      if (room < Math.min(first.bytes.length, WINDOW_BYTES / 4)) break;
      const length = Math.min(first.bytes.length, room);
      if (length > 0) this.sendInPieces(Uint8Array.prototype.slice.call(first.bytes, 0, length));
      this.pending -= length;
      first.bytes = first.bytes.subarray(length);
      if (first.bytes.length > 0) continue;
      this.outbox.shift();
      if (first.onFlushed !== undefined) this.soon(() => first.onFlushed?.());
    }
    if (this.ending && this.outbox.length === 0) this.destroy();
  }

  private sendInPieces(bytes: Uint8Array): void {
    const { random } = this.node.world.network;
    this.travelling += bytes.length;
    for (let start = 0; start < bytes.length;) {
      const left = bytes.length - start;
      // Mostly whole, sometimes cut anywhere, now and then after a byte.
      const length = random.chance(0.6) ? left : random.chance(0.2) ? 1 : 1 + random.int(left);
      this.send(bytes.subarray(start, start + length));
      start += length;
    }
  }

  private send(piece: Uint8Array | null): void {
    const { world } = this.node;
    this.lastArrivalMs = Math.max(this.lastArrivalMs, world.nowMs + world.network.latencyMs());
    world.schedule(this.lastArrivalMs - world.nowMs, () => this.peer.arrived(piece));
  }

  private arrived(piece: Uint8Array | null): void {
    if (this.stalled.length > 0 || this.node.world.network.isCut(this.peerName, this.node.name)) this.stalled.push(piece);
    else this.take(piece);
  }

  private take(piece: Uint8Array | null): void {
    if (this.closed) {
      // Nobody is there: the sender hears of it a while later.
      if (piece !== null && !this.peer.closed) this.node.world.schedule(this.node.world.network.latencyMs(), () => this.peer.refused());
      return;
    }
    this.inbox.push(piece);
    this.deliver();
  }

  private refused(): void {
    this.tellEnd();
    this.close();
  }

  private deliver(): void {
    if (this.delivering) return;
    this.delivering = true;
    try {
      while (this.inbox.length > 0 && this.sink !== undefined && !this.paused && !this.closed && !this.ending) this.deliverNext(this.sink);
    } finally {
      this.delivering = false;
    }
  }

  private deliverNext(sink: ByteSink): void {
    const piece = this.inbox[0]!;
    if (piece === null) {
      this.inbox = [];
      this.tellEnd();
      return;
    }
    const target = sink.nextBuffer();
    const bytes = piece.subarray(0, target.length);
    target.set(bytes);
    if (bytes.length === piece.length) this.inbox.shift();
    else this.inbox[0] = piece.subarray(bytes.length);
    this.node.record('receives', `${this.remotePort}>${this.localPort} ${bytes.length} ${crc32c(bytes)}`);
    this.peer.delivered(bytes.length);
    sink.filled(bytes.length);
  }

  private delivered(length: number): void {
    this.travelling -= length;
    if (!this.closed) this.pump();
  }

  private tellEnd(): void {
    if (this.endTold || this.closed || this.ending) return;
    this.endTold = true;
    this.node.record('ends', `${this.remotePort}>${this.localPort}`);
    this.sink?.ended();
  }

  private soon(task: () => void): void {
    this.node.world.schedule(0, task, () => this.node.alive);
  }
}
