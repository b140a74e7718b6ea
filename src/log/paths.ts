/**
 * Names in a log directory (Kafka's `LogFileUtils` and `LocalLog`): a file is its base offset in 20 digits and a suffix, a
 * partition's directory is `topic-N`, with `.<32 hex>` and a suffix when it is on its way out or in.
 */

export const LOG_SUFFIX = '.log';
export const OFFSET_INDEX_SUFFIX = '.index';
export const TIME_INDEX_SUFFIX = '.timeindex';
export const TXN_INDEX_SUFFIX = '.txnindex';
/** The files of a segment; the last one is not always there. */
export const SEGMENT_SUFFIXES = [LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX] as const;
export const SNAPSHOT_SUFFIX = '.snapshot';
/** Renamed, to be removed later. */
export const DELETED_SUFFIX = '.deleted';
/** Being written by compaction. */
export const CLEANED_SUFFIX = '.cleaned';
/** Written whole by compaction, taking the place of older segments. */
export const SWAP_SUFFIX = '.swap';
/** Being written. */
export const PARTIAL_SUFFIX = '.part';
/** A snapshot of the metadata log, which is raft's affair. */
export const METADATA_SNAPSHOT_SUFFIX = '.checkpoint';
export const METADATA_SNAPSHOT_DELETED_SUFFIX = `${METADATA_SNAPSHOT_SUFFIX}${DELETED_SUFFIX}`;

export const LEADER_EPOCH_FILE = 'leader-epoch-checkpoint';
export const PARTITION_METADATA_FILE = 'partition.metadata';
export const QUORUM_STATE_FILE = 'quorum-state';

export const LOCK_FILE = '.lock';
export const META_PROPERTIES_FILE = 'meta.properties';
export const CLEAN_SHUTDOWN_FILE = '.kafka_cleanshutdown';
export const CLEANER_OFFSET_FILE = 'cleaner-offset-checkpoint';
export const RECOVERY_POINT_FILE = 'recovery-point-offset-checkpoint';
export const LOG_START_OFFSET_FILE = 'log-start-offset-checkpoint';
export const HIGH_WATERMARK_FILE = 'replication-offset-checkpoint';
/** The files of a log directory that hold an offset for every log in it. */
export const CHECKPOINT_FILES = [RECOVERY_POINT_FILE, LOG_START_OFFSET_FILE, HIGH_WATERMARK_FILE, CLEANER_OFFSET_FILE] as const;
export type CheckpointFile = typeof CHECKPOINT_FILES[number];

export type DirectorySuffix = '-delete' | '-stray' | '-future';

/** What a file system takes. */
export const MAX_NAME_LENGTH = 255;

export function segmentFile(directory: string, baseOffset: number, suffix: string): string {
  return `${directory}/${offsetName(baseOffset)}${suffix}`;
}

function offsetName(offset: number): string {
  return String(offset).padStart(20, '0');
}

/** The offset that a file's name begins with; undefined when the name is no segment file's. */
export function offsetOfFile(name: string): number | undefined {
  const match = /^(\d{20})\./.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** `<offset>-<epoch>.checkpoint` */
export function metadataSnapshotFile(offset: number, epoch: number): string {
  return `${offsetName(offset)}-${String(epoch).padStart(10, '0')}${METADATA_SNAPSHOT_SUFFIX}`;
}

export interface MetadataSnapshotName {
  readonly offset: number;
  readonly epoch: number;
  /** Neither still being written, nor waiting to be removed. */
  readonly isWhole: boolean;
}

const METADATA_SNAPSHOT = /^(\d{20})-(\d{10})\.checkpoint(\.part|\.deleted)?$/;

/** undefined when the name is no metadata snapshot's. */
export function parseMetadataSnapshotFile(name: string): MetadataSnapshotName | undefined {
  const match = METADATA_SNAPSHOT.exec(name);
  return match ? { offset: Number(match[1]), epoch: Number(match[2]), isWhole: match[3] === undefined } : undefined;
}

export function partitionDirectory(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/**
 * The name under which a partition's directory waits for its end; `uniqueId` is 32 hexadecimal digits. A topic's name is cut
 * where the whole would be longer than a file system takes, except for `-future`, which must be read back.
 */
export function partitionDirectoryAside(topic: string, partition: number, uniqueId: string, suffix: DirectorySuffix): string {
  const rest = `-${partition}.${uniqueId}${suffix}`;
  return (suffix === '-future' ? topic : topic.slice(0, MAX_NAME_LENGTH - rest.length)) + rest;
}

export interface PartitionDirectoryName {
  readonly topic: string;
  readonly partition: number;
  readonly suffix: DirectorySuffix | undefined;
}

const ASIDE = /^(\S+)-(\S+)\.(\S+)(-delete|-stray|-future)$/;

/** Reads a directory's name at its last `-`; undefined when it is no partition's. */
export function parsePartitionDirectory(name: string): PartitionDirectoryName | undefined {
  const aside = ASIDE.exec(name);
  const plain = aside ? name.slice(0, name.lastIndexOf('.')) : name;
  const dash = plain.lastIndexOf('-');
  const digits = plain.slice(dash + 1);
  if (dash < 1 || !/^\d{1,10}$/.test(digits) || Number(digits) > 0x7fff_ffff) return undefined;
  return { topic: plain.slice(0, dash), partition: Number(digits), suffix: aside?.[4] as DirectorySuffix | undefined };
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The path without its last part. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}
