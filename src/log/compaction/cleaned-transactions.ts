import { recordsIn } from '../../protocol/records/batch-iterator.js';
import * as batch from '../../protocol/records/batch.js';
import { ControlRecordType, controlRecordType } from '../../protocol/records/control-records.js';
import type { AbortedTransaction } from '../segment/txn-index.js';

interface OngoingAborted {
  readonly transaction: AbortedTransaction;
  /** A data batch of it was met, so that somebody may still need its marker. */
  seen: boolean;
}

/** What is known of transactions at one point of a log, to go on from there. */
export interface TransactionsSoFar {
  readonly coming: readonly AbortedTransaction[];
  readonly aborted: readonly Readonly<OngoingAborted>[];
  readonly committed: readonly number[];
}

/**
 * Tells, for batches met in order, which belong to aborted transactions, and which markers have outlived the data of their
 * transaction (`CleanedTransactionMetadata`).
 */
export class CleanedTransactions {
  /** Aborted ones whose first batch has not been met, by first offset. */
  private coming: AbortedTransaction[];
  private readonly aborted: Map<number, OngoingAborted>;
  private readonly committed: Set<number>;

  constructor(
    /** Told of each aborted transaction whose marker stays. */
    private readonly retained: (transaction: AbortedTransaction) => void,
    before?: TransactionsSoFar,
  ) {
    this.coming = [...(before?.coming ?? [])];
    this.aborted = new Map(before?.aborted.map(ongoing => [ongoing.transaction.producerId, { ...ongoing }]));
    this.committed = new Set(before?.committed);
  }

  get soFar(): TransactionsSoFar {
    return { coming: this.coming, aborted: [...this.aborted.values()], committed: [...this.committed] };
  }

  /** Aborted transactions that touch the batches to come. One that is told twice counts once. */
  add(transactions: readonly AbortedTransaction[]): void {
    this.coming.push(...transactions);
    this.coming.sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** True when the batch is of an aborted transaction. */
  onDataBatch(bytes: Uint8Array, at: number): boolean {
    this.begin(batch.lastOffset(bytes, at));
    if (!batch.isTransactional(bytes, at)) return false;
    const producerId = batch.producerId(bytes, at);
    const aborted = this.aborted.get(producerId);
    if (aborted) aborted.seen = true;
    else this.committed.add(producerId);
    return aborted !== undefined;
  }

  /** True when nothing is left of the transaction that the marker ends. */
  onControlBatch(bytes: Uint8Array, at: number): boolean {
    this.begin(batch.lastOffset(bytes, at));
    const record = recordsIn(bytes, at).next().value;
    // Its record is gone already.
    if (!record) return true;
    const producerId = batch.producerId(bytes, at);
    switch (controlRecordType(record.key)) {
      case ControlRecordType.abort: return this.endAborted(producerId);
      case ControlRecordType.commit: return !this.committed.delete(producerId);
      default: return false;
    }
  }

  private endAborted(producerId: number): boolean {
    const aborted = this.aborted.get(producerId);
    this.aborted.delete(producerId);
    if (!aborted?.seen) return true;
    this.retained(aborted.transaction);
    return false;
  }

  private begin(lastOffset: number): void {
    let count = 0;
    for (; count < this.coming.length && this.coming[count]!.firstOffset <= lastOffset; count++) {
      const transaction = this.coming[count]!;
      if (!this.aborted.has(transaction.producerId)) this.aborted.set(transaction.producerId, { transaction, seen: false });
    }
    if (count > 0) this.coming = this.coming.slice(count);
  }
}
