import { DiskError, type Cancel, type Clock } from '../env/index.js';
import type { AppendContext, AppendResult } from '../log/index.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Partition, Watcher } from './partition.js';
import { hasEnoughInSync } from './partition-state.js';

/** Validated batches on their way into one partition. */
export interface ProduceEntry {
  readonly partition: Partition;
  readonly batches: Uint8Array;
}

/** Outcome for one entry, in the order of the entries. */
export type ProduceOutcome =
  | { readonly errorCode: 0; readonly append: AppendResult }
  | { readonly errorCode: number; readonly append?: AppendResult; readonly message?: string };

export interface ProduceOptions {
  /** 0 and 1 answer after the local append; -1 waits for the in-sync replicas. */
  readonly requiredAcks: number;
  readonly timeoutMs: number;
  readonly context: Omit<AppendContext, 'leaderEpoch'>;
}

/** Lets go of a produce that nobody waits for any more, as far as it waits; its records stay. */
export type Abandon = () => void;

/**
 * Appends every entry and calls `done` once the acknowledgement that was asked for is reached: at once where no other replica
 * has to confirm. An entry that is not confirmed within `timeoutMs` gets REQUEST_TIMED_OUT, though its records stay in the log.
 * What nobody foresaw, now or later, even in `done`, goes to `failed`.
 */
export function produce(
  clock: Clock,
  entries: readonly ProduceEntry[],
  options: ProduceOptions,
  done: (outcomes: ProduceOutcome[]) => void,
  failed: (error: unknown) => void,
): Abandon {
  const pending = new Produce(clock, entries, options, done, failed);
  pending.start();
  return () => pending.abandon();
}

/** Where a topic asks for a flush of its records (`flush.messages`), nobody hears of them before that is done. */
function flushed(flushes: readonly Promise<void>[], outcomes: readonly ProduceOutcome[]): Promise<ProduceOutcome[]> {
  const lost: ProduceOutcome = { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, message: 'the records could not be made durable' };
  return Promise.all(flushes).then(() => [...outcomes], () => outcomes.map(outcome => (outcome.append?.durable === undefined ? outcome : lost)));
}

function appendOne({ partition, batches }: ProduceEntry, options: ProduceOptions): ProduceOutcome {
  try {
    return { errorCode: 0, append: partition.append(batches, options.context, options.requiredAcks) };
  } catch (error) {
    if (error instanceof KafkaError) return { errorCode: error.errorCode, message: error.message };
    if (error instanceof DiskError) return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, message: `the disk failed: ${error.code}` };
    throw error;
  }
}

/** Nothing is left to wait for: it failed, or the high watermark has passed it. */
function isSettled(partition: Partition, outcome: ProduceOutcome): boolean {
  if (outcome.errorCode !== 0 || outcome.append === undefined) return true;
  return partition.leaderEpoch === undefined || partition.log.highWatermark > outcome.append.lastOffset;
}

class Produce implements Watcher {
  #outcomes: readonly ProduceOutcome[] = [];
  #cancelTimer: Cancel | undefined;
  #finished = false;

  constructor(
    private readonly clock: Clock,
    private readonly entries: readonly ProduceEntry[],
    private readonly options: ProduceOptions,
    private readonly done: (outcomes: ProduceOutcome[]) => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  start(): void {
    this.#guard(() => {
      const outcomes = this.entries.map(entry => appendOne(entry, this.options));
      const flushes = outcomes.flatMap(({ append }) => append?.durable ?? []);
      if (flushes.length === 0) this.#acknowledge(outcomes);
      else flushed(flushes, outcomes).then(settled => this.#guard(() => this.#acknowledge(settled)), this.failed);
    });
  }

  wake(): void {
    if (this.#finished || !this.#isSettled) return;
    this.#guard(() => this.#confirm());
  }

  abandon(): void {
    this.#finished = true;
    this.#cancelTimer?.();
    if (this.#cancelTimer !== undefined) for (const { partition } of this.entries) partition.unwatch(this);
  }

  get #isSettled(): boolean {
    return this.#outcomes.every((outcome, i) => isSettled(this.entries[i]!.partition, outcome));
  }

  #acknowledge(outcomes: ProduceOutcome[]): void {
    if (this.#finished) return;
    this.#outcomes = outcomes;
    if (this.options.requiredAcks === -1 && !this.#isSettled) this.#park();
    else {
      this.#finished = true;
      this.done(outcomes);
    }
  }

  #park(): void {
    for (const { partition } of this.entries) partition.watch(this);
    this.#cancelTimer = this.clock.after(this.options.timeoutMs, () => this.#guard(() => this.#confirm()));
  }

  #confirm(): void {
    if (this.#finished) return;
    this.abandon();
    this.done(this.#outcomes.map((outcome, i) => confirmed(this.entries[i]!.partition, outcome)));
  }

  /** What is thrown belongs to this request, not to whoever woke it. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.abandon();
      this.failed(error);
    }
  }
}

/** The outcome as the in-sync replicas leave it. */
function confirmed(partition: Partition, outcome: ProduceOutcome): ProduceOutcome {
  if (outcome.errorCode !== 0 || outcome.append === undefined) return outcome;
  if (partition.leaderEpoch === undefined) return { errorCode: partition.refusal };
  if (partition.log.highWatermark <= outcome.append.lastOffset) return { errorCode: ErrorCode.REQUEST_TIMED_OUT };
  return hasEnoughInSync(partition.requireLeader(), partition.log.settings.minInsyncReplicas)
    ? outcome
    : { errorCode: ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND };
}
