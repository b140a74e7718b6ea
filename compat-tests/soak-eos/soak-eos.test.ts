// Transactional clients and Kafka Streams while the broker and they themselves are killed: exactly once. And who does not keep to it is found out.

import { expect, test } from '@jest/globals';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withJava } from '../support/java-tests.js';
import { missing, report } from '../support/toolchains.js';
import { pause } from '../support/until.js';
import { whatIsMissing } from './figures.js';
import { PIPELINE_CLIENTS } from './pipeline-clients.js';
import { soak, type Evidence } from './soak.js';

const KILLS = 3;
/** Much longer than they take where nothing else runs. */
const LONGEST_MS = 120_000;
const SEED = Number(process.env['SEED'] ?? 6);
const PAUSE_MS = 50;
const TEST_TIMEOUT_MS = 420_000;
/** Long enough for each copier to give up some of its transactions on purpose, and for Kafka Streams to begin what it then does again. */
const WORK_MS = 6_000;

const java = withJava('transactional clients under kill -9');

const ready = PIPELINE_CLIENTS.filter(({ toolchain }) => toolchain === null || missing(toolchain) === null);
const tellEvidence = ({ dataDir, journals }: Evidence): void => { report('soak-eos', `a soak failed, what there is to look at is kept: ${dataDir}, ${journals}`); };

java.test('pipelines of all clients and Kafka Streams lose nothing and do nothing twice under kill -9', async () => {
  const { faults, figures, summary } = await soak({
    clients: ready, streams: 'exactly_once_v2', pauseMs: PAUSE_MS, seed: SEED, disturb: disturbances => disturbances.goOnForKills(KILLS, LONGEST_MS), onEvidence: tellEvidence,
  });
  report('soak-eos', `exactly once: ${summary}`);
  expect(faults).toEqual([]);
  expect(whatIsMissing(figures)).toEqual([]);
  expect(figures.kills).toBeGreaterThanOrEqual(KILLS);
  expect(figures.transactions.committed).toBeGreaterThan(figures.kills);
}, TEST_TIMEOUT_MS);

java.test('offsets outside of the transaction, output without one, and Kafka Streams at_least_once are found out', async () => {
  const [java] = PIPELINE_CLIENTS;
  const { faults } = await soak({
    clients: [
      { ...java!, groupProtocols: ['classic'], sabotage: 'offsets-outside' },
      { ...java!, groupProtocols: ['classic'], sabotage: 'no-transaction' },
    ],
    streams: 'at_least_once', pauseMs: PAUSE_MS, seed: SEED, patienceMs: WORK_MS,
    disturb: async (_disturbances, { workers }) => {
      await pause(WORK_MS);
      for (const worker of workers) await worker.restart();
      await pause(WORK_MS);
    },
  });
  const found = faults.join('\n');
  // What a copier aborts on purpose is not copied again when its offsets are committed all the same.
  expect(found).toMatch(/offsets-outside\), output: \d+ offsets-ahead/);
  // And what it gives up without a transaction is there, and copied once more.
  expect(found).toMatch(/no-transaction\), output: \d+ twice/);
  expect(found).toMatch(/no-transaction\), history: \d+ x /);
  // Kafka Streams counts on from its store what it has counted already.
  expect(found).toMatch(/word count: \d+ wrong-count/);
  expect(found).toMatch(/windowed join: \d+ twice/);
}, TEST_TIMEOUT_MS);

test('of a run that breaks off the broker\'s data and what was noted are kept, for who asks for it', async () => {
  const kept: Evidence[] = [];
  const breaksOff = soak({
    clients: PIPELINE_CLIENTS.filter(({ name }) => name === 'kafkajs'), pauseMs: PAUSE_MS, seed: SEED, onEvidence: evidence => kept.push(evidence),
    disturb: async (disturbances, { broker }) => {
      await disturbances.goOnForKills(1, LONGEST_MS);
      throw new Error(`breaks off on ${broker.port}`);
    },
  });
  await expect(breaksOff).rejects.toThrow('breaks off on');
  const [{ dataDir, journals }] = kept as [Evidence];
  try {
    expect(existsSync(join(dataDir, 'meta.properties'))).toBe(true);
    expect(readFileSync(join(journals, 'timeline.txt'), 'utf8')).toMatch(/^\S+Z kill -9.*: broker$/m);
  } finally {
    for (const folder of [dirname(dataDir), journals]) rmSync(folder, { recursive: true });
  }
}, TEST_TIMEOUT_MS);
