import type { MetadataRecord } from '../metadata/records.js';
import type { MetadataImage, PartitionImage, TopicImage } from '../metadata/types.js';
import { KafkaError, ownMessage } from '../protocol/errors.js';
import type { AlterPartitionReassignmentsRequestInput, AlterPartitionReassignmentsResponseInput } from '../protocol/generated/alter-partition-reassignments.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { ListPartitionReassignmentsRequestInput, ListPartitionReassignmentsResponseInput } from '../protocol/generated/list-partition-reassignments.js';
import type { Decided, Decision } from './context.js';
import { refuseExpired } from './deadline.js';
import { changePartition, topicRules } from './partition-change.js';
import { checkAssignment } from './placement.js';

/**
 * Partitions moved to other replicas while they serve (KIP-455, KIP-860). A move first adds who is to join, and is finished by
 * whatever change of the partition finds them in sync (`changePartition`). After Kafka's `ReplicationControlManager`.
 */

type Asked = AlterPartitionReassignmentsRequestInput['topics'][number]['partitions'][number];
type Answer = { readonly errorCode: number; readonly errorMessage: string | null };

/** Starts moves, replaces them by others, or takes them back where the replicas are null; each partition by itself. */
export function alterPartitionReassignments(
  decision: Decision, { topics, allowReplicationFactorChange = true, timeoutMs }: AlterPartitionReassignmentsRequestInput,
): Decided<AlterPartitionReassignmentsResponseInput> {
  // Kafka's answer to nothing has an empty message instead of none.
  if (topics.length === 0) return { records: [], response: { errorCode: ErrorCode.NONE, errorMessage: '', responses: [] } };
  refuseExpired({ timeoutMs });
  const records: MetadataRecord[] = [];
  const responses = topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(asked => ({
      partitionIndex: asked.partitionIndex,
      ...attempt(() => {
        const record = reassign(decision, name, asked, allowReplicationFactorChange);
        if (record !== undefined) records.push(record);
      }),
    })),
  }));
  return { records, response: { errorCode: ErrorCode.NONE, errorMessage: null, allowReplicationFactorChange, responses } };
}

function attempt(work: () => void): Answer {
  try {
    work();
    return { errorCode: ErrorCode.NONE, errorMessage: null };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { errorCode: error.errorCode, errorMessage: ownMessage(error) };
  }
}

function reassign(decision: Decision, name: string, { partitionIndex, replicas }: Asked, mayChangeFactor: boolean): MetadataRecord | undefined {
  const topic = decision.image.topicsByName.get(name);
  if (topic === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find a topic named ${name}.`);
  const partition = topic.partitions[partitionIndex];
  if (partition === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find partition ${name}:${partitionIndex}.`);
  if (replicas === null || replicas === undefined) return takeBack(decision, topic, partitionIndex, partition);
  checkAssignment(decision.image, replicas, undefined);
  if (!mayChangeFactor) refuseOtherFactor(partition, replicas);
  // Both are given even when empty: what is left of a move before this one would keep the partition from ever being done (Kafka's is).
  const removingReplicas = ascending(partition.replicas.filter(id => !replicas.includes(id)));
  const addingReplicas = ascending(replicas.filter(id => !partition.replicas.includes(id)));
  return changePartition(topicRules(decision, topic, 'any'), partitionIndex, { replicas: [...replicas, ...removingReplicas], removingReplicas, addingReplicas });
}

const ascending = (ids: readonly number[]): number[] => [...ids].sort((a, b) => a - b);

function refuseOtherFactor(partition: PartitionImage, target: readonly number[]): void {
  const { replicas, removingReplicas } = partition;
  const factor = isMoving(partition) ? replicas.filter(id => !removingReplicas.includes(id)).length : replicas.length;
  if (factor === target.length) return;
  throw new KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, `The replication factor is changed from ${factor} to ${target.length}`);
}

/** Who was to join goes again. When nobody else is in sync, that may lose records, and needs the topic's leave. */
function takeBack(decision: Decision, topic: TopicImage, partitionIndex: number, partition: PartitionImage): MetadataRecord | undefined {
  if (!isMoving(partition)) throw new KafkaError(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
  const { addingReplicas } = partition;
  const replicas = partition.replicas.filter(id => !addingReplicas.includes(id));
  const isr = partition.isr.filter(id => !addingReplicas.includes(id));
  const [first] = replicas;
  if (first === undefined) throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, 'Invalid replica assignment: addingReplicas contains all replicas.');
  const rules = topicRules(decision, topic);
  if (isr.length === 0 && rules.election !== 'unclean') {
    throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `Unable to revert partition assignment for ${topic.name}:${partitionIndex} because it would require an unclean leader election.`);
  }
  return changePartition(rules, partitionIndex, { replicas, isr: isr.length > 0 ? isr : [first], addingReplicas: [], removingReplicas: [] });
}

/** The moves that are under way: of all topics, or of the partitions that are asked for, as far as they are there. */
export function listPartitionReassignments(
  { image }: Decision, { topics }: ListPartitionReassignmentsRequestInput,
): Decided<ListPartitionReassignmentsResponseInput> {
  const found = (topics ?? allPartitions(image)).flatMap(({ name, partitionIndexes }) => {
    const partitions = partitionIndexes.flatMap(partitionIndex => {
      const partition = image.topicsByName.get(name)?.partitions[partitionIndex];
      return partition === undefined || !isMoving(partition) ? [] : [describe(partitionIndex, partition)];
    });
    return partitions.length > 0 ? [{ name, partitions }] : [];
  });
  return { records: [], response: { errorCode: ErrorCode.NONE, errorMessage: null, topics: found } };
}

function allPartitions({ topicsByName }: MetadataImage): { name: string; partitionIndexes: number[] }[] {
  return Array.from(topicsByName.values(), ({ name, partitions }) => ({ name, partitionIndexes: [...partitions.keys()] }));
}

function describe(partitionIndex: number, { replicas, addingReplicas, removingReplicas }: PartitionImage) {
  return { partitionIndex, replicas: [...replicas], addingReplicas: [...addingReplicas], removingReplicas: [...removingReplicas] };
}

function isMoving({ addingReplicas, removingReplicas }: PartitionImage): boolean {
  return addingReplicas.length > 0 || removingReplicas.length > 0;
}
