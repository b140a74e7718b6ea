import { DiskError, type Disk, type Logger, type Random } from '../../env/index.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { KafkaError } from '../../protocol/errors.js';
import type { LogHost } from '../host.js';
import type { Log } from '../partition/log.js';
import { LogCopy } from '../partition/log-copy.js';
import { createLog } from '../partition/open-log.js';
import { CLEANER_OFFSET_FILE, nameOf, parentOf, partitionDirectory, partitionDirectoryAside } from '../paths.js';
import type { FutureLog, FutureLogs, LogDir, PartitionLog } from '../types.js';
import type { LogDirectory } from './directory.js';
import type { Placements } from './placements.js';
import { retentionTurn } from './retention-turn.js';

/** What future logs need of their manager. */
export interface FutureLogsParts {
  readonly env: { readonly disk: Disk; readonly random: Random; readonly logger: Logger };
  readonly host: LogHost;
  readonly placements: Placements;
  /** Lets go of a log and renames its directory; the new path. */
  readonly moveAside: (log: Log, suffix: '-delete') => string | undefined;
  /** Removes what waits for deletion at `path`, after its time, when `before` has let go of it. */
  readonly removeLater: (path: string, before?: () => void) => void;
}

/**
 * Copies that are to replace a partition's log in another directory (KIP-113): directories `topic-N.<32 hex>-future`, which
 * outlast the process. A replacement is two renames, the old log's away first: whenever the process or the power ends, there is
 * one log under the partition's name, or none and its whole copy, which takes the name at the next start. Apache Kafka, should it
 * start next, does the same, but only since the controller knows by then where the log is to be (`findAbandonedFutureLogs`);
 * otherwise it would begin an empty log. Where the controller keeps no account of directories, the copy takes the name first, as
 * in Apache Kafka: a stop in between leaves two logs of the name, and the next start, of either broker, asks for a decision.
 */
export class NodeFutureLogs implements FutureLogs {
  private readonly placed = new Map<string, Future>();
  /** Logs whose copies have taken their place, as long as their files are there. */
  private readonly retired = new Set<Log>();

  constructor(private readonly parts: FutureLogsParts) {}

  get(topic: string, partition: number): FutureLog | undefined {
    return this.placed.get(partitionDirectory(topic, partition));
  }

  /** By the partition's directory name. */
  has(key: string): boolean {
    return this.placed.has(key);
  }

  all(): Iterable<FutureLog> {
    return this.placed.values();
  }

