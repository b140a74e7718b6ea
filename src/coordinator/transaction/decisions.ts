// What a request comes to, given the transactional id as it is: an error code, or the state after it.

import { ErrorCode } from '../../protocol/generated/errors.js';
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../../protocol/records/batch.js';
import { bumpsEpochs } from '../../protocol/transaction-version.js';
import {
  ENDLESS_MS, initialized, isAtRest, isExhausted, isPrepared, LAST_CLIENT_EPOCH, prepared, rotated,
  TransactionState, unused, withPartitions, type Transaction,
} from './transaction.js';
import {
  partitionKey, type AddPartitionsRequest, type EndTransactionRequest, type InitProducerIdRequest, type PartitionErrors, type TransactionVersion,
  type VerifyPartitionsRequest,
} from './types.js';

/** `next`: the state to be written; without it nothing changes. */
export interface Decided {
  readonly errorCode: number;
  readonly next?: Transaction;
}

/** It cannot be decided without a producer id that nobody has had. */
export const NEEDS_PRODUCER_ID = 'needs a producer id';
export type NeedsProducerId = typeof NEEDS_PRODUCER_ID;
export type Decision = Decided | NeedsProducerId;

const answered = (errorCode: number): Decided => ({ errorCode });
const accepted = (next: Transaction): Decided => ({ errorCode: ErrorCode.NONE, next });

/** What a decision may know besides the id's state. */
export interface Given {
  readonly nowMs: number;
  /** `transaction.version` of the cluster: by it the coordinator ends transactions of its own accord. */
  readonly version: TransactionVersion;
  /** An id for a new producer, if one was fetched. */
  readonly newProducerId: number | undefined;
}

/**
 * A producer begins, or goes on after an error with the id and epoch that it had (KIP-360). Whose transaction is still open is
 * fenced: that is aborted, and he hears CONCURRENT_TRANSACTIONS until it has ended.
 */
export function decideInit(current: Transaction | undefined, request: InitProducerIdRequest, given: Given): Decision {
  const { nowMs, newProducerId } = given;
  const timeoutMs = request.enable2Pc ? ENDLESS_MS : request.transactionTimeoutMs;
  if (current === undefined) {
    if (newProducerId === undefined) return NEEDS_PRODUCER_ID;
    return decideInitAtRest(unused(request.transactionalId, newProducerId, timeoutMs, nowMs), request, timeoutMs, given);
  }
  // Before anybody's id is looked at: the producer may know already whom it will be.
  if (isPrepared(current)) return answered(ErrorCode.CONCURRENT_TRANSACTIONS);
  const goesOn = request.producerId !== NO_PRODUCER_ID;
  if (goesOn && !mayGoOn(current, request)) return answered(ErrorCode.PRODUCER_FENCED);
  if (isAtRest(current)) return decideInitAtRest(current, request, timeoutMs, given);
  const fenced = decideFence(current, given);
  return fenced === NEEDS_PRODUCER_ID ? fenced : { ...fenced, errorCode: ErrorCode.CONCURRENT_TRANSACTIONS };
}

/** The epoch is looked at later; with the id before it must be one that was used up, of whom the answer may have been lost. */
function mayGoOn(current: Transaction, { producerId, producerEpoch }: InitProducerIdRequest): boolean {
  return current.producerEpoch === NO_PRODUCER_EPOCH || producerId === current.producerId
    || (producerId === current.previousProducerId && isExhausted(producerEpoch));
}

function decideInitAtRest(current: Transaction, request: InitProducerIdRequest, timeoutMs: number, { nowMs, newProducerId }: Given): Decision {
  const { producerEpoch, lastProducerEpoch } = current;
  const goesOn = request.producerId !== NO_PRODUCER_ID;
  if (isExhausted(producerEpoch)) {
    // As with Apache Kafka: there is no epoch to go on in, and nothing to say about it.
    if (goesOn && request.producerEpoch !== producerEpoch) return answered(ErrorCode.UNKNOWN_SERVER_ERROR);
    if (newProducerId === undefined) return NEEDS_PRODUCER_ID;
    return accepted(rotated(current, newProducerId, goesOn ? producerEpoch : NO_PRODUCER_EPOCH, timeoutMs, nowMs));
  }
  const bumped = producerEpoch + 1;
  if (!goesOn) return accepted(initialized(current, { producerEpoch: bumped, lastProducerEpoch: NO_PRODUCER_EPOCH }, timeoutMs, nowMs));
  if (producerEpoch === NO_PRODUCER_EPOCH || request.producerEpoch === producerEpoch) {
    return accepted(initialized(current, { producerEpoch: bumped, lastProducerEpoch: producerEpoch }, timeoutMs, nowMs));
  }
  // He asks again, since he has not heard.
  if (request.producerEpoch === lastProducerEpoch) return accepted(initialized(current, { producerEpoch, lastProducerEpoch }, timeoutMs, nowMs));
  return answered(ErrorCode.PRODUCER_FENCED);
}

