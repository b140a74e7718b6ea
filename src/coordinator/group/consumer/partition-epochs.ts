import type { ConsumerGroupCurrentMemberAssignmentValueTopicPartitionsInput } from '../../../protocol/generated/index.js';
import type { Uuid } from '../../../protocol/wire/types.js';
import type { AssignedPartitions } from '../assignors/assignor.js';

/** Partitions of topics, each with the group's epoch in which its member got it. */
export type PartitionEpochs = ReadonlyMap<Uuid, ReadonlyMap<number, number>>;

export const NO_PARTITIONS: PartitionEpochs = new Map();

/** Partitions as requests and answers name them. */
export interface TopicPartitions {
  readonly topicId: Uuid;
  readonly partitions: readonly number[];
}

export function hasPartition(partitions: ReadonlyMap<Uuid, { has(partition: number): boolean }>, topicId: Uuid, partition: number): boolean {
  return partitions.get(topicId)?.has(partition) ?? false;
}

/** Whether all that a member says it owns is in `partitions`; what it does not say is not. */
export function isSubset(owned: readonly TopicPartitions[] | null, partitions: PartitionEpochs): boolean {
  return owned !== null && owned.every(({ topicId, partitions: indexes }) => {
    const known = partitions.get(topicId);
    return known !== undefined && indexes.every(index => known.has(index));
  });
}

export function samePartitionEpochs(one: PartitionEpochs, other: PartitionEpochs): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [topicId, epochs] of one) {
    const others = other.get(topicId);
    if (others === undefined || others.size !== epochs.size) return false;
    for (const [partition, epoch] of epochs) if (others.get(partition) !== epoch) return false;
  }
  return true;
}

export function samePartitions(one: AssignedPartitions, other: AssignedPartitions): boolean {
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const partition of partitions) if (!others.has(partition)) return false;
  }
  return true;
}

/** As answers and records list them, in order. */
export function listed(partitions: ReadonlyMap<Uuid, { keys(): Iterable<number> }>): { topicId: Uuid; partitions: number[] }[] {
  return [...partitions].map(([topicId, indexes]) => ({ topicId, partitions: [...indexes.keys()].sort((a, b) => a - b) }));
}

export function toRecord(partitions: PartitionEpochs): { topicId: Uuid; partitions: number[]; assignmentEpochs: number[] }[] {
  return listed(partitions).map(({ topicId, partitions: indexes }) =>
    ({ topicId, partitions: indexes, assignmentEpochs: indexes.map(index => partitions.get(topicId)!.get(index)!) }));
}

/** Records of before Kafka 4.2 have no epochs: the partitions are then taken to be as old as the member's epoch. */
export function fromRecord(
  topics: readonly ConsumerGroupCurrentMemberAssignmentValueTopicPartitionsInput[], memberEpoch: number,
): PartitionEpochs {
  const unknown = Math.max(memberEpoch, 0);
  return new Map(topics.map(({ topicId, partitions, assignmentEpochs: epochs }) => {
    const known = epochs?.length === partitions.length ? epochs : null;
    return [topicId, new Map(partitions.map((partition, index) => [partition, known?.[index] ?? unknown]))];
  }));
}
