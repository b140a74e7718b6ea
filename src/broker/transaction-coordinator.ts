import type { TimingWheel } from '../base/timing-wheel.js';
import type { Settings } from '../config/index.js';
import { loadTimeMetrics, transactionalIdMetrics, type TransactionMetrics } from '../coordinator/transaction/metrics.js';
import { transactionRecordCodec, type TransactionRecord } from '../coordinator/transaction/records.js';
import { TransactionService, type TransactionServiceOptions } from '../coordinator/transaction/service.js';
import type { TransactionSettings } from '../coordinator/transaction/settings.js';
import type { Transaction } from '../coordinator/transaction/transaction.js';
import { TransactionMachine } from '../coordinator/transaction/transaction-machine.js';
import type { TransactionVersion } from '../coordinator/transaction/types.js';
import type { Clock, Env } from '../env/index.js';
import { FeatureName } from '../metadata/features.js';
import type { MetadataImage } from '../metadata/types.js';
import { TRANSACTIONS_TOPIC } from '../protocol/internal-topics.js';
import type { Loading, ReplicaManager } from '../replication/index.js';
import type { Runtime } from '../runtime/runtime.js';
import type { RuntimeSet } from '../runtime/runtime-set.js';
import { coordinatorRuntimes, stablePartitionCount } from './coordinator-runtimes.js';

export interface TransactionCoordinatorOptions extends Pick<TransactionServiceOptions, 'nextProducerId' | 'writeMarkers' | 'writeAll'> {
  readonly env: Env;
  readonly wheel: TimingWheel;
  readonly replicas: ReplicaManager;
  readonly readBudget: Loading['budget'];
  readonly settings: () => Settings;
  readonly image: () => MetadataImage;
  /** A coordinator serves, or has failed: whoever waits for that may look. */
  readonly onSettled: () => void;
}

/** The transaction machines over the partitions of `__transaction_state` that this node leads. */
export class TransactionCoordinator {
  readonly service: TransactionService;
  readonly runtimes: RuntimeSet<TransactionMachine, TransactionRecord>;

  private readonly clock: Clock;

  constructor({ env, wheel, replicas, readBudget, settings, image, onSettled, ...carriers }: TransactionCoordinatorOptions) {
    this.clock = env.clock;
    const logger = env.logger.child('transactions');
    const transactionSettings = transactionSettingsOf(settings, image);
    const partitionCount = stablePartitionCount(image, TRANSACTIONS_TOPIC, () => settings().get('transaction.state.log.num.partitions'));
    this.runtimes = coordinatorRuntimes<TransactionMachine, TransactionRecord>({
      name: 'transaction coordinator', topic: TRANSACTIONS_TOPIC, env, logger, replicas, readBudget, codec: transactionRecordCodec,
      loadBytes: settings().get('transaction.state.log.load.buffer.size'),
      create: () => new TransactionMachine(transactionSettings),
      commitTimeoutMs: settings().get('request.timeout.ms'),
      onSettled: partition => {
        partitionCount();
        void this.service.elected(partition);
        onSettled();
      },
    });
    this.service = new TransactionService({
      ...carriers, wheel, logger, settings: transactionSettings,
      runtimes: this.runtimes,
      partitionCount,
    });
    this.service.start();
  }

  metrics(): TransactionMetrics {
    const serving = this.runtimes.active();
    return {
      ...transactionalIdMetrics(allOf(serving), this.clock.nowMs()),
      ...this.service.metrics(),
      ...loadTimeMetrics(serving.map(({ loadedInMs }) => loadedInMs)),
    };
  }

  close(): void {
    this.service.close();
    this.runtimes.close();
  }
}

function* allOf(serving: readonly Runtime<TransactionMachine, TransactionRecord>[]): Generator<Transaction, void, undefined> {
  for (const { machine } of serving) if (machine !== undefined) yield* machine.all();
}

/** Read at each use, so that what changes while a broker runs takes effect. */
function transactionSettingsOf(settings: () => Settings, image: () => MetadataImage): TransactionSettings {
  return {
    get maxTimeoutMs() { return settings().get('transaction.max.timeout.ms'); },
    get twoPhaseCommit() { return settings().get('transaction.two.phase.commit.enable'); },
    get idExpirationMs() { return settings().get('transactional.id.expiration.ms'); },
    get abortCheckIntervalMs() { return settings().get('transaction.abort.timed.out.transaction.cleanup.interval.ms'); },
    get expiryCheckIntervalMs() { return settings().get('transaction.remove.expired.transaction.cleanup.interval.ms'); },
    // Of what the cluster may finalize, which is what this version serves.
    get version() { return (image().features.finalized.get(FeatureName.TRANSACTION_VERSION) ?? 0) as TransactionVersion; },
  };
}
