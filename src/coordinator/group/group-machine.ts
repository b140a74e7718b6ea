import { ErrorCode } from '../../protocol/generated/errors.js';
import { ZERO_UUID, type Uuid } from '../../protocol/wire/types.js';
import type { Effects, Machine, Moment, RecordPosition, ReplyTo } from '../../runtime/machine.js';
import { joinError, syncError } from './classic/answers.js';
import { ClassicGroup } from './classic/group.js';
import { joinGroup } from './classic/join.js';
import { heartbeat, leaveGroup, sessionTimerFired } from './classic/membership.js';
import { joinTimerFired, prepareRebalance, release, renewSession, syncTimerFired } from './classic/rebalance.js';
import { syncGroup } from './classic/sync.js';
import { cleanUp, forgetTopics, topicsGone } from './cleanup.js';
import { describeGroup, listGroups, listNewerGroups } from './describe.js';
import { OffsetStore, storedOffset } from './offset-store.js';
import { commitOffsets, deleteAllOffsets, deleteOffsets, fetchOffsets, refuseCommit } from './offsets.js';
import { groupTombstone, newGroupRecord } from './records.js';
import type { GroupMetadata, GroupRecord, NewerProtocol } from './records.js';
import type { GroupSettings } from './settings.js';
import { Step } from './step.js';
import { parseTimerKey, timerKey } from './timers.js';
import type {
  CommitRequest, CommitResult, DeletedGroup, DeletedTopic, DeleteOffsetsRequest, DeleteOffsetsResult, DescribedGroup,
  FetchOffsetsRequest, FetchOffsetsResult, HeartbeatRequest, HeartbeatResult, JoinRequest, JoinResult, LeaveRequest, LeaveResult,
  ListedGroup, ListGroupsRequest, SyncRequest, SyncResult, TopicExists,
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
  readonly groups = new Map<string, ClassicGroup>();
  /** Groups that Apache Kafka made in a protocol that is not spoken here: their records stay as they are, and nobody joins. */
  readonly newerGroups = new Map<string, NewerProtocol>();
  /** Topics whose deletion has yet to be seen through. */
  private readonly deletedTopics = new Map<string, ReadonlySet<Uuid>>();

  /** `topicExists` is asked when leadership begins: of topics deleted from then on, `topicsDeleted` tells. */
  constructor(private readonly settings: GroupSettings, private readonly topicExists: TopicExists) {}

  // Membership

  joinGroup(request: JoinRequest, to: ReplyTo<JoinResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const { groupId } = request;
      const known = this.groups.get(groupId);
      if (this.newerGroups.has(groupId)) step.answer(to, joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, request.memberId));
      else if (known !== undefined) joinGroup(step, known, request, to);
      else if (request.memberId === '') this.joinNewGroup(step, request, to);
      else step.answer(to, joinError(ErrorCode.UNKNOWN_MEMBER_ID, request.memberId));
    });
  }

  syncGroup(request: SyncRequest, to: ReplyTo<SyncResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const group = this.groups.get(request.groupId);
      if (group === undefined || group.isIn('Empty')) step.answer(to, syncError(ErrorCode.UNKNOWN_MEMBER_ID));
      else syncGroup(step, group, request, to);
    });
  }

  heartbeat(request: HeartbeatRequest, to: ReplyTo<HeartbeatResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const group = this.groups.get(request.groupId);
      step.answer(to, { errorCode: group === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : heartbeat(step, group, request) });
    });
  }

  leaveGroup(request: LeaveRequest, to: ReplyTo<LeaveResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const group = this.groups.get(request.groupId);
      const result = group === undefined ? leaveUnknownGroup(request) : leaveGroup(step, group, request);
      step.answerOnceWritten(to, result, errorCode => ({ errorCode, members: [] }));
    });
  }

  // Offsets

  commitOffsets(request: CommitRequest, to: ReplyTo<CommitResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const result = commitOffsets(step, this.groups.get(request.groupId), request);
      step.answerOnceWritten(to, result, errorCode => refuseCommit(request, errorCode));
    });
  }

  fetchOffsets(request: FetchOffsetsRequest, to: ReplyTo<FetchOffsetsResult>, at: Moment): GroupEffects {
    return this.step(at, step => step.answer(to, fetchOffsets(this.offsets, request)));
  }

  deleteOffsets(request: DeleteOffsetsRequest, to: ReplyTo<DeleteOffsetsResult>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const result = deleteOffsets(step, this.offsets, this.groups.get(request.groupId), request);
      step.answerOnceWritten(to, result, errorCode => ({ errorCode, topics: [] }));
    });
  }

  // Groups

  describeGroups(groupIds: readonly string[], knowsGroupIdNotFound: boolean, to: ReplyTo<DescribedGroup[]>, at: Moment): GroupEffects {
    return this.step(at, step =>
      step.answer(to, groupIds.map(groupId => describeGroup(groupId, this.groups.get(groupId), knowsGroupIdNotFound))));
  }

  listGroups(request: ListGroupsRequest, to: ReplyTo<ListedGroup[]>, at: Moment): GroupEffects {
    return this.step(at, step => step.answer(to, [...listGroups(this.groups.values(), request), ...listNewerGroups(this.newerGroups, request)]));
  }

  /** Deletes groups that nobody is in, with their offsets. */
  deleteGroups(groupIds: readonly string[], to: ReplyTo<DeletedGroup[]>, at: Moment): GroupEffects {
    return this.step(at, step => {
      const results = groupIds.map(groupId => ({ groupId, errorCode: this.deleteGroup(step, groupId) }));
      step.answerOnceWritten(to, results, errorCode => groupIds.map(groupId => ({ groupId, errorCode })));
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
    else this.replayOffset(record, position);
  }

  replayMarker({ producerId, committed }: { producerId: number; committed: boolean }): void {
    this.offsets.replayMarker(producerId, committed);
  }

  activated(at: Moment): GroupEffects {
    return this.step(at, step => {
      for (const [groupId, value] of this.recorded) this.groups.set(groupId, ClassicGroup.fromRecord(groupId, value));
      for (const groupId of this.offsets.groupIds()) if (!this.newerGroups.has(groupId)) this.ensureGroup(groupId, at.nowMs);
      for (const group of this.groups.values()) resume(step, group);
      step.setTimer(timerKey('cleanup'), this.settings.offsetsRetentionCheckIntervalMs);
      for (const { name, id } of topicsGone(this.offsets, this.topicExists)) this.noteDeleted(name, [id]);
      if (this.deletedTopics.size > 0) step.setTimer(timerKey('topics'), NEXT_BATCH_MS);
    });
  }

  timerFired(key: string, at: Moment): GroupEffects {
    return this.step(at, step => {
      const { kind, groupId, memberId } = parseTimerKey(key);
      if (kind === 'cleanup') return this.cleanUp(step);
      if (kind === 'topics') return this.forgetDeletedTopics(step);
      const group = this.groups.get(groupId);
      if (group === undefined) return undefined;
      if (kind === 'session') return sessionTimerFired(step, group, memberId);
      return kind === 'join' ? joinTimerFired(step, group) : syncTimerFired(step, group);
    });
  }

  private step(at: Moment, run: (step: Step) => void): GroupEffects {
    const step = new Step(at, this.settings);
    run(step);
    return step.effects();
  }

  /** A group comes to be with a record even before its first generation, so that another coordinator knows of it. */
  private joinNewGroup(step: Step, request: JoinRequest, to: ReplyTo<JoinResult>): void {
    const { groupId } = request;
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
    const group = this.groups.get(groupId);
    if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
    if (!group.isIn('Empty')) return ErrorCode.NON_EMPTY_GROUP;
    cancelTimers(step, group);
    deleteAllOffsets(step, this.offsets, groupId);
    step.append(groupTombstone(groupId));
    return ErrorCode.NONE;
  }

  private replayGroup(groupId: string, value: GroupMetadata | null): void {
    if (value !== null) {
      this.recorded.set(groupId, value);
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

  private replayOffset({ groupId, topic, partition, value }: GroupRecord & { kind: 'offset' }, position: RecordPosition): void {
    if (value === null) return this.offsets.replayTombstone(groupId, topic, partition);
    this.offsets.replayCommit(groupId, topic, partition, storedOffset(value, position.offset), position.producerId);
    // Committing makes a group of one that was none; it stays one, whatever becomes of the offset.
    if (!this.newerGroups.has(groupId)) this.ensureGroup(groupId, position.timestampMs);
  }

  private cleanUp(step: Step): void {
    const isUnfinished = cleanUp(step, this.offsets, this.groups.values());
    step.setTimer(timerKey('cleanup'), isUnfinished ? NEXT_BATCH_MS : this.settings.offsetsRetentionCheckIntervalMs);
  }

  private noteDeleted(name: string, ids: readonly Uuid[]): void {
    this.deletedTopics.set(name, new Set([...this.deletedTopics.get(name) ?? [], ...ids]));
  }

  private forgetDeletedTopics(step: Step): void {
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
