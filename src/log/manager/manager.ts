import type { LogSettings } from '../../config/log-settings.js';
import { DiskError, type DiskLock, type Env } from '../../env/index.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { KafkaError } from '../../protocol/errors.js';
import { METADATA_TOPIC } from '../../protocol/internal-topics.js';
import { ZERO_UUID, type Uuid } from '../../protocol/wire/types.js';
import { MalformedError } from '../../base/bytes.js';
import { readOffsets, takeCleanShutdown, writeCleanShutdown, writeOffsets, type OffsetCheckpoint } from './checkpoints.js';
import type { LogHost } from '../host.js';
import type { Log } from '../log.js';
import { claimDirectory } from './meta-properties.js';
import { createLog, createLogHost, openLog, type LogHostOptions } from '../open-log.js';
import { readTopicId } from '../partition-metadata.js';
import {
  HIGH_WATERMARK_FILE, LOCK_FILE, LOG_START_OFFSET_FILE, RECOVERY_POINT_FILE, nameOf, parsePartitionDirectory,
  partitionDirectory, partitionDirectoryAside, type DirectorySuffix, type PartitionDirectoryName,
} from '../paths.js';
import { Periodic } from './periodic.js';
import type { LogDir, LogManager } from '../types.js';

export interface LogManagerOptions extends Pick<LogHostOptions, 'tailCacheBytes' | 'indexCacheBytes' | 'maxOpenFiles' | 'producerExpirationMs'> {
  readonly env: Pick<Env, 'disk' | 'clock' | 'random' | 'logger'>;
  /** `log.dirs`, absolute; made when absent. */
  readonly directories: readonly string[];
  readonly clusterId: string;
  readonly nodeId: number;
  /** For logs that are found at the start and of whose topic `settingsOf` knows nothing. */
  readonly defaultSettings: LogSettings;
  /** A topic's own settings, as far as they are known when logs are loaded; `getOrCreate` brings them in any case. */
  readonly settingsOf?: (topic: string) => LogSettings | undefined;
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
  /**
   * A directory can no longer be written or read: told once for each, also while it is loaded. The manager goes on with those
   * that are left; whether the node does is the owner's to say, and the broker of this version stops.
   */
  readonly onDirectoryFailed?: (directory: LogDir, error: DiskError) => void;
}

/** Logs that are opened or closed side by side. */
const LOGS_AT_ONCE = 8;
/** Logs that periodic work visits before it lets others have the loop. */
const LOGS_A_TURN = 50;
const MINUTE_MS = 60_000;

class Directory implements LogDir {
  id: Uuid = ZERO_UUID;
  error: string | undefined;
  wasClean = false;
  previousBrokerEpoch: number | undefined;
  /** All that it holds is known: only then may its checkpoints and its marker be written, which speak of every log in it. */
  isLoaded = false;
  /** Text of the checkpoints as last written, by path: what has not changed is not written again. */
  readonly written = new Map<string, string>();

  constructor(
    readonly path: string,
    readonly lock: DiskLock,
  ) {}
}

/**
 * Takes the directories for this node: locks them and claims or checks their `meta.properties`. Rejects, saying which
 * directory, when one is in use or another's. Logs are there after `load`.
 */
export async function openLogManager(options: LogManagerOptions): Promise<NodeLogManager> {
  const { disk, random } = options.env;
  const directories: Directory[] = [];
  try {
    for (const path of options.directories) {
      disk.makeDirectory(path);
      const directory = new Directory(path, await lockDirectory(options.env, path));
      directories.push(directory);
      directory.id = claimDirectory(disk, random, path, options);
    }
    return new NodeLogManager(options, directories);
  } catch (error) {
    for (const { lock } of directories) lock.release();
    throw error;
  }
}

async function lockDirectory({ disk }: Pick<Env, 'disk'>, path: string): Promise<DiskLock> {
  try {
    return await disk.lock(`${path}/${LOCK_FILE}`);
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ELOCKED') throw new Error(`${path} is in use by another broker`, { cause: error });
    throw error;
  }
}

/** All logs of a node (`LogManager`). */
export class NodeLogManager implements LogManager {
  /** What all logs share; the metadata log is opened with it too. */
  readonly host: LogHost;
  private readonly logs = new Map<string, { log: Log; directory: Directory }>();
  private readonly periodic: Periodic;
  private closed = false;

