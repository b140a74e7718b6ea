import { directoryOf, hasOnlineDirectory, isActive, NO_LEADER } from '../metadata/image.js';
import type { MetadataRecord } from '../metadata/records.js';
import type { BrokerImage, PartitionImage } from '../metadata/types.js';
import type { Decision } from './context.js';
import { changePartition, hasEligibleLeaderReplicas, topicRules, type TopicRules, type WantedPartition } from './partition-change.js';

/**
 * What becomes of partitions when brokers come and go (`ReplicationControlManager.generateLeaderAndIsrUpdates`).
 *
 * A partition of one replica has nobody to turn to. When its broker goes in order, or comes back as a new incarnation, it keeps
 * naming that broker instead of going without a leader and getting it back: half the records, and none at a clean stop.
 */

/** A broker serves no more, or is about to stop: it leaves the ISRs, and others lead in its place. */
export function withoutBroker(decision: Decision, broker: number, { aloneToo }: { readonly aloneToo: boolean }): MetadataRecord[] {
  const mayLead = (id: number): boolean => id !== broker && isActive(decision.image.brokers.get(id));
  return changeEach(decision, mayLead, partition => {
    if (!partition.isr.includes(broker) || (partition.replicas.length === 1 && !aloneToo)) return undefined;
    return { isr: partition.isr.filter(id => id !== broker) };
  });
}

/** A new incarnation of a broker whose last one did not stop in order: with KIP-966 it counts as having lost records. */
export function afterUncleanStop(decision: Decision, broker: number): MetadataRecord[] {
  if (!hasEligibleLeaderReplicas(decision.image)) return withoutBroker(decision, broker, { aloneToo: false });
  const mayLead = (id: number): boolean => id !== broker && isActive(decision.image.brokers.get(id));
  return changeEach(decision, mayLead, partition => {
    const concerned = partition.isr.includes(broker) || partition.eligibleLeaderReplicas.includes(broker);
    if (!concerned || partition.replicas.length === 1) return undefined;
    return { isr: partition.isr.filter(id => id !== broker), lostRecords: broker };
  });
}

/**
 * A broker serves: it leads what nobody leads, if it may. Partitions that it alone holds get a new leader epoch, so that readers
 * notice what a crash may have taken (KIP-320); where they lie in a directory that it came back without, they go without a leader.
 */
export function withBroker(decision: Decision, broker: number): MetadataRecord[] {
  const mayLead = (id: number): boolean => id === broker || isActive(decision.image.brokers.get(id));
  const image = decision.image.brokers.get(broker);
  const records: MetadataRecord[] = [];
  for (const topic of decision.image.topicsById.values()) {
    let rules: TopicRules | undefined;
    for (const [partitionId, partition] of topic.partitions.entries()) {
      if (partition.leader === broker && !canBeReached(partition, image)) {
        rules ??= topicRules(decision, topic, undefined, mayLead);
        pushDefined(records, changePartition(rules, partitionId, { isr: partition.isr.filter(id => id !== broker) }));
      } else if (partition.leader === broker && isAlone(partition)) {
        records.push({ type: 'PartitionChange', message: { partitionId, topicId: topic.id, leader: broker } });
      } else if (partition.leader === NO_LEADER) {
        rules ??= topicRules(decision, topic, undefined, mayLead);
        pushDefined(records, changePartition(rules, partitionId));
      }
    }
  }
  return records;
}

/** Whether a broker leads a partition that another replica could lead one day: it is worth waiting for. */
export function leadsSharedPartitions({ image }: Decision, broker: number): boolean {
  for (const { partitions } of image.topicsById.values()) {
    if (partitions.some(partition => partition.leader === broker && !isAlone(partition))) return true;
  }
  return false;
}

/** Directories of a broker are gone: what lies in them needs other leaders. */
export function withoutDirectories(decision: Decision, broker: number, directories: readonly string[]): MetadataRecord[] {
  const mayLead = (id: number): boolean => id !== broker && isActive(decision.image.brokers.get(id));
  return changeEach(decision, mayLead, partition => {
    const directory = partition.directories[partition.replicas.indexOf(broker)];
    if (directory === undefined || !directories.includes(directory) || !partition.isr.includes(broker)) return undefined;
    return { isr: partition.isr.filter(id => id !== broker) };
  });
}

function canBeReached(partition: PartitionImage, broker: BrokerImage | undefined): boolean {
  return broker === undefined || hasOnlineDirectory(broker, directoryOf(partition, broker.id));
}

function isAlone({ replicas }: PartitionImage): boolean {
  return replicas.length === 1;
}

function changeEach(
  decision: Decision, mayLead: (broker: number) => boolean, wanted: (partition: PartitionImage) => WantedPartition | undefined,
): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  for (const topic of decision.image.topicsById.values()) {
    let rules: TopicRules | undefined;
    for (const [partitionId, partition] of topic.partitions.entries()) {
      const change = wanted(partition);
      if (change === undefined) continue;
      rules ??= topicRules(decision, topic, undefined, mayLead);
      pushDefined(records, changePartition(rules, partitionId, change));
    }
  }
  return records;
}

function pushDefined(records: MetadataRecord[], record: MetadataRecord | undefined): void {
  if (record !== undefined) records.push(record);
}
