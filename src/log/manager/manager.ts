import { DEFAULT_CLEANER_SETTINGS, type CleanerSettings } from '../../config/cleaner-settings.js';
import type { LogSettings } from '../../config/log-settings.js';
import { DiskError, type Env } from '../../env/index.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { KafkaError } from '../../protocol/errors.js';
import type { Uuid } from '../../protocol/wire/types.js';
import { runCleanJob, type CleanJob, type CleanResult } from '../compaction/clean-job.js';
import { LogCleaner } from '../compaction/cleaner.js';
import type { LogHome, LogHost } from '../host.js';
import type { Log } from '../partition/log.js';
import type { LogMetrics } from '../metrics.js';
import { createLog, createLogHost, type LogHostOptions } from '../partition/open-log.js';
import {
  CLEANER_OFFSET_FILE, HIGH_WATERMARK_FILE, LOG_START_OFFSET_FILE, RECOVERY_POINT_FILE,
  partitionDirectory, partitionDirectoryAside, type CheckpointFile, type DirectorySuffix,
} from '../paths.js';
import { LogBeingCheckedError, type LogDir, type LogManager, type PartitionLog } from '../types.js';
import { LogDirectory, type Checkpoints } from './directory.js';
import { NodeFutureLogs, uniqueId } from './future-logs.js';
import { findPartitions, openFound, recoveryProgress, type FoundDirectory } from './load-directory.js';
import type { ReadBudget } from '../reads/read-budget.js';
import { closeLogs, eachAtOnce } from './at-once.js';
import { Periodic } from './periodic.js';
import { Placements } from './placements.js';
import { retentionTurn } from './retention-turn.js';

/** What of the options of a log host is for the node to say. */
type HostOption = 'tailCacheBytes' | 'tailChunkBytes' | 'writeWays' | 'readAheadFromBytes' | 'indexCacheBytes'
  | 'maxOpenFiles' | 'producerExpirationMs' | 'verifiesTransactions';

export interface LogManagerOptions extends Pick<LogHostOptions, HostOption> {
  readonly env: Pick<Env, 'disk' | 'clock' | 'random' | 'logger'>;
  /** `log.dirs`, absolute; made when absent. */
  readonly directories: readonly string[];
  /** `metadata.log.dir`, one of `directories` or another; taken too, and never gets a partition when it is another. */
  readonly metadataDirectory?: string;
  /** Those of `directories` that get new partitions only where they are asked to, or when all are such (KIP-1066). */
  readonly cordonedDirectories?: () => readonly string[];
  readonly clusterId: string;
  readonly nodeId: number;
  /** For logs that are found at the start and of whose topic `settingsOf` knows nothing. */
  readonly defaultSettings: LogSettings;
  /** A topic's own settings, as far as they are known when logs are loaded; `getOrCreate` brings them in any case. */
  readonly settingsOf?: (topic: string) => LogSettings | undefined;
  /**
   * Whether a log that is found at the start, its copy in another directory too, belongs to no topic of the cluster: it is kept
   * under another name then, or removed when nothing was ever written to it. By default none does.
   */
  readonly isStray?: (log: Pick<PartitionLog, 'topic' | 'partition' | 'topicId' | 'isUnused'>) => boolean;
  /** `log.segment.delete.delay.ms` as it is now: how long what was deleted stays under another name; by default that of `defaultSettings`. */
  readonly deleteDelayMs?: () => number;
  /** `log.initial.task.delay.ms`: when retention and the checkpoints of log ends and starts first come; after their interval when absent. */
  readonly initialTaskDelayMs?: number;
  /** `log.flush.offset.checkpoint.interval.ms` */
  readonly recoveryPointCheckpointMs?: number;
  /** `log.flush.start.offset.checkpoint.interval.ms` */
  readonly logStartOffsetCheckpointMs?: number;
  /** `replica.high.watermark.checkpoint.interval.ms` */
  readonly highWatermarkCheckpointMs?: number;
  /** `log.retention.check.interval.ms` */
  readonly retentionCheckMs?: number;
  /** `producer.id.expiration.check.interval.ms` */
  readonly producerExpirationCheckMs?: number;
  /** `log.cleaner.*` as it is now; Kafka's defaults when absent. */
  readonly cleanerSettings?: () => CleanerSettings;
  /** Does the long work of compaction elsewhere; here, between other things, when absent. */
  readonly runClean?: (job: CleanJob) => Promise<CleanResult>;
  /**
   * A directory that was opened can no longer be written or read: told once for each, also while it is loaded, at the moment of
   * the error. Its logs fail with that error from then on, and `get` does not find them any more.
   */
  readonly onDirectoryFailed?: (directory: LogDir, error: DiskError) => void;
}

