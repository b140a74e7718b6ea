import { TimingWheel } from '../base/timing-wheel.js';
import { randomUuid } from '../base/uuid.js';
import { cleanerSettingsOf, controllerEndpoints, planListeners, type ListenerPlan, type Settings } from '../config/index.js';
import type { ControllerApi } from '../controller/index.js';
import { DiskError, type Compute, type Env } from '../env/index.js';
import type { CleanResult } from '../log/compaction/clean-job.js';
import { NEVER_DIRECT, openLogManager, type LogManagerOptions, type NodeLogManager, type PartitionLog } from '../log/index.js';
import { MetadataVersionGate, SUPPORTED_FEATURES } from '../metadata/features.js';
import { directoryOf } from '../metadata/image.js';
import type { MetadataImage } from '../metadata/types.js';
import { LogDirMoves, replicaMetrics, ReplicaManager } from '../replication/index.js';
import { withApiVersions } from '../server/api-versions.js';
import { ClientQuotas } from '../server/quotas/quotas.js';
import type { Windows } from '../server/quotas/rate.js';
import { Server } from '../server/server.js';
import { ClientTelemetry } from '../server/telemetry/client-telemetry.js';
import { localMarkers } from '../server/transactions/markers.js';
import { VerificationCounts } from '../server/transactions/verification-counts.js';
import { apiTable } from './api-table.js';
import { DirectoryAssignments } from './directory-assignments.js';
import { DirectoryFailures } from './directory-failures.js';
import { mustBeFree } from './free-ports.js';
import { GroupCoordinator } from './group-coordinator.js';
import { Lifecycle } from './lifecycle.js';
import { Listeners } from './listeners.js';
import type { BrokerMetrics, MemoryInUse } from './metrics.js';
import { isPrepared, prepareDirectories } from './prepare-directories.js';
import { ProducerIds } from './producer-ids.js';
import { Publisher } from './publisher.js';
import { Quorum } from './quorum.js';
import { ServerLimitsNow } from './server-limits.js';
import { SERVE_TIMEOUT_MS, servicesOf } from './services.js';
import { TransactionCoordinator } from './transaction-coordinator.js';

export interface BrokerOptions {
  readonly settings: Settings;
  readonly env: Env;
}

/** What there is before anything is served: the directories, the listeners, and the metadata as far as it is committed. */
interface Ground {
  readonly brokerId: number;
  readonly clusterId: string;
  readonly listeners: Listeners;
  readonly server: Server;
  readonly publisher: Publisher;
  readonly quotas: ClientQuotas;
  readonly logs: NodeLogManager;
  readonly quorum: Quorum;
}

/** What follows the metadata from there on. */
interface WorkingParts {
  readonly replicas: ReplicaManager;
  readonly moves: LogDirMoves;
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  readonly producerIds: ProducerIds;
  readonly wheel: TimingWheel;
  readonly lifecycle: Lifecycle;
}

/** Told to clients of a listener on all interfaces, unless advertised.listeners says better: it always reaches a local broker. */
const LOCAL_HOST_NAME = 'localhost';

/**
 * One broker with its controller: made of its parts, in the order in which they need one another, and taken apart in the
 * reverse order. The only place where everything is known to everybody.
 */
export class Broker {
  /**
   * Resolves with the reason when the broker cannot go on: its metadata, or the last of its log directories, failed. Somebody
   * should close it then.
   */
  readonly failed: Promise<Error>;
  #fail: (error: Error) => void = () => {};
  #failure: Error | undefined;
  #closing: Promise<void> | undefined;
  readonly #teardown: (() => void | Promise<void>)[] = [];
  #advertised = { host: '', port: 0 };
  #clusterId = '';
  #lifecycle: Lifecycle | undefined;
  readonly #directoryFailures: DirectoryFailures;
  #telemetry: ClientTelemetry | undefined;
  /** Once it serves, and no broker is given to anybody before. */
  #metrics: (() => BrokerMetrics) | undefined;
  #serving = false;
  #settings: () => Settings = () => this.options.settings;
  #memory: () => MemoryInUse = () => ({ requestBytes: 0, unsentReadBytes: 0, tailCacheBytes: 0 });

