import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { ZERO_UUID, type Uuid } from '../../protocol/wire/types.js';
import type { Effects, Machine, Moment, OpenTransaction, RecordPosition, ReplyTo } from '../../runtime/machine.js';
import { joinError, syncError } from './classic/answers.js';
import { ClassicGroup } from './classic/group.js';
import { joinGroup } from './classic/join.js';
import { heartbeat, leaveGroup, sessionTimerFired } from './classic/membership.js';
import { joinTimerFired, prepareRebalance, release, renewSession, syncTimerFired } from './classic/rebalance.js';
import { syncGroup } from './classic/sync.js';
import { cleanUp, forgetTopics, topicsGone } from './cleanup.js';
import type { ClusterTopics } from './cluster-topics.js';
import { joinConsumerGroup } from './consumer/classic-join.js';
import { heartbeatInConsumerGroup, leaveInConsumerGroup, syncConsumerGroup } from './consumer/classic-members.js';
import { consumerGroupFailed, describeConsumerGroup } from './consumer/describe.js';
import { ConsumerGroup } from './consumer/group.js';
import { heartbeat as consumerHeartbeat, heartbeatFailed } from './consumer/heartbeat.js';
import { leave as leaveConsumerGroup, phaseTimerFired, rebalanceTimerFired, sessionTimerFired as consumerSessionTimerFired } from './consumer/leave.js';
import { isLeaving } from './consumer/member.js';
import { consumerGroupTombstones, isConsumerGroupRecord } from './consumer/records.js';
import type { ConsumerGroupRecord } from './consumer/records.js';
import { resolveRegexes } from './consumer/regex.js';
import { replayConsumerGroup } from './consumer/replay.js';
import { resumeMember } from './consumer/timers.js';
import { upgrade } from './conversion/upgrade.js';
import { describeGroup, listGroups, listNewerGroups } from './describe.js';
import type { Group } from './group.js';
import { OffsetStore, storedOffset } from './offset-store.js';
import { commitOffsets, commitOffsetsInTransaction, deleteAllOffsets, deleteOffsets, fetchOffsets, refuseCommit } from './offsets.js';
import { groupTombstone, newGroupRecord } from './records.js';
import type { GroupMetadata, GroupRecord, NewerProtocol } from './records.js';
import { NEW_MEMBER_JOIN_TIMEOUT_MS } from './settings.js';
import type { GroupSettings } from './settings.js';
import { Step } from './step.js';
import { parseTimerKey, timerKey } from './timers.js';
import type { GroupTimer } from './timers.js';
import type {
  ChangedTopics, CommitRequest, CommitResult, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResult, DeletedGroup, DeletedTopic,
  DeleteOffsetsRequest, DeleteOffsetsResult, DescribedConsumerGroup, DescribedGroup, FetchOffsetsRequest, FetchOffsetsResult,
  HeartbeatRequest, HeartbeatResult, JoinRequest, JoinResult, LeaveRequest, LeaveResult, ListedGroup, ListGroupsRequest, SyncRequest, SyncResult,
  TransactionalCommitRequest,
} from './types.js';

type GroupEffects = Effects<GroupRecord>;

/** How soon the next batch of a clean-up follows when one was not enough. */
const NEXT_BATCH_MS = 1;
/** How soon a clean-up is tried again that could not be written. */
const RETRY_MS = 1_000;

/**
 * The group coordinator of one partition of `__consumer_offsets`: a pure machine, after Kafka's `GroupCoordinatorShard`.
 *
 * Durable is the last metadata record of each group, and the committed offsets: `replay` alone changes them. What a group is
 * while its members come and go is soft, made from these when leadership begins, and changed by the protocols' transitions,
 * which live in a folder for each protocol.
 */
export class GroupMachine implements Machine<GroupRecord> {
  readonly offsets = new OffsetStore();
  readonly recorded = new Map<string, GroupMetadata>();
  /** Groups of the classic protocol; no group is here and among `consumerGroups`. */
  readonly groups = new Map<string, ClassicGroup>();
  readonly consumerGroups = new Map<string, ConsumerGroup>();
  /** Groups that Apache Kafka made in a protocol that is not spoken here: their records stay as they are, and nobody joins. */
  readonly newerGroups = new Map<string, NewerProtocol>();
  /** Topics whose deletion has yet to be seen through. */
  private readonly deletedTopics = new Map<string, ReadonlySet<Uuid>>();

