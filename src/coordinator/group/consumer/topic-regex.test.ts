import { describe, expect, test } from '@jest/globals';
import { compileTopicRegex, InvalidTopicRegexError } from './topic-regex.js';

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
    expect(() => compileTopicRegex(pattern)).toThrow(InvalidTopicRegexError);
    expect(() => compileTopicRegex(pattern)).toThrow(message);
  });

  test.each([
    ['a repetition of much', `(${'x'.repeat(1_300)}){1000}`],
    ['a long pattern', 'x'.repeat(32_000)],
    ['a repetition of a repetition', '((a{10}){10}){10}{1000}'],
    ['many repetitions', 'a{1000}'.repeat(10)],
    ['a repetition of a class', '[]a{2}]{1000}'.repeat(10)],
    ['a repetition of what is quoted', String.raw`(\Q${'({['.repeat(100)}\E){100}`],
  ])('%s is refused before it costs anything', (_, pattern) => {
    expect(() => compileTopicRegex(pattern)).toThrow(InvalidTopicRegexError);
  });

  test('a name that makes a backtracking matcher hang is told in linear time', () => {
    expect(compileTopicRegex('(a*)*b')('a'.repeat(249))).toBe(false);
    expect(compileTopicRegex('(a?){249}a{249}')('a'.repeat(249))).toBe(true);
  });
});
