import { TimingWheel, type WheelTimer } from '../base/timing-wheel.js';
import { randomUuid } from '../base/uuid.js';
import type { Clock, Logger, Random } from '../env/index.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { BatchBuilder, type BatchOptions } from '../protocol/records/batch-builder.js';
import { CompressionType, NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from '../protocol/records/batch.js';
import { DEFAULT_MAX_DECOMPRESSED_BYTES } from '../protocol/records/batch-iterator.js';
import { buildEndTransactionMarker, type TransactionMarker } from '../protocol/records/control-records.js';
import type { Effects, Machine, Moment, OpenTransaction, RecordCodec, Reply, ReplyTo, TimerChange } from './machine.js';
import { Parking } from './parking.js';
import { replayChunk, UnreplayableError } from './replay.js';
import type { ReplicatedLog, RuntimeAppend } from './replicated-log.js';

/** Why a call gets no answer from the machine. */
export type RuntimeFault = 'loading' | 'not-leader' | 'timed-out' | 'append-failed';

export interface RuntimeOptions<M, Rec> {
  /** For the log: `controller`, `group coordinator 17`. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly log: ReplicatedLog;
  readonly codec: RecordCodec<Rec>;
  /** An empty machine, for each time that this node is elected. */
  readonly create: () => M;
  /** Of what the machine writes; without it nothing is compressed. Read at each write. */
  readonly compression?: () => CompressionType;
  /** How long a reply waits for its records to be committed; without it, as long as the leadership lasts. */
  readonly commitTimeoutMs?: number;
  /** What callers are told; `cause` is the error of the log where there is one. */
  readonly errorFor: (fault: RuntimeFault, cause?: unknown) => Error;
  /** The machine failed on a record of its own log or on a timer, or the log cannot be read: it has been dropped. */
  readonly onFault: (error: unknown) => void;
  /** Shared between runtimes that are many; else each has its own. */
  readonly wheel?: TimingWheel;
}

/** failed: this node leads, but its machine had to be dropped; callers hear what they would hear of a follower. */
export type RuntimeStatus = 'follower' | 'loading' | 'active' | 'failed';

const NO_TRANSACTION: OpenTransaction = { producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };

interface Caller {
  resolve(response: unknown): void;
  reject(error: Error): void;
}

interface Active<M> {
  readonly machine: M;
  readonly timers: Map<string, WheelTimer>;
}

/**
 * Drives one pure machine over one replicated log (Kafka's `CoordinatorRuntime` for one partition, and the event queue of its
 * `QuorumController`): appends what the machine wants, replays it, and holds every reply back until all that had been appended
 * by then is committed. Calls run one at a time, each to its end.
 */
export class Runtime<M extends Machine<Rec>, Rec> {
  private active: Active<M> | undefined;
  private state: RuntimeStatus = 'follower';
  /** Of the last election. */
  private leaderEpoch = -1;
  /** Counts elections and resignations, so that a loading that was overtaken knows. */
  private term = 0;
  /** How long it took to read the log, ms, when that was last done. */
  loadedInMs = 0;
  private nextCallerId = 1;
  private readonly callers = new Map<number, Caller>();
  private readonly parking: Parking;
  private readonly wheel: TimingWheel;
  private readonly stopListening: () => void;

  constructor(private readonly options: RuntimeOptions<M, Rec>) {
    this.wheel = options.wheel ?? new TimingWheel(options.clock);
    this.parking = new Parking(options.log, this.wheel, options.commitTimeoutMs, () => options.errorFor('timed-out'));
    this.stopListening = options.log.onCommitted(() => this.parking.release());
  }

  get status(): RuntimeStatus {
    return this.state;
  }

  /** The machine while it leads, for looking at; nothing of what it shows need be committed. */
  get machine(): M | undefined {
    return this.active?.machine;
  }

  /** The epoch in which this node leads. */
  get epoch(): number | undefined {
    return this.active && this.leaderEpoch;
  }

  /**
   * This node leads from `epoch` on: reads the log into a fresh machine and activates it. Resolves when it serves or has
   * failed, or when the leadership was gone before that.
   */
  async elected(epoch: number): Promise<void> {
    this.resigned();
    const term = ++this.term;
    this.state = 'loading';
    this.leaderEpoch = epoch;
    const { log, codec, clock, logger, name } = this.options;
    const startedMs = clock.monotonicMs();
    const machine = this.options.create();
    try {
      await log.readAll(chunk => {
        if (this.term === term) replayChunk(machine, codec, chunk);
        return this.term === term;
      });
      if (this.term !== term) return;
      this.active = { machine, timers: new Map() };
      this.state = 'active';
      this.loadedInMs = Math.round(clock.monotonicMs() - startedMs);
      logger.debug(`${name} is loaded`, { epoch: this.leaderEpoch, endOffset: log.endOffset, tookMs: this.loadedInMs });
      this.apply(this.active, machine.activated(this.moment()));
    } catch (error) {
      if (this.term === term) this.fail(error);
    }
  }

  /**
   * This node was elected anew before it had resigned, so that nobody else has written meanwhile: the machine stands as it is, or
   * goes on loading, and what it writes is of the new epoch. False when there is no machine to go on with: `elected` makes one.
   */
  leadsOn(epoch: number): boolean {
    if (this.state !== 'active' && this.state !== 'loading') return false;
    this.leaderEpoch = epoch;
    return true;
  }

  /** This node leads no more: everyone who waits is told, and the machine is dropped. */
  resigned(): void {
    this.term++;
    const { active } = this;
    this.active = undefined;
    this.state = 'follower';
    if (active !== undefined) {
      for (const timer of active.timers.values()) this.wheel.cancel(timer);
      active.machine.deposed?.();
    }
    const error = this.options.errorFor('not-leader');
    this.parking.rejectAll(error);
    const callers = [...this.callers.values()];
    this.callers.clear();
    for (const caller of callers) caller.reject(error);
  }

  /** Lets go of the log and the clock. */
  close(): void {
    this.resigned();
    this.stopListening();
    if (this.options.wheel === undefined) this.wheel.close();
  }

  /**
   * Runs `operation` on the machine. The promise settles with the reply to `to`, whenever some effect answers it and that is
   * committed; with what the operation threw, which then has had no effect; or with an error of the runtime.
   */
  run<Response>(operation: (machine: M, at: Moment, to: ReplyTo<Response>) => Effects<Rec>): Promise<Response> {
    const { active } = this;
    if (active === undefined) return Promise.reject(this.options.errorFor(this.state === 'loading' ? 'loading' : 'not-leader'));
    const to: ReplyTo<Response> = { id: this.nextCallerId++ };
    return new Promise<Response>((resolve, reject) => {
      let effects: Effects<Rec>;
      try {
        effects = operation(active.machine, this.moment(), to);
      } catch (error) {
        if (!(error instanceof KafkaError)) this.options.logger.error(`${this.options.name} failed on a request`, { error });
        reject(error);
        return;
      }
      this.callers.set(to.id, { resolve, reject });
      this.apply(active, effects, to.id);
    });
  }

  /** Writes the marker that ends a transaction in this log, and lets the machine know. */
  endTransaction(marker: TransactionMarker): Promise<void> {
    const { active } = this;
    if (active === undefined) return Promise.reject(this.options.errorFor(this.state === 'loading' ? 'loading' : 'not-leader'));
    const batch = buildEndTransactionMarker({ ...marker, timestampMs: this.options.clock.nowMs() }, marker);
    return new Promise<void>((resolve, reject) => {
      let offset: number;
      try {
        offset = this.append(batch, marker).lastOffset;
      } catch (error) {
        reject(this.options.errorFor('append-failed', error));
        return;
      }
      this.replaying(() => active.machine.replayMarker?.({ ...marker, offset }), () => offset);
      this.parking.park({ resolve: () => resolve(), reject }, undefined);
    });
  }

  private apply(active: Active<M>, effects: Effects<Rec>, callerId?: number): void {
    if (effects.records.length > 0) {
      try {
        this.write(active, effects);
      } catch (error) {
        this.refused(active, effects, error, callerId);
        return;
      }
    }
    // The machine may have failed on its own record, and be gone with everyone who waited.
    if (this.active !== active) return;
    for (const change of effects.timers) this.setTimer(active, change);
    for (const reply of effects.replies) this.answer(reply);
  }

  private write(active: Active<M>, { records, transaction, divisible = false }: Effects<Rec>): void {
    const timestampMs = this.options.clock.nowMs();
    const { producerId, producerEpoch, guard } = transaction ?? NO_TRANSACTION;
    // As Apache Kafka has it, a sequence begins in each such batch; nobody checks it.
    const ofTransaction = transaction === undefined ? undefined : { producerId, producerEpoch, baseSequence: 0, isTransactional: true };
    const options = { ...ofTransaction, timestampMs, ...this.packing(divisible) };
    for (let first = 0; first < records.length && this.active === active;) {
      const { batch, count } = this.build(records, first, options);
      if (first + count < records.length && !divisible) throw this.tooLarge(`a change of ${records.length} records`);
      if (batch.length > this.options.log.maxBatchBytes) throw this.tooLarge(`a batch of ${batch.length} bytes`);
      const { baseOffset } = this.append(batch, { guard });
      const start = first;
      let offset = baseOffset;
      this.replaying(() => {
        for (const end = baseOffset + count; offset < end; offset++) {
          const position = { offset, leaderEpoch: this.leaderEpoch, timestampMs, producerId, producerEpoch };
          active.machine.replay(records[start + offset - baseOffset]!, position);
        }
      }, () => offset);
      first += count;
    }
  }

  /** A change that is all or none may be larger than a batch if compression makes it fit: so large that it can still be read. */
  private packing(divisible: boolean): Pick<BatchOptions, 'compression' | 'maxSizeBytes'> {
    const compression = this.options.compression?.() ?? CompressionType.none;
    const isBoundPacked = compression !== CompressionType.none && !divisible;
    return { compression, maxSizeBytes: isBoundPacked ? DEFAULT_MAX_DECOMPRESSED_BYTES : this.options.log.maxBatchBytes };
  }

  /** A batch of as many records from `first` on as one may hold. */
  private build(records: readonly Rec[], first: number, { timestampMs, ...options }: BatchOptions & { timestampMs: number }): { batch: Buffer; count: number } {
    const builder = new BatchBuilder(options);
    for (let index = first; index < records.length; index++) {
      if (builder.append({ timestampMs, ...this.options.codec.encode(records[index]!) }) === undefined) break;
    }
    // A lone record always fits the builder, however large.
    if (builder.sizeInBytes > DEFAULT_MAX_DECOMPRESSED_BYTES) throw this.tooLarge(`a record of ${builder.sizeInBytes} bytes`);
    return { batch: builder.build(), count: builder.count };
  }

  private tooLarge(what: string): KafkaError {
    return new KafkaError(ErrorCode.MESSAGE_TOO_LARGE, `${what} of ${this.options.name} is beyond the largest batch, ${this.options.log.maxBatchBytes} bytes`);
  }

  private append(batch: Uint8Array, context: Omit<RuntimeAppend, 'leaderEpoch'>): { baseOffset: number; lastOffset: number } {
    return this.options.log.append(batch, { leaderEpoch: this.leaderEpoch, transactionVersion: context.transactionVersion, guard: context.guard });
  }

  /** What is in the log but not in the machine would part it from every other replica: a machine that fails here is dropped. */
  private replaying(replay: () => void, current: () => number): void {
    try {
      replay();
    } catch (error) {
      this.fail(new UnreplayableError(current(), error));
    }
  }

  private refused(active: Active<M>, effects: Effects<Rec>, cause: unknown, callerId: number | undefined): void {
    const error = this.options.errorFor('append-failed', cause);
    this.options.logger.warn(`${this.options.name} could not write`, { error: cause instanceof Error ? cause.message : cause });
    if (effects.otherwise !== undefined) {
      this.apply(active, effects.otherwise(error, this.moment()), callerId);
      return;
    }
    for (const reply of effects.replies) this.takeCaller(reply.to.id)?.reject(error);
    if (callerId !== undefined) this.takeCaller(callerId)?.reject(error);
  }

  private answer({ to, response }: Reply): void {
    const caller = this.takeCaller(to.id);
    if (caller !== undefined) this.parking.park(caller, response);
  }

  private takeCaller(id: number): Caller | undefined {
    const caller = this.callers.get(id);
    this.callers.delete(id);
    return caller;
  }

  private setTimer(active: Active<M>, { key, delayMs }: TimerChange): void {
    const before = active.timers.get(key);
    if (before !== undefined) this.wheel.cancel(before);
    active.timers.delete(key);
    if (delayMs === null) return;
    active.timers.set(key, this.wheel.add(delayMs, () => {
      active.timers.delete(key);
      this.timerFired(active, key);
    }));
  }

  private timerFired(active: Active<M>, key: string): void {
    if (this.active !== active) return;
    let effects: Effects<Rec>;
    try {
      effects = active.machine.timerFired(key, this.moment());
    } catch (error) {
      // Nothing would set the timer again, and what hangs on it would never be done.
      this.fail(new Error(`timer ${key} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error }));
      return;
    }
    this.apply(active, effects);
  }

  private fail(error: unknown): void {
    this.options.logger.error(`${this.options.name} is dropped`, { error });
    this.resigned();
    this.state = 'failed';
    this.options.onFault(error);
  }

  private moment(): Moment {
    const { clock, random, log } = this.options;
    return { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs(), nextOffset: log.endOffset, newId: () => randomUuid(random) };
  }
}
