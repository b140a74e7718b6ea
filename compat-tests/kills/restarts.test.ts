// `kill -9` in the midst of transactions: whoever asks in the first moments of the next life is told of all that was acknowledged.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { createTopicsApi } from '../../src/protocol/generated/create-topics.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { brokerUnderTest, type BrokerUnderTest } from '../support/brokers.js';
import { SeededRandom } from '../support/random.js';
import { report } from '../support/toolchains.js';
import { pause, until } from '../support/until.js';
import { withClient } from '../support/with-client.js';
import { RestartProber } from './restart-prober.js';
import { TransactionalWriter } from './transactional-writer.js';

const KILLS = Number(process.env['RESTARTS'] ?? 4);
const SEED = Number(process.env['SEED'] ?? 61);
const LONGEST_LIFE_MS = 250;
const MOST_COMMITS_OF_A_LIFE = 12;
const TEST_TIMEOUT_MS = 1_800_000;
const TOPIC = 'restored';
const WRITERS = 3;
const PARTITIONS_OF_A_WRITER = 2;
/** For those who look for faults that come under load only: so many busy loops beside the broker at times. */
const HOGS = Number(process.env['HOGS'] ?? 0);
const HOG_MS = 1_500;

let broker: BrokerUnderTest;

beforeAll(async () => {
  broker = brokerUnderTest({ 'log.cleaner.backoff.ms': '50', 'offsets.topic.num.partitions': '2', 'transaction.state.log.num.partitions': '2' });
  await broker.start();
}, TEST_TIMEOUT_MS);

afterAll(async () => {
  await broker?.remove();
});

async function createTopic(): Promise<void> {
  const settings = { 'cleanup.policy': 'compact', 'internal.segment.bytes': '8192', 'min.cleanable.dirty.ratio': '0.01', 'min.compaction.lag.ms': '0' };
  const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const topic = { name: TOPIC, numPartitions: WRITERS * PARTITIONS_OF_A_WRITER, replicationFactor: 1, assignments: [], configs };
  const response = await withClient(broker, client => client.send(createTopicsApi, { topics: [topic], timeoutMs: 10_000 }));
  expect(response.topics[0]!.errorCode).toBe(ErrorCode.NONE);
}

function hogProcessor(): void {
  for (let hog = 0; hog < HOGS; hog++) spawn(process.execPath, ['-e', `const end = Date.now() + ${HOG_MS}; while (Date.now() < end);`], { stdio: 'ignore' }).unref();
}

test(`after each of ${KILLS} kills every answer tells of all that was acknowledged`, async () => {
  await createTopic();
  const random = new SeededRandom(SEED);
  const port = (): number => broker.port;
  const writers = Array.from({ length: WRITERS }, (_, index) => new TransactionalWriter(port, {
    topic: TOPIC, id: `writer-${index}`, isSecondProtocol: index % 2 === 0,
    partitions: Array.from({ length: PARTITIONS_OF_A_WRITER }, (__, nth) => index * PARTITIONS_OF_A_WRITER + nth),
  }, new SeededRandom(SEED + index)));
  const probers = writers.flatMap(writer => [new RestartProber(port, writer), new RestartProber(port, writer)]);
  const commits = (): number => writers.reduce((sum, writer) => sum + writer.commits, 0);
  const held = (): number => probers.reduce((sum, prober) => sum + prober.held, 0);
  const startMs = Date.now();
  try {
    for (let kill = 1; kill <= KILLS; kill++) {
      const [commitsWanted, heldWanted] = [commits() + 1 + random.below(MOST_COMMITS_OF_A_LIFE), held() + 20];
      await until(`life ${kill}`, () => {
        [...writers, ...probers].forEach(({ visits }) => visits.check());
        return Promise.resolve([commits(), held()] as const);
      }, ([committed, answers]) => committed >= commitsWanted && answers >= heldWanted, { retryMs: 2, timeoutMs: 60_000 });
      await pause(random.below(LONGEST_LIFE_MS));
      if (random.chance(6)) {
        broker.pause();
        await pause(random.below(LONGEST_LIFE_MS));
        broker.resume();
        if (random.chance(2)) await pause(random.below(LONGEST_LIFE_MS));
      }
      await broker.killHard();
      if (random.chance(3)) hogProcessor();
      if (random.chance(5)) {
        // Another kill while it is still coming up.
        const coming = broker.start().catch(() => undefined);
        await pause(random.below(LONGEST_LIFE_MS));
        await broker.killHard();
        await coming;
      }
      await broker.start();
    }
    await until('the last answers', () => {
      [...writers, ...probers].forEach(({ visits }) => visits.check());
      return Promise.resolve(held());
    }, (last => answers => answers >= last + 100)(held()), { retryMs: 2 });
  } finally {
    await Promise.all([...probers, ...writers].map(({ visits }) => visits.stop()));
  }
  [...writers, ...probers].forEach(({ visits }) => visits.check());
  const passing = new Map<string, number>();
  for (const prober of probers) for (const [what, times] of prober.passing) passing.set(what, (passing.get(what) ?? 0) + times);
  const seconds = ((Date.now() - startMs) / 1000).toFixed(0);
  report('restarts', `kill -9 of ${broker.kind} in transactions: ${KILLS} times in ${seconds} s (seed ${SEED}), ${commits()} commits, ${held()} answers right, ` +
    `none wrong; passing errors: ${[...passing].map(([what, times]) => `${what}: ${times}`).join(', ') || 'none'}`);
  for (const writer of writers) expect(writer.commits).toBeGreaterThan(0);
}, TEST_TIMEOUT_MS);
