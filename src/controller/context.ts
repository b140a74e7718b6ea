import type { Settings } from '../config/index.js';
import type { MetadataImage } from '../metadata/types.js';
import type { MetadataRecord } from '../metadata/records.js';
import type { Moment } from '../runtime/machine.js';

/** What a decision of the controller is made from. Each family of decisions is functions of it: records and an answer come out. */
export interface Decision {
  readonly image: MetadataImage;
  /** Of this node, as the cluster's dynamic settings leave them. */
  readonly settings: Settings;
  readonly at: Moment;
  /**
   * Counts partitions that are about to be made or removed against what the client may change; throws THROTTLING_QUOTA_EXCEEDED
   * where that is used up (KIP-599). Absent: nothing bounds whoever asks.
   */
  readonly charge?: ChargePartitions;
}

export type ChargePartitions = (partitions: number) => void;

/** What a request leads to; the records are written together or not at all. */
export interface Decided<Response> {
  readonly records: readonly MetadataRecord[];
  readonly response: Response;
}
