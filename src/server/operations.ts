import { Operation, Resource, type Authorizer, type OperationCode, type RequestContext, type ResourceCode } from './context.js';

/** Sent where nobody asked for the operations that are allowed. */
export const OPERATIONS_NOT_ASKED = -2147483648;

/** What can be done to each kind of resource at all (Kafka's `AclEntry`). */
const OPERATIONS_ON: ReadonlyMap<ResourceCode, readonly OperationCode[]> = new Map([
  [Resource.TOPIC, [
    Operation.READ, Operation.WRITE, Operation.CREATE, Operation.DESCRIBE, Operation.DELETE, Operation.ALTER,
    Operation.DESCRIBE_CONFIGS, Operation.ALTER_CONFIGS,
  ]],
  [Resource.GROUP, [Operation.READ, Operation.DESCRIBE, Operation.DELETE, Operation.DESCRIBE_CONFIGS, Operation.ALTER_CONFIGS]],
  [Resource.CLUSTER, [
    Operation.CREATE, Operation.CLUSTER_ACTION, Operation.DESCRIBE_CONFIGS, Operation.ALTER_CONFIGS, Operation.IDEMPOTENT_WRITE,
    Operation.ALTER, Operation.DESCRIBE,
  ]],
]);

/** The operations that a principal may do on a resource, a bit for each operation's code (KIP-430). */
export function allowedOperations(authorizer: Authorizer, context: RequestContext, resource: ResourceCode, name: string): number {
  const all: readonly OperationCode[] = OPERATIONS_ON.get(resource) ?? [];
  return all.filter(operation => authorizer.allows(context, operation, resource, name)).reduce((bits, operation) => bits | (1 << operation), 0);
}
