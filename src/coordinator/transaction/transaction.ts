// A transactional id as the coordinator knows it, and the transitions that it can make: each gives the state after it, and changes nothing.

import { MAX_PRODUCER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../../protocol/records/batch.js';
import { bumpsEpochs } from '../../protocol/transaction-version.js';
import type { TopicPartition, TransactionVersion } from './types.js';
import { partitionKey } from './types.js';

/** As `__transaction_state` numbers them. `DEAD` and `PREPARE_EPOCH_FENCE` are moments of Apache Kafka's that no log holds. */
export const TransactionState = {
  EMPTY: 0, ONGOING: 1, PREPARE_COMMIT: 2, PREPARE_ABORT: 3, COMPLETE_COMMIT: 4, COMPLETE_ABORT: 5, DEAD: 6, PREPARE_EPOCH_FENCE: 7,
} as const;
export type TransactionStateCode = (typeof TransactionState)[keyof typeof TransactionState];

/** By code, as DescribeTransactions and ListTransactions name them. */
export const STATE_NAMES = ['Empty', 'Ongoing', 'PrepareCommit', 'PrepareAbort', 'CompleteCommit', 'CompleteAbort', 'Dead', 'PrepareEpochFence'] as const;
export type StateName = (typeof STATE_NAMES)[number];

/** By `partitionKey`. */
export type Partitions = ReadonlyMap<string, TopicPartition>;
export const NO_PARTITIONS: Partitions = new Map();

/** Of a distributed transaction (KIP-939), which nothing ends but its coordinator. */
export const ENDLESS_MS = 0x7fff_ffff;

/** One transactional id (Kafka's `TransactionMetadata`). */
export interface Transaction {
  readonly transactionalId: string;
  readonly producerId: number;
  /** Before the last change: so that who asks again with it is known. */
  readonly previousProducerId: number;
  /** Whom the producer will be when the transaction has ended, because its epochs are used up; else -1. */
  readonly nextProducerId: number;
  /** -1: nobody has had it yet. */
  readonly producerEpoch: number;
  /** The epoch before, of a producer that went on with its id; not kept in the log, where nothing has a place for it. */
  readonly lastProducerEpoch: number;
  readonly timeoutMs: number;
  readonly state: TransactionStateCode;
  readonly partitions: Partitions;
  /** -1 while none has begun. */
  readonly startTimeMs: number;
  readonly lastUpdateTimeMs: number;
  readonly clientVersion: TransactionVersion;
}

/** An id that nobody has used. */
export function unused(transactionalId: string, producerId: number, timeoutMs: number, nowMs: number): Transaction {
  return {
    transactionalId, producerId, previousProducerId: NO_PRODUCER_ID, nextProducerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH,
    lastProducerEpoch: NO_PRODUCER_EPOCH, timeoutMs, state: TransactionState.EMPTY, partitions: NO_PARTITIONS, startTimeMs: -1,
    lastUpdateTimeMs: nowMs, clientVersion: 0,
  };
}

/** The last epoch but one is a client's last: so there is always one left to fence it with. */
export function isExhausted(producerEpoch: number): boolean {
  return producerEpoch >= MAX_PRODUCER_EPOCH - 1;
}

export const LAST_CLIENT_EPOCH = MAX_PRODUCER_EPOCH - 1;

/** Its end is decided, its partitions may not know yet. */
export function isPrepared({ state }: Transaction): boolean {
  return state === TransactionState.PREPARE_COMMIT || state === TransactionState.PREPARE_ABORT;
}

/** Nothing is under way. */
export function isAtRest({ state }: Transaction): boolean {
  return state === TransactionState.EMPTY || state === TransactionState.COMPLETE_COMMIT || state === TransactionState.COMPLETE_ABORT;
}

/** For a producer that begins, or goes on after an error (KIP-360), with these epochs. */
export function initialized(
  before: Transaction, epochs: { readonly producerEpoch: number; readonly lastProducerEpoch: number }, timeoutMs: number, nowMs: number,
): Transaction {
  return {
    ...before, ...epochs, timeoutMs, previousProducerId: before.producerId,
    state: TransactionState.EMPTY, partitions: NO_PARTITIONS, startTimeMs: -1, lastUpdateTimeMs: nowMs,
  };
}

/** As `initialized`, under another id, for the epochs of this one are used up. */
export function rotated(before: Transaction, producerId: number, lastProducerEpoch: number, timeoutMs: number, nowMs: number): Transaction {
  return { ...initialized(before, { producerEpoch: 0, lastProducerEpoch }, timeoutMs, nowMs), producerId };
}

/** Partitions take part from now on; the first ones begin the transaction. */
export function withPartitions(before: Transaction, added: readonly TopicPartition[], clientVersion: TransactionVersion, nowMs: number): Transaction {
  const partitions = new Map(before.partitions);
  for (const partition of added) partitions.set(partitionKey(partition), partition);
  return {
    ...before, partitions, clientVersion, previousProducerId: before.producerId, state: TransactionState.ONGOING,
    startTimeMs: isAtRest(before) ? nowMs : before.startTimeMs, lastUpdateTimeMs: nowMs,
  };
}

/** The end of a transaction is decided. */
export interface Ending {
  readonly committed: boolean;
  readonly clientVersion: TransactionVersion;
  /** Of the producer afterwards; -1 while its epochs last. */
  readonly nextProducerId: number;
  /** Nobody asked for it whose epoch this is: it is taken away from him. */
  readonly fences: boolean;
}

export function prepared(before: Transaction, { committed, clientVersion, nextProducerId, fences }: Ending, nowMs: number): Transaction {
  const next = Math.min(before.producerEpoch + 1, MAX_PRODUCER_EPOCH);
  let epochs = { producerEpoch: before.producerEpoch, lastProducerEpoch: before.lastProducerEpoch };
  if (bumpsEpochs(clientVersion)) epochs = { producerEpoch: next, lastProducerEpoch: before.producerEpoch };
  else if (fences) epochs = { producerEpoch: next, lastProducerEpoch: NO_PRODUCER_EPOCH };
  return {
    ...before, ...epochs, nextProducerId, clientVersion, previousProducerId: before.producerId,
    state: committed ? TransactionState.PREPARE_COMMIT : TransactionState.PREPARE_ABORT,
    // What was aborted before it had begun has a start all the same: it is completed like any other.
    startTimeMs: before.state === TransactionState.ONGOING ? before.startTimeMs : nowMs,
    lastUpdateTimeMs: nowMs,
  };
}

/** All partitions have the marker. */
export function completed(before: Transaction, nowMs: number): Transaction {
  const isRotated = bumpsEpochs(before.clientVersion) && before.nextProducerId !== NO_PRODUCER_ID;
  return {
    ...before, previousProducerId: before.producerId, nextProducerId: NO_PRODUCER_ID,
    producerId: isRotated ? before.nextProducerId : before.producerId,
    producerEpoch: isRotated ? 0 : before.producerEpoch,
    state: before.state === TransactionState.PREPARE_COMMIT ? TransactionState.COMPLETE_COMMIT : TransactionState.COMPLETE_ABORT,
    partitions: NO_PARTITIONS, lastUpdateTimeMs: nowMs,
  };
}
