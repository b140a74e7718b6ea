import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { Resource, type Authorizer, type OperationCode, type RequestContext } from './context.js';

/** Everybody may do everything, as on an Apache broker without an authorizer. */
export const allowAll: Authorizer = { allows: () => true };

/** Throws CLUSTER_AUTHORIZATION_FAILED for the whole request of who may not do that to the cluster. */
export function requireOnCluster(authorizer: Authorizer, context: RequestContext, operation: OperationCode): void {
  if (!authorizer.allows(context, operation, Resource.CLUSTER, 'kafka-cluster')) throw new KafkaError(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
}
