import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { explain, markdownManual } from './manual.js';
import { families, brokerNames } from './table/index.js';

describe('the manual', () => {
  test('as committed is the one that the table makes: `bin/ottla config --markdown > docs/configuration.md`', () => {
    expect(readFileSync('docs/configuration.md', 'utf8')).toBe(markdownManual());
  });

  test('has a chapter for every setting of a node', () => {
    const inFamilies = families.flatMap(([, table]) => Object.keys(table)).sort((a, b) => (a < b ? -1 : 1));
    expect(inFamilies).toEqual([...brokerNames()].sort((a, b) => (a < b ? -1 : 1)));
  });

  test('explains one setting, in all places where it means something', () => {
    expect(explain('compression.type').text.split('\n').filter(line => line.startsWith('compression.type'))).toHaveLength(2);
    expect(explain('num.partitions').text).toContain('int, default 1, [1,...]');
    expect(explain('listener.name.outside.max.connections').text).toContain('(node)');
    expect(explain('num.partition').text).toMatch(/^there is no setting num\.partition; did you mean num\.partitions,/);
    expect(explain('xyzzy').text).toBe('there is no setting xyzzy');
  });
});
