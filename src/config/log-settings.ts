import type { Setting, SettingTable, SettingValue, ValueOf } from './setting.js';
import type { Settings } from './settings.js';
import { topicSettings, type TopicName } from './table/index.js';
import { parseValue } from './value.js';

type TopicValue<N extends TopicName> = ValueOf<(typeof topicSettings)[N]>;

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

const ofNode = new WeakMap<Settings, LogSettings>();

/**
 * The settings of a topic's logs: its own values over the node's (Kafka's `LogConfig.fromProps`). An own value that cannot
 * be read counts as not given and is told to `onFault`, so that a log always opens. Topics without own values share one
 * object.
 */
export function resolveLogSettings(
  overrides: ReadonlyMap<string, string>, settings: Settings, onFault?: (fault: string) => void,
): LogSettings {
  let base = ofNode.get(settings);
  if (base === undefined) {
    base = read(new Map(), settings);
    ofNode.set(settings, base);
  }
  if (overrides.size === 0) return base;
  const own = new Map<string, SettingValue>();
  for (const [name, text] of overrides) {
    const setting: Setting | undefined = (topicSettings as SettingTable)[name];
    if (setting === undefined) continue;
    try {
      own.set(name, parseValue(name, setting, text).value);
    } catch (error) {
      onFault?.(error instanceof Error ? error.message : String(error));
    }
  }
  return read(own, settings);
}

function read(own: ReadonlyMap<string, SettingValue>, settings: Settings): LogSettings {
  const pick = <N extends TopicName>(name: N, ofNode: TopicValue<N>): TopicValue<N> => (own.has(name) ? (own.get(name) as TopicValue<N>) : ofNode);
  const policy = pick('cleanup.policy', settings.get('log.cleanup.policy'));
  return {
    // The internal name lets tests go below the bound of the public one.
    segmentBytes: pick('internal.segment.bytes', undefined) ?? pick('segment.bytes', settings.get('log.segment.bytes')),
    segmentMs: pick('segment.ms', settings.inMs('log.roll.ms')),
    segmentJitterMs: pick('segment.jitter.ms', settings.inMs('log.roll.jitter.ms')),
    segmentIndexBytes: pick('segment.index.bytes', settings.get('log.index.size.max.bytes')),
    flushMessages: pick('flush.messages', settings.get('log.flush.interval.messages')),
    flushMs: pick('flush.ms', settings.inMs('log.flush.interval.ms')),
    retentionBytes: pick('retention.bytes', settings.get('log.retention.bytes')),
    retentionMs: pick('retention.ms', settings.retentionMs()),
    maxMessageBytes: pick('max.message.bytes', settings.get('message.max.bytes')),
    indexIntervalBytes: pick('index.interval.bytes', settings.get('log.index.interval.bytes')),
    fileDeleteDelayMs: pick('file.delete.delay.ms', settings.get('log.segment.delete.delay.ms')),
    deleteRetentionMs: pick('delete.retention.ms', settings.get('log.cleaner.delete.retention.ms')),
    minCompactionLagMs: pick('min.compaction.lag.ms', settings.get('log.cleaner.min.compaction.lag.ms')),
    maxCompactionLagMs: pick('max.compaction.lag.ms', settings.get('log.cleaner.max.compaction.lag.ms')),
    minCleanableDirtyRatio: pick('min.cleanable.dirty.ratio', settings.get('log.cleaner.min.cleanable.ratio')),
    cleanupPolicy: { delete: policy.includes('delete'), compact: policy.includes('compact') },
    preallocate: pick('preallocate', settings.get('log.preallocate')),
    minInsyncReplicas: pick('min.insync.replicas', settings.get('min.insync.replicas')),
    uncleanLeaderElection: pick('unclean.leader.election.enable', settings.get('unclean.leader.election.enable')),
    compressionType: pick('compression.type', settings.get('compression.type')) as LogSettings['compressionType'],
    gzipLevel: pick('compression.gzip.level', settings.get('compression.gzip.level')),
    lz4Level: pick('compression.lz4.level', settings.get('compression.lz4.level')),
    zstdLevel: pick('compression.zstd.level', settings.get('compression.zstd.level')),
    timestampType: pick('message.timestamp.type', settings.get('log.message.timestamp.type')) as LogSettings['timestampType'],
    timestampBeforeMaxMs: pick('message.timestamp.before.max.ms', settings.get('log.message.timestamp.before.max.ms')),
    timestampAfterMaxMs: pick('message.timestamp.after.max.ms', settings.get('log.message.timestamp.after.max.ms')),
  };
}
