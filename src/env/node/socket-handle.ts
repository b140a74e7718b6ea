import type { Socket } from 'node:net';

/** What Node's handle of a connection writes with; its class is not exported. */
export interface WriteRequest {
  oncomplete: (status: number) => void;
  /** Kept here while the system has not taken all of it. */
  buffer?: Uint8Array;
}

/** The part of the handle that writes. */
export interface WritingHandle {
  /** Tries at once and queues what the system does not take. 0, or a negative error number when nothing was taken or queued. */
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  /** Bytes that are queued. */
  readonly writeQueueSize: number;
}

/** The part that reads. */
export interface ReadingHandle {
  useUserBuffer(buffer: Uint8Array): void;
}

/** Node's own handle of a TCP connection, in the private field `_handle`; a Node may have some of it and lack the rest. */
export type SocketHandle = Partial<ReadingHandle & WritingHandle>;

interface WithHandle {
  _handle?: SocketHandle | null;
}

export function handleOf(socket: Socket): SocketHandle | undefined {
  return (socket as unknown as WithHandle)._handle ?? undefined;
}

/** Takes the handle from a socket: its end closes nothing any more, but its server no longer counts it. */
export function takeHandleFrom(socket: Socket): void {
  (socket as unknown as WithHandle)._handle = null;
  socket.destroy();
}

/** Whether the kernel can be told where to read to. */
export function canFill(handle: SocketHandle | undefined): handle is SocketHandle & ReadingHandle {
  return typeof handle?.useUserBuffer === 'function';
}

/** Whether bytes can be written past the socket. */
export function canWrite(handle: SocketHandle): handle is SocketHandle & WritingHandle {
  return typeof handle.writeBuffer === 'function' && typeof handle.writeQueueSize === 'number';
}
