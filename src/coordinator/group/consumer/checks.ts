import { KafkaError } from '../../../protocol/errors.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { Step } from '../step.js';
import type { ConsumerGroupHeartbeatRequest } from '../types.js';
import type { ConsumerGroup } from './group.js';
import { LEAVE_STATIC_EPOCH } from './member.js';
import type { ConsumerMember } from './member.js';
import { isSubset } from './partition-epochs.js';

/** Who may do what in a consumer group; the words are Apache Kafka's, for its clients log them. */

/** @throws KafkaError GROUP_MAX_SIZE_REACHED for whoever is not in the group already. */
export function refuseWhenFull({ settings }: Step, group: ConsumerGroup, memberId: string): void {
  const { maxSize } = settings.consumer;
  if (group.members.size < maxSize || group.members.has(memberId)) return;
  throw new KafkaError(ErrorCode.GROUP_MAX_SIZE_REACHED, `The consumer group has reached its maximum capacity of ${maxSize} members.`);
}

/** @throws KafkaError UNKNOWN_MEMBER_ID. */
export function knownMember(group: ConsumerGroup, memberId: string): ConsumerMember {
  const member = group.members.get(memberId);
  if (member === undefined) throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${group.groupId}.`);
  return member;
}

/** @throws KafkaError UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID when another member has the instance id now. */
export function knownStaticMember(group: ConsumerGroup, instanceId: string, memberId: string): ConsumerMember {
  const member = group.staticMember(instanceId);
  if (member === undefined) throw new KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`);
  if (member.memberId === memberId) return member;
  throw new KafkaError(ErrorCode.FENCED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.memberId}.`);
}

/** An instance id can be taken once its holder has said that it goes. @throws KafkaError UNRELEASED_INSTANCE_ID. */
export function refuseUnreleasedInstance(holder: ConsumerMember, instanceId: string, memberId: string): void {
  if (holder.memberEpoch === LEAVE_STATIC_EPOCH) return;
  throw new KafkaError(ErrorCode.UNRELEASED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${holder.memberId} member.`);
}

/** @throws KafkaError FENCED_MEMBER_EPOCH. */
export function refuseWrongEpoch(member: ConsumerMember, { memberEpoch, topicPartitions }: ConsumerGroupHeartbeatRequest): void {
  // Epoch 0 is for whoever joins, also anew after having been fenced.
  if (memberEpoch === 0 || memberEpoch === member.memberEpoch) return;
  // The answer that told of the new epoch may have been lost.
  const missedAnswer = memberEpoch === member.previousMemberEpoch && isSubset(topicPartitions, member.assigned);
  if (memberEpoch < member.memberEpoch && missedAnswer) return;
  const compared = memberEpoch > member.memberEpoch ? 'greater' : 'smaller';
  throw new KafkaError(ErrorCode.FENCED_MEMBER_EPOCH, `The consumer group member has a ${compared} member epoch (${memberEpoch}) than the one known ` +
    `by the group coordinator (${member.memberEpoch}). The member must abandon all its partitions and rejoin.`);
}