  create(topic: string, partition: number, path: string): FutureLog {
    const { placements, env, host } = this.parts;
    const key = partitionDirectory(topic, partition);
    const source = placements.get(key);
    if (source === undefined || placements.directories.some(({ isUsable }) => !isUsable)) {
      // It could be in one of those: there must never be two.
      throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `${key} cannot be copied while a log directory is offline`);
    }
    const directory = this.directoryAt(path);
    const name = partitionDirectoryAside(topic, partition, uniqueId(env.random), '-future');
    const { topicId, settings } = source;
    directory.forget(key);
    // A start sets aside what does not say whose it is, and its copy, which does, would take the place of a log that is whole.
    source.identify();
    return directory.guard(() => {
      const log = createLog({ host, home: directory, directory: `${path}/${name}`, topic, partition, topicId, settings });
      log.identify();
      env.disk.syncDirectory(path);
      return this.add(log, { isNew: true });
    });
  }

  /** A copy in the making that a process before this one has left. */
  found(log: Log): void {
    this.add(log, { isNew: false });
  }

  /** From now on the log is not compacted: a copy of which one part is older than the other has keys again that were deleted. */
  private add(log: Log, { isNew }: { readonly isNew: boolean }): FutureLog {
    const key = partitionDirectory(log.topic, log.partition);
    const other = this.placed.get(key);
    if (other !== undefined) throw new Error(`two copies of partition ${key} are being made, ${log.directory} and ${other.log.directory}: one of them must be removed by hand`);
    this.parts.placements.placeCopy(log);
    const future = new Future(log, isNew, () => this.parts.placements.get(key), (source, isAssigned) => this.replace(source, log, isAssigned));
    this.placed.set(key, future);
    this.parts.placements.get(key)?.compaction.abort();
    return future;
  }

  directoryAt(path: string): LogDirectory {
    const directory = this.parts.placements.directories.find(candidate => candidate.path === path);
    if (directory === undefined) throw new KafkaError(ErrorCode.LOG_DIR_NOT_FOUND, `${path} is none of the log directories`);
    directory.mustBeUsable();
    return directory;
  }

  remove(topic: string, partition: number): void {
    const key = partitionDirectory(topic, partition);
    const future = this.placed.get(key);
    if (future === undefined) return;
    this.placed.delete(key);
    const aside = this.parts.moveAside(future.log, '-delete');
    if (aside !== undefined) this.parts.removeLater(aside);
  }

  /** Retention takes from the copy of a log what it takes from the log. */
  retain({ topic, partition }: Log, nowMs: number): void {
    const copy = this.placed.get(partitionDirectory(topic, partition))?.log;
    if (copy !== undefined && retentionTurn(copy) === 'timer') copy.applyRetention(nowMs);
  }

  /** Lets go of what waits for its removal. */
  close(): void {
    for (const log of this.retired) log.abandon();
  }

  /** The directory has failed: what lies in it is no copy any more, for as long as the process lives. */
  forget(log: Log): void {
    const key = partitionDirectory(log.topic, log.partition);
    if (this.placed.get(key)?.log === log) this.placed.delete(key);
  }

  /**
   * Copies whose log is gone take its place: the last process ended between the two renames. While a directory is offline the log
   * may lie there, and may hold more.
   */
  takeOver(): void {
    const { placements, env } = this.parts;
    const orphans = [...this.placed].filter(([key]) => placements.get(key) === undefined);
    // A log may be gone in the system's cache alone: a power loss would bring it back beside its copy.
    if (orphans.length > 0) for (const directory of placements.directories) unlessDiskFails(() => directory.syncNames());
    if (placements.directories.some(({ isUsable }) => !isUsable)) return;
    for (const [, { log }] of orphans) {
      env.logger.warn('the copy of a log takes its place, as was begun before the last stop', { path: log.directory });
      placements.directoryOf(log).guard(() => this.takeName(log));
    }
  }

  /** The copy, which holds all by now, takes the source's place. */
  private replace(source: Log, copy: Log, isAssigned: boolean): void {
    const { placements, env: { disk } } = this.parts;
    const from = placements.directoryOf(source);
    const to = placements.directoryOf(copy);
    to.checkpointAll();
    // Its disk may have failed over that; then the copy is none any more.
    to.mustBeUsable();
    to.guard(() => disk.syncDirectory(to.path));
    this.retire(source, this.exchangeNames(source, copy, isAssigned));
    from.checkpointAll();
    // Only now: the two directories must never name it both.
    copy.compaction.cleanedOffset = source.compaction.cleanedOffset;
    copy.compaction.isUncleanable = source.compaction.isUncleanable;
    to.checkpoint(CLEANER_OFFSET_FILE);
  }

  /**
   * Source first, then the copy; what fails between them is undone, unless nobody knows any more what the disk holds: then nothing
   * may be acknowledged that only the source has. Where nobody keeps account of directories, the copy first, and then the source
   * if its disk lets it: it is served no more in any case. Where the source's files are from now on.
   */
  private exchangeNames(source: Log, copy: Log, isAssigned: boolean): string {
    const { placements, env: { disk } } = this.parts;
    const from = placements.directoryOf(source);
    const to = placements.directoryOf(copy);
    const { directory: name } = source;
    const aside = this.asideOf(source);
    const setAside = (): void => from.guard(() => {
      source.write();
      renameDurably(disk, name, aside);
    });
    const takeName = (): void => to.guard(() => this.takeName(copy));
    if (!isAssigned) {
      takeName();
      unlessDiskFails(setAside);
      return aside;
    }
    setAside();
    try {
      takeName();
    } catch (error) {
      if (disk.stat(servedPath(copy)) === undefined) from.guard(() => renameDurably(disk, aside, name));
      else if (error instanceof DiskError) this.giveUp(source, error);
      throw error;
    }
    return aside;
  }

  /** Whoever uses it from now on hears of the error. It keeps its place: no other may be made in it. */
  private giveUp(log: Log, error: DiskError): void {
    log.abandon(error);
    this.parts.env.logger.error('a partition is offline, its log was to be replaced by a copy whose disk failed: repair the disk and restart the broker', {
      log: partitionDirectory(log.topic, log.partition), error: error.message,
    });
  }

  /** Reads of the old log that are under way end in its files; then those are removed. */
  private retire(source: Log, aside: string): void {
    source.retire();
    source.movedTo(aside);
    this.retired.add(source);
    this.parts.removeLater(aside, () => {
      this.retired.delete(source);
      source.abandon();
    });
  }

  /** The copy has its partition's name from now on, and is served. */
  private takeName(copy: Log): void {
    const { placements, env: { disk } } = this.parts;
    const path = servedPath(copy);
    renameDurably(disk, copy.directory, path);
    copy.movedTo(path);
    this.placed.delete(nameOf(path));
    placements.swap(copy);
  }

  private asideOf({ topic, partition, home }: Log): string {
    return `${home.path}/${partitionDirectoryAside(topic, partition, uniqueId(this.parts.env.random), '-delete')}`;
  }
}

/** Where a log has its partition's name. */
function servedPath({ home, topic, partition }: Log): string {
  return `${home.path}/${partitionDirectory(topic, partition)}`;
}

function renameDurably(disk: Disk, from: string, to: string): void {
  disk.rename(from, to);
  disk.syncDirectory(parentOf(to));
}

function unlessDiskFails(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

export function uniqueId(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('hex');
}

class Future implements FutureLog {
  constructor(
    readonly log: Log,
    /** Nothing was compacted in the log since the copy began. */
    private isOfOneTime: boolean,
    private readonly source: () => Log | undefined,
    private readonly replace: (source: Log, isAssigned: boolean) => void,
  ) {}

  get directory(): LogDir {
    return this.log.home;
  }

  async copy(maxBytes: number): Promise<number> {
    await this.copying().source.compaction.ended;
    const copying = this.copying();
    if (this.isDoubtful(copying.source)) await this.log.truncateFullyAndStartAt(copying.source.logStartOffset);
    this.isOfOneTime = true;
    return copying.some(maxBytes);
  }

  /** The log may have been compacted meanwhile: as this directory was offline, at another start. */
  private isDoubtful({ compaction, settings }: Log): boolean {
    return !this.isOfOneTime && (compaction.cleanedOffset !== undefined || settings.cleanupPolicy.compact);
  }

  replaceLog({ isAssigned } = { isAssigned: true }): PartitionLog | undefined {
    const copy = this.copying();
    if (this.isDoubtful(copy.source) || copy.source.compaction.inProgress || !copy.finishNow()) return undefined;
    this.replace(copy.source, isAssigned);
    return this.log;
  }

  private copying(): LogCopy {
    const source = this.source();
    if (source === undefined) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR, `the log of ${this.log.topic}-${this.log.partition} is offline`);
    return new LogCopy(source, this.log);
  }
}
