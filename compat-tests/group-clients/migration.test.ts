// Java consumers move their group from the classic protocol to the consumer protocol and back, one after the other, while records come and the
// broker is killed in between.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { listGroupsApi } from '../../src/protocol/generated/index.js';
import { brokerUnderTest } from '../support/brokers.js';
import { JavaOracle } from '../support/java-oracle.js';
import { withJava } from '../support/java-tests.js';
import { report } from '../support/toolchains.js';
import { until } from '../support/until.js';
import { withClient } from '../support/with-client.js';

const TIMEOUT_MS = 300_000;
const STAGE_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
const PARTITIONS = 6;
/** Records that are read again after a commit that failed. */
const MOST_POLLED = 500;

/** Members of the consumer protocol are told how often to be heard of; every five seconds would make this a long test. */
const SETTINGS = {
  'group.consumer.min.heartbeat.interval.ms': '300',
  'group.consumer.heartbeat.interval.ms': '300',
  'group.consumer.assignment.interval.ms': '100',
};

const CLASSIC = { 'group.protocol': 'classic', 'heartbeat.interval.ms': '300', 'session.timeout.ms': '10000' };
const CONSUMER = { 'group.protocol': 'consumer' };

interface State {
  /** Partitions by member. */
  readonly shares: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
  readonly failedCommits: number;
  readonly repeated: number;
  readonly written: number;
  readonly read: number;
}

const java = withJava('groups of Java clients that change their protocol');

java.describe('Java clients of both protocols in one group', () => {
  const broker = brokerUnderTest(SETTINGS);
  let clients: JavaOracle;

  beforeAll(async () => {
    [clients] = await Promise.all([JavaOracle.start('ottla.groups.SharedGroup'), broker.start()]);
  }, TIMEOUT_MS);

  afterAll(async () => {
    await clients.close();
    await broker.remove();
  }, TIMEOUT_MS);

  const ask = (question: object): Promise<State> => clients.ask(JSON.stringify(question)) as Promise<State>;

  const untilSo = (what: string, isSo: (state: State) => boolean): Promise<State> =>
    until(what, () => ask({ op: 'state' }), isSo, { timeoutMs: STAGE_TIMEOUT_MS, retryMs: POLL_MS });

  async function protocolOf(group: string): Promise<string | undefined> {
    const { groups } = await withClient(broker, client => client.send(listGroupsApi, { statesFilter: [], typesFilter: [] }, 5));
    return groups.find(({ groupId }) => groupId === group)?.groupType;
  }

  /** These and no others own all partitions between them, each some, in a group of this protocol. */
  async function shared(group: string, protocol: string, ...members: string[]): Promise<void> {
    await untilSo(`${group} of ${members.join(', ')}`, ({ shares, faults }) => {
      expect(faults).toEqual([]);
      const isWhole = Object.values(shares).reduce((sum, share) => sum + share, 0) === PARTITIONS;
      return isWhole && Object.keys(shares).sort().join() === members.toSorted().join();
    });
    expect(await protocolOf(group)).toBe(protocol);
  }

  /** The broker is killed and comes back; the members go on, each in its protocol. */
  async function restart(group: string, protocol: string, ...members: string[]): Promise<void> {
    await broker.killHard();
    await broker.start();
    const { read } = await ask({ op: 'state' });
    await untilSo('that members read on', state => state.read > read);
    await shared(group, protocol, ...members);
  }

  test.each([
    ['that rebalance eagerly', { ...CLASSIC, 'partition.assignment.strategy': 'org.apache.kafka.clients.consumer.RangeAssignor' }, {}, true],
    ['that rebalance cooperatively', { ...CLASSIC, 'partition.assignment.strategy': 'org.apache.kafka.clients.consumer.CooperativeStickyAssignor' }, {}, false],
    ['with instance ids', CLASSIC, { 'group.instance.id': 'instance' }, false],
  ])('go over from classic consumers %s, and back, and no record is missed or read by two owners', async (kind, classic, instance, isKilled) => {
    const topic = `migration-${kind.replaceAll(' ', '-')}`;
    const group = `${topic}-readers`;
    const start = (member: string, config: object, number: number): Promise<State> => {
      const named = Object.fromEntries(Object.entries(instance).map(([setting, value]) => [setting, `${value}-${number}`]));
      return ask({ op: 'start', member, group, config: { ...config, ...named } });
    };
    const stop = (member: string): Promise<State> => ask({ op: 'stop', member });

    await ask({ op: 'topic', bootstrap: broker.bootstrap, topic, partitions: PARTITIONS });
    await start('classic-1', classic, 1);
    await start('classic-2', classic, 2);
    await shared(group, 'classic', 'classic-1', 'classic-2');
    await start('new-3', CONSUMER, 3);
    await shared(group, 'consumer', 'classic-1', 'classic-2', 'new-3');
    if (isKilled) await restart(group, 'consumer', 'classic-1', 'classic-2', 'new-3');
    await stop('classic-1');
    await start('new-1', CONSUMER, 1);
    await shared(group, 'consumer', 'classic-2', 'new-1', 'new-3');
    await stop('classic-2');
    await shared(group, 'consumer', 'new-1', 'new-3');
    await start('back-2', classic, 2);
    await shared(group, 'consumer', 'back-2', 'new-1', 'new-3');
    await stop('new-1');
    await start('back-1', classic, 1);
    await shared(group, 'consumer', 'back-1', 'back-2', 'new-3');
    await stop('new-3');
    await start('back-3', classic, 3);
    await shared(group, 'classic', 'back-1', 'back-2', 'back-3');
    await ask({ op: 'enough' });
    const { faults, failedCommits, repeated, written } = await untilSo('that all is read', state => state.read === state.written);
    expect(faults).toEqual([]);
    expect(repeated).toBeLessThanOrEqual(failedCommits * MOST_POLLED);
    report(`migration ${kind}`, `Java consumers ${kind} went over to the consumer protocol and back${isKilled ? ', over a kill of the broker' : ''}: ` +
      `${written} records, ${repeated} read again after ${failedCommits} failed commits.`);
    for (const member of ['back-1', 'back-2', 'back-3']) await stop(member);
  }, TIMEOUT_MS);
});
