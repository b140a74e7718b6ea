import { groupBy } from '../../../base/group-by.js';
import type { PartitionErrors, TopicPartition, TransactionalProducer } from '../../../coordinator/transaction/types.js';
import {
  addOffsetsToTxnApi, type AddOffsetsToTxnRequest, type AddOffsetsToTxnResponseInput,
} from '../../../protocol/generated/add-offsets-to-txn.js';
import {
  addPartitionsToTxnApi, type AddPartitionsToTxnRequest, type AddPartitionsToTxnRequestAddPartitionsToTxnTopic as RequestedTopic,
  type AddPartitionsToTxnResponseInput,
} from '../../../protocol/generated/add-partitions-to-txn.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { isInternalTopic, OFFSETS_TOPIC } from '../../../protocol/internal-topics.js';
import { answering, serve, type ServedApi } from '../../api.js';
import { mayOnCluster } from '../../authorizer.js';
import { Operation, Resource, type RequestContext } from '../../context.js';
import { clientVersionOf } from '../../transactions/client-versions.js';
import { asVersionKnows, mayOnTransaction, producerIdOf, type TransactionApiDeps } from './transaction-deps.js';

/** From here on only brokers ask, for many transactions at once (KIP-890). */
const BATCHED = 4;
const KNOWS_FENCED = 2;

/** What a transaction writes to: AddPartitionsToTxn 0-5 and AddOffsetsToTxn 0-4 (KIP-98, KIP-890). */
export function addToTransactionApis(deps: TransactionApiDeps): ServedApi[] {
  return [
    serve(addPartitionsToTxnApi, answering((request, context) => addPartitionsToTxn(deps, request, context))),
    serve(addOffsetsToTxnApi, answering((request, context) => addOffsetsToTxn(deps, request, context))),
  ];
}

type TopicResult = NonNullable<AddPartitionsToTxnResponseInput['resultsByTopicV3AndBelow']>[number];

/** What one transaction asks for, whichever version it came in. */
interface Addition extends TransactionalProducer {
  readonly verifyOnly: boolean;
  readonly topics: readonly RequestedTopic[];
}

async function addPartitionsToTxn(deps: TransactionApiDeps, request: AddPartitionsToTxnRequest, context: RequestContext): Promise<AddPartitionsToTxnResponseInput> {
  if (context.apiVersion < BATCHED) {
    const { v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerEpoch: producerEpoch, v3AndBelowTopics: topics } = request;
    const addition = { transactionalId, producerId: producerIdOf(request.v3AndBelowProducerId), producerEpoch, verifyOnly: false, topics };
    return { resultsByTopicV3AndBelow: await outcomeOf(deps, addition, context) };
  }
  if (!mayOnCluster(deps.authorizer, context, Operation.CLUSTER_ACTION)) return { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, resultsByTransaction: [] };
  const resultsByTransaction = await Promise.all(request.transactions.map(async transaction => {
    const addition = { ...transaction, producerId: producerIdOf(transaction.producerId) };
    return { transactionalId: transaction.transactionalId, topicResults: await outcomeOf(deps, addition, context) };
  }));
  return { errorCode: ErrorCode.NONE, resultsByTransaction };
}

/** All partitions are added, or none: those that could have been are told that nothing was attempted. */
async function outcomeOf(deps: TransactionApiDeps, { transactionalId, producerId, producerEpoch, verifyOnly, topics }: Addition, context: RequestContext): Promise<TopicResult[]> {
  const isClient = context.apiVersion < BATCHED;
  if (isClient && !mayOnTransaction(deps, context, Operation.WRITE, transactionalId)) return allTold(topics, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  const partitions = partitionsOf(topics);
  const refusals = partitions.map(partition => refusal(deps, partition, context, isClient));
  if (refusals.some(code => code !== ErrorCode.NONE)) {
    return byTopic(partitions.map((partition, i) => ({ ...partition, errorCode: refusals[i]! || ErrorCode.OPERATION_NOT_ATTEMPTED })));
  }
  const producer = { transactionalId, producerId, producerEpoch, partitions };
  if (verifyOnly) return byTopic(await deps.transactions.verifyPartitions(producer));
  const errorCode = await deps.transactions.addPartitions({ ...producer, clientVersion: clientVersionOf('addPartitionsToTxn', context.apiVersion) });
  return allTold(topics, asVersionKnows(errorCode, context, KNOWS_FENCED));
}

function partitionsOf(topics: readonly RequestedTopic[]): TopicPartition[] {
  return topics.flatMap(({ name, partitions }) => partitions.map(index => ({ topic: name, index })));
}

/** Clients write to no internal topic, offsets they add by group; what brokers ask, they have checked themselves. */
function refusal({ authorizer, image }: TransactionApiDeps, { topic, index }: TopicPartition, context: RequestContext, isClient: boolean): number {
  if (isClient && (isInternalTopic(topic) || !authorizer.allows(context, Operation.WRITE, Resource.TOPIC, topic))) return ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  return image().topicsByName.get(topic)?.partitions[index] === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.NONE;
}

function allTold(topics: readonly RequestedTopic[], partitionErrorCode: number): TopicResult[] {
  return topics.map(({ name, partitions }) => ({ name, resultsByPartition: partitions.map(partitionIndex => ({ partitionIndex, partitionErrorCode })) }));
}

function byTopic(outcome: PartitionErrors): TopicResult[] {
  const topics = groupBy(outcome, ({ topic }) => topic, ({ index, errorCode }) => ({ partitionIndex: index, partitionErrorCode: errorCode }));
  return Array.from(topics, ([name, resultsByPartition]) => ({ name, resultsByPartition }));
}

/** The partition that the group's offsets are committed to becomes a part of the transaction as any other. */
async function addOffsetsToTxn(deps: TransactionApiDeps, request: AddOffsetsToTxnRequest, context: RequestContext): Promise<AddOffsetsToTxnResponseInput> {
  const { transactionalId, producerEpoch, groupId } = request;
  if (!mayOnTransaction(deps, context, Operation.WRITE, transactionalId)) return { errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED };
  if (!deps.authorizer.allows(context, Operation.READ, Resource.GROUP, groupId)) return { errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED };
  const errorCode = await deps.transactions.addPartitions({
    transactionalId, producerId: producerIdOf(request.producerId), producerEpoch,
    clientVersion: clientVersionOf('addOffsetsToTxn', context.apiVersion),
    partitions: [{ topic: OFFSETS_TOPIC, index: deps.groups.partitionFor(groupId) }],
  });
  return { errorCode: asVersionKnows(errorCode, context, KNOWS_FENCED) };
}