  /** The version of the cluster when topics last came. */
  private newTopicsVersion = -1;

  /** `cluster` gives the topics as they are; of what changes from the beginning of leadership on, `topicsChanged` tells. */
  constructor(private readonly settings: GroupSettings, private readonly cluster: () => ClusterTopics) {}

  // Membership

  joinGroup(request: JoinRequest, to: ReplyTo<JoinResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const { groupId } = request;
      const known = this.groups.get(groupId);
      const consumers = this.consumerGroups.get(groupId);
      if (this.newerGroups.has(groupId)) step.answer(to, joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, request.memberId));
      else if (consumers?.isEmpty === false) joinConsumerGroup(step, consumers, request, to);
      else if (known !== undefined) joinGroup(step, known, request, to);
      else if (request.memberId === '') this.joinNewGroup(step, request, to);
      else step.answer(to, joinError(ErrorCode.UNKNOWN_MEMBER_ID, request.memberId));
    });
  }

  syncGroup(request: SyncRequest, to: ReplyTo<SyncResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const group = this.groupOf(request.groupId);
      if (group?.kind === 'consumer' && !group.isEmpty) syncConsumerGroup(step, group, request, to);
      else if (group?.kind === 'classic' && !group.isIn('Empty')) syncGroup(step, group, request, to);
      else step.answer(to, syncError(ErrorCode.UNKNOWN_MEMBER_ID));
    });
  }

  heartbeat(request: HeartbeatRequest, to: ReplyTo<HeartbeatResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const group = this.groupOf(request.groupId);
      if (group === undefined) step.answer(to, { errorCode: ErrorCode.UNKNOWN_MEMBER_ID });
      else step.answer(to, { errorCode: group.kind === 'consumer' ? heartbeatInConsumerGroup(step, group, request) : heartbeat(step, group, request) });
    });
  }

  leaveGroup(request: LeaveRequest, to: ReplyTo<LeaveResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const group = this.groupOf(request.groupId);
      const result = group === undefined ? leaveUnknownGroup(request) : leaveGroupOf(step, group, request);
      step.answerOnceWritten(to, result, errorCode => ({ errorCode, members: [] }));
    });
  }

  /** ConsumerGroupHeartbeat: joins, stays and leaves. @throws KafkaError, and then nothing has happened. */
  consumerGroupHeartbeat(request: ConsumerGroupHeartbeatRequest, to: ReplyTo<ConsumerGroupHeartbeatResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const classic = this.groups.get(request.groupId);
      const result = isLeaving(request.memberEpoch)
        ? leaveConsumerGroup(step, this.consumerGroup(request.groupId), request)
        : consumerHeartbeat(step, this.consumerGroupToBeIn(step, request), request);
      // The group is of another protocol now: whoever waits in it has to come again.
      for (const member of classic?.members.values() ?? []) release(step, classic!, member, ErrorCode.REBALANCE_IN_PROGRESS, member.memberId);
      step.answerOnceWritten(to, result, heartbeatFailed);
    });
  }

  // Offsets

  commitOffsets(request: CommitRequest, to: ReplyTo<CommitResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const result = commitOffsets(step, this.groupOf(request.groupId), request);
      step.answerOnceWritten(to, result, errorCode => refuseCommit(request, errorCode));
    });
  }

  commitOffsetsInTransaction(request: TransactionalCommitRequest, guard: OpenTransaction['guard'], to: ReplyTo<CommitResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const result = commitOffsetsInTransaction(step, this.groupOf(request.groupId), request, guard);
      step.answerOnceWritten(to, result, errorCode => refuseCommit(request, errorCode));
    });
  }

  fetchOffsets(request: FetchOffsetsRequest, to: ReplyTo<FetchOffsetsResult>, at: Moment): GroupEffects {
    return this.step(at, step => step.answer(to, fetchOffsets(this.offsets, this.groupOf(request.groupId), request)));
  }

  deleteOffsets(request: DeleteOffsetsRequest, to: ReplyTo<DeleteOffsetsResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const result = deleteOffsets(step, this.offsets, this.groupOf(request.groupId), request);
      step.answerOnceWritten(to, result, errorCode => ({ errorCode, topics: [] }));
    });
  }

  // Groups

  describeGroups(groupIds: readonly string[], knowsGroupIdNotFound: boolean, to: ReplyTo<DescribedGroup[]>, at: Moment): GroupEffects {
    return this.step(at, step =>
      step.answer(to, groupIds.map(groupId => describeGroup(groupId, this.groupOf(groupId), knowsGroupIdNotFound))));
  }

  listGroups(request: ListGroupsRequest, to: ReplyTo<ListedGroup[]>, at: Moment): GroupEffects {
    return this.step(at, step => step.answer(to, [...listGroups(this.allGroups(), request), ...listNewerGroups(this.newerGroups, request)]));
  }

  describeConsumerGroups(groupIds: readonly string[], to: ReplyTo<DescribedConsumerGroup[]>, at: Moment): GroupEffects {
    return this.step(at, step => step.answer(to, groupIds.map(groupId => this.describeConsumerGroup(step, groupId))));
  }

  /** Deletes groups that nobody is in, with their offsets. */
  deleteGroups(groupIds: readonly string[], to: ReplyTo<DeletedGroup[]>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const results = groupIds.map(groupId => ({ groupId, errorCode: this.deleteGroup(step, groupId) }));
      step.answerOnceWritten(to, results, errorCode => groupIds.map(groupId => ({ groupId, errorCode })));
    });
  }

  /** Groups that subscribe to these topics look at them with the next heartbeat. */
  topicsChanged({ names, hasNew }: ChangedTopics, to: ReplyTo<null>, at: Moment): GroupEffects {
    return this.step(at, step => {
      if (hasNew) this.newTopicsVersion = step.cluster.version;
      for (const group of this.consumerGroups.values()) if (names.some(name => group.isSubscribedTo(name))) group.requestRefresh();
      step.answer(to, null);
    });
  }

  /** Topics are gone from the cluster: so are all offsets committed for them. */
  topicsDeleted(topics: readonly DeletedTopic[], to: ReplyTo<null>, at: Moment): GroupEffects {
    return this.step(at, step => {
      for (const topic of topics) this.noteDeleted(topic.name, [topic.id, ZERO_UUID]);
      this.forgetDeletedTopics(step);
      step.answer(to, null);
    });
  }

  // What the runtime calls

  replay(record: GroupRecord, position: RecordPosition): void {
    if (record.kind === 'group') this.replayGroup(record.groupId, record.value);
    else if (record.kind === 'newer group') this.replayNewerGroup(record);
    else if (isConsumerGroupRecord(record)) this.replayConsumerGroup(record);
    else this.replayOffset(record, position);
  }

  replayMarker({ producerId, committed }: { producerId: number; committed: boolean }): void {
    this.offsets.replayMarker(producerId, committed);
  }

  activated(at: Moment): GroupEffects {
    return this.step(at, step => {
      for (const [groupId, value] of this.recorded) this.groups.set(groupId, ClassicGroup.fromRecord(groupId, value));
      for (const groupId of this.offsets.groupIds()) this.ensureGroupOf(groupId, at.nowMs);
      for (const group of this.groups.values()) resume(step, group);
      for (const group of this.consumerGroups.values()) for (const memberId of group.members.keys()) resumeMember(step, group, memberId);
      this.newTopicsVersion = step.cluster.version;
      step.setTimer(timerKey('cleanup'), this.settings.offsetsRetentionCheckIntervalMs);
      for (const { name, id } of topicsGone(this.offsets, step.cluster)) this.noteDeleted(name, [id]);
      if (this.deletedTopics.size > 0) step.setTimer(timerKey('topics'), NEXT_BATCH_MS);
    });
  }

  timerFired(key: string, at: Moment): GroupEffects {
    return this.step(at, step => {
      const timer = parseTimerKey(key);
      if (timer.kind === 'cleanup') return this.cleanUp(step);
      if (timer.kind === 'topics') return this.forgetDeletedTopics(step);
      const group = this.groupOf(timer.groupId);
      if (group?.kind === 'consumer') consumerTimerFired(step, group, timer);
      else if (group !== undefined) classicTimerFired(step, group, timer);
      return undefined;
    });
  }

  private step(at: Moment, run: (step: Step) => void): GroupEffects {
    const step = new Step(at, this.settings, this.cluster(), this.newTopicsVersion, this.groups);
    run(step);
    return step.effects();
  }

  private groupOf(groupId: string): Group | undefined {
    return this.groups.get(groupId) ?? this.consumerGroups.get(groupId);
  }

  private allGroups(): Group[] {
    return [...this.groups.values(), ...this.consumerGroups.values()];
  }

  /** @throws KafkaError GROUP_ID_NOT_FOUND. */
  private consumerGroup(groupId: string, whenMissing = `Group ${groupId} not found.`): ConsumerGroup {
    const group = this.consumerGroups.get(groupId);
    if (group !== undefined) return group;
    const isOther = this.groups.has(groupId) || this.newerGroups.has(groupId);
    throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, isOther ? `Group ${groupId} is not a consumer group.` : whenMissing);
  }

  /** The group of a member that joins or stays. Whoever joins makes it if need be, also of a classic group. */
  private consumerGroupToBeIn(step: Step, { groupId, memberEpoch }: ConsumerGroupHeartbeatRequest): ConsumerGroup {
    const classic = this.groups.get(groupId);
    const mayMake = memberEpoch === 0 && !this.consumerGroups.has(groupId) && !this.newerGroups.has(groupId);
    if (!mayMake) return this.consumerGroup(groupId, `Consumer group ${groupId} not found.`);
    if (classic !== undefined && !classic.isIn('Empty')) return upgrade(step, classic);
    if (classic !== undefined) endClassicGroup(step, classic);
    return new ConsumerGroup(groupId);
  }

  private describeConsumerGroup({ cluster, settings }: Step, groupId: string): DescribedConsumerGroup {
    try {
      return describeConsumerGroup(this.consumerGroup(groupId), cluster, settings.consumer.assignors[0]!.name);
    } catch (error) {
      if (error instanceof KafkaError) return consumerGroupFailed(groupId, error.errorCode, error.message);
      throw error;
    }
  }

  /** A group comes to be with a record even before its first generation, so that another coordinator knows of it. */
  private joinNewGroup(step: Step, request: JoinRequest, to: ReplyTo<JoinResult>): void {
    const { groupId } = request;
    const empty = this.consumerGroups.get(groupId);
    if (empty !== undefined) for (const tombstone of consumerGroupTombstones(empty)) step.append(tombstone);
    const group = this.ensureGroup(groupId, step.at.nowMs);
    step.append(newGroupRecord(groupId, step.at.nowMs));
    step.failUnwritten(to, errorCode => joinError(errorCode, ''));
    step.ifNotWritten((instead, errorCode) => {
      for (const member of group.members.values()) release(instead, group, member, errorCode, '');
      cancelTimers(instead, group);
      this.groups.delete(groupId);
    });
    joinGroup(step, group, request, to);
  }

  private ensureGroup(groupId: string, nowMs: number): ClassicGroup {
    const known = this.groups.get(groupId);
    if (known !== undefined) return known;
    const group = new ClassicGroup(groupId, nowMs);
    this.groups.set(groupId, group);
    return group;
  }

  private deleteGroup(step: Step, groupId: string): number {
    // It has records that a tombstone of ours would leave without their group.
    if (this.newerGroups.has(groupId)) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
    const group = this.groupOf(groupId);
    if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
    if (group.kind === 'consumer' ? !group.isEmpty : !group.isIn('Empty')) return ErrorCode.NON_EMPTY_GROUP;
    deleteAllOffsets(step, this.offsets, groupId);
    if (group.kind === 'classic') endClassicGroup(step, group);
    else for (const tombstone of consumerGroupTombstones(group)) step.append(tombstone);
    return ErrorCode.NONE;
  }

  private replayGroup(groupId: string, value: GroupMetadata | null): void {
    if (value !== null) {
      this.recorded.set(groupId, value);
      this.consumerGroups.delete(groupId);
    } else {
      this.recorded.delete(groupId);
      this.groups.delete(groupId);
    }
  }

  private replayNewerGroup({ groupId, protocol, value }: GroupRecord & { kind: 'newer group' }): void {
    if (value === null) {
      this.newerGroups.delete(groupId);
      return;
    }
    this.newerGroups.set(groupId, protocol);
    // It was only there for its offsets.
    this.groups.delete(groupId);
  }

  /** A value makes the group if there is none; a tombstone of what is not there changes nothing. */
  private replayConsumerGroup(record: ConsumerGroupRecord): void {
    const { groupId } = record;
    let group = this.consumerGroups.get(groupId);
    if (group === undefined) {
      if (record.value === null) return;
      this.consumerGroups.set(groupId, group = new ConsumerGroup(groupId));
      // It was only there for its offsets.
      this.groups.delete(groupId);
      this.recorded.delete(groupId);
    }
    if (replayConsumerGroup(group, record) === 'gone') this.consumerGroups.delete(groupId);
  }

  private replayOffset({ groupId, topic, partition, value }: GroupRecord & { kind: 'offset' }, position: RecordPosition): void {
    if (value === null) return this.offsets.replayTombstone(groupId, topic, partition);
    this.offsets.replayCommit(groupId, topic, partition, storedOffset(value, position.offset), position.producerId);
    // Committing makes a group of one that was none; it stays one, whatever becomes of the offset.
    this.ensureGroupOf(groupId, position.timestampMs);
  }

  /** Offsets are some group's. */
  private ensureGroupOf(groupId: string, nowMs: number): void {
    if (!this.newerGroups.has(groupId) && !this.consumerGroups.has(groupId)) this.ensureGroup(groupId, nowMs);
  }

  private cleanUp(step: Step): void {
    step.divide();
    const isUnfinished = cleanUp(step, this.offsets, this.allGroups());
    step.setTimer(timerKey('cleanup'), isUnfinished ? NEXT_BATCH_MS : this.settings.offsetsRetentionCheckIntervalMs);
    step.ifNotWritten(instead => instead.setTimer(timerKey('cleanup'), RETRY_MS));
  }

  private noteDeleted(name: string, ids: readonly Uuid[]): void {
    this.deletedTopics.set(name, new Set([...this.deletedTopics.get(name) ?? [], ...ids]));
  }

  private forgetDeletedTopics(step: Step): void {
    step.divide();
    const topics = [...this.deletedTopics];
    const isUnfinished = forgetTopics(step, this.offsets, this.deletedTopics);
    if (isUnfinished) step.setTimer(timerKey('topics'), NEXT_BATCH_MS);
    else this.deletedTopics.clear();
    step.ifNotWritten(instead => {
      for (const [name, ids] of topics) this.deletedTopics.set(name, ids);
      instead.setTimer(timerKey('topics'), RETRY_MS);
    });
  }
}

