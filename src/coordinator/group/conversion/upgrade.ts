import { KafkaError } from '../../../protocol/errors.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { AssignedPartitions } from '../assignors/assignor.js';
import { readAssignment, readSubscription } from '../classic/consumer-protocol.js';
import type { ClassicGroup } from '../classic/group.js';
import type { ClassicMember } from '../classic/member.js';
import type { ClusterTopics } from '../cluster-topics.js';
import { metadataHash } from '../consumer/group-epoch.js';
import { ConsumerGroup } from '../consumer/group.js';
import { newMember } from '../consumer/member.js';
import type { ConsumerMember } from '../consumer/member.js';
import { groupEpochRecord, holdingRecord, memberRecord, targetEpochRecord, targetRecord } from '../consumer/records.js';
import type { ConsumerGroupRecord } from '../consumer/records.js';
import { replayConsumerGroup } from '../consumer/replay.js';
import { Subscriptions } from '../consumer/subscriptions.js';
import { renewSession } from '../consumer/timers.js';
import { groupTombstone } from '../records.js';
import type { Step } from '../step.js';
import { withIds } from './partitions.js';

/**
 * A member of the consumer protocol comes to a classic group: the group that it becomes, in which each member goes on with what
 * it holds (Kafka's `convertToConsumerGroup`). The one that comes raises the group's epoch, so that the others are told to join
 * again.
 * @throws KafkaError GROUP_ID_NOT_FOUND when the group cannot be converted.
 */
export function upgrade(step: Step, classic: ClassicGroup): ConsumerGroup {
  refuseUpgrade(step, classic);
  step.append(groupTombstone(classic.groupId));
  const { group, records } = asConsumerGroup(classic, step.cluster);
  for (const record of records) step.append(record);
  for (const member of group.members.values()) renewSession(step, group.groupId, member);
  return group;
}

function refuseUpgrade({ settings }: Step, { groupId, usesConsumerProtocol, members }: ClassicGroup): void {
  const refuse = (reason: string): never => {
    throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, `Cannot upgrade classic group ${groupId} to consumer group because ${reason}.`);
  };
  if (!settings.consumer.migration.upgrade) refuse('online upgrade is disabled');
  if (!usesConsumerProtocol) refuse('the group does not use the consumer embedded protocol');
  if (members.size > settings.consumer.maxSize) refuse('the group size exceeds the consumer group maximum size');
}

interface Converted {
  readonly group: ConsumerGroup;
  readonly records: readonly ConsumerGroupRecord[];
}

function asConsumerGroup(classic: ClassicGroup, cluster: ClusterTopics): Converted {
  const { groupId, generationId } = classic;
  // Before its first generation a group has no protocol yet; it goes by the one that it would get.
  const protocolName = classic.protocolName ?? classic.selectProtocol();
  const members = [...classic.members.values()].map(member => {
    const assigned = assignedOf(classic, member, cluster);
    return { member: asConsumerMember(classic, member, protocolName, assigned), assigned };
  });
  const subscriptions = Subscriptions.none();
  for (const { member } of members) subscriptions.replace(undefined, member);
  const records = [
    ...members.map(({ member }) => memberRecord(groupId, member)),
    groupEpochRecord(groupId, generationId, metadataHash(subscriptions, cluster)),
    ...members.map(({ member, assigned }) => targetRecord(groupId, member.memberId, assigned)),
    targetEpochRecord(groupId, generationId, 0),
    ...members.map(({ member }) => holdingRecord(groupId, member)),
  ];
  const group = new ConsumerGroup(groupId);
  for (const record of records) replayConsumerGroup(group, record);
  return { group, records };
}

function asConsumerMember({ groupId, generationId }: ClassicGroup, member: ClassicMember, protocolName: string, assigned: AssignedPartitions): ConsumerMember {
  const { memberId, identity, terms } = member;
  const { topics, rackId } = parsed(groupId, () => readSubscription(member.metadata(protocolName)));
  return {
    ...newMember(memberId),
    instanceId: identity.groupInstanceId,
    rackId: rackId === '' ? null : rackId,
    rebalanceTimeoutMs: terms.rebalanceTimeoutMs,
    clientId: identity.clientId,
    clientHost: identity.clientHost,
    subscribedTopicNames: new Set(topics),
    classic: { sessionTimeoutMs: terms.sessionTimeoutMs, supportedProtocols: terms.protocols },
    memberEpoch: generationId,
    previousMemberEpoch: generationId,
    assigned: new Map([...assigned].map(([topicId, partitions]) => [topicId, new Map([...partitions].map(partition => [partition, generationId]))])),
  };
}

/** What the leader last gave the member; nothing when it has not synced yet. */
function assignedOf({ groupId }: ClassicGroup, { assignment }: ClassicMember, cluster: ClusterTopics): AssignedPartitions {
  if (assignment.length === 0) return new Map();
  const { assignedPartitions, userData } = parsed(groupId, () => readAssignment(assignment));
  if (userData === null || userData.length === 0) return withIds(assignedPartitions, cluster);
  throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, `Cannot upgrade classic group ${groupId} to consumer group because an unsupported custom assignor is in use. ` +
    'Please refer to the documentation or switch to a default assignor before re-attempting the upgrade.');
}

function parsed<Parsed>(groupId: string, parse: () => Parsed): Parsed {
  try {
    return parse();
  } catch {
    throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND,
      `Cannot upgrade classic group ${groupId} to consumer group because the embedded consumer protocol is malformed.`);
  }
}
