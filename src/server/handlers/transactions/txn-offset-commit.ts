import type { CommitResult, TransactionVerdict } from '../../../coordinator/group/types.js';
import type { TransactionalProducer } from '../../../coordinator/transaction/types.js';
import { KafkaError } from '../../../protocol/errors.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { txnOffsetCommitApi, type TxnOffsetCommitRequest, type TxnOffsetCommitResponseInput } from '../../../protocol/generated/txn-offset-commit.js';
import { OFFSETS_TOPIC } from '../../../protocol/internal-topics.js';
import { ZERO_UUID } from '../../../protocol/wire/types.js';
import { answering, serve, type ServedApi } from '../../api.js';
import { Operation, type RequestContext } from '../../context.js';
import type { Services } from '../../services.js';
import { supportOf, type TransactionSupport } from '../../transactions/client-versions.js';
import { verifyTransaction, type VerificationDeps } from '../../transactions/verification.js';
import { mayRead, type GroupApiDeps } from '../group-deps.js';
import { merged, sortTopics } from '../offsets.js';
import { mayOnTransaction, producerIdOf } from './transaction-deps.js';

/** What TxnOffsetCommit reaches of the broker. */
export interface TxnOffsetCommitDeps extends Pick<GroupApiDeps, 'groups' | 'image' | 'authorizer'>, VerificationDeps {
  readonly replicas: Pick<Services['replicas'], 'findLeader'>;
}

/**
 * TxnOffsetCommit 0-5: offsets that count once their transaction is committed (KIP-98), by a member that is still one (KIP-447, from
 * version 3 on). The group's partition of `__consumer_offsets` has to be part of the transaction; from version 5 on it is made so
 * (KIP-890).
 */
export function txnOffsetCommitApis(deps: TxnOffsetCommitDeps): ServedApi[] {
  return [serve(txnOffsetCommitApi, answering((request, context) => commit(deps, request, context)))];
}

/** Producers before it may stumble over an error that says that the coordinator is loading. */
const FIRST_VERSION_THAT_KNOWS_LOADING = 2;

type AnsweredTopic = CommitResult['topics'][number];

async function commit(deps: TxnOffsetCommitDeps, request: TxnOffsetCommitRequest, context: RequestContext): Promise<TxnOffsetCommitResponseInput> {
  const { transactionalId, groupId, generationId, memberId, groupInstanceId, producerEpoch } = request;
  if (!mayOnTransaction(deps, context, Operation.WRITE, transactionalId)) throw new KafkaError(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  if (!mayRead(deps, context, groupId)) throw new KafkaError(ErrorCode.GROUP_AUTHORIZATION_FAILED);
  const producer = { transactionalId, producerId: producerIdOf(request.producerId), producerEpoch };
  const asked = request.topics.map(({ name, partitions }) => ({
    name, topicId: ZERO_UUID, partitions: partitions.map(partition => ({ ...partition, commitTimestamp: -1 })),
  }));
  const { refused, accepted } = sortTopics(deps, context, asked);
  const keyOf = ({ name }: AnsweredTopic): string => name;
  if (accepted.length === 0) return { topics: merged(refused, [], keyOf) };
  const { topics } = await deps.groups.commitOffsetsInTransaction(
    { groupId, generationId, memberId, groupInstanceId, producerId: producer.producerId, producerEpoch, topics: accepted },
    partition => verify(deps, producer, supportOf('txnOffsetCommit', context.apiVersion), partition),
  );
  return { topics: merged<AnsweredTopic>(refused, topics, keyOf).map(topic => withKnownErrors(topic, context.apiVersion)) };
}

async function verify(
  deps: TxnOffsetCommitDeps, producer: TransactionalProducer, support: TransactionSupport, index: number,
): Promise<TransactionVerdict> {
  const topic = deps.image().topicsByName.get(OFFSETS_TOPIC);
  const partition = topic === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : deps.replicas.findLeader(topic.id, index);
  if (typeof partition === 'number') return { errorCode: partition };
  const verdicts = await verifyTransaction(deps, producer, support, [{ partition, baseSequence: -1 }]);
  return verdicts.get(partition) ?? { errorCode: ErrorCode.NONE };
}

function withKnownErrors(topic: AnsweredTopic, version: number): AnsweredTopic {
  if (version >= FIRST_VERSION_THAT_KNOWS_LOADING) return topic;
  const partitions = topic.partitions.map(({ partitionIndex, errorCode }) =>
    ({ partitionIndex, errorCode: errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ? ErrorCode.COORDINATOR_NOT_AVAILABLE : errorCode }));
  return { ...topic, partitions };
}
