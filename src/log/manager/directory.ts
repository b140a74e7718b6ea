import { MalformedError } from '../../base/bytes.js';
import { DiskError, type DiskLock, type Env } from '../../env/index.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { KafkaError } from '../../protocol/errors.js';
import { ZERO_UUID, type Uuid } from '../../protocol/wire/types.js';
import type { LogHome } from '../host.js';
import type { Log } from '../partition/log.js';
import {
  CHECKPOINT_FILES, CLEANER_OFFSET_FILE, HIGH_WATERMARK_FILE, LOCK_FILE, LOG_START_OFFSET_FILE, RECOVERY_POINT_FILE, partitionDirectory, type CheckpointFile,
} from '../paths.js';
import { prepareOffsets, readOffsets, takeCleanShutdown, writeCleanShutdown, writeOffsets, type OffsetCheckpoint, type OffsetLine } from './checkpoints.js';
import { claimDirectory } from './meta-properties.js';

/** What the checkpoints of a directory say, by the partitions' directory names. */
export interface Checkpoints {
  readonly recoveryPoints: OffsetCheckpoint;
  readonly logStartOffsets: OffsetCheckpoint;
  readonly highWatermarks: OffsetCheckpoint;
  /** Up to where logs were compacted. */
  readonly cleanedOffsets: OffsetCheckpoint;
}

/** What a checkpoint is to say from now on. */
interface Changed {
  readonly lines: readonly OffsetLine[];
  readonly text: string;
}

type DirectoryEnv = Pick<Env, 'disk' | 'random' | 'logger'>;

/**
 * One of `log.dirs`: whose it is, whether it can be used, which logs lie in it, and what it says of them between two starts. The
 * first error of its disk ends its use for the life of the process (KIP-112).
 */
export class LogDirectory implements LogHome {
  /** Logs that lie here, those that are to replace one in another directory too. */
  readonly logs = new Set<Log>();
  /**
   * Brings what logs have appended to the system, as far as it is safe: a checkpoint, of high watermarks or recovery points, speaks of
   * nothing that could still be lost with the process.
   */
  writeLogs: () => void = () => undefined;
  /** Told once, when the directory can no longer be used. */
  onFailed: (error: DiskError) => void = () => undefined;
  private lock: DiskLock | undefined;
  private currentId: Uuid = ZERO_UUID;
  private failure: DiskError | undefined;
  private clean = false;
  private lastBrokerEpoch: number | undefined;
  /** All that it holds is known: only then may its checkpoints and its marker be written, which speak of every log in it. */
  private loaded = false;
  /** Text of the checkpoints as last written: what has not changed is not written again. */
  private readonly written = new Map<CheckpointFile, string>();
  /** Checkpoints that are being written off the loop; one that is `outdated` must not take the place of what is there. */
  private readonly underWay = new Map<CheckpointFile, { outdated: boolean; done: Promise<void> }>();

  /** The partitions that each checkpoint on the disk speaks of. */
  private readonly named = new Map<CheckpointFile, ReadonlySet<string>>();

  private constructor(private readonly env: DirectoryEnv, readonly path: string) {}

  /**
   * Makes the directory where it is absent, locks it, and claims or checks its `meta.properties`. One that cannot be read or
   * written is there with an `error`. Rejects, saying which, when it is in use or another's.
   */
  static async open(env: DirectoryEnv, path: string, owner: { readonly clusterId: string; readonly nodeId: number }): Promise<LogDirectory> {
    const directory = new LogDirectory(env, path);
    try {
      env.disk.makeDirectory(path);
      directory.lock = await env.disk.lock(`${path}/${LOCK_FILE}`);
      directory.currentId = claimDirectory(env.disk, env.random, path, owner);
    } catch (error) {
      if (!(error instanceof DiskError)) {
        directory.release();
        throw error;
      }
      if (error.code === 'ELOCKED') throw new Error(`${path} is in use by another broker`, { cause: error });
      directory.fail(error);
    }
    return directory;
  }

