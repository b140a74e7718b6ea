import type { Step } from '../step.js';
import { timerKey } from '../timers.js';
import type { ConsumerGroup } from './group.js';
import { LEAVE_STATIC_EPOCH } from './member.js';
import type { ConsumerMember } from './member.js';

/** The member was heard of: its session begins anew. Of the classic protocol it says itself how long that is. */
export function renewSession(step: Step, groupId: string, { memberId, classic }: Pick<ConsumerMember, 'memberId' | 'classic'>): void {
  step.setTimer(timerKey('session', groupId, memberId), classic?.sessionTimeoutMs ?? step.settings.consumer.sessionTimeoutMs(groupId));
}

/** Sets what a member's timers are to be from what is recorded of it: after a change of coordinator, and after a failed write. */
export function resumeMember(step: Step, group: ConsumerGroup, memberId: string): void {
  const { groupId } = group;
  const member = group.members.get(memberId);
  if (member === undefined) return cancelTimers(step, group, memberId);
  renewSession(step, groupId, member);
  const isRevoking = member.classic === null && member.state === 'unrevoked' && member.memberEpoch !== LEAVE_STATIC_EPOCH;
  if (isRevoking) step.setTimer(timerKey('rebalance', groupId, memberId), member.rebalanceTimeoutMs);
}

export function cancelTimers(step: Step, group: ConsumerGroup, memberId: string): void {
  step.cancelTimer(timerKey('session', group.groupId, memberId));
  step.cancelTimer(timerKey('rebalance', group.groupId, memberId));
  cancelJoin(step, group, memberId);
  cancelSync(step, group.groupId, memberId);
}

// Members of the classic protocol

/** The member is told to join again, and has its rebalance timeout for it from when it is told first. */
export function awaitJoin(step: Step, { groupId, awaitedJoins }: ConsumerGroup, { memberId, rebalanceTimeoutMs }: ConsumerMember): void {
  if (awaitedJoins.has(memberId)) return;
  awaitedJoins.add(memberId);
  step.setTimer(timerKey('join', groupId, memberId), rebalanceTimeoutMs);
}

export function cancelJoin(step: Step, { groupId, awaitedJoins }: ConsumerGroup, memberId: string): void {
  awaitedJoins.delete(memberId);
  step.cancelTimer(timerKey('join', groupId, memberId));
}

/** The member has joined, and is to ask for what it got. */
export function awaitSync(step: Step, groupId: string, { memberId, rebalanceTimeoutMs }: ConsumerMember): void {
  step.setTimer(timerKey('sync', groupId, memberId), rebalanceTimeoutMs);
}

export function cancelSync(step: Step, groupId: string, memberId: string): void {
  step.cancelTimer(timerKey('sync', groupId, memberId));
}
