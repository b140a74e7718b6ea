import type { ByteSink, ByteStream, Net } from '../env/index.js';
import { readResponseHead, writeRequestHead } from '../protocol/header.js';
import { Reader } from '../protocol/wire/reader.js';
import type { Api } from '../protocol/wire/types.js';
import { Writer } from '../protocol/wire/writer.js';

/** Of all connections, as sinks may: what was filled is copied at once. */
const BUFFER = Buffer.allocUnsafe(64 * 1024);

/** The half of an API that a client uses. */
export type ClientApi<RequestInput, Response> = Pick<
  Api<never, never, RequestInput, Response>, 'key' | 'name' | 'maxVersion' | 'unstableFrom' | 'flexibleFrom' | 'encodeRequest' | 'decodeResponse'
>;

interface Waiting {
  readonly decode: (reader: Reader) => unknown;
  readonly resolve: (response: never) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One connection that speaks the generated codec over any `Net`, real or simulated: no retries, no batching, every version at
 * will. Requests may be pipelined; answers come in order.
 */
export class RawClient implements ByteSink {
  readonly #waiting: Waiting[] = [];
  readonly #writer = new Writer();
  #received: Buffer = Buffer.alloc(0);
  #correlationId = 0;
  #closed: Error | undefined;
  #onClosed: (() => void)[] = [];

  private constructor(private readonly stream: ByteStream, private readonly clientId: string) {
    stream.start(this);
  }

  static async connect(net: Net, port: number, options: { host?: string; clientId?: string } = {}): Promise<RawClient> {
    const stream = await net.connect({ host: options.host ?? '127.0.0.1', port });
    return new RawClient(stream, options.clientId ?? 'raw-client');
  }

  /** Sends one request and resolves with its decoded response; rejects when the connection ends first. */
  send<RequestInput, Response>(
    api: ClientApi<RequestInput, Response>, request: RequestInput, version = newestStable(api),
  ): Promise<Response> {
    this.#write(api, request, version);
    return new Promise<Response>((resolve, reject) => {
      if (this.#closed) { reject(this.#closed); return; }
      const decode = (reader: Reader): unknown => {
        readResponseHead(reader, api, version);
        return api.decodeResponse(reader, version);
      };
      this.#waiting.push({ decode, resolve, reject });
    });
  }

  /** Sends a request that has no answer (Produce with acks=0). */
  sendOnly<RequestInput>(api: ClientApi<RequestInput, unknown>, request: RequestInput, version = newestStable(api)): void {
    this.#write(api, request, version);
  }

  /** Sends bytes as they are. */
  sendBytes(bytes: Uint8Array): void {
    this.stream.write([bytes]);
  }

  /** Resolves when the other side has closed. */
  closedByPeer(): Promise<void> {
    return this.#closed ? Promise.resolve() : new Promise(resolve => { this.#onClosed.push(resolve); });
  }

  close(): void {
    this.stream.destroy();
    this.ended(new Error('closed by the client'));
  }

  nextBuffer(): Uint8Array {
    return BUFFER;
  }

  filled(length: number): void {
    this.#received = Buffer.concat([this.#received, BUFFER.subarray(0, length)]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0);
      if (this.#received.length < end) return;
      const frame = this.#received.subarray(4, end);
      this.#received = this.#received.subarray(end);
      this.#answer(frame);
    }
  }

  ended(error?: Error): void {
    if (this.#closed) return;
    this.#closed = error ?? new Error('the broker closed the connection');
    for (const { reject } of this.#waiting.splice(0)) reject(this.#closed);
    for (const resolve of this.#onClosed.splice(0)) resolve();
  }

  #write<RequestInput>(api: ClientApi<RequestInput, unknown>, request: RequestInput, version: number): void {
    const writer = this.#writer.reset();
    writeRequestHead(writer, api, version, this.#correlationId++, this.clientId);
    api.encodeRequest(writer, request, version);
    const body = writer.toBuffer();
    const frame = Buffer.allocUnsafe(4 + body.length);
    frame.writeInt32BE(body.length, 0);
    frame.set(body, 4);
    this.stream.write([frame]);
  }

  #answer(frame: Buffer): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) throw new Error('an answer came that nobody waits for');
    try {
      // Decoded bytes are views: the answer gets bytes of its own.
      const reader = new Reader(Buffer.from(frame));
      waiting.resolve(waiting.decode(reader) as never);
    } catch (error) {
      waiting.reject(error as Error);
    }
  }
}

const newestStable = ({ maxVersion, unstableFrom }: ClientApi<never, unknown>): number => Math.min(maxVersion, unstableFrom - 1);
