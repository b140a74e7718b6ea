import { assert } from '../../base/assert.js';
import { DiskError } from '../../env/index.js';
import { CompactionState } from '../compaction/compaction-state.js';
import type { LogDurability } from './durability.js';
import type { LogHome, LogHost } from '../host.js';
import type { LeaderEpochs } from './leader-epochs.js';
import type { LoadedLog, LogIdentity } from './loaded-log.js';
import { LOG_SUFFIX } from '../paths.js';
import type { ProducerState } from '../producers/producer-state.js';
import type { LogReader } from '../reads/log-reader.js';
import type { SafeEnd } from './safe-end.js';
import type { LogTail } from '../reads/tail-cache.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { KafkaError } from '../../protocol/errors.js';
import { OldFormatLogError } from '../segment/old-format.js';
import type { SegmentFiles } from '../segment/segment-files.js';
import type { SegmentList } from '../segment/segment-list.js';
import { LogBeingCheckedError } from '../types.js';
import type { WriteBehind } from './write-behind.js';

/** What is made of a log when it is first used. */
export interface LogParts {
  readonly segments: SegmentList;
  readonly epochs: LeaderEpochs;
  readonly producers: ProducerState;
  readonly tail: LogTail;
  readonly safeEnd: SafeEnd;
  readonly writes: WriteBehind;
  readonly durability: LogDurability;
  readonly reader: LogReader;
  readonly files: SegmentFiles;
  startOffset: number;
  endOffset: number;
}

/** A log that was closed in order, as checkpoints know it: of its directory nothing has been read. */
export interface SleepingLog {
  /** What was durable is all that there is. */
  readonly logEndOffset: number;
  /** `logEndOffset` when absent. */
  readonly recoveryPoint?: number;
  /** undefined: where the first segment begins. */
  readonly logStartOffset: number | undefined;
  /** Reads the directory; a promise where somebody has touched it since. */
  load(directory: string): LoadedLog | Promise<LoadedLog>;
}

/**
 * A log that sleeps until something of it is used that is not in `SleepingLog`: of many partitions most are idle, and cost
 * neither time at the start nor memory. Its parts look like plain fields; the first touch of one reads the directory.
 */
export abstract class LazyLog {
  private parts: LogParts | undefined;
  /** A check that is under way; never rejects. */
  protected checking: Promise<void> | undefined;
  readonly topic: string;
  readonly partition: number;
  readonly home: LogHome;
  readonly compaction = new CompactionState();
  protected closed = false;
  /** What becomes of its files matters to nobody any more. */
  protected abandoned = false;
  failure: DiskError | undefined;
  onSafeEndMoved: () => void = () => {};
  private refusal: OldFormatLogError | undefined;

