/**
 * What a partition must be sure of before it takes the first record of a transaction: that its coordinator knows of the partition
 * (KIP-890). Else nobody would ever end what begins here.
 */

/** A transactional producer on its way to a partition. */
export interface TransactionalWriter {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Of its first batch; -1 for records without sequences. */
  readonly baseSequence: number;
  /** It has an epoch for each transaction (`transaction.version` 2), and its partitions are added rather than verified. */
  readonly bumpsEpoch: boolean;
}

/** Proof, to be shown at the append, that nothing ended a transaction of this producer here since its coordinator was asked. */
export interface VerificationGuard {
  readonly isVerificationGuard: true;
}

/** A question that is under way, or was never followed by an append (`VerificationStateEntry`). */
export class Verification implements VerificationGuard {
  readonly isVerificationGuard = true;
  private epoch: number;
  /** Whoever sends a later batch while the first is tried again is told to wait for it, or the first could never be appended. */
  private lowest: number;
  readonly bumpsEpoch: boolean;

  constructor({ producerEpoch, baseSequence, bumpsEpoch }: TransactionalWriter, readonly startedMs: number) {
    this.epoch = producerEpoch;
    this.lowest = baseSequence;
    this.bumpsEpoch = bumpsEpoch;
  }

  get lowestSequence(): number {
    return this.lowest;
  }

  /** The same producer asks again. */
  join({ producerEpoch, baseSequence }: TransactionalWriter): void {
    if (producerEpoch < this.epoch) return;
    this.lowest = producerEpoch > this.epoch ? baseSequence : Math.min(this.lowest, baseSequence);
    this.epoch = producerEpoch;
  }

  /** A marker carries the epoch of the transaction after the one that it ends: what was asked for that one stays valid. */
  outlasts(marker: { readonly producerEpoch: number }): boolean {
    return this.bumpsEpoch && marker.producerEpoch === this.epoch;
  }
}
