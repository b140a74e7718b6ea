import type { Uuid } from '../../protocol/wire/types.js';

/** A topic as group coordinators need to know it. */
export interface ClusterTopic {
  readonly name: string;
  readonly id: Uuid;
  readonly partitionCount: number;
  /** Of all that makes a new assignment necessary: id, name, partitions, racks (`consumer/topic-hash.ts`). */
  readonly hash: bigint;
  /** The racks of a partition's replicas, as far as they are known. */
  racksOf(partition: number): readonly string[];
}

/** The topics of the cluster at one moment, after Kafka's `CoordinatorMetadataImage`. */
export interface ClusterTopics {
  /** Grows with every change of the cluster: the offset of its metadata. */
  readonly version: number;
  named(name: string): ClusterTopic | undefined;
  withId(id: Uuid): ClusterTopic | undefined;
  names(): Iterable<string>;
}
