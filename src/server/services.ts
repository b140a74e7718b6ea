import type { TimingWheel } from '../base/timing-wheel.js';
import type { Settings } from '../config/index.js';
import type { ControllerApi } from '../controller/index.js';
import type { GroupService } from '../coordinator/group/service.js';
import type { TransactionCoordinatorApi } from '../coordinator/transaction/types.js';
import type { Clock, Compute, Logger, Random } from '../env/index.js';
import type { LogManager } from '../log/index.js';
import type { MetadataImage } from '../metadata/types.js';
import type { QuorumApi } from '../raft/quorum-requests.js';
import type { LogDirMoves, ReplicaManager } from '../replication/index.js';
import type { Authorizer } from './context.js';
import type { Quotas } from './quotas/quotas.js';
import type { ClientTelemetry } from './telemetry/client-telemetry.js';
import type { VerificationCounts } from './transactions/verification-counts.js';

/** What handlers reach of the broker; made by the composition root. */
export interface Services {
  readonly brokerId: number;
  readonly clusterId: string;
  /** The cluster as this broker knows it now. */
  image(): MetadataImage;
  /** The broker's settings as they stand now, dynamic ones included. */
  settings(): Settings;
  readonly replicas: ReplicaManager;
  readonly moves: LogDirMoves;
  readonly logs: LogManager;
  readonly controller: ControllerApi;
  readonly quorum: QuorumApi;
  readonly groups: GroupService;
  readonly transactions: TransactionCoordinatorApi;
  readonly verifications: VerificationCounts;
  readonly telemetry: ClientTelemetry;
  readonly authorizer: Authorizer;
  readonly quotas: Quotas;
  /** Resolves once the topic of a coordinator exists and its leaders serve. */
  ensureInternalTopic(name: string): Promise<void>;
  readonly clock: Clock;
  /** For requests that wait. */
  readonly wheel: TimingWheel;
  readonly random: Random;
  readonly compute: Compute;
  readonly logger: Logger;
  /** Resolves once every partition of these topics has a leader that serves, or when the time is over: they are there either way. */
  untilTopicsServe(names: readonly string[], timeoutMs: number): Promise<void>;
  /** The address of a host, or of an address itself, as connections show it; undefined when nobody knows it. */
  resolveHost(host: string): Promise<string | undefined>;
  /** Bytes of the volume under a log directory. */
  diskUsage(path: string): { totalBytes: number; usableBytes: number };
  /** The next producer id, from a block of the controller's. */
  nextProducerId(): Promise<number>;
}
