import { FeatureName, MetadataVersionGate } from '../metadata/features.js';
import { configOf, DirectoryId, directoryOf, hasOnlineDirectory, isActive, NO_LEADER } from '../metadata/image.js';
import { metadataRecord, type MetadataMessage, type MetadataRecord } from '../metadata/records.js';
import { configKey, ConfigResourceType, type BrokerImage, type MetadataImage, type PartitionImage, type TopicImage } from '../metadata/types.js';
import type { Uuid } from '../protocol/wire/types.js';
import type { Decision } from './context.js';

/** From this metadata.version on, an ISR that shrinks leaves the leader epoch as it is (KAFKA-15021). */
const NO_EPOCH_BUMP_ON_SHRINK = 12;
const RECOVERING = 1;

/** Who may be elected: `any` of the in-sync replicas, the `preferred` one before others, or with `unclean` whoever is there. */
export type Election = 'any' | 'preferred' | 'unclean';

/** What is wanted of a partition; what is left out stays. */
export interface WantedPartition {
  readonly isr?: readonly number[];
  readonly replicas?: readonly number[];
  readonly addingReplicas?: readonly number[];
  readonly removingReplicas?: readonly number[];
  readonly leaderRecoveryState?: number;
  /** Directory ids by broker, for those that change. */
  readonly directories?: ReadonlyMap<number, Uuid>;
  /** This broker may have lost records: it is no eligible leader any more. */
  readonly lostRecords?: number;
}

/** What holds for all partitions of a topic while they change. */
export interface TopicRules {
  readonly topic: TopicImage;
  readonly image: MetadataImage;
  /** Never more than the topic has replicas. */
  readonly minInsyncReplicas: number;
  readonly eligibleLeaderReplicas: boolean;
  readonly election: Election;
  readonly mayLead: (broker: number) => boolean;
}

export function topicRules({ image, settings }: Decision, topic: TopicImage, election?: Election, mayLead?: (broker: number) => boolean): TopicRules {
  const own = configOf(image, configKey(ConfigResourceType.TOPIC, topic.name));
  const minInsync = Number(own.get('min.insync.replicas') ?? settings.get('min.insync.replicas'));
  const unclean = (own.get('unclean.leader.election.enable') ?? String(settings.get('unclean.leader.election.enable'))) === 'true';
  return {
    topic, image,
    minInsyncReplicas: Math.min(minInsync, topic.partitions[0]?.replicas.length ?? 1),
    eligibleLeaderReplicas: hasEligibleLeaderReplicas(image),
    election: election ?? (unclean ? 'unclean' : 'any'),
    mayLead: mayLead ?? (broker => isActive(image.brokers.get(broker))),
  };
}

export function hasEligibleLeaderReplicas({ features }: MetadataImage): boolean {
  return (features.finalized.get(FeatureName.ELIGIBLE_LEADER_REPLICAS_VERSION) ?? 0) > 0;
}

/**
 * The record that leads a partition to what is wanted, elects a leader where the present one cannot stay, finishes a
 * reassignment that can be finished, and keeps the eligible leader replicas (KIP-966); undefined when nothing changes.
 * After Kafka's `PartitionChangeBuilder`.
 */
export function changePartition(rules: TopicRules, partitionId: number, wanted: WantedPartition = {}): MetadataRecord | undefined {
  const partition = rules.topic.partitions[partitionId]!;
  const target = finishReassignment({ ...partition, ...wanted });
  const eligible = rules.eligibleLeaderReplicas ? eligibleAfter(rules, partition, target.isr, wanted.lostRecords) : [];
  const outcome = elect(rules, partition, { ...target, eligible, directories: wanted.directories });
  const change: Change = { partitionId, topicId: rules.topic.id };

  if (outcome.leader !== partition.leader) change.leader = outcome.leader;
  else if (partition.replicas.some(id => !target.replicas.includes(id))) change.leader = partition.leader;
  const eligibleAtLast = outcome.unclean ? [] : outcome.eligible;
  if (!same(eligibleAtLast, partition.eligibleLeaderReplicas)) change.eligibleLeaderReplicas = eligibleAtLast;
  // Without eligible leader replicas somebody has to stay in the ISR, so that there is one to wait for.
  const isrMayGo = outcome.isr.length > 0 || rules.eligibleLeaderReplicas;
  if (outcome.unclean || (isrMayGo && !same(outcome.isr, partition.isr))) change.isr = outcome.isr;
  if (mustRaiseEpochOnShrink(rules, partition, change)) change.leader = partition.leader;
  if (rules.eligibleLeaderReplicas) rememberLastLeader(partition, change);
  const recovery = outcome.unclean && partition.leaderRecoveryState !== RECOVERING ? RECOVERING : target.leaderRecoveryState;
  if (recovery !== partition.leaderRecoveryState) change.leaderRecoveryState = recovery;
  assignmentChanges(rules.image, partition, target, wanted.directories, change);
  return Object.keys(change).length > 2 ? metadataRecord('PartitionChange', change) : undefined;
}

type Change = { -readonly [K in keyof MetadataMessage<'PartitionChange'>]: MetadataMessage<'PartitionChange'>[K] };
type Target = Pick<PartitionImage, 'isr' | 'replicas' | 'addingReplicas' | 'removingReplicas' | 'leaderRecoveryState'>;

/**
 * A reassignment is done once all who are to join are in sync, and, where replicas become fewer, all who stay. Those who leave
 * go then (`PartitionReassignmentReplicas`).
 */
