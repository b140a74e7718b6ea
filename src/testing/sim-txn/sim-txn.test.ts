import { describe, expect, test } from '@jest/globals';
import { OPERATIONS_A_PLAN, randomPlan } from './plan.js';
import { formatFailure, run, trySeed } from './sim-txn.js';

const SEEDS = Number(process.env['SIM_TXN_SEEDS'] ?? 150);

test(`in ${SEEDS} random fates of a broker with transactional clients all invariants hold`, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const failure = await trySeed(seed);
    if (failure) throw new Error(formatFailure(failure));
  }
}, 120_000 + SEEDS * 2000);

describe('a seed', () => {
  test.each([1, 2, 3, 4, 5])('plays the same each time, byte for byte (%i)', async seed => {
    const [first, again] = [await run(seed, randomPlan(seed)), await run(seed, randomPlan(seed))];
    expect(again).toEqual(first);
    expect(first.events).toBeGreaterThan(100);
  });

  test('plays another story than the next one', async () => {
    const digests = new Set<string>();
    for (const seed of [1, 2, 3]) digests.add((await run(seed, randomPlan(seed))).digest);
    expect(digests.size).toBe(3);
  });
});

test('the plans hold all that there is to do', () => {
  const seeds = Array.from({ length: 30 }, (_, seed) => seed);
  const operations = seeds.flatMap(seed => randomPlan(seed).operations);
  expect(operations).toHaveLength(seeds.length * OPERATIONS_A_PLAN);
  expect(new Set(operations.map(operation => operation.do))).toEqual(new Set([
    'transaction', 'begin anew', 'process', 'leave', 'send', 'read', 'disturb', 'audit', 'kill', 'kill at', 'stop',
  ]));
  const versions = seeds.flatMap(seed => Object.values(randomPlan(seed).producers)).map(({ versions: { endTxn } }) => endTxn);
  expect(new Set(versions)).toEqual(new Set([0, 1, 2, 3, 4, 5]));
});
