// kafka-dump-log over what seeded lives of a node's logs have written: no mismatch anywhere.

import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../support/random.js';
import { missing, noteSkipped, report } from '../support/toolchains.js';
import { dumpLogs } from './dump.js';
import { GAPPED, SeededWorkload } from './seeded.js';

/** `SEED=7 SEEDS=20 make compat ARGS=disk` for others, and more. */
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const SEEDS = Number(process.env['SEEDS'] ?? 3);
const STEPS = 1200;
const TIMEOUT_MS = 120_000 + SEEDS * 10_000;

const javaReason = missing('java');
if (javaReason !== null) noteSkipped('kafka-dump-log over seeded workloads', javaReason);

/** In memory where there is such a place: the workload syncs a lot, and no power fails here. */
const SHARED_MEMORY = '/dev/shm';

let root: string;
beforeEach(() => { root = mkdtempSync(join(existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), 'ottla-seeded-')); });
afterEach(() => rmSync(root, { recursive: true, force: true }));

(javaReason === null ? test : test.skip)(`what ${SEEDS} seeded workloads wrote is without fault`, async () => {
  const done = new Map<string, number>();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const workload = new SeededWorkload(join(root, `seed-${seed}`), new SeededRandom(seed));
    await workload.run(STEPS);
    for (const [what, count] of workload.done) done.set(what, (done.get(what) ?? 0) + count);
  }
  const dump = await dumpLogs(root, { compacted: GAPPED });
  expect(dump.complaints).toEqual([]);
  expect(dump.kinds).toEqual(expect.arrayContaining(['log', 'index', 'timeindex', 'txnindex', 'producer snapshot', 'transactions']));
  // A workload in which something never happened would have shown nothing of it.
  const happened = ['append', 'commit', 'abort', 'kill', 'restart', 'flush', 'compaction', 'retention', 'deleted records', 'cut', 'roll', 'jump'];
  expect([...done.keys()].sort()).toEqual(happened.sort());
  report('dump-log', `kafka-dump-log over ${SEEDS} seeded workloads (seeds ${FIRST_SEED} to ${FIRST_SEED + SEEDS - 1}): ${dump.records} records, no mismatch; ${happened.map(what => `${what} ${done.get(what)}`).join(', ')}`);
}, TIMEOUT_MS);
