import { KafkaError } from '../../../protocol/errors.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { ConsumerProtocolSubscription } from '../../../protocol/generated/index.js';
import type { ReplyTo } from '../../../runtime/machine.js';
import { joinError } from '../classic/answers.js';
import { readSubscription } from '../classic/consumer-protocol.js';
import { termsOf } from '../classic/join.js';
import { CONSUMER_PROTOCOL_TYPE } from '../classic/subscription.js';
import { downgrade, isToBeClassic } from '../conversion/downgrade.js';
import { withIds } from '../conversion/partitions.js';
import type { Step } from '../step.js';
import type { JoinRequest, JoinResult, MemberProtocol } from '../types.js';
import { knownStaticMember, refuseWhenFull } from './checks.js';
import type { ConsumerGroup } from './group.js';
import { changeMember, reconcileMember, replaceStatic } from './member-change.js';
import type { MemberChange } from './member-change.js';
import { isReconciledTo, newMember } from './member.js';
import type { ConsumerMember } from './member.js';
import { listed } from './partition-epochs.js';
import type { TopicPartitions } from './partition-epochs.js';
import { lastTarget, updateTarget } from './target.js';
import { awaitSync, cancelJoin, cancelSync, renewSession, resumeMember } from './timers.js';

/**
 * JoinGroup of a member of the classic protocol in a consumer group that is not empty, after Kafka's
 * `classicGroupJoinToConsumerGroup`: what a heartbeat does for members of the consumer protocol is done here, and the member hears
 * of it when it syncs. Nobody leads and nobody waits; a static member that takes the place of the last one of the consumer
 * protocol makes the group classic.
 * @throws KafkaError, and then nothing has happened.
 */
export function joinConsumerGroup(step: Step, group: ConsumerGroup, request: JoinRequest, to: ReplyTo<JoinResult>): void {
  const memberId = request.memberId === '' ? step.at.newId() : request.memberId;
  refuseJoin(step, group, request, memberId);
  const needsId = request.memberId === '' && request.groupInstanceId === null && request.needsKnownMemberId;
  if (needsId) return step.answer(to, joinError(ErrorCode.MEMBER_ID_REQUIRED, memberId));
  const holder = request.groupInstanceId === null ? undefined : group.staticMember(request.groupInstanceId);
  const former = formerMember(step, group, request, memberId);
  const subscription = subscriptionOf(request);
  const change = changeMember(step, group, former, updated(former, request, subscription));
  const owned = listed(withIds(subscription.ownedPartitions, step.cluster));
  const joined = joinInPlaceOf(step, change, holder, owned) ?? join(step, change, owned);
  step.answerOnceWritten(to, joinedAnswer(joined), errorCode => joinError(errorCode, ''));
}

/** The member goes a step towards its target, and is to sync. */
function join(step: Step, change: MemberChange, owned: readonly TopicPartitions[]): ConsumerMember {
  const { group, member: { memberId } } = change;
  const joined = reconcileMember(step, change, updateTarget(step, change), owned);
  cancelJoin(step, group, memberId);
  renewSession(step, group.groupId, joined);
  awaitSync(step, group.groupId, joined);
  step.ifNotWritten(instead => {
    resumeMember(instead, group, memberId);
    cancelSync(instead, group.groupId, memberId);
  });
  return joined;
}

/** As `join`, where that leaves nobody who speaks the consumer protocol and the group becomes classic; else null. */
function joinInPlaceOf(step: Step, change: MemberChange, holder: ConsumerMember | undefined, owned: readonly TopicPartitions[]): ConsumerMember | null {
  const { group, member, groupEpoch } = change;
  const departure = { leaving: holder === undefined ? [] : [holder], joining: member };
  if (holder === undefined || !isToBeClassic(step, group, departure)) return null;
  const isStale = group.assignmentEpoch < groupEpoch;
  const joined = isStale ? member : reconcileMember(step, change, lastTarget(group, member), owned);
  // Kafka looks at the epoch alone. In a stable classic group nobody is told to give back what another is assigned, though.
  const isSettled = [joined, ...group.members.values()].every(each => each === holder || isReconciledTo(each, group.assignmentEpoch));
  downgrade(step, group, departure, isStale || !isSettled);
  return joined;
}

function refuseJoin(step: Step, group: ConsumerGroup, { protocolType, protocols }: JoinRequest, memberId: string): void {
  const { upgrade, downgrade: isDowngradable } = step.settings.consumer.migration;
  if (!upgrade && !isDowngradable) {
    throw new KafkaError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
      `Cannot join the consumer group ${group.groupId} with the classic protocol because the group migration is disabled.`);
  }
  refuseWhenFull(step, group, memberId);
  if (protocolType === CONSUMER_PROTOCOL_TYPE && isShared(group, protocols)) return;
  throw new KafkaError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, `Member ${memberId}'s protocols are not supported.`);
}

/** Whether one of the protocols is known to all who speak the classic protocol. */
function isShared({ members }: ConsumerGroup, protocols: readonly MemberProtocol[]): boolean {
  const classics = [...members.values()].flatMap(({ classic }) => classic === null ? [] : [classic.supportedProtocols]);
  return protocols.some(({ name }) => classics.every(known => known.some(protocol => protocol.name === name)));
}

/** The member as it was before this join. */
function formerMember(step: Step, group: ConsumerGroup, request: JoinRequest, memberId: string): ConsumerMember {
  const { groupInstanceId } = request;
  if (groupInstanceId === null) return group.members.get(memberId) ?? newMember(memberId);
  if (request.memberId !== '') return knownStaticMember(group, groupInstanceId, memberId);
  const holder = group.staticMember(groupInstanceId);
  return holder === undefined ? newMember(memberId) : replaceStatic(step, group, holder, memberId);
}

/** All of a member's protocols carry the same subscription. @throws KafkaError UNKNOWN_SERVER_ERROR, as Kafka has it, when that is none. */
function subscriptionOf({ protocols: [first] }: JoinRequest): ConsumerProtocolSubscription {
  try {
    return readSubscription(first!.metadata);
  } catch {
    throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, 'Malformed embedded consumer protocol in subscription deserialization.');
  }
}

function updated(member: ConsumerMember, request: JoinRequest, { topics, rackId }: ConsumerProtocolSubscription): ConsumerMember {
  const { sessionTimeoutMs, protocols } = termsOf(request);
  return {
    ...member,
    instanceId: request.groupInstanceId ?? member.instanceId,
    rackId: rackId || member.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
    subscribedTopicNames: new Set(topics),
    subscribedTopicRegex: '',
    clientId: request.clientId,
    clientHost: request.clientHost,
    classic: { sessionTimeoutMs, supportedProtocols: protocols },
  };
}

function joinedAnswer({ memberId, memberEpoch, classic }: ConsumerMember): JoinResult {
  return {
    errorCode: ErrorCode.NONE,
    generationId: memberEpoch,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName: classic!.supportedProtocols[0]!.name,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  };
}
