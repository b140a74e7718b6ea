import { MalformedError } from '../../../base/bytes.js';
import { chooseBackend, loadPackage, messageOf } from './backends.js';
import { filledUpTo } from './scratch.js';

/** One lz4 block, without frame: what the native addon and the fallback both offer. */
export interface Lz4Blocks {
  /** undefined when compressing would not make it smaller. */
  compress(data: Uint8Array): Uint8Array | undefined;
  /** The plain bytes of the block `data[start, end)`, at most `capacity` of them. */
  decompress(data: Uint8Array, start: number, end: number, capacity: number): Uint8Array;
}

interface Lz4Napi {
  compressSync(data: Buffer): Buffer;
  uncompressSync(data: Uint8Array): Buffer;
}

/** The addon puts the plain length, little-endian, before the block, and wants it there. */
const ADDON_PREFIX = 4;
/** Below this many bytes a call into the addon costs more than it saves. */
const ADDON_FROM_BYTES = 2048;
const HASH_BITS = 14;
const SHORTEST_COPY = 4;
/** No copy may start in the last 12 bytes of a block, and none may reach into the last 5: decoders count on it. */
const COPY_STARTS_BEFORE_END = 12;
const LITERALS_AT_END = 5;

export const lz4Blocks = chooseBackend<Lz4Blocks>('lz4', [['native', nativeBlocks], ['javascript', javascriptBlocks]]);

function nativeBlocks(): Lz4Blocks {
  const addon = loadPackage('lz4-napi') as Lz4Napi;
  return {
    compress(data) {
      const block = addon.compressSync(Buffer.from(data.buffer, data.byteOffset, data.length)).subarray(ADDON_PREFIX);
      return block.length < data.length ? block : undefined;
    },
    decompress(data, start, end, capacity) {
      if (end - start < ADDON_FROM_BYTES) return decodeLz4Block(data, start, end, capacity);
      const input = Buffer.allocUnsafe(end - start + ADDON_PREFIX);
      input.writeUInt32LE(capacity, 0);
      input.set(data.subarray(start, end), ADDON_PREFIX);
      try {
        const plain = addon.uncompressSync(input);
        // The addon's memory is of the size that it was told; a short result would keep all of it alive.
        return plain.length * 2 < capacity ? Buffer.from(plain) : plain;
      } catch (error) {
        throw corrupt(messageOf(error));
      }
    },
  };
}

function javascriptBlocks(): Lz4Blocks {
  const table = new Int32Array(1 << HASH_BITS);
  return { compress: data => encodeLz4Block(data, table), decompress: decodeLz4Block };
}

function corrupt(why: string): MalformedError {
  return new MalformedError(`lz4 data is corrupt: ${why}`);
}

/** The block format by the letter: tokens of a literal run and a copy, the last without a copy. */
export function decodeLz4Block(data: Uint8Array, start: number, end: number, capacity: number): Uint8Array {
  return filledUpTo(capacity, output => decodeInto(output, data, start, end));
}

function decodeInto(output: Uint8Array, data: Uint8Array, start: number, end: number): number {
  const capacity = output.length;
  let to = 0;
  let at = start;
  const run = (nibble: number): number => {
    if (nibble < 15) return nibble;
    let length = nibble;
    for (;;) {
      if (at >= end) throw corrupt('it ends inside a length');
      const byte = data[at++]!;
      length += byte;
      if (byte !== 255) return length;
    }
  };
  while (at < end) {
    const token = data[at++]!;
    const literals = run(token >> 4);
    if (literals > end - at || literals > capacity - to) throw corrupt(`a literal of ${literals} bytes does not fit`);
    if (literals < 16) for (let left = literals; left > 0; left--) output[to++] = data[at++]!;
    else {
      output.set(data.subarray(at, at + literals), to);
      at += literals;
      to += literals;
    }
    if (at === end) return to;
    if (end - at < 2) throw corrupt('it ends inside a copy');
    const offset = data[at]! | (data[at + 1]! << 8);
    at += 2;
    const length = run(token & 15) + 4;
    if (offset === 0 || offset > to || length > capacity - to) throw corrupt(`a copy of ${length} bytes from ${offset} back does not fit`);
    if (offset >= length && length >= 32) {
      output.copyWithin(to, to - offset, to - offset + length);
      to += length;
    } else {
      // Byte by byte: a copy that overlaps itself repeats what it has just written.
      for (let left = length; left > 0; left--, to++) output[to] = output[to - offset]!;
    }
  }
  throw corrupt('it does not end with literals');
}

function word(data: Uint8Array, at: number): number {
  return data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
}

/** Greedy, with one candidate a hash; undefined when the block would not become smaller. At most 64 KiB of data. */
function encodeLz4Block(data: Uint8Array, table: Int32Array): Uint8Array | undefined {
  const { length } = data;
  const output = Buffer.allocUnsafe(length);
  const lastStart = length - COPY_STARTS_BEFORE_END;
  const lastEnd = length - LITERALS_AT_END;
  table.fill(-1);
  let to = 0;
  let anchor = 0;
  let misses = 0;
  for (let at = 0; at <= lastStart;) {
    const here = word(data, at);
    const slot = Math.imul(here, 0x9e3779b1) >>> (32 - HASH_BITS);
    const candidate = table[slot]!;
    table[slot] = at;
    if (candidate < 0 || word(data, candidate) !== here) {
      // The longer nothing repeats, the wider the steps.
      at += 1 + (misses++ >> 6);
      continue;
    }
    let end = at + SHORTEST_COPY;
    while (end < lastEnd && data[end] === data[end - at + candidate]) end++;
    to = writeSequence(data, anchor, at, output, to, at - candidate, end - at);
    if (to < 0) return undefined;
    anchor = at = end;
    misses = 0;
  }
  to = writeSequence(data, anchor, length, output, to, 0, 0);
  return to < 0 || to >= length ? undefined : output.subarray(0, to);
}

/** Writes the literals from `anchor` to `at`, and a copy unless `offset` is 0; -1 when `output` is too short. */
export function writeSequence(data: Uint8Array, anchor: number, at: number, output: Uint8Array, to: number, offset: number, copyLength: number): number {
  const literals = at - anchor;
  const copy = offset === 0 ? 0 : copyLength - SHORTEST_COPY;
  if (to + literals + literals / 255 + copy / 255 + 5 > output.length) return -1;
  output[to++] = (Math.min(literals, 15) << 4) | Math.min(copy, 15);
  to = writeRun(output, to, literals);
  output.set(data.subarray(anchor, at), to);
  to += literals;
  if (offset === 0) return to;
  output[to++] = offset;
  output[to++] = offset >> 8;
  return writeRun(output, to, copy);
}

/** What of a length does not fit in its four bits. */
function writeRun(output: Uint8Array, to: number, length: number): number {
  if (length < 15) return to;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) output[to++] = 255;
  output[to++] = rest;
  return to;
}
