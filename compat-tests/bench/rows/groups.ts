// Groups found again at a start: what they committed, and who is in them.

import {
  describeGroupsApi, findCoordinatorApi, heartbeatApi, joinGroupApi, offsetCommitApi, offsetFetchApi, syncGroupApi,
} from '../../../src/protocol/generated/index.js';
import type { RawClient } from '../../../src/testing/raw-client.js';
import type { BrokerUnderTest } from '../../support/brokers.js';
import { until } from '../../support/until.js';
import { Admin } from '../admin.js';
import { connected, overConnections } from '../connection.js';
import { costSoFar } from '../process-cost.js';
import type { Row } from '../row.js';
import type { Target } from '../target.js';

const TOPIC = 'committed';
const OFFSETS_A_GROUP = 100;
/** Nobody has to be heard of before the row is over. */
const SESSION_MS = 1_800_000;
const REBALANCE_MS = 60_000;
/** Groups that are made, or asked for, at the same time. */
const AT_ONCE = 50;
const PATIENCE = { retryMs: 2, timeoutMs: 120_000 };
/** The first version in which one request asks for many groups. */
const FETCH_MANY_VERSION = 8;

interface Joined {
  readonly groupId: string;
  readonly memberId: string;
  readonly generationId: number;
}

const partitions = Array.from({ length: OFFSETS_A_GROUP }, (_, partitionIndex) => partitionIndex);

/** One member joins, is given everything, and commits for every partition. Over its own connection: joins wait. */
async function settled(client: RawClient, groupId: string): Promise<Joined> {
  const metadata = Buffer.alloc(50);
  const { memberId, generationId } = await client.send(joinGroupApi, {
    groupId, sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: REBALANCE_MS, memberId: '', protocolType: 'consumer', protocols: [{ name: 'range', metadata }],
  }, 3);
  const joined = { groupId, memberId, generationId };
  await client.send(syncGroupApi, { ...joined, assignments: [{ memberId, assignment: metadata }] }, 3);
  const { topics } = await client.send(offsetCommitApi, {
    groupId, memberId, generationIdOrMemberEpoch: generationId,
    topics: [{ name: TOPIC, partitions: partitions.map(partitionIndex => ({ partitionIndex, committedOffset: 1_000 + partitionIndex, committedMetadata: '' })) }],
  }, FETCH_MANY_VERSION);
  if (topics[0]!.partitions.some(({ errorCode }) => errorCode !== 0)) throw new Error(`group ${groupId} could not commit`);
  return joined;
}

/** A stopped broker on which so many groups have committed. */
function stopped(target: Target, groups: number): Promise<{ broker: BrokerUnderTest; members: Joined[] }> {
  return target.once(`stopped-groups-${groups}`, async () => {
    const broker = target.fresh();
    await broker.start();
    const admin = await Admin.connect(broker.host, broker.port);
    const topic = { name: TOPIC, partitions: OFFSETS_A_GROUP };
    await admin.createTopics([topic]);
    await admin.untilServed([topic]);
    admin.close();
    const names = Array.from({ length: groups }, (_, index) => `group-${index}`);
    await connected(broker, client => until('the coordinators of all groups', async () => {
      const { coordinators } = await client.send(findCoordinatorApi, { keyType: 0, coordinatorKeys: ['any'] });
      if (coordinators[0]!.errorCode !== 0) return names;
      const { groups: described } = await client.send(describeGroupsApi, { groups: names }, 5);
      return described.filter(({ errorCode }) => errorCode !== 0).map(({ groupId }) => groupId);
    }, left => left.length === 0, PATIENCE));
    const members: Joined[] = [];
    await overConnections(broker, AT_ONCE, names, async (client, name) => { members.push(await settled(client, name)); });
    await broker.stop();
    return { broker, members };
  }, 'own');
}

/** Resolves when each group's offsets are told, and no member has to join again. */
async function served(broker: BrokerUnderTest, members: readonly Joined[]): Promise<void> {
  await connected(broker, async client => {
    let asked = members.map(({ groupId }) => groupId);
    await until('offsets of all groups', async () => {
      const { groups } = await client.send(offsetFetchApi, { groups: asked.map(groupId => ({ groupId, topics: [{ name: TOPIC, partitionIndexes: [7] }] })) }, FETCH_MANY_VERSION);
      asked = groups.filter(({ errorCode, topics }) => errorCode !== 0 || topics[0]!.partitions[0]!.committedOffset !== 1_007).map(({ groupId }) => groupId);
      return asked;
    }, left => left.length === 0, PATIENCE);
    const beats = await Promise.all(members.map(member => client.send(heartbeatApi, member, 3)));
    const refused = beats.filter(({ errorCode }) => errorCode !== 0).length;
    if (refused > 0) throw new Error(`${refused} of ${beats.length} members have to join again`);
  });
}

export const groupRows: readonly Row[] = [
  {
    name: 'start-groups', ownBroker: true, title: 'start with 1,000 groups and 100,000 committed offsets after a clean stop, until every group is served',
    metrics: [{ name: 'ms', title: 'time', unit: 'ms', better: 'lower' }, { name: 'residentMb', title: 'resident memory', unit: 'MB', better: 'lower' }],
    async run(target, scale) {
      const { broker, members } = await stopped(target, scale.startGroups);
      const startMs = performance.now();
      await broker.start();
      await served(broker, members);
      const ms = performance.now() - startMs;
      const cost = costSoFar(broker.pid, ms / 1000);
      await broker.stop();
      return { values: { ms, residentMb: cost.residentMb }, cost, clientCores: null };
    },
  },
];
