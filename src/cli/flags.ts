import { nearest } from '../config/nearest.js';

export interface Flag {
  /** Without dashes. */
  readonly name: string;
  /** One letter, without the dash. */
  readonly letter?: string;
  /** What its value is called in the help; a flag without one is on or off. */
  readonly value?: string;
  readonly about: string;
}

export interface Command {
  readonly name: string;
  readonly about: string;
  readonly flags: readonly Flag[];
  /** What may stand beside the flags, as the help calls it. */
  readonly operands?: string;
  /** What the exit codes mean, where they say more than whether it could be done. */
  readonly exitCodes?: string;
}

/** What a person typed cannot be understood: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export class ParsedFlags {
  constructor(
    private readonly values: ReadonlyMap<string, readonly string[]>,
    readonly operands: readonly string[],
  ) {}

  has(name: string): boolean {
    return this.values.has(name);
  }

  /** The last value given. */
  get(name: string): string | undefined {
    return this.values.get(name)?.at(-1);
  }

  all(name: string): readonly string[] {
    return this.values.get(name) ?? [];
  }
}

/** Reads `--name value`, `--name=value` and `-n value`; a flag may come more than once. Throws UsageError. */
export function parseFlags(command: Command, words: readonly string[]): ParsedFlags {
  const values = new Map<string, string[]>();
  const operands: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === '--') {
      operands.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      operands.push(word);
      continue;
    }
    const { flag, attached } = identify(command, word);
    if (flag.value === undefined && attached !== undefined) throw new UsageError(`--${flag.name} takes no value`);
    let value = attached ?? '';
    if (flag.value !== undefined && attached === undefined) {
      const next = words[++at];
      if (next === undefined || next.startsWith('--')) throw new UsageError(`--${flag.name} needs a value: --${flag.name} ${flag.value}`);
      value = next;
    }
    values.set(flag.name, [...(values.get(flag.name) ?? []), value]);
  }
  if (operands.length > 0 && command.operands === undefined) throw new UsageError(`'${operands[0]}' is not understood here`);
  return new ParsedFlags(values, operands);
}

function identify(command: Command, word: string): { flag: Flag; attached: string | undefined } {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word : word.slice(0, equals);
  const flag = command.flags.find(candidate => name === `--${candidate.name}` || name === `-${candidate.letter}`);
  if (flag === undefined) {
    const similar = nearest(name.replace(/^-+/, ''), command.flags.map(candidate => candidate.name));
    throw new UsageError(`unknown flag ${name}${similar === undefined ? '' : `: did you mean --${similar}?`}`);
  }
  return { flag, attached: equals < 0 ? undefined : word.slice(equals + 1) };
}

/** `--set name=value` and whatever has that form. */
export function parsePair(flag: string, text: string): { name: string; text: string } {
  const equals = text.indexOf('=');
  if (equals <= 0) throw new UsageError(`${flag} ${text}: it has to be NAME=VALUE`);
  return { name: text.slice(0, equals).trim(), text: text.slice(equals + 1) };
}

export function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw new UsageError(`--port ${text}: it has to be a number between 0 and 65535`);
  return Number(text);
}
