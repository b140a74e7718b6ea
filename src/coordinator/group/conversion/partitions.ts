import type { ConsumerProtocolAssignmentInput } from '../../../protocol/generated/index.js';
import type { Uuid } from '../../../protocol/wire/types.js';
import type { AssignedPartitions } from '../assignors/assignor.js';
import type { ClusterTopics } from '../cluster-topics.js';
import { listed } from '../consumer/partition-epochs.js';

/** Partitions as consumers of the classic protocol name them: by their topic's name. */
export type NamedPartitions = readonly { readonly topic: string; readonly partitions: readonly number[] }[];

/** Topics that do not exist are left out. */
export function withIds(named: NamedPartitions, cluster: ClusterTopics): AssignedPartitions {
  return new Map(named.flatMap(({ topic, partitions }): [Uuid, Set<number>][] => {
    const id = cluster.named(topic)?.id;
    return id === undefined ? [] : [[id, new Set(partitions)]];
  }));
}

/** What a member is told that it is assigned. Topics that do not exist are left out. */
export function toAssignment(partitions: ReadonlyMap<Uuid, { keys(): Iterable<number> }>, cluster: ClusterTopics): ConsumerProtocolAssignmentInput {
  const assignedPartitions = listed(partitions).flatMap(({ topicId, partitions: indexes }) => {
    const topic = cluster.withId(topicId)?.name;
    return topic === undefined ? [] : [{ topic, partitions: indexes }];
  });
  return { assignedPartitions, userData: null };
}
