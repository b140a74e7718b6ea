import { ErrorCode } from '../../protocol/generated/errors.js';
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../../protocol/records/batch.js';
import type { TransactionMarker } from '../../protocol/records/control-records.js';
import { bumpsEpochs } from '../../protocol/transaction-version.js';
import { NO_EFFECTS, replyWith } from '../../runtime/machine.js';
import type { Effects, Machine, Moment, ReplyTo } from '../../runtime/machine.js';
import {
  decideAddPartitions, decideEnd, decideFence, decideInit, isExpired, isTimedOut, NEEDS_PRODUCER_ID, verify, type Decision, type Given, type NeedsProducerId,
} from './decisions.js';
import type { TransactionRecord } from './records.js';
import type { TransactionSettings } from './settings.js';
import { completed, isPrepared, STATE_NAMES, TransactionState, type Transaction } from './transaction.js';
import { partitionKey } from './types.js';
import type {
  AddPartitionsRequest, DescribedTransaction, EndTransactionRequest, InitProducerIdRequest, ListedTransaction, PartitionErrors, ProducerIdResult,
  TopicPartition, VerifyPartitionsRequest,
} from './types.js';

/** The answer to a request, and whether the id's transaction has an end now that its partitions must be told of. */
export type Ended = ProducerIdResult & { readonly isPrepared: boolean };

/** The marker of an end that is decided, less the epoch that only the runtime knows, and where it must be written. */
export interface PreparedEnd {
  readonly marker: Omit<TransactionMarker, 'coordinatorEpoch'>;
  readonly partitions: readonly TopicPartition[];
}

/** What to list; an empty set is no bound. */
export interface TransactionFilter {
  readonly states: ReadonlySet<string>;
  readonly producerIds: ReadonlySet<number>;
  readonly durationMs: number;
  readonly matches: (transactionalId: string) => boolean;
}

type Step = Effects<TransactionRecord>;

/**
 * The transactional ids of one partition of `__transaction_state` (Kafka's `TransactionCoordinator` and `TransactionStateManager`).
 * A state counts as soon as its record is appended, so that there is none that is pending; whoever hears of it waits until that
 * is committed.
 */
export class TransactionMachine implements Machine<TransactionRecord> {
  private readonly transactions = new Map<string, Transaction>();
  /** The ids whose transactions have an end that not all partitions know of. */
  private readonly prepared = new Set<string>();

  constructor(private readonly settings: TransactionSettings) {}

  replay({ transactionalId, value }: TransactionRecord): void {
    if (value === null) this.transactions.delete(transactionalId);
    else this.transactions.set(transactionalId, value);
    if (value !== null && isPrepared(value)) this.prepared.add(transactionalId);
    else this.prepared.delete(transactionalId);
  }

  /** For looking at; nothing of it need be committed. */
  all(): Iterable<Transaction> {
    return this.transactions.values();
  }

  activated(): Step {
    return NO_EFFECTS;
  }

  timerFired(): Step {
    return NO_EFFECTS;
  }

  initProducerId(request: InitProducerIdRequest, newProducerId: number | undefined, to: ReplyTo<Ended | NeedsProducerId>, at: Moment): Step {
    const { transactionalId } = request;
    return this.carryOut(decideInit(this.transactions.get(transactionalId), request, this.given(at, newProducerId)), to, (errorCode, next) => ({
      ...producerResult(errorCode, next), isPrepared: next !== undefined && isPrepared(next),
    }));
  }

  addPartitions(request: AddPartitionsRequest, to: ReplyTo<number>, at: Moment): Step {
    const { errorCode, next } = decideAddPartitions(this.transactions.get(request.transactionalId), request, this.given(at));
    return this.write(next, to, errorCode);
  }

  verifyPartitions(request: VerifyPartitionsRequest, to: ReplyTo<PartitionErrors>): Step {
    return answer(to, verify(this.transactions.get(request.transactionalId), request));
  }

  endTransaction(request: EndTransactionRequest, newProducerId: number | undefined, to: ReplyTo<Ended | NeedsProducerId>, at: Moment): Step {
    const current = this.transactions.get(request.transactionalId);
    const isTold = bumpsEpochs(request.clientVersion);
    return this.carryOut(decideEnd(current, request, this.given(at, newProducerId)), to, (errorCode, next) => {
      // The producer goes on with what will be true once the transaction is complete.
      const after = next === undefined ? current : completed(next, at.nowMs);
      return { ...producerResult(errorCode, isTold ? after : undefined), errorCode, isPrepared: next !== undefined };
    });
  }

  /** Those that have been open for too long. */
  timedOut(to: ReplyTo<Transaction[]>, { nowMs }: Moment): Step {
    return answer(to, [...this.transactions.values()].filter(transaction => isTimedOut(transaction, nowMs)));
  }

  /** Aborts a transaction that was found to be timed out, if it is still the same. */
  fence(found: Transaction, newProducerId: number | undefined, to: ReplyTo<Ended | NeedsProducerId>, at: Moment): Step {
    if (this.transactions.get(found.transactionalId) !== found) return answer(to, { ...producerResult(ErrorCode.CONCURRENT_TRANSACTIONS, undefined), isPrepared: false });
    return this.carryOut(decideFence(found, this.given(at, newProducerId)), to, (errorCode, next) => ({ ...producerResult(errorCode, next), isPrepared: next !== undefined }));
  }

  preparedIds(to: ReplyTo<string[]>): Step {
    return answer(to, [...this.prepared]);
  }

