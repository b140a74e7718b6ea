import type { Step } from '../step.js';
import { timerKey } from '../timers.js';
import type { ConsumerGroup } from './group.js';
import { LEAVE_STATIC_EPOCH } from './member.js';

/** The member was heard of: its session begins anew. */
export function renewSession(step: Step, groupId: string, memberId: string): void {
  step.setTimer(timerKey('session', groupId, memberId), step.settings.consumer.sessionTimeoutMs(groupId));
}

/** Sets what a member's timers are to be from what is recorded of it: after a change of coordinator, and after a failed write. */
export function resumeMember(step: Step, { groupId, members }: ConsumerGroup, memberId: string): void {
  const member = members.get(memberId);
  if (member === undefined) return cancelTimers(step, groupId, memberId);
  renewSession(step, groupId, memberId);
  const isRevoking = member.state === 'unrevoked' && member.memberEpoch !== LEAVE_STATIC_EPOCH;
  if (isRevoking) step.setTimer(timerKey('rebalance', groupId, memberId), member.rebalanceTimeoutMs);
}

export function cancelTimers(step: Step, groupId: string, memberId: string): void {
  step.cancelTimer(timerKey('session', groupId, memberId));
  step.cancelTimer(timerKey('rebalance', groupId, memberId));
}
