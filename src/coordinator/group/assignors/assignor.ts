import type { Uuid } from '../../../protocol/wire/types.js';

/** Partitions by topic, as assignments name them. */
export type AssignedPartitions = ReadonlyMap<Uuid, ReadonlySet<number>>;

export interface MemberSpec {
  readonly rackId: string | null;
  readonly instanceId: string | null;
  /** Topics that do not exist are not among them. */
  readonly subscribedTopicIds: ReadonlySet<Uuid>;
  /** What the last assignment gave this member. */
  readonly assigned: AssignedPartitions;
}

export interface GroupSpec {
  readonly members: ReadonlyMap<string, MemberSpec>;
  /** Whether all members subscribe to the same topics; assignors have a shorter way then. */
  readonly isHomogeneous: boolean;
}

/** What an assignor may ask about the topics that the group subscribes to. */
export interface TopicDescriber {
  /** -1 when there is no such topic. */
  partitionCount(topicId: Uuid): number;
  /** The racks of the partition's replicas; empty when none is known. */
  racksOf(topicId: Uuid, partition: number): ReadonlySet<string>;
}

/** By member id; members without an entry get nothing. */
export type GroupAssignment = ReadonlyMap<string, AssignedPartitions>;

/**
 * Deals the partitions of the subscribed topics out to the members, each to exactly one subscriber: a pure function, whose
 * result depends on nothing but its arguments. After Kafka's `ConsumerGroupPartitionAssignor`.
 */
export interface Assignor {
  /** As clients ask for it. */
  readonly name: string;
  /** @throws AssignorError when what the members ask for cannot be had, such as a topic that is gone. */
  assign(group: GroupSpec, topics: TopicDescriber): GroupAssignment;
}

/** Kafka's `PartitionAssignorException`: the group keeps the assignment that it has. */
export class AssignorError extends Error {
  override readonly name = 'AssignorError';
}
