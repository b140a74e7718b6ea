import { int, klass, long, LONG_MAX } from '../setting.js';

/** Quotas. */
export const quotaSettings = {
  'quota.window.num': int({ default: 11, min: 1, importance: 'low', honoured: true, doc: 'Windows over which client quotas are averaged.' }),
  'replication.quota.window.num': int({ default: 11, min: 1, importance: 'low', doc: 'Windows over which replication quotas are averaged.' }),
  'alter.log.dirs.replication.quota.window.num': int({ default: 11, min: 1, importance: 'low',
    doc: 'Windows over which the quota for moves between directories is averaged.' }),
  'controller.quota.window.num': int({ default: 11, min: 1, importance: 'low', honoured: true, doc: 'Windows over which controller mutation quotas are averaged.' }),
  'quota.window.size.seconds': int({ default: 1, min: 1, importance: 'low', honoured: true, doc: 'Length of one window of client quotas.' }),
  'replication.quota.window.size.seconds': int({ default: 1, min: 1, importance: 'low', doc: 'Length of one window of replication quotas.' }),
  'alter.log.dirs.replication.quota.window.size.seconds': int({ default: 1, min: 1, importance: 'low',
    doc: 'Length of one window of the quota for moves between directories.' }),
  'controller.quota.window.size.seconds': int({ default: 1, min: 1, importance: 'low', honoured: true, doc: 'Length of one window of controller mutation quotas.' }),
  'client.quota.callback.class': klass({ default: null, importance: 'low', doc: 'Java class that decides client quotas.' }),
};

/** Quotas that exist as dynamic broker settings only. */
export const brokerQuotaSettings = {
  'leader.replication.throttled.rate': long({ default: LONG_MAX, min: 0, importance: 'medium', update: 'cluster-wide',
    doc: 'Bytes a second that leaders send to throttled replicas.' }),
  'follower.replication.throttled.rate': long({ default: LONG_MAX, min: 0, importance: 'medium', update: 'cluster-wide',
    doc: 'Bytes a second that throttled followers take.' }),
  'replica.alter.log.dirs.io.max.bytes.per.second': long({ default: LONG_MAX, min: 0, importance: 'medium', update: 'cluster-wide', honoured: true,
    doc: 'Bytes a second for moves between directories.' }),
};
