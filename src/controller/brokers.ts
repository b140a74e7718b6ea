import { FeatureName, isKnownFeature, MetadataVersionGate } from '../metadata/features.js';
import { metadataRecord, type MetadataMessage, type MetadataRecord } from '../metadata/records.js';
import type { BrokerImage, MetadataImage } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import type { BrokerHeartbeatRequestInput, BrokerHeartbeatResponseInput } from '../protocol/generated/broker-heartbeat.js';
import type { BrokerRegistrationRequestInput, BrokerRegistrationResponseInput } from '../protocol/generated/broker-registration.js';
import type { UnregisterBrokerRequestInput, UnregisterBrokerResponseInput } from '../protocol/generated/unregister-broker.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { BrokerSession } from './broker-sessions.js';
import type { Decided, Decision } from './context.js';
import { afterUncleanStop, leadsSharedPartitions, withBroker, withoutBroker, withoutDirectories } from './leaderships.js';

/**
 * Brokers come, beat and go (KIP-631, KIP-841, KIP-858, KIP-966). After Kafka's `ClusterControlManager` and
 * `BrokerHeartbeatManager`, with one difference: an incarnation that is known to be dead is superseded at once instead of after
 * its session.
 */

/** What BrokerRegistrationChangeRecord says with its int8s. */
const Change = { UNFENCE: -1, FENCE: 1, IN_CONTROLLED_SHUTDOWN: 1 } as const;

/** Below this a uuid of a directory is one that stands for something (`DirectoryId.reserved`). */
const RESERVED_DIRECTORY_IDS = 100n;

export interface RegistrationFacts {
  readonly clusterId: string;
  /** Whether a broker's session still runs. */
  readonly hasSession: boolean;
  /** The broker runs in this very process, so that whatever incarnation was before it is dead: it held the directories' locks. */
  readonly isLocal: boolean;
}

/** Registers an incarnation; it starts fenced, and its epoch is the offset of its record. The record comes last: see `divisible`. */
export function registerBroker(
  decision: Decision, request: BrokerRegistrationRequestInput, facts: RegistrationFacts,
): Decided<BrokerRegistrationResponseInput> {
  const { image } = decision;
  const before = image.brokers.get(request.brokerId);
  if (request.clusterId !== facts.clusterId) {
    throw new KafkaError(ErrorCode.INCONSISTENT_CLUSTER_ID, `this is cluster ${facts.clusterId}, and the broker is of cluster id ${request.clusterId}`);
  }
  const amends = before !== undefined && before.incarnationId === request.incarnationId;
  const superseded = facts.isLocal && before !== undefined && (before.logDirs.length === 0 || before.logDirs.some(id => request.logDirs?.includes(id)));
  if (before !== undefined && facts.hasSession && !amends && !superseded) {
    throw new KafkaError(ErrorCode.DUPLICATE_BROKER_REGISTRATION,
      `broker ${request.brokerId} is registered and alive; after a restart its old session has to run out first`);
  }
  refuseDirectories(image, request);
  refuseFeatures(image, request, facts);
  if (amends) {
    const { epoch: brokerEpoch, fenced, inControlledShutdown } = before;
    return { records: [registration(image, request, { brokerEpoch, fenced, inControlledShutdown })], response: { brokerEpoch } };
  }
  const left = before === undefined ? [] : afterEarlierIncarnation(decision, request, before);
  const brokerEpoch = decision.at.nextOffset + left.length;
  return { records: [...left, registration(image, request, { brokerEpoch, fenced: true })], response: { brokerEpoch } };
}

/** The broker says with which epoch it stopped in order, if it did. */
function afterEarlierIncarnation(decision: Decision, { previousBrokerEpoch = -1 }: BrokerRegistrationRequestInput, before: BrokerImage): MetadataRecord[] {
  const wasClean = previousBrokerEpoch === before.epoch;
  return wasClean ? withoutBroker(decision, before.id, { aloneToo: false }) : afterUncleanStop(decision, before.id);
}

function registration(
  { features: { metadataVersion } }: MetadataImage, request: BrokerRegistrationRequestInput,
  state: Pick<MetadataMessage<'RegisterBroker'>, 'brokerEpoch' | 'fenced' | 'inControlledShutdown'>,
): MetadataRecord {
  return metadataRecord('RegisterBroker', {
    ...state,
    brokerId: request.brokerId,
    incarnationId: request.incarnationId,
    endPoints: request.listeners.map(({ name, host, port, securityProtocol }) => ({ name, host, port, securityProtocol })),
    features: request.features.map(({ name, minSupportedVersion, maxSupportedVersion }) => ({ name, minSupportedVersion, maxSupportedVersion })),
    rack: request.rack,
    ...(metadataVersion >= MetadataVersionGate.DIRECTORY_ASSIGNMENT && { logDirs: request.logDirs ?? [] }),
  });
}

