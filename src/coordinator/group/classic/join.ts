import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { ReplyTo } from '../../../runtime/machine.js';
import { memberUuid } from '../member-id.js';
import { groupMetadataRecord } from '../records.js';
import { NEW_MEMBER_JOIN_TIMEOUT_MS } from '../settings.js';
import type { Step } from '../step.js';
import { timerKey } from '../timers.js';
import type { JoinRequest, JoinResult } from '../types.js';
import { joinError } from './answers.js';
import type { ClassicGroup } from './group.js';
import { ClassicMember } from './member.js';
import type { MemberTerms } from './member.js';
import {
  completeJoinIfAllCame, generationFor, maybeCompleteJoin, parkJoin, prepareRebalance, rebalanceOrCompleteJoin, release, removeMember,
  renewSession,
} from './rebalance.js';

type JoinTo = ReplyTo<JoinResult>;

/** JoinGroup, after Kafka's `classicGroupJoinToClassicGroup`: answered at once, or parked until the rebalance is over. */
export function joinGroup(step: Step, group: ClassicGroup, request: JoinRequest, to: JoinTo): void {
  if (!hasRoomFor(step, group, request.memberId)) {
    step.answer(to, joinError(ErrorCode.GROUP_MAX_SIZE_REACHED, ''));
    removeMember(step, group, request.memberId);
    completeJoinIfAllCame(step, group);
  } else if (!group.supports(request.protocolType, request.protocols)) {
    step.answer(to, joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, request.memberId));
  } else if (request.memberId === '') {
    joinAsNewMember(step, group, request, to);
  } else if (group.pendingJoins.has(request.memberId)) {
    joinAsPendingMember(step, group, request, to);
  } else {
    rejoin(step, group, request, to);
  }
}

/**
 * During a rebalance those who are parked count, so that a group that is already too large loses the last to rejoin;
 * otherwise all members count.
 */
function hasRoomFor({ settings }: Step, group: ClassicGroup, memberId: string): boolean {
  const member = group.members.get(memberId);
  if (group.isIn('Empty')) return true;
  if (group.isIn('PreparingRebalance')) return Boolean(member?.awaitingJoin) || group.parkedJoinCount < settings.maxGroupSize;
  return member !== undefined || group.members.size < settings.maxGroupSize;
}

function joinAsNewMember(step: Step, group: ClassicGroup, request: JoinRequest, to: JoinTo): void {
  const { groupInstanceId } = request;
  const memberId = `${groupInstanceId ?? request.clientId}-${memberUuid(step.at.newId())}`;
  const former = groupInstanceId === null ? undefined : group.members.get(group.staticMemberId(groupInstanceId) ?? '');
  if (former !== undefined) replaceStaticMember(step, group, request, former, memberId, to);
  else if (groupInstanceId === null && request.needsKnownMemberId) giveMemberId(step, group, request, memberId, to);
  else addMember(step, group, request, memberId, to);
}

/** KIP-394: the member has to come again with the id that it gets here, so one that gives up leaves no ghost in the group. */
function giveMemberId(step: Step, group: ClassicGroup, request: JoinRequest, memberId: string, to: JoinTo): void {
  group.pendingJoins.add(memberId);
  step.setTimer(timerKey('session', group.groupId, memberId), request.sessionTimeoutMs);
  step.answer(to, joinError(ErrorCode.MEMBER_ID_REQUIRED, memberId));
}

function joinAsPendingMember(step: Step, group: ClassicGroup, request: JoinRequest, to: JoinTo): void {
  // Only dynamic members are ever pending: this id was not given to an instance. No client does so, and Kafka has no better name for it.
  if (request.groupInstanceId !== null) step.answer(to, joinError(ErrorCode.UNKNOWN_SERVER_ERROR, ''));
  else addMember(step, group, request, request.memberId, to);
}

function addMember(step: Step, group: ClassicGroup, request: JoinRequest, memberId: string, to: JoinTo): void {
  const { groupInstanceId, clientId, clientHost } = request;
  const member = new ClassicMember({ memberId, groupInstanceId, clientId, clientHost }, termsOf(request));
  member.isNew = true;
  if (group.isIn('PreparingRebalance') && group.previousState === 'Empty') group.newMemberAdded = true;
  group.add(member, request.protocolType);
  parkJoin(step, group, member, to);
  renewSession(step, group, member, NEW_MEMBER_JOIN_TIMEOUT_MS);
  rebalanceOrCompleteJoin(step, group);
}

