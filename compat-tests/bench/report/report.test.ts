import { describe, expect, test } from '@jest/globals';
import type { Results } from '../results.js';
import type { Row } from '../row.js';
import { FULL, ROWS as REAL_ROWS } from '../rows/index.js';
import { barsOf, draw, logAxis } from './chart.js';
import { markdown } from './markdown.js';
import { summary, turnLines } from './terminal.js';

const never = () => Promise.reject(new Error('rows are not run here'));
const ROWS: readonly Row[] = [
  { name: 'produce-1mb', title: 'raw produce', run: never, metrics: [{ name: 'mbPerSecond', title: 'throughput', unit: 'MB/s', better: 'higher', aim: 3 }] },
  {
    name: 'cold-start', title: 'cold start', run: never,
    metrics: [{ name: 'ms', title: 'time', unit: 'ms', better: 'lower', aim: 0.1 }, { name: 'idleMb', title: 'memory', unit: 'MB', better: 'lower' }],
  },
  { name: 'broken', title: 'a broken row', run: never, metrics: [{ name: 'ms', title: 'time', unit: 'ms', better: 'lower', aim: 0.5 }] },
];

const sample = (values: Readonly<Record<string, number>>) => ({
  sample: { values, cost: { seconds: 2, cpuSeconds: 1, residentMb: 100 }, clientCores: 0.25 },
});

const RESULTS: Results = {
  date: '2026-01-02T03:04:05.000Z', command: 'make bench', rounds: 3, minutes: 12.3,
  machine: { cpu: 'a CPU', cores: 2, memoryGb: 24, kernel: 'Linux 6', node: 'v20', java: 'openjdk 21', go: 'go1.26', kafka: '4.3.1', ottla: '0.1.0' },
  outcomes: {
    'produce-1mb': { apache: [sample({ mbPerSecond: 390 }), sample({ mbPerSecond: 10 }), sample({ mbPerSecond: 400 })], ottla: [sample({ mbPerSecond: 1560 })] },
    'cold-start': { apache: [sample({ ms: 2000, idleMb: 400 })], ottla: [sample({ ms: 250, idleMb: 50 })] },
    broken: { apache: [sample({ ms: 1 })], ottla: [{ failure: 'the broker <closed> the connection\nand more' }] },
  },
  limits: { 'produce-1mb': { mbPerSecond: 2900 } },
};

describe('the page', () => {
  const page = markdown(RESULTS, ROWS, FULL);

  test('a ratio is that of the medians, with its aim and whether it is met', () => {
    expect(page).toContain('| `produce-1mb` raw produce | throughput | **4.00x** | ≥ 3.00x | yes | 390 | 1,560 | MB/s |');
    expect(page).toContain('| `cold-start` cold start | time | **0.13x** | ≤ 0.10x | **no** | 2,000 | 250 | ms |');
    expect(page).toContain('|  | memory | **0.13x** |  |  | 400 | 50.0 | MB |');
    expect(page).toContain('1 of 3 aims are met');
  });

  test('a failed row is shown as failed, with its reason', () => {
    expect(page).toContain('| `broken` a broken row | time | **–** | ≤ 0.50x | failed | 1.00 | – | ms |');
    expect(page).toContain('- a broken row, ottla: the broker <closed> the connection\n');
  });

  test('the ceiling, the limits of the client and the spread are there', () => {
    expect(page).toContain('| raw produce | throughput | 1,900 | 1,560 | MB/s | 82 % |');
    expect(page).toContain('| raw produce | 390 | 1,560 | 2,900 | MB/s |');
    expect(page).toContain('| raw produce | throughput | 10.0 to 400 | 1,560 to 1,560 | MB/s |');
  });

  test('what the raw rows send, and the settings, are said as the rows and the brokers have them', () => {
    const real = markdown(RESULTS, REAL_ROWS, { ...FULL, seconds: 7, produceBytes: 1_500_000_000 });
    expect(real).toContain('  - `produce-17kb`: 64 batches in flight on one connection, each of 17 records of 1000 bytes, `acks=all`; 7 s or 1.50 GB\n');
    expect(real).toContain('  - `fetch-catch-up`: one request of 1 MiB in flight on each of 2 connections, which read a partition each, 2 GB from the start\n');
    expect(real).toContain('`group.initial.rebalance.delay.ms=0`, `log.segment.delete.delay.ms=100`.');
  });

  test('rows that were not run are left out', () => {
    const { broken: _, ...outcomes } = RESULTS.outcomes;
    expect(markdown({ ...RESULTS, outcomes }, ROWS, FULL)).not.toContain('a broken row');
  });
});

describe('the terminal', () => {
  test('a turn shows both figures, the ratio and the cost', () => {
    const lines = turnLines(ROWS[0]!, { apache: sample({ mbPerSecond: 400 }), ottla: sample({ mbPerSecond: 1000 }) });
    expect(lines[0]!.split(/\s+/)).toEqual(['', 'produce-1mb', 'throughput', '400', '1,000', 'MB/s', '2.50x']);
    expect(lines[1]).toContain('apache: 1.00 s CPU, 100 MB, client 0.25 cores');
  });

  test('a failure and the verdicts are in the summary', () => {
    const text = summary(RESULTS, ROWS).join('\n');
    expect(text).toContain('aim >= 3.00x met, 82 % of the ceiling');
    expect(text).toContain('aim <= 0.10x MISSED');
    expect(text).toContain('ottla FAILED: the broker <closed> the connection');
  });
});

describe('the chart', () => {
  const bars = barsOf(RESULTS, ROWS);

  test('what is better points the same way, be it more throughput or less time', () => {
    expect(bars.map(({ times, aim }) => [times, aim])).toEqual([[4, 3], [8, 10], [8, undefined], [Number.NaN, 2]]);
  });

  test('the axis is logarithmic and holds every bar and aim', () => {
    const { position, ticks } = logAxis(bars);
    expect(position(4) - position(2)).toBeCloseTo(position(2) - position(1));
    expect(ticks[0]).toBeLessThan(1);
    expect(ticks.at(-1)).toBe(10);
  });

  test('a bar has its length, its aim a mark, what failed says so, and text is escaped', () => {
    const { position } = logAxis(bars);
    const picture = draw('this & that', bars);
    expect(picture.match(/<rect class="ahead"/g)).toHaveLength(3);
    expect(picture).toContain(`width="${Math.round((position(4) - position(1)) * 10) / 10}"`);
    expect(picture.match(/<path class="aim"/g)).toHaveLength(3);
    expect(picture).toContain('not measured');
    expect(picture).toContain('this &amp; that');
    expect(picture).toMatch(/^<svg [^>]*>[\s\S]*<\/svg>\n$/);
  });
});