  protected constructor(protected readonly host: LogHost, { topic, partition, home }: LogIdentity, private readonly sleeping: SleepingLog | undefined) {
    this.topic = topic;
    this.partition = partition;
    this.home = home;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Nothing of it was used yet. */
  get isAsleep(): boolean {
    return this.asleep !== undefined;
  }

  /** None of it can be used, although its disk works. */
  get isRefused(): boolean {
    return this.refusal !== undefined;
  }

  /** From now on every use throws `reason`. */
  refuse(reason: OldFormatLogError): void {
    if (this.refusal !== undefined) return;
    this.refusal = reason;
    this.host.logger.error('a partition is offline', { log: this.name, error: reason.message });
  }

  /** What the checkpoints say, for as long as nothing else is known. */
  protected get asleep(): SleepingLog | undefined {
    return this.parts === undefined ? this.sleeping : undefined;
  }

  /** Sleeps, and has never had a record: nothing need be looked at to know all of it. */
  protected get isKnownEmpty(): boolean {
    return this.asleep?.logEndOffset === 0;
  }

  /** Bytes of its segments: while it sleeps those of its files, for which it need not be woken. */
  get sizeBytes(): number {
    if (this.asleep === undefined) return this.segments.sizeBytes;
    if (this.isKnownEmpty) return 0;
    const { directory, host: { disk } } = this;
    return this.guarded(() => disk.list(directory).filter(name => name.endsWith(LOG_SUFFIX))
      .reduce((sum, name) => sum + (disk.stat(`${directory}/${name}`)?.sizeBytes ?? 0), 0));
  }

  get segments(): SegmentList {
    return this.awake.segments;
  }

  get epochs(): LeaderEpochs {
    return this.awake.epochs;
  }

  get producers(): ProducerState {
    return this.awake.producers;
  }

  get tail(): LogTail {
    return this.awake.tail;
  }

  protected get safeEnd(): SafeEnd {
    return this.awake.safeEnd;
  }

  protected get writes(): WriteBehind {
    return this.awake.writes;
  }

  protected get durability(): LogDurability {
    return this.awake.durability;
  }

  protected get reader(): LogReader {
    return this.awake.reader;
  }

  protected get files(): SegmentFiles {
    return this.awake.files;
  }

  protected get startOffset(): number {
    return this.awake.startOffset;
  }

  protected set startOffset(offset: number) {
    this.awake.startOffset = offset;
  }

  protected get endOffset(): number {
    return this.awake.endOffset;
  }

  protected set endOffset(offset: number) {
    this.awake.endOffset = offset;
  }

  private get awake(): LogParts {
    return this.parts ?? this.wake();
  }

  protected wakeWith(loaded: LoadedLog): LogParts {
    this.parts = this.makeParts(loaded);
    this.woken();
    return this.parts;
  }

  /** Lets `visit` use the log; one that slept does so again afterwards, unless it `staysAwake` for what was found. */
  whileAwake<T>(visit: () => T, staysAwake: (found: T) => boolean): T {
    const slept = this.isAsleep;
    const found = visit();
    if (slept && this.parts !== undefined && !staysAwake(found)) this.sleepAgain(this.parts);
    return found;
  }

  private sleepAgain({ segments, durability }: LogParts): void {
    assert(!this.isChanged, 'a log that was changed must not forget it');
    durability.cancelTimedFlush();
    for (const segment of segments) segment.abandon();
    this.parts = undefined;
  }

  protected wake(): LogParts {
    this.mustBeOpen();
    if (this.checking === undefined) {
      const loaded = this.guarded(() => this.sleeping!.load(this.directory));
      if (!(loaded instanceof Promise)) return this.wakeWith(loaded);
      this.checking = loaded.then(found => this.checked(found), (error: unknown) => {
        this.noteFailure(error);
        if (!(error instanceof DiskError) && !this.isRefused) this.host.logger.error('a log could not be checked', { directory: this.directory, error: String(error) });
      }).finally(() => { this.checking = undefined; });
    }
    throw new LogBeingCheckedError(this.name, this.checking);
  }

  private checked(found: LoadedLog): void {
    if (this.abandoned) {
      for (const segment of found.segments) segment.abandon();
      return;
    }
    this.wakeWith(found);
    this.onSafeEndMoved();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    // It changes files: whoever closes the directory next must be able to say that all is in order.
    if (this.checking !== undefined) await this.checking;
    if (this.endUse() || this.abandoned) return;
    try {
      await this.durability.idle();
      if (!this.failure) await this.finish();
    } finally {
      for (const segment of this.segments) segment.abandon();
    }
  }

  /** Lets go without bringing anything to the disk: what is here is to be deleted, or its disk is gone, by `failure`. */
  abandon(failure = this.failure): void {
    this.failure = failure;
    this.abandoned = true;
    if (this.endUse()) return;
    for (const segment of this.segments) segment.abandon();
  }

  /** Its copy has taken its place: nothing is appended or read any more, and reads that are under way end in its files. */
  retire(): void {
    this.abandoned = true;
    this.endUse();
  }

  /** Returns whether that was all, since the log sleeps. */
  private endUse(): boolean {
    this.closed = true;
    this.compaction.abort();
    if (this.asleep !== undefined) return true;
    this.tail.clear();
    this.reader.dropAhead();
    this.durability.cancelTimedFlush();
    this.files.forget();
    return false;
  }

  abstract get directory(): string;
  /** Something happened to it since it was opened that the directory, read anew, may not tell. */
  protected abstract get isChanged(): boolean;
  protected abstract makeParts(loaded: LoadedLog): LogParts;
  /** Brings up to date what happened while the log slept. */
  protected abstract woken(): void;
  /** Brings all to the disk, at the end of its use. */
  protected abstract finish(): Promise<void>;

  protected get name(): string {
    return `${this.topic}-${this.partition}`;
  }

  protected mustBeOpen(): void {
    if (this.failure) throw this.failure;
    if (this.refusal) throw this.refusal;
    if (this.closed) throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER, `The log of ${this.name} is closed`);
  }

  protected guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.noteFailure(error);
    }
  }

  /** After a failed write or sync nobody knows what the disk holds: the log stays as it is until it is opened anew. */
  noteFailure(error: unknown): unknown {
    if (error instanceof OldFormatLogError) this.refuse(error);
    if (error instanceof DiskError && !this.failure && !this.abandoned) {
      this.failure = error;
      this.home.fail(error);
    }
    return error;
  }
}