  /** null: its end is not decided, or known everywhere. */
  preparedEnd(transactionalId: string, to: ReplyTo<PreparedEnd | null>): Step {
    const current = this.transactions.get(transactionalId);
    if (current === undefined || !isPrepared(current)) return answer(to, null);
    const { producerId, producerEpoch, clientVersion, state } = current;
    const marker = { producerId, producerEpoch, committed: state === TransactionState.PREPARE_COMMIT, transactionVersion: clientVersion };
    return answer(to, { marker, partitions: [...current.partitions.values()] });
  }

  /** Some partitions know of the end: these do not yet. Where they are is not recorded; whoever takes over begins anew. */
  stillToMark(transactionalId: string, marker: PreparedEnd['marker'], partitions: readonly TopicPartition[], to: ReplyTo<null>): Step {
    const current = this.preparedBy(transactionalId, marker);
    if (current !== undefined) {
      this.transactions.set(transactionalId, { ...current, partitions: new Map(partitions.map(partition => [partitionKey(partition), partition])) });
    }
    return answer(to, null);
  }

  /** All partitions know of the end of this transaction. */
  complete(transactionalId: string, marker: PreparedEnd['marker'], to: ReplyTo<null>, at: Moment): Step {
    const current = this.preparedBy(transactionalId, marker);
    return this.write(current && completed(current, at.nowMs), to, null);
  }

  /** Forgets the ids that nobody has used for long. */
  expire(to: ReplyTo<number>, { nowMs }: Moment): Step {
    const expired = [...this.transactions.values()].filter(transaction => isExpired(transaction, nowMs, this.settings.idExpirationMs));
    const records = expired.map(({ transactionalId }): TransactionRecord => ({ transactionalId, value: null, format: this.format }));
    return { ...answer(to, records.length), records, divisible: true };
  }

  describe(transactionalIds: readonly string[], to: ReplyTo<DescribedTransaction[]>): Step {
    return answer(to, transactionalIds.map(transactionalId => described(transactionalId, this.transactions.get(transactionalId))));
  }

  list(filter: TransactionFilter, to: ReplyTo<ListedTransaction[]>, { nowMs }: Moment): Step {
    const listed: ListedTransaction[] = [];
    for (const transaction of this.transactions.values()) {
      if (!isListed(transaction, filter, nowMs)) continue;
      const { transactionalId, producerId, state } = transaction;
      listed.push({ transactionalId, producerId, transactionState: STATE_NAMES[state] });
    }
    return answer(to, listed);
  }

  private preparedBy(transactionalId: string, { producerId, producerEpoch }: PreparedEnd['marker']): Transaction | undefined {
    const current = this.transactions.get(transactionalId);
    const isIt = current !== undefined && isPrepared(current) && current.producerId === producerId && current.producerEpoch === producerEpoch;
    return isIt ? current : undefined;
  }

  private given({ nowMs }: Moment, newProducerId?: number): Given {
    return { nowMs, version: this.settings.version, newProducerId };
  }

  private get format(): 0 | 1 {
    return this.settings.version === 0 ? 0 : 1;
  }

  private record(value: Transaction): TransactionRecord {
    return { transactionalId: value.transactionalId, value, format: this.format };
  }

  private carryOut<Response>(
    decision: Decision, to: ReplyTo<Response | NeedsProducerId>, respond: (errorCode: number, next: Transaction | undefined) => Response,
  ): Step {
    if (decision === NEEDS_PRODUCER_ID) return answer<Response | NeedsProducerId>(to, NEEDS_PRODUCER_ID);
    const { errorCode, next } = decision;
    return this.write<Response | NeedsProducerId>(next, to, respond(errorCode, next));
  }

  private write<Response>(next: Transaction | undefined, to: ReplyTo<Response>, response: Response): Step {
    return { ...answer(to, response), records: next === undefined ? [] : [this.record(next)] };
  }
}

function answer<Response>(to: ReplyTo<Response>, response: Response): Step {
  return { ...NO_EFFECTS, replies: [replyWith(to, response)] };
}

/** What a producer is told of itself; of an error nothing but that. */
export function producerResult(errorCode: number, { producerId, producerEpoch }: Pick<Transaction, 'producerId' | 'producerEpoch'> = NOBODY): ProducerIdResult {
  return errorCode === ErrorCode.NONE ? { errorCode, producerId, producerEpoch } : { errorCode, ...NOBODY };
}

const NOBODY = { producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };

function described(transactionalId: string, transaction: Transaction | undefined): DescribedTransaction {
  if (transaction === undefined) return undescribed(transactionalId, ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
  const { producerId, producerEpoch, state, timeoutMs, startTimeMs, partitions } = transaction;
  return {
    transactionalId, errorCode: ErrorCode.NONE, producerId, producerEpoch, transactionState: STATE_NAMES[state],
    transactionTimeoutMs: timeoutMs, transactionStartTimeMs: startTimeMs, partitions: [...partitions.values()],
  };
}

/** Of an id that could not be looked up. */
export function undescribed(transactionalId: string, errorCode: number): DescribedTransaction {
  return { transactionalId, errorCode, producerId: 0, producerEpoch: 0, transactionState: '', transactionTimeoutMs: 0, transactionStartTimeMs: 0, partitions: [] };
}

function isListed({ transactionalId, producerId, state, startTimeMs }: Transaction, filter: TransactionFilter, nowMs: number): boolean {
  if (filter.producerIds.size > 0 && !filter.producerIds.has(producerId)) return false;
  if (filter.states.size > 0 && !filter.states.has(STATE_NAMES[state])) return false;
  if (filter.durationMs >= 0 && nowMs - startTimeMs <= filter.durationMs) return false;
  return filter.matches(transactionalId);
}
