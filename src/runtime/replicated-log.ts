import type { AppendContext } from '../log/types.js';

/**
 * What stands under a runtime: a log of record batches that others keep copies of. Raft's log is one (the controller's), a
 * partition of an internal topic is another (a coordinator's), an array in memory a third (tests).
 */
export interface ReplicatedLog {
  /** Offset that the next record gets. */
  readonly endOffset: number;
  /** Exclusive end of what is committed: what stays whatever node fails. Never above `endOffset`, never going back. */
  readonly committedEnd: number;
  /** The largest batch that it takes at this moment, bytes: settings change while a machine runs. */
  readonly maxBatchBytes: number;
  /**
   * Appends one batch whose offsets and epoch are not yet stamped; its bytes belong to the log from now on. Throws a
   * `KafkaError`: NOT_LEADER_OR_FOLLOWER when `leaderEpoch` has passed, MESSAGE_TOO_LARGE, NOT_ENOUGH_REPLICAS,
   * KAFKA_STORAGE_ERROR.
   */
  append(batch: Uint8Array, context: RuntimeAppend): { readonly baseOffset: number; readonly lastOffset: number };
  /**
   * Gives everything from the beginning to `endOffset`, in order, to `visit`: whole batches, which may lie beside the log (a
   * snapshot). It lets the event loop breathe between visits, and stops early when `visit` returns false.
   */
  readAll(visit: (chunk: LogChunk) => boolean): Promise<void>;
  /** Calls `listener` whenever `committedEnd` has moved, until the function that it returns is called. */
  onCommitted(listener: () => void): () => void;
}

/** Who appends is always the coordinator or controller that leads. */
export type RuntimeAppend = Pick<AppendContext, 'leaderEpoch' | 'transactionVersion' | 'guard'>;

export interface LogChunk {
  /** One or more whole batches; the bytes stay as they are after the visit. */
  readonly batches: Uint8Array;
  /**
   * Present when the batches are a snapshot's: the position that all its records count as. What came before is void, so the
   * first chunk of a snapshot finds an empty machine.
   */
  readonly snapshot?: { readonly offset: number; readonly epoch: number };
}
