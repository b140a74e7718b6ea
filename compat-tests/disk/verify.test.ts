// `ottla log verify` over what others wrote: Apache Kafka's directories, stopped, running and killed, and seeded lives of our own.

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import kafkajs from 'kafkajs';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokerUnderTest, type BrokerUnderTest } from '../support/brokers.js';
import { withJava } from '../support/java-tests.js';
import { run } from '../support/processes.js';
import { SeededRandom } from '../support/random.js';
import { ROOT } from '../support/toolchains.js';
import { SeededWorkload } from './seeded.js';

const PREPARE_TIMEOUT_MS = 180_000;
const TIMEOUT_MS = 120_000;
const SEEDS = 2;
const STEPS = 600;

interface Verified {
  readonly code: number | null;
  /** `severity path: message`; of all but notes. */
  readonly faults: string[];
  readonly partitions: number;
  readonly batches: number;
  readonly isInUse: boolean;
}

async function verify(directory: string): Promise<Verified> {
  const { code, stdout } = await run(join(ROOT, 'bin/ottla'), ['log', 'verify', '--json', directory], { timeoutMs: TIMEOUT_MS });
  const objects = stdout.trim().split('\n').map(line => JSON.parse(line) as { kind: string; severity: string; path: string; message: string; batches: number; isInUse: boolean; partitions: number });
  const findings = objects.filter(({ kind }) => kind === 'finding');
  const text = ({ severity, path, message }: (typeof objects)[number]): string => `${severity} ${path}: ${message}`;
  return {
    code,
    faults: findings.filter(({ severity }) => severity !== 'note').map(text),
    partitions: objects.at(-1)!.partitions,
    batches: objects.filter(({ kind }) => kind === 'partition').reduce((sum, { batches }) => sum + batches, 0),
    isInUse: objects.some(({ isInUse }) => isInUse),
  };
}

/** Segments, indexes, idempotent and transactional producers, commits and aborts, a compacted topic, offsets of a group. */
async function writeSomething(bootstrap: string, round: number): Promise<void> {
  const kafka = new kafkajs.Kafka({ brokers: [bootstrap], logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  const partitioner = { createPartitioner: kafkajs.Partitioners.DefaultPartitioner };
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, ...partitioner });
  const transactional = kafka.producer({ transactionalId: 'verifier', idempotent: true, maxInFlightRequests: 1, ...partitioner });
  await Promise.all([admin.connect(), producer.connect(), transactional.connect()]);
  try {
    if (round === 0) {
      await admin.createTopics({
        waitForLeaders: false,
        topics: [
          { topic: 'plain', numPartitions: 2, configEntries: [{ name: 'segment.ms', value: '50' }] },
          {
            topic: 'states', numPartitions: 1,
            configEntries: [{ name: 'cleanup.policy', value: 'compact' }, { name: 'segment.ms', value: '50' }, { name: 'min.cleanable.dirty.ratio', value: '0.01' }],
          },
        ],
      });
    }
    for (let step = 0; step < 6; step++) {
      const messages = Array.from({ length: 40 }, (_, index) =>
        ({ key: `k${index % 7}`, value: `${round} ${step} `.repeat(40), timestamp: String(1_700_000_000_000 + (round * 6 + step) * 1000 + index) }));
      for (const topic of ['plain', 'states']) await producer.send({ topic, messages, compression: step % 2 === 0 ? kafkajs.CompressionTypes.None : kafkajs.CompressionTypes.GZIP });
      const transaction = await transactional.transaction();
      await transaction.send({ topic: 'plain', messages: messages.slice(0, 5) });
      await (step % 2 === 0 ? transaction.commit() : transaction.abort());
    }
    await admin.setOffsets({ groupId: 'verifiers', topic: 'plain', partitions: [{ partition: 0, offset: '7' }] });
  } finally {
    await Promise.all([producer.disconnect(), transactional.disconnect(), admin.disconnect()]);
  }
}

const java = withJava('`ottla log verify` over directories of Apache Kafka');

java.describe('a directory that Apache Kafka wrote', () => {
  let broker: BrokerUnderTest;
  beforeAll(async () => {
    broker = brokerUnderTest({ 'offsets.topic.num.partitions': '3', 'transaction.state.log.num.partitions': '3', 'log.cleaner.backoff.ms': '200' }, 'apache');
    await broker.start();
    await writeSomething(broker.bootstrap, 0);
  }, PREPARE_TIMEOUT_MS);
  afterAll(() => broker?.remove());

  test('is well while the broker runs, which is said', async () => {
    const { code, faults, isInUse, partitions, batches } = await verify(broker.dataDir);
    expect(faults).toEqual([]);
    expect([code, isInUse]).toEqual([0, true]);
    expect(partitions).toBe(10);
    expect(batches).toBeGreaterThan(40);
  }, TIMEOUT_MS);

  test('is well after a kill, and after a clean stop', async () => {
    await broker.killHard();
    expect((await verify(broker.dataDir)).faults).toEqual([]);
    await broker.start();
    await writeSomething(broker.bootstrap, 1);
    await broker.stop();
    const { code, faults, isInUse } = await verify(broker.dataDir);
    expect(faults).toEqual([]);
    expect([code, isInUse]).toEqual([0, false]);
  }, TIMEOUT_MS);

  test('is found out when a byte of it is changed', async () => {
    const folder = join(broker.dataDir, 'plain-0');
    const [first] = readdirSync(folder).filter(name => name.endsWith('.log')).sort();
    const bytes = readFileSync(join(folder, first!));
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(join(folder, first!), bytes);
    const { code, faults } = await verify(folder);
    expect(code).toBe(1);
    expect(faults.join('\n')).toContain(first);
  }, TIMEOUT_MS);
});

/** Logs that no broker made have no cluster. */
const withoutMetadata = (directory: string): string => `warning ${directory}: there is no metadata log here: partitions cannot be held against the cluster's topics`;

describe('what seeded workloads wrote', () => {
  let root: string | undefined;
  afterEach(() => { if (root !== undefined) rmSync(root, { recursive: true, force: true }); });

  test('is well', async () => {
    root = mkdtempSync(join(tmpdir(), 'ottla-verify-'));
    for (let seed = 1; seed <= SEEDS; seed++) {
      const directory = join(root, `seed-${seed}`);
      await new SeededWorkload(directory, new SeededRandom(seed)).run(STEPS);
      const { faults, batches } = await verify(directory);
      // A follower whose leader had nothing for a while leaves a gap that looks like a loss: it is to be told of.
      expect({ seed, faults: faults.filter(fault => !fault.startsWith('warning far-apart-')) }).toEqual({ seed, faults: [withoutMetadata(directory)] });
      expect(batches).toBeGreaterThan(100);
    }
  }, TIMEOUT_MS);
});
