import { beforeEach, describe, expect, test } from '@jest/globals';
import type { RequestContext } from '../context.js';
import { LoopTime } from './loop-time.js';

let nowMs = 0;
const told: [what: 'spent' | 'afterwards', loopMs: number][] = [];
const quota = {
  limitTime: true,
  spent: (_: RequestContext, loopMs: number) => {
    told.push(['spent', loopMs]);
    return 7;
  },
  spentAfterwards: (_: RequestContext, loopMs: number) => { told.push(['afterwards', loopMs]); },
};
const context = {} as RequestContext;

beforeEach(() => {
  nowMs = 100;
  told.length = 0;
});

describe('the loop\'s time of a request', () => {
  test('is charged once, and what comes after counts for the next one', () => {
    const time = new LoopTime(quota, { monotonicMs: () => nowMs });
    nowMs = 103;
    expect(time.charge(context)).toBe(7);
    nowMs = 105;
    expect(time.charge(context)).toBe(7);
    time.rest(context);
    expect(told).toEqual([['spent', 3], ['afterwards', 2]]);
  });

  test('is not what passes while it waits', () => {
    const time = new LoopTime(quota, { monotonicMs: () => nowMs });
    nowMs = 101;
    time.rest(context);
    expect(told).toEqual([]);
    nowMs = 5000;
    expect(time.goOn()).toBe(true);
    expect(time.goOn()).toBe(false);
    nowMs = 5004;
    time.charge(context);
    nowMs = 5005;
    time.rest(context);
    expect(told).toEqual([['spent', 5], ['afterwards', 1]]);
  });
});
