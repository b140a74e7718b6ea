/**
 * What came of asking the coordinators of transactions before records were taken (KIP-890), since this node's start; two readings
 * make Kafka's `VerificationFailureRate` and the mean of its `VerificationTimeMs`, of `kafka.server:type=AddPartitionsToTxnManager`.
 */
export interface VerificationMetrics {
  /** Questions, each for the partitions that a request writes to. */
  readonly verifications: number;
  /** Until the answers were there, all together. */
  readonly verificationTimeMs: number;
  /** Partitions that were not found to belong to a transaction: late requests of producers that are gone, or ones that will be sent again. */
  readonly verificationFailures: number;
}

export class VerificationCounts {
  private verifications = 0;
  private verificationTimeMs = 0;
  private verificationFailures = 0;

  /** One was answered. */
  note(tookMs: number, failures: number): void {
    this.verifications++;
    this.verificationTimeMs += tookMs;
    this.verificationFailures += failures;
  }

  metrics(): VerificationMetrics {
    const { verifications, verificationTimeMs, verificationFailures } = this;
    return { verifications, verificationTimeMs: Math.round(verificationTimeMs), verificationFailures };
  }
}
