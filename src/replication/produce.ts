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
  /** 0 and 1 answer after the local append; -1 waits for the in-sync replicas. */
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
    let isFlushing = false;
    for (const entry of entries) {
      entry.outcome = append(entry, options);
      isFlushing ||= entry.outcome.append?.durable !== undefined;
    }
    if (isFlushing || (options.requiredAcks === -1 && !areSettled(entries))) return new ParkedProduce(waits, entries, options, done, failed);
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

function areSettled(entries: readonly ProduceEntry[]): boolean {
  for (const entry of entries) if (!isSettled(entry)) return false;
  return true;
}

/** Nothing is left to wait for: it failed, or the high watermark has passed it. */
function isSettled({ partition, outcome }: ProduceEntry): boolean {
  if (outcome?.append === undefined) return true;
  return partition.leaderEpoch === undefined || partition.log.highWatermark > outcome.append.lastOffset;
}

/** Waits for the disk where a topic asks for that, then for the other replicas (`DelayedProduce`). */
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
    const flushes = entries.filter(({ outcome }) => outcome?.append?.durable !== undefined).map(flushed);
    if (flushes.length === 0) this.#park();
    else this.#flushed(flushes).catch((error: unknown) => this.#fail(error));
  }

  wake(): void {
    if (!this.#finished && areSettled(this.entries)) this.#confirm();
  }

  abandon(): void {
    this.#finished = true;
    if (this.#timer === undefined) return;
    this.waits.wheel.cancel(this.#timer);
    for (const { partition } of this.entries) partition.unwatch(this);
  }

  /** Where a topic asks for a flush of its records (`flush.messages`), nobody hears of them before that is done. */
  async #flushed(flushes: readonly Promise<void>[]): Promise<void> {
    await Promise.all(flushes);
    if (this.#finished) return;
    if (this.options.requiredAcks === -1 && !areSettled(this.entries)) this.#park();
    else this.#finish();
  }

  #park(): void {
    for (const { partition } of this.entries) partition.watch(this);
    this.#timer = this.waits.wheel.add(this.options.timeoutMs, () => this.#confirm());
  }

  /** What is thrown belongs to this request, not to whoever woke it. */
  #confirm(): void {
    try {
      for (const entry of this.entries) entry.outcome = confirmed(entry);
      this.#finish();
    } catch (error) {
      this.#fail(error);
    }
  }

  #finish(): void {
    this.abandon();
    refuseUnwritten(this.entries);
    this.done();
  }

  #fail(error: unknown): void {
    this.abandon();
    this.failed(error);
  }
}

const LOST: ProduceOutcome = { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, message: 'the records could not be made durable' };

/** Resolves when an entry's flush is over; one that failed is no matter of the others, whose disks may be sound. */
async function flushed(entry: ProduceEntry): Promise<void> {
  try {
    await entry.outcome!.append!.durable;
  } catch {
    entry.outcome = LOST;
  }
}

/** The outcome as the in-sync replicas leave it. */
function confirmed({ partition, outcome }: ProduceEntry): ProduceOutcome | undefined {
  if (outcome?.append === undefined) return outcome;
  if (partition.leaderEpoch === undefined) return { errorCode: partition.refusal };
  if (partition.log.highWatermark <= outcome.append.lastOffset) return { errorCode: ErrorCode.REQUEST_TIMED_OUT };
  return hasEnoughInSync(partition.requireLeader(), partition.log.settings.minInsyncReplicas)
    ? outcome
    : { errorCode: ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND };
}