/** Logs that periodic work visits before it lets others have the loop. */
const LOGS_A_TURN = 50;
/** New directories that are made before others have the loop: each is some calls of the system. */
const DIRECTORIES_A_TURN = 10;
/** How long a new log may go without a directory and the name of its topic, unless a record comes first. */
const IDENTIFY_MS = 50;
/** How long the checkpoint of compaction may name partitions that are gone. */
const FORGET_CLEANED_MS = 50;
const MINUTE_MS = 60_000;
/** Renames of partitions that may wait to be made durable. */
const MOST_UNSYNCED_NAMES = 1000;
/** Wishes for partitions that may never come. */
const MOST_PREFERRED = 10_000;

/**
 * Takes the directories for this node. Those whose disk fails are left out; rejects, saying which directory, when one is in use
 * or another's, and when none can be used, or not that of the metadata log. Logs are there after `load`.
 */
export async function openLogManager(options: LogManagerOptions): Promise<NodeLogManager> {
  const directories: LogDirectory[] = [];
  try {
    for (const path of options.directories) directories.push(await LogDirectory.open(options.env, path, options));
    const { metadataDirectory = options.directories[0]! } = options;
    const isApart = !options.directories.includes(metadataDirectory);
    if (isApart) directories.push(await LogDirectory.open(options.env, metadataDirectory, options));
    const metadata = directories.find(({ path }) => path === metadataDirectory)!;
    const manager = new NodeLogManager(options, isApart ? directories.slice(0, -1) : directories, metadata);
    manager.refuseUnusable();
    return manager;
  } catch (error) {
    for (const directory of directories) directory.release();
    throw error;
  }
}

/** All logs of a node (`LogManager`). */
export class NodeLogManager implements LogManager {
  /** What all logs share; the metadata log is opened with it too. */
  readonly host: LogHost;
  readonly futures: NodeFutureLogs;
  private readonly placements: Placements;
  /** Directories that somebody chose for partitions that are not here yet, the oldest wish first. */
  private readonly preferred = new Map<string, string>();
  readonly cleaner: LogCleaner;
  private readonly periodic: Periodic;
  /** Where partitions were that have been renamed; that may not be durable yet. */
  private readonly takenFrom = new Map<string, LogDirectory>();
  private closed = false;
  private forgettingCleaned = false;
  /** Made lately: their directories do not say yet of which topic they are. */
  private readonly unidentified: Log[] = [];

  constructor(
    private readonly options: LogManagerOptions,
    private readonly directories: readonly LogDirectory[],
    private readonly metadataDirectory: LogDirectory,
  ) {
    this.host = createLogHost(options);
    this.placements = new Placements(directories);
    this.cleaner = new LogCleaner({
      host: { disk: options.env.disk, clock: options.env.clock, logger: options.env.logger.child('cleaner') },
      logs: () => this.all(),
      isPaused: log => this.futures.has(partitionDirectory(log.topic, log.partition)),
      settings: options.cleanerSettings ?? (() => DEFAULT_CLEANER_SETTINGS),
      runClean: options.runClean ?? (job => runCleanJob(options.env, job)),
      checkpoint: log => {
        for (const file of [RECOVERY_POINT_FILE, CLEANER_OFFSET_FILE] as const) log.home.checkpoint(file);
      },
      applyRetention: () => this.eachLog((log, nowMs) => {
        if (retentionTurn(log) === 'cleaner') log.applyRetention(nowMs);
      }),
    });
    this.periodic = new Periodic(options.env.clock, error => options.env.logger.error('log maintenance failed', { error: String(error) }));
    this.futures = new NodeFutureLogs({
      env: options.env, host: this.host, placements: this.placements,
      moveAside: (log, suffix) => this.moveAside(log, suffix),
      removeLater: (path, before) => this.removeLater(path, before),
    });
    for (const directory of this.owned) {
      directory.onFailed = error => this.directoryFailed(directory, error);
      directory.writeLogs = () => this.host.turnWrites.writeAll();
    }
  }

  /** The directories with the one of the metadata log. */
  private get owned(): ReadonlySet<LogDirectory> {
    return new Set([...this.directories, this.metadataDirectory]);
  }

  /** Where the metadata log lies: one of `logDirs`, or a directory of its own. */
  get metadataDir(): LogHome {
    return this.metadataDirectory;
  }

