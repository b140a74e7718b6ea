import { MalformedError } from '../base/bytes.js';
import { clientMetricsSettings, groupSettings, topicSettings } from '../config/table/index.js';
import { int64ToNumber, type Uuid } from '../protocol/wire/types.js';
import { FeatureName, refuseUnknownLevel } from './features.js';
import { changed } from './layered-map.js';
import type { MetadataMessage, MetadataRecord, MetadataRecordType } from './records.js';
import { TopicsDelta } from './topics-delta.js';
import {
  ConfigResourceType, configKey,
  type AclImage, type BrokerImage, type ClientQuotaImage, type ControllerImage, type DelegationTokenImage, type EndpointImage,
  type FeaturesImage, type MetadataImage, type ScramCredentialImage, type VersionRange,
} from './types.js';

type Changes<K, V> = Map<K, V | undefined>;

/** Brokers are not among them: their listeners and plugins have settings of any name. */
const KNOWN_SETTINGS: ReadonlyMap<number, object> = new Map<number, object>([
  [ConfigResourceType.TOPIC, topicSettings], [ConfigResourceType.GROUP, groupSettings], [ConfigResourceType.CLIENT_METRICS, clientMetricsSettings],
]);

/**
 * Records on their way from one image to the next: `replay` gathers them, `apply` makes the image. What changed can be asked
 * for, so that those who act on an image need not compare two. After Kafka's `MetadataDelta`.
 */
export class MetadataDelta {
  readonly topics: TopicsDelta;
  /** Brokers as they are after the delta; undefined for those that are gone. */
  readonly brokers: Changes<number, BrokerImage> = new Map();
  readonly controllers: Changes<number, ControllerImage> = new Map();
  /** By `configKey`, all settings of the resource after the delta; undefined when none is left. */
  readonly configs: Changes<string, ReadonlyMap<string, string>> = new Map();
  readonly clientQuotas: Changes<string, ClientQuotaImage> = new Map();
  readonly scramCredentials: Changes<string, ScramCredentialImage> = new Map();
  readonly acls: Changes<Uuid, AclImage> = new Map();
  readonly delegationTokens: Changes<string, DelegationTokenImage> = new Map();
  private readonly featureLevels = new Map<string, number>();
  private nextProducerId: number | undefined;

  constructor(readonly base: MetadataImage) {
    this.topics = new TopicsDelta(base);
  }

  /** Finalized levels that changed, 0 for features that are gone. */
  get features(): ReadonlyMap<string, number> {
    return this.featureLevels;
  }

  /** kraft.version stands in control records of the log, not among the metadata records. */
  setKraftVersion(level: number): void {
    this.featureLevels.set(FeatureName.KRAFT_VERSION, level);
  }

  /**
   * Throws `MalformedError` on a record that does not fit what came before. The records that bound transactions change nothing
   * here: see `ImageBuilder`.
   */
  replay({ type, message }: MetadataRecord): void {
    const replay = replayers[type] as (delta: MetadataDelta, message: object) => void;
    replay(this, message);
  }

  apply(offset: number, epoch: number): MetadataImage {
    const { base } = this;
    return {
      offset,
      epoch,
      features: this.applyFeatures(offset),
      brokers: changed(base.brokers, this.brokers),
      controllers: changed(base.controllers, this.controllers),
      ...this.topics.apply(),
      configs: changed(base.configs, this.configs),
      nextProducerId: this.nextProducerId ?? base.nextProducerId,
      clientQuotas: changed(base.clientQuotas, this.clientQuotas),
      scramCredentials: changed(base.scramCredentials, this.scramCredentials),
      acls: changed(base.acls, this.acls),
      delegationTokens: changed(base.delegationTokens, this.delegationTokens),
    };
  }

  setFeatureLevel({ name, featureLevel }: MetadataMessage<'FeatureLevel'>): void {
    // Some versions of Kafka wrote kraft.version here by mistake (KAFKA-18979).
    if (name === FeatureName.KRAFT_VERSION) return;
    refuseUnknownLevel(name, featureLevel);
    this.featureLevels.set(name, featureLevel);
  }

