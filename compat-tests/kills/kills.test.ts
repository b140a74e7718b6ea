// `kill -9` at seeded moments under load: nothing that was acknowledged is lost or moved.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTopicsApi } from '../../src/protocol/generated/create-topics.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { fetchApi } from '../../src/protocol/generated/fetch.js';
import { dumpLogs } from '../disk/dump.js';
import { brokerUnderTest, type BrokerUnderTest } from '../support/brokers.js';
import { withJava } from '../support/java-tests.js';
import { SeededRandom } from '../support/random.js';
import { report } from '../support/toolchains.js';
import { pause, until } from '../support/until.js';
import { withClient } from '../support/with-client.js';
import { StreamReader, StreamWriter, type StreamOptions } from './stream.js';

const KILLS = Number(process.env['KILLS'] ?? 200);
const SEED = Number(process.env['SEED'] ?? 431);
/** Everything written since the last look is read after so many kills. */
const KILLS_PER_LOOK = 20;
/** A life ends when so many more records are acknowledged, and a moment later: at most these. */
const MOST_RECORDS_OF_A_LIFE = 2_000;
const LONGEST_MOMENT_MS = 30;
const LIFE_TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 900_000;
const DUMP_TIMEOUT_MS = 300_000;
const FETCH_BYTES = 1024 * 1024;
/** Of the last version that names topics instead of ids. */
const FETCH_VERSION = 12;
const TOPIC = 'killed';

const streams: readonly StreamOptions[] = [
  { topic: TOPIC, partition: 0, acks: -1, idempotent: true },
  { topic: TOPIC, partition: 1, acks: 1, idempotent: true },
  { topic: TOPIC, partition: 2, acks: -1, idempotent: false },
  { topic: TOPIC, partition: 3, acks: 1, idempotent: false },
];

let broker: BrokerUnderTest;

beforeAll(async () => {
  // Small segments: kills meet rolled segments and their recovery too.
  broker = brokerUnderTest({ 'log.segment.bytes': '1048576' });
  await broker.start();
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await broker?.remove();
});

async function createTopic(): Promise<void> {
  const response = await withClient(broker, client => client.send(createTopicsApi, {
    topics: [{ name: TOPIC, numPartitions: streams.length, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 10_000,
  }));
  expect(response.topics[0]!.errorCode).toBe(ErrorCode.NONE);
}

/** Resolves when so many more records are acknowledged: kills come under load, however fast the machine is. */
async function liveOn(writers: readonly StreamWriter[], records: number): Promise<void> {
  const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
  const enough = acknowledged() + records;
  await until(`${enough} acknowledged records`, async () => {
    writers.forEach(writer => writer.check());
    return acknowledged();
  }, count => count >= enough, { timeoutMs: LIFE_TIMEOUT_MS, retryMs: 1 });
}

/** Reads the partition from where the reader stands until it has seen all records below `until`, and on to the end. */
async function readOn(reader: StreamReader, { partition }: StreamOptions, until: number): Promise<void> {
  await withClient(broker, async client => {
    for (let hasMore = true; hasMore;) {
      const response = await client.send(fetchApi, {
        maxWaitMs: 0, minBytes: 0, maxBytes: FETCH_BYTES, sessionEpoch: -1,
        topics: [{ topic: TOPIC, partitions: [{ partition, fetchOffset: reader.offset, partitionMaxBytes: FETCH_BYTES }] }],
      }, FETCH_VERSION);
      const answer = response.responses[0]!.partitions[0]!;
      if (answer.errorCode !== ErrorCode.NONE) throw new Error(`partition ${partition}: the fetch from ${reader.offset} got ${answer.errorCode}`);
      hasMore = reader.take(answer.records ?? Buffer.alloc(0));
    }
  });
  if (reader.seen < until) throw new Error(`partition ${partition}: records ${reader.seen} to ${until - 1} were acknowledged and are not there`);
}

test(`${KILLS} kills lose no acknowledged record and move none`, async () => {
  await createTopic();
  const random = new SeededRandom(SEED);
  const writers = streams.map(options => new StreamWriter(() => broker.port, options));
  const readers = streams.map(options => new StreamReader(options));
  const startMs = Date.now();
  try {
    for (let kill = 1; kill <= KILLS; kill++) {
      await liveOn(writers, random.below(MOST_RECORDS_OF_A_LIFE));
      await pause(random.below(LONGEST_MOMENT_MS));
      await broker.killHard();
      const owed = writers.map(writer => writer.acknowledged);
      await broker.start();
      writers.forEach(writer => writer.check());
      if (kill % KILLS_PER_LOOK === 0) await Promise.all(streams.map((options, index) => readOn(readers[index]!, options, owed[index]!)));
    }
    await Promise.all(writers.map(writer => writer.stop()));
  } finally {
    await Promise.all(writers.map(writer => writer.abort()));
  }
  const fresh = streams.map(options => new StreamReader(options));
  await Promise.all(streams.map((options, index) => readOn(fresh[index]!, options, writers[index]!.acknowledged)));
  const counts = writers.map(writer => writer.acknowledged);
  const seconds = (Date.now() - startMs) / 1000;
  report('kills', `kill -9 of ${broker.kind}: ${KILLS} times in ${seconds.toFixed(0)} s (seed ${SEED}), ${counts.join(' + ')} acknowledged records, none lost, none moved`);
  // Each stream went on after the kills; a test that wrote nothing would have shown nothing.
  for (const count of counts) expect(count).toBeGreaterThan(KILLS);
}, TEST_TIMEOUT_MS);

const java = withJava('kafka-dump-log after the kills');

java.test("Apache's kafka-dump-log finds nothing wrong after the kills", async () => {
  await broker.stop();
  const dump = await dumpLogs(broker.dataDir);
  expect(dump.complaints).toEqual([]);
  expect(dump.kinds).toEqual(expect.arrayContaining(['log', 'index', 'timeindex', 'metadata']));
}, DUMP_TIMEOUT_MS);
