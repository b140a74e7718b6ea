/** What a log needs of its topic's settings, resolved through topic overrides, broker settings and defaults. */
export interface LogSettings {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
  readonly segmentIndexBytes: number;
  readonly flushMessages: number;
  readonly flushMs: number;
  /** -1: without bound. */
  readonly retentionBytes: number;
  /** -1: without bound. */
  readonly retentionMs: number;
  readonly maxMessageBytes: number;
  readonly indexIntervalBytes: number;
  readonly fileDeleteDelayMs: number;
  readonly deleteRetentionMs: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly minCleanableDirtyRatio: number;
  readonly cleanupPolicy: { readonly delete: boolean; readonly compact: boolean };
  readonly preallocate: boolean;
  readonly minInsyncReplicas: number;
  readonly uncleanLeaderElection: boolean;
  /** `producer` keeps what the client chose. */
  readonly compressionType: 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly gzipLevel: number;
  readonly lz4Level: number;
  readonly zstdLevel: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
}
