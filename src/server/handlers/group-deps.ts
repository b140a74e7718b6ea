import type { Settings } from '../../config/index.js';
import type { GroupService } from '../../coordinator/group/service.js';
import type { TransactionCoordinatorApi } from '../../coordinator/transaction/types.js';
import type { MetadataImage } from '../../metadata/types.js';
import { Operation, Resource, type Authorizer, type OperationCode, type RequestContext } from '../context.js';

/** What the handlers of groups and their offsets reach of the broker. */
export interface GroupApiDeps {
  readonly groups: Pick<GroupService, keyof GroupService>;
  readonly transactions: Pick<TransactionCoordinatorApi, 'partitionFor'>;
  /** The cluster as this broker knows it now. */
  image(): MetadataImage;
  readonly authorizer: Authorizer;
  /** Resolves once the topic exists and its leaders serve. */
  ensureInternalTopic(name: string): Promise<void>;
  settings(): Settings;
}

/** As Java prints an address that has no name; an IPv4 client of an IPv6 socket is an IPv4 client. */
export function hostOf(address: string): string {
  return `/${address.replace(/^::ffff:/i, '')}`;
}

export function mayOnGroup({ authorizer }: Pick<GroupApiDeps, 'authorizer'>, context: RequestContext, operation: OperationCode, groupId: string): boolean {
  return authorizer.allows(context, operation, Resource.GROUP, groupId);
}

/** What joining, committing and the like take. */
export function mayRead(deps: Pick<GroupApiDeps, 'authorizer'>, context: RequestContext, groupId: string): boolean {
  return mayOnGroup(deps, context, Operation.READ, groupId);
}