function finishReassignment({ isr, replicas, addingReplicas, removingReplicas, leaderRecoveryState }: Target): Target {
  const unfinished = { isr, replicas, addingReplicas, removingReplicas, leaderRecoveryState };
  if (addingReplicas.length === 0 && removingReplicas.length === 0) return unfinished;
  const isrLeft = isr.filter(id => !removingReplicas.includes(id));
  const replicasLeft = replicas.filter(id => !removingReplicas.includes(id));
  const done = isrLeft.length > 0 && replicasLeft.length > 0 && addingReplicas.every(id => isrLeft.includes(id)) &&
    (addingReplicas.length >= removingReplicas.length || replicasLeft.every(id => isrLeft.includes(id)));
  return done ? { isr: isrLeft, replicas: replicasLeft, addingReplicas: [], removingReplicas: [], leaderRecoveryState } : unfinished;
}

/** While the ISR is below its minimum, those who leave it still hold all that was committed. */
function eligibleAfter(rules: TopicRules, partition: PartitionImage, isr: readonly number[], lostRecords: number | undefined): number[] {
  if (isr.length >= rules.minInsyncReplicas) return [];
  const candidates = new Set([...partition.eligibleLeaderReplicas, ...partition.isr]);
  return [...candidates].filter(id => !isr.includes(id) && id !== lostRecords).sort((a, b) => a - b);
}

interface Outcome {
  readonly leader: number;
  readonly isr: readonly number[];
  readonly eligible: readonly number[];
  /** Records may be lost: the ISR is the new leader alone, which is marked as recovering. */
  readonly unclean: boolean;
}

interface ElectionTarget extends Target {
  readonly eligible: readonly number[];
  /** Where replicas lie from now on, by broker, as far as that changes. */
  readonly directories: ReadonlyMap<number, Uuid> | undefined;
}

function elect(rules: TopicRules, partition: PartitionImage, target: ElectionTarget): Outcome {
  const { isr, eligible } = target;
  const { leader, unclean } = electedBy(rules, partition, target);
  if (leader === partition.leader) return { leader, isr, eligible, unclean: false };
  if (eligible.includes(leader)) return { leader, isr: [leader], eligible: eligible.filter(id => id !== leader), unclean };
  return { leader, isr: unclean ? [leader] : isr, eligible, unclean };
}

function electedBy(rules: TopicRules, partition: PartitionImage, { isr, replicas, eligible, directories }: ElectionTarget) {
  const mayLead = (id: number): boolean =>
    rules.mayLead(id) && hasOnlineDirectory(rules.image.brokers.get(id), directories?.get(id) ?? directoryOf(partition, id));
  const isValid = (id: number): boolean => (isr.includes(id) || (isr.length === 0 && eligible.includes(id))) && mayLead(id);
  const inOrder = rules.election === 'preferred' ? [replicas[0]!, partition.leader, ...replicas] : [partition.leader, ...replicas];
  const clean = inOrder.find(isValid);
  if (clean !== undefined) return { leader: clean, unclean: false };
  const [lastLeader] = partition.lastKnownElr;
  const nobodyElse = isr.length === 0 && eligible.length === 0 && partition.lastKnownElr.length === 1;
  if (rules.eligibleLeaderReplicas && nobodyElse && mayLead(lastLeader!)) return { leader: lastLeader!, unclean: true };
  const anybody = rules.election === 'unclean' ? replicas.find(mayLead) : undefined;
  return anybody === undefined ? { leader: NO_LEADER, unclean: false } : { leader: anybody, unclean: true };
}

function mustRaiseEpochOnShrink({ image }: TopicRules, partition: PartitionImage, { isr, leader }: Change): boolean {
  return image.features.metadataVersion < NO_EPOCH_BUMP_ON_SHRINK && leader === undefined &&
    isr !== undefined && isr !== null && partition.isr.some(id => !isr.includes(id));
}

/** Who led last is remembered while nobody leads: it is the first to be asked back. */
function rememberLastLeader(partition: PartitionImage, change: Change): void {
  if (change.leader === NO_LEADER && partition.lastKnownElr.length === 0) change.lastKnownElr = [partition.leader];
  else if (change.leader !== undefined && change.leader >= 0 && partition.lastKnownElr.length > 0) change.lastKnownElr = [];
}

function assignmentChanges(image: MetadataImage, partition: PartitionImage, target: Target, directories: ReadonlyMap<number, Uuid> | undefined, change: Change): void {
  if (image.features.metadataVersion >= MetadataVersionGate.DIRECTORY_ASSIGNMENT) {
    const wanted = target.replicas.map(id => directories?.get(id) ?? directoryOf(partition, id) ?? defaultDirectory(image.brokers.get(id)));
    if (!same(wanted, partition.directories)) change.directories = wanted;
  }
  if (!same(target.replicas, partition.replicas)) change.replicas = target.replicas;
  if (!same(target.removingReplicas, partition.removingReplicas)) change.removingReplicas = target.removingReplicas;
  if (!same(target.addingReplicas, partition.addingReplicas)) change.addingReplicas = target.addingReplicas;
}

/** A broker with one directory leaves no choice; one with several chooses itself and tells (KIP-858). */
export function defaultDirectory(broker: BrokerImage | undefined): Uuid {
  if (broker === undefined) return DirectoryId.UNASSIGNED;
  if (broker.logDirs.length === 0) return DirectoryId.MIGRATING;
  return broker.logDirs.length === 1 ? broker.logDirs[0]! : DirectoryId.UNASSIGNED;
}

function same<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
