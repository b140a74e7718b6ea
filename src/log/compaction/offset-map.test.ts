import { describe, expect, test } from '@jest/globals';
import { SimRandom } from '../../env/sim/index.js';
import { MAP_ENTRY_BYTES, mapCapacity, mapMemory, OffsetMap } from './offset-map.js';

const key = (number: number): Buffer => Buffer.from(`key ${number}`);

test('knows the last offset of every key, up to the last slot but one', () => {
  const random = new SimRandom('offset map');
  const map = new OffsetMap(new SharedArrayBuffer(500 * MAP_ENTRY_BYTES));
  const expected = new Map<number, number>();
  for (let offset = 0; expected.size < 499; offset++) {
    const number = random.int(600);
    expected.set(number, offset);
    map.put(key(number), offset);
  }
  expect(map.size).toBe(499);
  for (let number = 0; number < 600; number++) expect(map.get(key(number))).toBe(expected.get(number) ?? -1);
});

test('goes on in another place with the memory and what it had counted', () => {
  const map = new OffsetMap(mapMemory(1 << 20, 10));
  map.put(key(1), 0);
  map.put(key(2), 2 ** 40);
  map.latestOffset = 2 ** 40 + 5;
  const other = new OffsetMap(map.memory, { entries: map.size, latestOffset: map.latestOffset });
  expect([other.size, other.latestOffset, other.get(key(1)), other.get(key(2)), other.get(key(3))]).toEqual([2, 2 ** 40 + 5, 0, 2 ** 40, -1]);
});

describe('its memory', () => {
  test('holds as many keys as Apache\'s would', () => {
    expect(mapCapacity(24 * 100 + 23, 0.9)).toBe(90);
    expect(mapCapacity(24, 0.9)).toBe(0);
  });

  test('is no larger than the keys that there may be need it', () => {
    expect(mapMemory(1 << 20, 100).byteLength).toBe(151 * MAP_ENTRY_BYTES);
    expect(mapMemory(1000, 1e9).byteLength).toBe(41 * MAP_ENTRY_BYTES);
  });
});
