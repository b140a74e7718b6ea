import type { Server, Socket } from 'node:net';
import type { ByteStream, Net, NetListener } from '../net.js';
import { builtin } from './builtin.js';
import { FilledSocketStream } from './filled-stream.js';
import { canFill, handleOf } from './socket-handle.js';
import { ChunkedSocketStream, withoutMapping, type SocketStream } from './socket-stream.js';

const BACKLOG = 4096;

export interface NodeNetOptions {
  /**
   * filled: the kernel reads into the sink's buffers, by way of Node's socket handle. chunks: Node's own chunks are copied into
   * them, for sockets that have no such handle. By default what the Node that runs can do.
   */
  readonly reading?: 'filled' | 'chunks';
  /** Told of connections that could not be accepted, as when descriptors run out; the listener goes on. */
  readonly onAcceptError?: (error: Error) => void;
}

/** TCP through node:net, which is loaded at the first use. */
export class NodeNet implements Net {
  /** One after another: a lookup may last, and takes one of the few threads that files are read with. */
  private lookups: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: NodeNetOptions = {}) {}

  async listen({ host, port, backlog = BACKLOG }: { host: string; port: number; backlog?: number }, onConnection: (stream: ByteStream) => void): Promise<NetListener> {
    const net = builtin('node:net');
    // Half-open sockets stay: who reads decides what an end means for what is still to be written.
    const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
    server.on('connection', socket => {
      const stream = this.streamOf(net, socket);
      if (stream !== undefined) onConnection(stream);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog }, () => {
        server.off('error', reject);
        server.on('error', error => this.options.onAcceptError?.(error));
        resolve();
      });
    });
    return new NodeListener(server);
  }

  resolve(host: string): Promise<string | undefined> {
    const net = builtin('node:net');
    // Java reads addresses in brackets too.
    const bare = host.replace(/^\[(.*)\]$/, '$1');
    if (net.isIP(bare) !== 0) return Promise.resolve(printed(net, bare));
    const found = this.lookups.then(() => lookUp(bare));
    this.lookups = found;
    return found.then(address => address && printed(net, address));
  }

  async connect({ host, port, timeoutMs }: { host: string; port: number; timeoutMs?: number }): Promise<ByteStream> {
    const net = builtin('node:net');
    const socket = new net.Socket({ allowHalfOpen: true });
    // Or Node would begin to read before there is a sink.
    socket.pause();
    await new Promise<void>((resolve, reject) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => socket.destroy(timedOut(host, port, timeoutMs)), timeoutMs);
      socket.on('error', reject);
      socket.connect({ host, port }, () => {
        socket.off('error', reject);
        resolve();
      });
      socket.once('close', () => clearTimeout(timer));
      socket.once('connect', () => clearTimeout(timer));
    });
    const stream = this.streamOf(net, socket);
    if (stream === undefined) throw new Error(`${host}:${port} closed the connection at once`);
    return stream;
  }

  /** undefined when the peer is gone already. */
  private streamOf(net: typeof import('node:net'), socket: Socket): SocketStream | undefined {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined) {
      socket.destroy();
      return undefined;
    }
    const handle = handleOf(socket);
    return this.options.reading !== 'chunks' && canFill(handle) ? new FilledSocketStream(net, socket, handle) : new ChunkedSocketStream(socket);
  }
}

async function lookUp(host: string): Promise<string | undefined> {
  try {
    return (await builtin('node:dns').promises.lookup(host)).address;
  } catch {
    return undefined;
  }
}

/** An address as sockets print it. */
function printed(net: typeof import('node:net'), address: string): string {
  return net.isIPv4(address) ? address : withoutMapping(new net.SocketAddress({ address, family: 'ipv6' }).address);
}

function timedOut(host: string, port: number, timeoutMs: number): Error {
  return Object.assign(new Error(`connecting to ${host}:${port} took longer than ${timeoutMs} ms`), { code: 'ETIMEDOUT' });
}

class NodeListener implements NetListener {
  readonly host: string;
  readonly port: number;

  constructor(private readonly server: Server) {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP listener has an address');
    this.host = address.address;
    this.port = address.port;
  }

  async close(): Promise<void> {
    // The server's own callback would wait for open connections; the port is free at once.
    this.server.close();
    await new Promise(resolve => { setImmediate(resolve); });
  }
}
