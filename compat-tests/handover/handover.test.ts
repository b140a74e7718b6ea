// One data directory, run by Ottla and by Apache Kafka in turn: what one acknowledged, the other serves.

import { afterEach, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { dumpLogs } from '../disk/dump.js';
import { nodeToHandOver, type HandedOver, type Settings } from '../support/brokers.js';
import { withJava } from '../support/java-tests.js';
import { SeededRandom } from '../support/random.js';
import { report } from '../support/toolchains.js';
import { until } from '../support/until.js';
import { ClusterMetadata, NewerGroups } from './apache-strands.js';
import { Client } from './client.js';
import { ConsumerGroups } from './consumer-group-strand.js';
import { Features, Groups, Settings as SettingsStrand, Topics } from './cluster-strands.js';
import { Codecs, Compacted, Expiring, Producers, Trimmed } from './record-strands.js';
import { Streams } from './streams.js';
import { Transactions } from './transaction-strand.js';
import type { Strand, Turn } from './strand.js';

const SEED = Number(process.env['SEED'] ?? 4431);
/** More of them in a longer run: `HAND_OVERS=20 make compat ARGS=handover`. */
const HAND_OVERS = Number(process.env['HAND_OVERS'] ?? 5);
/** Of the run in which nobody stops in order: both brokers are killed, and start where the other was. */
const KILLS = Math.max(4, HAND_OVERS - 1);
const TIMEOUT_MS = 240_000 + HAND_OVERS * 20_000;

const java = withJava('hand-overs between Ottla and Apache Kafka');

/** Both do what takes its time soon: retention, compaction, deletion. */
const HASTY: Settings = {
  'log.retention.check.interval.ms': '300',
  'log.initial.task.delay.ms': '300',
  'log.flush.start.offset.checkpoint.interval.ms': '200',
  'log.cleaner.backoff.ms': '300',
  // Snapshots of the metadata at every turn, whoever writes them.
  'metadata.log.max.record.bytes.between.snapshots': '500',
  'log.segment.delete.delay.ms': '500',
};

type Kind = Turn['runs'];

let node: HandedOver | undefined;
let streams: Streams | undefined;

afterEach(async () => {
  await streams?.abort();
  await node?.remove();
});

/** A broker's stay: it finds all that was acknowledged before, and adds to it. */
async function stay(runs: Kind, number: number, random: SeededRandom, strands: readonly Strand[]): Promise<void> {
  const before = number > 0 ? newestSnapshot(node!.dataDir) : '';
  await node!.startAs(runs);
  const client = await Client.connect(node!.port);
  const turn: Turn = { number, runs, random, dataDir: node!.dataDir };
  const said = async (strand: Strand, step: 'check' | 'write'): Promise<void> => {
    try {
      await strand[step](client, turn);
    } catch (error) {
      if (error instanceof Error) error.message = `${strand.name}, ${step} in turn ${number} by ${runs}: ${error.message}`;
      throw error;
    }
  };
  try {
    if (number > 0) for (const strand of strands) await said(strand, 'check');
    for (const strand of strands) await said(strand, 'write');
    // What is here now must be there after the next start too.
    for (const strand of strands) await said(strand, 'check');
    // The next start is made from this one's own summary of the metadata.
    await until('a snapshot', async () => newestSnapshot(node!.dataDir), snapshot => snapshot > before);
  } finally {
    client.close();
  }
}

function newestSnapshot(dataDir: string): string {
  return readdirSync(join(dataDir, '__cluster_metadata-0')).filter(name => name.endsWith('.checkpoint')).sort().at(-1) ?? '';
}

/** Nobody has set anything aside, and Apache's own tool finds no fault in any file. */
async function nothingIsWrong(dataDir: string): Promise<void> {
  expect(readdirSync(dataDir).filter(name => name.endsWith('-stray'))).toEqual([]);
  const { complaints } = await dumpLogs(dataDir, { compacted: ['compacted', '__consumer_offsets'] });
  expect(complaints).toEqual([]);
}

const allStrands = (): Strand[] => [
  new Codecs(), new Producers(), new Compacted(), new Expiring(), new Trimmed(), new Topics(), new SettingsStrand(), new Groups(), new ConsumerGroups(),
  new Transactions(), new Features(),
];
/** What Apache Kafka does besides, and Ottla keeps for it. */
const apacheStrands = (): Strand[] => [new ClusterMetadata(), new NewerGroups()];
const GUARDED: Settings = { 'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer', 'super.users': 'User:ANONYMOUS' };
const other = (kind: Kind): Kind => (kind === 'ottla' ? 'apache' : 'ottla');

java.describe('hand-overs', () => {
  test(`a directory of Ottla's goes through ${HAND_OVERS} hand-overs and nothing is lost`, async () => {
    const startMs = Date.now();
    const random = new SeededRandom(SEED);
    const strands = allStrands();
    node = nodeToHandOver({ owner: 'ottla', settings: HASTY });
    let runs: Kind = 'ottla';
    for (let turn = 0; turn <= HAND_OVERS; turn++, runs = other(runs)) {
      await stay(runs, turn, random, strands);
      await node.stop();
    }
    await nothingIsWrong(node.dataDir);
    report('handover', `${HAND_OVERS} hand-overs between Ottla and Apache Kafka in ${((Date.now() - startMs) / 1000).toFixed(0)} s (seed ${SEED}): nothing lost, nothing moved`);
  }, TIMEOUT_MS);

  test("a directory of Apache Kafka's goes through hand-overs without a stop in order", async () => {
    const random = new SeededRandom(SEED + 1);
    streams = new Streams();
    const strands = [...allStrands(), ...apacheStrands(), streams];
    node = nodeToHandOver({ owner: 'apache', settings: HASTY, apacheOnly: GUARDED });
    let runs: Kind = 'apache';
    for (let turn = 0; turn < KILLS; turn++, runs = other(runs)) {
      await stay(runs, turn, random, strands);
      await streams.killAmidst(node, turn);
    }
    await stay(runs, KILLS, random, strands);
    await node.stop();
    await nothingIsWrong(node.dataDir);
  }, TIMEOUT_MS);

  test('a cluster of an older release stays what it is', async () => {
    const random = new SeededRandom(SEED + 2);
    const strands = [new Producers(), new Topics(), new SettingsStrand(), new Groups(), new Features()];
    node = nodeToHandOver({ owner: 'apache', settings: HASTY, release: '3.7' });
    for (const [turn, runs] of (['apache', 'ottla', 'apache'] as const).entries()) {
      await stay(runs, turn, random, strands);
      await node.stop();
    }
    await nothingIsWrong(node.dataDir);
  }, TIMEOUT_MS);
});