/**
 * A broker must be able to live with every level that the cluster has agreed on. A lone node that was given a directory of
 * Kafka's may find features in it that Kafka serves and it does not: they stay as they are, for the way back.
 */
function refuseFeatures(image: MetadataImage, { features }: BrokerRegistrationRequestInput, { isLocal }: RegistrationFacts): void {
  if (!features.some(({ name }) => name === FeatureName.METADATA_VERSION)) {
    throw new KafkaError(ErrorCode.INVALID_REGISTRATION, `the broker does not say which ${FeatureName.METADATA_VERSION} it supports`);
  }
  const offered = new Map(features.map(({ name, minSupportedVersion: min, maxSupportedVersion: max }) => [name, { min, max }]));
  for (const name of new Set([...offered.keys(), ...image.features.finalized.keys()])) {
    // The quorum's own version is between its voters; brokers of before KIP-853 say nothing of it.
    if (name === FeatureName.KRAFT_VERSION && !offered.has(name)) continue;
    const level = image.features.finalized.get(name) ?? 0;
    const { min, max } = offered.get(name) ?? { min: 0, max: 0 };
    if (level >= min && level <= max) continue;
    if (isLocal && isKnownFeature(name) && name !== FeatureName.METADATA_VERSION) continue;
    throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, `${name} stands at the finalized version ${level} of the cluster, and the broker supports ${min} to ${max}`);
  }
}

function refuseDirectories(image: MetadataImage, { brokerId, logDirs = [] }: BrokerRegistrationRequestInput): void {
  if (image.features.metadataVersion < MetadataVersionGate.DIRECTORY_ASSIGNMENT) return;
  const refuse = (why: string): never => { throw new KafkaError(ErrorCode.INVALID_REGISTRATION, why); };
  if (logDirs.length === 0) refuse('the broker names no log directory');
  if (logDirs.some(isReserved)) refuse('the broker names a directory by an id that is reserved');
  if (new Set(logDirs).size < logDirs.length) refuse('the broker names a log directory twice');
  for (const broker of image.brokers.values()) {
    const shared = broker.id === brokerId ? undefined : logDirs.find(id => broker.logDirs.includes(id));
    if (shared !== undefined) refuse(`log directory ${shared} is broker ${broker.id}'s`);
  }
}

function isReserved(directory: string): boolean {
  const bytes = Buffer.from(directory, 'base64url');
  return bytes.readBigUInt64BE(0) === 0n && bytes.readBigUInt64BE(8) < RESERVED_DIRECTORY_IDS;
}

/** Kafka's `BrokerControlState`. */
type State = 'fenced' | 'serving' | 'shutting-down' | 'may-stop';

export interface HeartbeatFacts {
  readonly session: BrokerSession;
  /** The least that any serving broker has read of the metadata log. */
  readonly lowestOffset: number;
}

export interface Heartbeat extends Decided<BrokerHeartbeatResponseInput> {
  readonly state: State;
}

/** Takes a sign of life, and moves the broker between fenced, serving and going away as it wishes and may. */
export function brokerHeartbeat(decision: Decision, request: BrokerHeartbeatRequestInput, facts: HeartbeatFacts): Heartbeat {
  const broker = requireBroker(decision.image, request.brokerId, request.brokerEpoch ?? -1);
  const isCaughtUp = request.currentMetadataOffset >= broker.epoch;
  const state = nextState(decision, broker, request, facts);
  const records = [...stateRecords(decision, broker, state, facts), ...directoryRecords(decision, broker, request)];
  const isFenced = state === 'fenced' || state === 'may-stop';
  return { state, records, response: { isCaughtUp, isFenced, shouldShutDown: state === 'may-stop' } };
}

