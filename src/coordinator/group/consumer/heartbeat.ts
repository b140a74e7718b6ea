import type { Step } from '../step.js';
import type { ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResult } from '../types.js';
import { knownMember, knownStaticMember, refuseUnreleasedInstance, refuseWhenFull, refuseWrongEpoch } from './checks.js';
import type { ConsumerGroup } from './group.js';
import { changeMember, reconcileMember, replaceStatic } from './member-change.js';
import { newMember } from './member.js';
import type { ConsumerMember } from './member.js';
import { listed, samePartitionEpochs } from './partition-epochs.js';
import { updateTarget } from './target.js';
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
  const change = changeMember(step, group, former, member);
  const reconciled = reconcileMember(step, change, updateTarget(step, change), request.topicPartitions);
  renewSession(step, group.groupId, reconciled);
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
