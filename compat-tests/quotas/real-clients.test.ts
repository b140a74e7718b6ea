// Real clients under quotas: they get what the quota allows, and notice that they are held back.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import kafkajs from 'kafkajs';
import { brokerUnderTest } from '../support/brokers.js';
import { JavaOracle } from '../support/java-oracle.js';
import { withJava } from '../support/java-tests.js';

const { Kafka, Partitioners, logLevel } = kafkajs;

const TIMEOUT_MS = 120_000;
const BYTES_PER_SECOND = 100_000;
/** Windows are few, so that what comes at once in the beginning is little: what two seconds allow, and one request. */
const SETTINGS = { 'quota.window.num': '2', 'controller.quota.window.num': '2' };
const HEAD_START_MS = 2000;
const RECORDS = 500;
const RECORD_BYTES = 1000;
/** No sooner can they be there; how much later is the machine's affair. */
const LEAST_MS = RECORDS * RECORD_BYTES / BYTES_PER_SECOND * 1000 - HEAD_START_MS;

interface Outcome {
  readonly elapsedMs: number;
  readonly longestThrottleMs?: number;
  readonly created?: boolean;
  readonly throttleMs?: number;
}

const java = withJava('real clients under quotas');

java.describe('under quotas', () => {
  const broker = brokerUnderTest(SETTINGS);
  let java: JavaOracle;
  const ask = async (wish: object): Promise<Outcome> =>
    await java.ask(JSON.stringify({ bootstrap: broker.bootstrap, clientId: 'admin', ...wish })) as Outcome;

  beforeAll(async () => {
    [java] = await Promise.all([JavaOracle.start('ottla.quotas.LimitedClients'), broker.start()]);
    for (const topic of ['java', 'kafkajs']) await ask({ do: 'create', topic, partitions: 1, retries: false });
    for (const key of ['producer_byte_rate', 'consumer_byte_rate']) await ask({ do: 'limit', limited: 'limited', key, bound: BYTES_PER_SECOND });
    await ask({ do: 'limit', limited: 'limited-admin', key: 'controller_mutation_rate', bound: 1 });
  }, TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all([broker.remove(), java.close()]);
  }, TIMEOUT_MS);

  test('Apache\'s producer and consumer take their time, and know why', async () => {
    const load = { topic: 'java', records: RECORDS, bytes: RECORD_BYTES, clientId: 'limited' };
    for (const what of ['produce', 'consume']) {
      const { elapsedMs, longestThrottleMs } = await ask({ do: what, ...load });
      expect({ what, isHeldBack: longestThrottleMs! > 0, isInTime: elapsedMs >= LEAST_MS }).toEqual({ what, isHeldBack: true, isInTime: true });
    }
    const free = await ask({ do: 'produce', ...load, clientId: 'free' });
    expect(free.longestThrottleMs).toBe(0);
  }, TIMEOUT_MS);

  test('Apache\'s admin client is refused more topics, or waits until it may have them', async () => {
    const more = { do: 'create', clientId: 'limited-admin', partitions: 5 };
    expect(await ask({ ...more, topic: 'first', retries: false })).toMatchObject({ created: true });
    const refused = await ask({ ...more, topic: 'second', retries: false });
    expect(refused).toMatchObject({ created: false });
    expect(refused.throttleMs).toBeGreaterThan(0);
    expect(await ask({ ...more, topic: 'second', retries: true })).toMatchObject({ created: true });
  }, TIMEOUT_MS);

  test('kafkajs takes its time', async () => {
    const kafka = new Kafka({ clientId: 'limited', brokers: [broker.bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 20 } });
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    const consumer = kafka.consumer({ groupId: 'limited', maxWaitTimeInMs: 100 });
    try {
      await producer.connect();
      const beganMs = performance.now();
      for (let sent = 0; sent < RECORDS; sent += 20) {
        await producer.send({ topic: 'kafkajs', messages: Array.from({ length: 20 }, () => ({ value: Buffer.alloc(RECORD_BYTES) })) });
      }
      expect(performance.now() - beganMs).toBeGreaterThan(LEAST_MS);
      await consumer.connect();
      await consumer.subscribe({ topic: 'kafkajs', fromBeginning: true });
      const [firstMs, lastMs] = await timesOf(consumer, RECORDS);
      // What came with the first answer was not waited for.
      expect(lastMs - firstMs).toBeGreaterThan(LEAST_MS - HEAD_START_MS);
    } finally {
      await Promise.all([producer.disconnect(), consumer.disconnect()]);
    }
  }, TIMEOUT_MS);
});

/** When the first of so many records came, and the last. */
function timesOf(consumer: ReturnType<InstanceType<typeof Kafka>['consumer']>, count: number): Promise<[firstMs: number, lastMs: number]> {
  return new Promise((resolve, reject) => {
    let firstMs: number | undefined;
    let left = count;
    const eachMessage = (): Promise<void> => {
      firstMs ??= performance.now();
      if (--left === 0) resolve([firstMs, performance.now()]);
      return Promise.resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
}
