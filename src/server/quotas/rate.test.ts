import { describe, expect, test } from '@jest/globals';
import { Rate } from './rate.js';
import { TokenBucket } from './token-bucket.js';

const WINDOWS = { samples: 11, windowMs: 1000 };

describe('a rate', () => {
  test('counts as if all windows but the last had passed', () => {
    const rate = new Rate(WINDOWS);
    rate.record(1000, 0);
    expect(rate.spanMs(0)).toBe(10_000);
    expect(rate.perSecond(0)).toBe(100);
    expect(rate.perSecond(500)).toBeCloseTo(1000 / 10.5);
  });

  test('is within its bound again after just its throttle time', () => {
    const rate = new Rate(WINDOWS);
    rate.record(5000, 0);
    const throttleMs = rate.throttleMs(400, 0);
    // (500 - 400) / 400 of ten seconds.
    expect(throttleMs).toBe(2500);
    const later = new Rate(WINDOWS);
    later.record(5000, 0);
    // A window that began is counted to its end.
    expect(later.throttleMs(400, throttleMs - 1001)).toBeGreaterThan(0);
  });

  test('forgets what is older than all windows', () => {
    const rate = new Rate(WINDOWS);
    rate.record(5000, 0);
    rate.record(1, 3000);
    expect(rate.isForgotten(10_999)).toBe(false);
    expect(rate.perSecond(11_000)).toBeLessThan(1);
    expect(rate.isForgotten(13_999)).toBe(false);
    expect(rate.isForgotten(14_000)).toBe(true);
  });

  test('takes back what did not happen', () => {
    const rate = new Rate(WINDOWS);
    rate.record(100, 0);
    rate.record(5000, 10);
    rate.record(-5000, 10);
    expect(rate.perSecond(0)).toBe(10);
  });

  test('tells no throttle time that a client could not read', () => {
    const rate = new Rate(WINDOWS);
    rate.record(1e12, 0);
    expect(rate.throttleMs(1, 0)).toBe(0x7fff_ffff);
  });
});

describe('a token bucket', () => {
  test('is full at first, and no fuller later', () => {
    const bucket = new TokenBucket(WINDOWS);
    expect(bucket.tokens(2, 5)).toBe(22);
    expect(bucket.tokens(2, 1_000_000)).toBe(22);
    expect(bucket.isFull(2, 1_000_000)).toBe(true);
  });

  test('goes below zero, and says when it is back', () => {
    const bucket = new TokenBucket(WINDOWS);
    bucket.take(30, 2, 0);
    expect(bucket.throttleMs(2, 0)).toBe(4000);
    expect(bucket.throttleMs(2, 3000)).toBe(1000);
    expect(bucket.throttleMs(2, 4000)).toBe(0);
    expect(bucket.isFull(2, 4000)).toBe(false);
  });
});
