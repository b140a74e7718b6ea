import { expect, test } from '@jest/globals';
import { DiskError } from '../../env/index.js';
import { WriteWays, type WriteWay, type WriteWaysOptions } from './write-ways.js';

const MB = 1 << 20;

interface Played {
  readonly ways: WriteWays;
  readonly chosen: readonly WriteWay[];
  readonly cost: Record<WriteWay, number>;
  readonly write: () => WriteWay;
}

/** A disk on which a MB takes so long each way; what it is asked for, and the time that went by. */
function play(costMs: Played['cost'], writes: number, options?: WriteWaysOptions): Played {
  const cost = { ...costMs };
  let nowMs = 0;
  const ways = new WriteWays({ monotonicMs: () => nowMs }, options);
  const write = (): WriteWay => {
    const way = ways.choose(MB);
    ways.timed(way, MB, () => { nowMs += cost[way]; });
    return way;
  };
  return { ways, chosen: Array.from({ length: writes }, write), cost, write };
}

const share = (chosen: readonly WriteWay[], way: WriteWay): number => chosen.filter(each => each === way).length / chosen.length;

test('takes the quicker way, and tries the other now and then', () => {
  expect(share(play({ cached: 3, direct: 0.8 }, 2000).chosen, 'direct')).toBeGreaterThan(0.95);
  expect(share(play({ cached: 0.2, direct: 0.8 }, 2000).chosen, 'cached')).toBeGreaterThan(0.95);
});

test('trials take little of the time, also where they are dear', () => {
  const { chosen } = play({ cached: 0.3, direct: 20 }, 20_000);
  const trials = chosen.filter(way => way === 'direct').length;
  expect(trials).toBeGreaterThan(1);
  expect(trials * 20).toBeLessThan(0.05 * 20_000 * 0.3 + 20);
});

test('changes its mind when the disk does', () => {
  const { cost, write } = play({ cached: 0.2, direct: 0.8 }, 1000);
  cost.cached = 3;
  expect(share(Array.from({ length: 1000 }, write).slice(300), 'direct')).toBeGreaterThan(0.95);
  cost.cached = 0.2;
  expect(share(Array.from({ length: 3000 }, write).slice(2000), 'cached')).toBeGreaterThan(0.9);
});

test('small writes, and all where direct ones are refused, go through the page cache', () => {
  const { ways, write } = play({ cached: 3, direct: 0.8 }, 100);
  expect(ways.choose(1000)).toBe('cached');
  ways.refuseDirect(new DiskError('EINVAL', '/logs/a.log', 'not here'));
  expect(share(Array.from({ length: 100 }, write), 'cached')).toBe(1);
  expect(share(play({ cached: 3, direct: 0.8 }, 100, { direct: 'never', leastDirectBytes: 1 }).chosen, 'cached')).toBe(1);
  expect(share(play({ cached: 0.2, direct: 0.8 }, 100, { direct: 'always', leastDirectBytes: 1 }).chosen, 'direct')).toBe(1);
});
