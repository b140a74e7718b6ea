import { downgrade, isToBeClassic } from '../conversion/downgrade.js';
import type { Step } from '../step.js';
import { timerKey } from '../timers.js';
import type { TimerKind } from '../timers.js';
import type { ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResult } from '../types.js';
import { knownMember, knownStaticMember } from './checks.js';
import { growEpoch, metadataHash } from './group-epoch.js';
import type { ConsumerGroup } from './group.js';
import { LEAVE_STATIC_EPOCH } from './member.js';
import type { ConsumerMember } from './member.js';
import { NO_PARTITIONS } from './partition-epochs.js';
import type { PartitionEpochs } from './partition-epochs.js';
import { holdingRecord, memberTombstones, regexTombstone } from './records.js';
import { cancelTimers, resumeMember } from './timers.js';

/** How soon a member is fenced again when that could not be written. */
const RETRY_MS = 500;

/** A member says that it goes: for good, or, when it is static, to come back before its session ends. @throws KafkaError. */
export function leave(step: Step, group: ConsumerGroup, request: ConsumerGroupHeartbeatRequest): ConsumerGroupHeartbeatResult {
  const { memberId, memberEpoch, instanceId } = request;
  const member = instanceId === null ? knownMember(group, memberId) : knownStaticMember(group, instanceId, memberId);
  if (instanceId !== null && memberEpoch === LEAVE_STATIC_EPOCH) {
    step.append(holdingRecord(group.groupId, awaited(member)));
  } else {
    removeMembers(step, group, [member]);
    step.ifNotWritten(instead => resumeMember(instead, group, memberId));
  }
  return { errorCode: 0, errorMessage: null, memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null };
}

/** A static member that is away keeps what it held, as something that its next id has had since ever. */
function awaited(member: ConsumerMember): ConsumerMember {
  const assigned: PartitionEpochs = new Map([...member.assigned].map(([topicId, epochs]) =>
    [topicId, new Map([...epochs.keys()].map(partition => [partition, 0]))]));
  return { ...member, memberEpoch: LEAVE_STATIC_EPOCH, assigned, pendingRevocation: NO_PARTITIONS };
}

/**
 * Takes members out of the group, which needs a new target then, or becomes classic when only members of that protocol are left
 * (Kafka's `consumerGroupFenceMembers`).
 */
export function removeMembers(step: Step, group: ConsumerGroup, leaving: readonly ConsumerMember[]): void {
  if (leaving.length === 0) return;
  const departure = { leaving, joining: null };
  if (isToBeClassic(step, group, departure)) return downgrade(step, group, departure, true);
  const { groupId } = group;
  const subscriptions = group.subscriptions.copy();
  for (const member of leaving) {
    for (const tombstone of memberTombstones(groupId, member.memberId)) step.append(tombstone);
    subscriptions.replace(member, undefined);
    cancelTimers(step, group, member.memberId);
  }
  for (const regex of group.subscriptions.regexes.keys()) {
    if (subscriptions.subscribersOf(regex) > 0) continue;
    step.append(regexTombstone(groupId, regex));
    subscriptions.resolve(group.resolvedRegexes.get(regex)?.topics ?? [], []);
  }
  growEpoch(step, group, metadataHash(subscriptions, step.cluster));
}

/** A member was silent for too long. */
export function sessionTimerFired(step: Step, group: ConsumerGroup, memberId: string): void {
  fence(step, group, group.members.get(memberId), 'session');
}

/** A member did not give back in time what it has to. */
export function rebalanceTimerFired(step: Step, group: ConsumerGroup, memberId: string): void {
  const member = group.members.get(memberId);
  const isRevoking = member?.state === 'unrevoked' && member.memberEpoch !== LEAVE_STATIC_EPOCH;
  fence(step, group, isRevoking ? member : undefined, 'rebalance');
}

/** A member of the classic protocol did not come to join again, or to sync once it had joined. */
export function phaseTimerFired(step: Step, group: ConsumerGroup, memberId: string, phase: 'join' | 'sync'): void {
  if (phase === 'join') group.awaitedJoins.delete(memberId);
  const member = group.members.get(memberId);
  fence(step, group, member?.classic === null ? undefined : member, phase);
}

function fence(step: Step, group: ConsumerGroup, member: ConsumerMember | undefined, timer: TimerKind): void {
  if (member === undefined) return;
  removeMembers(step, group, [member]);
  step.ifNotWritten(instead => {
    resumeMember(instead, group, member.memberId);
    instead.setTimer(timerKey(timer, group.groupId, member.memberId), RETRY_MS);
  });
}
