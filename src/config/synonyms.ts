import { baseOfListenerSetting, type BrokerName, type GroupName, type TopicName } from './table/index.js';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;

/** A setting in milliseconds, and those that stand in for it while it is not given, first one first. */
export const unitSynonyms = {
  'log.roll.ms': [['log.roll.hours', HOUR_MS]],
  'log.roll.jitter.ms': [['log.roll.jitter.hours', HOUR_MS]],
  'log.retention.ms': [['log.retention.minutes', MINUTE_MS], ['log.retention.hours', HOUR_MS]],
  'log.flush.interval.ms': [['log.flush.scheduler.interval.ms', 1]],
} as const satisfies Partial<Record<BrokerName, readonly (readonly [BrokerName, number])[]>>;

export type InUnits = keyof typeof unitSynonyms;

const families: readonly (readonly string[])[] = Object.entries(unitSynonyms).map(([head, rest]) => [head, ...rest.map(([name]) => name)]);

/**
 * Names under which a node's setting may be given, in order of precedence, itself among them
 * (Kafka's `DynamicBrokerConfig.brokerConfigSynonyms`).
 */
export function brokerSynonyms(name: string, matchListenerForm: boolean): readonly string[] {
  const family = families.find(names => names.includes(name));
  // The scheduler's interval is a setting of its own as well, and as such has no synonyms.
  if (family !== undefined && name !== 'log.flush.scheduler.interval.ms') return family;
  const base = matchListenerForm ? baseOfListenerSetting(name) : undefined;
  return base === undefined ? [name] : [name, base];
}

/** The node's setting that a topic takes while it has no value of its own. */
export const topicSynonyms: Readonly<Partial<Record<TopicName, BrokerName>>> = {
  'segment.bytes': 'log.segment.bytes',
  'segment.ms': 'log.roll.ms',
  'segment.jitter.ms': 'log.roll.jitter.ms',
  'segment.index.bytes': 'log.index.size.max.bytes',
  'flush.messages': 'log.flush.interval.messages',
  'flush.ms': 'log.flush.interval.ms',
  'retention.bytes': 'log.retention.bytes',
  'retention.ms': 'log.retention.ms',
  'max.message.bytes': 'message.max.bytes',
  'index.interval.bytes': 'log.index.interval.bytes',
  'delete.retention.ms': 'log.cleaner.delete.retention.ms',
  'min.compaction.lag.ms': 'log.cleaner.min.compaction.lag.ms',
  'max.compaction.lag.ms': 'log.cleaner.max.compaction.lag.ms',
  'file.delete.delay.ms': 'log.segment.delete.delay.ms',
  'min.cleanable.dirty.ratio': 'log.cleaner.min.cleanable.ratio',
  'cleanup.policy': 'log.cleanup.policy',
  'unclean.leader.election.enable': 'unclean.leader.election.enable',
  'min.insync.replicas': 'min.insync.replicas',
  'compression.type': 'compression.type',
  'compression.gzip.level': 'compression.gzip.level',
  'compression.lz4.level': 'compression.lz4.level',
  'compression.zstd.level': 'compression.zstd.level',
  'preallocate': 'log.preallocate',
  'message.timestamp.type': 'log.message.timestamp.type',
  'message.timestamp.before.max.ms': 'log.message.timestamp.before.max.ms',
  'message.timestamp.after.max.ms': 'log.message.timestamp.after.max.ms',
  'local.retention.ms': 'log.local.retention.ms',
  'local.retention.bytes': 'log.local.retention.bytes',
};

/** The node's setting that a group takes while it has no value of its own. */
export const groupSynonyms: Readonly<Partial<Record<GroupName, BrokerName>>> = {
  'consumer.session.timeout.ms': 'group.consumer.session.timeout.ms',
  'consumer.heartbeat.interval.ms': 'group.consumer.heartbeat.interval.ms',
  'consumer.assignment.interval.ms': 'group.consumer.assignment.interval.ms',
  'share.session.timeout.ms': 'group.share.session.timeout.ms',
  'share.heartbeat.interval.ms': 'group.share.heartbeat.interval.ms',
  'share.record.lock.duration.ms': 'group.share.record.lock.duration.ms',
  'share.delivery.count.limit': 'group.share.delivery.count.limit',
  'share.partition.max.record.locks': 'group.share.partition.max.record.locks',
  'share.assignment.interval.ms': 'group.share.assignment.interval.ms',
  'streams.session.timeout.ms': 'group.streams.session.timeout.ms',
  'streams.heartbeat.interval.ms': 'group.streams.heartbeat.interval.ms',
  'streams.num.standby.replicas': 'group.streams.num.standby.replicas',
  'streams.initial.rebalance.delay.ms': 'group.streams.initial.rebalance.delay.ms',
  'streams.assignment.interval.ms': 'group.streams.assignment.interval.ms',
};
