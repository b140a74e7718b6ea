import { KafkaError } from '../../../protocol/errors.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { ReplyTo } from '../../../runtime/machine.js';
import { syncError } from '../classic/answers.js';
import { versionOf, writeAssignment } from '../classic/consumer-protocol.js';
import { CONSUMER_PROTOCOL_TYPE } from '../classic/subscription.js';
import type { ClusterTopics } from '../cluster-topics.js';
import { toAssignment } from '../conversion/partitions.js';
import type { Step } from '../step.js';
import type { HeartbeatRequest, LeaveRequest, LeaveResult, SyncRequest, SyncResult } from '../types.js';
import { knownMember, knownStaticMember } from './checks.js';
import type { ConsumerGroup } from './group.js';
import { removeMembers } from './leave.js';
import type { ClassicTerms, ConsumerMember } from './member.js';
import { hasPartition } from './partition-epochs.js';
import { awaitJoin, cancelSync, renewSession, resumeMember } from './timers.js';

/**
 * How members of the classic protocol live in a consumer group once they have joined (`classic-join.ts`). A member's epoch is its
 * generation; each joins and syncs for itself, told to by the answers to its heartbeats.
 */

type ClassicMember = ConsumerMember & { readonly classic: ClassicTerms };

/** SyncGroup, after Kafka's `classicGroupSyncToConsumerGroup`: tells what the member holds since it joined. @throws KafkaError. */
export function syncConsumerGroup(step: Step, group: ConsumerGroup, request: SyncRequest, to: ReplyTo<SyncResult>): void {
  const member = memberOf(group, request);
  refuseProtocol(member, request);
  // Who has yet to give partitions back has joined already, and is told when to come again once it has.
  if (group.assignmentEpoch > member.memberEpoch && member.state !== 'unrevoked') {
    awaitJoin(step, group, member);
    return step.answer(to, syncError(ErrorCode.REBALANCE_IN_PROGRESS));
  }
  cancelSync(step, group.groupId, member.memberId);
  renewSession(step, group.groupId, member);
  const { protocolType, protocolName } = request;
  step.answer(to, { errorCode: ErrorCode.NONE, protocolType, protocolName, assignment: assignmentFor(member, step.cluster) });
}

/** Heartbeat, after Kafka's `classicGroupHeartbeatToConsumerGroup`; an error code. @throws KafkaError. */
export function heartbeatInConsumerGroup(step: Step, group: ConsumerGroup, request: HeartbeatRequest): number {
  const member = memberOf(group, request);
  renewSession(step, group.groupId, member);
  if (!isToRejoin(group, member)) return ErrorCode.NONE;
  awaitJoin(step, group, member);
  return ErrorCode.REBALANCE_IN_PROGRESS;
}

/** LeaveGroup, after Kafka's `classicGroupLeaveToConsumerGroup`: each named member is judged by itself, of whichever protocol it is. */
export function leaveInConsumerGroup(step: Step, group: ConsumerGroup, { members }: LeaveRequest): LeaveResult {
  const leaving = new Set<ConsumerMember>();
  const results = members.map(({ memberId, groupInstanceId }) => {
    const found = leavingMember(group, memberId, groupInstanceId);
    if (typeof found !== 'number') leaving.add(found);
    return { memberId, groupInstanceId, errorCode: typeof found === 'number' ? found : ErrorCode.NONE };
  });
  removeMembers(step, group, [...leaving]);
  step.ifNotWritten(instead => { for (const { memberId } of leaving) resumeMember(instead, group, memberId); });
  return { errorCode: ErrorCode.NONE, members: results };
}

/** The member, or why it cannot leave. An administrator names a static member by its instance id alone. */
function leavingMember(group: ConsumerGroup, memberId: string, groupInstanceId: string | null): ConsumerMember | number {
  const member = groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return memberId === '' || member.memberId === memberId ? member : ErrorCode.FENCED_INSTANCE_ID;
}

/** @throws KafkaError UNKNOWN_MEMBER_ID, also for members of the consumer protocol; FENCED_INSTANCE_ID; ILLEGAL_GENERATION. */
function memberOf(group: ConsumerGroup, { memberId, groupInstanceId, generationId }: HeartbeatRequest): ClassicMember {
  const member = groupInstanceId === null ? knownMember(group, memberId) : knownStaticMember(group, groupInstanceId, memberId);
  if (!isClassic(member)) throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} does not use the classic protocol.`);
  if (member.memberEpoch === generationId) return member;
  throw new KafkaError(ErrorCode.ILLEGAL_GENERATION,
    `The request generation id ${generationId} is not equal to the member epoch ${member.memberEpoch} of member ${memberId}.`);
}

function isClassic(member: ConsumerMember): member is ClassicMember {
  return member.classic !== null;
}

/** Where the request carries them, they have to be what the join was answered with. @throws KafkaError INCONSISTENT_GROUP_PROTOCOL. */
function refuseProtocol({ memberId, classic }: ClassicMember, { protocolType, protocolName }: SyncRequest): void {
  const known = classic.supportedProtocols[0]?.name;
  const refuse = (what: string, other: string): never => {
    throw new KafkaError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, `The protocol ${what} from member ${memberId} request is not equal to the protocol ${other}.`);
  };
  if (protocolType !== null && protocolType !== CONSUMER_PROTOCOL_TYPE) refuse(`type ${protocolType}`, `type ${CONSUMER_PROTOCOL_TYPE} of the group`);
  if (protocolName !== null && protocolName !== known) refuse(`name ${protocolName}`, `name ${known} returned in the join response`);
}

/**
 * Whether the member is to join again: there is a new target, it has to give something back, or what it waits for is free. Where
 * all are of the classic protocol only a join computes a new target, so the group's epoch asks for it too; in Kafka such a group
 * waits until somebody joins by chance.
 */
function isToRejoin(group: ConsumerGroup, member: ClassicMember): boolean {
  if (member.memberEpoch < group.assignmentEpoch || member.state === 'unrevoked') return true;
  if (member.state === 'unreleased' && !waitsForOthers(group, member)) return true;
  return member.memberEpoch < group.groupEpoch && [...group.members.values()].every(isClassic);
}

/** Whether some of the member's target is still another's. */
function waitsForOthers(group: ConsumerGroup, { memberId, assigned }: ConsumerMember): boolean {
  for (const [topicId, partitions] of group.targetOf(memberId)) {
    for (const partition of partitions) if (!hasPartition(assigned, topicId, partition) && group.isOwned(topicId, partition)) return true;
  }
  return false;
}

function assignmentFor({ assigned, classic }: ClassicMember, cluster: ClusterTopics): Uint8Array {
  return writeAssignment(toAssignment(assigned, cluster), versionOf(classic.supportedProtocols[0]!.metadata));
}
