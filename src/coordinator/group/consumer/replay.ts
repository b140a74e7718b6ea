import { int64ToNumber } from '../../../protocol/wire/types.js';
import type { AssignedPartitions } from '../assignors/assignor.js';
import { ConsumerGroup } from './group.js';
import { holdingFromRecord, LEAVE_EPOCH, newMember, subscriptionFromRecord } from './member.js';
import { NO_PARTITIONS } from './partition-epochs.js';
import type { ConsumerGroupRecord } from './records.js';

/** Applies a record to the group that it names, after the `replay` methods of Kafka's `GroupMetadataManager`. */
export function replayConsumerGroup(group: ConsumerGroup, record: ConsumerGroupRecord): 'kept' | 'gone' {
  switch (record.kind) {
    case 'consumer group':
      if (record.value === null) return 'gone';
      group.groupEpoch = record.value.epoch;
      group.metadataHash = record.value.metadataHash ?? 0;
      break;
    case 'consumer topics':
      group.hasTopicsRecord = record.value !== null;
      break;
    case 'consumer target epoch':
      group.assignmentEpoch = record.value?.assignmentEpoch ?? -1;
      group.assignmentTimestampMs = int64ToNumber(record.value?.assignmentTimestamp ?? 0);
      break;
    case 'consumer member':
      replayMember(group, record);
      break;
    case 'consumer target':
      if (record.value === null) group.target.delete(record.memberId);
      else group.target.set(record.memberId, assignedFrom(record.value.topicPartitions));
      break;
    case 'consumer holding':
      replayHolding(group, record);
      break;
    case 'consumer regex':
      replayRegex(group, record);
      break;
  }
  return 'kept';
}

type Of<Kind> = Extract<ConsumerGroupRecord, { kind: Kind }>;

function replayMember(group: ConsumerGroup, { memberId, value }: Of<'consumer member'>): void {
  if (value === null) group.removeMember(memberId);
  else group.setMember({ ...group.members.get(memberId) ?? newMember(memberId), ...subscriptionFromRecord(value) });
}

function replayHolding(group: ConsumerGroup, { memberId, value }: Of<'consumer holding'>): void {
  const known = group.members.get(memberId);
  if (value !== null) {
    group.setMember({ ...known ?? newMember(memberId), ...holdingFromRecord(value) });
  } else if (known !== undefined) {
    group.setMember({ ...known, memberEpoch: LEAVE_EPOCH, previousMemberEpoch: LEAVE_EPOCH, assigned: NO_PARTITIONS, pendingRevocation: NO_PARTITIONS });
  }
}

function replayRegex(group: ConsumerGroup, { regularExpression, value }: Of<'consumer regex'>): void {
  group.setResolvedRegex(regularExpression, value && { topics: new Set(value.topics), version: value.version, timestampMs: int64ToNumber(value.timestamp) });
}

function assignedFrom(topics: readonly { topicId: string; partitions: readonly number[] }[]): AssignedPartitions {
  return new Map(topics.map(({ topicId, partitions }) => [topicId, new Set(partitions)]));
}
