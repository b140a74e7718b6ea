import { beforeAll, expect, test } from '@jest/globals';
import { SimRandom } from '../../env/sim/index.js';
import { checkHistory } from '../history/checker.js';
import type { AnomalyKind } from '../history/findings.js';
import { isWork, type History } from '../history/history.js';
import { PLANTS, type Draft } from '../history/planted-faults.js';
import { GROUP, randomPlan } from './plan.js';
import { run } from './sim-txn.js';

const SEEDS = 6;
const OPTIONS = { readToEnd: true, writersComplete: true, clockErrorMs: 0, pipelines: [{ group: GROUP }] };
const histories: History[] = [];

beforeAll(async () => {
  for (let seed = 1; seed <= SEEDS; seed++) histories.push((await run(seed, randomPlan(seed))).history);
}, 120_000);

test('the histories of simulated clients hold all that a checker can judge', () => {
  const all = histories.flat();
  expect(new Set(all.map(({ kind }) => kind))).toEqual(new Set(['init', 'txn', 'data', 'assign', 'ends', 'committed']));
  const transactions = all.filter(operation => operation.kind === 'txn');
  for (const outcome of ['ok', 'fail', 'info'] as const) expect(transactions.filter(each => each.outcome === outcome && each.micro.length > 0)).not.toEqual([]);
  expect(transactions.some(({ offsets, commitMs, endMs }) => offsets?.[GROUP] !== undefined && commitMs !== undefined && endMs! >= commitMs)).toBe(true);
  expect(all.filter(isWork).filter(({ micro }) => micro.some(({ kind }) => kind === 'poll')).length).toBeGreaterThan(SEEDS * 10);
  for (const history of histories) expect(checkHistory(history, OPTIONS).transactions.committed).toBeGreaterThan(0);
});

test.each<AnomalyKind>([
  'G1a', 'precommitted-read', 'uncommitted-read', 'zombie-commit', 'zombie-write', 'lso-past-open', 'half-transaction', 'inconsistent-offsets', 'duplicate',
  'phantom', 'int-nonmonotonic-poll', 'output-twice',
])('and the one that is planted: %s', kind => {
  let planted = 0;
  for (const [seed, history] of histories.entries()) {
    const draft = structuredClone(history) as Draft;
    if (!PLANTS[kind]!(draft, new SimRandom(seed))) continue;
    planted++;
    expect([seed, [...checkHistory(draft, OPTIONS).counts.keys()]]).toEqual([seed, expect.arrayContaining([kind])]);
  }
  expect(planted).toBeGreaterThan(0);
});
