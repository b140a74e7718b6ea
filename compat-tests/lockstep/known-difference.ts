// A difference that stays, and why.

import type { Difference } from '../differential/compare.js';

export interface KnownDifference {
  /** The answers: API, version and label; in lockstep the scenario, the step, and who asked for what in it. */
  readonly asked: RegExp;
  readonly at: RegExp;
  /** What is there: the value, or an expression for its JSON; any when left out. */
  readonly apache?: unknown;
  readonly ottla?: unknown;
  readonly reason: string;
}

/** The entry of a list that allows a difference. */
export function knownAs(known: readonly KnownDifference[], { asked, at, apache, ottla }: Difference): KnownDifference | undefined {
  return known.find(entry => entry.asked.test(asked) && entry.at.test(at) && isSo(entry.apache, apache) && isSo(entry.ottla, ottla));
}

/** The entries of a list that no difference needed, in words. */
export function unmet(known: readonly KnownDifference[], met: { has(one: KnownDifference): boolean }): string[] {
  return known.filter(one => !met.has(one)).map(({ asked, at, reason }) => `${reason} (${asked.source}, ${at.source})`);
}

const isSo = (known: unknown, value: unknown): boolean =>
  known === undefined || (known instanceof RegExp ? known.test(JSON.stringify(value)) : known === value);