  private constructor(private readonly options: BrokerOptions) {
    this.failed = new Promise(resolve => {
      this.#fail = error => {
        this.#failure ??= error;
        resolve(error);
      };
    });
    this.#directoryFailures = new DirectoryFailures({
      clock: options.env.clock, logger: options.env.logger, metadataDirectory: options.settings.metadataDirectory, stop: error => this.#fail(error),
    });
  }

  /**
   * Starts a broker and resolves once everything is usable. Rejects with a `ConfigError` for a wrong setting, and with an error
   * that names the port or the directory when that cannot be had; nothing is left behind then.
   */
  static async start(options: BrokerOptions): Promise<Broker> {
    const broker = new Broker(options);
    try {
      await broker.#start();
      return broker;
    } catch (error) {
      // What kept it from starting is what the caller should hear of.
      await broker.close().catch(() => {});
      throw broker.#failure ?? error;
    }
  }

  /** Host and port as clients are told to connect to. */
  get host(): string {
    return this.#advertised.host;
  }

  get port(): number {
    return this.#advertised.port;
  }

  get bootstrapServers(): string {
    return `${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`;
  }

  get clusterId(): string {
    return this.#clusterId;
  }

  /** As they stand now, those changed while it runs included. */
  get settings(): Settings {
    return this.#settings();
  }

  /** What clients make the broker hold, however many they are and whatever they do. */
  get memory(): MemoryInUse {
    return this.#memory();
  }

  /** How it is and what it does, at this moment. */
  metrics(): BrokerMetrics {
    return this.#metrics!();
  }

  /** Answers what is in flight, makes the data durable, frees ports and handles. Rejects when the data may not be durable. */
  close(): Promise<void> {
    return (this.#closing ??= this.#stop());
  }

  /** Every step is taken, whatever became of those before it; the first failure is thrown at the end. */
  async #stop(): Promise<void> {
    const { logger } = this.options.env;
    let failure: unknown;
    for (const step of this.#teardown.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        failure ??= error;
        logger.error('a part of the broker could not be closed in order', { error: error instanceof DiskError ? error.message : error });
      }
    }
    if (this.#serving) logger.info('stopped');
    if (failure !== undefined) throw failure;
  }

  async #start(): Promise<void> {
    const ground = await this.#prepareGround();
    const parts = this.#makeParts(ground);
    await this.#takeUpWork(ground, parts);
    this.#serve(ground, parts);
  }

  /** Directories, listeners and the quorum; at the end the metadata is known, and with it which logs there should be. */
  async #prepareGround(): Promise<Ground> {
    const { settings, env } = this.options;
    const plan = planListeners(settings, LOCAL_HOST_NAME);
    const brokerId = settings.get('node.id');
    this.#teardown.push(() => env.compute.release());
    if (!isPrepared(env.disk, settings)) await mustBeFree(env.net, plan);
    const { clusterId } = prepareDirectories(env, settings, plan);
    this.#clusterId = clusterId;

    const publisher = new Publisher({ brokerId, settings, clock: env.clock, logger: env.logger.child('metadata') });
    this.#settings = () => publisher.settings;
    const logs = await this.#openLogs(publisher, brokerId, clusterId);
    const quotas = makeQuotas(settings, env);
    const limits = new ServerLimitsNow({ net: env.net, settings: () => publisher.settings, changed: () => server.limitsChanged() });
    const server = this.#makeServer(limits, quotas, logs);
    const listeners = await Listeners.bind(server, plan, env.logger.child('server'));
    this.#advertised = listeners.advertised;
    const quorum = await this.#joinQuorum(logs, brokerId, clusterId, plan, listeners);
    quorum.loader.add(publisher);
    quorum.loader.add(quotas);
    quorum.loader.add(limits);
    await quorum.loader.caughtUp();
    await listeners.follow(planListeners(publisher.settings, LOCAL_HOST_NAME));
    await logs.load();
    return { brokerId, clusterId, listeners, server, publisher, quotas, logs, quorum };
  }

  #makeParts(ground: Ground): WorkingParts {
    const { brokerId, publisher, logs, quorum: { controller } } = ground;
    const assignments = this.#makeAssignments(controller, publisher, brokerId);
    const replicas = new ReplicaManager({
      localId: brokerId, logManager: logs, logger: this.options.env.logger.child('replicas'),
      settingsOf: topic => publisher.logSettingsOf(topic),
      misplaced: (partition, directoryId) => {
        if (!moves.isMovingTo(partition, directoryOf(partition.image, brokerId))) assignments.assign(partition.topicId, partition.index, directoryId);
      },
    });
    const moves = this.#makeMoves({ logs, replicas, assignments, publisher });
    const wheel = new TimingWheel(this.options.env.clock);
    this.#teardown.push(() => wheel.close());
    const groups = this.#makeGroupCoordinator(publisher, logs, replicas);
    const lifecycle = this.#lifecycle = this.#makeLifecycle(ground);
    const producerIds = new ProducerIds(controller, brokerId, () => lifecycle.epoch);
    const transactions = this.#makeTransactionCoordinator({ publisher, logs, replicas, groups, producerIds, wheel });
    this.#directoryFailures.attach({ replicas, moves, lifecycle });
    return { replicas, moves, groups, transactions, producerIds, wheel, lifecycle };
  }

  /** From a registration to leaderships, coordinators with their logs read, and leave to serve. */
  async #takeUpWork({ quorum, publisher, listeners, logs }: Ground, { lifecycle, replicas, moves, groups, transactions }: WorkingParts): Promise<void> {
    await lifecycle.register();
    await quorum.loader.caughtUp();
    publisher.attach(replicas, {
      topicsDeleted: topics => void groups.service.topicsDeleted(topics),
      topicsChanged: topics => void groups.service.topicsChanged(topics),
      settingsChanged: () => {
        logs.cleaner.settingsChanged();
        void listeners.follow(planListeners(publisher.settings, LOCAL_HOST_NAME));
        // Not in the midst of the metadata's own publication, to which a heartbeat may add.
        this.options.env.clock.endOfTurn(() => lifecycle.settingsChanged());
      },
    });
    moves.resume();
    await lifecycle.unfence();
    await quorum.loader.caughtUp();
    await publisher.until(() => groups.runtimes.areSettled && transactions.runtimes.areSettled, SERVE_TIMEOUT_MS);
  }

  #serve({ brokerId, clusterId, listeners, server, publisher, quotas, logs, quorum: { controller, api: quorum } }: Ground, parts: WorkingParts): void {
    const { settings, env } = this.options;
    const { wheel } = parts;
    const telemetry = new ClientTelemetry({
      clock: env.clock, random: env.random, compute: env.compute, logger: env.logger, wheel,
      image: () => publisher.image, maxBytes: settings.get('telemetry.max.bytes'), collects: settings.get('ottla.telemetry.enable'),
    });
    this.#telemetry = telemetry;
    const verifications = new VerificationCounts();
    this.#metrics = () => ({
      memory: this.memory, logs: logs.metrics, clientTelemetry: telemetry.metrics(), transactions: parts.transactions.metrics(), verifications: verifications.metrics(),
      replicas: replicaMetrics(parts.replicas.all(), env.clock.nowMs(), publisher.settings.get('transaction.max.timeout.ms')),
    });
    const services = servicesOf({ env, brokerId, clusterId, logs, publisher, controller, quorum, quotas, telemetry, verifications, ...parts });
    server.serve(withApiVersions({
      apis: apiTable(services), supportedFeatures: SUPPORTED_FEATURES, finalizedFeatures: () => publisher.image.features,
    }));
    this.#serving = true;
    env.logger.info('started', {
      node: brokerId, cluster: clusterId, listeners: listeners.bound.map(({ name, host, port }) => `${name}://${host}:${port}`).join(','),
      data: settings.dataDirectories.join(','),
    });
    // Closed first: what is in flight still finds everything else.
    this.#teardown.push(() => server.close());
    this.#teardown.push(() => parts.lifecycle.shutDown());
  }

  #makeAssignments(controller: ControllerApi, publisher: Publisher, brokerId: number): DirectoryAssignments {
    const { clock, logger } = this.options.env;
    const assignments = new DirectoryAssignments({
      controller, clock, logger: logger.child('lifecycle'), brokerId, brokerEpoch: () => this.#lifecycle?.epoch ?? -1, image: () => publisher.image,
    });
    this.#teardown.push(() => assignments.close());
    return assignments;
  }

  #makeMoves({ logs, replicas, assignments, publisher }: {
    logs: NodeLogManager; replicas: ReplicaManager; assignments: DirectoryAssignments; publisher: Publisher;
  }): LogDirMoves {
    const { env: { clock, logger }, settings } = this.options;
    const moves = new LogDirMoves({
      logManager: logs, replicas, clock, logger: logger.child('moves'),
      bytesPerSecond: () => publisher.settings.get('replica.alter.log.dirs.io.max.bytes.per.second'),
      atOnce: settings.get('num.replica.alter.log.dirs.threads') ?? settings.dataDirectories.length,
      assign: (topicId, index, directoryId, accepted) => assignments.assign(topicId, index, directoryId, accepted),
      keepsAssignments: () => publisher.image.features.metadataVersion >= MetadataVersionGate.DIRECTORY_ASSIGNMENT,
    });
    this.#teardown.push(() => moves.close());
    return moves;
  }

  #makeGroupCoordinator(publisher: Publisher, { readBudget }: NodeLogManager, replicas: ReplicaManager): GroupCoordinator {
    const groups = new GroupCoordinator({
      env: this.options.env, replicas, readBudget, settings: () => publisher.settings, groupConfigOf: groupId => publisher.groupConfigOf(groupId),
      image: () => publisher.image, onSettled: () => publisher.recheck(),
    });
    this.#teardown.push(() => groups.close());
    return groups;
  }

  #makeTransactionCoordinator({ publisher, logs, replicas, groups, producerIds, wheel }: {
    publisher: Publisher; logs: NodeLogManager; replicas: ReplicaManager; groups: GroupCoordinator; producerIds: ProducerIds; wheel: TimingWheel;
  }): TransactionCoordinator {
    const { env } = this.options;
    const settings = (): Settings => publisher.settings;
    const image = (): MetadataImage => publisher.image;
    const writeAll = (): void => logs.host.turnWrites.writeAll();
    const transactions = new TransactionCoordinator({
      env, wheel, replicas, readBudget: logs.readBudget, settings, image, onSettled: () => publisher.recheck(),
      nextProducerId: () => producerIds.next(),
      writeMarkers: localMarkers({ image, replicas, clock: env.clock, wheel, settings, logger: env.logger, groups: groups.service, writeAll }),
      writeAll,
    });
    this.#teardown.push(() => transactions.close());
    return transactions;
  }

  #makeLifecycle({ quorum: { controller }, brokerId, clusterId, publisher, logs, listeners }: Ground): Lifecycle {
    const { settings, env } = this.options;
    return new Lifecycle({
      controller, clock: env.clock, logger: env.logger.child('lifecycle'), brokerId, clusterId,
      incarnationId: randomUuid(env.random),
      rack: settings.get('broker.rack') ?? null,
      listeners: listeners.registered,
      logDirs: logs.logDirs.filter(({ error }) => error === undefined).map(({ id }) => id),
      previousBrokerEpoch: logs.previousBrokerEpoch ?? -1,
      heartbeatIntervalMs: settings.get('broker.heartbeat.interval.ms'),
      cordonedDirectories: () => (publisher.image.features.metadataVersion < MetadataVersionGate.CORDONED_LOG_DIRS
        ? null
        : logs.logDirs.filter(directory => logs.isCordoned(directory) && directory.error === undefined).map(({ id }) => id)),
      directoryFailureTimeoutMs: settings.get('log.dir.failure.timeout.ms'),
      onFault: error => this.#fail(error),
      appliedOffset: () => publisher.image.offset,
    });
  }

  async #openLogs(publisher: Publisher, nodeId: number, clusterId: string): Promise<NodeLogManager> {
    const { settings, env } = this.options;
    const { clock, random, disk, logger, compute: { offload } } = env;
    const logs: NodeLogManager = await openLogManager({
      env: { clock, random, disk, logger: logger.child('log') }, nodeId, clusterId,
      directories: settings.dataDirectories,
      metadataDirectory: settings.metadataDirectory,
      ...(settings.get('ottla.direct.write.enable') ? {} : { writeWays: NEVER_DIRECT }),
      cordonedDirectories: () => publisher.settings.cordonedDirectories,
      defaultSettings: publisher.logSettingsOf(''),
      isStray: log => isStray(log, publisher.image, nodeId),
      settingsOf: topic => (publisher.image.topicsByName.has(topic) ? publisher.logSettingsOf(topic) : undefined),
      producerExpirationMs: () => publisher.settings.get('producer.id.expiration.ms'),
      verifiesTransactions: () => publisher.settings.get('transaction.partition.verification.enable'),
      cleanerSettings: () => cleanerSettingsOf(publisher.settings),
      deleteDelayMs: () => publisher.settings.get('log.segment.delete.delay.ms'),
      initialTaskDelayMs: settings.get('log.initial.task.delay.ms'),
      recoveryPointCheckpointMs: settings.get('log.flush.offset.checkpoint.interval.ms'),
      logStartOffsetCheckpointMs: settings.get('log.flush.start.offset.checkpoint.interval.ms'),
      highWatermarkCheckpointMs: settings.get('replica.high.watermark.checkpoint.interval.ms'),
      retentionCheckMs: settings.get('log.retention.check.interval.ms'),
      producerExpirationCheckMs: settings.get('producer.id.expiration.check.interval.ms'),
      ...(offload && { runClean: cleanElsewhere(offload) }),
      onDirectoryFailed: (directory, error) => this.#directoryFailures.directoryFailed(directory, error, logs.logDirs),
    });
    // Closed last of all: its marker vouches for everything before it.
    this.#teardown.push(() => logs.close({ brokerEpoch: this.#lifecycle?.epoch ?? -1 }));
    return logs;
  }

  #makeServer(limits: ServerLimitsNow, quotas: ClientQuotas, { host: { turnWrites, tailCache }, readBudget }: NodeLogManager): Server {
    const { settings, env } = this.options;
    const queued = settings.get('queued.max.request.bytes');
    const server = new Server({
      env, quotas, limits: () => limits.now, connectionWindows: clientWindows(settings),
      beforeSending: () => turnWrites.writeAll(), memoryIsShort: () => readBudget.isExhausted,
      onDisconnected: ({ id }) => this.#telemetry?.disconnected(id),
      ...(queued > 0 && { queuedBytes: queued }),
    });
    turnWrites.onFailure(() => server.dropAnswers());
    this.#memory = () => ({
      requestBytes: server.queuedBytes, unsentReadBytes: readBudget.heldBytes, tailCacheBytes: tailCache.sizeBytes,
    });
    this.#teardown.push(() => server.close());
    return server;
  }

  async #joinQuorum(logs: NodeLogManager, nodeId: number, clusterId: string, plan: ListenerPlan, { bound }: Listeners): Promise<Quorum> {
    const { settings, env } = this.options;
    const quorum = await Quorum.start({
      env, settings, host: logs.host, nodeId, clusterId, directory: logs.metadataDir,
      endpoints: controllerEndpoints(settings, plan).map(endpoint =>
        ({ ...endpoint, port: endpoint.port || (bound.find(({ name }) => name === endpoint.name)?.port ?? 0) })),
      onFault: error => this.#fail(error),
    });
    this.#teardown.push(() => quorum.close());
    return quorum;
  }
}