  /** A name that only an older release knew is passed over, as Kafka does (`DefaultSupportedConfigChecker`). */
  setConfig({ resourceType, resourceName, name, value }: MetadataMessage<'Config'>): void {
    const known = KNOWN_SETTINGS.get(resourceType);
    if (known !== undefined && !(name in known)) return;
    const key = configKey(resourceType, resourceName);
    const before = this.configs.has(key) ? this.configs.get(key) : this.base.configs.get(key);
    const after = new Map(before);
    if (value === null) after.delete(name);
    else after.set(name, value);
    this.configs.set(key, after.size === 0 ? undefined : after);
  }

  removeTopic(message: MetadataMessage<'RemoveTopic'>): void {
    const key = configKey(ConfigResourceType.TOPIC, this.topics.removeTopic(message));
    if (this.configs.has(key) || this.base.configs.has(key)) this.configs.set(key, undefined);
  }

  changeBroker(id: number, epoch: number, change: (before: BrokerImage) => Partial<BrokerImage>): void {
    const before = this.brokers.has(id) ? this.brokers.get(id) : this.base.brokers.get(id);
    if (before === undefined) throw new MalformedError(`broker ${id} is changed but not registered`);
    if (before.epoch !== epoch) throw new MalformedError(`broker ${id} is changed in epoch ${epoch}, but its epoch is ${before.epoch}`);
    this.brokers.set(id, { ...before, ...change(before) });
  }

  setQuota({ entity, key, value, remove }: MetadataMessage<'ClientQuota'>): void {
    const parts = entity.map(({ entityType, entityName }) => ({ type: entityType, name: entityName }));
    const id = clientQuotaKey(parts);
    const before = this.clientQuotas.has(id) ? this.clientQuotas.get(id) : this.base.clientQuotas.get(id);
    const values = new Map(before?.values);
    if (remove) values.delete(key);
    else values.set(key, value);
    this.clientQuotas.set(id, values.size === 0 ? undefined : { entity: before?.entity ?? parts, values });
  }

  setNextProducerId(next: number): void {
    this.nextProducerId = next;
  }

  private applyFeatures(offset: number): FeaturesImage {
    const { features } = this.base;
    if (this.featureLevels.size === 0) return features;
    const finalized = new Map(features.finalized);
    const declined = new Set(features.declined);
    for (const [name, level] of this.featureLevels) {
      declined.delete(name);
      finalized.delete(name);
      if (level > 0) finalized.set(name, level);
      else if (name !== FeatureName.KRAFT_VERSION) declined.add(name);
    }
    return { metadataVersion: finalized.get(FeatureName.METADATA_VERSION) ?? 0, finalized, declined, epoch: offset };
  }
}

/** One key for an entity, however its parts are ordered. */
export function clientQuotaKey(entity: readonly { type: string; name: string | null }[]): string {
  return JSON.stringify(entity.map(({ type, name }) => [type, name]).sort(([a], [b]) => (a! < b! ? -1 : 1)));
}

export function scramKey(name: string, mechanism: number): string {
  return `${mechanism}:${name}`;
}

type Replayers = { readonly [T in MetadataRecordType]: (delta: MetadataDelta, message: MetadataMessage<T>) => void };

const nothing = (): void => undefined;

