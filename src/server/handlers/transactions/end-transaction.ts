import { endTxnApi, type EndTxnRequest, type EndTxnResponseInput } from '../../../protocol/generated/end-txn.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { answering, serve, type ServedApi } from '../../api.js';
import { Operation, type RequestContext } from '../../context.js';
import { clientVersionOf } from '../../transactions/client-versions.js';
import { asVersionKnows, mayOnTransaction, producerIdOf, type TransactionApiDeps } from './transaction-deps.js';

const KNOWS_FENCED = 2;

/** EndTxn 0-5 (KIP-98, KIP-890). */
export function endTransactionApis(deps: TransactionApiDeps): ServedApi[] {
  return [serve(endTxnApi, answering((request, context) => endTxn(deps, request, context)))];
}

async function endTxn(deps: TransactionApiDeps, request: EndTxnRequest, context: RequestContext): Promise<EndTxnResponseInput> {
  const { transactionalId, producerEpoch, committed } = request;
  if (!mayOnTransaction(deps, context, Operation.WRITE, transactionalId)) return { errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED };
  const result = await deps.transactions.endTransaction({
    transactionalId, producerId: producerIdOf(request.producerId), producerEpoch, committed, clientVersion: clientVersionOf('endTxn', context.apiVersion),
  });
  return { ...result, errorCode: asVersionKnows(result.errorCode, context, KNOWS_FENCED) };
}
