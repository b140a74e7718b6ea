import { RE2JS, RE2JSException, RE2JSSyntaxException } from 're2js';

/**
 * The most instructions of a compiled pattern. Matching one name costs at most about instructions times characters, so this keeps
 * the worst pattern to some tens of milliseconds for the longest name; real ones take microseconds.
 */
const MOST_INSTRUCTIONS = 5_000;

/** The most that a pattern may grow to while it is compiled: what is simplified away later has to be held first. */
const MOST_EXPANDED = 4 * MOST_INSTRUCTIONS;

/** RE2's own words for it. */
const TOO_LARGE = 'expression too large';

/** A pattern that no member may subscribe with; the message says what is wrong with it, and can be shown to the client. */
export class InvalidTopicRegexError extends Error {
  override readonly name = 'InvalidTopicRegexError';
}

/**
 * What the pattern means to KIP-848's `SubscribedTopicRegex`: RE2 syntax, to match the whole name of a topic (Kafka's
 * `TopicRegexResolver`, which uses RE2/J). Takes time and memory linear in the pattern and in the name; unlike in Kafka patterns
 * are refused that would be too costly.
 *
 * @throws InvalidTopicRegexError when the pattern is not valid.
 */
export function compileTopicRegex(pattern: string): (topic: string) => boolean {
  if (expandedSize(pattern) > MOST_EXPANDED) throw new InvalidTopicRegexError(TOO_LARGE);
  const regex = compile(pattern);
  if (regex.programSize() > MOST_INSTRUCTIONS) throw new InvalidTopicRegexError(TOO_LARGE);
  return topic => regex.testExact(topic);
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) throw new InvalidTopicRegexError(error.getDescription(), { cause: error });
    if (error instanceof RE2JSException) throw new InvalidTopicRegexError(error.message, { cause: error });
    throw error;
  }
}

/** One token of a pattern: a quoted stretch, a class of characters, a repetition with a count, an escape, or one character. */
const TOKEN = /\\Q(?<quoted>[^]*?)(?:\\E|$)|\[\^?\]?(?:\[:\^?\w+:\]|\\[^]|[^\]])*\]|\{(?<least>\d{1,8})(?:,(?<most>\d{0,8}))?\}|\\[^]|[^]/gu;

/**
 * About how many things to match there are once the counted repetitions are written out: what they repeat is what stands before
 * them, a group or one token. Of patterns that are not valid it may tell anything.
 */
function expandedSize(pattern: string): number {
  const groups = [{ size: 0, lastSize: 0 }];
  const add = (size: number): void => {
    const group = groups.at(-1)!;
    group.size += size;
    group.lastSize = size;
  };
  for (const [token, quoted, least, most] of pattern.matchAll(TOKEN)) {
    if (quoted !== undefined) {
      add(quoted.length);
    } else if (least !== undefined) {
      const group = groups.at(-1)!;
      const times = Math.max(1, Number(least) + (most === '' ? 1 : 0), Number(most ?? 0));
      group.size += group.lastSize * (times - 1);
      group.lastSize *= times;
    } else if (token === '(') {
      groups.push({ size: 0, lastSize: 0 });
    } else if (token === ')' && groups.length > 1) {
      add(groups.pop()!.size + 1);
    } else {
      add(1);
    }
  }
  return groups.reduce((sum, { size }) => sum + size, 0);
}
