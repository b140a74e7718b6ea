import { Broker } from '../../broker/broker.js';
import { loadSettings } from '../../config/index.js';
import { transactionRecordCodec } from '../../coordinator/transaction/records.js';
import { LAST_CLIENT_EPOCH, unused } from '../../coordinator/transaction/transaction.js';
import type { TransactionVersion } from '../../coordinator/transaction/types.js';
import type { Env } from '../../env/index.js';
import { SimWorld, type DiskImage, type SimNode } from '../../env/sim/index.js';
import { FeatureName } from '../../metadata/features.js';
import { createTopicsApi, findCoordinatorApi, incrementalAlterConfigsApi, produceApi, updateFeaturesApi } from '../../protocol/generated/index.js';
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from '../../protocol/internal-topics.js';
import { buildBatch } from '../../protocol/records/batch-builder.js';
import { RawClient } from '../raw-client.js';
import { holds, InvariantError } from './invariants.js';

/** The broker of a scenario and what befalls it: `kill -9` at once or at a disk operation, clean stops, starts. */

export const MACHINE = 'broker';
export const PORT = 9092;

export interface TopicPlace {
  readonly name: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
}

/** A few batches make a segment. */
const SMALL = { 'internal.segment.bytes': '1500', 'segment.index.bytes': '200', 'index.interval.bytes': '300' };

