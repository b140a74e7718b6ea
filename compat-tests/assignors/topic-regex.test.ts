import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { compileTopicRegex } from '../../src/coordinator/group/consumer/topic-regex.js';
import { JavaOracle } from '../support/java-oracle.js';
import { describeWithJava } from '../support/java-tests.js';
import { SeededRandom } from '../support/random.js';

/** Our matcher and Apache's (RE2/J) are given the same patterns and names. */


const TOPICS = [
  '', 'a', 'b', 'ab', 'aab', 'abc', 'A', 'aB', 'orders', 'Orders', 'orders-1', 'orders-12', 'orders.eu', 'orders_eu', '__consumer_offsets',
  'topic-0', 'a.b.c', '1', '12', 'x-y', 'a-b-c', '-', '_', '.', 'a\nb', '\n', 'ä', 'ß', 'ſ', 'K', 'Ω', '日本', '😀', 'k', 's', 'S', '{3}', 'a{', 'a{2',
];

const PATTERNS = [
  '', 'a', '.', '.*', '.+', 'a|b', 'a|ab', 'ab|a', '(a|b)*', '(?:a|b)+c?', '^a$', '^a', 'a$', '^$', '\\Aa\\z', 'a\\Z', '\\bab\\b', '\\Bb', 'a\\b.*',
  'orders.*', 'orders-\\d+', 'orders-\\d{2}', 'orders[-_.].*', '[a-z]+', '[^a-z]+', '[[:alpha:]]+', '[[:^alpha:]]+', '[[:word:]]*', '[[:foo:]]', '[\\w.-]+',
  '(?i)a', '(?i)orders', '(?i)s', '(?i)k', '(?i)Ω', '(?i:a)B', '(?s).*', '(?s)a.b', 'a.b', '(?m)^b$', '(?m)a$', '(?m)^a$\nb', '(?U)a+', '(?-i)a', '(?i-s)a.b', '(?x)a b',
  'a{2}b', 'a{1,2}b', 'a{0}', 'a{0,}', 'a{,2}', 'a{2,1}', 'a{1000}', 'a{1001}', 'a{', 'a{2', '{3}', '\\{3\\}', '(a{1000}){2}', '((a{10}){10}){11}', 'a{2}{3}', 'a{2}*',
  'a**', 'a*+', 'a*?', 'a??b', 'a+?b', '*', '+a', '?', '(*)', '|', '(|a)b', 'a||b', '()', '(', ')', 'a)', '(a', '((a)', '[', '[]', '[]a]', '[^]a]', '[a', '[a-', '[a-]', '[-a]+', '[z-a]', '[a-b-c]',
  '\\', 'a\\', '\\d', '\\D+', '\\w+', '\\W', '\\s', '\\S+', '\\h', '\\v', '\\R', '\\X', '\\1', '(a)\\1', '\\k<n>', '\\0', '\\07', '\\x61', '\\x{61}',
  '\\x{110000}', '\\x6', '\\u0061', '\\cA', '\\e', '\\a', '\\f', '\\t', '\\n', '\\-', '\\_', '\\ä', '\\.', '\\C', '\\G', '\\z', '\\Q.\\E', '\\Qa.b', '\\Q\\E',
  '\\E', '\\Qa\\E+b', '\\Qab\\E+',
  '\\pL', '\\pL+', '\\p{L}', '\\p{Lu}', '\\p{Greek}', '\\p{Latin}+', '\\PL', '\\P{L}', '\\p{^L}', '\\p{Foo}', '\\p', '\\p{', '\\p{Any}', '\\p{Han}+',
  '\\p{Emoji}', '[\\pL]', '[^\\pL]', '[\\d\\pL]+', '\\pN+', '\\p{IsAlphabetic}',
  '(?P<n>a)', '(?<n>a)', '(?P<n>a)(?P<n>b)', '(?P<n', '(?P<>a)', '(?P=n)', '(?P<1>a)', '(?P<n-m>a)', '(?=a)', '(?!a)', '(?<=a)b', '(?<!a)b', '(?>a)', '(?#a)',
  '(?', '(?i', '(?i)', '(?ii)a', '(?z)a', '(?i-)a', '(?-)a', '(?:', '(?a|b)',
  'ä', '.ä?', '[ä-ü]', '日本', '😀', '[😀]', '.😀?', '..', 'a\\.b\\.c', 'topic-[0-9]', '__.*', '(__.*|orders)', 'x-(y|z)', '[.]', '[*]', '[(]', '[|]', '[\\]]',
  '[\\^a]', 'a#b', ' a', 'a ', '\\ a', '/a/', '"a"', "'a'", 'a&&b', '[a&&b]', '[a-z&&[^b]]',
];