const replayers: Replayers = {
  RegisterBroker: (delta, message) => delta.brokers.set(message.brokerId, {
    id: message.brokerId,
    epoch: int64ToNumber(message.brokerEpoch),
    incarnationId: message.incarnationId,
    endpoints: endpointsOf(message.endPoints),
    features: rangesOf(message.features),
    rack: message.rack,
    fenced: message.fenced ?? true,
    inControlledShutdown: message.inControlledShutdown ?? false,
    logDirs: message.logDirs ?? [],
    cordonedLogDirs: message.cordonedLogDirs ?? [],
  }),
  UnregisterBroker: (delta, { brokerId }) => delta.brokers.set(brokerId, undefined),
  FenceBroker: (delta, { id, epoch }) => delta.changeBroker(id, int64ToNumber(epoch), () => ({ fenced: true })),
  UnfenceBroker: (delta, { id, epoch }) => delta.changeBroker(id, int64ToNumber(epoch), () => ({ fenced: false })),
  BrokerRegistrationChange: (delta, message) => delta.changeBroker(message.brokerId, int64ToNumber(message.brokerEpoch), before => ({
    // 1 sets, -1 unsets, 0 leaves; a controlled shutdown ends only with the registration.
    fenced: message.fenced === 1 || (message.fenced !== -1 && before.fenced),
    inControlledShutdown: message.inControlledShutdown === 1 || before.inControlledShutdown,
    logDirs: message.logDirs === undefined || message.logDirs.length === 0 ? before.logDirs : message.logDirs,
    cordonedLogDirs: message.cordonedLogDirs ?? before.cordonedLogDirs,
  })),
  RegisterController: (delta, message) => delta.controllers.set(message.controllerId, {
    id: message.controllerId,
    incarnationId: message.incarnationId,
    endpoints: endpointsOf(message.endPoints),
    features: rangesOf(message.features),
  }),
  Topic: (delta, message) => delta.topics.createTopic(message),
  Partition: (delta, message) => delta.topics.setPartition(message),
  PartitionChange: (delta, message) => delta.topics.changePartition(message),
  RemoveTopic: (delta, message) => delta.removeTopic(message),
  ClearElr: (delta, message) => delta.topics.clearElr(message),
  Config: (delta, message) => delta.setConfig(message),
  FeatureLevel: (delta, message) => delta.setFeatureLevel(message),
  ClientQuota: (delta, message) => delta.setQuota(message),
  ProducerIds: (delta, { nextProducerId }) => delta.setNextProducerId(int64ToNumber(nextProducerId)),
  UserScramCredential: (delta, { name, mechanism, salt, storedKey, serverKey, iterations }) => delta.scramCredentials.set(scramKey(name, mechanism), {
    name, mechanism, salt: Uint8Array.from(salt), storedKey: Uint8Array.from(storedKey), serverKey: Uint8Array.from(serverKey), iterations,
  }),
  RemoveUserScramCredential: (delta, { name, mechanism }) => delta.scramCredentials.set(scramKey(name, mechanism), undefined),
  AccessControlEntry: (delta, { id, resourceType, resourceName, patternType, principal, host, operation, permissionType }) =>
    delta.acls.set(id, { resourceType, resourceName, patternType, principal, host, operation, permissionType }),
  RemoveAccessControlEntry: (delta, { id }) => delta.acls.set(id, undefined),
  DelegationToken: (delta, { tokenId, owner, requester, renewers, issueTimestamp, maxTimestamp, expirationTimestamp }) =>
    delta.delegationTokens.set(tokenId, {
      tokenId, owner, requester, renewers,
      issueTimestampMs: int64ToNumber(issueTimestamp),
      maxTimestampMs: int64ToNumber(maxTimestamp),
      expirationTimestampMs: int64ToNumber(expirationTimestamp),
    }),
  RemoveDelegationToken: (delta, { tokenId }) => delta.delegationTokens.set(tokenId, undefined),
  NoOp: nothing,
  ZkMigrationState: nothing,
  BeginTransaction: nothing,
  EndTransaction: nothing,
  AbortTransaction: nothing,
};

function endpointsOf(endpoints: MetadataMessage<'RegisterBroker'>['endPoints']): EndpointImage[] {
  return endpoints.map(({ name, host, port, securityProtocol }) => ({ listener: name, host, port, securityProtocol }));
}

function rangesOf(features: MetadataMessage<'RegisterBroker'>['features']): Map<string, VersionRange> {
  return new Map(features.map(({ name, minSupportedVersion, maxSupportedVersion }) => [name, { min: minSupportedVersion, max: maxSupportedVersion }]));
}
