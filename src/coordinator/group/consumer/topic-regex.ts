import { compileRegex, InvalidRegexError } from '../../regex.js';

/** The longest pattern in UTF-8: what it stands for is recorded under it, and a record's key holds no longer string. */
const MOST_BYTES = 0x7fff;

/** The most that a new pattern may grow to once its counted repetitions are written out: it takes some tenths of a second to compile. */
const MOST_EXPANDED = 50_000;

/**
 * The most of that which a name may reach at many of its characters: what is repeated, and what stands behind a repetition or a choice.
 * Matching costs up to this times the name's length: about half a second for the worst of both, microseconds for real ones.
 */
const MOST_LOOSE = 5_000;

/** RE2's own words for it. */
const TOO_LARGE = 'expression too large';

/**
 * What the pattern means to KIP-848's `SubscribedTopicRegex`: RE2 syntax, to match the whole name of a topic (Kafka's
 * `TopicRegexResolver`, which uses RE2/J). Takes time and memory linear in the expanded pattern and in the name.
 *
 * @throws InvalidRegexError when the pattern is not valid.
 */
export const compileTopicRegex: (pattern: string) => (topic: string) => boolean = compileRegex;

/**
 * Whether a member may newly subscribe with the pattern. Unlike with Kafka one that would be too costly may not; what a group has
 * already is not asked, so that a group taken over from Kafka keeps its topics.
 *
 * @throws InvalidRegexError when the pattern is not valid or would be too costly.
 */
export function requireTopicRegex(pattern: string): void {
  if (Buffer.byteLength(pattern) > MOST_BYTES) throw new InvalidRegexError(`expression longer than ${MOST_BYTES} bytes`);
  const { size, loose } = expanded(pattern);
  if (size > MOST_EXPANDED || loose > MOST_LOOSE) throw new InvalidRegexError(TOO_LARGE);
  compileRegex(pattern);
}

/** One token of a pattern: a quoted stretch, a class of characters, a repetition with a count, an escape, or one character. */
const TOKEN = /\\Q(?<quoted>[^]*?)(?:\\E|$)|\[\^?\]?(?:\[:\^?\w+:\]|\\[^]|[^\]\\])*(?:\]|\\?$)|\{(?<least>\d{1,8})(?:,(?<most>\d{0,8}))?\}|\\[^]|[^]/gu;

/** How much there is to match, and how much of it at many characters of a name: see `MOST_LOOSE`. */
interface Extent {
  readonly size: number;
  readonly loose: number;
}

/** A group of a pattern that is being read, or all of it. */
interface OpenGroup {
  size: number;
  loose: number;
  /** What a repetition that comes next repeats. */
  last: Extent;
  /** Whether the group stands where a name may reach it at many characters. */
  readonly startsLoose: boolean;
  isLoose: boolean;
  hasChoice: boolean;
}

function openGroup(isLoose: boolean): OpenGroup {
  return { size: 0, loose: 0, last: { size: 0, loose: 0 }, startsLoose: isLoose, isLoose, hasChoice: false };
}

function add(group: OpenGroup, last: Extent): void {
  group.size += last.size;
  group.loose += last.loose;
  group.last = last;
}

/**
 * The extent of a pattern once the counted repetitions are written out: what they repeat is what stands before them, a group or one
 * token. Of patterns that are not valid it may tell anything.
 */
function expanded(pattern: string): Extent {
  const groups = [openGroup(false)];
  for (const [token, quoted, least, most] of pattern.matchAll(TOKEN)) {
    const group = groups.at(-1)!;
    if (least !== undefined) {
      repeat(group, Math.max(1, Number(least) + (most === '' ? 1 : 0), Number(most ?? 0)));
    } else if (token === '*' || token === '+' || token === '?') {
      repeat(group, 1);
    } else if (token === '(') {
      groups.push(openGroup(group.isLoose));
    } else if (token === ')' && groups.length > 1) {
      groups.pop();
      close(groups.at(-1)!, group);
    } else {
      const size = quoted?.length ?? 1;
      add(group, { size, loose: group.isLoose ? size : 0 });
      if (token === '|') Object.assign(group, { hasChoice: true, isLoose: group.startsLoose });
    }
  }
  while (groups.length > 1) close(groups.at(-2)!, groups.pop()!);
  return groups[0]!;
}

function repeat(group: OpenGroup, times: number): void {
  const { size, loose } = group.last;
  add(group, { size: size * (times - 1), loose: size * times - loose });
  group.last = { size: size * times, loose: size * times };
  group.isLoose = true;
}

function close(outer: OpenGroup, { size, loose, startsLoose, isLoose, hasChoice }: OpenGroup): void {
  add(outer, { size: size + 1, loose: startsLoose ? size + 1 : loose });
  if (isLoose || hasChoice) outer.isLoose = true;
}
