// Runs rows in turns: in each round every row on one broker and then at once on the other, so that a noisy minute of the
// machine meets both.

import { mustRun, within } from '../support/processes.js';
import type { Wish } from './arguments.js';
import { withNullServer } from './load.js';
import type { Outcome, Results } from './results.js';
import type { Row, Scale } from './row.js';
import { warming } from './rows/index.js';
import type { Kind, Target } from './target.js';

/** Longer than any row takes on a machine that does much else. */
const ROW_TIMEOUT_MS = 300_000;

export interface Progress {
  say(line: string): void;
  /** Whether the run should end, however much is left. */
  stopped(): boolean;
  /** After a row has had its turn on all brokers. */
  rowDone(row: Row, round: number, latest: Partial<Record<Kind, Outcome>>): void;
}

async function outcomeOf(row: Row, target: Target, scale: Scale): Promise<Outcome> {
  let isLate = false;
  try {
    await target.ensureServing();
    const found = await row.before?.(target, scale);
    const sample = await within(ROW_TIMEOUT_MS, row.run(target, scale), () => {
      isLate = true;
      return 'the row does not end';
    });
    return { sample: { ...sample, values: { ...sample.values, ...found } } };
  } catch (error) {
    const failure = `${(error as Error).message}${target.obituary}`;
    // What still runs of it ends with its broker.
    if (isLate) await target.giveUp(row.ownBroker === true ? 'own' : 'serving');
    return { failure };
  }
}

async function turn(row: Row, round: number, targets: readonly Target[], scale: Scale, results: Results, progress: Progress): Promise<void> {
  const latest: Partial<Record<Kind, Outcome>> = {};
  // Who goes first changes with each round.
  for (const target of round % 2 === 0 ? targets : [...targets].reverse()) {
    // Whatever waits for the disk should not wait for it while somebody is measured.
    await mustRun('sync', []);
    const outcome = await outcomeOf(row, target, scale);
    if (progress.stopped()) return;
    latest[target.kind] = outcome;
    ((results.outcomes[row.name] ??= {})[target.kind] ??= []).push(outcome);
  }
  progress.rowDone(row, round, latest);
}

async function warmUp(rows: readonly Row[], targets: readonly Target[], scale: Scale, progress: Progress): Promise<void> {
  for (const target of targets) {
    progress.say(`warming ${target.kind}`);
    for (const row of rows) {
      if (row.warm !== true || progress.stopped()) continue;
      const outcome = await outcomeOf(row, target, warming(scale));
      if ('failure' in outcome && !progress.stopped()) progress.say(`  ${row.name} failed while warming up: ${outcome.failure}`);
    }
  }
}

async function limits(rows: readonly Row[], scale: Scale, results: Results, progress: Progress): Promise<void> {
  for (const { name, limit } of rows) {
    if (limit === undefined || progress.stopped()) continue;
    try {
      results.limits[name] = await withNullServer(address => limit(address, scale));
    } catch (error) {
      progress.say(`  ${name} FAILED: ${(error as Error).message}`);
    }
  }
}

export async function runAll({ rows, rounds, quick }: Wish, targets: readonly Target[], scale: Scale, results: Results, progress: Progress): Promise<void> {
  await warmUp(rows, targets, scale, progress);
  for (let round = 0; round < rounds && !progress.stopped(); round++) {
    progress.say(`round ${round + 1} of ${rounds}`);
    for (const row of rows) if (row.atEnd !== true && !progress.stopped()) await turn(row, round, targets, scale, results, progress);
  }
  for (const row of rows) if (row.atEnd === true && !progress.stopped()) await turn(row, 0, targets, scale, results, progress);
  if (quick || progress.stopped()) return;
  progress.say('the load client against a server that does nothing');
  await limits(rows, scale, results, progress);
}
