import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { Step } from '../step.js';
import type { HeartbeatRequest, LeaveRequest, LeaveResult } from '../types.js';
import type { ClassicGroup } from './group.js';
import { completeJoinIfAllCame, maybeCompleteJoin, rebalanceOrCompleteJoin, removeMember, renewSession } from './rebalance.js';

/** Heartbeat, after Kafka's `classicGroupHeartbeatToClassicGroup`. Returns the error code. */
export function heartbeat(step: Step, group: ClassicGroup, request: HeartbeatRequest): number {
  const memberError = group.memberError(request.memberId, request.groupInstanceId);
  const member = group.members.get(request.memberId);
  if (memberError !== ErrorCode.NONE || member === undefined) return memberError;
  if (request.generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  renewSession(step, group, member);
  return group.isIn('PreparingRebalance') ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

/** LeaveGroup: each named member is judged by itself; whoever may go is gone at once. */
export function leaveGroup(step: Step, group: ClassicGroup, { members }: LeaveRequest): LeaveResult {
  const results = members.map(({ memberId, groupInstanceId }) =>
    ({ memberId, groupInstanceId, errorCode: leaveOne(step, group, memberId, groupInstanceId) }));
  if (results.some(({ errorCode }) => errorCode === ErrorCode.NONE)) {
    if (group.isIn('Stable', 'CompletingRebalance')) rebalanceOrCompleteJoin(step, group);
    else maybeCompleteJoin(step, group);
  }
  return { errorCode: ErrorCode.NONE, members: results };
}

/** The session timer of a member, or of an id that was given out and not used yet, ran out. */
export function sessionTimerFired(step: Step, group: ClassicGroup, memberId: string): void {
  if (group.members.get(memberId)?.hasSatisfiedHeartbeat()) return;
  const wasMember = group.members.has(memberId);
  removeMember(step, group, memberId);
  if (wasMember && group.canRebalance()) rebalanceOrCompleteJoin(step, group);
  else completeJoinIfAllCame(step, group);
}

function leaveOne(step: Step, group: ClassicGroup, memberId: string, groupInstanceId: string | null): number {
  // An administrator removes a static member by its instance id alone.
  const leaving = memberId === '' && groupInstanceId !== null ? group.staticMemberId(groupInstanceId) : memberId;
  if (leaving === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  const errorCode = group.pendingJoins.has(leaving) ? ErrorCode.NONE : group.memberError(leaving, groupInstanceId);
  if (errorCode === ErrorCode.NONE) removeMember(step, group, leaving);
  return errorCode;
}