function nextState(decision: Decision, broker: BrokerImage, { wantFence, wantShutDown, currentMetadataOffset }: BrokerHeartbeatRequestInput, facts: HeartbeatFacts): State {
  const { session: { shutdownOffset }, lowestOffset } = facts;
  if (shutdownOffset !== undefined) {
    const everyoneKnows = shutdownOffset <= lowestOffset && !leadsSharedPartitions(decision, broker.id);
    return everyoneKnows ? 'may-stop' : 'shutting-down';
  }
  if (broker.fenced) {
    if (wantShutDown) return 'may-stop';
    return !wantFence && currentMetadataOffset >= broker.epoch ? 'serving' : 'fenced';
  }
  if (wantFence) return wantShutDown ? 'may-stop' : 'fenced';
  if (!wantShutDown) return 'serving';
  return leadsSharedPartitions(decision, broker.id) ? 'shutting-down' : 'may-stop';
}

function stateRecords(decision: Decision, broker: BrokerImage, state: State, { session }: HeartbeatFacts): MetadataRecord[] {
  const { id: brokerId, epoch: brokerEpoch } = broker;
  switch (state) {
    case 'serving':
      return broker.fenced ? [metadataRecord('BrokerRegistrationChange', { brokerId, brokerEpoch, fenced: Change.UNFENCE }), ...withBroker(decision, brokerId)] : [];
    case 'shutting-down':
      if (session.shutdownOffset !== undefined) return [];
      return [
        ...(broker.inControlledShutdown ? [] : [metadataRecord('BrokerRegistrationChange', { brokerId, brokerEpoch, inControlledShutdown: Change.IN_CONTROLLED_SHUTDOWN })]),
        ...withoutBroker(decision, brokerId, { aloneToo: false }),
      ];
    default:
      return broker.fenced ? [] : fence(decision, broker, { aloneToo: false });
  }
}

/** A broker that is not heard of, or wishes it, serves no more. */
export function fence(decision: Decision, { id: brokerId, epoch: brokerEpoch }: BrokerImage, { aloneToo }: { readonly aloneToo: boolean }): MetadataRecord[] {
  return [
    ...withoutBroker(decision, brokerId, { aloneToo }),
    metadataRecord('BrokerRegistrationChange', { brokerId, brokerEpoch, fenced: Change.FENCE }),
  ];
}

/** Directories that went offline (KIP-858), or are to get no new partitions (KIP-1066). */
function directoryRecords(decision: Decision, broker: BrokerImage, { offlineLogDirs = [], cordonedLogDirs = null }: BrokerHeartbeatRequestInput): MetadataRecord[] {
  const { metadataVersion } = decision.image.features;
  const { id: brokerId, epoch: brokerEpoch, logDirs } = broker;
  const records: MetadataRecord[] = [];
  const lost = logDirs.filter(id => offlineLogDirs.includes(id));
  if (metadataVersion >= MetadataVersionGate.DIRECTORY_ASSIGNMENT && lost.length > 0) {
    const left = logDirs.filter(id => !lost.includes(id));
    records.push(...withoutDirectories(decision, brokerId, lost), metadataRecord('BrokerRegistrationChange', { brokerId, brokerEpoch, logDirs: left }));
  }
  const cordonedBefore = new Set(broker.cordonedLogDirs);
  const cordonChanges = cordonedLogDirs !== null && (cordonedLogDirs.length !== cordonedBefore.size || cordonedLogDirs.some(id => !cordonedBefore.has(id)));
  if (metadataVersion >= MetadataVersionGate.CORDONED_LOG_DIRS && cordonChanges) {
    records.push(metadataRecord('BrokerRegistrationChange', { brokerId, brokerEpoch, cordonedLogDirs }));
  }
  return records;
}

export function unregisterBroker(decision: Decision, { brokerId }: UnregisterBrokerRequestInput): Decided<UnregisterBrokerResponseInput> {
  const broker = decision.image.brokers.get(brokerId);
  if (broker === undefined) throw new KafkaError(ErrorCode.BROKER_ID_NOT_REGISTERED, `Broker ID ${brokerId} is not currently registered`);
  const left = withoutBroker(decision, brokerId, { aloneToo: true });
  return { records: [...left, metadataRecord('UnregisterBroker', { brokerId, brokerEpoch: broker.epoch })], response: { errorMessage: '' } };
}

export function requireBroker(image: MetadataImage, id: number, epoch: number | bigint): BrokerImage {
  const broker = image.brokers.get(id);
  if (broker === undefined) throw new KafkaError(ErrorCode.STALE_BROKER_EPOCH, `broker ${id} is not registered`);
  if (broker.epoch !== epoch) throw new KafkaError(ErrorCode.STALE_BROKER_EPOCH, `broker ${id} has epoch ${broker.epoch} by now, not ${epoch}`);
  return broker;
}
