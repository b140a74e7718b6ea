import { groupValue } from './resources.js';
import type { Settings } from './settings.js';
import { groupSettings, type GroupName } from './table/index.js';
import { defaultOf, parseValue } from './value.js';

/** What holds for one group (KIP-848, KIP-932, KIP-1071): its own settings where it has some, the node's otherwise. */
export interface GroupConfig {
  readonly consumerSessionTimeoutMs: number;
  readonly consumerHeartbeatIntervalMs: number;
  readonly consumerAssignmentIntervalMs: number;
  readonly shareSessionTimeoutMs: number;
  readonly shareHeartbeatIntervalMs: number;
  readonly shareAssignmentIntervalMs: number;
  readonly shareRecordLockDurationMs: number;
  readonly shareDeliveryCountLimit: number;
  readonly sharePartitionMaxRecordLocks: number;
  /** `latest`, `earliest`, or `by_duration:` and a duration in ISO 8601. */
  readonly shareAutoOffsetReset: string;
  readonly shareIsolationLevel: string;
  readonly shareRenewAcknowledge: boolean;
  readonly streamsSessionTimeoutMs: number;
  readonly streamsHeartbeatIntervalMs: number;
  readonly streamsAssignmentIntervalMs: number;
  readonly streamsInitialRebalanceDelayMs: number;
  readonly streamsNumStandbyReplicas: number;
}

/**
 * Resolves the settings of a group (`GroupConfigManager`). `own` are the group's texts as the metadata has them. What was
 * stored under other bounds is brought within those of today; what cannot be read counts as not given, and is told.
 */
export function groupConfigOf(settings: Settings, own: ReadonlyMap<string, string>, onFault?: (fault: string) => void): GroupConfig {
  const readable = new Map([...own].filter(([name, text]) => isReadable(name, text, onFault)));
  const number = (name: GroupName): number => groupValue(settings, readable, name);
  const only = (name: GroupName): unknown => {
    const text = readable.get(name);
    return (text === undefined ? defaultOf(groupSettings[name]) : parseValue(name, groupSettings[name], text)).value;
  };
  return {
    consumerSessionTimeoutMs: number('consumer.session.timeout.ms'),
    consumerHeartbeatIntervalMs: number('consumer.heartbeat.interval.ms'),
    consumerAssignmentIntervalMs: number('consumer.assignment.interval.ms'),
    shareSessionTimeoutMs: number('share.session.timeout.ms'),
    shareHeartbeatIntervalMs: number('share.heartbeat.interval.ms'),
    shareAssignmentIntervalMs: number('share.assignment.interval.ms'),
    shareRecordLockDurationMs: number('share.record.lock.duration.ms'),
    shareDeliveryCountLimit: number('share.delivery.count.limit'),
    sharePartitionMaxRecordLocks: number('share.partition.max.record.locks'),
    shareAutoOffsetReset: only('share.auto.offset.reset') as string,
    shareIsolationLevel: only('share.isolation.level') as string,
    shareRenewAcknowledge: only('share.renew.acknowledge.enable') as boolean,
    streamsSessionTimeoutMs: number('streams.session.timeout.ms'),
    streamsHeartbeatIntervalMs: number('streams.heartbeat.interval.ms'),
    streamsAssignmentIntervalMs: number('streams.assignment.interval.ms'),
    streamsInitialRebalanceDelayMs: number('streams.initial.rebalance.delay.ms'),
    streamsNumStandbyReplicas: number('streams.num.standby.replicas'),
  };
}

function isReadable(name: string, text: string, onFault: ((fault: string) => void) | undefined): boolean {
  if (!(name in groupSettings)) return false;
  try {
    parseValue(name, groupSettings[name as GroupName], text);
    return true;
  } catch (error) {
    onFault?.(error instanceof Error ? error.message : String(error));
    return false;
  }
}
