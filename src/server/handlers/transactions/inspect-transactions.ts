import { groupBy } from '../../../base/group-by.js';
import { undescribed } from '../../../coordinator/transaction/transaction-machine.js';
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
  // Looked up and put into words once each, however often it is asked for.
  const ids = [...new Set(transactionalIds)];
  const described = new Map((await deps.transactions.describe(ids.filter(mayDescribe))).map(each => [each.transactionalId, each]));
  const states = new Map(ids.map(id => [id, stateOf(deps, described.get(id) ?? undescribed(id, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED), context)]));
  return { transactionStates: transactionalIds.map(id => states.get(id)!) };
}

function stateOf({ authorizer }: TransactionApiDeps, transaction: DescribedTransaction, context: RequestContext): State {
  const { partitions, ...told } = transaction;
  return { ...told, topics: byTopic(partitions.filter(({ topic }) => authorizer.allows(context, Operation.DESCRIBE, Resource.TOPIC, topic))) };
}

function byTopic(partitions: readonly TopicPartition[]): State['topics'] {
  return Array.from(groupBy(partitions, ({ topic }) => topic, ({ index }) => index), ([topic, indexes]) => ({ topic, partitions: indexes }));
}

async function listTransactions(deps: TransactionApiDeps, request: ListTransactionsRequest, context: RequestContext): Promise<ListTransactionsResponseInput> {
  const { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern } = request;
  const { errorCode, unknownStates, transactions } = await deps.transactions.list({
    states: stateFilters, producerIds: producerIdFilters.map(producerIdOf), durationMs: Number(durationFilter), transactionalIdPattern,
  });
  const transactionStates = transactions.filter(({ transactionalId }) => mayOnTransaction(deps, context, Operation.DESCRIBE, transactionalId));
  return { errorCode, unknownStateFilters: [...unknownStates], transactionStates };
}
