import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { readOtlp } from './otlp.js';
import { writeOtlp } from './testing/otlp-writer.js';

test('gauges and sums are read with their units, attributes, times and kinds of values', () => {
  const bytes = writeOtlp({ client_rack: 'a', count: 7n, ratio: 0.5, flag: true, list: [] }, [
    { name: 'queue', unit: '1', value: 0.25, timestampMs: 1_700_000_000_123, attributes: { client_id: 'p', partition: 3n } },
    { name: 'sent', kind: 'sum', isMonotonic: true, isDelta: true, value: 12n },
    { name: 'all', kind: 'sum', value: -(2n ** 53n) },
  ]);
  expect(readOtlp(bytes)).toEqual({
    // A list has no text of its own.
    labels: { client_rack: 'a', count: '7', ratio: '0.5', flag: 'true' },
    points: [
      { name: 'queue', unit: '1', kind: 'gauge', isMonotonic: false, isDelta: false, value: 0.25, timestampMs: 1_700_000_000_123, attributes: { client_id: 'p', partition: '3' } },
      { name: 'sent', unit: '', kind: 'sum', isMonotonic: true, isDelta: true, value: 12, timestampMs: 0, attributes: {} },
      { name: 'all', unit: '', kind: 'sum', isMonotonic: false, isDelta: false, value: -(2 ** 53), timestampMs: 0, attributes: {} },
    ],
  });
});

test('no attribute reaches beyond its record', () => {
  const { labels } = readOtlp(writeOtlp(JSON.parse('{"__proto__": "x", "a": "b"}') as object as Record<string, unknown>, []));
  expect(Object.entries(labels)).toEqual([['__proto__', 'x'], ['a', 'b']]);
  expect(Object.getPrototypeOf(labels)).toBe(Object.prototype);
});

test('whatever the bytes are, they are read or refused', () => {
  const sound = writeOtlp({ a: 'b' }, [{ name: 'n', kind: 'sum', value: 1 }, { name: 'm', value: 2n, attributes: { c: 'd' } }]);
  const damaged = fc.tuple(fc.nat(sound.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(sound.length)).map(([at, byte, length]) => {
    const bytes = Uint8Array.from(sound).subarray(0, length);
    if (at < length) bytes[at] = byte;
    return bytes;
  });
  let read = 0;
  let refused = 0;
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), bytes => {
    try {
      readOtlp(bytes);
      read++;
    } catch {
      refused++;
    }
  }), { numRuns: 3000, seed: 714 });
  expect(Math.min(read, refused)).toBeGreaterThan(100);
});

test('more numbers than any client has are refused before they fill the memory', () => {
  // A gauge of empty points: two bytes each.
  const gauge = (points: number): Uint8Array => {
    const wrap = (tag: number, inner: Buffer): Buffer => Buffer.concat([Buffer.from([tag, 0x80 | (inner.length & 0x7f), 0x80 | ((inner.length >> 7) & 0x7f), inner.length >> 14]), inner]);
    return wrap(0x0a, wrap(0x12, wrap(0x12, wrap(0x2a, Buffer.from('0a00'.repeat(points), 'hex')))));
  };
  expect(readOtlp(gauge(10_000)).points).toHaveLength(10_000);
  expect(() => readOtlp(gauge(10_001))).toThrow('more than 10000 numbers');
});