/** Pieces of which random patterns are strung together, many of them not valid. */
const PIECES = [
  'a', 'b', 'ab', '.', '*', '+', '?', '|', '(', ')', '(?:', '(?i)', '[ab]', '[^a]', '[a-c]', '{2}', '{1,}', '{0,2}', '^', '$', '\\b', '\\d', '\\w', '\\pL', '-',
  '[', ']', '\\', '\\Q', '\\E', 'ä', '\\.', '??', '*?', '{',
];

const RANDOM_PATTERNS = 1_500;

function ours(pattern: string): Verdict {
  try {
    const matches = compileTopicRegex(pattern);
    return { matching: TOPICS.filter(topic => matches(topic)) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

/** Patterns that one of the two refuses and the other does not, with the reason. */
const KNOWN_DIFFERENCES: readonly { readonly what: RegExp; readonly reason: string }[] = [
  { what: /\{[*+?{]/, reason: 'RE2/J takes the brace that begins no repetition for one when a repetition follows it' },
  { what: /\\[^\0-\x7f]/u, reason: 'RE2/J lets characters beyond ASCII be escaped; no topic has one' },
  { what: /\\p\{Emoji\}/, reason: 'a newer Unicode knows it; no topic has one' },
  { what: /\)\{\d+\}/, reason: 'RE2/J multiplies repetitions without bound; we stop at a thousand, as RE2 does' },
];

type Verdict = { readonly matching: string[] } | { readonly error: string };

/** Both refuse, be it in other words; or neither, and they match the same. */
function agree(one: Verdict, other: Verdict): boolean {
  if ('error' in one || 'error' in other) return 'error' in one && 'error' in other;
  return JSON.stringify(one.matching) === JSON.stringify(other.matching);
}

function isKnown(pattern: string, one: Verdict, other: Verdict): boolean {
  return 'error' in one !== 'error' in other && KNOWN_DIFFERENCES.some(({ what }) => what.test(pattern));
}

await describeWithJava("our topic regexes beside Apache's", () => {
  let oracle: JavaOracle;
  beforeAll(async () => { oracle = await JavaOracle.start('ottla.groups.RegexOracle'); }, 300_000);
  afterAll(() => oracle.close());

  async function differences(patterns: readonly string[]): Promise<unknown[]> {
    const found: unknown[] = [];
    for (const pattern of patterns) {
      const mine = ours(pattern);
      const theirs = await oracle.ask(JSON.stringify({ pattern, topics: TOPICS })) as Verdict;
      if (!agree(mine, theirs) && !isKnown(pattern, mine, theirs)) found.push({ pattern, mine, theirs });
    }
    return found;
  }

  test('patterns at the edges of the syntax match the same names, or are refused', async () => {
    expect(await differences(PATTERNS)).toEqual([]);
  });

  test('random patterns match the same names, or are refused', async () => {
    const random = new SeededRandom(1);
    const patterns = Array.from({ length: RANDOM_PATTERNS }, () => Array.from({ length: 1 + random.below(7) }, () => random.pick(PIECES)).join(''));
    expect(await differences(patterns)).toEqual([]);
  });
});
