import { randomUuid } from '../base/uuid.js';
import { planListeners, type Listener, type ListenerPlan, type Settings } from '../config/index.js';
import { SECURITY_PROTOCOLS } from '../config/listeners.js';
import type { Env } from '../env/index.js';
import { openLogManager, type NodeLogManager } from '../log/index.js';
import { SUPPORTED_FEATURES } from '../metadata/features.js';
import type { MetadataImage } from '../metadata/types.js';
import { ReplicaManager } from '../replication/index.js';
import { withApiVersions } from '../server/api-versions.js';
import { allowAll } from '../server/authorizer.js';
import { OFFSETS_TOPIC } from '../server/internal-topics.js';
import type { ServerLimits } from '../server/limits.js';
import { Server, type BoundListener } from '../server/server.js';
import type { Services } from '../server/services.js';
import { ensureInternalTopic } from '../server/topic-creation.js';
import { apiTable } from './api-table.js';
import { GroupCoordinator } from './group-coordinator.js';
import { Lifecycle } from './lifecycle.js';
import { prepareDirectories } from './prepare-directories.js';
import { ProducerIds } from './producer-ids.js';
import { Publisher } from './publisher.js';
import { Quorum } from './quorum.js';

export interface BrokerOptions {
  readonly settings: Settings;
  readonly env: Env;
}

/** How long a change waits for its leaders to serve before the client hears that it takes too long. */
const SERVE_TIMEOUT_MS = 30_000;
/** Told to clients of a listener on all interfaces, unless advertised.listeners says better: it always reaches a local broker. */
const LOCAL_HOST_NAME = 'localhost';

/**
 * One broker with its controller: made of its parts, in the order in which they need one another, and taken apart in the
 * reverse order. The only place where everything is known to everybody.
 */
export class Broker {
  /** Resolves with the reason when the broker cannot go on: its disk or its metadata failed. Somebody should close it then. */
  readonly failed: Promise<Error>;
  #fail: (error: Error) => void = () => {};
  #closing: Promise<void> | undefined;
  readonly #teardown: (() => void | Promise<void>)[] = [];
  #advertised = { host: '', port: 0 };
  #clusterId = '';

  private constructor(private readonly options: BrokerOptions) {
    this.failed = new Promise(resolve => { this.#fail = resolve; });
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
      await broker.close();
      throw error;
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

  /** Answers what is in flight, makes the data durable, frees ports and handles. */
  close(): Promise<void> {
    return (this.#closing ??= this.#stop());
  }

  async #stop(): Promise<void> {
    for (const step of this.#teardown.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        this.options.env.logger.error('a part of the broker could not be closed in order', { error });
      }
    }
  }

  async #start(): Promise<void> {
    const { settings, env } = this.options;
    const plan = planListeners(settings, LOCAL_HOST_NAME);
    const brokerId = settings.get('node.id');
    const { clusterId } = prepareDirectories(env, settings, plan);
    this.#clusterId = clusterId;

    // The last thing to be closed: it writes the marker that vouches for everything before it.
    const life: { lifecycle?: Lifecycle } = {};
    const logs = await this.#openLogs(brokerId, clusterId);
    this.#teardown.push(() => logs.close({ brokerEpoch: life.lifecycle?.epoch ?? -1 }));

    const publisher = new Publisher({ brokerId, settings, clock: env.clock, logger: env.logger });
    const server = this.#makeServer(publisher);
    this.#teardown.push(() => server.close());
    const bound = await this.#listen(server, plan);

    const quorum = await this.#joinQuorum(logs, brokerId, clusterId, plan, bound);
    this.#teardown.push(() => quorum.close());
    quorum.loader.add(publisher);
    await Promise.all([quorum.loader.caughtUp(), logs.load()]);

    const replicas = new ReplicaManager({ localId: brokerId, logManager: logs, settingsOf: topic => publisher.logSettingsOf(topic) });
    const groups = new GroupCoordinator({
      env, replicas, settings: () => publisher.settings, image: () => publisher.image, onReady: () => publisher.recheck(),
    });
    this.#teardown.push(() => groups.close());
    const lifecycle = new Lifecycle({
      controller: quorum.controller, clock: env.clock, logger: env.logger, brokerId, clusterId,
      incarnationId: randomUuid(env.random), rack: settings.get('broker.rack') ?? null,
      listeners: registered(plan, bound), logDirs: logs.logDirs.map(({ id }) => id),
      previousBrokerEpoch: logs.previousBrokerEpoch ?? -1,
      heartbeatIntervalMs: settings.get('broker.heartbeat.interval.ms'),
      appliedOffset: () => publisher.image.offset,
    });
    life.lifecycle = lifecycle;
    this.#teardown.push(() => lifecycle.shutDown());
    const producerIds = new ProducerIds(quorum.controller, brokerId, () => lifecycle.epoch);
    const services: Services = {
      brokerId, clusterId, replicas, logs,
      image: () => publisher.image,
      settings: () => publisher.settings,
      controller: quorum.controller,
      groups: groups.service,
      authorizer: allowAll,
      ensureInternalTopic: name => ensureInternalTopic(services, name),
      clock: env.clock, random: env.random, compute: env.compute, logger: env.logger,
      untilTopicsServe: names => publisher.until(() => names.every(name => this.#serves(publisher, replicas, groups, brokerId, name)), SERVE_TIMEOUT_MS),
      diskUsage: path => env.disk.usage(path),
      nextProducerId: () => producerIds.next(),
    };

    await lifecycle.register();
    await quorum.loader.caughtUp();
    setStraysAside(logs, publisher.image, brokerId);
    publisher.attach(replicas, { topicsDeleted: topics => void groups.service.topicsDeleted(topics) });
    await lifecycle.unfence();
    await quorum.loader.caughtUp();
    await publisher.until(() => groups.isSettled, SERVE_TIMEOUT_MS);
    server.serve(withApiVersions({
      apis: apiTable(services), supportedFeatures: SUPPORTED_FEATURES, finalizedFeatures: () => publisher.image.features,
    }));
  }

  #openLogs(nodeId: number, clusterId: string): Promise<NodeLogManager> {
    const { settings, env } = this.options;
    return openLogManager({
      env, nodeId, clusterId,
      directories: settings.dataDirectories,
      defaultSettings: new Publisher({ brokerId: nodeId, settings, clock: env.clock, logger: env.logger }).logSettingsOf(''),
      producerExpirationMs: settings.get('producer.id.expiration.ms'),
      recoveryPointCheckpointMs: settings.get('log.flush.offset.checkpoint.interval.ms'),
      logStartOffsetCheckpointMs: settings.get('log.flush.start.offset.checkpoint.interval.ms'),
      highWatermarkCheckpointMs: settings.get('replica.high.watermark.checkpoint.interval.ms'),
      retentionCheckMs: settings.get('log.retention.check.interval.ms'),
      producerExpirationCheckMs: settings.get('producer.id.expiration.check.interval.ms'),
      onDirectoryFailed: (directory, error) => this.#fail(new Error(`log directory ${directory.path} failed: ${error.message}`)),
    });
  }

  #makeServer(publisher: Publisher): Server {
    const { settings, env } = this.options;
    const queued = settings.get('queued.max.request.bytes');
    return new Server({ env, limits: () => limitsOf(publisher.settings), ...(queued > 0 && { queuedBytes: queued }) });
  }

  /** Binds all listeners, so that their ports are known; who connects now is served once the broker is ready. */
  async #listen(server: Server, { listeners }: ListenerPlan): Promise<BoundListener[]> {
    const bound = await server.listen(listeners.map(({ name, protocol, role, host, port }) => ({ name, protocol, role, host, port })));
    const first = listeners.findIndex(({ role }) => role === 'broker');
    const { advertised } = listeners[first]!;
    this.#advertised = { host: advertised?.host ?? bound[first]!.host, port: advertised?.port || bound[first]!.port };
    return bound;
  }

