import { MalformedError } from '../../base/bytes.js';
import { DiskError, type Disk } from '../../env/index.js';
import { METADATA_TOPIC } from '../../protocol/internal-topics.js';
import { readOffsets, type OffsetCheckpoint } from '../manager/checkpoints.js';
import { readMetaProperties, type MetaProperties } from '../manager/meta-properties.js';
import {
  CLEANER_OFFSET_FILE, CLEAN_SHUTDOWN_FILE, HIGH_WATERMARK_FILE, LOCK_FILE, LOG_START_OFFSET_FILE, LOG_SUFFIX, META_PROPERTIES_FILE, PARTITION_METADATA_FILE,
  RECOVERY_POINT_FILE, nameOf, parentOf, parsePartitionDirectory, partitionDirectory,
} from '../paths.js';
import { withoutPath, type Finding, type PartitionContext, type PartitionReport, type Severity } from './findings.js';
import type { RemedyKind } from './remedies.js';
import { verifyMetadataFiles } from './verify-metadata-files.js';
import { verifyPartition } from './verify-partition.js';

export interface VerifyOptions {
  readonly disk: Disk;
  /** Whether a broker has the lock on a file. */
  readonly isLocked: (path: string) => Promise<boolean>;
  /** Told of each partition when it has been read. */
  readonly onPartition?: (report: PartitionReport) => Promise<void> | void;
}

/** A log directory, as far as it is known before its partitions are read. */
export interface DirectoryReport {
  readonly path: string;
  readonly owner: MetaProperties | undefined;
  readonly isClean: boolean;
  readonly isInUse: boolean;
  readonly partitions: readonly string[];
  /** The partitions of which a copy is on its way here. */
  readonly copies: readonly string[];
  /** The furthest offset that the checkpoints of the directory have of each partition. */
  readonly recorded: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
}

export interface VerifyReport {
  readonly directories: readonly DirectoryReport[];
  readonly partitions: readonly PartitionReport[];
  /** What is between several directories or partitions. */
  readonly findings: readonly Finding[];
}

/**
 * Checks what is at `paths`: partitions' directories, log directories, or directories that hold log directories. Throws an
 * error that names a path which is none of these. Nothing is written, and no lock is kept.
 */
export async function verifyDirectories(paths: readonly string[], options: VerifyOptions): Promise<VerifyReport> {
  const directories: DirectoryReport[] = [];
  const partitions: PartitionReport[] = [];
  for (const path of paths.flatMap(each => targetsIn(options.disk, each))) {
    const single = isPartition(options.disk, path);
    const directory = await new DirectoryReader(options, single ? parentOf(path) : path).read();
    if (!single) directories.push(directory.report);
    for (const name of single ? [nameOf(path)] : directory.report.partitions) {
      const report = await directory.partition(name);
      partitions.push(report);
      await options.onPartition?.(report);
    }
  }
  return { directories, partitions, findings: [...betweenDirectories(directories), ...betweenPartitions(partitions)] };
}

function isPartition(disk: Disk, path: string): boolean {
  if (!parsePartitionDirectory(nameOf(path))) return false;
  return disk.list(path).some(name => name.endsWith(LOG_SUFFIX) || name === PARTITION_METADATA_FILE) || !isLogDirectory(disk, path);
}

function isLogDirectory(disk: Disk, path: string): boolean {
  return disk.list(path).some(name => name === META_PROPERTIES_FILE || name === RECOVERY_POINT_FILE || isDirectoryOfPartition(disk, path, name));
}

function isDirectoryOfPartition(disk: Disk, path: string, name: string): boolean {
  return parsePartitionDirectory(name) !== undefined && disk.stat(`${path}/${name}`)?.isDirectory === true;
}

/** The log directories and partitions that a path stands for. */
function targetsIn(disk: Disk, path: string): string[] {
  const stat = disk.stat(path);
  if (stat === undefined) throw new Error(`${path}: there is no such directory`);
  if (!stat.isDirectory) throw new Error(`${path}: this is a file: \`ottla dump-log\` shows it`);
  if (isPartition(disk, path) || isLogDirectory(disk, path)) return [path];
  const inside = disk.list(path).map(name => `${path}/${name}`)
    .filter(each => disk.stat(each)?.isDirectory === true && isLogDirectory(disk, each));
  if (inside.length === 0) throw new Error(`${path}: there is no log directory and no partition here`);
  return inside;
}

