// Real clients against one broker: client by codec by step. The table is printed at the end of the run.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { dumpLogs } from '../disk/dump.js';
import { brokerUnderTest, type BrokerUnderTest } from '../support/brokers.js';
import { withJava } from '../support/java-tests.js';
import { canRun, COMPAT_BUILD, report } from '../support/toolchains.js';
import { CLIENTS, type Client } from './clients.js';
import { CODECS, type ClientDriver } from './driver.js';
import { Dataset } from './ledger.js';
import { Cell, Observer, PARTITIONS, STEPS, TOTAL_RECORDS, type Outcome } from './scenario.js';

/** Members of the consumer protocol are heard of as often as the broker says: by default too seldom for a test. */
const SETTINGS = {
  'group.consumer.min.heartbeat.interval.ms': '300', 'group.consumer.heartbeat.interval.ms': '300', 'group.consumer.assignment.interval.ms': '300',
};

const MATRIX_TIMEOUT_MS = 1_200_000;
const DUMP_TIMEOUT_MS = 300_000;

/** CLIENTS='kcat,franz-go' and CODECS='zstd' narrow the matrix while someone looks for a fault. */
function chosen<T extends string>(variable: string, all: readonly T[]): T[] {
  const wanted = process.env[variable]?.split(',');
  return all.filter(name => wanted === undefined || wanted.includes(name));
}

const names = chosen('CLIENTS', CLIENTS.map(client => client.name));
const codecs = chosen('CODECS', CODECS);

const here = CLIENTS.filter(({ name, toolchain }) => names.includes(name) && canRun(`client ${name}`, toolchain));

let broker: BrokerUnderTest;
const cells: Cell[] = [];

/** All clients at once with one codec after the other; one kill of the broker serves all clients. */
async function runMatrix(): Promise<void> {
  const dataset = new Dataset(TOTAL_RECORDS, join(COMPAT_BUILD, 'records'));
  const observer = new Observer(broker.kind, broker.bootstrap);
  await observer.start();
  const drivers = new Map<Client, ClientDriver>(here.map(client => [client, client.start(broker.bootstrap)]));
  try {
    for (const codec of codecs) {
      const row = here.map(client => new Cell(client.name, codec, drivers.get(client)!, dataset, observer));
      cells.push(...row);
      await Promise.all(row.map(cell => cell.before()));
      await broker.killHard();
      await broker.start();
      await Promise.all(row.map(cell => cell.after()));
    }
  } finally {
    await Promise.all([...drivers.values()].map(driver => driver.stop()));
    await observer.stop();
  }
}

function mark(outcomes: readonly Outcome[]): string {
  const kinds = new Set(outcomes.map(outcome => outcome.kind));
  for (const kind of ['failed', 'not reached', 'cannot'] as const) if (kinds.has(kind)) return kind === 'failed' ? 'FAILED' : kind;
  return 'yes';
}

function table(seconds: number): string {
  const header = ['client', 'codec', ...STEPS];
  const rows = [header, ...cells.map(cell => [cell.client, cell.codec, ...STEPS.map(step => mark([cell.outcomes.get(step)!]))])];
  const widths = header.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  const lines = rows.map(row => row.map((text, column) => text.padEnd(widths[column]!)).join('  ').trimEnd());
  const notes = new Set(cells.flatMap(cell => STEPS.flatMap(step => {
    const outcome = cell.outcomes.get(step)!;
    return outcome.kind === 'cannot' ? [`${cell.client}, ${step}: ${outcome.reason}`] : [];
  })));
  const title = `Clients against ${broker.kind}: 110,000 records a cell in ${PARTITIONS} partitions, ${seconds.toFixed(0)} s`;
  return [title, ...lines, ...[...notes].map(note => `cannot: ${note}`)].join('\n');
}

beforeAll(async () => {
  broker = brokerUnderTest(SETTINGS);
  await broker.start();
  const startMs = Date.now();
  await runMatrix();
  report('clients', table((Date.now() - startMs) / 1000));
}, MATRIX_TIMEOUT_MS);

afterAll(async () => {
  await broker?.remove();
});

describe.each(here.map(client => [client.name, client] as const))('%s', (_, client) => {
  describe.each(codecs)('%s', codec => {
    test.each(STEPS)('%s', step => {
      const outcome = cells.find(cell => cell.client === client.name && cell.codec === codec)!.outcomes.get(step)!;
      const reason = client.cannot[step];
      expect(outcome).toEqual(reason === undefined ? { kind: 'yes' } : { kind: 'cannot', reason });
    });
  });
});

const java = withJava('kafka-dump-log on what the clients wrote');

java.test("Apache's kafka-dump-log finds nothing wrong with what the clients wrote", async () => {
  await broker.stop();
  const dump = await dumpLogs(broker.dataDir);
  expect(dump.complaints).toEqual([]);
  // Every partition of every topic, the offsets topic and the metadata log were there to be read.
  expect(dump.records).toBeGreaterThanOrEqual(TOTAL_RECORDS * here.length * codecs.length);
  expect(dump.kinds).toEqual(expect.arrayContaining(['log', 'index', 'timeindex', 'offsets', 'metadata', 'metadata checkpoint']));
}, DUMP_TIMEOUT_MS);
