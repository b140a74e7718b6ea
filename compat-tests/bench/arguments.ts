// What `make bench` was asked for.

import { parseArgs } from 'node:util';
import type { Row } from './row.js';
import type { Kind } from './target.js';

const ROUNDS = 3;

export interface Wish {
  readonly quick: boolean;
  readonly rows: readonly Row[];
  readonly rounds: number;
  readonly kinds: readonly Kind[];
  readonly profile: boolean;
  /** Makes the page anew from the last full run's results, and measures nothing. */
  readonly reportOnly: boolean;
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
    quick, rows, rounds, kinds, profile: values['cpu-prof'] === true, reportOnly: values.report === true,
    whole: !quick && named === undefined && kinds.length === 2 && rounds >= ROUNDS && values['cpu-prof'] !== true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' }, rows: { type: 'string' }, rounds: { type: 'string' }, 'cpu-prof': { type: 'boolean' }, report: { type: 'boolean' },
      },
    }).values;
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
