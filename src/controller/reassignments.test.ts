import { beforeEach, describe, expect, test } from '@jest/globals';
import { localSettings } from '../config/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { Cluster, content } from './testing/cluster.js';

const QUIET = { 'metadata.max.idle.interval.ms': '0' };

let cluster: Cluster;

/** Asks for one move; null takes it back. */
async function move(replicas: number[] | null, { topic = 't', index = 0, mayChangeFactor = true } = {}) {
  const { responses } = await cluster.api.alterPartitionReassignments({
    timeoutMs: 1000, allowReplicationFactorChange: mayChangeFactor, topics: [{ name: topic, partitions: [{ partitionIndex: index, replicas }] }],
  });
  return responses[0]!.partitions[0]!;
}

const moves = async (topics: { name: string; partitionIndexes: number[] }[] | null = null) =>
  (await cluster.api.listPartitionReassignments({ timeoutMs: 1000, topics })).topics;

/** The leader reports these as in sync. */
async function inSync(...isr: number[]) {
  const { leader, leaderEpoch, partitionEpoch } = cluster.partition('t')!;
  const { topics } = await cluster.api.alterPartition({
    brokerId: leader, brokerEpoch: cluster.epochs.get(leader)!, topics: [{
      topicId: cluster.image.topicsByName.get('t')!.id,
      partitions: [{ partitionIndex: 0, leaderEpoch, partitionEpoch, leaderRecoveryState: 0, newIsrWithEpochs: isr.map(brokerId => ({ brokerId, brokerEpoch: cluster.epochs.get(brokerId)! })) }],
    }],
  });
  return topics?.[0]?.partitions[0]?.errorCode;
}

beforeEach(async () => {
  cluster = await Cluster.serving([1, 2, 3, 4]);
  await cluster.create('t', { assignments: [[1, 2]] });
});

