import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Uuid } from '../protocol/wire/types.js';
import { DirectoryId } from '../metadata/image.js';
import { MetadataVersionGate } from '../metadata/features.js';
import { metadataRecord, type MetadataRecord } from '../metadata/records.js';
import type { MetadataImage } from '../metadata/types.js';
import { activeBrokers } from './context.js';

/**
 * Where the replicas of new partitions go: round the active brokers, each partition starting one further on, so that leaders
 * and replicas spread evenly. Throws INVALID_REPLICATION_FACTOR when there are too few brokers.
 */
export function placeReplicas(image: MetadataImage, firstPartition: number, count: number, replicationFactor: number): number[][] {
  const ids = activeBrokers(image).map(broker => broker.id);
  if (replicationFactor > ids.length) {
    const found = ids.length === 0 ? 'all brokers are fenced or shutting down' : `only ${ids.length} broker(s) are registered and active`;
    throw new KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR,
      `Unable to replicate the partition ${replicationFactor} time(s): ${found}.`);
  }
  return Array.from({ length: count }, (_, i) =>
    Array.from({ length: replicationFactor }, (__, j) => ids[(firstPartition + i + j) % ids.length]!));
}

/** Replicas that somebody wrote out. Throws INVALID_REPLICA_ASSIGNMENT. */
export function checkAssignment(image: MetadataImage, replicas: readonly number[], expected: number | undefined): void {
  const refuse = (why: string): never => { throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, why); };
  if (replicas.length === 0) refuse('The manual partition assignment includes an empty replica list.');
  if (new Set(replicas).size < replicas.length) refuse(`The manual partition assignment names a broker twice: ${replicas.join(', ')}.`);
  const unknown = replicas.find(id => !image.brokers.has(id));
  if (unknown !== undefined) refuse(`The manual partition assignment includes broker ${unknown}, but no such broker is registered.`);
  if (expected !== undefined && expected !== replicas.length) {
    refuse(`The manual partition assignment includes a partition with ${replicas.length} replica(s), but this is not consistent with previous partitions, which have ${expected} replica(s).`);
  }
}

/** The record that makes a partition; its leader is the first replica that is active. */
export function newPartition(image: MetadataImage, topicId: Uuid, partitionId: number, replicas: readonly number[]): MetadataRecord {
  const active = new Set(activeBrokers(image).map(broker => broker.id));
  const isr = replicas.filter(id => active.has(id));
  if (isr.length === 0) {
    throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `All brokers specified for partition ${partitionId} are fenced or in controlled shutdown.`);
  }
  return metadataRecord('Partition', {
    partitionId, topicId, replicas, isr, removingReplicas: [], addingReplicas: [],
    leader: isr[0]!, leaderEpoch: 0, partitionEpoch: 0,
    ...(image.features.metadataVersion >= MetadataVersionGate.DIRECTORY_ASSIGNMENT && { directories: replicas.map(id => directoryFor(image, id)) }),
  });
}

/** A broker with one directory leaves no choice; one with several chooses itself and tells (KIP-858). */
function directoryFor(image: MetadataImage, brokerId: number): Uuid {
  const directories = image.brokers.get(brokerId)?.logDirs ?? [];
  return directories.length === 1 ? directories[0]! : DirectoryId.UNASSIGNED;
}
