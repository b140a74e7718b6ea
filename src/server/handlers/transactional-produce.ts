import { isSafeInt64 } from '../../base/bytes.js';
import { KafkaError, errorName } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import type { ProduceRequest } from '../../protocol/generated/produce.js';
import * as batch from '../../protocol/records/batch.js';
import { holdsOneBatch } from '../../protocol/records/validate-produce.js';
import type { TransactionalProducer } from '../../coordinator/transaction/types.js';
import type { Partition } from '../../replication/index.js';
import { CloseConnection } from '../api.js';
import { Operation, type RequestContext } from '../context.js';
import type { Services } from '../services.js';
import { supportOf } from '../transactions/client-versions.js';
import { verifyTransaction, verifyWithRetries, type TransactionalWrite, type VerificationDeps, type Verdicts } from '../transactions/verification.js';
import { mayOnTransaction } from './transactions/transaction-deps.js';

/** What Produce reaches of the broker. */
export interface ProduceDeps extends VerificationDeps, Pick<Services, 'image' | 'authorizer' | 'compute'> {
  readonly quotas: Pick<Services['quotas'], 'limitProduce' | 'produced'>;
  readonly replicas: Pick<Services['replicas'], 'findLeader'>;
}

type Topic = ProduceRequest['topicData'][number];

/** Whether any first batch claims to be of a transaction. It costs no more than a look at a byte of each partition. */
export function hasTransactionalRecords({ topicData }: ProduceRequest): boolean {
  for (const { partitionData } of topicData) for (const { records } of partitionData) if (records !== null && claimsTransaction(records)) return true;
  return false;
}

function claimsTransaction(records: Uint8Array): boolean {
  return records.length >= batch.BATCH_OVERHEAD && batch.magic(records, 0) === batch.MAGIC_V2 && batch.isTransactional(records, 0);
}

/** One whose number cannot be is refused with its batch. */
function namesProducer(records: Uint8Array): boolean {
  return isSafeInt64(records, batch.PRODUCER_ID_AT) && batch.hasProducerId(records, 0);
}

/**
 * Says for each partition whether its records may be appended: at once where all of them have the transaction open, else once its
 * coordinator has answered (`ReplicaManager.handleProduceAppend`). `find` gives the partition that is led here.
 * @throws KafkaError for the whole request: TRANSACTIONAL_ID_AUTHORIZATION_FAILED, INVALID_PRODUCER_ID_MAPPING.
 */
export function verifyProduce(
  services: ProduceDeps, request: ProduceRequest, context: RequestContext, find: (topic: Topic, index: number) => Partition | number,
): Verdicts | Promise<Verdicts> {
  const { transactionalId } = request;
  if (transactionalId === null || !mayOnTransaction(services, context, Operation.WRITE, transactionalId)) {
    throw refusal(request, new KafkaError(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED));
  }
  const support = supportOf('produce', context.apiVersion);
  const writes: TransactionalWrite[] = [];
  let producer: TransactionalProducer | undefined;
  for (const topic of request.topicData) {
    for (const { index, records } of topic.partitionData) {
      if (records === null || !claimsTransaction(records) || !namesProducer(records)) continue;
      const partition = find(topic, index);
      if (typeof partition === 'number' || !holdsOneBatch(records, context.apiVersion)) continue;
      const sender = { transactionalId, producerId: batch.producerId(records, 0), producerEpoch: batch.producerEpoch(records, 0) };
      producer ??= sender;
      if (sender.producerId !== producer.producerId || sender.producerEpoch !== producer.producerEpoch) {
        throw refusal(request, new KafkaError(ErrorCode.INVALID_PRODUCER_ID_MAPPING, 'Transactional records contained more than one producer ID'));
      }
      writes.push({ partition, baseSequence: batch.baseSequence(records, 0) });
    }
  }
  if (producer === undefined) return new Map();
  const verdicts = verifyTransaction(services, producer, support, writes);
  return verdicts instanceof Promise && support.bumpsEpoch ? verifyWithRetries(services, producer, support, writes, verdicts) : verdicts;
}

/** Whoever wants no answer learns of an error by the end of the connection. */
function refusal({ acks }: ProduceRequest, error: KafkaError): Error {
  return acks === 0 ? new CloseConnection(`a Produce with acks=0 failed: ${error.message}`) : error;
}

/** The request with bytes of its own: those of the frame are gone when its handler has returned. */
export function withOwnRecords(request: ProduceRequest): ProduceRequest {
  const topicData = request.topicData.map(topic => ({
    ...topic, partitionData: topic.partitionData.map(data => ({ ...data, records: data.records === null ? null : Buffer.from(data.records) })),
  }));
  return { ...request, topicData };
}

/**
 * What a producer hears of a verdict. What the coordinator cannot tell for now becomes an error at which older clients too send
 * again, without asking for metadata before.
 */
export function produceFailure(errorCode: number, version: number): { errorCode: number; errorMessage: string } {
  const support = supportOf('produce', version);
  if (errorCode === ErrorCode.INVALID_TXN_STATE) return { errorCode, errorMessage: 'Partition was not added to the transaction' };
  const isPassing = TRY_AGAIN.includes(errorCode) || (errorCode === ErrorCode.CONCURRENT_TRANSACTIONS && !support.bumpsEpoch);
  if (!isPassing) return { errorCode, errorMessage: '' };
  return {
    errorCode: ErrorCode.NOT_ENOUGH_REPLICAS,
    errorMessage: `Unable to verify the partition has been added to the transaction. Underlying error: ${errorName(errorCode)}`,
  };
}

const TRY_AGAIN: readonly number[] = [
  ErrorCode.NETWORK_EXCEPTION, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR,
];
