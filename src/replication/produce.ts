import type { WheelTimer } from '../base/timing-wheel.js';
import { DiskError } from '../env/index.js';
import type { AppendContext, AppendResult, VerificationGuard } from '../log/index.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Partition, Watcher } from './partition.js';
import { hasEnoughInSync } from './partition-state.js';
import type { Waits } from './waits.js';

/** Validated batches on their way into one partition, and what becomes of them. */
export interface ProduceEntry {
  readonly partition: Partition;
  readonly batches: Uint8Array;
  /** Of transactional data that may begin a transaction here. */
  readonly guard?: VerificationGuard | undefined;
  /** There when the request is done. */
  outcome?: ProduceOutcome;
}

export type ProduceOutcome =
  | { readonly errorCode: 0; readonly append: AppendResult }
  | { readonly errorCode: number; readonly append?: AppendResult; readonly message?: string };

export interface ProduceOptions {
  /** 0 and 1 answer once the local append is as safe as the topic asks; -1 waits for the in-sync replicas too. */
  readonly requiredAcks: number;
  readonly timeoutMs: number;
  readonly context: Omit<AppendContext, 'leaderEpoch'>;
}

/** A produce that waits to be acknowledged. */
export interface PendingProduce {
  /** Nobody waits for it any more: `done` is not called, its records stay. */
  abandon(): void;
}

/**
 * Appends every entry, says in each what became of it, and calls `done` once the acknowledgement that was asked for is reached:
 * at once, and returning undefined, where no other replica has to confirm. An entry that is not confirmed within `timeoutMs`
 * gets REQUEST_TIMED_OUT, though its records stay in the log. What nobody foresaw, now or later, even in `done`, goes to
 * `failed`.
 */
export function produce(
  waits: Waits,
  entries: readonly ProduceEntry[],
  options: ProduceOptions,
  done: () => void,
  failed: (error: unknown) => void,
): PendingProduce | undefined {
  try {
    for (const entry of entries) entry.outcome = append(entry, options);
    if (!areSafe(entries) || (options.requiredAcks === -1 && !areCommitted(entries))) return new ParkedProduce(waits, entries, options, done, failed);
    refuseUnwritten(entries);
    done();
  } catch (error) {
    failed(error);
  }
  return undefined;
}

function append({ partition, batches, guard }: ProduceEntry, { context, requiredAcks }: ProduceOptions): ProduceOutcome {
  try {
    return { errorCode: ErrorCode.NONE, append: partition.append(batches, guard === undefined ? context : { ...context, guard }, requiredAcks) };
  } catch (error) {
    if (error instanceof KafkaError) return { errorCode: error.errorCode, message: error.message };
    if (error instanceof DiskError) return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, message: `the disk failed: ${error.code}` };
    throw error;
  }
}

/**
 * Appends are written later, or with another's: who waits for a neighbour hears of his own that failed meanwhile. What fails after
 * the answer is given and before it leaves is no matter of ours (`TurnWrites`).
 */
function refuseUnwritten(entries: readonly ProduceEntry[]): void {
  for (const entry of entries) if (entry.outcome?.append !== undefined && entry.partition.log.failure !== undefined) entry.outcome = LOST;
}

function areSafe(entries: readonly ProduceEntry[]): boolean {
  for (const entry of entries) if (!isSafe(entry) && !isLost(entry)) return false;
  return true;
}

function areCommitted(entries: readonly ProduceEntry[]): boolean {
  for (const entry of entries) if (!isCommitted(entry) && !isLost(entry)) return false;
  return true;
}

function isSafe({ partition, outcome }: ProduceEntry): boolean {
  return outcome?.append === undefined || partition.log.safeEndOffset > outcome.append.lastOffset;
}

function isCommitted({ partition, outcome }: ProduceEntry): boolean {
  return outcome?.append === undefined || partition.log.highWatermark > outcome.append.lastOffset;
}

/** There is nothing left to wait for: this node cannot confirm it any more. */
function isLost({ partition }: ProduceEntry): boolean {
  return partition.leaderEpoch === undefined || partition.log.failure !== undefined;
}

/** Waits for as much safety as the topics ask for, then for the other replicas (`DelayedProduce`). */
class ParkedProduce implements Watcher, PendingProduce {
  #timer: WheelTimer | undefined;
  #finished = false;

  constructor(
    private readonly waits: Waits,
    private readonly entries: readonly ProduceEntry[],
    private readonly options: ProduceOptions,
    private readonly done: () => void,
    private readonly failed: (error: unknown) => void,
  ) {
    for (const { partition } of entries) partition.watch(this);
    this.wake();
  }

  wake(): void {
    if (this.#finished || !areSafe(this.entries)) return;
    const { requiredAcks, timeoutMs } = this.options;
    if (requiredAcks !== -1 || areCommitted(this.entries)) this.#confirm();
    // The time is for the other replicas: this one's disk has as long as it takes, as where the append itself waits for it.
    else this.#timer ??= this.waits.wheel.add(timeoutMs, () => this.#confirm());
  }

  abandon(): void {
    this.#finished = true;
    if (this.#timer !== undefined) this.waits.wheel.cancel(this.#timer);
    for (const { partition } of this.entries) partition.unwatch(this);
  }

  /** What is thrown belongs to this request, not to whoever woke it. */
  #confirm(): void {
    try {
      for (const entry of this.entries) entry.outcome = confirmed(entry, this.options);
      this.abandon();
      this.done();
    } catch (error) {
      this.abandon();
      this.failed(error);
    }
  }
}

const LOST: ProduceOutcome = { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, message: 'the records could not be made durable' };

/** The outcome as the disk and the in-sync replicas leave it. */
function confirmed(entry: ProduceEntry, { requiredAcks }: ProduceOptions): ProduceOutcome | undefined {
  const { partition, outcome } = entry;
  if (outcome?.append === undefined) return outcome;
  if (partition.log.failure !== undefined) return LOST;
  if (requiredAcks !== -1 && isSafe(entry)) return outcome;
  if (partition.leaderEpoch === undefined) return { errorCode: partition.refusal };
  if (!isCommitted(entry)) return { errorCode: ErrorCode.REQUEST_TIMED_OUT };
  return hasEnoughInSync(partition.requireLeader(), partition.log.settings.minInsyncReplicas)
    ? outcome
    : { errorCode: ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND };
}
