// The link does to bytes what it says, and nothing else.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { ManualClock } from '../../src/log/test-support.js';
import { LinkProxy } from './link-proxy.js';

/** Turns of the loop: a socket that was reset says that it is closed two of them before the system has closed it. */
const TURNS_TO_CLOSE = 10;

let echo: Server;
let clock: ManualClock;
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
  clock = new ManualClock();
  const { port } = echo.address() as AddressInfo;
  proxy = await LinkProxy.listen(() => ({ host: '127.0.0.1', port }), { clock });
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

/** Resolves once so much has come back to the client; what has. */
function heard(socket: Socket, length: number): Promise<string> {
  return new Promise(resolve => {
    let text = '';
    socket.on('data', bytes => {
      text += bytes.toString();
      if (text.length >= length) resolve(text);
    });
  });
}

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
  await proxy.until('up', ({ held }) => held === 1);
  socket.write('c');
  const echoed = heard(socket, 2);
  expect(arrived).toBe('a');
  proxy.heal();
  expect([await echoed, arrived, proxy.bytes('up')]).toEqual(['bc', 'abc', { held: 0, lost: 0 }]);
});

test('one way alone: requests arrive, answers do not', async () => {
  const socket = await open();
  expect(await ask(socket, 'a')).toBe('a');
  const echoed = heard(socket, 1);
  proxy.stall('down');
  socket.write('b');
  await proxy.until('down', ({ held }) => held === 1);
  expect([arrived, socket.bytesRead]).toEqual(['ab', 1]);
  proxy.heal();
  expect(await echoed).toBe('b');
});

test('a cut loses bytes for good: who lost some is reset when it heals, who did not goes on', async () => {
  const [talker, silent] = [await open(), await open()];
  expect(await ask(talker, 'a') + await ask(silent, 's')).toBe('as');
  const over = ended(talker);
  proxy.cut();
  talker.write('b');
  await proxy.until('up', ({ lost }) => lost === 1);
  proxy.heal();
  expect(await over).toBe('ECONNRESET');
  expect(await ask(silent, 't')).toBe('t');
  expect(arrived).toBe('ast');
});

test('a delay holds back both ways, as long as it says, and keeps the order', async () => {
  const socket = await open();
  proxy.delay(40);
  const echoed = heard(socket, 3);
  socket.write('1');
  await proxy.until('up', ({ held }) => held === 1);
  // These come behind it, while the link does not read.
  for (const text of ['2', '3']) socket.write(text);
  clock.advance(39);
  expect([proxy.bytes('up').held, arrived]).toEqual([1, '']);
  clock.advance(1);
  await proxy.until('down', ({ held }) => held === 1);
  expect([arrived[0], socket.bytesRead]).toEqual(['1', 0]);
  clock.advance(39);
  expect([proxy.bytes('down').held, socket.bytesRead]).toEqual([1, 0]);
  proxy.delay(0);
  clock.advance(40);
  expect(await echoed).toBe('123');
});

test('a reset is one for both ends', async () => {
  const socket = await open();
  expect(await ask(socket, 'a')).toBe('a');
  const over = [ended(socket), ended(sockets[1]!)];
  proxy.reset();
  expect(await Promise.all(over)).toEqual(['ECONNRESET', 'ECONNRESET']);
});

/** Sockets that the system has open for this process, those aside that are being closed. */
async function openSockets(): Promise<number> {
  for (let turn = 0; turn < TURNS_TO_CLOSE; turn++) await new Promise(resolve => { setImmediate(resolve); });
  return process.getActiveResourcesInfo().filter(name => name === 'TCPSocketWrap').length;
}

test('a client that ends while the broker refuses connections leaves no socket behind', async () => {
  const before = await openSockets();
  // From here on nobody listens where the link leads.
  await new Promise(resolve => { echo.close(resolve); });
  const socket = await open();
  const over = ended(socket);
  socket.end();
  await over;
  await proxy.close();
  expect([proxy.connections, await openSockets()]).toEqual([0, before]);
});
