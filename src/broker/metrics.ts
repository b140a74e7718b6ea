import type { TransactionMetrics } from '../coordinator/transaction/metrics.js';
import type { LogMetrics } from '../log/metrics.js';
import type { ReplicaMetrics } from '../replication/index.js';
import type { ClientTelemetryMetrics } from '../server/telemetry/client-telemetry.js';
import type { VerificationMetrics } from '../server/transactions/verification-counts.js';

/** Each of these has a bound of its own. */
export interface MemoryInUse {
  /** Of requests on their way in. Beyond `queued.max.request.bytes` no connection reads on but one; each may have begun a frame. */
  readonly requestBytes: number;
  /** Read for clients and not sent yet (`ReadBudget`). */
  readonly unsentReadBytes: number;
  /** The newest bytes of the logs. */
  readonly tailCacheBytes: number;
}

export interface BrokerMetrics {
  readonly memory: MemoryInUse;
  readonly logs: LogMetrics;
  readonly replicas: ReplicaMetrics;
  /** Those that this node coordinates. */
  readonly transactions: TransactionMetrics;
  readonly verifications: VerificationMetrics;
  /** What clients push of themselves, where `ottla.telemetry.enable` is set. */
  readonly clientTelemetry: ClientTelemetryMetrics;
}
