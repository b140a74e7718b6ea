// Apache Kafka's own tools, played to a fresh Apache Kafka and to a fresh Ottla, print the same.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokerUnderTest } from '../support/brokers.js';
import { JavaOracle } from '../support/java-oracle.js';
import { withJava } from '../support/java-tests.js';
import { COMPAT_BUILD, report } from '../support/toolchains.js';
import { SIDES, printed } from './compare.js';
import { FAMILIES } from './families/index.js';
import { KNOWN_DIFFERENCES, knownAs, type KnownDifference } from './known-differences.js';
import { Player } from './player.js';

const TIMEOUT_MS = 600_000;
const SETTINGS = {
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.num.partitions': '1',
  'share.coordinator.state.topic.num.partitions': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'broker.session.timeout.ms': '2000',
  'broker.heartbeat.interval.ms': '500',
  // A member of a consumer group learns at a heartbeat what is assigned to it.
  'group.min.session.timeout.ms': '1000',
  'group.consumer.min.session.timeout.ms': '1000',
  'group.consumer.session.timeout.ms': '4000',
  'group.consumer.min.heartbeat.interval.ms': '300',
  'group.consumer.heartbeat.interval.ms': '300',
  // Ottla has defaults of its own for a local start, and we want to see Apache's.
  'auto.create.topics.enable': 'true',
  'metadata.max.idle.interval.ms': '500',
  // Records carry old times; Apache Kafka looks for those that have outlived their time half a minute after its start.
  'log.retention.ms': '-1',
};
/** `FAMILIES=topics,configs` plays these only; entries of the list that nothing differs by are no fault then. */
const CHOSEN = process.env['FAMILIES'] === undefined || process.env['FAMILIES'] === '' ? undefined : process.env['FAMILIES'].split(',');

/** For people to read: both transcripts, what differs in them and why, and how long each step took. */
function leave(player: Player): void {
  const write = (name: string, text: string): void => writeFileSync(join(COMPAT_BUILD, 'transcript', `${name}.txt`), text);
  mkdirSync(join(COMPAT_BUILD, 'transcript'), { recursive: true });
  for (const side of SIDES) write(side, player.transcriptOf(side));
  write('differences', player.differences.map(difference => `${printed(difference)}\n  -> ${knownAs(difference)?.reason ?? 'NOT LISTED'}\n`).join('\n'));
  write('times', player.times.toSorted(([, a], [, b]) => b - a).map(([title, ms]) => `${ms} ms ${title}\n`).join(''));
}

const java = withJava('transcripts of Apache\'s tools');

java.describe('the transcripts of Apache Kafka 4.3.1 and Ottla', () => {
  const brokers = { apache: brokerUnderTest(SETTINGS, 'apache'), ottla: brokerUnderTest(SETTINGS, 'ottla') };
  const both = SIDES.map(side => brokers[side]);
  const folder = mkdtempSync(join(tmpdir(), 'transcript-'));
  const startMs = Date.now();
  let tools: JavaOracle;
  let player: Player;

  beforeAll(async () => {
    [tools] = await Promise.all([JavaOracle.start('ottla.transcript.ToolPlayer'), ...both.map(broker => broker.start())]);
    player = new Player(tools, brokers, folder);
    const families = FAMILIES.filter(({ name }) => CHOSEN?.includes(name) ?? true);
    try {
      for (const family of families) {
        if (family.after !== undefined) player.close();
        if (family.after !== undefined) await Promise.all(both.map(broker => broker.stop()));
        if (family.after === 'restart') await Promise.all(both.map(broker => broker.start()));
        await player.play(family);
      }
    } finally {
      player.close();
      leave(player);
    }
  }, TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all(both.map(broker => broker.remove()));
    await tools.close();
    rmSync(folder, { recursive: true, force: true });
  }, TIMEOUT_MS);

  test('are equal but for what is known to differ', () => {
    const differing = new Set(player.differences.filter(({ words }) => !words).map(({ step }) => step)).size;
    const inOtherWords = new Set(player.differences.map(({ step }) => step)).size - differing;
    const seconds = ((Date.now() - startMs) / 1000).toFixed(0);
    expect(player.differences.filter(difference => knownAs(difference) === undefined).map(printed).join('\n')).toBe('');
    if (CHOSEN === undefined) {
      report('transcript', `Apache's tools on Apache Kafka 4.3.1 and on Ottla: ${player.steps - differing - inOtherWords} of ${player.steps} steps equal, ` +
        `${inOtherWords} equal but for an error's own sentence, ${differing} differ as listed in compat-tests/transcript/known-differences.ts (${seconds} s).`);
    }
  });

  test('differ in all that is known to differ', () => {
    const used = new Set<KnownDifference | undefined>(player.differences.map(difference => knownAs(difference)));
    const unused = KNOWN_DIFFERENCES.filter(known => CHOSEN === undefined && !used.has(known));
    expect(unused.map(({ step, reason: why }) => `${why} (${step.source})`)).toEqual([]);
  });
});
