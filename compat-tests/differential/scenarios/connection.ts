// What is no request: frames and headers that a broker hangs up on.

import { connect } from 'node:net';
import type { Player } from '../player.js';

const frame = (body: Buffer, length = body.length): Buffer => {
  const bytes = Buffer.alloc(4 + body.length);
  bytes.writeInt32BE(length, 0);
  body.copy(bytes, 4);
  return bytes;
};

/** A header of the first kind, and what follows it. */
function request(apiKey: number, apiVersion: number, body: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(10);
  header.writeInt16BE(apiKey, 0);
  header.writeInt16BE(apiVersion, 2);
  header.writeInt32BE(7, 4);
  header.writeInt16BE(-1, 8);
  return Buffer.concat([header, body]);
}

const METADATA = 3;
const FRAMES: readonly [string, Buffer][] = [
  ['a negative length', frame(Buffer.alloc(0), -1)],
  ['length 0', frame(Buffer.alloc(0))],
  ['a length beyond the bound', frame(Buffer.alloc(0), 104_857_601)],
  ['half an API key', frame(Buffer.from([0]))],
  ['an API key alone', frame(Buffer.from([0, 3]))],
  ['an API key that does not exist', frame(request(9999, 0))],
  ['a negative API key', frame(request(-5, 0))],
  ['a version that does not exist', frame(request(METADATA, 99))],
  ['a negative version', frame(request(METADATA, -1))],
  ['a header without a body', frame(request(METADATA, 1))],
  ['an array longer than its bytes', frame(request(METADATA, 1, Buffer.from([0x7f, 0xff, 0xff, 0xff])))],
  ['an array of negative length', frame(request(METADATA, 0, Buffer.from([0xff, 0xff, 0xff, 0xf0])))],
  ['an array of negative length that may be null', frame(request(METADATA, 1, Buffer.from([0xff, 0xff, 0xff, 0xf0])))],
  ['a string longer than its bytes', frame(request(METADATA, 1, Buffer.from([0, 0, 0, 1, 0x7f, 0xff, 65])))],
  ['a null where none may be', frame(request(METADATA, 1, Buffer.from([0, 0, 0, 1, 0xff, 0xff])))],
  ['text of another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
];

const PATIENCE_MS = 5_000;

export async function connections(player: Player): Promise<void> {
  for (const [label, bytes] of FRAMES) player.keep(`connection v0: ${label}`, await reaction(player, bytes));
}

function reaction({ host, port }: Player, bytes: Buffer): Promise<string> {
  const socket = connect({ host, port });
  socket.setTimeout(PATIENCE_MS);
  socket.write(bytes);
  return new Promise<string>((resolve, reject) => {
    socket.once('data', () => resolve('answers'));
    socket.once('end', () => resolve('hangs up'));
    socket.once('timeout', () => resolve('waits'));
    socket.once('error', reject);
  }).finally(() => socket.destroy());
}
