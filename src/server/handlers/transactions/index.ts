import type { ServedApi } from '../../api.js';
import { addToTransactionApis } from './add-to-transaction.js';
import { endTransactionApis } from './end-transaction.js';
import { initProducerIdApis } from './init-producer-id.js';
import { inspectTransactionsApis } from './inspect-transactions.js';
import type { TransactionApiDeps } from './transaction-deps.js';

/** Producers' ids and their transactions: what is asked of a transaction coordinator. */
export function transactionApis(deps: TransactionApiDeps): ServedApi[] {
  return [...initProducerIdApis(deps), ...addToTransactionApis(deps), ...endTransactionApis(deps), ...inspectTransactionsApis(deps)];
}
