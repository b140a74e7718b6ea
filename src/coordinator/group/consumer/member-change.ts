import type { Step } from '../step.js';
import { timerKey } from '../timers.js';
import { refreshEpoch, sizeWith } from './group-epoch.js';
import type { NextEpoch } from './group-epoch.js';
import type { ConsumerGroup } from './group.js';
import { isReconciledTo, sameHolding, sameNames, sameSubscription } from './member.js';
import type { ConsumerMember } from './member.js';
import type { TopicPartitions } from './partition-epochs.js';
import { reconcile } from './reconcile.js';
import { holdingRecord, memberRecord, memberTombstones, targetRecord } from './records.js';
import { updateRegex } from './regex.js';
import { subscribedTopicIds } from './subscribed-topics.js';
import type { ChangingGroup, MemberTarget } from './target.js';

/** A member as it was and as it is to be, and what that makes of its group. */
export interface MemberChange extends ChangingGroup {
  /** The member may have to give something back at once. */
  readonly hasSubscriptionChanged: boolean;
}

/** What members of both protocols do when they come or say something new: record it, and have the group's epoch grow if need be. */
export function changeMember(step: Step, group: ConsumerGroup, former: ConsumerMember, member: ConsumerMember): MemberChange {
  if (!sameSubscription(former, member)) step.append(memberRecord(group.groupId, member));
  const namesChanged = !sameNames(former.subscribedTopicNames, member.subscribedTopicNames);
  const regex = updateRegex(step, group, former, member);
  const next = nextEpoch(step, group, former, member, namesChanged || regex === 'resolved');
  return { group, former, member, hasSubscriptionChanged: namesChanged || regex !== 'same', ...next };
}

/** A step towards the target; the member as it is after it. `owned` is what the member says it owns, null when it says nothing. */
export function reconcileMember(
  step: Step, { group, member, hasSubscriptionChanged }: MemberChange, target: MemberTarget, owned: readonly TopicPartitions[] | null,
): ConsumerMember {
  if (!hasSubscriptionChanged && isReconciledTo(member, target.epoch)) return member;
  const reconciled = reconcile(member, {
    targetEpoch: target.epoch,
    target: target.partitions,
    subscribedTopicIds: subscribedTopicIds(member, group, step.cluster),
    hasSubscriptionChanged,
    owned,
    isOwned: (topicId, partition) => group.isOwned(topicId, partition),
  });
  if (sameHolding(member, reconciled)) return member;
  step.append(holdingRecord(group.groupId, reconciled));
  // Members of the classic protocol are held to the times of its phases.
  if (member.classic !== null) return reconciled;
  const key = timerKey('rebalance', group.groupId, member.memberId);
  if (reconciled.state === 'unrevoked') step.setTimer(key, reconciled.rebalanceTimeoutMs);
  else step.cancelTimer(key);
  return reconciled;
}

/**
 * A static member came back: its new id takes over what the old one held and was to hold. The timers of the old id stay, in
 * case this cannot be written; they find nobody.
 */
export function replaceStatic(step: Step, group: ConsumerGroup, holder: ConsumerMember, memberId: string): ConsumerMember {
  const { groupId } = group;
  const member = { ...holder, memberId, memberEpoch: 0, previousMemberEpoch: 0 };
  for (const tombstone of memberTombstones(groupId, holder.memberId)) step.append(tombstone);
  step.append(memberRecord(groupId, member));
  step.append(targetRecord(groupId, memberId, group.targetOf(holder.memberId)));
  step.append(holdingRecord(groupId, member));
  return member;
}

function nextEpoch(step: Step, group: ConsumerGroup, former: ConsumerMember, member: ConsumerMember, asksForEpoch: boolean): NextEpoch {
  if (asksForEpoch || group.needsRefresh(step.at.nowMs)) return refreshEpoch(step, group, former, member, asksForEpoch);
  return { groupEpoch: group.groupEpoch, isHomogeneous: group.subscriptions.isHomogeneous(sizeWith(group, member)) };
}
