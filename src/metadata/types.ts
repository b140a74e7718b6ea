import type { Uuid } from '../protocol/wire/types.js';

/**
 * The cluster as of one metadata offset: immutable, replaced as a whole, shared freely. Built by `MetadataDelta` from records
 * of `__cluster_metadata`. After Kafka's `MetadataImage`.
 */
export interface MetadataImage {
  /** Last offset applied and its epoch; -1 and -1 for the empty image. */
  readonly offset: number;
  readonly epoch: number;
  readonly features: FeaturesImage;
  readonly brokers: ReadonlyMap<number, BrokerImage>;
  readonly controllers: ReadonlyMap<number, ControllerImage>;
  readonly topicsByName: ReadonlyMap<string, TopicImage>;
  readonly topicsById: ReadonlyMap<Uuid, TopicImage>;
  /** Settings by resource, `configKey(type, name)`; in the order they were set. */
  readonly configs: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Next producer id to hand out in a block. */
  readonly nextProducerId: number;
  readonly clientQuotas: ReadonlyMap<string, ClientQuotaImage>;
  readonly scramCredentials: ReadonlyMap<string, ScramCredentialImage>;
  readonly acls: ReadonlyMap<Uuid, AclImage>;
  /** By token id. */
  readonly delegationTokens: ReadonlyMap<string, DelegationTokenImage>;
}

export interface FeaturesImage {
  readonly metadataVersion: number;
  /** Finalized levels by feature name, `metadata.version` and `kraft.version` among them; level 0 is absent. */
  readonly finalized: ReadonlyMap<string, number>;
  /** Features that somebody set to level 0: an upgrade of the software must not raise them. */
  readonly declined: ReadonlySet<string>;
  /** Metadata offset of the last change: `finalizedFeaturesEpoch` in ApiVersions. */
  readonly epoch: number;
}

export interface EndpointImage {
  readonly listener: string;
  readonly host: string;
  readonly port: number;
  /** Kafka's id of the security protocol: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL. */
  readonly securityProtocol: number;
}

export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

export interface BrokerImage {
  readonly id: number;
  readonly epoch: number;
  readonly incarnationId: Uuid;
  readonly endpoints: readonly EndpointImage[];
  readonly features: ReadonlyMap<string, VersionRange>;
  readonly rack: string | null;
  readonly fenced: boolean;
  readonly inControlledShutdown: boolean;
  readonly logDirs: readonly Uuid[];
  /** Those of `logDirs` that get no new partitions. */
  readonly cordonedLogDirs: readonly Uuid[];
}

export interface ControllerImage {
  readonly id: number;
  readonly incarnationId: Uuid;
  readonly endpoints: readonly EndpointImage[];
  readonly features: ReadonlyMap<string, VersionRange>;
}

export interface TopicImage {
  readonly name: string;
  readonly id: Uuid;
  /** By partition index; dense. */
  readonly partitions: readonly PartitionImage[];
}

export interface PartitionImage {
  readonly replicas: readonly number[];
  readonly directories: readonly Uuid[];
  readonly isr: readonly number[];
  readonly eligibleLeaderReplicas: readonly number[];
  readonly lastKnownElr: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
  /** -1: none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  /** 0 RECOVERED, 1 RECOVERING. */
  readonly leaderRecoveryState: number;
}

/** What a quota may be for (Kafka's `ClientQuotaEntity`). */
export const QuotaEntityType = { USER: 'user', CLIENT_ID: 'client-id', IP: 'ip' } as const;

/** What a quota may bound (Kafka's `QuotaConfig`). */
export const QuotaKey = {
  PRODUCER_BYTE_RATE: 'producer_byte_rate', CONSUMER_BYTE_RATE: 'consumer_byte_rate', REQUEST_PERCENTAGE: 'request_percentage',
  CONTROLLER_MUTATION_RATE: 'controller_mutation_rate', CONNECTION_CREATION_RATE: 'connection_creation_rate',
} as const;

/** Quotas of one entity. */
export interface ClientQuotaImage {
  /** Name null: the default, for those that have none of their own. */
  readonly entity: readonly { type: string; name: string | null }[];
  readonly values: ReadonlyMap<string, number>;
}

export interface ScramCredentialImage {
  readonly name: string;
  /** 1 SCRAM-SHA-256, 2 SCRAM-SHA-512. */
  readonly mechanism: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
  readonly iterations: number;
}

/** One rule about who may do what; the numbers are Kafka's codes. */
export interface AclImage {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly patternType: number;
  readonly principal: string;
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}

export interface DelegationTokenImage {
  readonly tokenId: string;
  readonly owner: string;
  readonly requester: string;
  readonly renewers: readonly string[];
  readonly issueTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly expirationTimestampMs: number;
}

/** ConfigResource types, as on the wire. */
export const ConfigResourceType = { TOPIC: 2, BROKER: 4, BROKER_LOGGER: 8, CLIENT_METRICS: 16, GROUP: 32 } as const;

export function configKey(type: number, name: string): string {
  return `${type}:${name}`;
}
