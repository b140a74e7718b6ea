import { describe, expect, test } from '@jest/globals';
import { helpOf, PlainError, wishOf } from './arguments.js';
import { ROWS } from './rows/index.js';

describe('what a run is asked for', () => {
  test('by itself all rows, three rounds, both brokers: the page is written', () => {
    expect(wishOf([], undefined, ROWS)).toMatchObject({ rows: ROWS, rounds: 3, kinds: ['apache', 'ottla'], whole: true, quick: false });
  });

  test('less than that writes no page', () => {
    for (const args of [['--quick'], ['--rows', 'cold-start'], ['--rounds', '1'], ['--cpu-prof']]) expect(wishOf(args, undefined, ROWS).whole).toBe(false);
    expect(wishOf([], 'ottla', ROWS)).toMatchObject({ kinds: ['ottla'], whole: false });
  });

  test('rows are chosen by name, in the order given', () => {
    expect(wishOf(['--rows', 'cold-start,produce-1mb'], undefined, ROWS).rows.map(({ name }) => name)).toEqual(['cold-start', 'produce-1mb']);
  });

  test('what is not known is refused by name', () => {
    expect(() => wishOf(['--rows', 'produce-2mb'], undefined, ROWS)).toThrow(/no row 'produce-2mb'.*produce-1mb/);
    expect(() => wishOf(['--rounds', 'many'], undefined, ROWS)).toThrow(/--rounds is 'many'/);
    expect(() => wishOf([], 'kafka', ROWS)).toThrow(/BROKERS has 'kafka'/);
    expect(() => wishOf(['--fast'], undefined, ROWS)).toThrow(PlainError);
  });

  test('all that may be asked for is told by --help, with every row by its name', () => {
    expect(wishOf(['--help'], undefined, ROWS)).toMatchObject({ help: true });
    expect(wishOf(['--quick'], undefined, ROWS)).toMatchObject({ help: false });
    const lines = helpOf(ROWS);
    for (const option of ['--quick', '--rows NAME,...', '--rounds N', '--cpu-prof', '--report', '--help']) expect(lines).toContainEqual(expect.stringContaining(`  ${option} `));
    for (const { name, title } of ROWS) expect(lines.filter(line => line.startsWith(`  ${name} `))).toEqual([expect.stringContaining(title)]);
  });

  test('no two rows have the same name', () => {
    expect(new Set(ROWS.map(({ name }) => name)).size).toBe(ROWS.length);
  });
});
