import { MetadataVersionGate, SUPPORTED_FEATURES } from '../metadata/features.js';
import { NO_LEADER } from '../metadata/image.js';
import { metadataRecord, type MetadataRecord } from '../metadata/records.js';
import type { BrokerImage, MetadataImage, PartitionImage } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import type { BrokerHeartbeatRequestInput, BrokerHeartbeatResponseInput } from '../protocol/generated/broker-heartbeat.js';
import type { BrokerRegistrationRequestInput, BrokerRegistrationResponseInput } from '../protocol/generated/broker-registration.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Decided, Decision } from './context.js';

/**
 * Brokers come, beat and go (KIP-631, KIP-858, KIP-966). After Kafka's `ClusterControlManager` and `BrokerHeartbeatManager`,
 * with one difference: an incarnation that is known to be dead is superseded at once instead of after its session.
 */

/** What BrokerRegistrationChangeRecord says with its int8s. */
const Change = { UNFENCE: -1, NONE: 0, FENCE: 1, IN_CONTROLLED_SHUTDOWN: 1 } as const;

export interface RegistrationFacts {
  readonly clusterId: string;
  /** Whether a broker's session still runs. */
  readonly hasSession: boolean;
  /** The broker runs in this very process, so that whatever incarnation was before it is dead: it held the directories' locks. */
  readonly isLocal: boolean;
  readonly nextOffset: number;
}

/** Registers an incarnation; it starts fenced. Its epoch is the offset of its record. */
export function registerBroker(
  { image }: Decision, request: BrokerRegistrationRequestInput, facts: RegistrationFacts,
): Decided<BrokerRegistrationResponseInput> {
  const before = image.brokers.get(request.brokerId);
  if (request.clusterId !== facts.clusterId) {
    throw new KafkaError(ErrorCode.INCONSISTENT_CLUSTER_ID, `expected cluster id ${facts.clusterId}, but got ${request.clusterId}`);
  }
  if (before !== undefined && before.incarnationId === request.incarnationId) {
    return { records: [], response: { brokerEpoch: before.epoch } };
  }
  const superseded = facts.isLocal && before !== undefined && sameMembers(before.logDirs, request.logDirs ?? []);
  if (before !== undefined && facts.hasSession && !superseded) {
    throw new KafkaError(ErrorCode.DUPLICATE_BROKER_REGISTRATION, `broker ${request.brokerId} is registered and alive`);
  }
  refuseFeatures(image, request);
  refuseDirectories(image, request);
  const record = metadataRecord('RegisterBroker', {
    brokerId: request.brokerId,
    incarnationId: request.incarnationId,
    brokerEpoch: facts.nextOffset,
    endPoints: request.listeners.map(({ name, host, port, securityProtocol }) => ({ name, host, port, securityProtocol })),
    features: request.features.map(({ name, minSupportedVersion, maxSupportedVersion }) => ({ name, minSupportedVersion, maxSupportedVersion })),
    rack: request.rack,
    fenced: true,
    ...(image.features.metadataVersion >= MetadataVersionGate.DIRECTORY_ASSIGNMENT && { logDirs: request.logDirs ?? [] }),
  });
  return { records: [record], response: { brokerEpoch: facts.nextOffset } };
}

function sameMembers(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every(id => b.includes(id));
}

/** A broker must be able to live with every level that the cluster has agreed on. */
function refuseFeatures(image: MetadataImage, { features }: BrokerRegistrationRequestInput): void {
  for (const [name, level] of image.features.finalized) {
    const offered = features.find(feature => feature.name === name);
    if (offered !== undefined ? level >= offered.minSupportedVersion && level <= offered.maxSupportedVersion : !SUPPORTED_FEATURES.has(name)) continue;
    throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION,
      `${name} is finalized at ${level}, which the broker does not support${offered ? `: ${offered.minSupportedVersion} to ${offered.maxSupportedVersion}` : ''}`);
  }
}

function refuseDirectories(image: MetadataImage, { brokerId, logDirs = [] }: BrokerRegistrationRequestInput): void {
  for (const broker of image.brokers.values()) {
    const shared = broker.id === brokerId ? undefined : logDirs.find(id => broker.logDirs.includes(id));
    if (shared !== undefined) throw new KafkaError(ErrorCode.INVALID_REGISTRATION, `log directory ${shared} is registered by broker ${broker.id} already`);
  }
  if (new Set(logDirs).size < logDirs.length) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'a log directory is named twice');
}

