import type { VerificationGuard } from '../log/types.js';

/**
 * The shape of a pure replicated state machine, and of what it asks of the world.
 *
 * A machine decides in a handler and changes durable state only in `replay`, so that every replica that replays the same
 * records stands in the same state. Soft state (members waiting in a rebalance, heartbeats) may change in a handler; it is
 * lost with the leadership, and clients bring it again.
 *
 * The runtime appends the records of an `Effects`, replays them at once, and holds its replies back until all that was
 * appended so far is committed. A handler that reads replies the same way, so no answer tells of what may yet be lost.
 */

/** Names one waiting caller. Opaque to machines, which may keep it and answer in a later effect. */
export interface ReplyTo<Response> {
  readonly id: number;
  /** Never present; it lets the compiler pair a token with its response. */
  readonly responseType?: (response: Response) => void;
}

/** An answer on its way; made by `replyWith` so that token and response fit. */
export interface Reply {
  readonly to: ReplyTo<never>;
  readonly response: unknown;
}

export function replyWith<Response>(to: ReplyTo<Response>, response: Response): Reply {
  return { to, response };
}

/** Sets the timer `key` to fire after `delayMs`, in place of one that is set; null takes it away. */
export interface TimerChange {
  readonly key: string;
  readonly delayMs: number | null;
}

/** The transaction of a producer that records are written in. */
export interface OpenTransaction {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Where it may begin with them: what the log gave out before its coordinator was asked (KIP-890). */
  readonly guard?: VerificationGuard | undefined;
}

export interface Effects<Rec> {
  /** Appended as one batch, all or none, unless they are `divisible`. */
  readonly records: readonly Rec[];
  readonly replies: readonly Reply[];
  readonly timers: readonly TimerChange[];
  /** Each record is true by itself, so that what is too large for one batch may be written as several. */
  readonly divisible?: boolean;
  /** The records belong to the open transaction of this producer: they count once its marker says so. */
  readonly transaction?: OpenTransaction;
  /**
   * What to do when the records cannot be appended (too large, too few replicas): for handlers that have changed soft state
   * in the hope that they would be. Without it, everyone whom the effect answers gets the error, and the caller too.
   */
  readonly otherwise?: (error: unknown, at: Moment) => Effects<Rec>;
}

export const NO_EFFECTS: Effects<never> = { records: [], replies: [], timers: [] };

/** What a handler may know of the moment it runs in. */
export interface Moment {
  /** Wall time: what goes into records. */
  readonly nowMs: number;
  /** For measuring how long something has been going on. */
  readonly monotonicMs: number;
  /** Offset that the first record of the effects will get. */
  readonly nextOffset: number;
  /** A fresh random id (22 characters of base64url). Ids reach other replicas through records only. */
  newId(): string;
}

/** Where a replayed record stands in the log. */
export interface RecordPosition {
  readonly offset: number;
  readonly leaderEpoch: number;
  /** Timestamp of the record, milliseconds. */
  readonly timestampMs: number;
  /** Of a transactional batch; -1 and -1 otherwise. */
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** What the runtime needs of every machine; handlers are the machine's own methods, called through `Runtime.run`. */
export interface Machine<Rec> {
  /** Applies a record: own (just appended) or another replica's. Must not fail on a record that some version wrote. */
  replay(record: Rec, position: RecordPosition): void;
  /** A transaction's marker stands in the log: its pending records become real or vanish. */
  replayMarker?(marker: { producerId: number; producerEpoch: number; committed: boolean; offset: number }): void;
  /** All records are replayed and this node leads from now on. */
  activated(at: Moment): Effects<Rec>;
  /** A timer set by an earlier effect has run out. */
  timerFired(key: string, at: Moment): Effects<Rec>;
  /**
   * Leadership is lost or the log failed. Every waiting caller gets the answer of the runtime's `deposed` error; the machine
   * is dropped after this call, which is for machines that hold something outside themselves.
   */
  deposed?(): void;
}

/** Records to bytes and back; what stands in a log is the format of Apache Kafka. */
export interface RecordCodec<Rec> {
  /** Key null for logs without keys (the metadata log). Value null is a tombstone. */
  encode(record: Rec): { key: Uint8Array | null; value: Uint8Array | null };
  /** undefined: a record of a kind that this version does not know and may skip. */
  decode(key: Uint8Array | null, value: Uint8Array | null): Rec | undefined;
}
