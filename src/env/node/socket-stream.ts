import type { Socket } from 'node:net';
import type { ByteSink, ByteStream } from '../net.js';
import { handleOf } from './socket-handle.js';

/** How a peer leaves without saying goodbye: an end like any other. */
const QUIET_CODES: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** An IPv4 address as such where IPv6 carries it. */
export const withoutMapping = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '');

/** What reading by chunks and reading into the sink's buffers have in common: all but the way in. */
export abstract class SocketStream implements ByteStream {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  protected sink: ByteSink | undefined;
  protected paused = false;
  /** Bytes that came in one piece with what made the sink pause; they go first when it resumes. */
  private held: Uint8Array | undefined;
  private endSeen: { error?: Error } | undefined;
  /** By our own side. */
  protected closed = false;

  constructor(protected readonly socket: Socket) {
    this.remoteAddress = withoutMapping(socket.remoteAddress ?? '');
    this.remotePort = socket.remotePort ?? 0;
    this.localPort = socket.localPort ?? 0;
    socket.setNoDelay(true);
    socket.on('end', () => this.sawEnd());
    socket.on('error', (error: NodeJS.ErrnoException) => this.sawEnd(QUIET_CODES.has(error.code) ? undefined : error));
    socket.on('close', () => this.sawEnd());
  }

  start(sink: ByteSink): void {
    this.sink = sink;
    if (this.endSeen !== undefined) this.tellEnd();
    else this.startReading();
  }

  pause(): void {
    this.paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.held === undefined) this.socket.resume();
    // Never from inside the sink's own call.
    else process.nextTick(() => this.deliverHeld());
  }

  write(buffers: readonly Uint8Array[], onFlushed?: (error?: Error) => void): void {
    const { socket } = this;
    if (this.closed || !socket.writable) {
      if (onFlushed !== undefined) process.nextTick(onFlushed, new Error('the stream is closed'));
      return;
    }
    const last = buffers.length - 1;
    if (last < 0) {
      if (onFlushed !== undefined) process.nextTick(onFlushed);
      return;
    }
    if (last === 0 && onFlushed === undefined && this.writeDirectly(buffers[0]!)) return;
    const flushed = onFlushed && ((error?: Error | null) => onFlushed(error ?? undefined));
    // Corked writes leave in one `writev`.
    if (last > 0) socket.cork();
    for (let index = 0; index < last; index++) socket.write(buffers[index]!);
    socket.write(buffers[last]!, flushed);
    if (last > 0) socket.uncork();
  }

  get pendingBytes(): number {
    return this.socket.writableLength;
  }

  get takingMark(): number {
    return this.socket.writableLength + (handleOf(this.socket)?.writeQueueSize ?? 0);
  }

  end(): void {
    if (this.closed) return;
    this.closed = true;
    this.held = undefined;
    this.socket.end(() => this.socket.destroy());
    // Nobody reads any more; without this a peer that sends on would keep the socket from closing.
    this.socket.resume();
  }

  destroy(): void {
    this.closed = true;
    this.held = undefined;
    this.socket.destroy();
  }

  protected abstract startReading(): void;

  /** Writes past the socket what nobody wants to hear of; false where that cannot be. */
  protected writeDirectly(_bytes: Uint8Array): boolean {
    return false;
  }

  /** Copies bytes into the sink's buffers, as far as it wants them now. */
  protected deliver(bytes: Uint8Array): void {
    const { sink } = this;
    if (sink === undefined) return;
    let at = 0;
    while (at < bytes.length && !this.closed) {
      if (this.paused) {
        this.held = Uint8Array.prototype.slice.call(bytes, at);
        return;
      }
      const target = sink.nextBuffer();
      const length = Math.min(target.length, bytes.length - at);
      target.set(bytes.subarray(at, at + length));
      at += length;
      sink.filled(length);
    }
  }

  private deliverHeld(): void {
    const { held } = this;
    if (this.paused || held === undefined) return;
    this.held = undefined;
    this.deliver(held);
    if (this.paused || this.closed) return;
    if (this.endSeen !== undefined) this.tellEnd();
    else this.socket.resume();
  }

  private sawEnd(error?: Error): void {
    if (this.endSeen !== undefined) return;
    this.endSeen = error === undefined ? {} : { error };
    if (this.sink !== undefined && this.held === undefined) this.tellEnd();
  }

  private tellEnd(): void {
    if (!this.closed) this.sink?.ended(this.endSeen?.error);
  }
}

/** Reading by Node's own chunks, which works for every kind of socket. */
export class ChunkedSocketStream extends SocketStream {
  protected startReading(): void {
    this.socket.on('data', (chunk: Buffer) => this.deliver(chunk));
    if (!this.paused) this.socket.resume();
    else this.socket.pause();
  }
}
