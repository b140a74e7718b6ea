import type { TransactionVersion } from './types.js';

/** The rules of a transaction coordinator, as they stand at each use. */
export interface TransactionSettings {
  /** `transaction.max.timeout.ms` */
  readonly maxTimeoutMs: number;
  /** `transaction.two.phase.commit.enable` */
  readonly twoPhaseCommit: boolean;
  /** `transactional.id.expiration.ms` */
  readonly idExpirationMs: number;
  /** `transaction.abort.timed.out.transaction.cleanup.interval.ms` */
  readonly abortCheckIntervalMs: number;
  /** `transaction.remove.expired.transaction.cleanup.interval.ms` */
  readonly expiryCheckIntervalMs: number;
  /** `transaction.version` as the cluster has finalized it. */
  readonly version: TransactionVersion;
}
