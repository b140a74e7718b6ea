import type { LogSettings } from '../config/log-settings.js';
import type { Settings } from '../config/settings.js';
import { hostAndPort } from '../config/checks.js';
import type { Disk } from '../env/index.js';
import type { Voter } from '../metadata/snapshot.js';
import { METADATA_TOPIC } from '../protocol/internal-topics.js';
import { ZERO_UUID, type Uuid } from '../protocol/wire/types.js';

/** The metadata log's partition, which raft replicates and which no client reads. */
export const METADATA_PARTITION = 0;
export const METADATA_TOPIC_ID: Uuid = 'AAAAAAAAAAAAAAAAAAAAAQ';

export function metadataPartitionDirectory(logDirectory: string): string {
  return `${logDirectory}/${METADATA_TOPIC}-${METADATA_PARTITION}`;
}

/** Whether there is anything of a metadata log: an empty segment, as a start makes it that is then refused, is nothing. */
export function holdsMetadata(disk: Disk, logDirectory: string): boolean {
  const path = metadataPartitionDirectory(logDirectory);
  if (disk.stat(path)?.isDirectory !== true) return false;
  return disk.list(path).some(name => /\.(log|checkpoint)$/.test(name) && (disk.stat(`${path}/${name}`)?.sizeBytes ?? 0) > 0);
}

/** Bounds on what of the metadata log is kept, and when it is summed up (KIP-630). */
export interface MetadataLogSettings {
  readonly maxBatchBytes: number;
  readonly snapshotAfterBytes: number;
  /** 0: by size alone. */
  readonly snapshotAfterMs: number;
  /** Log and older snapshots; -1: without bound. */
  readonly retentionBytes: number;
  readonly retentionMs: number;
  readonly log: LogSettings;
}

export function metadataLogSettings(settings: Settings): MetadataLogSettings {
  const maxBatchBytes = settings.get('internal.metadata.max.batch.size.in.bytes');
  return {
    maxBatchBytes,
    snapshotAfterBytes: settings.get('metadata.log.max.record.bytes.between.snapshots'),
    snapshotAfterMs: settings.get('metadata.log.max.snapshot.interval.ms'),
    retentionBytes: settings.get('metadata.max.retention.bytes'),
    retentionMs: settings.get('metadata.max.retention.ms'),
    log: {
      ...PLAIN_LOG,
      maxMessageBytes: maxBatchBytes,
      segmentBytes: settings.get('internal.metadata.log.segment.bytes') ?? settings.get('metadata.log.segment.bytes'),
      segmentMs: settings.get('metadata.log.segment.ms'),
      fileDeleteDelayMs: settings.get('internal.metadata.delete.delay.millis'),
    },
  };
}

/** Who votes by `controller.quorum.voters`, which counts while the log names no voters itself (kraft.version 0). */
export function staticVoters(settings: Settings): Voter[] {
  const [listener = ''] = settings.get('controller.listener.names');
  return settings.get('controller.quorum.voters').map(entry => {
    const at = entry.indexOf('@');
    const { host = '', port = 0 } = hostAndPort(entry.slice(at + 1));
    return {
      voterId: Number(entry.slice(0, at)), voterDirectoryId: ZERO_UUID, endpoints: [{ name: listener, host, port }],
      kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 0 },
    };
  });
}

/** Raft deletes by snapshot, flushes by its own rules, and keeps records as they are. */
const PLAIN_LOG: Omit<LogSettings, 'maxMessageBytes' | 'segmentBytes' | 'segmentMs' | 'fileDeleteDelayMs'> = {
  segmentJitterMs: 0,
  segmentIndexBytes: 10 << 20,
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
  retentionBytes: -1,
  retentionMs: -1,
  indexIntervalBytes: 4096,
  deleteRetentionMs: 86_400_000,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  minCleanableDirtyRatio: 0.5,
  cleanupPolicy: { delete: true, compact: false },
  preallocate: false,
  minInsyncReplicas: 1,
  uncleanLeaderElection: false,
  compressionType: 'producer',
  gzipLevel: -1,
  lz4Level: 9,
  zstdLevel: 3,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
};
