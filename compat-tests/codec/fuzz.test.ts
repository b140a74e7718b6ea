import { expect, test } from '@jest/globals';
import { fuzz } from './fuzz.js';

test('mutated frames are refused or decoded within their size, never worse', () => {
  const { frames, decoded, faults } = fuzz(200_000, 20261121);
  expect(faults).toEqual([]);
  // Both outcomes are met, so that the test is one of both.
  expect(decoded).toBeGreaterThan(frames / 100);
  expect(decoded).toBeLessThan(frames * 0.99);
});
