import { expect, test } from '@jest/globals';
import * as net from 'node:net';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { CollectingSink, netContract } from '../contract/net-contract.js';
import type { ByteStream } from '../net.js';
import { FilledSocketStream } from './filled-stream.js';
import { NodeNet, type NodeNetOptions } from './net.js';
import { canFill, canWrite, handleOf } from './socket-handle.js';
import { ChunkedSocketStream } from './socket-stream.js';

const turn = (): Promise<void> => new Promise(resolve => { setImmediate(resolve); });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn();
}

for (const reading of ['filled', 'chunks'] as const) {
  netContract(`NodeNet, ${reading}`, () => ({ net: new NodeNet({ reading }), host: '127.0.0.1', manyBytes: 40_000_000, until, settle }));
}

async function accepting(options: NodeNetOptions): Promise<{ port: number; accepted: ByteStream[]; close: () => Promise<void> }> {
  const accepted: ByteStream[] = [];
  const listener = await new NodeNet(options).listen({ host: '127.0.0.1', port: 0 }, stream => accepted.push(stream));
  return {
    port: listener.port, accepted,
    close: async () => {
      for (const stream of accepted) stream.destroy();
      await listener.close();
    },
  };
}

test('reads into the sink\'s own memory where Node can, and by chunks where it is told to', async () => {
  for (const [options, kind] of [[{}, FilledSocketStream], [{ reading: 'chunks' }, ChunkedSocketStream]] as const) {
    const { port, accepted, close } = await accepting(options);
    const client = connect(port, '127.0.0.1');
    await until(() => accepted.length === 1);
    expect(accepted[0]).toBeInstanceOf(kind);
    client.destroy();
    await close();
  }
});

test('a Node whose handle cannot be written to still reads into the sink\'s own memory, and writes by the socket', async () => {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = await once(server, 'connection') as [Socket];
  const handle = handleOf(socket);
  Object.defineProperty(handle, 'writeQueueSize', { value: undefined });
  if (!canFill(handle)) throw new Error('this Node cannot fill buffers');
  expect(canWrite(handle)).toBe(false);
  const stream = new FilledSocketStream(net, socket, handle);
  const sink = new CollectingSink();
  stream.start(sink);
  let got = '';
  client.on('data', (chunk: Buffer) => { got += chunk.toString(); });
  for (const question of ['one', 'two', 'three']) {
    client.write(question);
    await until(() => sink.text.endsWith(question));
    stream.write([Buffer.from(question)]);
  }
  await until(() => got === 'onetwothree');
  expect([sink.text, stream.pendingBytes]).toEqual(['onetwothree', 0]);
  client.destroy();
  stream.destroy();
  server.close();
});

test('a reset by the peer is a quiet end', async () => {
  const { port, accepted, close } = await accepting({});
  const client = connect(port, '127.0.0.1');
  await until(() => accepted.length === 1);
  const sink = new CollectingSink();
  accepted[0]!.start(sink);
  client.resetAndDestroy();
  await until(() => sink.end !== undefined);
  expect(sink.end).toEqual({});
  await close();
});

test('ending sends what is pending although the peer goes on sending', async () => {
  const { port, accepted, close } = await accepting({});
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await until(() => accepted.length === 1);
  const stream = accepted[0]!;
  stream.start(new CollectingSink());
  stream.write([Buffer.alloc(500_000, 'a'), Buffer.from('last')]);
  stream.end();
  let received = 0;
  client.on('data', chunk => { received += chunk.length; });
  await once(client, 'end');
  expect(received).toBe(500_004);
  client.destroy();
  await close();
});

test('a port in use rejects with EADDRINUSE and a wrong host with its code', async () => {
  const { port, close } = await accepting({});
  await expect(new NodeNet().listen({ host: '127.0.0.1', port }, () => undefined)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await expect(new NodeNet().connect({ host: '127.0.0.1', port: 1 })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await close();
});

test('an address is found for a host and for itself, as connections show it; for nobody there is none', async () => {
  const net = new NodeNet();
  const found = (...hosts: string[]) => Promise.all(hosts.map(host => net.resolve(host)));
  expect(await found('10.1.2.3', '0:0:0:0:0:0:0:1', '[fd00::1]', '::ffff:10.1.2.3')).toEqual(['10.1.2.3', '::1', 'fd00::1', '10.1.2.3']);
  expect(['127.0.0.1', '::1']).toContain(await net.resolve('localhost'));
  expect(await found('256.1.1.1', 'not an address', 'no-such-host.invalid')).toEqual([undefined, undefined, undefined]);
});

test('answers written past the socket, those that wait for a slow peer too, arrive in order', async () => {
  const { port, accepted, close } = await accepting({});
  const client = connect(port, '127.0.0.1');
  client.pause();
  await until(() => accepted.length === 1);
  const stream = accepted[0]!;
  stream.start(new CollectingSink());
  const sent: Buffer[] = [];
  const write = (sizeBytes: number): void => {
    const bytes = Buffer.alloc(sizeBytes, sent.length % 251);
    sent.push(bytes);
    stream.write([bytes]);
  };
  for (let i = 0; i < 10; i++) write(100);
  expect(stream.pendingBytes).toBe(0);
  while (stream.pendingBytes === 0) write(100_000);
  for (let i = 0; i < 10; i++) write(100);
  expect(stream.pendingBytes).toBeGreaterThanOrEqual(1000);
  let got = Buffer.alloc(0);
  client.on('data', (chunk: Buffer) => { got = Buffer.concat([got, chunk]); }).resume();
  const all = Buffer.concat(sent);
  await until(() => got.length === all.length && stream.pendingBytes === 0);
  expect(got.equals(all)).toBe(true);
  write(100);
  await until(() => got.length === all.length + 100);
  expect(stream.pendingBytes).toBe(0);
  client.destroy();
  await close();
});

test('a peer that is gone ends the stream while an answer waits for it', async () => {
  const { port, accepted, close } = await accepting({});
  const client = connect(port, '127.0.0.1');
  client.pause();
  await until(() => accepted.length === 1);
  const stream = accepted[0]!;
  const sink = new CollectingSink();
  stream.start(sink);
  for (let i = 0; i < 2; i++) stream.write([Buffer.alloc(100)]);
  while (stream.pendingBytes === 0) stream.write([Buffer.alloc(100_000)]);
  client.resetAndDestroy();
  await until(() => sink.end !== undefined && stream.pendingBytes === 0);
  expect(sink.end).toEqual({});
  await close();
});
