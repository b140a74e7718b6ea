// The same requests, played to a fresh Apache Kafka and to a fresh Ottla, get the same answers.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { brokerUnderTest, type BrokerUnderTest } from '../support/brokers.js';
import { noteAdvertised } from '../support/api-coverage.js';
import { withJava } from '../support/java-tests.js';
import { ROOT, report } from '../support/toolchains.js';
import { differences, summary, type Difference } from './compare.js';
import { knownAs, unmet, type KnownDifference } from '../lockstep/known-difference.js';
import { KNOWN_DIFFERENCES } from './known-differences.js';
import { Player, common, rangesOf, type VersionRanges } from './player.js';
import { connections } from './scenarios/connection.js';
import { conversions } from './scenarios/conversion.js';
import { consumerGroups } from './scenarios/consumer-groups.js';
import { deadlines } from './scenarios/deadlines.js';
import { fetching } from './scenarios/fetch.js';
import { groupRecords } from './scenarios/group-records.js';
import { groups } from './scenarios/groups.js';
import { internals } from './scenarios/internal.js';
import { logOffsets } from './scenarios/log-offsets.js';
import { produce } from './scenarios/produce.js';
import { quotas } from './scenarios/quotas.js';
import { security } from './scenarios/security.js';
import { quorum } from './scenarios/quorum.js';
import { reassignments } from './scenarios/reassignments.js';
import { settingsRefusals } from './scenarios/settings-refusals.js';
import { settings } from './scenarios/settings.js';
import { telemetry } from './scenarios/telemetry.js';
import { topics } from './scenarios/topics.js';
import { transactionalProducers } from './scenarios/transactional-producers.js';
import { transactionalWrites } from './scenarios/transactional-writes.js';
import { markers } from './scenarios/transactions.js';

const TIMEOUT_MS = 300_000;
/** One partition of each internal topic is enough, and soon there. Ottla is given what Apache is given by the fixture. */
const SETTINGS = {
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.num.partitions': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'broker.session.timeout.ms': '2000',
  'broker.heartbeat.interval.ms': '500',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '100',
  // Targets come with what brings them about.
  'group.consumer.assignment.interval.ms': '0',
  // Records carry old times; Apache Kafka looks for those that have outlived their time half a minute after its start.
  'log.retention.ms': '-1',
};

/** In this order: some find what others left. */
const SCENARIOS = [
  connections,
  topics,
  deadlines,
  produce,
  fetching,
  telemetry,
  settings,
  settingsRefusals,
  security,
  groups,
  consumerGroups,
  conversions,
  groupRecords,
  markers,
  transactionalProducers,
  transactionalWrites,
  quotas,
  logOffsets,
  internals,
  reassignments,
  quorum,
];

async function play(broker: BrokerUnderTest, ranges: VersionRanges): Promise<ReadonlyMap<string, unknown>> {
  const player = new Player(broker.host, broker.port, ranges);
  try {
    for (const scenario of SCENARIOS) await scenario(player);
    return player.answers;
  } finally {
    player.close();
  }
}

const java = withJava('differential test against Apache Kafka');

java.describe('Apache Kafka 4.3.1 and Ottla', () => {
  const brokers = (['apache', 'ottla'] as const).map(kind => brokerUnderTest(SETTINGS, kind));
  let apache: ReadonlyMap<string, unknown> = new Map();
  let found: Difference[] = [];
  const uses = new Map<KnownDifference, number>();

  beforeAll(async () => {
    await Promise.all(brokers.map(broker => broker.start()));
    const [theirs, ours] = await Promise.all(brokers.map(broker => rangesOf(broker.host, broker.port)));
    // Produce counts from 3 on: older ones are advertised for librdkafka's sake, and refused.
    noteAdvertised(ROOT, ours!);
    const both = common(theirs!, ours!);
    const answers = await Promise.all(brokers.map(broker => play(broker, both)));
    apache = answers[0]!;
    found = differences(answers[0]!, answers[1]!);
    for (const known of found.map(difference => knownAs(KNOWN_DIFFERENCES, difference))) if (known !== undefined) uses.set(known, (uses.get(known) ?? 0) + 1);
  }, TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all(brokers.map(broker => broker.remove()));
  }, TIMEOUT_MS);

  test('answer alike but for what is known to differ', () => {
    const differing = new Set(found.map(({ asked }) => asked)).size;
    expect(summary(found.filter(difference => knownAs(KNOWN_DIFFERENCES, difference) === undefined))).toBe('');
    expect(apache.size).toBeGreaterThan(4000);
    report('differential', `Against Apache Kafka 4.3.1: ${apache.size} answers compared, ${apache.size - differing} equal, ` +
      `${differing} differ as listed in compat-tests/differential/known-differences.ts.`);
  });

  test('differ in all that is known to differ', () => {
    expect(unmet(KNOWN_DIFFERENCES, uses)).toEqual([]);
  });
});
