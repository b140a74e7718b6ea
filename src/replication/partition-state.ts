/**
 * What a leader knows of its replicas, and where the high watermark stands because of it. Pure: the same for a partition of
 * one replica and of five. After Kafka's `Partition` and KIP-966.
 */

export interface LeaderState {
  readonly localId: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  /** Log end offset of each follower as of its last fetch; absent until it has fetched in this epoch. */
  readonly followerEndOffsets: ReadonlyMap<number, number>;
}

export interface LeaderChange {
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** The state at the start of a leader epoch, or after a change of the partition within it. */
export function lead(localId: number, change: LeaderChange, before?: LeaderState): LeaderState {
  const sameEpoch = before !== undefined && before.leaderEpoch === change.leaderEpoch;
  return {
    localId,
    leaderEpoch: change.leaderEpoch,
    partitionEpoch: change.partitionEpoch,
    replicas: change.replicas,
    isr: change.isr,
    followerEndOffsets: sameEpoch ? before.followerEndOffsets : new Map(),
  };
}

/** A follower has asked for what comes after `endOffset`, so it holds all before. */
export function followerFetched(state: LeaderState, followerId: number, endOffset: number): LeaderState {
  if (!state.replicas.includes(followerId)) return state;
  return { ...state, followerEndOffsets: new Map(state.followerEndOffsets).set(followerId, endOffset) };
}

/**
 * The exclusive offset up to which every in-sync replica holds the log, this one all below `localEndOffset`. It never moves back, and
 * it does not move at all while fewer replicas are in sync than `minInsyncReplicas` asks for, whatever the producers' acks (KIP-966);
 * a topic with fewer replicas than that setting is held to its own number.
 */
export function highWatermark(state: LeaderState, current: number, localEndOffset: number, minInsyncReplicas: number): number {
  if (state.isr.length < Math.min(minInsyncReplicas, state.replicas.length)) return current;
  let lowest = localEndOffset;
  for (const id of state.isr) {
    if (id === state.localId) continue;
    const endOffset = state.followerEndOffsets.get(id);
    if (endOffset === undefined) return current;
    lowest = Math.min(lowest, endOffset);
  }
  return Math.max(current, lowest);
}

/** Whether a produce with acks=all may be accepted now. */
export function hasEnoughInSync(state: LeaderState, minInsyncReplicas: number): boolean {
  return state.isr.length >= Math.min(minInsyncReplicas, state.replicas.length);
}
