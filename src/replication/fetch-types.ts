import type { LogRead, ReadBudget } from '../log/index.js';
import type { Int64, Uuid } from '../protocol/wire/types.js';
import type { Partition } from './partition.js';

/** One partition as a consumer asks for it. */
export interface FetchPosition {
  readonly topicId: Uuid;
  readonly topic: string;
  readonly index: number;
  /** -1: do not check. */
  readonly currentLeaderEpoch: number;
  /** Epoch of the last record that the reader holds, -1 when it does not tell (KIP-595). */
  readonly lastFetchedEpoch: number;
  readonly fetchOffset: Int64;
  readonly maxBytes: number;
}

export interface FetchOptions {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly readCommitted: boolean;
  /** Where memory is short the answer takes less than `maxBytes`, or waits for its turn. */
  readonly budget: ReadBudget;
}

export interface FetchOutcome {
  readonly position: FetchPosition;
  readonly errorCode: number;
  /** The three offsets are -1 where there is an error. */
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Present when the partition could be read, even if it gave nothing. */
  readonly read?: LogRead;
  /** The reader's log parts from ours here: it must truncate. */
  readonly divergingEpoch?: { epoch: number; endOffset: number };
}

/** Finds a partition on this node, or says why not (UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID). */
export type FindPartition = (position: FetchPosition) => Partition | number;
