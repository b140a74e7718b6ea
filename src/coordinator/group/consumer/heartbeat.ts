import type { Step } from '../step.js';
import { timerKey } from '../timers.js';
import type { ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResult } from '../types.js';
import { knownMember, knownStaticMember, refuseUnreleasedInstance, refuseWhenFull, refuseWrongEpoch } from './checks.js';
import { refreshEpoch } from './group-epoch.js';
import type { NextEpoch } from './group-epoch.js';
import type { ConsumerGroup } from './group.js';
import { isReconciledTo, newMember, sameHolding, sameNames, sameSubscription } from './member.js';
import type { ConsumerMember } from './member.js';
import { listed, samePartitionEpochs } from './partition-epochs.js';
import { reconcile } from './reconcile.js';
import { holdingRecord, memberRecord, memberTombstones, targetRecord } from './records.js';
import { updateRegex } from './regex.js';
import { subscribedTopicIds } from './subscribed-topics.js';
import { updateTarget } from './target.js';
import type { MemberTarget } from './target.js';
import { renewSession, resumeMember } from './timers.js';

/** A request that says all of the member, as on joining or after an error, is answered with all that it holds. */
function isFull({ memberEpoch, rebalanceTimeoutMs, subscribedTopicNames, subscribedTopicRegex, topicPartitions }: ConsumerGroupHeartbeatRequest): boolean {
  const hasSubscription = subscribedTopicNames !== null || subscribedTopicRegex !== null;
  return memberEpoch === 0 || (rebalanceTimeoutMs !== -1 && hasSubscription && topicPartitions !== null);
}

/**
 * A heartbeat of a member that joins or stays, after Kafka's `consumerGroupHeartbeat`: what it says of itself is recorded; the
 * group's epoch grows when its subscription or the topics changed; a new target is computed when the epoch asks for it; and
 * the member goes a step towards its part of the target.
 * @throws KafkaError, and then nothing has happened.
 */
export function heartbeat(step: Step, group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest): ConsumerGroupHeartbeatResult {
  refuseWhenFull(step, group, request.memberId);
  // Before version 1 the coordinator makes the ids.
  const memberId = request.memberId === '' ? step.at.newId() : request.memberId;
  const former = formerMember(step, group, { ...request, memberId });
  const member = updated(former, request);
  const change = recordSubscription(step, group, former, member);
  const next = nextEpoch(step, group, former, member, change);
  const target = updateTarget(step, { group, former, member, ...next });
  const reconciled = reconcileMember(step, group, member, target, request, change.hasChanged);
  renewSession(step, group.groupId, memberId);
  step.ifNotWritten(instead => resumeMember(instead, group, memberId));
  const hasNews = isFull(request) || !samePartitionEpochs(former.assigned, reconciled.assigned);
  return {
    errorCode: 0,
    errorMessage: null,
    memberId,
    memberEpoch: reconciled.memberEpoch,
    heartbeatIntervalMs: step.settings.consumer.heartbeatIntervalMs(group.groupId),
    assignment: hasNews ? { topicPartitions: listed(reconciled.assigned) } : null,
  };
}

/** A heartbeat that failed. */
export function heartbeatFailed(errorCode: number, errorMessage: string | null = null): ConsumerGroupHeartbeatResult {
  return { errorCode, errorMessage, memberId: null, memberEpoch: 0, heartbeatIntervalMs: 0, assignment: null };
}

/** The member as it was before this heartbeat. */
function formerMember(step: Step, group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest): ConsumerMember {
  const { memberId, memberEpoch, instanceId } = request;
  if (instanceId !== null) return formerStaticMember(step, group, request, instanceId);
  if (memberEpoch === 0) return group.members.get(memberId) ?? newMember(memberId);
  const member = knownMember(group, memberId);
  refuseWrongEpoch(member, request);
  return member;
}