/** Apache Kafka's tiered storage keeps it among the partitions. */
const TIERED_INDEX_CACHE = 'remote-log-index-cache';

const EMPTY: OffsetCheckpoint = new Map();

class DirectoryReader {
  report!: DirectoryReport;
  private readonly findings: Finding[] = [];
  private recoveryPoints = EMPTY;
  private logStartOffsets = EMPTY;
  private highWatermarks = EMPTY;
  private cleaned = EMPTY;

  constructor(private readonly options: VerifyOptions, private readonly path: string) {}

  async read(): Promise<this> {
    const { disk } = this.options;
    const { path } = this;
    const names = disk.list(path);
    const isInUse = names.includes(LOCK_FILE) && await this.options.isLocked(`${path}/${LOCK_FILE}`);
    const marked = names.includes(CLEAN_SHUTDOWN_FILE);
    const owner = this.readOwner();
    this.recoveryPoints = this.offsets(RECOVERY_POINT_FILE);
    this.logStartOffsets = this.offsets(LOG_START_OFFSET_FILE);
    this.highWatermarks = this.offsets(HIGH_WATERMARK_FILE);
    this.cleaned = this.offsets(CLEANER_OFFSET_FILE);
    this.checkForeign(names);
    const partitions = names.filter(name => isDirectoryOfPartition(disk, path, name) && this.isServed(name));
    this.checkForgotten(partitions);
    const isVouchedFor = ![this.recoveryPoints, this.logStartOffsets, this.highWatermarks].includes(UNREADABLE);
    const isClean = marked && !isInUse && isVouchedFor;
    const copies = names.map(parsePartitionDirectory).flatMap(name => (name?.suffix === '-future' ? partitionDirectory(name.topic, name.partition) : []));
    const recorded = furthest([this.recoveryPoints, this.logStartOffsets, this.highWatermarks]);
    this.report = { path, owner, isClean, isInUse, partitions, copies, recorded, findings: this.findings };
    return this;
  }

  async partition(name: string): Promise<PartitionReport> {
    const { disk } = this.options;
    const { isClean, isInUse } = this.report;
    const context: PartitionContext = {
      isClean, isInUse,
      recoveryPoint: this.recoveryPoints.get(name), logStartOffset: this.logStartOffsets.get(name), highWatermark: this.highWatermarks.get(name),
      wasCompacted: this.cleaned.has(name),
    };
    try {
      const report = await verifyPartition(disk, `${this.path}/${name}`, context);
      if (parsePartitionDirectory(name)?.topic !== METADATA_TOPIC) return report;
      return { ...report, findings: [...report.findings, ...await verifyMetadataFiles(disk, `${this.path}/${name}`, isInUse)] };
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      const changed = isInUse && error.code === 'ENOENT';
      return {
        name, path: `${this.path}/${name}`, segments: 0, batches: 0, sizeBytes: 0, startOffset: 0, endOffset: 0, topicId: undefined,
        findings: [changed
          ? { severity: 'note', path: name, message: 'the broker changed it while it was read', remedy: { kind: 'readAgain' } }
          : { severity: 'error', path: name, message: error.message, remedy: { kind: 'directoryOffline' } }],
      };
    }
  }

  private tell(severity: Severity, path: string, message: string, kind: RemedyKind): void {
    this.findings.push({ severity, path, message, remedy: { kind } });
  }

  private readOwner(): MetaProperties | undefined {
    try {
      const owner = readMetaProperties(this.options.disk, this.path);
      if (owner === undefined) this.tell('error', META_PROPERTIES_FILE, 'is missing: nothing says whose directory this is', 'ownerMissing');
      return owner;
    } catch (error) {
      if (error instanceof DiskError) throw error;
      this.tell('error', META_PROPERTIES_FILE, error instanceof Error ? withoutPath(error.message, `${this.path}/${META_PROPERTIES_FILE}`) : String(error), 'notStarted');
      return undefined;
    }
  }

  private offsets(file: string): OffsetCheckpoint {
    try {
      const offsets = readOffsets(this.options.disk, `${this.path}/${file}`);
      for (const [partition, offset] of offsets) {
        if (offset < 0) this.tell('warning', file, `${partition} has the impossible offset ${offset}`, 'countsAsNone');
      }
      return offsets;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.tell('warning', file, withoutPath(error.message, `${this.path}/${file}`), file === CLEANER_OFFSET_FILE ? 'compactedAnew' : 'leftOut');
      return UNREADABLE;
    }
  }