/** A member that has its id asks again. */
function rejoin(step: Step, group: ClassicGroup, request: JoinRequest, to: JoinTo): void {
  const { memberId, groupInstanceId } = request;
  const errorCode = group.memberError(memberId, groupInstanceId);
  const member = group.members.get(memberId);
  if (errorCode !== ErrorCode.NONE || member === undefined) step.answer(to, joinError(errorCode, memberId));
  else if (needsNoRebalance(group, member, request)) step.answer(to, generationFor(group, memberId));
  else updateMember(step, group, member, request, to);
}

/**
 * A member that asks again with what we know of it probably missed our answer. The leader of a stable group, though, asks
 * in order to have everything assigned anew: what it assigns may have changed without anyone's metadata showing it.
 */
function needsNoRebalance(group: ClassicGroup, member: ClassicMember, { protocols }: JoinRequest): boolean {
  if (group.isIn('PreparingRebalance')) return false;
  if (group.isIn('Stable') && group.isLeader(member.memberId)) return false;
  return member.matches(protocols);
}

function updateMember(step: Step, group: ClassicGroup, member: ClassicMember, request: JoinRequest, to: JoinTo): void {
  group.setTerms(member, termsOf(request));
  parkJoin(step, group, member, to);
  rebalanceOrCompleteJoin(step, group);
}

/** KIP-345: a restarted static member takes over from the one it was; that one, if it still lives, is fenced. */
function replaceStaticMember(
  step: Step, group: ClassicGroup, request: JoinRequest, former: ClassicMember, memberId: string, to: JoinTo,
): void {
  const formerLeader = group.leaderId ?? '';
  release(step, group, former, ErrorCode.FENCED_INSTANCE_ID, former.memberId);
  step.cancelTimer(timerKey('session', group.groupId, former.memberId));
  const member = group.replaceStatic(former, memberId);
  // The first session is the former one's begun anew: what the instance asks for now counts from its next heartbeat on.
  renewSession(step, group, member);
  group.setTerms(member, termsOf(request));
  if (group.isIn('Stable') && group.selectProtocol() === group.protocolName) {
    step.append(groupMetadataRecord(group));
    step.answerOnceWritten(to, sameGeneration(group, request, memberId, formerLeader), errorCode => joinError(errorCode, ''));
    step.ifNotWritten(instead => restoreStaticMember(instead, group, member, former));
    return;
  }
  parkJoin(step, group, member, to);
  // The leader may be assigning to the old id right now, so CompletingRebalance has to start over.
  if (group.canRebalance()) prepareRebalance(step, group);
  else maybeCompleteJoin(step, group);
}

/** The new id could not be recorded: the group keeps the member it knows. */
function restoreStaticMember(step: Step, group: ClassicGroup, member: ClassicMember, former: ClassicMember): void {
  step.cancelTimer(timerKey('session', group.groupId, member.memberId));
  const restored = group.replaceStatic(member, former.memberId);
  group.setTerms(restored, former.terms);
  renewSession(step, group, restored);
}

/**
 * The group goes on as it was. A client that cannot be told to skip the assignment is named the former leader's id, so that
 * it does not take itself for the leader (KIP-814).
 */
function sameGeneration(group: ClassicGroup, request: JoinRequest, memberId: string, formerLeader: string): JoinResult {
  const result = generationFor(group, memberId);
  if (request.maySkipAssignment) return { ...result, skipAssignment: group.isLeader(memberId) };
  return { ...result, leader: formerLeader, members: [] };
}

/** The first of each name; the bytes are copied, for the request's frame is not ours to keep. */
export function termsOf({ sessionTimeoutMs, rebalanceTimeoutMs, protocols }: JoinRequest): MemberTerms {
  const byName = new Map<string, Uint8Array>();
  for (const { name, metadata } of protocols) if (!byName.has(name)) byName.set(name, Uint8Array.from(metadata));
  return { sessionTimeoutMs, rebalanceTimeoutMs, protocols: [...byName].map(([name, metadata]) => ({ name, metadata })) };
}
