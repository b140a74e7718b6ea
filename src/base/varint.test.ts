import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { MalformedError } from './bytes.js';
import {
  readUnsignedVarint, readVarint, readVarlong, sizeOfUnsignedVarint, sizeOfVarint, sizeOfVarlong, writeUnsignedVarint, writeVarint, writeVarlong,
} from './varint.js';

/** The definition, in bigint: what all the shortcuts must agree with. */
function reference(value: bigint): Uint8Array {
  let raw = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  while (raw >= 0x80n) {
    bytes.push(Number(raw & 0x7fn) | 0x80);
    raw >>= 7n;
  }
  bytes.push(Number(raw));
  return Uint8Array.from(bytes);
}

const cursor = (bytes: Uint8Array) => ({ bytes, at: 0, end: bytes.length });

const longs = fc.oneof(
  fc.maxSafeInteger(), fc.integer(), fc.integer({ min: -200, max: 200 }),
  fc.tuple(fc.nat(52), fc.integer({ min: -2, max: 1 }), fc.boolean()).map(([bit, step, negative]) => (negative ? -1 : 1) * (2 ** bit + step)),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
);

test('varlongs are zigzag by the definition, in size and in bytes', () => {
  fc.assert(fc.property(longs, value => {
    const wanted = reference(BigInt(value));
    const bytes = new Uint8Array(12);
    expect(bytes.subarray(0, writeVarlong(bytes, 0, value))).toEqual(wanted);
    expect(sizeOfVarlong(value)).toBe(wanted.length);
    const at = cursor(wanted);
    expect(readVarlong(at)).toBe(value === 0 ? 0 : value);
    expect(at.at).toBe(wanted.length);
  }), { numRuns: 2000 });
});

test('varints are zigzag by the definition', () => {
  fc.assert(fc.property(fc.integer(), value => {
    const wanted = reference(BigInt(value));
    const bytes = new Uint8Array(12);
    expect(bytes.subarray(0, writeVarint(bytes, 0, value))).toEqual(wanted);
    expect(sizeOfVarint(value)).toBe(wanted.length);
    expect(readVarint(cursor(wanted))).toBe(value);
  }));
});

test('unsigned varints cover the whole range of 32 bits', () => {
  fc.assert(fc.property(fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constantFrom(127, 128, 2 ** 31, 2 ** 32 - 1)), value => {
    const bytes = new Uint8Array(8);
    const end = writeUnsignedVarint(bytes, 0, value);
    expect(end).toBe(sizeOfUnsignedVarint(value));
    expect(readUnsignedVarint(cursor(bytes.subarray(0, end)))).toBe(value);
  }));
});

test('too long, cut short, or too large: malformed', () => {
  const over = (length: number) => cursor(new Uint8Array(length).fill(0x80));
  expect(() => readUnsignedVarint(over(6))).toThrow('longer than five bytes');
  expect(() => readVarlong(over(11))).toThrow('longer than ten bytes');
  for (const length of [0, 1, 4]) {
    expect(() => readVarint(over(length))).toThrow(MalformedError);
    expect(() => readVarlong(over(length))).toThrow(MalformedError);
  }
  for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n), 2n ** 55n, 2n ** 56n]) {
    expect(() => readVarlong(cursor(reference(value)))).toThrow('beyond what can be meant');
  }
});
