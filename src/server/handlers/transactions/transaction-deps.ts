import type { GroupService } from '../../../coordinator/group/service.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { Resource, type Operation, type RequestContext } from '../../context.js';
import type { Services } from '../../services.js';

/** What the handlers of transactions reach of the broker. */
export interface TransactionApiDeps extends Pick<Services, 'transactions' | 'authorizer' | 'image' | 'nextProducerId'> {
  readonly groups: Pick<GroupService, 'partitionFor'>;
}

type TransactionOperation = typeof Operation.WRITE | typeof Operation.DESCRIBE | typeof Operation.TWO_PHASE_COMMIT;

export function mayOnTransaction(
  { authorizer }: Pick<Services, 'authorizer'>, context: RequestContext, operation: TransactionOperation, transactionalId: string,
): boolean {
  return authorizer.allows(context, operation, Resource.TRANSACTIONAL_ID, transactionalId);
}

/** Clients of versions before `since` do not know PRODUCER_FENCED, and take INVALID_PRODUCER_EPOCH for it. */
export function asVersionKnows(errorCode: number, { apiVersion }: RequestContext, since: number): number {
  return errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < since ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode;
}

/** Ids are given out within the safe integers: what is beyond them stays beyond them, and is nobody's. */
export function producerIdOf(producerId: number | bigint): number {
  return Number(producerId);
}
