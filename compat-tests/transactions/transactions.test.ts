// Transactional producers, played by raw requests that a seed chooses, meet the same answers from Apache Kafka and from Ottla, and
// leave the same behind in their logs.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { withJava } from '../support/java-tests.js';
import { SeededRandom } from '../support/random.js';
import { report } from '../support/toolchains.js';
import { unmet } from '../lockstep/known-difference.js';
import { dumpedPartitions, dumpedStates } from './dumps.js';
import { KNOWN_DIFFERENCES } from './known-differences.js';
import { openStage, TRANSACTION_VERSION, useVersion } from './open-stage.js';
import { plant, PLANTED_SCENES } from './planted.js';
import { scriptOf } from './script.js';
import { SCRIPTED } from './scripted.js';
import { Theatre, type Scene } from './theatre.js';

const TIMEOUT_MS = 3_600_000;
/** `SEEDS=200 make compat ARGS=compat-tests/transactions` plays more of them, `SEEDS=1 SEED=7` the one that failed. */
const SEEDS = Number(process.env['SEEDS'] ?? 6);
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const STEPS = 80;
/** Scenes that are played at the same time. */
const AT_ONCE = 6;
/** Scenes that go on after the brokers have started again, or act by other rules. */
const LASTING = 3;

const java = withJava('differential tests of transactions');

java.describe('transactions of Apache Kafka 4.3.1 and of Ottla', () => {
  const stage = openStage();
  const theatre = new Theatre(stage);
  const seeds = Array.from({ length: SEEDS }, (_, index) => FIRST_SEED + index);
  /** Those that play by the rules of earlier versions too. */
  const olderSeeds = seeds.slice(0, Math.ceil(SEEDS / 3));
  /** Whose files are looked at in the end. */
  const lasting: Scene[] = [];

  /** A few at a time. */
  async function eachOf<T>(all: readonly T[], play: (one: T) => Promise<void>): Promise<void> {
    const left = [...all];
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (let one = left.shift(); one !== undefined; one = left.shift()) await play(one);
    }));
  }

  /** A part of scenes that last; what they have written until then is compared after it. */
  async function playOn(part: number, scenes: readonly Scene[], isGoingOn = part > 0): Promise<void> {
    await Promise.all(scenes.map(async (scene, index) => {
      const random = new SeededRandom(-(FIRST_SEED * 100 + index * 10 + part));
      await theatre.playOn(scene, scriptOf(random, STEPS / 2, { isGoingOn }));
    }));
  }

  const openAll = (name: string, count: number): Promise<Scene[]> => Promise.all(Array.from({ length: count }, (_, index) => theatre.open(`${name}-${index}`)));

  beforeAll(() => stage.start(), TIMEOUT_MS);
  afterAll(() => stage.remove(), TIMEOUT_MS);

  test('producers who run out of time or lose a topic, and those of each known difference, are answered as by Apache but for these', async () => {
    await eachOf(SCRIPTED, ({ name, steps }) => theatre.play(name, steps));
    // Of which Apache has none against itself (BROKER=apache).
    if (stage.brokers[1].kind === 'ottla') expect(unmet(KNOWN_DIFFERENCES, stage.met)).toEqual([]);
    expect(theatre.apacheVaries.unmet()).toEqual([]);
  }, TIMEOUT_MS);

  test(`producers of ${SEEDS} seeds are answered as by Apache`, async () => {
    await eachOf(seeds, seed => theatre.play(`seed-${seed}`, scriptOf(new SeededRandom(seed), STEPS)));
  }, TIMEOUT_MS);

  test('producers whose brokers start again in the midst of it, and those at the last of their epochs, are answered as by Apache', async () => {
    const [begun, planted] = await Promise.all([openAll('restarted', LASTING), openAll('planted', PLANTED_SCENES)]);
    lasting.push(...begun, ...planted);
    await playOn(0, begun);
    await stage.restart((broker, index) => {
      for (const [number, scene] of planted.entries()) plant(broker.dataDir, index === 0 ? scene.apache : scene.ottla, number);
    });
    await playOn(1, [...begun, ...planted]);
  }, TIMEOUT_MS);

  test(`producers with ${TRANSACTION_VERSION} 1 and 0, some of whom had others before, are answered as by Apache`, async () => {
    const before = await openAll('changed', LASTING);
    lasting.push(...before);
    await playOn(0, before);
    await useVersion(stage, 1);
    await playOn(1, before);
    await eachOf(olderSeeds, seed => theatre.play(`one-${seed}`, scriptOf(new SeededRandom(1000 + seed), STEPS)));
    await useVersion(stage, 0);
    await eachOf(olderSeeds, seed => theatre.play(`none-${seed}`, scriptOf(new SeededRandom(2000 + seed), STEPS, { style: 'classic' })));
    await useVersion(stage, 2);
    await playOn(2, before);
  }, TIMEOUT_MS);

  test('Apache\'s tool reads the same from the files of both', async () => {
    await stage.stop();
    const [apache, ottla] = await Promise.all(([0, 1] as const).map(async index => {
      const { dataDir } = stage.brokers[index];
      const casts = lasting.map(scene => (index === 0 ? scene.apache : scene.ottla));
      return new Map([...await dumpedPartitions(dataDir, casts), ...await dumpedStates(dataDir, casts)]);
    }));
    expect([...ottla!.keys()].sort()).toEqual([...apache!.keys()].sort());
    for (const [of, lines] of apache!) expect({ of, lines: ottla!.get(of) }).toEqual({ of, lines });
    const lines = [...apache!.values()].reduce((sum, found) => sum + found.length, 0);
    expect(lines).toBeGreaterThan(200);
    report('transactions', `Transactions against Apache Kafka 4.3.1: ${stage.steps} steps, ${stage.answers} answers, ${theatre.written} batches and records of logs and ` +
      `${lines} lines of kafka-dump-log compared (${SEEDS} seeds), all equal but for what compat-tests/transactions/known-differences.ts lists. ` +
      `Made alike in Apache's answers: ${theatre.apacheVaries.told()}.`);
  }, TIMEOUT_MS);
});
