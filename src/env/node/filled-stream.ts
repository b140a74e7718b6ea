import type * as NodeNetModule from 'node:net';
import type { OnReadOpts, Socket, SocketConstructorOpts } from 'node:net';
import { canWrite, takeHandleFrom, type ReadingHandle, type SocketHandle } from './socket-handle.js';
import { SocketStream } from './socket-stream.js';
import { SocketWrites } from './socket-writes.js';

/** Options of `net.Socket` that Node has and its types lack. */
interface HandleOptions extends SocketConstructorOpts {
  handle: SocketHandle;
  pauseOnCreate: boolean;
  onread: OnReadOpts;
}

/**
 * Where the first bytes of every connection go: Node asks for a buffer when the socket is made, before anybody listens. A
 * read and its callback are one step, so one buffer serves all.
 */
const firstBytes = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * The kernel reads straight into the sink's buffers: the connection's handle is taken from the socket that accepted or
 * connected it and given to a new one with `onread`, an option that accepted sockets cannot have.
 */
export class FilledSocketStream extends SocketStream {
  /** undefined where this Node's handle cannot be written to. */
  private readonly writes: SocketWrites | undefined;

  constructor(net: typeof NodeNetModule, accepted: Socket, handle: SocketHandle & ReadingHandle) {
    const reading: { stream?: FilledSocketStream; buffer?: Uint8Array } = {};
    const options: HandleOptions = {
      handle, pauseOnCreate: true, readable: true, writable: true, allowHalfOpen: true,
      onread: {
        buffer: () => {
          const next = reading.stream?.bufferToFill() ?? firstBytes;
          // Node takes nothing for the same again, which spares it a look at the memory behind the buffer.
          if (next === reading.buffer) return undefined as unknown as Uint8Array;
          return reading.buffer = next;
        },
        callback: length => reading.stream?.tookIn(length, reading.buffer!) ?? false,
      },
    };
    const socket = new net.Socket(options);
    takeHandleFrom(accepted);
    super(socket);
    this.writes = canWrite(handle) ? new SocketWrites(socket, handle) : undefined;
    reading.stream = this;
  }

  override get pendingBytes(): number {
    return super.pendingBytes + (this.writes?.pendingBytes ?? 0);
  }

  protected override writeDirectly(bytes: Uint8Array): boolean {
    return this.writes?.write(bytes) ?? false;
  }

  protected startReading(): void {
    if (!this.paused) this.socket.resume();
  }

  private bufferToFill(): Uint8Array | undefined {
    return this.closed ? undefined : this.sink?.nextBuffer();
  }

  /** Returns whether to go on reading. */
  private tookIn(length: number, buffer: Uint8Array): boolean {
    if (buffer === firstBytes) this.deliver(buffer.subarray(0, length));
    else if (!this.closed) this.sink?.filled(length);
    return !this.paused;
  }
}
