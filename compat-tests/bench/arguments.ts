// What `make bench` was asked for.

import { parseArgs } from 'node:util';
import type { Row } from './row.js';
import type { Kind } from './target.js';

const ROUNDS = 3;

const OPTIONS = {
  quick: { type: 'boolean', about: 'a look in less than a minute: one round of small loads, of the rows for it' },
  rows: { type: 'string', value: 'NAME,...', about: 'these rows alone, in this order' },
  rounds: { type: 'string', value: 'N', about: `how often both brokers take their turn at each row (${ROUNDS}; 1 of --quick)` },
  'cpu-prof': { type: 'boolean', about: 'leave CPU profiles of Ottla in build/bench/profile' },
  report: { type: 'boolean', about: "write the page anew from the last whole run's results, and measure nothing" },
  help: { type: 'boolean', short: 'h', about: 'print this' },
} as const;

export interface Wish {
  readonly quick: boolean;
  readonly rows: readonly Row[];
  readonly rounds: number;
  readonly kinds: readonly Kind[];
  readonly profile: boolean;
  /** Makes the page anew from the last full run's results, and measures nothing. */
  readonly reportOnly: boolean;
  /** Prints `helpOf`, and measures nothing. */
  readonly help: boolean;
  /** All rows, both brokers, rounds enough: the page may be written. */
  readonly whole: boolean;
}

/** Whose message says all: it is shown without a trace. */
export class PlainError extends Error {}

export function wishOf(args: readonly string[], brokers: string | undefined, all: readonly Row[]): Wish {
  const values = parse(args);
  const quick = values.quick === true;
  const kinds = kindsOf(brokers);
  const rounds = values.rounds === undefined ? (quick ? 1 : ROUNDS) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new PlainError(`--rounds is '${values.rounds}': it has to be 1 or more`);
  const named = values.rows?.split(',').filter(name => name !== '');
  const rows = named === undefined ? all.filter(row => !quick || row.quick === true) : named.map(name => rowNamed(name, all));
  return {
    quick, rows, rounds, kinds, profile: values['cpu-prof'] === true, reportOnly: values.report === true, help: values.help === true,
    whole: !quick && named === undefined && kinds.length === 2 && rounds >= ROUNDS && values['cpu-prof'] !== true,
  };
}

/** What there is to ask for, options and rows, line by line. */
export function helpOf(all: readonly Row[]): string[] {
  const options = Object.entries(OPTIONS).map(([name, option]): [string, string] => [`--${name}${'value' in option ? ` ${option.value}` : ''}`, option.about]);
  const rows = all.map(({ name, title, quick }): [string, string] => [name, `${title}${quick === true ? ' (also with --quick)' : ''}`]);
  return [
    "make bench [ARGS='OPTIONS'] [BROKERS=apache,ottla]", '',
    'Apache Kafka and Ottla side by side. All rows in three rounds or more of both are a whole run, which writes docs/benchmarks.md.', '',
    'Options:', ...columns(options), '', 'Rows:', ...columns(rows),
  ];
}

function columns(lines: readonly [string, string][]): string[] {
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, about]) => `  ${name.padEnd(width)}  ${about}`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw new PlainError((error as Error).message);
  }
}

function kindsOf(brokers: string | undefined): Kind[] {
  const kinds = (brokers ?? 'apache,ottla').split(',').map(name => {
    if (name !== 'ottla' && name !== 'apache') throw new PlainError(`BROKERS has '${name}': it can be ottla, apache or both`);
    return name;
  });
  return [...new Set(kinds)];
}

function rowNamed(name: string, all: readonly Row[]): Row {
  const row = all.find(candidate => candidate.name === name);
  if (row === undefined) throw new PlainError(`there is no row '${name}': ${all.map(candidate => candidate.name).join(', ')}`);
  return row;
}
