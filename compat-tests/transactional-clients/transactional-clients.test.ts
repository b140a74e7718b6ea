// Transactions of real clients, of today and older ones: client by step. The table is printed at the end of the run.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import kafkajs from 'kafkajs';
import { NodeNet } from '../../src/env/node/index.js';
import { ErrorCode, apiVersionsApi, updateFeaturesApi } from '../../src/protocol/generated/index.js';
import { RawClient } from '../../src/testing/raw-client.js';
import { brokerUnderTest } from '../support/brokers.js';
import { canRun, report } from '../support/toolchains.js';
import { until } from '../support/until.js';
import { TRANSACTIONAL_CLIENTS, type TransactionalClient } from './clients.js';
import { PARTITIONS, STEPS, TransactionalCell, type Surroundings } from './scenario.js';

const TIMEOUT_MS = 400_000;

/** Transactions that ran out of time are looked for this often. */
const broker = brokerUnderTest({ 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500', 'offsets.topic.num.partitions': '4', 'transaction.state.log.num.partitions': '4' });

/** CLIENTS='kafkajs,franz-go' narrows it while someone looks for a fault. */
const wanted = process.env['CLIENTS']?.split(',');

const here = TRANSACTIONAL_CLIENTS.filter(({ name, toolchain }) => (wanted?.includes(name) ?? true) && canRun(`transactions of ${name}`, toolchain));

/** A client in a cluster of that `transaction.version`. */
interface Row {
  readonly name: string;
  readonly client: TransactionalClient;
  readonly level: number;
}

const SAFE_DOWNGRADE = 2;
/** In the order in which the cluster goes through them: all clients at the first, those that heed it at the others too. */
const LEVELS = [2, 1, 0] as const;

const rows: readonly Row[] = LEVELS.flatMap(level =>
  here.filter(client => level === LEVELS[0] || client.heedsVersion).map(client =>
    ({ name: level === LEVELS[0] ? client.name : `${client.name}, transaction.version ${level}`, client, level })));

const cells = new Map<string, TransactionalCell>();

async function runAt(level: number, around: Surroundings): Promise<void> {
  const running = rows.filter(row => row.level === level).map(({ name, client }) => {
    const driver = client.start(broker.bootstrap);
    const cell = new TransactionalCell(name, driver, around, topicOf(name));
    cells.set(name, cell);
    return { driver, cell };
  });
  try {
    await Promise.all(running.map(({ cell }) => cell.run()));
  } finally {
    await Promise.all(running.map(({ driver }) => driver.stop()));
  }
}

const topicOf = (name: string): string => name.replace(/[^\w.-]+/g, '-');

/** Resolves when clients that connect are told of it. */
async function goTo(level: number, { raw }: Surroundings): Promise<void> {
  const update = { feature: 'transaction.version', maxVersionLevel: level, upgradeType: SAFE_DOWNGRADE };
  expect(await raw.send(updateFeaturesApi, { timeoutMs: 10_000, validateOnly: false, featureUpdates: [update] })).toMatchObject({ errorCode: ErrorCode.NONE });
  await until(`transaction.version ${level}`, async () => {
    const { finalizedFeatures } = await raw.send(apiVersionsApi, { clientSoftwareName: 'frame', clientSoftwareVersion: '1' });
    return finalizedFeatures.find(({ name }) => name === 'transaction.version')?.maxVersionLevel ?? 0;
  }, found => found === level);
}

function table(seconds: number): string {
  const header = ['client', ...STEPS];
  const lines = [header, ...rows.map(({ name }) => [name, ...STEPS.map(step => cells.get(name)!.outcomes.get(step)!.kind)])];
  const widths = header.map((_, column) => Math.max(...lines.map(line => line[column]!.length)));
  const texts = lines.map(line => line.map((text, column) => text.padEnd(widths[column]!)).join('  ').trimEnd());
  return [`Transactions of clients against ${broker.kind}, ${seconds.toFixed(0)} s`, ...texts].join('\n');
}

beforeAll(async () => {
  await broker.start();
  const startMs = Date.now();
  const kafka = new kafkajs.Kafka({ clientId: 'frame', brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 50, initialRetryTime: 50, maxRetryTime: 500 } });
  const [admin, producer] = [kafka.admin(), kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })];
  await Promise.all([admin.connect(), producer.connect()]);
  const raw = await RawClient.connect(new NodeNet(), broker.port, { host: broker.host });
  await admin.createTopics({ topics: rows.map(({ name }) => ({ topic: topicOf(name), numPartitions: PARTITIONS, replicationFactor: 1 })), waitForLeaders: false });
  for (const level of LEVELS) {
    if (level !== LEVELS[0]) await goTo(level, { producer, raw });
    await runAt(level, { producer, raw });
  }
  raw.close();
  await Promise.all([admin.disconnect(), producer.disconnect()]);
  report('transactional-clients', table((Date.now() - startMs) / 1000));
}, TIMEOUT_MS);

afterAll(async () => {
  await broker.remove();
});

describe.each(rows.map(({ name }) => name))('%s', name => {
  test.each(STEPS)('%s', step => {
    expect(cells.get(name)!.outcomes.get(step)).toEqual({ kind: 'yes' });
  });
});
