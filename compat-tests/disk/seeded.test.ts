// kafka-dump-log over what seeded lives of a node's logs have written: no mismatch anywhere.

import { afterEach, beforeEach, expect } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchesIn } from '../../src/protocol/records/batch-iterator.js';
import * as batch from '../../src/protocol/records/batch.js';
import { withJava } from '../support/java-tests.js';
import { SeededRandom } from '../support/random.js';
import { report } from '../support/toolchains.js';
import { dumpLogs } from './dump.js';
import { GAPPED, SeededWorkload } from './seeded.js';

/** `SEED=7 SEEDS=20 make compat ARGS=disk` for others, and more. */
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const SEEDS = Number(process.env['SEEDS'] ?? 3);
const STEPS = 1200;
const TIMEOUT_MS = 120_000 + SEEDS * 10_000;

const java = withJava('kafka-dump-log over seeded workloads');

/** In memory where there is such a place: the workload syncs a lot, and no power fails here. */
const SHARED_MEMORY = '/dev/shm';

let root: string;
beforeEach(() => { root = mkdtempSync(join(existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), 'ottla-seeded-')); });
afterEach(() => rmSync(root, { recursive: true, force: true }));

java.test(`what ${SEEDS} seeded workloads wrote is without fault`, async () => {
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
  report('dump-log', `kafka-dump-log over ${SEEDS} seeded workloads (seeds ${FIRST_SEED} to ${FIRST_SEED + SEEDS - 1}): ${dump.records} records, no mismatch; ` +
    happened.map(what => `${what} ${done.get(what)}`).join(', '));
}, TIMEOUT_MS);

/** The largest file of a kind, in which there is most to be wrong. */
function largest(folder: string, suffix: string): string {
  const found = readdirSync(join(root, folder)).filter(name => name.endsWith(suffix)).map(name => join(root, folder, name));
  return found.reduce((best, path) => (statSync(path).size > statSync(best).size ? path : best));
}

function spoil(path: string, change: (bytes: Buffer) => Buffer | void): string {
  const bytes = readFileSync(path);
  writeFileSync(path, change(bytes) ?? bytes);
  return path;
}

java.test('each thing that only these workloads write is found out when it is spoilt', async () => {
  await new SeededWorkload(root, new SeededRandom(FIRST_SEED)).run(STEPS);
  const gap = spoil(largest('rolled-by-size-0', '.log'), bytes => {
    const [first, second, third] = [...batchesIn(bytes)];
    return Buffer.concat([bytes.subarray(first, second), bytes.subarray(third)]);
  });
  const order = spoil(largest('compacted-0', '.log'), bytes => {
    const [, second = 0] = [...batchesIn(bytes)];
    return Buffer.concat([bytes.subarray(second), bytes.subarray(0, second)]);
  });
  const time = spoil(largest('compacted-and-deleted-0', '.timeindex'), bytes => { bytes.writeBigInt64BE(bytes.readBigInt64BE(0) - 1n, 0); });
  const transactions = spoil(largest('transacted-0', '.txnindex'), bytes => { bytes[0] = 9; });
  const state = spoil(largest('__transaction_state-0', '.log'), bytes => {
    // The first record's key: length, attributes and three deltas of one byte each come before its own length.
    const at = batch.BATCH_OVERHEAD;
    bytes.writeInt16BE(0x7f7f, at + KEY_AT);
    batch.setCrc(bytes, 0, batch.computeCrc(bytes, 0));
  });
  const { complaints } = await dumpLogs(root, { compacted: GAPPED });
  const about = (path: string): string => complaints.filter(complaint => complaint.includes(path)).join('\n');
  expect(about(gap)).toMatch(/is followed by/);
  expect(about(order)).toMatch(/is followed by/);
  expect(about(time)).toContain('timestamp mismatch');
  expect(about(transactions)).toContain('Unexpected aborted transaction version');
  expect(about(state)).not.toBe('');
}, TIMEOUT_MS);

/** From the end of a batch's header to the key of its first record, whose length takes two bytes. */
const KEY_AT = 6;
