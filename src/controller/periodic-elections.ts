import { NO_LEADER } from '../metadata/image.js';
import type { MetadataRecord } from '../metadata/records.js';
import type { PartitionImage } from '../metadata/types.js';
import type { Settings } from '../config/index.js';
import type { TimerChange } from '../runtime/machine.js';
import type { Decision } from './context.js';
import { changePartition, topicRules, type Election } from './partition-change.js';

/**
 * What the controller looks after from time to time: leaderships go back to the preferred replicas, and partitions without a leader
 * get one, where that is allowed. After the periodic tasks of Kafka's `QuorumController`.
 */
export interface PeriodicElection {
  readonly timer: string;
  /** undefined: it is switched off. */
  readonly intervalMs: (settings: Settings) => number | undefined;
  readonly elect: (decision: Decision) => MetadataRecord[];
}

/** Elections of one run; when there may be more, the next run follows soon. */
const MOST_AT_ONCE = 1_000;
const SOON_MS = 10;

export const PERIODIC_ELECTIONS: readonly PeriodicElection[] = [
  {
    timer: 'elect-preferred',
    intervalMs: settings => (settings.get('auto.leader.rebalance.enable') ? settings.get('leader.imbalance.check.interval.seconds') * 1000 : undefined),
    elect: decision => electWhere(decision, 'preferred', ({ leader, replicas }) => leader !== replicas[0]),
  },
  {
    timer: 'elect-unclean',
    intervalMs: settings => settings.get('unclean.leader.election.interval.ms'),
    elect: decision => electWhere(decision, 'unclean', ({ leader }) => leader === NO_LEADER),
  },
];

/** When the next run is due, after one that has written so many records. */
export function nextRun({ timer, intervalMs }: PeriodicElection, settings: Settings, records = 0): TimerChange[] {
  const delayMs = intervalMs(settings);
  if (delayMs === undefined) return [];
  return [{ key: timer, delayMs: records >= MOST_AT_ONCE ? SOON_MS : delayMs }];
}

/** Unclean elections are for topics that allow them. */
function electWhere(decision: Decision, election: Election, isDue: (partition: PartitionImage) => boolean): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  for (const topic of decision.image.topicsById.values()) {
    const due = [...topic.partitions.entries()].filter(([, partition]) => isDue(partition));
    if (due.length === 0 || (election === 'unclean' && topicRules(decision, topic).election !== 'unclean')) continue;
    const rules = topicRules(decision, topic, election);
    for (const [index] of due) {
      const record = changePartition(rules, index);
      if (record !== undefined) records.push(record);
      if (records.length >= MOST_AT_ONCE) return records;
    }
  }
  return records;
}
