import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { ReplyTo } from '../../../runtime/machine.js';
import { groupMetadataRecord } from '../records.js';
import type { Step } from '../step.js';
import { timerKey } from '../timers.js';
import type { SyncRequest, SyncResult } from '../types.js';
import { assignmentFor, syncError } from './answers.js';
import type { ClassicGroup } from './group.js';
import { NO_ASSIGNMENT } from './member.js';
import type { ClassicMember } from './member.js';
import { prepareRebalance, renewSession, withdrawAssignments } from './rebalance.js';

/** SyncGroup, after Kafka's `classicGroupSyncToClassicGroup`: followers wait for the leader, whose request brings the assignment. */
export function syncGroup(step: Step, group: ClassicGroup, request: SyncRequest, to: ReplyTo<SyncResult>): void {
  const errorCode = syncErrorOf(group, request);
  const member = group.members.get(request.memberId);
  if (errorCode !== ErrorCode.NONE || member === undefined) return step.answer(to, syncError(errorCode));
  if (group.isIn('PreparingRebalance')) return step.answer(to, syncError(ErrorCode.REBALANCE_IN_PROGRESS));
  syncHasCome(step, group, member);
  if (group.isIn('Stable')) step.answer(to, assignmentFor(group, member));
  else awaitAssignment(step, group, member, request, to);
}

function syncErrorOf(group: ClassicGroup, request: SyncRequest): number {
  const memberError = group.memberError(request.memberId, request.groupInstanceId);
  if (memberError !== ErrorCode.NONE) return memberError;
  if (request.generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  const isConsistent = isSame(request.protocolType, group.protocolType) && isSame(request.protocolName, group.protocolName);
  return isConsistent ? ErrorCode.NONE : ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
}

/** Compared only where both sides know it. */
function isSame(asked: string | null, known: string | null): boolean {
  return asked === null || known === null || asked === known;
}

function syncHasCome(step: Step, group: ClassicGroup, member: ClassicMember): void {
  group.pendingSyncs.delete(member.memberId);
  if (group.pendingSyncs.size === 0) step.cancelTimer(timerKey('sync', group.groupId));
}

function awaitAssignment(
  step: Step, group: ClassicGroup, member: ClassicMember, request: SyncRequest, to: ReplyTo<SyncResult>,
): void {
  if (member.awaitingSync !== null) step.answer(member.awaitingSync, syncError(ErrorCode.REBALANCE_IN_PROGRESS));
  member.awaitingSync = to;
  if (group.isLeader(member.memberId)) assign(step, group, request.assignments);
}

/** The assignment is recorded, and whoever waits for its part gets it once the record is committed. */
function assign(step: Step, group: ClassicGroup, assignments: SyncRequest['assignments']): void {
  const byMember = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]));
  group.transitionTo('Stable', step.at.nowMs);
  for (const member of group.members.values()) {
    member.assignment = Uint8Array.from(byMember.get(member.memberId) ?? NO_ASSIGNMENT);
    const to = member.awaitingSync;
    member.awaitingSync = null;
    if (to === null) continue;
    step.answerOnceWritten(to, assignmentFor(group, member), syncError);
    renewSession(step, group, member);
  }
  step.append(groupMetadataRecord(group));
  step.ifNotWritten(instead => {
    withdrawAssignments(instead, group);
    prepareRebalance(instead, group);
  });
}
