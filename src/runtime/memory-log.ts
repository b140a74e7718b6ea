import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import * as batch from '../protocol/records/batch.js';
import type { LogChunk, ReplicatedLog, RuntimeAppend } from './replicated-log.js';

/**
 * A replicated log in an array, for tests of machines: what is appended is committed at once, or, with `holdCommits`, when
 * `commit` says so.
 */
export class MemoryLog implements ReplicatedLog {
  readonly batches: Uint8Array[] = [];
  endOffset = 0;
  committedEnd = 0;
  maxBatchBytes = 1 << 20;
  /** The epoch of whoever may append. */
  leaderEpoch = 0;
  holdCommits = false;
  /** The next append fails with this. */
  refuseWith: Error | undefined;
  private readonly listeners = new Set<() => void>();

  append(bytes: Uint8Array, { leaderEpoch }: RuntimeAppend): { baseOffset: number; lastOffset: number } {
    const refusal = this.refuseWith ?? (leaderEpoch === this.leaderEpoch ? undefined : new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER));
    this.refuseWith = undefined;
    if (refusal !== undefined) throw refusal;
    const baseOffset = this.endOffset;
    batch.setBaseOffset(bytes, 0, baseOffset);
    batch.setPartitionLeaderEpoch(bytes, 0, leaderEpoch);
    this.batches.push(bytes);
    this.endOffset = batch.nextOffset(bytes, 0);
    if (!this.holdCommits) this.commit();
    return { baseOffset, lastOffset: this.endOffset - 1 };
  }

  /** Commits up to `end`, by default everything. */
  commit(end = this.endOffset): void {
    this.committedEnd = end;
    for (const listener of this.listeners) listener();
  }

  async readAll(visit: (chunk: LogChunk) => boolean): Promise<void> {
    for (const batches of this.batches) {
      await Promise.resolve();
      if (!visit({ batches })) return;
    }
  }

  onCommitted(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