  constructor(private readonly options: LogManagerOptions, private readonly directories: readonly Directory[]) {
    this.host = createLogHost({
      ...options,
      onDiskFailed: (path, error) => this.diskFailed(path, error),
      onRecoveryPointMovedBack: path => this.recoveryPointMovedBack(path),
    });
    this.periodic = new Periodic(options.env.clock, error => options.env.logger.error('log maintenance failed', { error: String(error) }));
  }

  get logDirs(): readonly LogDir[] {
    return this.directories;
  }

  /** The broker epoch that the last owner had when it stopped in order; undefined when one directory says otherwise. */
  get previousBrokerEpoch(): number | undefined {
    const epochs = new Set(this.directories.map(directory => (directory.wasClean ? directory.previousBrokerEpoch : undefined)));
    return epochs.size === 1 ? [...epochs][0] : undefined;
  }

  /** Opens every log that the directories hold, and begins the periodic work. */
  async load(): Promise<void> {
    for (const directory of this.directories) await this.loadDirectory(directory);
    if (this.directories.every(directory => directory.error !== undefined)) {
      throw new Error(`no log directory can be used: ${this.directories.map(({ path, error }) => `${path}: ${error}`).join('; ')}`);
    }
    this.schedule();
  }

  private async loadDirectory(directory: Directory): Promise<void> {
    const { disk, logger } = this.options.env;
    try {
      const shutdown = takeCleanShutdown(disk, directory.path);
      directory.wasClean = shutdown !== undefined;
      directory.previousBrokerEpoch = shutdown?.brokerEpoch;
      const checkpoints = {
        recoveryPoints: this.readCheckpoint(directory, RECOVERY_POINT_FILE),
        logStartOffsets: this.readCheckpoint(directory, LOG_START_OFFSET_FILE),
        highWatermarks: this.readCheckpoint(directory, HIGH_WATERMARK_FILE),
      };
      const found = this.partitionsIn(directory);
      if (found.length > 0 && !directory.wasClean) logger.info('recovering logs, the last stop was not clean', { directory: directory.path, logs: found.length });
      await eachAtOnce(found, name => this.loadPartition(directory, name, checkpoints));
      directory.isLoaded = true;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.directoryFailed(directory, error);
    }
  }

  /** An unreadable checkpoint means more work, not less data. */
  private readCheckpoint(directory: Directory, file: string): OffsetCheckpoint {
    try {
      return readOffsets(this.options.env.disk, `${directory.path}/${file}`);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.options.env.logger.warn('checkpoint cannot be read and is left out', { error: error.message });
      directory.wasClean = false;
      return new Map();
    }
  }

  /** The partitions to open. What waits for deletion goes, what was set aside stays. */
  private partitionsIn(directory: Directory): PartitionDirectoryName[] {
    const { disk, logger } = this.options.env;
    const found: PartitionDirectoryName[] = [];
    for (const entry of disk.list(directory.path)) {
      const name = parsePartitionDirectory(entry);
      if (!name || name.topic === METADATA_TOPIC) continue;
      const path = `${directory.path}/${entry}`;
      if (!disk.stat(path)?.isDirectory) continue;
      if (name.suffix === undefined) found.push(name);
      else if (name.suffix === '-delete') this.removeLater(path, this.options.defaultSettings.fileDeleteDelayMs);
      else logger.warn('partition directory was set aside and is left alone', { path });
    }
    return found;
  }

  private async loadPartition(
    directory: Directory,
    { topic, partition }: PartitionDirectoryName,
    checkpoints: { recoveryPoints: OffsetCheckpoint; logStartOffsets: OffsetCheckpoint; highWatermarks: OffsetCheckpoint },
  ): Promise<void> {
    const key = partitionDirectory(topic, partition);
    const other = this.logs.get(key);
    if (other) throw new Error(`partition ${key} is in ${directory.path} and in ${other.directory.path}: one of them must be removed by hand`);
    const path = `${directory.path}/${key}`;
    const settings = this.options.settingsOf?.(topic);
    const log = await openLog({
      host: this.host, directory: path, topic, partition,
      topicId: readTopicId(this.options.env.disk, path) ?? ZERO_UUID,
      settings: settings ?? this.options.defaultSettings,
      contiguous: settings !== undefined && !settings.cleanupPolicy.compact,
      clean: directory.wasClean,
      recoveryPoint: checkpoints.recoveryPoints.get(key),
      logStartOffset: checkpoints.logStartOffsets.get(key),
    });
    log.updateHighWatermark(checkpoints.highWatermarks.get(key) ?? 0);
    this.logs.set(key, { log, directory });
  }

