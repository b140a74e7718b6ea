import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { Resource, type Authorizer, type OperationCode, type RequestContext } from './context.js';

/** Everybody may do everything, as on an Apache broker without an authorizer. */
export const allowAll: Authorizer = { allows: () => true };

/** What Kafka calls a cluster where it is asked who may do what to it. */
export const CLUSTER_NAME = 'kafka-cluster';

export function mayOnCluster(authorizer: Authorizer, context: RequestContext, operation: OperationCode): boolean {
  return authorizer.allows(context, operation, Resource.CLUSTER, CLUSTER_NAME);
}

/** Throws CLUSTER_AUTHORIZATION_FAILED for the whole request of who may not do that to the cluster. */
export function requireOnCluster(authorizer: Authorizer, context: RequestContext, operation: OperationCode): void {
  if (!mayOnCluster(authorizer, context, operation)) throw new KafkaError(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
}
