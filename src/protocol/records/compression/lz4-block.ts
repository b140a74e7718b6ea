import { MalformedError } from '../../../base/bytes.js';
import { chooseBackend, loadPackage, messageOf } from './backends.js';

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

interface Lz4Js {
  compressBlock(source: Uint8Array, target: Uint8Array, start: number, length: number, hashTable: Uint32Array): number;
  compressBound(length: number): number;
}

/** The addon puts the plain length, little-endian, before the block, and wants it there. */
const ADDON_PREFIX = 4;
/** Below this many bytes a call into the addon costs more than it saves. */
const ADDON_FROM_BYTES = 2048;
const HASH_ENTRIES = 1 << 16;

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
        return addon.uncompressSync(input);
      } catch (error) {
        throw corrupt(messageOf(error));
      }
    },
  };
}

function javascriptBlocks(): Lz4Blocks {
  const library = loadPackage('lz4js') as Lz4Js;
  const hashTable = new Uint32Array(HASH_ENTRIES);
  return {
    compress(data) {
      const target = new Uint8Array(library.compressBound(data.length));
      // A table that remembers an earlier block would make this one depend on it.
      hashTable.fill(0);
      const length = library.compressBlock(data, target, 0, data.length, hashTable);
      return length > 0 && length < data.length ? target.subarray(0, length) : undefined;
    },
    decompress: decodeLz4Block,
  };
}

function corrupt(why: string): MalformedError {
  return new MalformedError(`lz4 data is corrupt: ${why}`);
}

/** The block format by the letter: tokens of a literal run and a copy, the last without a copy. */
export function decodeLz4Block(data: Uint8Array, start: number, end: number, capacity: number): Uint8Array {
  const output = Buffer.allocUnsafe(capacity);
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
    if (at === end) return output.subarray(0, to);
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
