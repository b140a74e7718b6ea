import { RE2JS, RE2JSException, RE2JSSyntaxException } from 're2js';

/** A pattern that is none; the message says what is wrong with it, and can be shown to the client. */
export class InvalidRegexError extends Error {
  override readonly name = 'InvalidRegexError';
}

/**
 * A pattern of RE2's syntax, to match the whole of a text, as Kafka's coordinators do with RE2/J. Takes time and memory linear in the
 * expanded pattern and in the text.
 *
 * @throws InvalidRegexError when the pattern is not valid.
 */
export function compileRegex(pattern: string): (text: string) => boolean {
  const regex = compile(pattern);
  return text => regex.testExact(text);
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) throw new InvalidRegexError(error.getDescription(), { cause: error });
    if (error instanceof RE2JSException) throw new InvalidRegexError(error.message, { cause: error });
    throw error;
  }
}
