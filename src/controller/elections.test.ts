import { beforeEach, describe, expect, test } from '@jest/globals';
import { localSettings } from '../config/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { Cluster, uuid } from './testing/cluster.js';

const SETTINGS = { 'metadata.max.idle.interval.ms': '0', 'broker.session.timeout.ms': '1000000000' };
const INTERVAL_MS = 300_000;

let cluster: Cluster;
beforeEach(async () => {
  cluster = await Cluster.serving([1, 2, 3], localSettings(SETTINGS));
});

const inSync = async (topic: string, isr: number[]) => {
  const { leader, leaderEpoch, partitionEpoch } = cluster.partition(topic)!;
  await cluster.api.alterPartition({
    brokerId: leader, brokerEpoch: cluster.epochs.get(leader)!, topics: [{
      topicId: cluster.image.topicsByName.get(topic)!.id,
      partitions: [{ partitionIndex: 0, leaderEpoch, partitionEpoch, leaderRecoveryState: 0, newIsrWithEpochs: isr.map(brokerId => ({ brokerId, brokerEpoch: cluster.epochs.get(brokerId)! })) }],
    }],
  });
};

/** Broker 2 alone has all records, and is gone, as is broker 3. */
async function abandon(topic: string): Promise<void> {
  for (const broker of [1, 3, 2]) await cluster.heartbeat(broker, { wantFence: true });
  await cluster.heartbeat(1);
  expect(cluster.partition(topic)).toMatchObject({ leader: -1 });
}

describe('from time to time', () => {
  test('a preferred replica that is in sync again leads again', async () => {
    await cluster.create('t', { assignments: [[1, 2]] });
    await cluster.heartbeat(1, { wantFence: true });
    await cluster.heartbeat(1);
    cluster.clock.advance(INTERVAL_MS);
    expect(cluster.partition('t')).toMatchObject({ leader: 2, isr: [2] });
    await inSync('t', [2, 1]);
    cluster.clock.advance(INTERVAL_MS - 1);
    expect(cluster.partition('t')).toMatchObject({ leader: 2 });
    cluster.clock.advance(1);
    expect(cluster.partition('t')).toMatchObject({ leader: 1, isr: [2, 1] });
  });

  test('nothing goes back where that is switched off', async () => {
    cluster = await Cluster.serving([1, 2], localSettings({ ...SETTINGS, 'auto.leader.rebalance.enable': 'false' }));
    await cluster.create('t', { assignments: [[1, 2]] });
    await cluster.heartbeat(1, { wantFence: true });
    await cluster.heartbeat(1);
    await inSync('t', [2, 1]);
    cluster.clock.advance(2 * INTERVAL_MS);
    expect(cluster.partition('t')).toMatchObject({ leader: 2 });
  });

  test('a partition that nobody leads is led by whoever is there, once its topic allows that', async () => {
    await cluster.create('t', { assignments: [[1, 2]] });
    await abandon('t');
    cluster.clock.advance(INTERVAL_MS);
    expect(cluster.partition('t')).toMatchObject({ leader: -1 });
    await cluster.api.incrementalAlterConfigs({ validateOnly: false, resources: [
      { resourceType: 2, resourceName: 't', configs: [{ name: 'unclean.leader.election.enable', configOperation: 0, value: 'true' }] },
    ] });
    cluster.clock.advance(INTERVAL_MS);
    expect(cluster.partition('t')).toMatchObject({ leader: 1, isr: [1], leaderRecoveryState: 1 });
  });

  test('so many leaders are elected at once, and the rest soon after', async () => {
    await cluster.create('t', { assignments: Array.from({ length: 1_500 }, () => [1, 2]), configs: { 'unclean.leader.election.enable': 'false' } });
    await abandon('t');
    await cluster.api.incrementalAlterConfigs({ validateOnly: false, resources: [
      { resourceType: 2, resourceName: 't', configs: [{ name: 'unclean.leader.election.enable', configOperation: 0, value: 'true' }] },
    ] });
    const led = () => cluster.image.topicsByName.get('t')!.partitions.filter(({ leader }) => leader === 1).length;
    cluster.clock.advance(INTERVAL_MS);
    expect(led()).toBe(1_000);
    cluster.clock.advance(10);
    expect(led()).toBe(1_500);
  });
});

describe('on request', () => {
  const elect = async (electionType: number, topic = 't') =>
    (await cluster.api.electLeaders({ electionType, timeoutMs: 1, topicPartitions: [{ topic, partitions: [0] }] })).replicaElectionResults[0]!.partitionResult[0]!.errorCode;

  test('an unclean leader is had where nobody leads and somebody is there', async () => {
    await cluster.create('t', { assignments: [[1, 2]] });
    await cluster.create('gone', { assignments: [[2, 3]] });
    await abandon('t');
    expect(await elect(0)).toBe(ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE);
    expect([await elect(1), await elect(1, 'gone')]).toEqual([0, ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE]);
    expect(cluster.partition('t')).toMatchObject({ leader: 1, isr: [1], leaderRecoveryState: 1 });
    expect(await elect(1)).toBe(ErrorCode.ELECTION_NOT_NEEDED);
  });

  test('no leader is had of a directory that is lost', async () => {
    cluster = await Cluster.serving([], localSettings(SETTINGS));
    await cluster.register(1, { logDirs: [uuid(1), uuid(2)] });
    await cluster.heartbeat(1);
    const { topicId = '' } = await cluster.create('t');
    await cluster.api.assignReplicasToDirs({ brokerId: 1, brokerEpoch: cluster.epochs.get(1)!, directories: [{ id: uuid(2), topics: [{ topicId, partitions: [{ partitionIndex: 0 }] }] }] });
    await cluster.heartbeat(1, { offlineLogDirs: [uuid(2)] });
    expect(cluster.partition('t')).toMatchObject({ leader: -1 });
    expect([await elect(0), await elect(1)]).toEqual([ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE, ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE]);
    const { responses } = await cluster.api.alterPartitionReassignments({ timeoutMs: 1, topics: [{ name: 't', partitions: [{ partitionIndex: 0, replicas: [1] }] }] });
    expect([responses[0]?.partitions[0]?.errorCode, cluster.partition('t')?.leader]).toEqual([0, -1]);
  });
});
