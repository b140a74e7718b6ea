/**
 * Big-endian integers at a position in bytes. They work on any Uint8Array, so a view of a frame needs no wrapping, and
 * they do not check bounds: the caller has compared lengths first.
 */

const TWO_POW_32 = 0x1_0000_0000;

/** Bytes that cannot be what they claim to be. */
export class MalformedError extends Error {
  override readonly name: string = 'MalformedError';
}

export function readInt8(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) >> 24;
}

export function readInt16(bytes: Uint8Array, at: number): number {
  return (((bytes[at]! << 8) | bytes[at + 1]!) << 16) >> 16;
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) >>> 0;
}

/** An int64 as a number; throws `MalformedError` beyond ±(2^53-1), where a number would silently be another one. */
export function readInt64(bytes: Uint8Array, at: number): number {
  const value = readInt32(bytes, at) * TWO_POW_32 + readUint32(bytes, at + 4);
  if (!Number.isSafeInteger(value)) throw new MalformedError(`int64 ${readBigInt64(bytes, at)} is beyond what can be meant`);
  return value;
}

/** Whether `readInt64` would succeed. */
export function isSafeInt64(bytes: Uint8Array, at: number): boolean {
  return Number.isSafeInteger(readInt32(bytes, at) * TWO_POW_32 + readUint32(bytes, at + 4));
}

export function readBigInt64(bytes: Uint8Array, at: number): bigint {
  return (BigInt(readInt32(bytes, at)) << 32n) | BigInt(readUint32(bytes, at + 4));
}

export function writeInt16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}

export function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  writeInt32(bytes, at, Math.floor(value / TWO_POW_32) | 0);
  writeInt32(bytes, at + 4, value | 0);
}
