import { describe, expect, test } from '@jest/globals';
import { advantage, figure, median, meets, shareOfCeiling, times } from './statistics.js';

describe('the numbers of the benchmark', () => {
  test('the median is the middle, or lies between the two middle ones, in whatever order', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  test('an aim of throughput is a lower bound, of time an upper one', () => {
    expect([meets(3, 3, 'higher'), meets(2.99, 3, 'higher'), meets(0.5, 0.5, 'lower'), meets(0.51, 0.5, 'lower')]).toEqual([true, false, true, false]);
    expect(meets(Number.NaN, 3, 'higher') || meets(Number.NaN, 3, 'lower')).toBe(false);
  });

  test('half the time is twice as good, and so is twice the throughput', () => {
    expect([advantage(0.5, 'lower'), advantage(2, 'higher')]).toEqual([2, 2]);
  });

  test('the share of a ceiling is below 1 on either side of it', () => {
    expect([shareOfCeiling(950, 1900, 'higher'), shareOfCeiling(250, 125, 'lower')]).toEqual([0.5, 0.5]);
  });

  test('figures show the digits that matter', () => {
    expect([figure(123_456.7), figure(45.67), figure(4.567), figure(0.4567), figure(0), figure(Number.NaN)]).toEqual(['123,457', '45.7', '4.57', '0.46', '0', '–']);
    expect([times(12.34), times(1.234), times(0.0123)]).toEqual(['12.3x', '1.23x', '0.012x']);
  });
});
