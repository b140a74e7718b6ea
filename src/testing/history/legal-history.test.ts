import { describe, expect, test } from '@jest/globals';
import { SimRandom } from '../../env/sim/random.js';
import { ALLOWED, checkHistory, describeFaults } from './checker.js';
import type { AnomalyKind } from './findings.js';
import { formatHistory, parseHistory } from './history-file.js';
import { GROUP, legalHistory } from './legal-history.js';
import { PLANTS, type Draft } from './planted-faults.js';

const OPTIONS = { readToEnd: true, clockErrorMs: 0, writersComplete: true, pipelines: [{ group: GROUP }] };
const PLANTED_SEEDS = 20;
const seeds = (count: number): number[] => Array.from({ length: count }, (_, seed) => seed);

describe('histories of a correct broker', () => {
  test('have no fault', () => {
    for (const seed of seeds(100)) expect(`${seed} ${describeFaults(checkHistory(legalHistory(seed), OPTIONS))}`).toBe(`${seed} `);
  });

  test('have transactions of every end, and what Kafka allows', () => {
    const results = seeds(20).map(seed => checkHistory(legalHistory(seed), OPTIONS));
    for (const end of ['committed', 'aborted', 'unknown'] as const) expect(results.reduce((sum, { transactions }) => sum + transactions[end], 0)).toBeGreaterThan(50);
    const tolerated: AnomalyKind[] = ['int-send-skip', 'G0', 'poll-skip', 'nonmonotonic-poll'];
    expect([...new Set(results.flatMap(result => result.tolerated.map(({ kind }) => kind)))]).toEqual(expect.arrayContaining(tolerated));
  });

  test('have no fault after a way through a file', () => {
    const history = legalHistory(1);
    const back = parseHistory(formatHistory(history));
    expect(back).toEqual(history);
    expect(checkHistory(back, OPTIONS)).toEqual(checkHistory(history, OPTIONS));
  });
});

describe('one planted fault is found by its name', () => {
  const sound = seeds(PLANTED_SEEDS).map(legalHistory);
  test.each(Object.entries(PLANTS))('%s', (kind, plant) => {
    let planted = 0;
    for (const [seed, history] of sound.entries()) {
      const draft = structuredClone(history) as Draft;
      if (!plant(draft, new SimRandom(`plant ${seed}`))) continue;
      planted++;
      const { faults, counts } = checkHistory(draft, OPTIONS);
      expect([seed, [...counts.keys()]]).toEqual([seed, expect.arrayContaining([kind])]);
      const fault = faults.find(each => each.kind === kind)!;
      expect(fault.detail).not.toBe('');
      expect(fault.excerpt.split('\n').length).toBeGreaterThan(0);
      expect(fault.excerpt.length).toBeLessThan(5000);
    }
    expect(planted).toBeGreaterThan(PLANTED_SEEDS / 3);
  });

  test('and there is a plant for every kind that is a fault', () => {
    // Taken from the type: a kind that is added without a plant does not compile.
    const kinds: Record<AnomalyKind, boolean> = {
      'inconsistent-offsets': true, duplicate: true, phantom: true, G1a: true, 'precommitted-read': true, 'uncommitted-read': true, 'lso-past-open': true, 'zombie-write': true, 'zombie-commit': true,
      'lost-write': true, unseen: true, 'half-transaction': true, 'poll-skip': true, 'nonmonotonic-poll': true, 'int-poll-skip': true, 'int-nonmonotonic-poll': true,
      'nonmonotonic-send': true, 'int-send-skip': true, 'int-nonmonotonic-send': true, G0: true, G1c: true, 'G1c-reads': true, 'lso-moved-back': true, 'end-moved-back': true,
      'aborted-offsets': true, 'uncommitted-offsets': true, 'offsets-moved-back': true, 'offsets-without-output': true, 'output-without-offsets': true, 'output-twice': true, 'output-missing': true,
    };
    expect(new Set([...Object.keys(PLANTS), ...ALLOWED])).toEqual(new Set(Object.keys(kinds)));
  });
});
