// What a transaction coordinator is asked, and what it answers.

import type { TransactionMarker } from '../../protocol/records/control-records.js';

/** A partition by the names that transactions know it by: no topic ids, in their log neither. */
export interface TopicPartition {
  readonly topic: string;
  readonly index: number;
}

/** The partition as a key of sets and maps; topic names hold no such sign. */
export function partitionKey({ topic, index }: TopicPartition): string {
  return `${topic}/${index}`;
}

/**
 * How far transactions of the second version (KIP-890) are understood: 0 the classic protocol, 2 an epoch for each transaction.
 * Of a client it is known by the API version that it speaks, of the cluster by `transaction.version`, which may also be 1: as 0,
 * with records of the newer format.
 */
export type TransactionVersion = 0 | 1 | 2;

/** Who sends, as all requests of a transaction name him. */
export interface TransactionalProducer {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** InitProducerId with a transactional id (KIP-98, KIP-360). */
export interface InitProducerIdRequest {
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  /** What the producer had before, when it goes on after an error; -1 and -1 of a new one. */
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Two-phase commit (KIP-939), which version 6 of InitProducerId alone asks for: it is unstable in Kafka 4.3.1, and not served. */
  readonly enable2Pc: boolean;
  readonly keepPreparedTxn: boolean;
}

/** On an error the id and the epoch are -1. */
export interface ProducerIdResult {
  readonly errorCode: number;
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface AddPartitionsRequest extends TransactionalProducer {
  readonly partitions: readonly TopicPartition[];
  readonly clientVersion: TransactionVersion;
}

export type VerifyPartitionsRequest = Omit<AddPartitionsRequest, 'clientVersion'>;

/** An error for each partition that was asked for, in that order. */
export type PartitionErrors = readonly (TopicPartition & { readonly errorCode: number })[];

export interface EndTransactionRequest extends TransactionalProducer {
  readonly committed: boolean;
  readonly clientVersion: TransactionVersion;
}

/** As DescribeTransactions tells it (KIP-664); of an error nothing but the id and the code counts. */
export interface DescribedTransaction {
  readonly transactionalId: string;
  readonly errorCode: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** `Ongoing`, `PrepareCommit`, … */
  readonly transactionState: string;
  readonly transactionTimeoutMs: number;
  /** -1 while none has begun. */
  readonly transactionStartTimeMs: number;
  readonly partitions: readonly TopicPartition[];
}

export interface ListTransactionsRequest {
  /** Names of states, ids of producers: empty is any. */
  readonly states: readonly string[];
  readonly producerIds: readonly number[];
  /** Open for longer than that; below 0 is any. */
  readonly durationMs: number;
  /** Matches the whole of the id (RE2); null and empty is any. */
  readonly transactionalIdPattern: string | null;
}

export interface ListedTransaction {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly transactionState: string;
}

export interface ListTransactionsResult {
  readonly errorCode: number;
  readonly unknownStates: readonly string[];
  readonly transactions: readonly ListedTransaction[];
}

/**
 * The transaction coordinator as the rest of a broker sees it (Kafka's `TransactionCoordinator`). Whatever keeps it from answering
 * becomes an error code in the answer; nothing of it rejects, but for the pattern of `list`, which is an INVALID_REGULAR_EXPRESSION.
 */
export interface TransactionCoordinatorApi {
  /** The partition of `__transaction_state` whose leader coordinates the transactions of this id. */
  partitionFor(transactionalId: string): number;
  initProducerId(request: InitProducerIdRequest): Promise<ProducerIdResult>;
  /** The one error of the whole request; the first partition begins a transaction. */
  addPartitions(request: AddPartitionsRequest): Promise<number>;
  /** Whether they are part of the transaction that is under way (KIP-890, `verifyOnly`): changes nothing. */
  verifyPartitions(request: VerifyPartitionsRequest): Promise<PartitionErrors>;
  /** Id and epoch are those of the next transaction, where the client's version has one for each; else -1. */
  endTransaction(request: EndTransactionRequest): Promise<ProducerIdResult>;
  describe(transactionalIds: readonly string[]): Promise<readonly DescribedTransaction[]>;
  list(request: ListTransactionsRequest): Promise<ListTransactionsResult>;
}

/**
 * Writes a marker into partitions, wherever they are led, and tells for each what came of it as WriteTxnMarkers does. Resolves
 * once all that it tells of is committed; does not reject.
 */
export type WriteMarkers = (marker: TransactionMarker, partitions: readonly TopicPartition[]) => Promise<PartitionErrors>;
