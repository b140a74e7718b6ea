/** Who sent a request, and over what. Made by the connection, read by handlers; TLS and SASL will fill in the principal. */
export interface RequestContext {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  /** Of the request on the wire, its header included, its length not. */
  readonly requestBytes: number;
  readonly connection: ConnectionFacts;
}

export interface ConnectionFacts {
  /** `host:port-host:port-n`, as Kafka prints it. */
  readonly id: string;
  readonly listener: ListenerFacts;
  readonly clientAddress: string;
  /** ANONYMOUS until somebody authenticates. */
  readonly principal: Principal;
  /** From ApiVersions v3+ (KIP-511); empty before. */
  readonly clientSoftwareName: string;
  readonly clientSoftwareVersion: string;
}

export interface ListenerFacts {
  readonly name: string;
  readonly protocol: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';
  /** Which of a node's roles is reached here; it selects the APIs that are served. */
  readonly role: 'broker' | 'controller';
}

export interface Principal {
  readonly type: string;
  readonly name: string;
}

export const ANONYMOUS: Principal = { type: 'User', name: 'ANONYMOUS' };

/** Kafka's AclOperation codes, those that handlers ask for. */
export const Operation = {
  READ: 3, WRITE: 4, CREATE: 5, DELETE: 6, ALTER: 7, DESCRIBE: 8, CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10, ALTER_CONFIGS: 11, IDEMPOTENT_WRITE: 12,
  CREATE_TOKENS: 13, TWO_PHASE_COMMIT: 15,
} as const;
export type OperationCode = (typeof Operation)[keyof typeof Operation];

/** Kafka's ResourceType codes. */
export const Resource = { TOPIC: 2, GROUP: 3, CLUSTER: 4, TRANSACTIONAL_ID: 5, DELEGATION_TOKEN: 6, USER: 7 } as const;
export type ResourceCode = (typeof Resource)[keyof typeof Resource];

/** May this principal do that? Every handler asks; today's answer is always yes. */
export interface Authorizer {
  allows(context: RequestContext, operation: OperationCode, resource: ResourceCode, name: string): boolean;
}
