import { describe, expect, test } from '@jest/globals';
import { stringHashCode } from '../../base/java-hash.js';
import type { Clock, Logger, Random } from '../../env/index.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { MemoryLog } from '../../runtime/memory-log.js';
import { RuntimeSet } from '../../runtime/runtime-set.js';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import { GroupMachine } from './group-machine.js';
import { groupRecordCodec } from './records.js';
import { coordinatorRuntimeError } from '../errors.js';
import { GroupService } from './service.js';
import { DEFAULT_GROUP_SETTINGS } from './settings.js';
import { name, subscription } from './testing/group-driver.js';
import { TestCluster } from './testing/test-cluster.js';
import type { CommitRequest, JoinRequest } from './types.js';

const PARTITIONS = 4;
const cluster = new TestCluster();
const settings = { ...DEFAULT_GROUP_SETTINGS, initialRebalanceDelayMs: 0 };
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const stillClock: Clock = { nowMs: () => 1_000, monotonicMs: () => 1_000, after: () => () => undefined, endOfTurn: task => task() };
const countingRandom = (): Random => {
  let count = 0;
  return { int: () => 0, float: () => 0, bytes: length => Buffer.alloc(length, ++count) };
};

/** A coordinator over logs in memory that leads some of four partitions. */
async function coordinator(...led: number[]) {
  const logs = new Map<number, MemoryLog>();
  const logOf = (partition: number): MemoryLog => {
    const log = logs.get(partition) ?? new MemoryLog();
    logs.set(partition, log);
    return log;
  };
  const runtimes = new RuntimeSet({
    name: 'group coordinator', topic: '__consumer_offsets', clock: stillClock, random: countingRandom(), logger: silent, codec: groupRecordCodec,
    open: logOf, create: () => new GroupMachine(settings, () => cluster), errorFor: coordinatorRuntimeError,
  });
  for (const partition of led) {
    logOf(partition).leaderEpoch = 1;
    await runtimes.elected(partition, 1);
  }
  return { service: new GroupService({ runtimes, settings, partitionCount: () => PARTITIONS }), runtimes, logOf };
}

const join = (groupId: string, given: Partial<JoinRequest> = {}): JoinRequest => ({
  groupId, memberId: '', groupInstanceId: null, clientId: 'c', clientHost: '/h', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000,
  protocolType: 'consumer', protocols: [{ name: 'range', metadata: subscription(['t']) }], needsKnownMemberId: false,
  maySkipAssignment: false, ...given,
});

const commit = (groupId: string, offset = 1): CommitRequest => ({
  groupId, generationId: -1, memberId: '', groupInstanceId: null, retentionTimeMs: -1, knowsGroupIdNotFound: true,
  topics: [{ topicId: ZERO_UUID, name: 't', partitions: [
    { partitionIndex: 0, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: null, commitTimestamp: -1 },
  ] }],
});

const all = [0, 1, 2, 3];
/** A group for each partition. */
const groupIds = all.map(partition => Array.from({ length: 100 }, (_, index) => `group-${index}`)
  .find(groupId => Math.abs(stringHashCode(groupId)) % PARTITIONS === partition)!);