export const TOPICS = {
  /** Written by everybody. */
  shared: { name: 'shared', partitions: 2, configs: SMALL },
  /** Only the last value of a key stays. */
  keyed: {
    name: 'keyed', partitions: 1,
    configs: { ...SMALL, 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0', 'delete.retention.ms': '1000', 'max.compaction.lag.ms': '1000' },
  },
  /** From here pipelines read … */
  input: { name: 'input', partitions: 2, configs: SMALL },
  /** … and this is where they write. */
  output: { name: 'output', partitions: 1, configs: {} },
} as const satisfies Record<string, TopicPlace>;

const TOPIC_RESOURCE = 2;
const SAFE_DOWNGRADE = 2;
/** What a new cluster finalizes. */
const SERVED_VERSION = 2;
const ADMIN_CLIENT_ID = '__admin_client';
const COORDINATORS_LOG = { 'internal.segment.bytes': '2500', 'min.cleanable.dirty.ratio': '0.1' };

/** Given to every broker: one partition for each coordinator, and short times. */
const SETTINGS: Readonly<Record<string, string>> = {
  'offsets.topic.num.partitions': '1', 'transaction.state.log.num.partitions': '1',
  'log.cleaner.backoff.ms': '3000', 'log.cleaner.min.cleanable.ratio': '0.1', 'log.initial.task.delay.ms': '5000',
  'group.min.session.timeout.ms': '500', 'group.consumer.session.timeout.ms': '2500', 'group.consumer.min.session.timeout.ms': '500',
  'group.consumer.heartbeat.interval.ms': '400', 'group.consumer.min.heartbeat.interval.ms': '100', 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  'transaction.remove.expired.transaction.cleanup.interval.ms': '2000', 'auto.create.topics.enable': 'false',
};

function settingsWith(own: Readonly<Record<string, string>>) {
  const flags = Object.entries({ ...SETTINGS, ...own }).map(([name, text]) => ({ name, text, flag: '--set' }));
  return loadSettings({ dataDirectory: '/data', flags, address: { host: MACHINE, port: PORT } }).settings;
}

const bases = new Map<TransactionVersion, Promise<DiskImage>>();

/** The disk of a broker that has the topics, and was killed then: where every scenario begins. Made once for each version. */
function baseImage(version: TransactionVersion): Promise<DiskImage> {
  let base = bases.get(version);
  if (base === undefined) bases.set(version, (base = makeBaseImage(version)));
  return base;
}

async function makeBaseImage(version: TransactionVersion): Promise<DiskImage> {
  const world = new SimWorld('base');
  const node = world.node(MACHINE);
  node.disk.makeDirectory('/data');
  await world.runUntil(Broker.start({ settings: settingsWith({}), env: node }));
  const client = await world.runUntil(RawClient.connect(world.node('client').net, PORT, { host: MACHINE }));
  const updated = await world.runUntil(client.send(updateFeaturesApi,
    { featureUpdates: version === SERVED_VERSION ? [] : [{ feature: FeatureName.TRANSACTION_VERSION, maxVersionLevel: version, upgradeType: SAFE_DOWNGRADE }] }));
  holds(updated.errorCode === 0, 'answers', () => `UpdateFeatures: error ${updated.errorCode} ${updated.errorMessage}`);
  const topics = Object.values(TOPICS).map(({ name, partitions, configs }) => ({
    name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: Object.entries(configs).map(([config, value]) => ({ name: config, value })),
  }));
  const created = await world.runUntil(client.send(createTopicsApi, { topics, timeoutMs: 10_000 }));
  for (const { name, errorCode, errorMessage } of created.topics) holds(errorCode === 0, 'answers', () => `${name}: ${errorCode} ${errorMessage}`);
  for (const keyType of [0, 1]) await world.runUntil(client.send(findCoordinatorApi, { keyType, coordinatorKeys: ['any'] }));
  const { responses } = await world.runUntil(client.send(incrementalAlterConfigsApi, {
    resources: [OFFSETS_TOPIC, TRANSACTIONS_TOPIC].map(resourceName => ({
      resourceType: TOPIC_RESOURCE, resourceName, configs: Object.entries(COORDINATORS_LOG).map(([name, value]) => ({ name, value, configOperation: 0 })),
    })), validateOnly: false,
  }));
  for (const { resourceName, errorCode, errorMessage } of responses) holds(errorCode === 0, 'answers', () => `${resourceName}: ${errorCode} ${errorMessage}`);
  await world.runUntil(wearOut(world, version));
  await world.run(200);
  node.kill();
  return node.machine.image();
}

/** Ids whose epochs are nearly used up: a few transactions more, and they go over to another producer id. */
export const WORN_IDS: readonly string[] = ['worn-a', 'worn-b', 'worn-m', 'worn-m1', 'worn-m2'];
const WORN_PRODUCER_ID = 1_000_000;
const EPOCHS_LEFT = 4;

/** Writes their records as an administrator may, for the coordinator to find at its next start. */
async function wearOut(world: SimWorld, version: TransactionVersion): Promise<void> {
  const client = await RawClient.connect(world.node('client').net, PORT, { host: MACHINE, clientId: ADMIN_CLIENT_ID });
  const records = WORN_IDS.map((transactionalId, index) => {
    const value = { ...unused(transactionalId, WORN_PRODUCER_ID + index, 1000, world.wallMs), producerEpoch: LAST_CLIENT_EPOCH - EPOCHS_LEFT };
    return { timestampMs: world.wallMs, ...transactionRecordCodec.encode({ transactionalId, value, format: version === 0 ? 0 : 1 }) };
  });
  const { responses } = await client.send(produceApi, {
    acks: -1, timeoutMs: 1000, topicData: [{ name: TRANSACTIONS_TOPIC, topicId: '', partitionData: [{ index: 0, records: buildBatch({}, records) }] }],
  }, 12);
  const { errorCode } = responses[0]!.partitionResponses[0]!;
  holds(errorCode === 0, 'answers', () => `Produce to ${TRANSACTIONS_TOPIC}: error ${errorCode}`);
}

export interface StageOptions {
  /** `transaction.version` of the cluster; 2 unless given. */
  readonly transactionVersion?: TransactionVersion;
  readonly settings?: Readonly<Record<string, string>>;
  /** Puts something between the broker and its world. */
  readonly envOf?: (node: SimNode) => Env;
}

export class Stage {
  private readonly settings;
  private broker: Broker | undefined;
  private failure: Error | undefined;
  /** Counts the ends of brokers. */
  private deaths = 0;
  private readonly waiting: (() => void)[] = [];

  private constructor(readonly world: SimWorld, private readonly options: StageOptions) {
    this.settings = settingsWith(options.settings ?? {});
  }

  static async open(seed: number | string, options: StageOptions = {}): Promise<Stage> {
    const image = await baseImage(options.transactionVersion ?? SERVED_VERSION);
    const world = new SimWorld(seed, { beginsAtMs: BASE_ENDS_MS });
    world.restore(MACHINE, image);
    const stage = new Stage(world, options);
    stage.start();
    await world.runUntil(() => stage.isServing || stage.failure !== undefined);
    stage.check();
    return stage;
  }

  get isServing(): boolean {
    return this.broker !== undefined;
  }

  /** What the broker failed with by itself, thrown. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Resolves when the broker serves, at once if it does. */
  serving(): Promise<void> {
    return this.isServing ? Promise.resolve() : new Promise(resolve => { this.waiting.push(resolve); });
  }

  /** `kill -9`, and a start that much later. */
  kill(downMs: number): void {
    this.world.node(MACHINE).kill();
    this.died(downMs);
  }

  /** The same in the midst of the disk operation that comes after so many others, of which a part is done. */
  killAtDiskOperation(after: number, part: number, downMs: number): void {
    const { machine } = this.world.node(MACHINE);
    let left = after;
    machine.onDiskOperation = ({ kind, length = 1 }) => {
      if (kind === 'read' || kind === 'open' || left-- > 0) return undefined;
      machine.onDiskOperation = undefined;
      this.died(downMs);
      return { death: 'kill', appliedBytes: Math.floor(part * length) };
    };
  }

  /** A clean stop, and a start that much later; one that dies meanwhile has been started already. */
  async stop(downMs: number): Promise<void> {
    const { broker, deaths } = this;
    if (broker === undefined) return;
    this.broker = undefined;
    const closed = broker.close().catch((error: unknown) => { if (this.deaths === deaths) throw error; });
    await Promise.race([closed, this.serving()]);
    if (this.deaths !== deaths) return;
    this.world.node(MACHINE).kill();
    this.died(downMs);
  }

  /** Nothing that was planned strikes any more. */
  callOff(): void {
    this.world.node(MACHINE).machine.onDiskOperation = undefined;
  }

  private died(downMs: number): void {
    this.broker = undefined;
    const death = ++this.deaths;
    this.world.schedule(downMs, () => { if (this.deaths === death) this.start(); });
  }

  private start(): void {
    const node = this.world.node(MACHINE);
    const { deaths } = this;
    const fail = (error: unknown): void => {
      // What a dying broker says is no fault.
      if (node.alive && this.deaths === deaths) this.failure ??= new InvariantError('progress', `the broker failed: ${error instanceof Error ? error.stack : String(error)}`);
    };
    Broker.start({ settings: this.settings, env: this.options.envOf?.(node) ?? node }).then(broker => {
      if (!node.alive || this.deaths !== deaths) return;
      this.broker = broker;
      void broker.failed.then(fail);
      for (const resolve of this.waiting.splice(0)) resolve();
    }, fail);
  }
}

/** When the base's broker was killed, at the latest: time does not run backwards. */
const BASE_ENDS_MS = 10_000;
