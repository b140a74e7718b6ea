// Runs rows in turns: in each round every row on one broker and then at once on the other, so that a noisy minute of the
// machine meets both.

import type { Wish } from './arguments.js';
import { withNullServer } from './load.js';
import type { Outcome, Results } from './results.js';
import type { Row, Scale } from './row.js';
import { warming } from './rows/index.js';
import type { Kind, Target } from './target.js';

export interface Progress {
  say(line: string): void;
  /** After a row has had its turn on all brokers. */
  rowDone(row: Row, round: number, latest: Partial<Record<Kind, Outcome>>): void;
}

async function outcomeOf(row: Row, target: Target, scale: Scale): Promise<Outcome> {
  try {
    await target.ensureServing();
    return { sample: await row.run(target, scale) };
  } catch (error) {
    return { failure: (error as Error).message };
  }
}

async function turn(row: Row, round: number, targets: readonly Target[], scale: Scale, results: Results, progress: Progress): Promise<void> {
  const latest: Partial<Record<Kind, Outcome>> = {};
  // Who goes first changes with each round.
  for (const target of round % 2 === 0 ? targets : [...targets].reverse()) {
    const outcome = await outcomeOf(row, target, scale);
    latest[target.kind] = outcome;
    ((results.outcomes[row.name] ??= {})[target.kind] ??= []).push(outcome);
  }
  progress.rowDone(row, round, latest);
}

async function warmUp(rows: readonly Row[], targets: readonly Target[], scale: Scale, progress: Progress): Promise<void> {
  for (const target of targets) {
    progress.say(`warming ${target.kind}`);
    for (const row of rows) {
      if (row.warm !== true) continue;
      const outcome = await outcomeOf(row, target, warming(scale));
      if ('failure' in outcome) progress.say(`  ${row.name} failed while warming up: ${outcome.failure}`);
    }
  }
}

async function limits(rows: readonly Row[], scale: Scale, results: Results): Promise<void> {
  for (const { name, limit } of rows) {
    if (limit !== undefined) results.limits[name] = await withNullServer(address => limit(address, scale));
  }
}

export async function runAll({ rows, rounds }: Wish, targets: readonly Target[], scale: Scale, results: Results, progress: Progress): Promise<void> {
  await warmUp(rows, targets, scale, progress);
  for (let round = 0; round < rounds; round++) {
    progress.say(`round ${round + 1} of ${rounds}`);
    for (const row of rows) if (row.atEnd !== true) await turn(row, round, targets, scale, results, progress);
  }
  for (const row of rows) if (row.atEnd === true) await turn(row, 0, targets, scale, results, progress);
  progress.say('the load client against a server that does nothing');
  await limits(rows, scale, results);
}
