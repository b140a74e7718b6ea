import { RE2JS, RE2JSException } from 're2js';

/** A pattern that is none in Java, or that needs what takes more than linear time. */
export class UnsupportedRegexError extends Error {
  override readonly name = 'UnsupportedRegexError';
}

/** What a pattern may grow to when its counted repetitions are written out. */
const MOST_EXPANDED = 100_000;
/** The most instructions of a compiled pattern: matching costs at most about so many for each character. */
const MOST_INSTRUCTIONS = 5_000;

/**
 * A `java.util.regex.Pattern`, to match the whole of a text. It is run by RE2, so that no pattern takes more than linear time on
 * the event loop; look-around, back references, atomic groups, possessive repetitions and intersections of classes are refused.
 * `.` stands for all but `\n`, and `(?i)` folds beyond ASCII too.
 *
 * @throws UnsupportedRegexError for what is not valid, or not supported.
 */
export function compileJavaRegex(pattern: string): (text: string) => boolean {
  const most = Math.max(1, ...[...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].flatMap(([, least, most]) => [Number(least), Number(most ?? 0)]));
  if (pattern.length * most > MOST_EXPANDED) throw new UnsupportedRegexError('too large');
  try {
    const regex = RE2JS.compile(new Translation(pattern).whole());
    if (regex.programSize() > MOST_INSTRUCTIONS) throw new UnsupportedRegexError('too large');
    return text => regex.testExact(text);
  } catch (error) {
    if (error instanceof RE2JSException) throw new UnsupportedRegexError(error.message, { cause: error });
    throw error;
  }
}

/** As members of a class. */
const SPACE = '\\t-\\r ';
const NOT_SPACE = '\\x00-\\x08\\x0E-\\x1F!-\\x{10FFFF}';
const HORIZONTAL = ' \\t\\xA0\\x{1680}\\x{180E}\\x{2000}-\\x{200A}\\x{202F}\\x{205F}\\x{3000}';
const VERTICAL = '\\n-\\r\\x85\\x{2028}\\x{2029}';
const MEMBERS: Readonly<Record<string, string>> = { s: SPACE, S: NOT_SPACE, h: HORIZONTAL, v: VERTICAL };
const NEGATED: Readonly<Record<string, string>> = { H: HORIZONTAL, V: VERTICAL };

const POSIX = ['Lower', 'Upper', 'ASCII', 'Alpha', 'Digit', 'Alnum', 'Punct', 'Graph', 'Print', 'Blank', 'Cntrl', 'XDigit'];

/** The Java syntax of one pattern in RE2's. */
class Translation {
  private at = 0;
  constructor(private readonly pattern: string) {}

  whole(): string {
    let out = '';
    while (this.at < this.pattern.length) out += this.quoted() ?? this.escape(false) ?? this.group() ?? this.class() ?? this.repetition() ?? this.next();
    return out;
  }

  private next(): string {
    const character = String.fromCodePoint(this.pattern.codePointAt(this.at)!);
    this.at += character.length;
    return character;
  }

  /** The match of a sticky expression here, which is then behind us. */
  private take(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.at;
    const found = expression.exec(this.pattern);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  private fail(): never {
    throw new UnsupportedRegexError(`not supported at ${this.at}: ${this.pattern}`);
  }

  private quoted(): string | undefined {
    const text = this.take(/\\Q([^]*?)(?:\\E|$)/y)?.[1];
    // A repetition behind it holds for its last character, as in Java.
    return text === undefined ? undefined : literal(text);
  }

  private escape(inClass: boolean): string | undefined {
    if (this.pattern[this.at] !== '\\') return undefined;
    const property = this.take(/\\([pP])(?:\{(\w+)\}|([A-Z]))/y);
    if (property !== null) return this.property(property[1] === 'P', property[2] ?? property[3]!, inClass);
    const code = this.take(/\\u([\da-fA-F]{4})|\\x([\da-fA-F]{2})|\\x\{([\da-fA-F]+)\}/y);
    if (code !== null) return `\\x{${code[1] ?? code[2] ?? code[3]!}}`;
    const octal = this.take(/\\0([0-3][0-7]{2}|[0-7]{1,2})/y);
    if (octal !== null) return `\\x{${Number.parseInt(octal[1]!, 8).toString(16)}}`;
    this.at++;
    if (this.at === this.pattern.length) this.fail();
    const letter = this.next();
    if (letter in MEMBERS) return inClass ? MEMBERS[letter] : `[${MEMBERS[letter]}]`;
    if (/[tnrfadDwW]/.test(letter)) return `\\${letter}`;
    if (letter === 'e') return '\\x1B';
    if (!/[A-Za-z0-9]/.test(letter)) return literal(letter);
    if (inClass) this.fail();
    if (letter in NEGATED) return `[^${NEGATED[letter]}]`;
    if (letter === 'R') return `(?:\\r\\n|[${VERTICAL}])`;
    // The whole is to match: the end before a last line feed is the end.
    if (letter === 'Z') return '\\z';
    return /[bBAz]/.test(letter) ? `\\${letter}` : this.fail();
  }

  private property(negated: boolean, name: string, inClass: boolean): string {
    if (name === 'Space') {
      const members = negated ? NOT_SPACE : SPACE;
      return inClass ? members : `[${members}]`;
    }
    if (!POSIX.includes(name)) return `\\${negated ? 'P' : 'p'}{${name.replace(/^Is/, '')}}`;
    const members = `[:${negated ? '^' : ''}${name.toLowerCase()}:]`;
    return inClass ? members : `[${members}]`;
  }

  private group(): string | undefined {
    if (!this.pattern.startsWith('(?', this.at)) return undefined;
    const named = this.take(/\(\?(?::|<[A-Za-z][A-Za-z0-9]*>)/y);
    if (named !== null) return named[0];
    // Cases are folded beyond ASCII whether asked for (u) or not.
    const flags = this.take(/\(\?([imsu]*)(?:-([imsu]+))?([:)])/y) ?? this.fail();
    const [on, off] = [flags[1]!.replaceAll('u', ''), (flags[2] ?? '').replaceAll('u', '')];
    if (on + off === '') return flags[3] === ':' ? '(?:' : '';
    return `(?${on}${off === '' ? '' : `-${off}`}${flags[3]}`;
  }

  private repetition(): string | undefined {
    if (this.pattern[this.at] !== '{') return undefined;
    return (this.take(/\{\d+(?:,\d*)?\}/y) ?? this.fail())[0];
  }

  private class(): string | undefined {
    if (this.pattern[this.at] !== '[') return undefined;
    this.at++;
    const negated = this.take(/\^/y) !== null;
    return `[${negated ? '^' : ''}${this.members(negated)}]`;
  }

  /** Up to the bracket that closes; a class within a class adds its members. */
  private members(negated: boolean): string {
    let out = '';
    while (this.at < this.pattern.length) {
      if (this.pattern.startsWith('&&', this.at)) this.fail();
      if (this.pattern[this.at] === ']' && out !== '') {
        this.at++;
        return out;
      }
      if (this.pattern[this.at] === '[') {
        this.at++;
        if (negated || this.pattern[this.at] === '^') this.fail();
        out += this.members(false);
      } else if (this.pattern[this.at] === '-') {
        out += this.next();
      } else {
        out += this.quoted() ?? this.escape(true) ?? literal(this.next());
      }
    }
    return this.fail();
  }
}

/** Every character for itself, within a class and without. */
const literal = (text: string): string => text.replaceAll(/[!-/:-@[-`{-~]/g, String.raw`\$&`);