  private schedule(): void {
    const { options, periodic } = this;
    const checkpoint = (file: string): void => {
      for (const directory of this.directories) this.guard(directory, () => this.checkpoint(directory, file));
    };
    periodic.every(options.recoveryPointCheckpointMs ?? MINUTE_MS, () => checkpoint(RECOVERY_POINT_FILE));
    periodic.every(options.logStartOffsetCheckpointMs ?? MINUTE_MS, () => checkpoint(LOG_START_OFFSET_FILE));
    periodic.every(options.highWatermarkCheckpointMs ?? 5000, () => checkpoint(HIGH_WATERMARK_FILE));
    periodic.every(options.retentionCheckMs ?? 5 * MINUTE_MS, () => this.eachLog((log, nowMs) => log.applyRetention(nowMs)));
    periodic.every(options.producerExpirationCheckMs ?? 10 * MINUTE_MS, () => this.eachLog((log, nowMs) => log.removeExpiredProducers(nowMs)));
  }

  /** Visits all logs, a few a turn; what one of them throws does not keep the others from their turn. */
  private eachLog(visit: (log: Log, nowMs: number) => void): void {
    const { clock, logger } = this.options.env;
    const queue = [...this.logs.values()];
    const some = (): void => {
      for (const { log, directory } of queue.splice(0, LOGS_A_TURN)) {
        if (this.closed || log.isClosed || directory.error !== undefined) continue;
        try {
          visit(log, clock.nowMs());
        } catch (error) {
          logger.error('log maintenance failed', { directory: log.directory, error: String(error) });
        }
      }
      if (queue.length > 0) this.periodic.once(0, some);
    };
    some();
  }

  /** Does nothing as long as the directory is not loaded: what the file says of logs that were not opened yet would be lost. */
  private checkpoint(directory: Directory, file: string): void {
    if (!directory.isLoaded) return;
    const lines: [string, number, number][] = [];
    for (const { log, directory: home } of this.logs.values()) {
      if (home !== directory) continue;
      const offset = checkpointed(log, file);
      if (offset !== undefined) lines.push([log.topic, log.partition, offset]);
    }
    const text = lines.join('\n');
    if (directory.written.get(file) === text) return;
    writeOffsets(this.options.env.disk, `${directory.path}/${file}`, lines);
    directory.written.set(file, text);
  }

  get(topic: string, partition: number): Log | undefined {
    return this.logs.get(partitionDirectory(topic, partition))?.log;
  }

  *all(): Iterable<Log> {
    for (const { log } of this.logs.values()) yield log;
  }

  getOrCreate(topic: string, partition: number, topicId: Uuid, settings: LogSettings): Log {
    const found = this.get(topic, partition);
    if (found) {
      if (found.topicId !== topicId && !found.adopt(topicId)) {
        throw new KafkaError(ErrorCode.INCONSISTENT_TOPIC_ID, `${topic}-${partition} is here as topic ${found.topicId}, not ${topicId}`);
      }
      found.updateSettings(settings);
      return found;
    }
    const directory = this.emptiest();
    const key = partitionDirectory(topic, partition);
    return this.guard(directory, () => {
      const log = createLog({ host: this.host, directory: `${directory.path}/${key}`, topic, partition, topicId, settings });
      this.logs.set(key, { log, directory });
      return log;
    });
  }