/** Takes a sign of life, and moves the broker between fenced, serving and going away as it wishes and may. */
export function brokerHeartbeat({ image }: Decision, request: BrokerHeartbeatRequestInput): Decided<BrokerHeartbeatResponseInput> {
  const broker = requireBroker(image, request.brokerId, request.brokerEpoch ?? -1);
  const caughtUp = request.currentMetadataOffset >= broker.epoch;
  const answer = (records: readonly MetadataRecord[], fenced: boolean, shouldShutDown = false): Decided<BrokerHeartbeatResponseInput> =>
    ({ records, response: { isCaughtUp: caughtUp, isFenced: fenced, shouldShutDown } });
  if (request.wantShutDown) {
    const left = movePartitions(image, broker, 'leaving');
    const mustWait = left.some(record => record.type === 'PartitionChange') || leadsWithOthers(image, broker.id);
    return mustWait
      ? answer([...shutdownRecord(broker), ...left], broker.fenced)
      : answer(broker.fenced ? [] : fence(image, broker, { leadersStay: true }), true, true);
  }
  if (broker.fenced && !request.wantFence && caughtUp) return answer(unfence(image, broker), false);
  if (!broker.fenced && request.wantFence) return answer(fence(image, broker), true);
  return answer([], broker.fenced);
}

export function requireBroker(image: MetadataImage, id: number, epoch: number | bigint): BrokerImage {
  const broker = image.brokers.get(id);
  if (broker === undefined) throw new KafkaError(ErrorCode.BROKER_ID_NOT_REGISTERED, `broker ${id} is not registered`);
  if (broker.epoch !== epoch) throw new KafkaError(ErrorCode.STALE_BROKER_EPOCH, `broker ${id} has epoch ${broker.epoch}, not ${epoch}`);
  return broker;
}

function shutdownRecord(broker: BrokerImage): MetadataRecord[] {
  return broker.inControlledShutdown ? [] : [metadataRecord('BrokerRegistrationChange',
    { brokerId: broker.id, brokerEpoch: broker.epoch, inControlledShutdown: Change.IN_CONTROLLED_SHUTDOWN })];
}

/**
 * A broker that is not heard of, or wishes it, serves no more: others lead in its place where they can. When it goes in order,
 * the partitions that nobody else could lead keep naming it, and it takes them up again with a new epoch.
 */
export function fence(image: MetadataImage, broker: BrokerImage, { leadersStay = false } = {}): MetadataRecord[] {
  return [
    metadataRecord('BrokerRegistrationChange', { brokerId: broker.id, brokerEpoch: broker.epoch, fenced: Change.FENCE }),
    ...(leadersStay ? [] : movePartitions(image, broker, 'lost')),
  ];
}

/** Naming the leader raises the leader epoch, so that readers notice what a crash may have taken (KIP-320). */
function unfence(image: MetadataImage, broker: BrokerImage): MetadataRecord[] {
  const records = [metadataRecord('BrokerRegistrationChange', { brokerId: broker.id, brokerEpoch: broker.epoch, fenced: Change.UNFENCE })];
  for (const topic of image.topicsById.values()) {
    topic.partitions.forEach((partition, partitionId) => {
      const mayLead = partition.isr.includes(broker.id) && (partition.leader === broker.id || partition.leader === NO_LEADER);
      if (mayLead) records.push(metadataRecord('PartitionChange', { partitionId, topicId: topic.id, leader: broker.id }));
    });
  }
  return records;
}

/** Hands the leaderships of a broker on, and takes it out of the ISRs that others are in. */
function movePartitions(image: MetadataImage, broker: BrokerImage, how: 'leaving' | 'lost'): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  for (const topic of image.topicsById.values()) {
    topic.partitions.forEach((partition, partitionId) => {
      const change = withoutBroker(image, partition, broker.id, how);
      if (change !== undefined) records.push(metadataRecord('PartitionChange', { partitionId, topicId: topic.id, ...change }));
    });
  }
  return records;
}

function withoutBroker(image: MetadataImage, { isr, leader, replicas }: PartitionImage, id: number, how: 'leaving' | 'lost') {
  if (!isr.includes(id)) return undefined;
  const others = isr.filter(member => member !== id);
  const next = replicas.find(member => others.includes(member) && image.brokers.get(member)?.fenced === false);
  if (leader !== id) return others.length > 0 ? { isr: others } : undefined;
  if (next !== undefined) return { isr: others, leader: next };
  return how === 'lost' ? { leader: NO_LEADER } : undefined;
}

function leadsWithOthers(image: MetadataImage, id: number): boolean {
  for (const topic of image.topicsById.values()) {
    if (topic.partitions.some(({ leader, isr }) => leader === id && isr.length > 1)) return true;
  }
  return false;
}
