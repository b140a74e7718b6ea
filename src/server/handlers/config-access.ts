import { ConfigResourceType } from '../../metadata/types.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { requireOnCluster } from '../authorizer.js';
import { Resource, type OperationCode, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

/** Topics and groups are asked for themselves, the rest belongs to the cluster. */
export function requireConfigAccess(
  { authorizer }: Services, context: RequestContext, operation: OperationCode,
  { resourceType, resourceName }: { readonly resourceType: number; readonly resourceName: string },
): void {
  if (resourceType === ConfigResourceType.TOPIC) {
    if (!authorizer.allows(context, operation, Resource.TOPIC, resourceName)) throw new KafkaError(ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  } else if (resourceType === ConfigResourceType.GROUP) {
    if (!authorizer.allows(context, operation, Resource.GROUP, resourceName)) throw new KafkaError(ErrorCode.GROUP_AUTHORIZATION_FAILED);
  } else {
    requireOnCluster(authorizer, context, operation);
  }
}
