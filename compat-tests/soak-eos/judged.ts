// What the frame of the soak wants to know of whatever works under it.

import type { Positions } from '../../src/testing/history/history.js';
import type { PipelineResult, StoredRecord } from '../../src/testing/history/topic-pipelines.js';
import type { CommittedRecord, Topic } from './committed-log.js';
import type { Group } from './group-offsets.js';

export const PARTITIONS = 3;
export const KEYS = 24;
export const MOST_RECORDS = 20;
/** Short: what a killed or frozen member leaves open holds up all readers for that long. */
export const TRANSACTION_TIMEOUT_MS = 4_000;
export const SESSION_TIMEOUT_MS = 3_000;

/** The committed records of a topic by its partitions. */
export type Records = (topic: string) => readonly (readonly CommittedRecord[])[];

export interface Judged {
  readonly name: string;
  /** Created for it. */
  readonly topics: readonly Topic[];
  /** Groups whose committed offsets must stand at the end of the topic when all is done. */
  readonly groups: readonly Group[];
  /** Those of them whose members note what they commit, and for what. */
  readonly notedGroups: readonly Group[];
  /** So many records are still to come for the input that there is; 0 when there are enough. */
  owed(records: Records): number;
  /** What is wrong with the output, of all the input; nothing when it is just as it must be. `committed`: of each of the groups. */
  judge(records: Records, committed: readonly Positions[]): string[];
}

/** The records of a topic with their partitions, as checkers take them. */
export const stored = (topic: string, records: Records): StoredRecord[] =>
  records(topic).flatMap((its, partition) => its.map(record => ({ ...record, partition: `${topic}-${partition}` })));

/** A line for each kind of fault: how many, and some of them. */
export function told(what: string, { faults, counts }: PipelineResult): string[] {
  return Array.from(counts, ([kind, count]) => `${what}: ${count} ${kind}: ${faults.filter(fault => fault.kind === kind).slice(0, MOST_NAMED).map(({ detail }) => detail).join('; ')}`);
}

const MOST_NAMED = 3;