  /** Throws, naming directories and errors, when the node cannot do with those that are left. */
  refuseUnusable(): void {
    const { path, error, cause, isUsable } = this.metadataDirectory;
    if (this.directories.every(directory => !directory.isUsable)) {
      throw new Error(`no log directory can be used: ${this.directories.map(directory => `${directory.path}: ${directory.error}`).join('; ')}`, { cause });
    }
    if (!isUsable) throw new Error(`log directory ${path}, which holds the metadata log, cannot be used: ${error}`, { cause });
  }

  isCordoned({ path }: LogDir): boolean {
    return this.options.cordonedDirectories?.().includes(path) ?? false;
  }

  get logDirs(): readonly LogDir[] {
    return this.directories;
  }

  get readBudget(): ReadBudget {
    return this.host.readBudget;
  }

  /** Counted at each call; no log wakes for it. */
  get metrics(): LogMetrics {
    const logs = [...this.all()];
    return {
      logs: logs.length,
      sleepingLogs: logs.filter(({ isAsleep }) => isAsleep).length,
      futureLogs: [...this.futures.all()].length,
      OfflineLogDirectoryCount: this.directories.filter(({ isUsable }) => !isUsable).length,
      writes: this.host.writeWays.metrics,
      cleaner: this.cleaner.metrics,
    };
  }

  /** The broker epoch that the last owner had when it stopped in order; undefined when one usable directory says otherwise. */
  get previousBrokerEpoch(): number | undefined {
    const epochs = new Set(this.directories.filter(({ isUsable }) => isUsable).map(directory => directory.previousBrokerEpoch));
    return epochs.size === 1 ? [...epochs][0] : undefined;
  }

  /** Opens every log that the directories hold, and begins the periodic work. */
  async load(): Promise<void> {
    for (const directory of this.directories) if (directory.isUsable) await this.loadDirectory(directory);
    this.refuseUnusable();
    this.futures.takeOver();
    for (const directory of this.directories) directory.forgetCleanedElsewhere();
    this.schedule();
    this.cleaner.start();
  }

  private async loadDirectory(directory: LogDirectory): Promise<void> {
    const { env } = this.options;
    try {
      const checkpoints = directory.readCheckpoints();
      const { found, deleted } = findPartitions(env, directory.path);
      for (const path of deleted) this.removeLater(path);
      const recovered = found.length > 0 && !directory.wasClean ? recoveryProgress(env, directory.path, found.length) : undefined;
      await eachAtOnce(found, name => this.loadPartition(directory, name, checkpoints).then(recovered));
      directory.loadingDone();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      directory.fail(error);
    }
  }

  private async loadPartition(directory: LogDirectory, found: FoundDirectory, checkpoints: Checkpoints): Promise<void> {
    const key = partitionDirectory(found.topic, found.partition);
    const log = await openFound(this.host, this.options, found, { home: directory, checkpoints, clean: directory.wasClean });
    // Its directory may have failed over another log meanwhile.
    if (!directory.isUsable) log.abandon();
    else if (this.options.isStray?.(log)) this.setStrayAside(log);
    else if (found.suffix === '-future') this.futures.found(log);
    else if (log.isUnused && this.placements.get(key) !== undefined) this.setStrayAside(log);
    else {
      this.giveWay(key);
      this.placements.place(log);
    }
  }

  /** A log that was made and never written to, since its directory failed, is no hindrance to the one in another directory. */
  private giveWay(key: string): void {
    const other = this.placements.get(key);
    if (other?.isUnused) this.setStrayAside(other);
  }

  /** Nothing is deleted that nobody asked to delete. */
  private setStrayAside(log: Log): void {
    const path = this.moveAside(log, log.isUnused ? '-delete' : '-stray');
    if (path === undefined) return;
    if (log.isUnused) {
      this.options.env.logger.info('partition is not needed, nothing was ever written to it, and it is removed', { path });
      this.removeLater(path);
    } else this.options.env.logger.warn('partition belongs to no topic of the cluster and is set aside', { path });
  }

