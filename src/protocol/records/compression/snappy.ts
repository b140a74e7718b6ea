import { MalformedError, readInt32, writeInt32 } from '../../../base/bytes.js';
import { loadPackage } from './backends.js';
import { tooLarge } from './gzip.js';

/**
 * Snappy in both of its guises: one raw block (librdkafka, Go), and the stream of snappy-java ("xerial": a header, then blocks
 * with an int32 length), which Java clients write and we write too. Blocks are decoded here, because the library neither bounds
 * its output nor survives hostile lengths.
 */

interface SnappyJs {
  compress(data: Uint8Array): Uint8Array;
}

let library: SnappyJs | undefined;

/** Magic of the stream, then version 1 and lowest compatible version 1. */
const STREAM_HEADER = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1);
const STREAM_MAGIC_BYTES = 8;
/** What snappy-java puts into a block. */
const STREAM_BLOCK_BYTES = 32 * 1024;
/** No three bytes of input make more than 64 of output. */
const MAX_EXPANSION = 22;

export function snappyCompress(data: Uint8Array): Uint8Array {
  library ??= loadPackage('snappyjs') as SnappyJs;
  const parts: Uint8Array[] = [STREAM_HEADER];
  for (let at = 0; at < data.length; at += STREAM_BLOCK_BYTES) {
    const block = library.compress(data.subarray(at, at + STREAM_BLOCK_BYTES));
    const length = new Uint8Array(4);
    writeInt32(length, 0, block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

export function snappyDecompress(data: Uint8Array, maxOutputBytes: number): Uint8Array {
  const blocks = isStream(data, 0) ? streamBlocks(data) : [{ start: 0, end: data.length }];
  const headers = blocks.map(block => readLength(data, block.start, block.end));
  const total = headers.reduce((sum, header) => sum + header.length, 0);
  if (total > maxOutputBytes) throw tooLarge('snappy', maxOutputBytes);
  const output = Buffer.allocUnsafe(total);
  let at = 0;
  for (const [index, block] of blocks.entries()) {
    const { length, bodyAt } = headers[index]!;
    decodeBlock(data, bodyAt, block.end, output, at, at + length);
    at += length;
  }
  return output;
}

function isStream(data: Uint8Array, at: number): boolean {
  if (data.length - at < STREAM_HEADER.length) return false;
  for (let index = 0; index < STREAM_MAGIC_BYTES; index++) if (data[at + index] !== STREAM_HEADER[index]) return false;
  return true;
}

function streamBlocks(data: Uint8Array): { start: number; end: number }[] {
  const blocks: { start: number; end: number }[] = [];
  let at = STREAM_HEADER.length;
  while (at < data.length) {
    // Streams may follow one another, as snappy-java has it.
    if (isStream(data, at)) {
      at += STREAM_HEADER.length;
      continue;
    }
    if (data.length - at < 4) throw corrupt('it ends inside a length');
    const length = readInt32(data, at);
    at += 4;
    if (length < 0 || length > data.length - at) throw corrupt(`a block of ${length} bytes does not fit`);
    blocks.push({ start: at, end: at + length });
    at += length;
  }
  return blocks;
}

/** Plain length of a block, a varint at its start. */
function readLength(data: Uint8Array, at: number, end: number): { length: number; bodyAt: number } {
  let length = 0;
  for (let shift = 0; shift < 35 && at < end; shift += 7) {
    const byte = data[at++]!;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte >= 0x80) continue;
    if (length > (end - at) * MAX_EXPANSION) throw corrupt(`${end - at} bytes cannot make ${length}`);
    return { length, bodyAt: at };
  }
  throw corrupt('it has no length');
}

function corrupt(why: string): MalformedError {
  return new MalformedError(`snappy data is corrupt: ${why}`);
}

function littleEndian(data: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let index = bytes - 1; index >= 0; index--) value = value * 256 + data[at + index]!;
  return value;
}

/** Decodes one block, which must fill `output` from `to` to `limit` exactly. */
function decodeBlock(data: Uint8Array, at: number, end: number, output: Uint8Array, to: number, limit: number): void {
  const first = to;
  while (at < end) {
    const tag = data[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let length = (tag >> 2) + 1;
      if (length > 60) {
        const extra = length - 60;
        if (extra > end - at) throw corrupt('it ends inside a literal');
        length = littleEndian(data, at, extra) + 1;
        at += extra;
      }
      if (length > end - at || length > limit - to) throw corrupt(`a literal of ${length} bytes does not fit`);
      if (length < 16) for (let left = length; left > 0; left--) output[to++] = data[at++]!;
      else {
        output.set(data.subarray(at, at + length), to);
        at += length;
        to += length;
      }
      continue;
    }
    const offsetBytes = kind === 3 ? 4 : kind;
    if (offsetBytes > end - at) throw corrupt('it ends inside a copy');
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const offset = kind === 1 ? ((tag >> 5) << 8) | data[at]! : littleEndian(data, at, offsetBytes);
    at += offsetBytes;
    if (offset === 0 || offset > to - first || length > limit - to) throw corrupt(`a copy of ${length} bytes from ${offset} back does not fit`);
    // Byte by byte: a copy may overlap itself, and then repeats what it has just written.
    for (let left = length; left > 0; left--, to++) output[to] = output[to - offset]!;
  }
  if (to !== limit) throw corrupt(`it makes ${to - first} bytes, and declares ${limit - first}`);
}