/** Whose requests count as the producer's: NONE, or why they do not. */
function whyNotHis(current: Transaction | undefined, { producerId, producerEpoch }: VerifyPartitionsRequest): number {
  if (current === undefined || current.producerId !== producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
  if (current.producerEpoch !== producerEpoch) return ErrorCode.PRODUCER_FENCED;
  return isPrepared(current) ? ErrorCode.CONCURRENT_TRANSACTIONS : ErrorCode.NONE;
}

/** The records of a cluster at version 0 cannot tell that a client has an epoch for each transaction. */
const unlessUntold = (next: Transaction, { version }: Given): Decided =>
  (version === 0 && bumpsEpochs(next.clientVersion) ? answered(ErrorCode.UNSUPPORTED_VERSION) : accepted(next));

export function decideAddPartitions(current: Transaction | undefined, request: AddPartitionsRequest, given: Given): Decided {
  if (current !== undefined && isPrepared(current)) return answered(ErrorCode.CONCURRENT_TRANSACTIONS);
  const refusal = whyNotHis(current, request);
  if (refusal !== ErrorCode.NONE) return answered(refusal);
  const isIn = current!.state === TransactionState.ONGOING && request.partitions.every(partition => current!.partitions.has(partitionKey(partition)));
  if (isIn) return answered(ErrorCode.NONE);
  return unlessUntold(withPartitions(current!, request.partitions, request.clientVersion, given.nowMs), given);
}

/** Changes nothing: an error for each partition. */
export function verify(current: Transaction | undefined, request: VerifyPartitionsRequest): PartitionErrors {
  const refusal = whyNotHis(current, request);
  return request.partitions.map(partition => {
    if (refusal !== ErrorCode.NONE) return { ...partition, errorCode: refusal };
    return { ...partition, errorCode: current!.partitions.has(partitionKey(partition)) ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE };
  });
}

export function decideEnd(current: Transaction | undefined, request: EndTransactionRequest, given: Given): Decision {
  if (current === undefined) return answered(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  return bumpsEpochs(request.clientVersion) ? decideEndWithBump(current, request, given) : decideClassicEnd(current, request, given);
}

/** Classic transactions have one epoch, so that a repeated end cannot be told from the first: it is answered by the state alone. */
function decideClassicEnd(current: Transaction, { producerId, producerEpoch, committed }: EndTransactionRequest, { nowMs }: Given): Decision {
  if (current.producerId !== producerId) return answered(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  if (current.producerEpoch !== producerEpoch) return answered(ErrorCode.PRODUCER_FENCED);
  switch (current.state) {
    case TransactionState.ONGOING:
      return accepted(prepared(current, { committed, clientVersion: 0, nextProducerId: NO_PRODUCER_ID, fences: false }, nowMs));
    case TransactionState.COMPLETE_COMMIT:
    case TransactionState.COMPLETE_ABORT:
      return answered(endedAs(current, committed) ? ErrorCode.NONE : ErrorCode.INVALID_TXN_STATE);
    case TransactionState.PREPARE_COMMIT:
    case TransactionState.PREPARE_ABORT:
      return answered(ErrorCode.CONCURRENT_TRANSACTIONS);
    default:
      return answered(ErrorCode.INVALID_TXN_STATE);
  }
}

/** It was ended in this way. */
function endedAs({ state }: Transaction, committed: boolean): boolean {
  return state === (committed ? TransactionState.COMPLETE_COMMIT : TransactionState.COMPLETE_ABORT);
}

/**
 * With an epoch for each transaction the same end again is known by the epoch before (KIP-890). A client that does not know whether
 * it has begun anything may abort nothing at all, and gets a new epoch for that too.
 */
function decideEndWithBump(current: Transaction, request: EndTransactionRequest, given: Given): Decision {
  const { producerId, producerEpoch, committed } = request;
  const { state } = current;
  if (isPrepared(current)) return answered(ErrorCode.CONCURRENT_TRANSACTIONS);
  const isOverflow = producerId === current.previousProducerId && producerEpoch === LAST_CLIENT_EPOCH && current.producerEpoch === 0;
  // A classic end took no epoch along: who has the one before is not asking again, but was fenced. Apache lets him on as its owner.
  const isAgain = bumpsEpochs(current.clientVersion) && current.producerEpoch === producerEpoch + 1;
  const isNow = current.producerEpoch === producerEpoch;
  if (current.producerId !== producerId && !isOverflow) return answered(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  const isComplete = state === TransactionState.COMPLETE_COMMIT || state === TransactionState.COMPLETE_ABORT;
  if (isComplete && (isAgain || isOverflow)) return answered(endedAs(current, committed) ? ErrorCode.NONE : ErrorCode.INVALID_TXN_STATE);
  if (!isNow) return answered(ErrorCode.PRODUCER_FENCED);
  if (committed && state !== TransactionState.ONGOING) return answered(ErrorCode.INVALID_TXN_STATE);
  return decideEnding(current, committed, request.clientVersion, false, given);
}

/** The coordinator aborts what is open, and takes its epoch from whoever has it. */
export function decideFence(current: Transaction, given: Given): Decision {
  return decideEnding(current, false, bumpsEpochs(given.version) ? given.version : 0, true, given);
}

function decideEnding(current: Transaction, committed: boolean, clientVersion: TransactionVersion, fences: boolean, given: Given): Decision {
  const needsNewId = bumpsEpochs(clientVersion) && isExhausted(current.producerEpoch);
  if (needsNewId && given.newProducerId === undefined) return NEEDS_PRODUCER_ID;
  const nextProducerId = needsNewId ? given.newProducerId! : NO_PRODUCER_ID;
  return unlessUntold(prepared(current, { committed, clientVersion, nextProducerId, fences }, given.nowMs), given);
}

/** Open for longer than it may be; a distributed one may be open for ever. */
export function isTimedOut({ state, timeoutMs, startTimeMs }: Transaction, nowMs: number): boolean {
  return state === TransactionState.ONGOING && timeoutMs !== ENDLESS_MS && startTimeMs + timeoutMs < nowMs;
}

/** Nobody has used the id for so long that it is forgotten. */
export function isExpired(transaction: Transaction, nowMs: number, expirationMs: number): boolean {
  return isAtRest(transaction) && transaction.lastUpdateTimeMs <= nowMs - expirationMs;
}
