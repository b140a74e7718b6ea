import { MalformedError } from './bytes.js';

/**
 * Protocol Buffers' variable-length integers, as Kafka uses them: seven bits a byte, lowest first; signed ones zigzag.
 * Reading moves a cursor, so that a walk over millions of fields allocates nothing.
 */

/** A place in bytes. Reading past `end` throws `MalformedError`. */
export interface ByteCursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
}

const TWO_POW_27 = 0x800_0000;

function nextByte(cursor: ByteCursor): number {
  if (cursor.at >= cursor.end) throw new MalformedError('bytes end inside a variable-length integer');
  return cursor.bytes[cursor.at++]!;
}

/** Up to five bytes, as a number in [0, 2^32). Bits beyond the 32nd are dropped, as Java does. */
export function readUnsignedVarint(cursor: ByteCursor): number {
  let byte = nextByte(cursor);
  if (byte < 0x80) return byte;
  let value = byte & 0x7f;
  for (let shift = 7; shift < 35; shift += 7) {
    byte = nextByte(cursor);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  throw new MalformedError('variable-length int32 is longer than five bytes');
}

/** A zigzag int32. */
export function readVarint(cursor: ByteCursor): number {
  const raw = readUnsignedVarint(cursor);
  return (raw >>> 1) ^ -(raw & 1);
}

/** A zigzag int64 as a number; beyond ±(2^53-1), or longer than ten bytes, it throws `MalformedError`. */
export function readVarlong(cursor: ByteCursor): number {
  let byte = nextByte(cursor);
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
  // Three parts of at most 28 bits, each exact: the whole raw value may pass 2^53 before its sign bit is taken off.
  let low = byte & 0x7f;
  let middle = 0;
  let high = 0;
  for (let index = 1; ; index++) {
    if (index === 10) throw new MalformedError('variable-length int64 is longer than ten bytes');
    byte = nextByte(cursor);
    if (index < 4) low |= (byte & 0x7f) << (7 * index);
    else if (index < 8) middle |= (byte & 0x7f) << (7 * (index - 4));
    else high |= byte & (index === 9 ? 0x01 : 0x7f);
    if (byte < 0x80) break;
  }
  if (high !== 0 || middle >= TWO_POW_27 / 2) throw new MalformedError('variable-length int64 is beyond what can be meant');
  const half = middle * TWO_POW_27 + (low >>> 1);
  const value = (low & 1) === 0 ? half : -half - 1;
  if (!Number.isSafeInteger(value)) throw new MalformedError('variable-length int64 is beyond what can be meant');
  return value;
}

export function sizeOfUnsignedVarint(value: number): number {
  const bits = 32 - Math.clz32(value);
  return bits <= 7 ? 1 : Math.ceil(bits / 7);
}

export function sizeOfVarint(value: number): number {
  return sizeOfUnsignedVarint((value << 1) ^ (value >> 31));
}

export function sizeOfVarlong(value: number): number {
  if (value === (value | 0)) return sizeOfVarint(value);
  // A value of n bits takes n+1 after the zigzag; -2^n is coded like 2^n - 1.
  const magnitude = value < 0 ? -value - 1 : value;
  const bits = 65 - Math.clz32(Math.floor(magnitude / 0x1_0000_0000)) - (magnitude < 0x1_0000_0000 ? Math.clz32(magnitude) : 0);
  return Math.ceil(bits / 7);
}

/** Writes at `at`; returns the position after it. */
export function writeUnsignedVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value >>> 0;
  while (rest >= 0x80) {
    bytes[at++] = rest | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  return writeUnsignedVarint(bytes, at, (value << 1) ^ (value >> 31));
}

export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if (value === (value | 0)) return writeVarint(bytes, at, value);
  const magnitude = value < 0 ? -value - 1 : value;
  const sign = value < 0 ? 1 : 0;
  // The first 28 bits hold the sign and 27 bits of the magnitude; the rest, never 0 here, holds what is left.
  let low = ((magnitude % TWO_POW_27) * 2 + sign) | 0;
  let rest = Math.floor(magnitude / TWO_POW_27);
  for (let index = 0; index < 4; index++) {
    bytes[at++] = (low & 0x7f) | 0x80;
    low >>>= 7;
  }
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}
