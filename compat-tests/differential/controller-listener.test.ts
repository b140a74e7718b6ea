// A controller's own listener, which tools reach with --bootstrap-controller: the same requests to it, the same answers.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeQuorumApi } from '../../src/protocol/generated/index.js';
import { nodeToHandOver, type BrokerUnderTest } from '../support/brokers.js';
import { withJava } from '../support/java-tests.js';
import { report } from '../support/toolchains.js';
import { differences, summary, type Difference } from './compare.js';
import { knownAs, unmet } from '../lockstep/known-difference.js';
import { KNOWN_AT_CONTROLLER, KNOWN_DIFFERENCES } from './known-differences.js';
import { common, Player, rangesOf, type VersionRanges } from './player.js';
import { controllers } from './scenarios/controller.js';
import { deadlines } from './scenarios/deadlines.js';
import { quorum } from './scenarios/quorum.js';
import { reassignments } from './scenarios/reassignments.js';

const TIMEOUT_MS = 200_000;
const SCENARIOS = [controllers, deadlines, reassignments, quorum];

interface Node {
  readonly broker: BrokerUnderTest;
  readonly controllerPort: number;
  readonly atBroker: VersionRanges;
  readonly atController: VersionRanges;
}

async function started(kind: BrokerUnderTest['kind']): Promise<Node> {
  const broker = nodeToHandOver({ owner: 'apache' });
  await broker.startAs(kind);
  const atBroker = await rangesOf(broker.host, broker.port);
  const player = new Player(broker.host, broker.port, atBroker);
  const { nodes } = await player.quietly(describeQuorumApi, { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] });
  player.close();
  const controllerPort = nodes[0]!.listeners[0]!.port;
  return { broker, controllerPort, atBroker, atController: await rangesOf(broker.host, controllerPort) };
}

async function play({ broker, controllerPort }: Node, ranges: VersionRanges): Promise<ReadonlyMap<string, unknown>> {
  const player = new Player(broker.host, broker.port, ranges, controllerPort);
  try {
    for (const scenario of SCENARIOS) await scenario(player);
    return player.answers;
  } finally {
    player.close();
  }
}

const java = withJava('differential test of the controller\'s listener against Apache Kafka');

java.describe('the controllers of Apache Kafka 4.3.1 and Ottla', () => {
  let nodes: readonly Node[] = [];
  let compared = 0;
  let found: Difference[] = [];

  beforeAll(async () => {
    nodes = await Promise.all((['apache', 'ottla'] as const).map(started));
    const [apache, ottla] = nodes as [Node, Node];
    // What is asked of the controller in the versions that it has; what only the broker serves, both controllers hang up on.
    const ranges = new Map([...common(apache.atBroker, ottla.atBroker), ...common(apache.atController, ottla.atController)]);
    const [theirs, ours] = await Promise.all(nodes.map(node => play(node, ranges)));
    compared = theirs!.size;
    found = differences(theirs!, ours!);
  }, TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all(nodes.map(({ broker }) => broker.remove()));
  }, TIMEOUT_MS);

  test('answer alike but for what is known to differ', () => {
    const differing = new Set(found.map(({ asked }) => asked)).size;
    report('differential-controller', `Against Apache Kafka 4.3.1's controller listener: ${compared} answers compared, ${compared - differing} equal.`);
    const known = found.map(difference => knownAs([...KNOWN_DIFFERENCES, ...KNOWN_AT_CONTROLLER], difference));
    expect(summary(found.filter((_, index) => known[index] === undefined))).toBe('');
    expect(unmet(KNOWN_AT_CONTROLLER, new Set(known))).toEqual([]);
    expect(compared).toBeGreaterThan(300);
  });
});