  #joinQuorum(logs: NodeLogManager, nodeId: number, clusterId: string, plan: ListenerPlan, bound: readonly BoundListener[]): Promise<Quorum> {
    const { settings, env } = this.options;
    const directory = logs.logDirs.find(({ path }) => path === settings.metadataDirectory) ?? logs.logDirs[0]!;
    return Quorum.start({
      env, settings, host: logs.host, nodeId, clusterId, directory: directory.path, directoryId: directory.id,
      endpoints: plan.listeners.flatMap(({ name, role, advertised, host }, i) =>
        (role === 'controller' ? [{ name, host: advertised?.host ?? host, port: bound[i]!.port }] : [])),
      onFault: error => this.#fail(error),
    });
  }

  /** Whether clients find the whole topic usable here: all leaders, and the coordinators over them. */
  #serves(publisher: Publisher, replicas: ReplicaManager, groups: GroupCoordinator, brokerId: number, name: string): boolean {
    const topic = publisher.image.topicsByName.get(name);
    return topic !== undefined && topic.partitions.every(({ leader }, index) =>
      leader !== brokerId || (typeof replicas.findLeader(topic.id, index) !== 'number' && (name !== OFFSETS_TOPIC || groups.serves(index))));
  }
}

/** Logs of topics that are gone, or whose id is another now, are kept under another name: nothing is deleted that nobody asked to delete. */
function setStraysAside(logs: NodeLogManager, image: MetadataImage, brokerId: number): void {
  const strays = [...logs.all()].filter(({ topic, partition, topicId }) => {
    const known = image.topicsByName.get(topic);
    return known?.id !== topicId || !known.partitions[partition]?.replicas.includes(brokerId);
  });
  for (const { topic, partition } of strays) logs.markStray(topic, partition);
}

/** The broker's own listeners as it registers them. */
function registered({ listeners }: ListenerPlan, bound: readonly BoundListener[]) {
  return listeners.flatMap(({ name, role, protocol, advertised }: Listener, i) => (role !== 'broker' || advertised === undefined ? [] : [{
    name, host: advertised.host, port: advertised.port || bound[i]!.port, securityProtocol: SECURITY_PROTOCOLS.indexOf(protocol),
  }]));
}

function limitsOf(settings: Settings): ServerLimits {
  return {
    maxRequestBytes: settings.get('socket.request.max.bytes'),
    maxIdleMs: settings.get('connections.max.idle.ms'),
    maxConnections: settings.get('max.connections'),
    maxConnectionsPerIp: settings.get('max.connections.per.ip'),
    frameProgressMs: 30_000,
  };
}
