import { describe, expect, test } from '@jest/globals';
import { compileJavaRegex, UnsupportedRegexError } from './java-regex.js';

describe('a Java expression means what it means in Java', () => {
  test.each<[string, string, boolean]>([
    ['app.*', 'app-1', true], ['app', 'app-1', false], ['a|ab', 'ab', true], ['a$', 'a', true],
    ['(?i)app.*', 'APP-1', true], ['a(?i:b)c', 'aBc', true], ['a(?i:b)c', 'aBC', false], ['(?iu)é', 'É', true], ['(?u)a', 'a', true],
    [String.raw`\p{Digit}+\.x`, '12.x', true], [String.raw`\p{Digit}+\.x`, 'Digit.x', false], [String.raw`[^\p{Lower}]`, 'a', false],
    [String.raw`[\P{Alpha}]`, '1', true], [String.raw`\P{Upper}`, 'A', false], [String.raw`\p{L}\pN`, 'é1', true], [String.raw`\p{IsLatin}`, 'x', true], [String.raw`\p{Space}`, '\v', true],
    [String.raw`\Qa.b\E`, 'a.b', true], [String.raw`\Qa.b\E`, 'axb', false], [String.raw`\Qa.b`, 'a.b', true], [String.raw`\Qab\E+`, 'abb', true], [String.raw`[\Q]^\E]`, '^', true],
    [String.raw`\h`, '\t', true], [String.raw`[\h]`, '\u2003', true], [String.raw`\H`, ' ', false], [String.raw`\v`, '\r', true], [String.raw`\s\S`, '\va', true], [String.raw`[\S]`, ' ', false],
    [String.raw`\R`, '\r\n', true], [String.raw`\u0041\x42\x{43}\0104\e`, 'ABCD\u001B', true], [String.raw`a\Z`, 'a', true], [String.raw`\bfoo\b`, 'foo', true],
    ['[a-c[x-z]]+', 'ay', true], ['[[:alpha:]]+', 'pha:', true], ['[[:alpha:]]', 'z', false], ['[]a]', ']', true], ['[a-]', '-', true],
    ['(?<name>a)b', 'ab', true], ['a{2,3}', 'aaaa', false], ['a{2,}', 'aaaa', true], [String.raw`90[0-9]+`, '9092', true], [String.raw`\-\_`, '-_', true],
  ])('%s of %j: %s', (pattern, text, outcome) => {
    expect(compileJavaRegex(pattern)(text)).toBe(outcome);
  });
});

test.each([
  '(', 'a**', 'a++', '(?=a)a', '(?!a)b', '(?<=a)b', '(?>a)', String.raw`(a)\1`, '[a-z&&[^b]]+', '[a[^b]]', '[^a[b]]', '(?x)a b', '(?U)a', '(?d)a', '(?P<n>a)', 'a{,3}', '{', '[a', String.raw`\y`,
  String.raw`\p{javaLowerCase}`, String.raw`[\R]`, 'a\\', 'a{1000}'.repeat(100), 'a{1000}'.repeat(6),
])('%s is refused', pattern => {
  expect(() => compileJavaRegex(pattern)).toThrow(UnsupportedRegexError);
});