  private emptiest(): Directory {
    const usable = this.directories.filter(directory => directory.error === undefined);
    if (usable.length === 0) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, 'No log directory can be written');
    if (usable.length === 1) return usable[0]!;
    const counts = new Map(usable.map(directory => [directory, 0]));
    for (const { directory } of this.logs.values()) if (counts.has(directory)) counts.set(directory, counts.get(directory)! + 1);
    return usable.reduce((best, directory) => (counts.get(directory)! < counts.get(best)! ? directory : best));
  }

  delete(topic: string, partition: number): void {
    const gone = this.takeOut(topic, partition, '-delete');
    if (gone) this.removeLater(gone.path, gone.log.settings.fileDeleteDelayMs);
  }

  markStray(topic: string, partition: number): void {
    const stray = this.takeOut(topic, partition, '-stray');
    if (stray) this.options.env.logger.warn('partition belongs to no topic of the cluster and is set aside', { path: stray.path });
  }

  /** From now on the partition is not here: its directory has another name. */
  private takeOut(topic: string, partition: number, suffix: DirectorySuffix): { log: Log; path: string } | undefined {
    const key = partitionDirectory(topic, partition);
    const found = this.logs.get(key);
    if (!found) return undefined;
    const { log, directory } = found;
    const uniqueId = Buffer.from(this.options.env.random.bytes(16)).toString('hex');
    const path = `${directory.path}/${partitionDirectoryAside(topic, partition, uniqueId, suffix)}`;
    this.logs.delete(key);
    log.abandon();
    return this.guard(directory, () => {
      this.options.env.disk.rename(log.directory, path);
      log.movedTo(path);
      return { log, path };
    });
  }

  private removeLater(path: string, delayMs: number): void {
    const { disk, logger } = this.options.env;
    this.periodic.once(delayMs, () => {
      disk.removeTree(path).catch((error: unknown) => logger.error('directory could not be removed', { path, error: String(error) }));
    });
  }

  async close({ brokerEpoch }: { brokerEpoch: number }): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.periodic.close();
    for (const directory of this.directories) await this.closeDirectory(directory, brokerEpoch);
  }

  private async closeDirectory(directory: Directory, brokerEpoch: number): Promise<void> {
    const { disk, logger } = this.options.env;
    try {
      const logs = [...this.logs.values()].filter(entry => entry.directory === directory).map(entry => entry.log);
      if (!directory.isLoaded) {
        // The start did not come as far: the next one shall find what this one found.
        for (const log of logs) log.abandon();
        return;
      }
      const failures: unknown[] = [];
      await eachAtOnce(logs, log => log.close().catch((error: unknown) => { failures.push(error); }));
      if (failures.length > 0) throw failures[0];
      if (directory.error !== undefined) return;
      for (const file of [RECOVERY_POINT_FILE, LOG_START_OFFSET_FILE, HIGH_WATERMARK_FILE]) this.checkpoint(directory, file);
      // Last: it vouches for all that was written before.
      writeCleanShutdown(disk, directory.path, brokerEpoch);
    } catch (error) {
      // Without the marker, the next start checks everything: nothing is lost, it only takes longer.
      logger.error('directory could not be closed in order', { path: directory.path, error: String(error) });
    } finally {
      directory.lock.release();
    }
  }

  /** Lets go of everything at once and writes nothing, as a process that is killed does; for tests and forced exits. */
  abandon(): void {
    this.closed = true;
    this.periodic.close();
    for (const log of this.all()) log.abandon();
    for (const directory of this.directories) directory.lock.release();
  }

  private guard<T>(directory: Directory, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof DiskError) this.directoryFailed(directory, error);
      throw error;
    }
  }

  private diskFailed(partitionPath: string, error: DiskError): void {
    const directory = this.directoryAbove(partitionPath);
    if (directory) this.directoryFailed(directory, error);
  }

  private recoveryPointMovedBack(partitionPath: string): void {
    const directory = this.directoryAbove(partitionPath);
    if (directory) this.guard(directory, () => this.checkpoint(directory, RECOVERY_POINT_FILE));
  }

  private directoryAbove(partitionPath: string): Directory | undefined {
    return this.directories.find(({ path }) => partitionPath === `${path}/${nameOf(partitionPath)}`);
  }

  private directoryFailed(directory: Directory, error: DiskError): void {
    if (directory.error !== undefined) return;
    directory.error = error.message;
    this.options.env.logger.error('log directory failed', { path: directory.path, code: error.code, error: error.message });
    this.options.onDirectoryFailed?.(directory, error);
  }
}

/** Does the work for each, a few at once. After an error it begins nothing more, and rejects when nothing is under way. */
async function eachAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  const queue = items.values();
  await Promise.all(Array.from({ length: LOGS_AT_ONCE }, async () => {
    for (const item of queue) {
      if (errors.length > 0) return;
      await work(item).catch((error: unknown) => { errors.push(error); });
    }
  }));
  if (errors.length > 0) throw errors[0];
}

/** What a checkpoint file says of a log; undefined: nothing. */
function checkpointed(log: Log, file: string): number | undefined {
  if (file === RECOVERY_POINT_FILE) return log.recoveryPoint;
  if (file === HIGH_WATERMARK_FILE) return log.highWatermark;
  // As long as the first segment's name says the same, it need not be noted.
  return log.logStartOffset > log.firstSegmentOffset ? log.logStartOffset : undefined;
}
