import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { ReplyTo } from '../../../runtime/machine.js';
import { groupMetadataRecord } from '../records.js';
import type { Step } from '../step.js';
import { timerKey } from '../timers.js';
import type { JoinResult } from '../types.js';
import { joinError, syncError } from './answers.js';
import type { ClassicGroup } from './group.js';
import { NO_ASSIGNMENT } from './member.js';
import type { ClassicMember } from './member.js';

/**
 * The two phases of a rebalance, after Kafka's `GroupMetadataManager`. Join: members are parked until all have come or time
 * is up. Sync: they have the new generation, and wait for what the leader assigns.
 */

/** Something changed who is in the group or what they want: begin a rebalance, or see whether one under way is complete. */
export function rebalanceOrCompleteJoin(step: Step, group: ClassicGroup): void {
  if (group.canRebalance()) prepareRebalance(step, group);
  else maybeCompleteJoin(step, group);
}

/** Begins a rebalance. Whoever waits for an assignment has to join again. */
export function prepareRebalance(step: Step, group: ClassicGroup): void {
  if (group.isIn('CompletingRebalance')) withdrawAssignments(step, group);
  endSyncPhase(step, group);
  const isInitial = group.isIn('Empty');
  group.transitionTo('PreparingRebalance', step.at.nowMs);
  if (isInitial) holdBackFirstGeneration(step, group);
  else if (group.hasAllMembersJoined()) completeJoin(step, group);
  else awaitRejoins(step, group);
}

/** Ends the join phase when all have come; an empty group's first one ends by its delay instead. */
export function maybeCompleteJoin(step: Step, group: ClassicGroup): void {
  if (!group.isIn('PreparingRebalance') || group.previousState === 'Empty') return;
  if (group.hasAllMembersJoined()) completeJoin(step, group);
}

/** The join timer ran out: the first generation has waited long enough, or whoever has not rejoined is left behind. */
export function joinTimerFired(step: Step, group: ClassicGroup): void {
  if (!group.isIn('PreparingRebalance')) return;
  const { initialDelay } = group;
  if (initialDelay !== null && group.newMemberAdded && initialDelay.remainingMs > 0) extendFirstDelay(step, group, initialDelay);
  else completeJoin(step, group);
}

/** The sync timer ran out: members that joined but never asked for their assignment are dropped. */
export function syncTimerFired(step: Step, group: ClassicGroup): void {
  if (!group.isIn('CompletingRebalance', 'Stable') || group.pendingSyncs.size === 0) return;
  for (const memberId of group.pendingSyncs) removeMember(step, group, memberId);
  prepareRebalance(step, group);
}

/** Takes a member, pending or joined, out of the group and off its timer. If it is parked it learns that it is unknown. */
export function removeMember(step: Step, group: ClassicGroup, memberId: string): void {
  const member = group.members.get(memberId);
  if (member !== undefined) release(step, group, member, ErrorCode.UNKNOWN_MEMBER_ID, '');
  step.cancelTimer(timerKey('session', group.groupId, memberId));
  group.remove(memberId);
}

/** Somebody who was waited for is gone: ends the join phase, an empty group's first one too, when nobody else is missing. */
export function completeJoinIfAllCame(step: Step, group: ClassicGroup): void {
  if (group.isIn('PreparingRebalance') && group.hasAllMembersJoined()) completeJoin(step, group);
}

/** Answers a parked member with an error. */
export function release(step: Step, group: ClassicGroup, member: ClassicMember, errorCode: number, memberId: string): void {
  const join = group.takeJoin(member);
  if (join !== null) step.answer(join, joinError(errorCode, memberId));
  const sync = member.awaitingSync;
  member.awaitingSync = null;
  if (sync !== null) step.answer(sync, syncError(errorCode));
}

/** The member was heard of: its session begins anew. */
export function renewSession(step: Step, group: ClassicGroup, member: ClassicMember, timeoutMs = member.terms.sessionTimeoutMs): void {
  step.setTimer(timerKey('session', group.groupId, member.memberId), timeoutMs);
}

