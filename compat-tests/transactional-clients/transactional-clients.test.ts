// Transactions of real clients, of today and older ones: client by step. The table is printed at the end of the run.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import kafkajs from 'kafkajs';
import { NodeNet } from '../../src/env/node/index.js';
import { RawClient } from '../../src/testing/raw-client.js';
import { brokerUnderTest } from '../support/brokers.js';
import { missing, noteSkipped, report } from '../support/toolchains.js';
import { TRANSACTIONAL_CLIENTS } from './clients.js';
import { PARTITIONS, STEPS, TransactionalCell, type Surroundings } from './scenario.js';

const TIMEOUT_MS = 400_000;

/** Transactions that ran out of time are looked for this often. */
const broker = brokerUnderTest({ 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500', 'offsets.topic.num.partitions': '4', 'transaction.state.log.num.partitions': '4' });

/** CLIENTS='kafkajs,franz-go' narrows it while someone looks for a fault. */
const wanted = process.env['CLIENTS']?.split(',');

const here = TRANSACTIONAL_CLIENTS.filter(({ name, toolchain }) => {
  if (wanted !== undefined && !wanted.includes(name)) return false;
  const reason = toolchain === null ? null : missing(toolchain);
  if (reason !== null) noteSkipped(`transactions of ${name}`, reason);
  return reason === null;
});

const topicOf = (client: string): string => client.replace(/[^\w.-]+/g, '-');

let cells: readonly TransactionalCell[] = [];

async function runAll(around: Surroundings): Promise<void> {
  const drivers = here.map(client => client.start(broker.bootstrap));
  cells = here.map((client, i) => new TransactionalCell(client.name, drivers[i]!, around, topicOf(client.name), client.cannot));
  try {
    await Promise.all(cells.map(cell => cell.run()));
  } finally {
    await Promise.all(drivers.map(driver => driver.stop()));
  }
}

function table(seconds: number): string {
  const header = ['client', ...STEPS];
  const rows = [header, ...cells.map(cell => [cell.client, ...STEPS.map(step => cell.outcomes.get(step)!.kind)])];
  const widths = header.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  const lines = rows.map(row => row.map((text, column) => text.padEnd(widths[column]!)).join('  ').trimEnd());
  return [`Transactions of clients against ${broker.kind}, ${seconds.toFixed(0)} s`, ...lines].join('\n');
}

beforeAll(async () => {
  await broker.start();
  const startMs = Date.now();
  const kafka = new kafkajs.Kafka({ clientId: 'frame', brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 50, initialRetryTime: 50, maxRetryTime: 500 } });
  const [admin, producer] = [kafka.admin(), kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })];
  await Promise.all([admin.connect(), producer.connect()]);
  const raw = await RawClient.connect(new NodeNet(), broker.port, { host: broker.host });
  await admin.createTopics({ topics: here.map(({ name }) => ({ topic: topicOf(name), numPartitions: PARTITIONS, replicationFactor: 1 })), waitForLeaders: false });
  await runAll({ producer, raw });
  raw.close();
  await Promise.all([admin.disconnect(), producer.disconnect()]);
  report('transactional-clients', table((Date.now() - startMs) / 1000));
}, TIMEOUT_MS);

afterAll(async () => {
  await broker.remove();
});

describe.each(here.map(client => [client.name, client] as const))('%s', (name, { cannot }) => {
  test.each(STEPS)('%s', step => {
    expect(cells.find(({ client }) => client === name)!.outcomes.get(step)).toEqual({ kind: cannot.includes(step) ? 'cannot' : 'yes' });
  });
});
