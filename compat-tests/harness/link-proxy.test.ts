// The link does to bytes what it says, and nothing else.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { LinkProxy } from './link-proxy.js';

let echo: Server;
let proxy: LinkProxy;
let sockets: Socket[];
/** What reached the far end. */
let arrived: string;

beforeEach(async () => {
  sockets = [];
  arrived = '';
  echo = createServer(socket => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', bytes => {
      arrived += bytes.toString();
      socket.write(bytes);
    });
  }).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  proxy = await LinkProxy.listen(() => ({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port }));
});

afterEach(async () => {
  await proxy.close();
  for (const socket of sockets) socket.destroy();
  await new Promise(resolve => { echo.close(resolve); });
});

async function open(): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [bytes] = await once(socket, 'data') as [Buffer];
  return bytes.toString();
}

const ended = (socket: Socket): Promise<string> => new Promise(resolve => {
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
  socket.on('close', () => resolve('closed'));
});

/** Long enough for a loopback to deliver what it will. */
const settle = (): Promise<void> => new Promise(resolve => { setTimeout(resolve, 50); });

test('passes bytes both ways, and ends when either side does', async () => {
  const socket = await open();
  expect(await ask(socket, 'hello')).toBe('hello');
  const over = ended(socket);
  sockets[1]!.end();
  expect(await over).toBe('closed');
  expect(proxy.connections).toBe(0);
});

test('keeps what comes while it stalls, and gives it in order when it heals', async () => {
  const socket = await open();
  expect(await ask(socket, 'a')).toBe('a');
  proxy.stall('up');
  socket.write('b');
  socket.write('c');
  await settle();
  expect(arrived).toBe('a');
  proxy.heal();
  await once(socket, 'data');
  expect(arrived).toBe('abc');
});

test('one way alone: requests arrive, answers do not', async () => {
  const socket = await open();
  expect(await ask(socket, 'a')).toBe('a');
  let heard = '';
  socket.on('data', bytes => { heard += bytes.toString(); });
  proxy.stall('down');
  socket.write('b');
  await settle();
  expect([arrived, heard]).toEqual(['ab', '']);
  proxy.heal();
  await once(socket, 'data');
  expect(heard).toBe('b');
});

test('a cut loses bytes for good: who lost some is reset when it heals, who did not goes on', async () => {
  const [talker, silent] = [await open(), await open()];
  expect(await ask(talker, 'a') + await ask(silent, 's')).toBe('as');
  const over = ended(talker);
  proxy.cut();
  talker.write('b');
  await settle();
  proxy.heal();
  expect(await over).toBe('ECONNRESET');
  expect(await ask(silent, 't')).toBe('t');
  expect(arrived).toBe('ast');
});

test('a delay holds back both ways and keeps the order', async () => {
  const socket = await open();
  proxy.delay(40);
  const startMs = performance.now();
  let heard = '';
  socket.on('data', bytes => { heard += bytes.toString(); });
  for (const text of ['1', '2', '3']) socket.write(text);
  while (heard.length < 3) await settle();
  expect([heard, performance.now() - startMs >= 79]).toEqual(['123', true]);
});

test('a reset is one for both ends', async () => {
  const socket = await open();
  expect(await ask(socket, 'a')).toBe('a');
  const over = [ended(socket), ended(sockets[1]!)];
  proxy.reset();
  expect(await Promise.all(over)).toEqual(['ECONNRESET', 'ECONNRESET']);
});
