// What the frame of the soak wants to know of whatever works under it.

import type { CommittedRecord, Topic } from './committed-log.js';

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
  readonly groups: readonly { readonly group: string; readonly topic: Topic }[];
  /** So many records are still to come for the input that there is; 0 when there are enough. */
  owed(records: Records): number;
  /** What is wrong with the output, of all the input; nothing when it is just as it must be. */
  judge(records: Records): string[];
}