  private schedule(): void {
    const { options, periodic } = this;
    const first = options.initialTaskDelayMs;
    const checkpoint = (file: CheckpointFile): void => {
      for (const directory of this.directories) directory.checkpointSoon(file);
    };
    periodic.every(options.recoveryPointCheckpointMs ?? MINUTE_MS, () => checkpoint(RECOVERY_POINT_FILE), first);
    periodic.every(options.logStartOffsetCheckpointMs ?? MINUTE_MS, () => checkpoint(LOG_START_OFFSET_FILE), first);
    periodic.every(options.highWatermarkCheckpointMs ?? 5000, () => checkpoint(HIGH_WATERMARK_FILE));
    periodic.every(options.retentionCheckMs ?? 5 * MINUTE_MS, () => {
      const { cleaner, writes, ...metrics } = this.metrics;
      options.env.logger.debug('logs', { ...metrics, ...writes, ...cleaner });
      this.eachLog((log, nowMs) => {
        if (retentionTurn(log) === 'timer') log.applyRetention(nowMs);
        this.futures.retain(log, nowMs);
      });
    }, first);
    periodic.every(options.producerExpirationCheckMs ?? 10 * MINUTE_MS, () => this.eachLog((log, nowMs) => log.removeExpiredProducers(nowMs)));
  }

  /** Visits all logs, a few a turn; what one of them throws does not keep the others from their turn. */
  private eachLog(visit: (log: Log, nowMs: number) => void): void {
    this.fewATurn([...this.all()], visit);
  }

  private fewATurn(queue: Log[], visit: (log: Log, nowMs: number) => void, aTurn = LOGS_A_TURN): void {
    const some = (): void => {
      for (const log of queue.splice(0, aTurn)) {
        if (!this.closed && !log.isClosed && !log.isRefused) this.reported(() => visit(log, this.options.env.clock.nowMs()), log);
      }
      if (queue.length > 0) this.periodic.once(0, some);
    };
    some();
  }

  private reported(work: () => void, log: Log): void {
    try {
      work();
    } catch (error) {
      // It has its turn next time; and a refusal has been told.
      if (error instanceof LogBeingCheckedError || log.isRefused) return;
      this.options.env.logger.error('log maintenance failed', { directory: log.directory, error: String(error) });
    }
  }

  get(topic: string, partition: number): Log | undefined {
    return this.placements.get(partitionDirectory(topic, partition));
  }

  all(): Iterable<Log> {
    return this.placements.all();
  }

