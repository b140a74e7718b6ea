import type { Uuid } from '../protocol/wire/types.js';
import { FeatureName } from './features.js';
import { DirectoryId } from './image.js';
import { metadataRecord, type MetadataRecord } from './records.js';
import type { BrokerImage, EndpointImage, MetadataImage, PartitionImage, VersionRange } from './types.js';

/** The records that make this image of an empty one, in the order in which Kafka's `MetadataImage.write` has them. */
export function* recordsOfImage(image: MetadataImage): Generator<MetadataRecord, void, undefined> {
  // metadata.version comes first: it says how to read what follows.
  if (image.features.metadataVersion > 0) yield featureLevel(FeatureName.METADATA_VERSION, image.features.metadataVersion);
  for (const [name, level] of image.features.finalized) {
    if (name !== FeatureName.METADATA_VERSION && name !== FeatureName.KRAFT_VERSION) yield featureLevel(name, level);
  }
  for (const name of image.features.declined) yield featureLevel(name, 0);
  for (const broker of image.brokers.values()) yield registerBrokerRecord(broker);
  for (const { id, incarnationId, endpoints, features } of image.controllers.values()) {
    yield metadataRecord('RegisterController', {
      controllerId: id, incarnationId, zkMigrationReady: false, endPoints: endpointsTo(endpoints), features: rangesTo(features),
    });
  }
  for (const { name, id, partitions } of image.topicsById.values()) {
    yield metadataRecord('Topic', { name, topicId: id });
    for (const [index, partition] of partitions.entries()) yield partitionRecord(id, index, partition);
  }
  for (const [key, values] of image.configs) {
    const colon = key.indexOf(':');
    const resource = { resourceType: Number(key.slice(0, colon)), resourceName: key.slice(colon + 1) };
    for (const [name, value] of values) yield metadataRecord('Config', { ...resource, name, value });
  }
  for (const { entity, values } of image.clientQuotas.values()) {
    const parts = entity.map(({ type, name }) => ({ entityType: type, entityName: name }));
    for (const [key, value] of values) yield metadataRecord('ClientQuota', { entity: parts, key, value, remove: false });
  }
  if (image.nextProducerId > 0) yield metadataRecord('ProducerIds', { brokerId: -1, brokerEpoch: -1, nextProducerId: image.nextProducerId });
  for (const [id, acl] of image.acls) yield metadataRecord('AccessControlEntry', { id, ...acl });
  for (const credential of image.scramCredentials.values()) yield metadataRecord('UserScramCredential', credential);
  for (const { issueTimestampMs, maxTimestampMs, expirationTimestampMs, ...token } of image.delegationTokens.values()) {
    yield metadataRecord('DelegationToken', {
      ...token, issueTimestamp: issueTimestampMs, maxTimestamp: maxTimestampMs, expirationTimestamp: expirationTimestampMs,
    });
  }
}

export function featureLevel(name: string, level: number): MetadataRecord {
  return metadataRecord('FeatureLevel', { name, featureLevel: level });
}

/** The whole registration of a broker. */
export function registerBrokerRecord(broker: BrokerImage): MetadataRecord {
  return metadataRecord('RegisterBroker', {
    brokerId: broker.id,
    incarnationId: broker.incarnationId,
    brokerEpoch: broker.epoch,
    endPoints: endpointsTo(broker.endpoints),
    features: rangesTo(broker.features),
    rack: broker.rack,
    fenced: broker.fenced,
    inControlledShutdown: broker.inControlledShutdown,
    logDirs: broker.logDirs,
    cordonedLogDirs: broker.cordonedLogDirs.length === 0 ? null : broker.cordonedLogDirs,
  });
}

/** The whole state of a partition. Where no replica has a directory, the record has none either. */
export function partitionRecord(topicId: Uuid, partitionId: number, partition: PartitionImage): MetadataRecord {
  const { eligibleLeaderReplicas, lastKnownElr, directories, ...rest } = partition;
  return metadataRecord('Partition', {
    ...rest, topicId, partitionId,
    directories: directories.every(id => id === DirectoryId.MIGRATING) ? [] : directories,
    eligibleLeaderReplicas: eligibleLeaderReplicas.length === 0 ? null : eligibleLeaderReplicas,
    lastKnownElr: lastKnownElr.length === 0 ? null : lastKnownElr,
  });
}

function endpointsTo(endpoints: readonly EndpointImage[]): { name: string; host: string; port: number; securityProtocol: number }[] {
  return endpoints.map(({ listener, host, port, securityProtocol }) => ({ name: listener, host, port, securityProtocol }));
}

function rangesTo(features: ReadonlyMap<string, VersionRange>): { name: string; minSupportedVersion: number; maxSupportedVersion: number }[] {
  return [...features].map(([name, { min, max }]) => ({ name, minSupportedVersion: min, maxSupportedVersion: max }));
}
