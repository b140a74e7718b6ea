import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { MalformedError, isSafeInt64, readInt16, readInt32, readInt64, writeInt16, writeInt32, writeInt64 } from './bytes.js';
import { crc32c, useCrc32c } from './crc32c.js';
import { BinaryHeap } from './heap.js';
import { javaAbs, murmur2, stringHashCode } from './java-hash.js';
import { isUuid, randomUuid, uuidFromBytes, uuidToBytes } from './uuid.js';

const int64s = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 32, -(2 ** 32), 2 ** 31));

test('fixed-width integers are what a DataView reads and writes', () => {
  fc.assert(fc.property(int64s, fc.integer(), fc.integer({ min: -32768, max: 32767 }), (long, int, short) => {
    const bytes = new Uint8Array(14);
    writeInt64(bytes, 0, long);
    writeInt32(bytes, 8, int);
    writeInt16(bytes, 12, short);
    const view = new DataView(bytes.buffer);
    expect([view.getBigInt64(0), view.getInt32(8), view.getInt16(12)]).toEqual([BigInt(long), int, short]);
    expect([readInt64(bytes, 0), readInt32(bytes, 8), readInt16(bytes, 12)]).toEqual([long, int, short]);
  }));
});

test('an int64 that a number cannot hold is refused, never rounded', () => {
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), value => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, value);
    const safe = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
    expect(isSafeInt64(bytes, 0)).toBe(safe);
    if (safe) expect(BigInt(readInt64(bytes, 0))).toBe(value);
    else expect(() => readInt64(bytes, 0)).toThrow(MalformedError);
  }));
  for (const edge of [2n ** 53n, -(2n ** 53n), -(2n ** 53n) - 1n]) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, edge);
    expect(isSafeInt64(bytes, 0)).toBe(false);
  }
});

test('crc32c: the published check value, and every implementation and split agrees', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  const long = Buffer.alloc(10_000, 'some bytes, again and again ');
  const native = crc32c(long);
  const before = useCrc32c('javascript');
  try {
    expect(crc32c(long)).toBe(native);
    fc.assert(fc.property(fc.nat(10_000), cut => crc32c(long.subarray(cut), crc32c(long.subarray(0, cut))) === native), { numRuns: 30 });
  } finally {
    useCrc32c(before);
  }
  fc.assert(fc.property(fc.nat(10_000), cut => crc32c(long.subarray(cut), crc32c(long.subarray(0, cut))) === native), { numRuns: 30 });
});

test('uuids print as 22 characters and go back to their bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), bytes => {
    const uuid = uuidFromBytes(bytes);
    expect(isUuid(uuid)).toBe(true);
    expect(new Uint8Array(uuidToBytes(uuid))).toEqual(bytes);
  }));
  expect(uuidFromBytes(new Uint8Array(16))).toBe('AAAAAAAAAAAAAAAAAAAAAA');
});

test('text that is no uuid is refused', () => {
  for (const text of ['', 'AAAA', 'AAAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAB', 'AAAAAAAAAAAAAAAAAAAA+A']) {
    expect(isUuid(text)).toBe(false);
    expect(() => uuidToBytes(text)).toThrow(MalformedError);
  }
});

test('a random uuid never starts with a dash, and is of version 4', () => {
  const draws = [new Uint8Array(16).fill(0xf8), new Uint8Array(16).fill(0xfb), new Uint8Array(16).fill(1)];
  expect(randomUuid({ bytes: () => draws.shift()! })).toBe(uuidFromBytes(Uint8Array.of(1, 1, 1, 1, 1, 1, 0x41, 1, 0x81, 1, 1, 1, 1, 1, 1, 1)));
});

test("hashes are Java's", () => {
  // Values from a JVM: "...".hashCode() and org.apache.kafka.common.utils.Utils.murmur2.
  expect(['', 'a', 'group-1', 'polygenelubricants', 'ключ'].map(stringHashCode)).toEqual([0, 97, 293427299, -2147483648, 33_309_882]);
  expect([javaAbs(-2147483648), javaAbs(-5), javaAbs(5)]).toEqual([0, 5, 5]);
  const murmurs: [string, number][] = [
    ['21', -973932308], ['foobar', -790332482], ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829], ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971], ['abc', 479470107],
  ];
  for (const [text, hash] of murmurs) expect(murmur2(Buffer.from(text))).toBe(hash);
});

test('a heap gives its items in order', () => {
  fc.assert(fc.property(fc.array(fc.option(fc.integer(), { nil: undefined })), steps => {
    const heap = new BinaryHeap<number>((a, b) => a - b);
    const model: number[] = [];
    for (const step of steps) {
      if (step === undefined) expect(heap.pop()).toBe(model.shift());
      else {
        heap.push(step);
        model.push(step);
        model.sort((a, b) => a - b);
      }
      expect([heap.peek(), heap.size]).toEqual([model[0], model.length]);
    }
  }));
});