  /** Directories that were set aside are told, and not read. */
  private isServed(name: string): boolean {
    const suffix = parsePartitionDirectory(name)?.suffix;
    if (suffix === '-delete') this.tell('note', name, 'waits to be removed', 'removedLater');
    else if (suffix === '-stray') this.tell('note', name, 'was set aside, since it belonged to no topic of the cluster', 'keptAside');
    else if (suffix === '-future') this.tell('note', name, 'is a copy on its way to this directory', 'copyGoesOn');
    return suffix === undefined;
  }

  /** A typing error in a directory's name must not make a partition vanish without a word. */
  private checkForeign(names: readonly string[]): void {
    for (const name of names) {
      if (name === TIERED_INDEX_CACHE || parsePartitionDirectory(name) !== undefined) continue;
      if (this.options.disk.stat(`${this.path}/${name}`)?.isDirectory) this.tell('note', name, 'is no partition by its name, and not looked into', 'leftAlone');
    }
  }

  private checkForgotten(partitions: readonly string[]): void {
    const present = new Set(partitions);
    const checkpoints: readonly (readonly [string, OffsetCheckpoint])[] = [
      [RECOVERY_POINT_FILE, this.recoveryPoints], [LOG_START_OFFSET_FILE, this.logStartOffsets], [HIGH_WATERMARK_FILE, this.highWatermarks],
      [CLEANER_OFFSET_FILE, this.cleaned],
    ];
    for (const [file, offsets] of checkpoints) {
      const gone = [...offsets.keys()].filter(name => !present.has(name));
      if (gone.length === 0) continue;
      const whom = gone.length === 1 ? gone[0] : `${gone.length} partitions, such as ${gone[0]},`;
      this.tell('note', file, `speaks of ${whom} not in this directory`, 'forgotten');
    }
  }
}

const UNREADABLE: OffsetCheckpoint = new Map();

function furthest(checkpoints: readonly OffsetCheckpoint[]): Map<string, number> {
  const offsets = new Map<string, number>();
  for (const [name, offset] of checkpoints.flatMap(each => [...each])) offsets.set(name, Math.max(offset, offsets.get(name) ?? 0));
  return offsets;
}

function betweenDirectories(directories: readonly DirectoryReport[]): Finding[] {
  const findings: Finding[] = [];
  const ids = new Map<string, string>();
  const [first] = directories.filter(({ owner }) => owner !== undefined);
  for (const { path, owner } of directories) {
    if (owner === undefined || first?.owner === undefined) continue;
    const { clusterId, nodeId } = first.owner;
    if (owner.clusterId !== clusterId) findings.push(between(path, `is of cluster ${owner.clusterId}, and ${first.path} of ${clusterId}`, 'notStartedTwice'));
    if (owner.nodeId !== nodeId) findings.push(between(path, `is of node ${owner.nodeId}, and ${first.path} of ${nodeId}`, 'notStartedTwice'));
    if (owner.directoryId === undefined) continue;
    const other = ids.get(owner.directoryId);
    if (other !== undefined) findings.push(between(path, `has the same directory.id as ${other}: one is a copy of the other`, 'notStartedTwice'));
    ids.set(owner.directoryId, path);
  }
  return findings;
}

function betweenPartitions(partitions: readonly PartitionReport[]): Finding[] {
  const findings: Finding[] = [];
  const homes = new Map<string, string>();
  const topics = new Map<string, PartitionReport>();
  for (const report of partitions) {
    const home = homes.get(report.name);
    if (home !== undefined) findings.push(between(report.path, `is in ${home} too`, 'notStartedTwice'));
    homes.set(report.name, parentOf(report.path));
    const topic = parsePartitionDirectory(report.name)?.topic ?? report.name;
    const other = topics.get(topic);
    if (report.topicId === undefined) continue;
    if (other && other.topicId !== report.topicId) {
      findings.push(between(report.path, `is of topic ${report.topicId}, and ${other.name} of ${other.topicId}: topics of two lives`, 'otherLifeAside'));
    }
    topics.set(topic, report);
  }
  return findings;
}

function between(path: string, message: string, kind: RemedyKind): Finding {
  return { severity: 'error', path, message, remedy: { kind } };
}