describe('a move', () => {
  test('adds who is to join, and lets go of who is to leave once they are in sync', async () => {
    expect(await cluster.written(() => move([3, 4]))).toEqual(['PartitionChange t-0 replicas=[3,4,1,2] removingReplicas=[1,2] addingReplicas=[3,4]']);
    expect(await moves()).toEqual([{ name: 't', partitions: [{ partitionIndex: 0, replicas: [3, 4, 1, 2], addingReplicas: [3, 4], removingReplicas: [1, 2] }] }]);
    expect(await inSync(1, 2, 3)).toBe(0);
    expect(cluster.partition('t')).toMatchObject({ leader: 1, isr: [1, 2, 3], addingReplicas: [3, 4] });
    expect(await inSync(1, 2, 3, 4)).toBe(ErrorCode.NEW_LEADER_ELECTED);
    expect(cluster.partition('t')).toMatchObject({ leader: 3, isr: [3, 4], replicas: [3, 4], addingReplicas: [], removingReplicas: [] });
    expect(await moves()).toEqual([]);
  });

  test('that only sorts the replicas anew is done at once, as is one that only lets go of some', async () => {
    expect(await cluster.written(() => move([2, 1]))).toEqual(['PartitionChange t-0 replicas=[2,1]']);
    expect(await cluster.written(() => move([2]))).toEqual(['PartitionChange t-0 isr=[2] leader=2 replicas=[2]']);
    expect(await moves()).toEqual([]);
  });

  test('to where the replicas are changes nothing', async () => {
    expect(await cluster.written(async () => expect(await move([1, 2])).toEqual({ partitionIndex: 0, errorCode: 0, errorMessage: null }))).toEqual([]);
  });

  test('that makes the replicas fewer waits until all who stay are in sync', async () => {
    await inSync(1);
    await move([2]);
    expect(cluster.partition('t')).toMatchObject({ leader: 1, replicas: [2, 1], removingReplicas: [1] });
    expect(await inSync(1, 2)).toBe(ErrorCode.NEW_LEADER_ELECTED);
    expect(cluster.partition('t')).toMatchObject({ leader: 2, replicas: [2], isr: [2], removingReplicas: [] });
  });

  test('may be replaced by another before it is done', async () => {
    await move([1, 3]);
    await move([1, 4]);
    expect(cluster.partition('t')).toMatchObject({ replicas: [1, 4, 2, 3], addingReplicas: [4], removingReplicas: [2, 3] });
    await move([1, 2]);
    expect(cluster.partition('t')).toMatchObject({ replicas: [1, 2], addingReplicas: [], removingReplicas: [] });
    expect(await moves()).toEqual([]);
  });

  test('is taken back with those whom it added', async () => {
    await move([3, 4]);
    await inSync(1, 2, 3);
    expect(await cluster.written(() => move(null))).toEqual(['PartitionChange t-0 isr=[1,2] leader=1 replicas=[1,2]']);
    expect(cluster.partition('t')).toMatchObject({ replicas: [1, 2], isr: [1, 2], leader: 1, addingReplicas: [], removingReplicas: [] });
    expect(await move(null)).toEqual({ partitionIndex: 0, errorCode: ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, errorMessage: null });
  });

  test('whose added replicas alone are in sync is taken back only where an unclean election is allowed', async () => {
    for (const [allowed, errorCode] of [['false', ErrorCode.INVALID_REPLICA_ASSIGNMENT], ['true', 0]] as const) {
      cluster = await Cluster.serving([1, 2, 3, 4], localSettings(QUIET));
      await cluster.create('t', { assignments: [[1, 2]], configs: { 'unclean.leader.election.enable': allowed } });
      await move([3, 4]);
      await inSync(1, 3);
      await cluster.heartbeat(1, { wantFence: true });
      expect(cluster.partition('t')).toMatchObject({ leader: 3, isr: [3] });
      expect((await move(null)).errorCode).toBe(errorCode);
      if (errorCode === 0) expect(cluster.partition('t')).toMatchObject({ replicas: [1, 2], leader: 2, isr: [2], leaderRecoveryState: 1, addingReplicas: [] });
    }
  });

  test('is refused partition by partition', async () => {
    const { responses } = await cluster.api.alterPartitionReassignments({ timeoutMs: 1000, allowReplicationFactorChange: false, topics: [
      { name: 'none', partitions: [{ partitionIndex: 0, replicas: [1] }] },
      { name: 't', partitions: [
        { partitionIndex: 7, replicas: [1] }, { partitionIndex: 0, replicas: [] }, { partitionIndex: 0, replicas: [1, 1] },
        { partitionIndex: 0, replicas: [1, 9] }, { partitionIndex: 0, replicas: [1, 2, 3] }, { partitionIndex: 0, replicas: null }, { partitionIndex: 0, replicas: [3, 1] },
      ] },
    ] });
    expect(responses.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode))).toEqual([
      [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.INVALID_REPLICA_ASSIGNMENT, ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        ErrorCode.INVALID_REPLICA_ASSIGNMENT, ErrorCode.INVALID_REPLICATION_FACTOR, ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, 0],
    ]);
    expect(cluster.partition('t')).toMatchObject({ replicas: [3, 1, 2], addingReplicas: [3], removingReplicas: [2] });
  });

  test('counts the factor of the move under way', async () => {
    await move([1, 2, 3]);
    expect((await move([1, 4], { mayChangeFactor: false })).errorCode).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
    expect((await move([1, 2, 4], { mayChangeFactor: false })).errorCode).toBe(0);
  });
});

test('a move outlasts its controller', async () => {
  await move([3, 4]);
  const next = new Cluster(undefined, undefined, cluster.log);
  await next.runtime.elected(1);
  expect(content(next.image)).toEqual(content(cluster.image));
  const { topics } = await next.api.listPartitionReassignments({ timeoutMs: 1000, topics: null });
  expect(topics).toEqual(await moves());
});

test('only what is asked for and under way is listed', async () => {
  await cluster.create('still', { assignments: [[1], [1]] });
  await move([3, 4]);
  expect(await moves([{ name: 'still', partitionIndexes: [0, 1] }, { name: 'none', partitionIndexes: [0] }])).toEqual([]);
  expect(await moves([{ name: 't', partitionIndexes: [5, 0] }])).toMatchObject([{ name: 't', partitions: [{ partitionIndex: 0 }] }]);
  expect(await moves([])).toEqual([]);
});

test('nothing asked is nothing done', async () => {
  expect(await cluster.written(() => cluster.api.alterPartitionReassignments({ timeoutMs: 1, topics: [] }))).toEqual([]);
});
