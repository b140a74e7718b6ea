// A step of the script: one command line, played on both brokers.

import type { RawClient } from '../../src/testing/raw-client.js';

/** What a shell sees of a command. No exit code: it did not end in time. */
export interface Result {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Steps that were played on the same broker before: the result of the one with this title. */
export type Earlier = (title: string) => Result;

type Text = string | ((earlier: Earlier) => string);

interface Told {
  /** What an earlier step is asked for by; the second of its kind in a family is `title (2)`. */
  readonly title: string;
  /** Takes out of what was printed what two brokers may differ in, beyond what is taken out everywhere. */
  readonly normalise?: (text: string) => string;
  /** Its lines come in no order. */
  readonly unordered?: boolean;
}

export interface Step extends Told {
  /**
   * A tool's name, as in `TOOLS`, and its arguments, parted by spaces; quoted by '…' where they hold some. In braces stand
   * `{b}` for `--bootstrap-server` and the broker's address, the address alone `{broker}`, its port `{port}`, its data
   * directory `{data}`, `{dir}` for a folder of the step's side, and `{read}` for what a consumer is told that ends by a
   * count: to wait long for a record, and no longer than it must for its last fetch.
   */
  readonly line: Text;
  readonly stdin?: Text;
  /** Written into `{dir}` first, by name. */
  readonly files?: Readonly<Record<string, Text>>;
  /** Asks again until standard output matches: what it tells comes about by itself. */
  readonly until?: RegExp;
  /** Starts it and goes on; a later step with `interrupt` and this name ends it, and its result is that step's. */
  readonly background?: string;
}

/** Ends what runs in the background, as ^C does. */
export interface Interrupt extends Told {
  readonly interrupt: string;
  /** Once it has printed this. */
  readonly until?: RegExp;
}

/** What no tool brings about: requests, and what is printed of their answers. */
export interface Requests extends Told {
  readonly send: (client: RawClient) => Promise<string>;
}

export type Play = Step | Interrupt | Requests;

export interface Family {
  readonly name: string;
  /** What is done with the brokers before it: they are started anew, or stopped, so that it is played over their files. */
  readonly after?: 'restart' | 'stop';
  readonly steps: readonly Play[];
}

export const isInterrupt = (play: Play): play is Interrupt => 'interrupt' in play;
export const isRequests = (play: Play): play is Requests => 'send' in play;
export const isStep = (play: Play): play is Step => 'line' in play;

type Options = Omit<Step, 'title' | 'line'>;

/** A step; without a title of its own the line says what it does. */
export function step(line: string, options: Options = {}): Step {
  return { title: line, line, ...options };
}

export function titled(title: string, line: Text, options: Options = {}): Step {
  return { title, line, ...options };
}

export const text = (given: Text, earlier: Earlier): string => (typeof given === 'string' ? given : given(earlier));

/** Plain steps, a line each. */
export function lines(block: string): Step[] {
  return block.split('\n').map(line => line.trim()).filter(line => line !== '').map(line => step(line));
}

/** The words of a command line; '…' holds spaces together. */
export function words(line: string): string[] {
  const quotedOrNot = line.match(/(?:[^\s']|'[^']*')+/g) ?? [];
  return quotedOrNot.map(word => word.replaceAll("'", ''));
}

/** What a pattern's group finds in an earlier result, for a command that goes on from there. */
export function found(result: Result, pattern: RegExp): string {
  const match = pattern.exec(result.stdout);
  if (match?.[1] === undefined) throw new Error(`${pattern} is not in:\n${result.stdout}${result.stderr}`);
  return match[1];
}
