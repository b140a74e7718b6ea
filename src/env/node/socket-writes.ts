import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { WriteRequest, WritingHandle } from './socket-handle.js';

type WriteRequestClass = new () => WriteRequest;

/** Learnt from the first write that Node itself makes in this process. */
let requestClass: WriteRequestClass | undefined;

/**
 * Writes small answers to the handle itself. By way of the socket each costs a request, its state in the stream and a tick
 * for a callback that nobody waits for: with many connections more than all that is done for the answer otherwise.
 */
export class SocketWrites {
  /** Bytes of the write that the system has not taken in one piece. */
  pendingBytes = 0;

  constructor(private readonly socket: Socket, private readonly handle: WritingHandle) {}

  /** Writes bytes, if nothing waits before them; false when the socket has to do it, at once. */
  write(bytes: Uint8Array): boolean {
    if (this.pendingBytes > 0 || this.socket.writableLength > 0) return false;
    if (requestClass === undefined) return learnFrom(this.handle);
    // Another each time: one whose bytes are all taken may yet be told of, when the system took the last of them a moment later.
    const request = new requestClass();
    // What fails at once fails again by way of the socket, which knows what to do then.
    if (this.handle.writeBuffer(request, bytes) !== 0) return false;
    if (this.handle.writeQueueSize > 0) this.await(request, bytes);
    return true;
  }

  private await(request: WriteRequest, bytes: Uint8Array): void {
    this.pendingBytes = bytes.length;
    request.buffer = bytes;
    request.oncomplete = status => {
      this.pendingBytes = 0;
      if (status < 0) this.socket.destroy(failure(status));
    };
  }
}

function learnFrom(handle: WritingHandle): false {
  handle.writeBuffer = function (request, bytes) {
    Reflect.deleteProperty(handle, 'writeBuffer');
    requestClass = request.constructor as WriteRequestClass;
    return handle.writeBuffer(request, bytes);
  };
  return false;
}

function failure(status: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code });
}
