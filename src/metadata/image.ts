import type { Uuid } from '../protocol/wire/types.js';
import { LayeredMap } from './layered-map.js';
import type { BrokerImage, MetadataImage, PartitionImage } from './types.js';

/** Before any record. */
export const EMPTY_IMAGE: MetadataImage = {
  offset: -1,
  epoch: -1,
  features: { metadataVersion: 0, finalized: new Map(), declined: new Set(), epoch: -1 },
  brokers: LayeredMap.empty(),
  controllers: LayeredMap.empty(),
  topicsByName: LayeredMap.empty(),
  topicsById: LayeredMap.empty(),
  configs: LayeredMap.empty(),
  nextProducerId: 0,
  clientQuotas: LayeredMap.empty(),
  scramCredentials: LayeredMap.empty(),
  acls: LayeredMap.empty(),
  delegationTokens: LayeredMap.empty(),
};

/** No leader. */
export const NO_LEADER = -1;

/** Directory ids that stand for no directory (Kafka's `DirectoryId`): sixteen bytes of which only the last is not 0. */
export const DirectoryId = {
  /** Written before directories were assigned (metadata.version below 17). */
  MIGRATING: 'AAAAAAAAAAAAAAAAAAAAAA',
  /** Not yet placed by its broker. */
  UNASSIGNED: 'AAAAAAAAAAAAAAAAAAAAAQ',
  /** In a directory that is offline. */
  LOST: 'AAAAAAAAAAAAAAAAAAAAAg',
} as const;

/** Where in its directory id list a partition's replica on `broker` lies; undefined when it has none there. */
export function directoryOf(partition: PartitionImage, broker: number): Uuid | undefined {
  return partition.directories[partition.replicas.indexOf(broker)];
}

/** Whether a broker can use a directory of its own; one that nobody has named yet counts as online (`DirectoryId.isOnline`). */
export function hasOnlineDirectory(broker: BrokerImage | undefined, directory: Uuid | undefined): boolean {
  if (directory === undefined || directory === DirectoryId.UNASSIGNED || directory === DirectoryId.MIGRATING) return true;
  if (directory === DirectoryId.LOST || broker === undefined) return false;
  return broker.logDirs.length === 0 || broker.logDirs.includes(directory);
}

/** Brokers that may lead and be given replicas. */
export function isActive(broker: BrokerImage | undefined): boolean {
  return broker !== undefined && !broker.fenced && !broker.inControlledShutdown;
}

export function partitionOf(image: MetadataImage, topic: string, partition: number): PartitionImage | undefined {
  return image.topicsByName.get(topic)?.partitions[partition];
}

const NO_CONFIG: ReadonlyMap<string, string> = new Map();

/** What was set for a resource, by `configKey`; empty when nothing was. */
export function configOf(image: MetadataImage, key: string): ReadonlyMap<string, string> {
  return image.configs.get(key) ?? NO_CONFIG;
}