/**
 * Whether a log is of a topic that is gone, or whose id is another now. A log learns its topic's id with its first record, so that
 * an empty one without belongs to whoever has its name.
 */
function isStray({ topic, partition, topicId, isUnused }: Pick<PartitionLog, 'topic' | 'partition' | 'topicId' | 'isUnused'>, image: MetadataImage, brokerId: number): boolean {
  const known = image.topicsByName.get(topic);
  const isPlacedHere = known?.partitions[partition]?.replicas.includes(brokerId) ?? false;
  return !(isPlacedHere && (isUnused || topicId === known?.id));
}

const clientWindows = (settings: Settings): Windows =>
  ({ samples: settings.get('quota.window.num'), windowMs: 1000 * settings.get('quota.window.size.seconds') });

function makeQuotas(settings: Settings, { clock }: Env): ClientQuotas {
  return new ClientQuotas({
    windows: clientWindows(settings),
    mutationWindows: { samples: settings.get('controller.quota.window.num'), windowMs: 1000 * settings.get('controller.quota.window.size.seconds') },
    nowMs: () => clock.monotonicMs(),
  });
}

/** Compaction on a worker thread. Should the thread die, the log is not to blame: it is cleaned another time. */
function cleanElsewhere(offload: NonNullable<Compute['offload']>): NonNullable<LogManagerOptions['runClean']> {
  return job => offload('clean', job).catch((): CleanResult => ({ kind: 'aborted' }));
}
