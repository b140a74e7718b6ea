import { ErrorCode } from '../../../protocol/generated/errors.js';
import { initProducerIdApi, type InitProducerIdRequest, type InitProducerIdResponseInput } from '../../../protocol/generated/init-producer-id.js';
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../../../protocol/records/batch.js';
import { answering, serve, type ServedApi } from '../../api.js';
import { mayOnCluster } from '../../authorizer.js';
import { Operation, type RequestContext } from '../../context.js';
import { asVersionKnows, mayOnTransaction, producerIdOf, type TransactionApiDeps } from './transaction-deps.js';

const KNOWS_FENCED = 4;
const NONE = { producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };

/** InitProducerId 0-5 (KIP-98, KIP-360); version 6 is not stable yet (KIP-939). */
export function initProducerIdApis(deps: TransactionApiDeps): ServedApi[] {
  return [serve(initProducerIdApi, answering((request, context) => initProducerId(deps, request, context)))];
}

async function initProducerId(deps: TransactionApiDeps, request: InitProducerIdRequest, context: RequestContext): Promise<InitProducerIdResponseInput> {
  const errorCode = refusal(deps, request, context);
  if (errorCode !== ErrorCode.NONE) return { errorCode, ...NONE };
  const { transactionalId, transactionTimeoutMs, producerEpoch, enable2Pc, keepPreparedTxn } = request;
  // A producer that is only idempotent has nobody to fence.
  if (transactionalId === null) return { errorCode, producerId: await deps.nextProducerId(), producerEpoch: 0 };
  const result = await deps.transactions.initProducerId({
    transactionalId, transactionTimeoutMs, producerId: producerIdOf(request.producerId), producerEpoch, enable2Pc, keepPreparedTxn,
  });
  return { ...result, errorCode: asVersionKnows(result.errorCode, context, KNOWS_FENCED) };
}

function refusal(deps: TransactionApiDeps, { transactionalId, producerId, producerEpoch, enable2Pc }: InitProducerIdRequest, context: RequestContext): number {
  if (transactionalId === null) {
    if (!mayOnCluster(deps.authorizer, context, Operation.IDEMPOTENT_WRITE)) return ErrorCode.CLUSTER_AUTHORIZATION_FAILED;
  } else {
    const operations = enable2Pc ? [Operation.WRITE, Operation.TWO_PHASE_COMMIT] : [Operation.WRITE];
    if (!operations.every(operation => mayOnTransaction(deps, context, operation, transactionalId))) return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
  }
  // Whoever goes on has both of before.
  return (producerId === -1) === (producerEpoch === -1) ? ErrorCode.NONE : ErrorCode.INVALID_REQUEST;
}
