import { localSettings, type Settings } from '../../config/index.js';
import { NodeRandom, silentLogger } from '../../env/node/index.js';
import { ManualClock } from '../../log/test-support.js';
import { defaultBootstrap, type BootstrapMetadata } from '../../metadata/bootstrap.js';
import { SUPPORTED_FEATURES } from '../../metadata/features.js';
import { recordsOfImage } from '../../metadata/image-records.js';
import { decodeMetadataRecord, type MetadataRecord } from '../../metadata/records.js';
import type { MetadataImage } from '../../metadata/types.js';
import { KafkaError } from '../../protocol/errors.js';
import { recordsIn } from '../../protocol/records/batch-iterator.js';
import { MemoryLog } from '../../runtime/memory-log.js';
import type { Runtime } from '../../runtime/runtime.js';
import { createControllerRuntime, LocalController } from '../controller-api.js';
import type { Controller } from '../controller.js';

export const CLUSTER = 'cluster';
/** A directory or incarnation by a number. */
export const uuid = (number: number) => Buffer.from(Uint8Array.from({ length: 16 }, (_, index) => (index === 0 ? 1 : number))).toString('base64url');

/** A controller over a log in memory, with brokers that it can be told of. */
export class Cluster {
  readonly clock = new ManualClock(0);
  readonly log = new MemoryLog();
  readonly faults: unknown[] = [];
  readonly epochs = new Map<number, number>();
  readonly runtime: Runtime<Controller, MetadataRecord>;
  readonly api: LocalController;
  private incarnations = 0;

  constructor(readonly settings: Settings = localSettings({ 'metadata.max.idle.interval.ms': '0' }), bootstrap: BootstrapMetadata = defaultBootstrap(), log?: MemoryLog) {
    if (log !== undefined) this.log = log;
    this.runtime = createControllerRuntime({
      env: { clock: this.clock, random: new NodeRandom(), logger: silentLogger }, log: this.log, nodeId: 1, clusterId: CLUSTER,
      settings, bootstrap, kraftVersion: 1, onFault: error => { this.faults.push(error); },
    });
    this.api = new LocalController(this.runtime);
  }

  static async serving(brokers: readonly number[] = [1], ...options: ConstructorParameters<typeof Cluster>): Promise<Cluster> {
    const cluster = new Cluster(...options);
    await cluster.runtime.elected(0);
    for (const broker of brokers) await cluster.start(broker);
    return cluster;
  }

  get image(): MetadataImage {
    return this.runtime.machine!.image;
  }

  async register(broker: number, fields: { incarnation?: number; previousBrokerEpoch?: number; logDirs?: string[]; rack?: string | null } = {}): Promise<number> {
    const { brokerEpoch } = await this.api.registerBroker({
      brokerId: broker, clusterId: CLUSTER, incarnationId: uuid(100 + (fields.incarnation ?? ++this.incarnations)), rack: fields.rack ?? null,
      listeners: [{ name: 'PLAINTEXT', host: 'h', port: 9000 + broker, securityProtocol: 0 }],
      features: [...SUPPORTED_FEATURES].map(([name, { min, max }]) => ({ name, minSupportedVersion: min, maxSupportedVersion: max })),
      logDirs: fields.logDirs ?? [uuid(broker)], previousBrokerEpoch: fields.previousBrokerEpoch ?? -1,
    });
    this.epochs.set(broker, Number(brokerEpoch));
    return Number(brokerEpoch);
  }

  heartbeat(broker: number, fields: { wantFence?: boolean; wantShutDown?: boolean; offset?: number; offlineLogDirs?: string[]; cordonedLogDirs?: string[] } = {}) {
    return this.api.heartbeat({
      brokerId: broker, brokerEpoch: this.epochs.get(broker)!, currentMetadataOffset: fields.offset ?? this.log.endOffset - 1,
      wantFence: fields.wantFence ?? false, wantShutDown: fields.wantShutDown ?? false,
      offlineLogDirs: fields.offlineLogDirs ?? [], cordonedLogDirs: fields.cordonedLogDirs ?? null,
    });
  }

  async start(broker: number): Promise<void> {
    await this.register(broker);
    await this.heartbeat(broker);
  }

  async create(name: string, fields: { partitions?: number; replicas?: number; assignments?: number[][]; configs?: Record<string, string | null>; validateOnly?: boolean } = {}) {
    const { partitions = 1, replicas = 1, assignments = [], configs = {}, validateOnly = false } = fields;
    const { topics } = await this.api.createTopics({
      timeoutMs: 1000, validateOnly, topics: [{
        name, numPartitions: assignments.length > 0 ? -1 : partitions, replicationFactor: assignments.length > 0 ? -1 : replicas,
        assignments: assignments.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      }],
    });
    return topics[0]!;
  }

  partition(topic: string, index = 0) {
    return this.image.topicsByName.get(topic)?.partitions[index];
  }

  /** What was written since the mark, a line a record. */
  async written(act: () => Promise<unknown>): Promise<string[]> {
    const first = this.log.batches.length;
    await act();
    const names = new Map([...this.image.topicsById.values()].map(({ id, name }) => [id, name]));
    return this.log.batches.slice(first).flatMap(bytes => [...recordsIn(bytes)].map(({ value }) => brief(decodeMetadataRecord(value!), names)));
  }
}

/** `PartitionChange t-0 leader=2`: the fields that are not at rest. */
function brief({ type, message }: MetadataRecord, names: ReadonlyMap<string, string>): string {
  const { topicId, partitionId, ...fields } = message as Record<string, unknown>;
  const place = typeof topicId === 'string' ? ` ${names.get(topicId) ?? '?'}${partitionId === undefined ? '' : `-${partitionId as number}`}` : '';
  const quiet = new Set(['null', '[]', '-2', '-1', 'false', '""']);
  const skipped = new Set(['incarnationId', 'endPoints', 'features', 'logDirs', 'brokerEpoch', 'directories', 'leaderEpoch', 'partitionEpoch', 'leaderRecoveryState']);
  const always = new Set(['fenced', 'leader', 'isr', 'eligibleLeaderReplicas', 'lastKnownElr']);
  const shown = Object.entries(fields).filter(([name, value]) => {
    if (name === 'leaderRecoveryState' && value === 1) return true;
    if (skipped.has(name)) return false;
    const text = JSON.stringify(value);
    if (text === 'null' || text === '-2') return false;
    return always.has(name) ? !(name === 'fenced' && value === 0) : !quiet.has(text) && value !== 0;
  });
  return `${type}${place}${shown.map(([name, value]) => ` ${name}=${JSON.stringify(value)}`).join('')}`;
}

/** The code of a request that failed whole; undefined when it did not. */
export const codeOf = async (promise: Promise<unknown>): Promise<number | undefined> =>
  promise.then(() => undefined, (error: unknown) => (error instanceof KafkaError ? error.errorCode : -999));
/** Everything that an image holds, whatever the order it came in. */
export const content = (image: MetadataImage) => [...recordsOfImage(image)].map(record => JSON.stringify(record)).sort();
