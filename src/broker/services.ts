import type { TimingWheel } from '../base/timing-wheel.js';
import type { ControllerApi } from '../controller/index.js';
import type { Env } from '../env/index.js';
import type { LogManager } from '../log/index.js';
import type { QuorumApi } from '../raft/quorum-requests.js';
import type { LogDirMoves, ReplicaManager } from '../replication/index.js';
import { allowAll } from '../server/authorizer.js';
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from '../protocol/internal-topics.js';
import type { Quotas } from '../server/quotas/quotas.js';
import type { Services } from '../server/services.js';
import type { ClientTelemetry } from '../server/telemetry/client-telemetry.js';
import type { VerificationCounts } from '../server/transactions/verification-counts.js';
import { ensureInternalTopic } from '../server/topic-creation.js';
import type { GroupCoordinator } from './group-coordinator.js';
import type { Lifecycle } from './lifecycle.js';
import type { ProducerIds } from './producer-ids.js';
import type { Publisher } from './publisher.js';
import type { TransactionCoordinator } from './transaction-coordinator.js';

/** The parts of a running broker that handlers reach, each by what it is asked for. */
export interface Parts {
  readonly env: Env;
  readonly wheel: TimingWheel;
  readonly brokerId: number;
  readonly clusterId: string;
  readonly logs: LogManager;
  readonly publisher: Publisher;
  readonly controller: ControllerApi;
  readonly quorum: QuorumApi;
  readonly replicas: ReplicaManager;
  readonly moves: LogDirMoves;
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  readonly producerIds: ProducerIds;
  readonly lifecycle: Lifecycle;
  readonly quotas: Quotas;
  readonly telemetry: ClientTelemetry;
  readonly verifications: VerificationCounts;
}

/** How long a change waits for its leaders to serve before the client hears that it takes too long. */
export const SERVE_TIMEOUT_MS = 30_000;

export function servicesOf(parts: Parts): Services {
  const { env, wheel, brokerId, clusterId, logs, publisher, controller, quorum, replicas, moves, groups, transactions, producerIds, quotas, telemetry, verifications } = parts;
  const coordinators = new Map<string, Settling>([[OFFSETS_TOPIC, groups.runtimes], [TRANSACTIONS_TOPIC, transactions.runtimes]]);
  const services: Services = {
    brokerId, clusterId, replicas, moves, logs, controller, quorum, wheel, quotas, telemetry, verifications,
    image: () => publisher.image,
    settings: () => publisher.settings,
    groups: groups.service,
    transactions: transactions.service,
    authorizer: allowAll,
    clock: env.clock, random: env.random, compute: env.compute, logger: env.logger,
    ensureInternalTopic: name => ensureInternalTopic(services, name),
    untilTopicsServe: (names, timeoutMs) => publisher.until(() => names.every(name => serves(parts, name, coordinators.get(name))), timeoutMs).catch(() => {}),
    resolveHost: host => env.net.resolve(host),
    diskUsage: path => env.disk.usage(path),
    nextProducerId: () => producerIds.next(),
  };
  return services;
}

type Settling = Pick<GroupCoordinator['runtimes'], 'isSettled'>;

/** Whether clients find the whole topic usable: its leaders, and the coordinator over them if it has one, as far as they are this node's. */
function serves({ publisher, replicas, brokerId }: Parts, name: string, coordinator: Settling | undefined): boolean {
  const topic = publisher.image.topicsByName.get(name);
  return topic !== undefined && topic.partitions.every(({ leader }, index) =>
    leader !== brokerId || (typeof replicas.findLeader(topic.id, index) !== 'number' && (coordinator?.isSettled(index) ?? true)));
}
