import { expect, test } from '@jest/globals';
import type { ByteSink, ByteStream, Net, NetListener } from '../net.js';

/** Collects what arrives, in buffers of a size of its own. */
export class CollectingSink implements ByteSink {
  readonly chunks: Buffer[] = [];
  /** Bytes so far. */
  length = 0;
  end: { error?: Error } | undefined;
  onChange: () => void = () => undefined;
  private readonly buffer: Buffer;

  constructor(bufferBytes = 64) {
    this.buffer = Buffer.alloc(bufferBytes);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  nextBuffer(): Uint8Array {
    return this.buffer;
  }

  filled(length: number): void {
    this.chunks.push(Buffer.from(this.buffer.subarray(0, length)));
    this.length += length;
    this.onChange();
  }

  ended(error?: Error): void {
    this.end = error === undefined ? {} : { error };
    this.onChange();
  }
}

interface Pair {
  readonly net: Net;
  readonly listener: NetListener;
  readonly client: ByteStream;
  readonly server: ByteStream;
}

export interface NetWorld {
  readonly net: Net;
  readonly host: string;
  /** More than the two systems hold between a writer and a reader. */
  readonly manyBytes: number;
  /** Lets the world go on until the condition holds. */
  readonly until: (condition: () => boolean) => Promise<void>;
  /** Lets the world go on until what is under way has arrived. */
  readonly settle: () => Promise<void>;
}

/** What every `Net` must do. */
export function netContract(name: string, open: () => NetWorld): void {
  const check = (what: string, run: (pair: Pair, world: NetWorld) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const world = open();
      const accepted: ByteStream[] = [];
      let listener: NetListener | undefined;
      let client: ByteStream | undefined;
      void world.net.listen({ host: world.host, port: 0 }, stream => accepted.push(stream)).then(listening => { listener = listening; });
      await world.until(() => listener !== undefined);
      void world.net.connect({ host: world.host, port: listener!.port }).then(stream => { client = stream; });
      await world.until(() => client !== undefined && accepted.length > 0);
      try {
        await run({ net: world.net, listener: listener!, client: client!, server: accepted[0]! }, world);
      } finally {
        client!.destroy();
        for (const stream of accepted) stream.destroy();
        await listener!.close();
      }
    });
  };

  check('tells both ends the same addresses', async ({ client, server, listener }) => {
    expect(server.localPort).toBe(listener.port);
    expect(client.remotePort).toBe(listener.port);
    expect(server.remotePort).toBe(client.localPort);
    expect(server.remoteAddress).toBe(client.remoteAddress);
  });

  check('carries bytes both ways, in order, through small buffers', async ({ client, server }, { until }) => {
    const [atClient, atServer] = [new CollectingSink(7), new CollectingSink(11)];
    client.start(atClient);
    server.start(atServer);
    const sent = Array.from({ length: 200 }, (_, index) => `request ${index};`);
    for (const text of sent) client.write([Buffer.from(text)]);
    server.write([Buffer.from('one '), Buffer.from('two '), Buffer.alloc(0), Buffer.from('three')]);
    await until(() => atServer.length === sent.join('').length && atClient.length === 13);
    expect(atServer.text).toBe(sent.join(''));
    expect(atClient.text).toBe('one two three');
  });

  check('reads nothing before it is started, and then all', async ({ client, server }, { until, settle }) => {
    client.write([Buffer.from('early')]);
    await settle();
    const sink = new CollectingSink();
    server.start(sink);
    await until(() => sink.length === 5);
    expect(sink.text).toBe('early');
  });

  check('says when everything was taken, and leaves the buffers alone after that', async ({ client, server }, { until }) => {
    const sink = new CollectingSink(1 << 16);
    server.start(sink);
    const bytes = Buffer.alloc(3_000_000, 'x');
    let flushed = 0;
    client.write([bytes.subarray(0, 1_000_000), bytes.subarray(1_000_000)], () => flushed++);
    await until(() => flushed > 0);
    bytes.fill('y');
    expect(client.pendingBytes).toBe(0);
    await until(() => sink.length === 3_000_000);
    expect(flushed).toBe(1);
    expect(sink.text.includes('y')).toBe(false);
    client.write([], () => flushed++);
    await until(() => flushed === 2);
  });

  check('holds the sender back while the reader is paused', async ({ client, server }, { until, settle, manyBytes: total }) => {
    const sink = new CollectingSink(1000);
    sink.onChange = () => server.pause();
    server.start(sink);
    client.write([Buffer.alloc(total)]);
    await until(() => sink.length > 0);
    await settle();
    expect(sink.length).toBe(1000);
    expect(client.pendingBytes).toBeGreaterThan(total / 4);
    sink.onChange = () => undefined;
    server.resume();
    await until(() => sink.length === total);
    expect(client.pendingBytes).toBe(0);
  });

  check('may be paused and resumed from inside a delivery', async ({ client, server }, { until }) => {
    const sink = new CollectingSink(3);
    sink.onChange = () => {
      server.pause();
      server.resume();
    };
    server.start(sink);
    client.write([Buffer.from('0123456789'.repeat(30))]);
    await until(() => sink.length === 300);
    expect(sink.text).toBe('0123456789'.repeat(30));
  });

  check('ends quietly after the last byte when the peer ends', async ({ client, server }, { until }) => {
    const sink = new CollectingSink();
    client.write([Buffer.alloc(1_000_000, 'z')]);
    client.end();
    server.start(sink);
    await until(() => sink.end !== undefined);
    expect(sink.end).toEqual({});
    expect(sink.length).toBe(1_000_000);
  });

  check('a peer that vanishes is a quiet end, and writing to it fails without noise', async ({ client, server }, { until, settle }) => {
    const sink = new CollectingSink();
    server.start(sink);
    client.destroy();
    await until(() => sink.end !== undefined);
    expect(sink.end?.error).toBeUndefined();
    const results: (Error | undefined)[] = [];
    for (let i = 0; i < 5; i++) server.write([Buffer.alloc(100)], error => results.push(error));
    await settle();
    server.destroy();
    server.write([Buffer.alloc(1)], error => results.push(error));
    await until(() => results.length === 6);
    expect(results[5]).toBeInstanceOf(Error);
    expect(sink.end).toEqual({});
  });

  check('tells nothing to a sink whose stream was destroyed', async ({ client, server }, { settle }) => {
    const sink = new CollectingSink();
    server.start(sink);
    client.write([Buffer.from('too late')]);
    server.destroy();
    await settle();
    expect(sink.chunks).toEqual([]);
    expect(sink.end).toBeUndefined();
  });

  check('a closed listener keeps its streams and takes no more', async ({ net, listener, client, server }, { until }) => {
    let closed = false;
    void listener.close().then(() => { closed = true; });
    await until(() => closed);
    const sink = new CollectingSink();
    server.start(sink);
    client.write([Buffer.from('still here')]);
    await until(() => sink.length === 10);
    let refusal: unknown;
    void net.connect({ host: listener.host, port: listener.port }).catch(error => { refusal = error; });
    await until(() => refusal !== undefined);
    expect(refusal).toMatchObject({ code: 'ECONNREFUSED' });
  });

  check('two listeners cannot have one port', async ({ net, listener }, { until }) => {
    let refusal: unknown;
    void net.listen({ host: listener.host, port: listener.port }, () => undefined).catch(error => { refusal = error; });
    await until(() => refusal !== undefined);
    expect(refusal).toMatchObject({ code: 'EADDRINUSE' });
  });
}
