import { describe, expect, test } from '@jest/globals';
import { assert, property, string } from 'fast-check';
import { editDistance, nearest } from './nearest.js';

describe('the nearest name', () => {
  test('has the fewest changes, and is none when all are other words', () => {
    expect(nearest('log.segment.byte', ['log.segment.bytes', 'log.segment.ms'])).toBe('log.segment.bytes');
    expect(nearest('my.plugin', ['log.segment.bytes'])).toBeUndefined();
    expect(nearest('', [])).toBeUndefined();
  });

  test('distance is 0 to itself, the same both ways, and at most the longer length', () => {
    assert(property(string(), string(), (left, right) => {
      const distance = editDistance(left, right);
      expect(editDistance(left, left)).toBe(0);
      expect(editDistance(right, left)).toBe(distance);
      expect(distance).toBeLessThanOrEqual(Math.max(left.length, right.length));
      expect(distance).toBeGreaterThanOrEqual(Math.abs(left.length - right.length));
    }));
    expect(editDistance('kitten', 'sitting')).toBe(3);
  });
});