/** After a change of coordinator every member's session begins anew; a group that is over its size now has to rebalance. */
function resume(step: Step, group: ClassicGroup): void {
  for (const member of group.members.values()) renewSession(step, group, member);
  if (group.members.size > step.settings.maxGroupSize) prepareRebalance(step, group);
}

function classicTimerFired(step: Step, group: ClassicGroup, { kind, memberId }: GroupTimer): void {
  if (kind === 'session') sessionTimerFired(step, group, memberId);
  // One member's join or sync: it is from when the group was of the consumer protocol.
  else if (memberId !== '') return;
  else if (kind === 'join') joinTimerFired(step, group);
  else if (kind === 'sync') syncTimerFired(step, group);
}

function consumerTimerFired(step: Step, group: ConsumerGroup, { kind, memberId }: GroupTimer): void {
  if (kind === 'session') consumerSessionTimerFired(step, group, memberId);
  else if (kind === 'rebalance') rebalanceTimerFired(step, group, memberId);
  else if (kind === 'regex') resolveRegexes(step, group);
  else if (kind === 'join' || kind === 'sync') phaseTimerFired(step, group, memberId, kind);
}

function leaveGroupOf(step: Step, group: Group, request: LeaveRequest): LeaveResult {
  return group.kind === 'consumer' ? leaveInConsumerGroup(step, group, request) : leaveGroup(step, group, request);
}

/** The end of a classic group that nobody is in. */
function endClassicGroup(step: Step, group: ClassicGroup): void {
  cancelTimers(step, group);
  step.append(groupTombstone(group.groupId));
  step.ifNotWritten(instead => {
    for (const memberId of group.pendingJoins) instead.setTimer(timerKey('session', group.groupId, memberId), NEW_MEMBER_JOIN_TIMEOUT_MS);
  });
}

function cancelTimers(step: Step, { groupId, members, pendingJoins }: ClassicGroup): void {
  for (const memberId of [...members.keys(), ...pendingJoins]) step.cancelTimer(timerKey('session', groupId, memberId));
  step.cancelTimer(timerKey('join', groupId));
  step.cancelTimer(timerKey('sync', groupId));
}

/** Kafka answers this per member, and so that one who left twice is not told of an error of the whole request. */
function leaveUnknownGroup({ members }: LeaveRequest): LeaveResult {
  return {
    errorCode: ErrorCode.NONE,
    members: members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId, errorCode: ErrorCode.UNKNOWN_MEMBER_ID })),
  };
}
