import { MalformedError } from '../../base/bytes.js';
import { groupBy } from '../../base/group-by.js';
import { transactionLogKeySchema, transactionLogValueSchema, type TransactionLogValue } from '../../protocol/generated/transaction-log-record.js';
import { NO_PRODUCER_EPOCH } from '../../protocol/records/batch.js';
import { int64ToNumber } from '../../protocol/wire/types.js';
import type { RecordCodec } from '../../runtime/machine.js';
import { decodeValue, encode, readerOf } from '../record-bytes.js';
import { NO_PARTITIONS, STATE_NAMES, TransactionState, type Partitions, type Transaction, type TransactionStateCode } from './transaction.js';
import { partitionKey, type TopicPartition, type TransactionVersion } from './types.js';

/** What stands in `__transaction_state`: a transactional id as it is from now on; null deletes it. */
export interface TransactionRecord {
  readonly transactionalId: string;
  readonly value: Transaction | null;
  /** Of the value's bytes: 0, or 1 from transaction.version 1 on, which alone can tell ids before and after a change of id. */
  readonly format: 0 | 1;
}

/**
 * The records of `__transaction_state`, as Kafka's `TransactionLog` has them. What is of a key or a version that nobody knew when
 * this was written is skipped.
 * @throws MalformedError when a value tells of a state that there is not.
 */
export const transactionRecordCodec: RecordCodec<TransactionRecord> = { encode: encodeRecord, decode: decodeRecord };

function encodeRecord({ transactionalId, value, format }: TransactionRecord): { key: Uint8Array; value: Uint8Array | null } {
  const key = encode(transactionLogKeySchema, transactionLogKeySchema.type, 0, { transactionalId });
  if (value === null) return { key, value };
  return {
    key,
    value: encode(transactionLogValueSchema, format, format, {
      producerId: value.producerId,
      ...(format === 0 ? {} : { previousProducerId: value.previousProducerId, nextProducerId: value.nextProducerId, clientTransactionVersion: value.clientVersion }),
      producerEpoch: value.producerEpoch,
      transactionTimeoutMs: value.timeoutMs,
      transactionStatus: value.state,
      transactionPartitions: value.state === TransactionState.EMPTY ? null : byTopic(value.partitions),
      transactionLastUpdateTimestampMs: value.lastUpdateTimeMs,
      transactionStartTimestampMs: value.startTimeMs,
    }),
  };
}

function byTopic(partitions: Partitions): { topic: string; partitionIds: number[] }[] {
  return Array.from(groupBy(partitions.values(), ({ topic }) => topic, ({ index }) => index), ([topic, partitionIds]) => ({ topic, partitionIds }));
}

function decodeRecord(key: Uint8Array | null, value: Uint8Array | null): TransactionRecord | undefined {
  if (key === null || key.length < 2) return undefined;
  const reader = readerOf(key);
  if (reader.int16() !== transactionLogKeySchema.type) return undefined;
  const { transactionalId } = transactionLogKeySchema.decode(reader, 0);
  if (value === null) return { transactionalId, value, format: 1 };
  const format = formatOf(value);
  if (format === undefined) return undefined;
  return { transactionalId, format, value: transactionOf(transactionalId, decodeValue(transactionLogValueSchema, value)) };
}

function formatOf(value: Uint8Array): 0 | 1 | undefined {
  if (value.length < 2 || value[0] !== 0) return undefined;
  const format = value[1]!;
  return format === 0 || format === 1 ? format : undefined;
}

function transactionOf(transactionalId: string, value: TransactionLogValue): Transaction {
  const { transactionStatus } = value;
  if (STATE_NAMES[transactionStatus] === undefined) throw new MalformedError(`transactional id ${transactionalId} is in state ${transactionStatus}, which is none`);
  return {
    transactionalId,
    producerId: int64ToNumber(value.producerId),
    previousProducerId: int64ToNumber(value.previousProducerId),
    nextProducerId: int64ToNumber(value.nextProducerId),
    producerEpoch: value.producerEpoch,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: value.transactionTimeoutMs,
    state: transactionStatus as TransactionStateCode,
    partitions: partitionsOf(value),
    startTimeMs: int64ToNumber(value.transactionStartTimestampMs),
    lastUpdateTimeMs: int64ToNumber(value.transactionLastUpdateTimestampMs),
    clientVersion: versionOf(value.clientTransactionVersion),
  };
}

function partitionsOf({ transactionPartitions }: TransactionLogValue): Partitions {
  if (transactionPartitions === null || transactionPartitions.length === 0) return NO_PARTITIONS;
  const partitions = transactionPartitions.flatMap(({ topic, partitionIds }) => partitionIds.map((index): TopicPartition => ({ topic, index })));
  return new Map(partitions.map(partition => [partitionKey(partition), partition]));
}

/** One beyond those that we know bumps epochs too. */
function versionOf(clientVersion: number): TransactionVersion {
  return clientVersion >= 2 ? 2 : clientVersion === 1 ? 1 : 0;
}