  /** `ZERO_UUID` when the directory could not be read. */
  get id(): Uuid {
    return this.currentId;
  }

  get error(): string | undefined {
    return this.failure?.message;
  }

  /** The error that took it offline. */
  get cause(): DiskError | undefined {
    return this.failure;
  }

  get isUsable(): boolean {
    return this.failure === undefined;
  }

  /** The last owner stopped in order: what the files say is believed. Known once the checkpoints are read. */
  get wasClean(): boolean {
    return this.clean;
  }

  /** The broker epoch that the last owner had when it stopped in order. */
  get previousBrokerEpoch(): number | undefined {
    return this.clean ? this.lastBrokerEpoch : undefined;
  }

  /** Runs what touches the directory's disk; an error of that ends the use of the directory and is thrown on. */
  guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof DiskError) this.fail(error);
      throw error;
    }
  }

  fail(error: DiskError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    this.env.logger.error('log directory failed', { path: this.path, code: error.code, error: error.message });
    this.onFailed(error);
  }

  /** KAFKA_STORAGE_ERROR when the directory can no longer be used. */
  mustBeUsable(): void {
    if (this.failure !== undefined) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `log directory ${this.path} is offline: ${this.failure.message}`);
  }

  /** What the last owner left, its marker being taken: should this start fail half way, the next must not believe it. */
  readCheckpoints(): Checkpoints {
    const shutdown = takeCleanShutdown(this.env.disk, this.path);
    this.clean = shutdown !== undefined;
    this.lastBrokerEpoch = shutdown?.brokerEpoch;
    return {
      recoveryPoints: this.readCheckpoint(RECOVERY_POINT_FILE) ?? this.unread(),
      logStartOffsets: this.readCheckpoint(LOG_START_OFFSET_FILE) ?? this.unread(),
      highWatermarks: this.readCheckpoint(HIGH_WATERMARK_FILE) ?? this.unread(),
      cleanedOffsets: this.readCheckpoint(CLEANER_OFFSET_FILE) ?? new Map(),
    };
  }

  /** An unreadable checkpoint means more work, not less data. */
  private unread(): OffsetCheckpoint {
    this.clean = false;
    return new Map();
  }

  private readCheckpoint(file: CheckpointFile): OffsetCheckpoint | undefined {
    try {
      const offsets = readOffsets(this.env.disk, `${this.path}/${file}`);
      this.named.set(file, new Set(offsets.keys()));
      return offsets;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.env.logger.warn('checkpoint cannot be read and is left out', { error: error.message });
      return undefined;
    }
  }

  /** From now on checkpoints are written: all logs that lie here are in `logs`. */
  loadingDone(): void {
    this.loaded = true;
  }

  /** Does nothing as long as the directory is not loaded: what the file says of logs that were not opened yet would be lost. */
  checkpoint(file: CheckpointFile): void {
    this.outdate(file);
    const changed = this.changed(file);
    if (changed === undefined) return;
    this.guard(() => writeOffsets(this.env.disk, `${this.path}/${file}`, changed.lines));
    this.noteWritten(file, changed);
  }

  /** The same off the loop, for what may as well be written a little later. */
  checkpointSoon(file: CheckpointFile): void {
    if (this.underWay.has(file)) return;
    const changed = this.changed(file);
    if (changed === undefined) return;
    const writing = { outdated: false, done: Promise.resolve() };
    this.underWay.set(file, writing);
    writing.done = this.writeOffLoop(file, changed, writing).catch((error: unknown) => {
      if (error instanceof DiskError && !writing.outdated) this.fail(error);
      else if (!writing.outdated) this.env.logger.error('a checkpoint could not be written', { path: this.path, file, error: String(error) });
    }).finally(() => this.underWay.delete(file));
  }

  private async writeOffLoop(file: CheckpointFile, changed: Changed, writing: { readonly outdated: boolean }): Promise<void> {
    const { disk } = this.env;
    const prepared = await prepareOffsets(disk, `${this.path}/${file}`, changed.lines);
    if (writing.outdated) return prepared.giveUp();
    prepared.replace();
    this.noteWritten(file, changed);
    await disk.flushDirectory(this.path);
  }

  private outdate(file: CheckpointFile): void {
    const writing = this.underWay.get(file);
    if (writing !== undefined) writing.outdated = true;
  }

  /** undefined: nothing is to be written. */
  private changed(file: CheckpointFile): Changed | undefined {
    if (!this.loaded) return undefined;
    this.writeLogs();
    if (this.failure !== undefined) return undefined;
    const lines: OffsetLine[] = [];
    for (const log of this.logs) {
      const offset = checkpointed(log, file);
      if (offset !== undefined) lines.push([log.topic, log.partition, offset]);
    }
    const text = lines.join('\n');
    return this.written.get(file) === text ? undefined : { lines, text };
  }

  private noteWritten(file: CheckpointFile, { lines, text }: Changed): void {
    this.written.set(file, text);
    this.named.set(file, new Set(lines.map(([topic, partition]) => partitionDirectory(topic, partition))));
  }

  /** Makes durable what partitions it has, and under which names. */
  syncNames(): void {
    if (this.isUsable) this.guard(() => this.env.disk.syncDirectory(this.path));
  }

  /** A log of this name is about to be made: what the checkpoints say of one that had the name before must not be said of it. */
  forget(key: string): void {
    for (const file of CHECKPOINT_FILES) {
      this.outdate(file);
      if (this.named.get(file)?.has(key)) this.checkpoint(file);
    }
  }

  /**
   * Takes the partitions out of the checkpoint of compaction that are not here any more: where two directories name one, Apache
   * Kafka's cleaner ends for good (`LogCleanerManager.allCleanerCheckpoints`).
   */
  forgetCleanedElsewhere(): void {
    const here = new Set<string>();
    for (const log of this.logs) if (log.compaction.cleanedOffset !== undefined) here.add(partitionDirectory(log.topic, log.partition));
    const named = this.named.get(CLEANER_OFFSET_FILE) ?? [];
    if ([...named].some(key => !here.has(key))) this.checkpoint(CLEANER_OFFSET_FILE);
  }

  checkpointAll(): void {
    for (const file of CHECKPOINT_FILES) this.checkpoint(file);
  }

  /**
   * Closes all logs by `closeLog`, sets checkpoints and the marker, and releases the lock. What was not loaded is only let go of:
   * the next start shall find what this one found.
   */
  async close(brokerEpoch: number, closeLogs: (logs: readonly Log[]) => Promise<void>): Promise<void> {
    try {
      for (const file of CHECKPOINT_FILES) this.outdate(file);
      await Promise.all(Array.from(this.underWay.values(), ({ done }) => done));
      if (!this.loaded) {
        for (const log of this.logs) log.abandon();
        return;
      }
      await closeLogs([...this.logs]);
      if (this.failure !== undefined) return;
      this.checkpointAll();
      // What nobody could recover is for the next to recover.
      if (!this.clean && [...this.logs].some(({ isRefused }) => isRefused)) return;
      // Last: it vouches for all that was written before.
      writeCleanShutdown(this.env.disk, this.path, brokerEpoch);
    } catch (error) {
      // Without the marker, the next start checks everything: nothing is lost, it only takes longer.
      this.env.logger.error('directory could not be closed in order', { path: this.path, error: String(error) });
    } finally {
      this.release();
    }
  }

  release(): void {
    for (const file of CHECKPOINT_FILES) this.outdate(file);
    this.lock?.release();
    this.lock = undefined;
  }
}

/** What a checkpoint file says of a log; undefined: nothing. */
function checkpointed(log: Log, file: CheckpointFile): number | undefined {
  if (file === RECOVERY_POINT_FILE) return log.recoveryPoint;
  if (file === HIGH_WATERMARK_FILE) return log.highWatermark;
  if (file === CLEANER_OFFSET_FILE) return log.compaction.cleanedOffset;
  return log.startOffsetToNote;
}
