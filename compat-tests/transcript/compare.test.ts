import { describe, expect, test } from '@jest/globals';
import { differences, printed } from './compare.js';
import { knownAs } from './known-differences.js';
import { normalised } from './normalise.js';
import { step, words, type Result } from './step.js';

const result = (stdout: string, stderr = '', exit: number | null = 0): Result => ({ exit, stdout, stderr });
const shown = (apache: Result, ottla: Result): string[] => differences('topics: list', apache, ottla).map(printed);

describe('two results', () => {
  test('that are alike differ in nothing', () => {
    expect(shown(result('a\nb\n', 'c'), result('a\nb\n', 'c'))).toEqual([]);
  });

  test('differ in lines that one of them lacks, in lines that stand for one another, and in the exit code', () => {
    expect(shown(result('a\nb\nc\nd'), result('b\nX\nd\ne', '', 1))).toEqual([
      'topics: list (exit)\n  apache | exit 0\n  ottla  | exit 1',
      'topics: list (stdout)\n  apache | a',
      'topics: list (stdout)\n  apache | c\n  ottla  | X',
      'topics: list (stdout)\n  ottla  | e',
    ]);
  });

  test('say the same in other words where the same exception says it, and nowhere else', () => {
    const apache = result('Error: it is there', 'my.TopicExistsException: it is there');
    const wordsOnly = (ottla: Result): boolean[] => differences('s', apache, ottla).map(difference => difference.words);
    expect(wordsOnly(result('Error: there is one', 'my.TopicExistsException: there is one'))).toEqual([true, true]);
    expect(wordsOnly(result('Error: there is one', 'my.OtherException: there is one'))).toEqual([false, false]);
    expect(wordsOnly(result('Failure: there is one', 'my.TopicExistsException: there is one'))).toEqual([false, true]);
    expect(wordsOnly(result('Error: it is there', 'my.TopicExistsException: there is one', 1))).toEqual([false, true]);
  });
});

describe('a difference', () => {
  const list = [{ step: /list/, apache: /a/, ottla: /^z/, reason: 'theirs is a, ours is z' }, { step: /one side/, apache: /a/, reason: 'we lack a' }];
  const isKnown = (title: string, apache: string[], ottla: string[]): boolean => knownAs({ step: title, at: 'stdout', apache, ottla, words: false }, list) !== undefined;

  test('is known where each of its lines is, and no other line comes along', () => {
    expect(isKnown('list', ['a', 'an a'], ['z'])).toBe(true);
    expect(isKnown('list', ['a', 'b'], ['z'])).toBe(false);
    expect(isKnown('list', ['a'], ['z', 'not z'])).toBe(false);
    expect(isKnown('another step', ['a'], ['z'])).toBe(false);
  });

  test('has no lines on a side of which nothing is known', () => {
    expect(isKnown('one side', ['a'], [])).toBe(true);
    expect(isKnown('one side', ['a'], ['a stack trace'])).toBe(false);
  });
});

describe('what was printed', () => {
  const clean = (text: string, options: Parameters<typeof step>[1] = {}): string =>
    normalised(result(text), step('topics', options), [['127.0.0.1:12345', '<broker>'], ['12345', '<port>']]).stdout;

  test('loses ids, addresses, times and places in the tools\' own code', () => {
    expect(clean(`at 127.0.0.1:12345 and 12345: hq5sL7rGT8WmNyT2vCw0aQ, ${Date.now()}, a-01234567-89ab-4def-8123-456789abcdef\n\tat org.apache.Kafka(Kafka.java:3)\n`))
      .toBe('at <broker> and <port>: <id>, <now>, a-<uuid>\n');
  });

  test('keeps names of 22 letters, times of long ago and other numbers', () => {
    const text = 'ConsumerGroupHeartbeat 1600000000000 9092 sixteen-and-some-more0';
    expect(clean(text)).toBe(text);
  });

  test('comes in order where it has none, after the step took out what is its own', () => {
    expect(clean('b 2\na 1\n', { unordered: true, normalise: text => text.replace(/\d/g, 'n') })).toBe('\na n\nb n');
  });
});

test("a command line's words are parted by spaces that are not quoted", () => {
  expect(words("topics --topic 'a b' --config 'x=[1, 2]' --empty ''")).toEqual(['topics', '--topic', 'a b', '--config', 'x=[1, 2]', '--empty', '']);
});
