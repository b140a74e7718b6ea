// Real clients, recorded, while the broker is killed, stopped, frozen and its link disturbed: the checker finds no anomaly.
// And it would: a broker that lost its tail is found out from what its clients saw.

import { afterEach, expect, test } from '@jest/globals';
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { createTopicsApi } from '../../src/protocol/generated/create-topics.js';
import { checkHistory, describeFaults, type CheckResult } from '../../src/testing/history/checker.js';
import { HistoryRecorder } from '../../src/testing/history/recorder.js';
import { brokerUnderTest, type BrokerUnderTest } from '../support/brokers.js';
import { SeededRandom } from '../support/random.js';
import { report } from '../support/toolchains.js';
import { until } from '../support/until.js';
import { withClient } from '../support/with-client.js';
import { AssignedReader, KafkajsReader, KafkajsWriter, UniqueValues, kafkaClient, type RecordedClient, type Topic } from './clients.js';
import { FAULTS, faultsInTurn } from './faults.js';
import { LinkProxy } from './link-proxy.js';

const SEED = Number(process.env['SEED'] ?? 77);
/** Each fault comes once in a round. */
const ROUNDS = Number(process.env['ROUNDS'] ?? 1);
const WRITERS = 3;
const READERS = 2;
/** Between two faults, each kind of client gets so much done, so that no fault meets idle ones. */
const STEPS_BETWEEN = 10;
const STEPS_TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 120_000 + ROUNDS * 60_000;
const TOPIC: Topic = { name: 'soaked', partitions: 3 };

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const each of cleanUp.splice(0).reverse()) await each();
});

interface Stage {
  readonly broker: BrokerUnderTest;
  readonly link: LinkProxy;
  readonly history: HistoryRecorder;
  readonly clients: readonly RecordedClient[];
  readonly startClients: () => RecordedClient[];
}

/** A broker whose clients all come through one link, and some clients at work. */
async function stage(): Promise<Stage> {
  const link = await LinkProxy.listen(() => broker);
  cleanUp.push(() => link.close());
  const broker: BrokerUnderTest = brokerUnderTest({
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${link.port}`, 'group.min.session.timeout.ms': '1000',
  });
  cleanUp.push(() => broker.remove());
  await broker.start();
  const topic = { name: TOPIC.name, numPartitions: TOPIC.partitions, replicationFactor: 1, assignments: [], configs: [] };
  await withClient(broker, client => client.send(createTopicsApi, { topics: [topic], timeoutMs: 10_000 }));
  const history = new HistoryRecorder({ file: process.env['HISTORY'] });
  const values = new UniqueValues();
  const kafka = kafkaClient('soak', `127.0.0.1:${link.port}`);
  const startClients = (): RecordedClient[] => {
    const clients = [
      ...Array.from({ length: WRITERS }, (_, i) => new KafkajsWriter(kafka, TOPIC, history, values, new SeededRandom(SEED + i))),
      ...Array.from({ length: READERS }, () => new KafkajsReader(kafka, 'soakers', TOPIC, history)),
    ];
    cleanUp.push(() => Promise.allSettled(clients.map(client => client.stop())));
    return clients;
  };
  return { broker, link, history, clients: startClients(), startClients };
}

/** Resolves when the writers, and the readers, have done so many steps more. */
async function work(clients: readonly RecordedClient[], steps: number): Promise<void> {
  const kinds = [clients.slice(0, WRITERS), clients.slice(WRITERS)];
  const wanted = kinds.map(kind => sum(kind) + steps);
  await until(`${wanted.join(' and ')} steps of the writers and the readers`, async () => kinds.map(sum), done => done.every((steps, i) => steps >= wanted[i]!),
    { timeoutMs: STEPS_TIMEOUT_MS, retryMs: 5 });
}

const sum = (clients: readonly RecordedClient[]): number => clients.reduce((total, { done }) => total + done, 0);

const stopAll = (clients: readonly RecordedClient[]): Promise<unknown> => Promise.all(clients.map(client => client.stop()));

/** Reads everything there is, twice to be sure of it. */
async function readAll({ broker, history }: Stage): Promise<void> {
  for (let i = 0; i < 2; i++) await new AssignedReader(() => broker.port, TOPIC, history).readToEnd();
}

const check = ({ history }: Stage): CheckResult => checkHistory(history.operations, { readToEnd: true });

test(`${ROUNDS * FAULTS.length} faults under real clients leave a history without anomaly`, async () => {
  const startMs = Date.now();
  const random = new SeededRandom(SEED);
  const at = await stage();
  const faults = faultsInTurn(random);
  await work(at.clients, STEPS_BETWEEN);
  // Whoever finds the broker past the link is not disturbed at all.
  expect(at.link.connections).toBeGreaterThanOrEqual(WRITERS + READERS);
  for (let i = 0; i < ROUNDS * FAULTS.length; i++) {
    await faults.next().value.run(at.broker, at.link, random);
    await work(at.clients, STEPS_BETWEEN);
  }
  await stopAll(at.clients);
  await readAll(at);
  const result = check(at);
  const { operations, committed } = result;
  expect(describeFaults(result)).toBe('');
  expect(committed).toBeGreaterThan(FAULTS.length * STEPS_BETWEEN);
  report('soak', `soak of ${at.broker.kind}: ${ROUNDS * FAULTS.length} faults (${FAULTS.map(({ name }) => name).join(', ')}; seed ${SEED}) under ` +
    `${WRITERS} kafkajs writers and ${READERS} readers in ${((Date.now() - startMs) / 1000).toFixed(0)} s: ${operations} operations, ${committed} committed records, no anomaly`);
}, TEST_TIMEOUT_MS);

test('a broker that lost the end of its logs is found out by what its clients saw', async () => {
  const at = await stage();
  await work(at.clients, STEPS_BETWEEN);
  await stopAll(at.clients);
  await readAll(at);
  expect(check(at).faults).toEqual([]);
  await at.broker.killHard();
  loseHalf(at.broker.dataDir);
  await at.broker.start();
  const writers = at.startClients();
  await work(writers, STEPS_BETWEEN);
  await stopAll(writers);
  await readAll(at);
  expect(check(at).faults.map(({ kind }) => kind)).toContain('inconsistent-offsets');
}, TEST_TIMEOUT_MS);

/** What a broker that acknowledges before it writes would leave. */
function loseHalf(dataDir: string): void {
  for (const name of readdirSync(dataDir).filter(entry => entry.startsWith(`${TOPIC.name}-`))) {
    const segment = readdirSync(join(dataDir, name)).filter(file => file.endsWith('.log')).sort().at(-1)!;
    const path = join(dataDir, name, segment);
    truncateSync(path, Math.floor(statSync(path).size / 2));
  }
}
