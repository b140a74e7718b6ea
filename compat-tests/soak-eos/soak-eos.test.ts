// Transactional clients and Kafka Streams while the broker and they themselves are killed: exactly once. And who does not keep to it is found out.

import { expect, test } from '@jest/globals';
import { missing, noteSkipped, report } from '../support/toolchains.js';
import { PIPELINE_CLIENTS } from './pipeline-clients.js';
import { soak } from './soak.js';

const DURATION_MS = 15_000;
const SEED = Number(process.env['SEED'] ?? 6);
const PAUSE_MS = 50;
const TEST_TIMEOUT_MS = 240_000;
/** Long enough for each copier to give up some of its transactions on purpose, and for Kafka Streams to begin what it then does again. */
const WORK_MS = 6_000;

const javaReason = missing('java');
if (javaReason !== null) noteSkipped('transactional clients under kill -9', javaReason);
const withJava = javaReason === null ? test : test.skip;

const ready = PIPELINE_CLIENTS.filter(({ toolchain }) => toolchain === null || missing(toolchain) === null);
const work = (ms: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, ms); });

withJava('pipelines of all clients and Kafka Streams lose nothing and do nothing twice under kill -9', async () => {
  const { faults, figures, summary } = await soak({
    clients: ready, streams: 'exactly_once_v2', pauseMs: PAUSE_MS, seed: SEED, disturb: disturbances => disturbances.goOnFor(DURATION_MS),
  });
  report('soak-eos', `exactly once: ${summary}`);
  expect(faults).toEqual([]);
  expect(figures.kills).toBeGreaterThan(1);
  expect(figures.transactions.committed).toBeGreaterThan(figures.kills);
}, TEST_TIMEOUT_MS);

withJava('offsets outside of the transaction, output without one, and Kafka Streams at_least_once are found out', async () => {
  const [java] = PIPELINE_CLIENTS;
  const { faults } = await soak({
    clients: [
      { ...java!, groupProtocols: ['classic'], sabotage: 'offsets-outside' },
      { ...java!, groupProtocols: ['classic'], sabotage: 'no-transaction' },
    ],
    streams: 'at_least_once', pauseMs: PAUSE_MS, seed: SEED, patienceMs: WORK_MS,
    disturb: async (_disturbances, { workers }) => {
      await work(WORK_MS);
      for (const worker of workers) await worker.restart();
      await work(WORK_MS);
    },
  });
  const found = faults.join('\n');
  // What a copier aborts on purpose is not copied again when its offsets are committed all the same.
  expect(found).toMatch(/offsets-outside\), output: \d+ offsets-ahead/);
  // And what it gives up without a transaction is there, and copied once more.
  expect(found).toMatch(/no-transaction\), output: \d+ twice/);
  expect(found).toMatch(/no-transaction\), history: G1a/);
  // Kafka Streams counts on from its store what it has counted already.
  expect(found).toMatch(/word count: \d+ wrong-count/);
  expect(found).toMatch(/windowed join: \d+ twice/);
}, TEST_TIMEOUT_MS);