function formerStaticMember(step: Step, group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest, instanceId: string): ConsumerMember {
  const { memberId, memberEpoch } = request;
  if (memberEpoch !== 0) {
    const member = knownStaticMember(group, instanceId, memberId);
    refuseWrongEpoch(member, request);
    return member;
  }
  const holder = group.staticMember(instanceId);
  if (holder === undefined) return group.members.get(memberId) ?? newMember(memberId);
  if (holder.classic === null) refuseUnreleasedInstance(holder, instanceId, memberId);
  return replaceStatic(step, group, holder, memberId);
}

/**
 * A static member came back: its new id takes over what the old one held and was to hold. The timers of the old id stay, in
 * case this cannot be written; they find nobody.
 */
function replaceStatic(step: Step, group: ConsumerGroup, holder: ConsumerMember, memberId: string): ConsumerMember {
  const { groupId } = group;
  const member = { ...holder, memberId, memberEpoch: 0, previousMemberEpoch: 0 };
  for (const tombstone of memberTombstones(groupId, holder.memberId)) step.append(tombstone);
  step.append(memberRecord(groupId, member));
  step.append(targetRecord(groupId, memberId, group.targetOf(holder.memberId)));
  step.append(holdingRecord(groupId, member));
  return member;
}

/** What the request says; what it leaves out stays. */
function updated(member: ConsumerMember, request: ConsumerGroupHeartbeatRequest): ConsumerMember {
  const { subscribedTopicNames } = request;
  return {
    ...member,
    instanceId: request.instanceId ?? member.instanceId,
    rackId: request.rackId ?? member.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? member.serverAssignor,
    subscribedTopicNames: subscribedTopicNames === null ? member.subscribedTopicNames : new Set(subscribedTopicNames),
    subscribedTopicRegex: request.subscribedTopicRegex ?? member.subscribedTopicRegex,
    clientId: request.clientId,
    clientHost: request.clientHost,
    classic: null,
  };
}

interface SubscriptionChange {
  /** The member may have to give something back at once. */
  readonly hasChanged: boolean;
  /** A new target is needed whatever the topics say. */
  readonly asksForEpoch: boolean;
}

function recordSubscription(step: Step, group: ConsumerGroup, former: ConsumerMember, member: ConsumerMember): SubscriptionChange {
  if (!sameSubscription(former, member)) step.append(memberRecord(group.groupId, member));
  const namesChanged = !sameNames(former.subscribedTopicNames, member.subscribedTopicNames);
  const regex = updateRegex(step, group, former, member);
  return { hasChanged: namesChanged || regex !== 'same', asksForEpoch: namesChanged || regex === 'resolved' };
}

function nextEpoch(step: Step, group: ConsumerGroup, former: ConsumerMember, member: ConsumerMember, { asksForEpoch }: SubscriptionChange): NextEpoch {
  if (asksForEpoch || group.needsRefresh(step.at.nowMs)) return refreshEpoch(step, group, former, member, asksForEpoch);
  return { groupEpoch: group.groupEpoch, isHomogeneous: group.subscriptions.isHomogeneous(group.members.size) };
}

function reconcileMember(
  step: Step, group: ConsumerGroup, member: ConsumerMember, target: MemberTarget, { topicPartitions }: ConsumerGroupHeartbeatRequest, hasSubscriptionChanged: boolean,
): ConsumerMember {
  if (!hasSubscriptionChanged && isReconciledTo(member, target.epoch)) return member;
  const reconciled = reconcile(member, {
    targetEpoch: target.epoch,
    target: target.partitions,
    subscribedTopicIds: subscribedTopicIds(member, group, step.cluster),
    hasSubscriptionChanged,
    owned: topicPartitions,
    isOwned: (topicId, partition) => group.isOwned(topicId, partition),
  });
  if (sameHolding(member, reconciled)) return member;
  step.append(holdingRecord(group.groupId, reconciled));
  const key = timerKey('rebalance', group.groupId, member.memberId);
  if (reconciled.state === 'unrevoked') step.setTimer(key, reconciled.rebalanceTimeoutMs);
  else step.cancelTimer(key);
  return reconciled;
}