/** The present generation as a joining member is told of it; the leader learns who is in it. */
export function generationFor(group: ClassicGroup, memberId: string): JoinResult {
  return {
    errorCode: ErrorCode.NONE,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? '',
    skipAssignment: false,
    memberId,
    members: group.isLeader(memberId) ? membersOf(group) : [],
  };
}

/** Parks a join; if the same member was parked already, that older request is told to come again. */
export function parkJoin(step: Step, group: ClassicGroup, member: ClassicMember, to: ReplyTo<JoinResult>): void {
  const displaced = group.parkJoin(member, to);
  if (displaced !== null) step.answer(displaced, joinError(ErrorCode.REBALANCE_IN_PROGRESS, member.memberId));
}

function endSyncPhase(step: Step, group: ClassicGroup): void {
  group.pendingSyncs.clear();
  step.cancelTimer(timerKey('sync', group.groupId));
}

function membersOf(group: ClassicGroup): JoinResult['members'] {
  return [...group.members.values()].map(member => ({
    memberId: member.memberId,
    groupInstanceId: member.identity.groupInstanceId,
    metadata: member.metadata(group.protocolName),
  }));
}

function holdBackFirstGeneration(step: Step, group: ClassicGroup): void {
  const delayMs = step.settings.initialRebalanceDelayMs;
  group.newMemberAdded = false;
  if (delayMs === 0) return completeJoin(step, group);
  group.initialDelay = { delayMs, remainingMs: Math.max(group.rebalanceTimeoutMs() - delayMs, 0) };
  step.setTimer(timerKey('join', group.groupId), delayMs);
}

function extendFirstDelay(step: Step, group: ClassicGroup, { delayMs, remainingMs }: { delayMs: number; remainingMs: number }): void {
  group.newMemberAdded = false;
  group.initialDelay = {
    delayMs: Math.min(step.settings.initialRebalanceDelayMs, remainingMs),
    remainingMs: Math.max(remainingMs - delayMs, 0),
  };
  step.setTimer(timerKey('join', group.groupId), group.initialDelay.delayMs);
}

function awaitRejoins(step: Step, group: ClassicGroup): void {
  step.setTimer(timerKey('join', group.groupId), group.rebalanceTimeoutMs());
}

/**
 * Ends the join phase: dynamic members that did not come are gone, static ones stay until their session ends. When nobody
 * came at all, only sessions can thin out the group, so the phase is given another round.
 */
function completeJoin(step: Step, group: ClassicGroup): void {
  step.cancelTimer(timerKey('join', group.groupId));
  group.initialDelay = null;
  for (const member of group.members.values()) {
    if (member.awaitingJoin === null && !member.isStatic) removeMember(step, group, member.memberId);
  }
  if (!group.electJoinedLeader() && group.members.size > 0) return awaitRejoins(step, group);
  group.nextGeneration(step.at.nowMs);
  if (group.isIn('Empty')) step.append(groupMetadataRecord(group));
  else announceGeneration(step, group);
}

function announceGeneration(step: Step, group: ClassicGroup): void {
  for (const member of group.members.values()) {
    const to = group.takeJoin(member);
    if (to !== null) step.answer(to, generationFor(group, member.memberId));
    renewSession(step, group, member);
    member.isNew = false;
    group.pendingSyncs.add(member.memberId);
  }
  step.setTimer(timerKey('sync', group.groupId), group.rebalanceTimeoutMs());
}

/** The generation is over before its assignment came: those who wait for it join again. */
export function withdrawAssignments(step: Step, group: ClassicGroup): void {
  for (const member of group.members.values()) {
    member.assignment = NO_ASSIGNMENT;
    const to = member.awaitingSync;
    member.awaitingSync = null;
    if (to === null) continue;
    step.answer(to, syncError(ErrorCode.REBALANCE_IN_PROGRESS));
    renewSession(step, group, member);
  }
}