describe('the group coordinator of a node', () => {
  test('a group is where its hash puts it', async () => {
    const { service } = await coordinator();
    expect(groupIds.map(groupId => service.partitionFor(groupId))).toEqual(all);
    // Java's abs would leave this hash, the least int32, negative.
    expect(service.partitionFor('polygenelubricants')).toBe(0);
  });

  test('a call goes to the machine that leads the group; where there is none, this is not the coordinator (16)', async () => {
    const { service } = await coordinator(0);
    expect(name(await service.joinGroup(join(groupIds[0]!)))).toBe('NONE');
    const elsewhere = groupIds[1]!;
    const member = { groupId: elsewhere, memberId: 'm', groupInstanceId: null, generationId: 1 };
    expect(name(await service.joinGroup(join(elsewhere)))).toBe('NOT_COORDINATOR');
    expect(name(await service.syncGroup({ ...member, protocolType: null, protocolName: null, assignments: [] }))).toBe('NOT_COORDINATOR');
    expect(name(await service.heartbeat(member))).toBe('NOT_COORDINATOR');
    expect(name(await service.leaveGroup({ groupId: elsewhere, members: [member] }))).toBe('NOT_COORDINATOR');
    expect(name((await service.commitOffsets(commit(elsewhere))).topics[0]!.partitions[0]!)).toBe('NOT_COORDINATOR');
    expect(name(await service.fetchOffsets({ groupId: elsewhere, memberId: null, memberEpoch: -1, topics: null, requireStable: false }))).toBe('NOT_COORDINATOR');
    expect(name(await service.deleteOffsets({ groupId: elsewhere, topics: [] }))).toBe('NOT_COORDINATOR');
  });

  test('while a partition is being loaded clients are asked to wait (14), but heartbeats are good', async () => {
    const { service, runtimes } = await coordinator();
    const loading = runtimes.elected(0, 1);
    const groupId = groupIds[0]!;
    const answers = [
      service.joinGroup(join(groupId)), service.heartbeat({ groupId, generationId: 1, memberId: 'm', groupInstanceId: null }),
      service.listGroups({ statesFilter: [], typesFilter: [] }),
    ];
    expect((await Promise.all(answers)).map(name)).toEqual(['COORDINATOR_LOAD_IN_PROGRESS', 'NONE', 'COORDINATOR_LOAD_IN_PROGRESS']);
    await loading;
    expect(name(await service.joinGroup(join(groupId)))).not.toBe('COORDINATOR_LOAD_IN_PROGRESS');
  });

  test('empty group ids (24) and session timeouts out of bounds (26) are refused', async () => {
    const { service } = await coordinator(...all);
    expect(name(await service.joinGroup(join('')))).toBe('INVALID_GROUP_ID');
    expect(name(await service.heartbeat({ groupId: '', generationId: 1, memberId: 'm', groupInstanceId: null }))).toBe('INVALID_GROUP_ID');
    expect(name(await service.leaveGroup({ groupId: '', members: [] }))).toBe('INVALID_GROUP_ID');
    expect(name(await service.deleteOffsets({ groupId: '', topics: [] }))).toBe('INVALID_GROUP_ID');
    for (const sessionTimeoutMs of [5_999, 1_800_001]) {
      expect(await service.joinGroup(join('g', { sessionTimeoutMs, memberId: 'm' }))).toMatchObject({ errorCode: 26, memberId: 'm' });
    }
  });

  test('offsets may be kept under the empty group id', async () => {
    const { service } = await coordinator(...all);
    await service.commitOffsets(commit('', 5));
    const { topics } = await service.fetchOffsets({ groupId: '', memberId: null, memberEpoch: -1, topics: null, requireStable: false });
    expect(topics[0]!.partitions[0]).toMatchObject({ committedOffset: 5 });
  });

  test('listing, describing and deleting ask every partition that it takes', async () => {
    const { service } = await coordinator(0, 1, 2);
    for (const groupId of groupIds.slice(0, 3)) await service.commitOffsets(commit(groupId));
    const { groups } = await service.listGroups({ statesFilter: [], typesFilter: [] });
    expect(groups.map(({ groupId }) => groupId)).toEqual(groupIds.slice(0, 3));
    const order = [groupIds[3]!, groupIds[1]!, 'missing', groupIds[0]!];
    const described = await service.describeGroups(order, true);
    expect(described.map(({ groupId }) => groupId)).toEqual(order);
    expect(name(described[0]!)).toBe('NOT_COORDINATOR');
    expect(described[1]).toMatchObject({ errorCode: 0, groupState: 'Empty' });
    expect((await service.deleteGroups([groupIds[0]!, groupIds[3]!])).map(name)).toEqual(['NONE', 'NOT_COORDINATOR']);
    expect((await service.listGroups({ statesFilter: [], typesFilter: [] })).groups).toHaveLength(2);
  });

  test('deleted topics are forgotten by every partition', async () => {
    const { service } = await coordinator(...all);
    for (const groupId of groupIds) await service.commitOffsets(commit(groupId));
    await service.topicsDeleted([{ name: 't', id: ZERO_UUID }]);
    const answers = await Promise.all(groupIds.map(groupId => service.fetchOffsets({ groupId, memberId: null, memberEpoch: -1, topics: null, requireStable: false })));
    expect(answers.flatMap(({ topics }) => topics)).toEqual([]);
  });

  test('nothing is answered before it is committed', async () => {
    const { service, logOf } = await coordinator(0);
    const log = logOf(0);
    log.holdCommits = true;
    let answered = false;
    const answer = service.commitOffsets(commit(groupIds[0]!)).then(result => { answered = true; return result; });
    await new Promise<void>(resolve => { setImmediate(resolve); });
    expect(answered).toBe(false);
    log.commit();
    expect(name((await answer).topics[0]!.partitions[0]!)).toBe('NONE');
  });

  test('errors of the log are told as errors of a coordinator, and the group stays usable', async () => {
    const expected: [number, string][] = [
      [ErrorCode.NOT_ENOUGH_REPLICAS, 'COORDINATOR_NOT_AVAILABLE'], [ErrorCode.NOT_LEADER_OR_FOLLOWER, 'NOT_COORDINATOR'],
      [ErrorCode.KAFKA_STORAGE_ERROR, 'NOT_COORDINATOR'], [ErrorCode.MESSAGE_TOO_LARGE, 'UNKNOWN_SERVER_ERROR'],
    ];
    const { service, logOf } = await coordinator(0);
    const groupId = groupIds[0]!;
    for (const [code, told] of expected) {
      logOf(0).refuseWith = new KafkaError(code);
      expect(name((await service.commitOffsets(commit(groupId))).topics[0]!.partitions[0]!)).toBe(told);
    }
    expect(name((await service.commitOffsets(commit(groupId))).topics[0]!.partitions[0]!)).toBe('NONE');
  });

  test('offsets of a deleted topic that are too many for one batch go in several', async () => {
    const { service, logOf } = await coordinator(0);
    const log = logOf(0);
    const groupId = groupIds[0]!;
    const [{ name: topic, topicId, partitions: [first] }] = commit(groupId).topics as [CommitRequest['topics'][number]];
    const partitions = Array.from({ length: 50 }, (_, partitionIndex) => ({ ...first!, partitionIndex }));
    await service.commitOffsets({ ...commit(groupId), topics: [{ name: topic, topicId, partitions }] });
    const before = log.batches.length;
    log.maxBatchBytes = 500;
    await service.topicsDeleted([{ name: topic, id: topicId }]);
    const { topics } = await service.fetchOffsets({ groupId, memberId: null, memberEpoch: -1, topics: null, requireStable: false });
    expect(topics).toEqual([]);
    expect(log.batches.length - before).toBeGreaterThan(1);
  });

  test('whoever is parked when the leadership is lost is sent to find the coordinator anew', async () => {
    const { service, runtimes } = await coordinator(0);
    const groupId = groupIds[0]!;
    const first = await service.joinGroup(join(groupId));
    const member = { groupId, groupInstanceId: null, protocolType: null, protocolName: null, assignments: [] };
    await service.syncGroup({ ...member, memberId: first.memberId, generationId: 1 });
    const parked = service.joinGroup(join(groupId));
    runtimes.resigned(0);
    expect(name(await parked)).toBe('NOT_COORDINATOR');
  });
});
