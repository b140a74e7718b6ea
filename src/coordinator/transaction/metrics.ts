import { isPrepared, STATE_NAMES, TransactionState, type StateName, type Transaction } from './transaction.js';

/** The states that last, by the names of ListTransactions. */
export type LastingState = Exclude<StateName, 'Dead' | 'PrepareEpochFence'>;

/** How the transactional ids are that this node coordinates, counted at each call. */
export interface TransactionalIdMetrics {
  /** How many are in which state: those in `Ongoing` have a transaction open, those in `Prepare…` one whose end is being carried out. */
  readonly transactionalIds: Readonly<Record<LastingState, number>>;
  /** How long the oldest transaction has been open, ms; 0 while there is none. */
  readonly oldestOpenMs: number;
  /** Partitions that are still to be told of an end that is decided: more than a few, for longer than a moment, are of leaders that are not to be had. */
  readonly waitingMarkers: number;
}

/** What became of transactions that this node has ended, since its start. */
export interface EndedTransactionMetrics {
  /** Once all their partitions had the marker. */
  readonly commits: number;
  readonly aborts: number;
  /** Those of them that were open for longer than their timeout; also what is decided, and not carried out yet. */
  readonly timeouts: number;
}

/** The names in quotes are Kafka's, of `kafka.server:type=transaction-coordinator-metrics`. */
export interface TransactionMetrics extends TransactionalIdMetrics, EndedTransactionMetrics {
  /** Milliseconds that it took to load the partitions of `__transaction_state` that this node serves, each at the last time. */
  readonly 'partition-load-time-max': number;
  readonly 'partition-load-time-avg': number;
}

export function transactionalIdMetrics(transactions: Iterable<Transaction>, nowMs: number): TransactionalIdMetrics {
  const transactionalIds = { Empty: 0, Ongoing: 0, PrepareCommit: 0, PrepareAbort: 0, CompleteCommit: 0, CompleteAbort: 0 };
  let oldestStartMs = nowMs;
  let waitingMarkers = 0;
  for (const transaction of transactions) {
    const name = STATE_NAMES[transaction.state];
    if (isLasting(name)) transactionalIds[name]++;
    if (transaction.state === TransactionState.ONGOING) oldestStartMs = Math.min(oldestStartMs, transaction.startTimeMs);
    if (isPrepared(transaction)) waitingMarkers += transaction.partitions.size;
  }
  return { transactionalIds, oldestOpenMs: nowMs - oldestStartMs, waitingMarkers };
}

function isLasting(name: StateName): name is LastingState {
  return name !== 'Dead' && name !== 'PrepareEpochFence';
}

export function loadTimeMetrics(tookMs: readonly number[]): Pick<TransactionMetrics, 'partition-load-time-max' | 'partition-load-time-avg'> {
  const sum = tookMs.reduce((total, ms) => total + ms, 0);
  return { 'partition-load-time-max': Math.max(0, ...tookMs), 'partition-load-time-avg': sum / Math.max(1, tookMs.length) };
}
