import type { DescribedTransaction, TopicPartition } from '../../../coordinator/transaction/types.js';
import {
  describeTransactionsApi, type DescribeTransactionsRequest, type DescribeTransactionsResponseInput,
} from '../../../protocol/generated/describe-transactions.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { listTransactionsApi, type ListTransactionsRequest, type ListTransactionsResponseInput } from '../../../protocol/generated/list-transactions.js';
import { answering, serve, type ServedApi } from '../../api.js';
import { Operation, Resource, type RequestContext } from '../../context.js';
import { mayOnTransaction, producerIdOf, type TransactionApiDeps } from './transaction-deps.js';

type State = DescribeTransactionsResponseInput['transactionStates'][number];

/** What a coordinator tells of its transactions: DescribeTransactions 0 and ListTransactions 0-2 (KIP-664, KIP-994, KIP-1152). */
export function inspectTransactionsApis(deps: TransactionApiDeps): ServedApi[] {
  return [
    serve(describeTransactionsApi, answering((request, context) => describeTransactions(deps, request, context))),
    serve(listTransactionsApi, answering((request, context) => listTransactions(deps, request, context))),
  ];
}

async function describeTransactions(
  deps: TransactionApiDeps, { transactionalIds }: DescribeTransactionsRequest, context: RequestContext,
): Promise<DescribeTransactionsResponseInput> {
  const mayDescribe = (id: string): boolean => mayOnTransaction(deps, context, Operation.DESCRIBE, id);
  // Once each, however often it is asked for: the answer must not outgrow the request beyond measure.
  const ids = [...new Set(transactionalIds)];
  const described = new Map((await deps.transactions.describe(ids.filter(mayDescribe))).map(each => [each.transactionalId, each]));
  const transactionStates = ids.map(id => {
    const transaction = described.get(id);
    return transaction === undefined ? undescribed(id, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED) : stateOf(deps, transaction, context);
  });
  return { transactionStates };
}

function stateOf({ authorizer }: TransactionApiDeps, transaction: DescribedTransaction, context: RequestContext): State {
  const { transactionalId, errorCode, producerId, producerEpoch, transactionState, transactionTimeoutMs, partitions } = transaction;
  if (errorCode !== ErrorCode.NONE) return undescribed(transactionalId, errorCode);
  const visible = partitions.filter(({ topic }) => authorizer.allows(context, Operation.DESCRIBE, Resource.TOPIC, topic));
  return {
    transactionalId, errorCode, producerId, producerEpoch, transactionState, transactionTimeoutMs, topics: byTopic(visible),
    transactionStartTimeMs: transaction.transactionStartTimeMs,
  };
}

function undescribed(transactionalId: string, errorCode: number): State {
  return { transactionalId, errorCode, producerId: 0, producerEpoch: 0, transactionState: '', transactionTimeoutMs: 0, transactionStartTimeMs: 0, topics: [] };
}

function byTopic(partitions: readonly TopicPartition[]): State['topics'] {
  const topics = new Map<string, number[]>();
  for (const { topic, index } of partitions) {
    const indexes = topics.get(topic);
    if (indexes === undefined) topics.set(topic, [index]);
    else indexes.push(index);
  }
  return Array.from(topics, ([topic, indexes]) => ({ topic, partitions: indexes }));
}

async function listTransactions(deps: TransactionApiDeps, request: ListTransactionsRequest, context: RequestContext): Promise<ListTransactionsResponseInput> {
  const { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern } = request;
  const { errorCode, unknownStates, transactions } = await deps.transactions.list({
    states: stateFilters, producerIds: producerIdFilters.map(producerIdOf), durationMs: Number(durationFilter), transactionalIdPattern,
  });
  const transactionStates = transactions.filter(({ transactionalId }) => mayOnTransaction(deps, context, Operation.DESCRIBE, transactionalId));
  return { errorCode, unknownStateFilters: [...unknownStates], transactionStates };
}