  getOrCreate(topic: string, partition: number, topicId: Uuid, settings: LogSettings, directoryId?: Uuid): Log {
    const found = this.get(topic, partition);
    if (found) {
      if (found.topicId !== topicId) {
        if (!found.adopt(topicId)) throw new KafkaError(ErrorCode.INCONSISTENT_TOPIC_ID, `${topic}-${partition} is here as topic ${found.topicId}, not ${topicId}`);
        this.identifySoon(found);
      }
      found.updateSettings(settings);
      return found;
    }
    const key = partitionDirectory(topic, partition);
    for (const directory of this.directoriesFor(key, directoryId)) {
      try {
        return this.create(directory, { topic, partition, topicId, settings });
      } catch (error) {
        // Its disk has failed: the next may do.
        if (!(error instanceof DiskError)) throw error;
      }
    }
    throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `no log directory can hold ${key}`);
  }

  private create(directory: LogDirectory, made: { topic: string; partition: number; topicId: Uuid; settings: LogSettings }): Log {
    const key = partitionDirectory(made.topic, made.partition);
    directory.forget(key);
    // Would the rename in another directory be lost with the power, the partition would be in both.
    this.takenFrom.get(key)?.syncNames();
    this.takenFrom.delete(key);
    const log = directory.guard(() => createLog({ host: this.host, home: directory, directory: `${directory.path}/${key}`, ...made }));
    // Where there is another to turn to, whether this one can take it must show now.
    if (this.directories.length > 1) log.makeDirectory();
    this.placements.place(log);
    this.preferred.delete(key);
    this.identifySoon(log);
    return log;
  }

  /** Not at once: a topic of a thousand partitions need not wait for a thousand directories and files. */
  private identifySoon(log: Log): void {
    this.unidentified.push(log);
    if (this.unidentified.length > 1) return;
    this.periodic.once(IDENTIFY_MS, () => this.fewATurn(this.unidentified.splice(0), each => each.identify(), DIRECTORIES_A_TURN));
  }

  /**
   * Where a new log may go, best first: where somebody wants it, where the cluster says that it is, else where the fewest are,
   * and in the first of all when none is open (`LogManager.nextLogDirs`). With a directory offline, a log that may lie there is not made anew elsewhere (`Partition.createLogInAssignedDirectoryId`).
   */
  private directoriesFor(key: string, directoryId: Uuid | undefined): LogDirectory[] {
    const usable = this.directories.filter(directory => directory.isUsable);
    // Its log is in a directory that is offline, or takeOver would have promoted the copy.
    if (this.futures.has(key)) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `only a copy of ${key} is at hand`);
    const preferred = usable.find(({ path }) => path === this.preferred.get(key));
    if (preferred !== undefined) return [preferred];
    const assigned = usable.find(directory => directory.id === directoryId);
    if (assigned !== undefined) return [assigned];
    if (directoryId !== undefined && usable.length < this.directories.length) {
      throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `${key} may lie in a log directory that is offline`);
    }
    const open = usable.filter(directory => !this.isCordoned(directory));
    return open.length > 0 ? open.sort((a, b) => a.logs.size - b.logs.size) : usable;
  }

  preferDirectory(topic: string, partition: number, path: string): void {
    const key = partitionDirectory(topic, partition);
    this.preferred.delete(key);
    if (this.preferred.size >= MOST_PREFERRED) this.preferred.delete(this.preferred.keys().next().value!);
    this.preferred.set(key, this.futures.directoryAt(path).path);
  }

  delete(topic: string, partition: number): void {
    this.futures.remove(topic, partition);
    const gone = this.takeOut(topic, partition, '-delete');
    if (gone) this.removeLater(gone);
  }

  markStray(topic: string, partition: number): void {
    // A copy of what is no longer there would be in the way of the partition's own log.
    this.futures.remove(topic, partition);
    const stray = this.takeOut(topic, partition, '-stray');
    if (stray) this.options.env.logger.warn('partition belongs to no topic of the cluster and is set aside', { path: stray });
  }

  /** From now on the partition is not here: its directory, if it was made yet, has the name that is returned. */
  private takeOut(topic: string, partition: number, suffix: DirectorySuffix): string | undefined {
    const found = this.get(topic, partition);
    return found && this.moveAside(found, suffix);
  }

  private moveAside(log: Log, suffix: DirectorySuffix): string | undefined {
    const { disk, random } = this.options.env;
    const directory = this.placements.directoryOf(log);
    const path = `${directory.path}/${partitionDirectoryAside(log.topic, log.partition, uniqueId(random), suffix)}`;
    this.placements.take(log);
    log.abandon();
    if (!log.isOnDisk) return undefined;
    directory.guard(() => disk.rename(log.directory, path));
    if (log.compaction.cleanedOffset !== undefined) this.forgetCleanedSoon();
    if (this.directories.length > 1) this.noteTaken(partitionDirectory(log.topic, log.partition), directory);
    log.movedTo(path);
    return path;
  }

  /** Not at once: many may go together. */
  private forgetCleanedSoon(): void {
    if (this.forgettingCleaned) return;
    this.forgettingCleaned = true;
    this.periodic.once(FORGET_CLEANED_MS, () => {
      this.forgettingCleaned = false;
      for (const directory of this.directories) directory.forgetCleanedElsewhere();
    });
  }

  private noteTaken(key: string, directory: LogDirectory): void {
    if (this.takenFrom.size >= MOST_UNSYNCED_NAMES) {
      for (const taken of new Set(this.takenFrom.values())) taken.syncNames();
      this.takenFrom.clear();
    }
    this.takenFrom.set(key, directory);
  }

  /** After a time that is the node's, not the topic's (`LogManager.deleteLogs`). */
  private removeLater(path: string, before: () => void = () => undefined): void {
    const { env: { disk, logger }, deleteDelayMs, defaultSettings } = this.options;
    this.periodic.once(deleteDelayMs?.() ?? defaultSettings.fileDeleteDelayMs, () => {
      before();
      disk.removeTree(path).catch((error: unknown) => logger.error('directory could not be removed', { path, error: String(error) }));
    });
  }

  async close({ brokerEpoch }: { brokerEpoch: number }): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.periodic.close();
    await this.cleaner.stop();
    this.futures.close();
    for (const directory of this.owned) await directory.close(brokerEpoch, closeLogs);
  }

  /** Lets go of everything at once and writes nothing, as a process that is killed does; for tests and forced exits. */
  abandon(): void {
    this.closed = true;
    this.periodic.close();
    void this.cleaner.stop();
    this.futures.close();
    for (const { logs } of this.directories) for (const log of logs) log.abandon();
    for (const directory of this.owned) directory.release();
  }

  /** What lies there is here no more; whoever still holds one of the logs hears of the error. */
  private directoryFailed(directory: LogDirectory, error: DiskError): void {
    for (const log of directory.logs) {
      this.placements.take(log);
      this.futures.forget(log);
      // Whatever befalls one of them, all are given up, and the owner hears of it.
      try {
        log.abandon(error);
      } catch (cause) {
        this.options.env.logger.error('a log could not be let go of', { directory: log.directory, error: String(cause) });
      }
    }
    this.options.onDirectoryFailed?.(directory, error);
  }
}
