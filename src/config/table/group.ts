import { oneOf, shareOffsetReset } from '../checks.js';
import { boolean, int, string } from '../setting.js';

/** Settings of a group. Those with a broker synonym take its value when the group has none of its own. */
export const groupSettings = {
  'consumer.session.timeout.ms': int({ default: 45_000, min: 1, importance: 'medium', honoured: true,
    doc: 'How long a member of the consumer group may be silent.' }),
  'consumer.heartbeat.interval.ms': int({ default: 5000, min: 1, importance: 'medium', honoured: true,
    doc: 'How often members of the consumer group send heartbeats.' }),
  'consumer.assignment.interval.ms': int({ default: 1000, min: 0, importance: 'medium', honoured: true,
    doc: 'Least time between two computed assignments of the consumer group.' }),
  'share.session.timeout.ms': int({ default: 45_000, min: 1, importance: 'medium', doc: 'How long a member of the share group may be silent.' }),
  'share.heartbeat.interval.ms': int({ default: 5000, min: 1, importance: 'medium', doc: 'How often members of the share group send heartbeats.' }),
  'share.record.lock.duration.ms': int({ default: 30_000, min: 1000, importance: 'medium',
    doc: 'How long a delivered record is held for its consumer.' }),
  'share.delivery.count.limit': int({ default: 5, min: 2, importance: 'medium', doc: 'How often a record may be delivered.' }),
  'share.partition.max.record.locks': int({ default: 2000, min: 100, importance: 'medium',
    doc: 'Records of one partition that may be held at once.' }),
  'share.auto.offset.reset': string({ default: 'latest', check: shareOffsetReset, importance: 'medium',
    doc: 'Where the share group begins: at an end of the log, or a duration before now.' }),
  'share.isolation.level': string({ default: 'read_uncommitted', check: oneOf('read_committed', 'read_uncommitted'), importance: 'medium',
    doc: 'Whether the share group sees records of transactions that are open or aborted.' }),
  'share.renew.acknowledge.enable': boolean({ default: true, importance: 'medium', doc: 'Whether a consumer may prolong its hold on a record.' }),
  'share.assignment.interval.ms': int({ default: 1000, min: 0, importance: 'medium',
    doc: 'Least time between two computed assignments of the share group.' }),
  'streams.session.timeout.ms': int({ default: 45_000, min: 1, importance: 'medium', doc: 'How long a member of the streams group may be silent.' }),
  'streams.heartbeat.interval.ms': int({ default: 5000, min: 1, importance: 'medium',
    doc: 'How often members of the streams group send heartbeats.' }),
  'streams.num.standby.replicas': int({ default: 0, min: 0, importance: 'medium', doc: 'Standby copies of each task of the streams group.' }),
  'streams.initial.rebalance.delay.ms': int({ default: 3000, min: 0, importance: 'medium',
    doc: 'How long the first assignment of an empty streams group waits for more members.' }),
  'streams.assignment.interval.ms': int({ default: 1000, min: 0, importance: 'medium',
    doc: 'Least time between two computed assignments of the streams group.' }),
};
