import { javaAbs, stringHashCode } from '../../base/java-hash.js';
import type { TimingWheel, WheelTimer } from '../../base/timing-wheel.js';
import type { Logger } from '../../env/index.js';
import { errorName, KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { NO_EFFECTS, replyWith } from '../../runtime/machine.js';
import type { Effects, Moment, ReplyTo } from '../../runtime/machine.js';
import { coordinatorErrorCode } from '../errors.js';
import { compileRegex, InvalidRegexError } from '../regex.js';
import type { EndedTransactionMetrics } from './metrics.js';
import { NEEDS_PRODUCER_ID, type NeedsProducerId } from './decisions.js';
import type { TransactionRecord } from './records.js';
import type { TransactionSettings } from './settings.js';
import { STATE_NAMES, type Transaction } from './transaction.js';
import { producerResult, undescribed, type Ended, type PreparedEnd, type TransactionFilter, type TransactionMachine } from './transaction-machine.js';
import type {
  AddPartitionsRequest, DescribedTransaction, EndTransactionRequest, InitProducerIdRequest, ListedTransaction, ListTransactionsRequest,
  ListTransactionsResult, PartitionErrors, ProducerIdResult, TopicPartition, TransactionCoordinatorApi, VerifyPartitionsRequest, WriteMarkers,
} from './types.js';

type Operation<Response> = (machine: TransactionMachine, at: Moment, to: ReplyTo<Response>) => Effects<TransactionRecord>;

/** The transaction machines of the partitions that this node leads; `RuntimeSet` is one. */
export interface TransactionRuntimes {
  /** The partitions that this node leads. */
  partitions(): readonly number[];
  /** The epoch in which it leads one and serves; undefined when it does not. */
  epochOf(partition: number): number | undefined;
  /** Rejects with an error of `coordinatorRuntimeError` when the partition's machine cannot answer. */
  run<Response>(partition: number, operation: Operation<Response>): Promise<Response>;
}

export interface TransactionServiceOptions {
  readonly runtimes: TransactionRuntimes;
  readonly settings: TransactionSettings;
  /** Of `__transaction_state`; as the settings have it while the topic does not exist. */
  readonly partitionCount: () => number;
  readonly nextProducerId: () => Promise<number>;
  readonly writeMarkers: WriteMarkers;
  /** Brings all that is committed to the system, so that it outlives this process: what is appended later may rely on it. */
  readonly writeAll: () => void;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
}

/** How long the answer to an end waits for the markers: a client whose next transaction begins meanwhile would be sent away to wait. */
const LONGEST_HOLD_MS = 500;
/** Between attempts to write markers: twice as long each time. */
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 5_000;
/** One of so many attempts is told of; at the longest pause that is one a minute. */
const TOLD_ATTEMPTS = 12;

/**
 * The transaction coordinator as a broker's handlers see it: each transactional id is sent to the machine of its partition, and what
 * the machine has decided is carried to the partitions of the transaction (Kafka's `TransactionCoordinator` and
 * `TransactionMarkerChannelManager`).
 *
 * What one log holds because of another is written in order: a decision before its markers, markers before the note that all have
 * them, a partition's being added before its data. A process that is killed between any two of them finds out what is left to do.
 */
export class TransactionService implements TransactionCoordinatorApi {
  /** By coordinator epoch and transactional id: the ends that are being carried to their partitions. */
  private readonly completions = new Map<string, Promise<void>>();
  /** By the same: transactions that are timed out and whose abort is being decided, which may wait for a producer id. */
  private readonly aborting = new Set<string>();
  private readonly ended = { commits: 0, aborts: 0, timeouts: 0 };
  private timers: WheelTimer[] = [];
  private isClosed = false;

  constructor(private readonly options: TransactionServiceOptions) {}

  /** Begins to look for transactions that are timed out and ids that are expired. */
  start(): void {
    const { settings } = this.options;
    this.every(() => settings.abortCheckIntervalMs, partition => this.abortTimedOut(partition));
    this.every(() => settings.expiryCheckIntervalMs, partition => this.expire(partition));
  }

  close(): void {
    this.isClosed = true;
    for (const timer of this.timers) this.options.wheel.cancel(timer);
  }

  /** This node serves the partition from now on: what its predecessor has decided is carried out. */
  async elected(partition: number): Promise<void> {
    // Whatever keeps it from that now, the look after transactions that are timed out comes by again.
    await this.unlessRefused(this.completePrepared(partition));
  }

  metrics(): EndedTransactionMetrics {
    return { ...this.ended };
  }

  partitionFor(transactionalId: string): number {
    return javaAbs(stringHashCode(transactionalId)) % this.options.partitionCount();
  }

  async initProducerId(request: InitProducerIdRequest): Promise<ProducerIdResult> {
    const { maxTimeoutMs, twoPhaseCommit } = this.options.settings;
    const { transactionalId, enable2Pc, transactionTimeoutMs } = request;
    if (transactionalId === '') return producerResult(ErrorCode.INVALID_REQUEST);
    if (enable2Pc && !twoPhaseCommit) return producerResult(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    if (request.keepPreparedTxn) return producerResult(ErrorCode.UNSUPPORTED_VERSION);
    if (!enable2Pc && (transactionTimeoutMs <= 0 || transactionTimeoutMs > maxTimeoutMs)) return producerResult(ErrorCode.INVALID_TRANSACTION_TIMEOUT);
    return this.ending(transactionalId, false, producerId => (machine, at, to) => machine.initProducerId(request, producerId, to, at));
  }

  async addPartitions(request: AddPartitionsRequest): Promise<number> {
    const { transactionalId } = request;
    if (transactionalId === '') return ErrorCode.INVALID_REQUEST;
    const partition = this.partitionFor(transactionalId);
    try {
      const errorCode = await this.run<number>(partition, (machine, at, to) => machine.addPartitions(request, to, at));
      if (errorCode === ErrorCode.NONE) await this.written(partition);
      return errorCode;
    } catch (error) {
      return coordinatorErrorCode(error);
    }
  }

  async verifyPartitions(request: VerifyPartitionsRequest): Promise<PartitionErrors> {
    const all = (errorCode: number): PartitionErrors => request.partitions.map(partition => ({ ...partition, errorCode }));
    if (request.transactionalId === '') return all(ErrorCode.INVALID_REQUEST);
    try {
      const partition = this.partitionFor(request.transactionalId);
      const verified = await this.run<PartitionErrors>(partition, (machine, _, to) => machine.verifyPartitions(request, to));
      // A client need not have waited for the answer to what it added.
      await this.written(partition);
      return verified;
    } catch (error) {
      return all(coordinatorErrorCode(error));
    }
  }

  async endTransaction(request: EndTransactionRequest): Promise<ProducerIdResult> {
    const { transactionalId } = request;
    if (transactionalId === '') return producerResult(ErrorCode.INVALID_REQUEST);
    return this.ending(transactionalId, true, producerId => (machine, at, to) => machine.endTransaction(request, producerId, to, at));
  }

  async describe(transactionalIds: readonly string[]): Promise<DescribedTransaction[]> {
    return Promise.all(transactionalIds.map(async id => {
      if (id === '') return undescribed(id, ErrorCode.INVALID_REQUEST);
      try {
        const [described] = await this.run<DescribedTransaction[]>(this.partitionFor(id), (machine, _, to) => machine.describe([id], to));
        return described!;
      } catch (error) {
        return undescribed(id, coordinatorErrorCode(error));
      }
    }));
  }

  async list(request: ListTransactionsRequest): Promise<ListTransactionsResult> {
    const filter = filterOf(request);
    const unknownStates = request.states.filter(state => !isStateName(state));
    const answers = await Promise.all(this.options.runtimes.partitions().map(partition =>
      this.run<ListedTransaction[]>(partition, (machine, at, to) => machine.list(filter, to, at)).catch(coordinatorErrorCode)));
    // Whose partition has gone to another node is listed there; of any other the list would lack without a word what it holds.
    const errorCode = answers.find(answer => typeof answer === 'number' && answer !== ErrorCode.NOT_COORDINATOR);
    if (typeof errorCode === 'number') return { errorCode, unknownStates: [], transactions: [] };
    return { errorCode: ErrorCode.NONE, unknownStates, transactions: answers.flatMap(answer => (typeof answer === 'number' ? [] : answer)) };
  }

  /** Runs what may decide the end of a transaction, and has that carried out. */
  private async ending(
    transactionalId: string, waits: boolean, operation: (newProducerId: number | undefined) => Operation<Ended | NeedsProducerId>,
  ): Promise<ProducerIdResult> {
    try {
      const partition = this.partitionFor(transactionalId);
      const { isPrepared, ...result } = await this.decided(partition, operation);
      if (isPrepared) {
        const completion = this.complete(partition, transactionalId);
        if (!waits) this.options.logger.info('a producer begins anew: the transaction of the one before is aborted', { transactionalId });
        if (waits) await this.atMost(LONGEST_HOLD_MS, completion);
      }
      return result;
    } catch (error) {
      return producerResult(coordinatorErrorCode(error));
    }
  }

  /** An id is fetched only for those who need one. */
  private async decided(partition: number, operation: (newProducerId: number | undefined) => Operation<Ended | NeedsProducerId>): Promise<Ended> {
    let answer = await this.run(partition, operation(undefined));
    while (answer === NEEDS_PRODUCER_ID) answer = await this.run(partition, operation(await this.options.nextProducerId()));
    return answer;
  }

  private async completePrepared(partition: number): Promise<void> {
    const epoch = this.options.runtimes.epochOf(partition);
    for (const id of await this.run<string[]>(partition, (machine, _, to) => machine.preparedIds(to))) {
      if (!this.completions.has(keyOf(epoch, id))) void this.complete(partition, id);
    }
  }

  /** Resolves once all partitions have the marker of the id's decided end, or once it is no more this node's to see to that. */
  private complete(partition: number, transactionalId: string): Promise<void> {
    const epoch = this.options.runtimes.epochOf(partition);
    if (epoch === undefined) return Promise.resolve();
    const key = keyOf(epoch, transactionalId);
    // The end before may be carried out and its note not committed yet: this one is another. Where it is the same nothing is left to do.
    const before = this.completions.get(key) ?? Promise.resolve();
    const completion = before.then(() => this.carryOut(partition, epoch, transactionalId)).finally(() => {
      if (this.completions.get(key) === completion) this.completions.delete(key);
    });
    this.completions.set(key, completion);
    return completion;
  }

  private async carryOut(partition: number, epoch: number, transactionalId: string): Promise<void> {
    const isOurs = (): boolean => !this.isClosed && this.options.runtimes.epochOf(partition) === epoch;
    for (let attempt = 0, pauseMs = FIRST_RETRY_MS; isOurs(); attempt++, pauseMs = Math.min(2 * pauseMs, LONGEST_RETRY_MS)) {
      const isTold = attempt % TOLD_ATTEMPTS === 0;
      try {
        if (await this.tryToComplete(partition, epoch, transactionalId, isTold)) return;
      } catch (error) {
        const errorCode = coordinatorErrorCode(error);
        if (errorCode === ErrorCode.NOT_COORDINATOR) return;
        if (isTold) this.options.logger.warn('the end of a transaction could not be carried out, which is tried again', { transactionalId, error });
      }
      await this.pause(pauseMs);
    }
  }

  /** Whether there is nothing left to do. */
  private async tryToComplete(partition: number, coordinatorEpoch: number, transactionalId: string, isTold: boolean): Promise<boolean> {
    const { writeMarkers, writeAll, logger } = this.options;
    writeAll();
    const end = await this.run<PreparedEnd | null>(partition, (machine, _, to) => machine.preparedEnd(transactionalId, to));
    if (end === null) return true;
    const { marker, partitions } = end;
    const results = partitions.length === 0 ? [] : await writeMarkers({ ...marker, coordinatorEpoch }, partitions);
    if (results.some(({ errorCode }) => errorCode === ErrorCode.TRANSACTION_COORDINATOR_FENCED)) {
      logger.warn('another coordinator has ended a transaction; this one lets go of it', { transactionalId, ...marker, coordinatorEpoch });
      return true;
    }
    const fenced = results.filter(({ errorCode }) => errorCode === ErrorCode.INVALID_PRODUCER_EPOCH);
    if (fenced.length > 0) logger.warn('partitions of a transaction know a later epoch of its producer; they are told of no end', { transactionalId, ...marker, partitions: fenced.map(nameOf) });
    const left = results.filter(({ errorCode }) => !SETTLED.has(errorCode));
    if (left.length > 0) {
      const faults = left.map(fault => `${nameOf(fault)}: ${errorName(fault.errorCode)}`);
      if (isTold) logger.info('markers of a transaction could not be written, which is tried again', { transactionalId, faults });
      await this.run<null>(partition, (machine, _, to) => machine.stillToMark(transactionalId, marker, left.map(withoutError), to));
      return false;
    }
    await this.run<null>(partition, (machine, at, to) => machine.complete(transactionalId, marker, to, at));
    this.ended[marker.committed ? 'commits' : 'aborts']++;
    return true;
  }

  /** Each for itself: one that cannot be aborted keeps no other open. */
  private async abortTimedOut(partition: number): Promise<void> {
    const timedOut = await this.run<Transaction[]>(partition, (machine, at, to) => machine.timedOut(to, at));
    for (const found of timedOut) void this.unlessRefused(this.abort(partition, found));
    // Who was left alone with its end, whyever, is taken up again too.
    await this.completePrepared(partition);
  }

  private async abort(partition: number, found: Transaction): Promise<void> {
    const { transactionalId, timeoutMs } = found;
    const key = keyOf(this.options.runtimes.epochOf(partition), transactionalId);
    if (this.aborting.has(key)) return;
    this.aborting.add(key);
    try {
      const { isPrepared } = await this.decided(partition, producerId => (machine, at, to) => machine.fence(found, producerId, to, at));
      if (!isPrepared) return;
      this.ended.timeouts++;
      this.options.logger.info('a transaction was open for too long and is aborted', { transactionalId, timeoutMs });
      void this.complete(partition, transactionalId);
    } finally {
      this.aborting.delete(key);
    }
  }

  private async expire(partition: number): Promise<void> {
    const count = await this.run<number>(partition, (machine, at, to) => machine.expire(to, at));
    if (count > 0) this.options.logger.info('transactional ids were not used for long and are forgotten', { partition, count });
  }

  private run<Response>(partition: number, operation: Operation<Response>): Promise<Response> {
    return this.options.runtimes.run(partition, operation);
  }

  /** All that the partition's machine knows is committed and outlives this process; rejects when that failed. */
  private async written(partition: number): Promise<void> {
    this.options.writeAll();
    // Nobody leads a log that could not be written, and what waits for it is told so.
    await this.run<null>(partition, (_machine, _at, to) => ({ ...NO_EFFECTS, replies: [replyWith(to, null)] }));
  }

  private async atMost(limitMs: number, work: Promise<void>): Promise<void> {
    const { wheel } = this.options;
    let timer: WheelTimer | undefined;
    await Promise.race([work, new Promise<void>(resolve => { timer = wheel.add(limitMs, resolve); })]);
    wheel.cancel(timer!);
  }

  private pause(forMs: number): Promise<void> {
    return new Promise(resolve => { this.options.wheel.add(forMs, resolve); });
  }

  /** For each partition that this node leads, again and again, each time after a pause that is asked for anew. */
  private every(intervalMs: () => number, work: (partition: number) => Promise<void>): void {
    const { wheel, runtimes } = this.options;
    const at = this.timers.length;
    const arm = (): void => {
      if (this.isClosed) return;
      this.timers[at] = wheel.add(intervalMs(), () => {
        void Promise.all(runtimes.partitions().map(partition => this.unlessRefused(work(partition)))).finally(arm);
      });
    };
    arm();
  }

  /** Of a partition whose machine cannot answer now takes care whoever leads it next, or the next look. */
  private async unlessRefused(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      const isRefusal = error instanceof KafkaError && REFUSALS.has(error.errorCode);
      this.options.logger[isRefusal ? 'debug' : 'error']('the transactions of a partition could not be looked after', { error });
    }
  }
}

/** What an earlier leadership has begun, and may have let go of, does not stand for the one of this epoch. */
function keyOf(epoch: number | undefined, transactionalId: string): string {
  return `${epoch}/${transactionalId}`;
}

/** What a machine answers that cannot serve now, and what there is to hear while no producer ids are to be had. */
const REFUSALS: ReadonlySet<number> = new Set([ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE]);

/**
 * The marker is there, or will never be wanted: the partition is gone, cannot hold transactions, or has seen a later epoch of the
 * producer, before which it must have been told of this end.
 */
const SETTLED: ReadonlySet<number> = new Set([
  ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT, ErrorCode.UNSUPPORTED_VERSION, ErrorCode.INVALID_PRODUCER_EPOCH,
]);

function nameOf({ topic, index }: TopicPartition): string {
  return `${topic}-${index}`;
}

function withoutError({ topic, index }: TopicPartition): TopicPartition {
  return { topic, index };
}

function isStateName(name: string): boolean {
  return (STATE_NAMES as readonly string[]).includes(name);
}

function filterOf({ states, producerIds, durationMs, transactionalIdPattern }: ListTransactionsRequest): TransactionFilter {
  return {
    states: new Set(states), producerIds: new Set(producerIds), durationMs,
    matches: transactionalIdPattern === null || transactionalIdPattern === '' ? () => true : compiled(transactionalIdPattern),
  };
}

function compiled(pattern: string): (transactionalId: string) => boolean {
  try {
    return compileRegex(pattern);
  } catch (error) {
    if (!(error instanceof InvalidRegexError)) throw error;
    throw new KafkaError(ErrorCode.INVALID_REGULAR_EXPRESSION, `Transaction ID pattern \`${pattern}\` is not a valid regular expression: ${error.message}.`);
  }
}
