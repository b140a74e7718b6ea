import { describe, expect, test } from '@jest/globals';
import { InvalidRegexError } from '../../regex.js';
import { compileTopicRegex, requireTopicRegex } from './topic-regex.js';

describe('a topic regex', () => {
  test.each([
    ['orders', 'orders', true],
    ['orders', 'orders-2', false],
    ['rders', 'orders', false],
    ['orders-.*', 'orders-', true],
    ['a|ab', 'ab', true],
    ['(?i)ORDERS', 'orders', true],
    ['^orders$', 'orders', true],
    ['', '', true],
    ['', 'x', false],
    [String.raw`\Qa.b\E`, 'a.b', true],
    [String.raw`\Qa.b\E`, 'axb', false],
    ['[[:alpha:]]+', 'abc', true],
    [String.raw`\pL+`, 'äß', true],
    ['t{3}', 'ttt', true],
  ] as const)('%j matches all of %j: %j', (pattern, topic, matches) => {
    expect(compileTopicRegex(pattern)(topic)).toBe(matches);
  });

  test.each([
    ['a(b', 'missing closing )'],
    ['a)b', 'unexpected )'],
    ['[a', 'missing closing ]'],
    ['*', 'missing argument to repetition operator'],
    ['a**', 'invalid nested repetition operator'],
    [String.raw`(a)\1`, 'invalid escape sequence'],
    ['(?=a)', 'invalid or unsupported Perl syntax'],
    ['a{1001}', 'invalid repeat count'],
    ['a\\', 'trailing backslash at end of expression'],
  ])('%j is refused, and the message says why', (pattern, message) => {
    expect(() => compileTopicRegex(pattern)).toThrow(InvalidRegexError);
    expect(() => requireTopicRegex(pattern)).toThrow(message);
  });

  test.each([
    ['a repetition of much', `(${'x'.repeat(1_300)}){1000}`],
    ['a repetition of a repetition', '((a{10}){10}){10}{1000}'],
    ['many repetitions', 'a{1000}'.repeat(11)],
    ['very many that may be left out', 'a?'.repeat(11_000)],
    ['very much behind a repetition', `.*${'a'.repeat(11_000)}`],
    ['choice after choice', '(a|aa)'.repeat(3_000)],
    ['a repetition of a class', '[]a{2}]{1000}'.repeat(11)],
    ['a repetition of what is quoted', String.raw`(\Q${'({['.repeat(100)}\E){100}`],
  ])('%s is refused before it costs anything', (_, pattern) => {
    expect(() => requireTopicRegex(pattern)).toThrow('expression too large');
  });

  test.each([
    ['a class', '['], ['a class of escapes', `[${String.raw`\a`.repeat(10_000)}`], ['classes', '['.repeat(32_000)], ['a class with a backslash', '[a\\'],
    ['groups', '('.repeat(900)], ['a quotation in a group', String.raw`(\Q`],
  ])('%s that nothing closes is refused in linear time', (_, pattern) => {
    expect(() => requireTopicRegex(pattern)).toThrow(InvalidRegexError);
  });

  const names = Array.from({ length: 900 }, (_, index) => `orders.created.region-${index}.v1`.padEnd(30, '-'));

  test.each([
    ['names', names.join('|')],
    ['names in a group', `^(${names.join('|')})$`],
    ['names that each may go on', names.map(name => `${name}.*`).join('|')],
    ['endings', `(?:eu|us)-.*-(?:${names.slice(0, 150).join('|')})`],
  ])('%s by the hundred can be subscribed to', (_, pattern) => {
    expect(() => requireTopicRegex(pattern)).not.toThrow();
  });

  test('what no record can hold is refused', () => {
    expect(() => requireTopicRegex('é'.repeat(16_383))).not.toThrow();
    expect(() => requireTopicRegex('é'.repeat(16_384))).toThrow('expression longer than 32767 bytes');
  });

  test('what is too much for a new pattern still matches', () => {
    const pattern = names.map(name => `.*${name}`).join('|');
    expect(() => requireTopicRegex(pattern)).toThrow('expression too large');
    expect(compileTopicRegex(pattern)(`x${names[7]!}`)).toBe(true);
  });

  test('a name that makes a backtracking matcher hang is told in linear time', () => {
    expect(compileTopicRegex('(a*)*b')('a'.repeat(249))).toBe(false);
    expect(compileTopicRegex('(a?){249}a{249}')('a'.repeat(249))).toBe(true);
  });
});
