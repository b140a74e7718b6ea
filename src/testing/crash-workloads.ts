import { Broker } from '../broker/broker.js';
import { loadSettings, Settings } from '../config/index.js';
import type { SimNode, SimWorld } from '../env/sim/index.js';
import { createLogHost, loneHome } from '../log/index.js';
import type { Loss, Workload } from '../log/testing/crash-points.js';
import { holds } from '../log/testing/invariants.js';
import { MACHINE } from '../log/testing/log-life.js';
import { MetadataLoader } from '../metadata/loader.js';
import { encodeMetadataRecord, metadataRecord, type MetadataRecord } from '../metadata/records.js';
import { snapshotBatches } from '../metadata/snapshot.js';
import type { MetadataImage } from '../metadata/types.js';
import { createTopicsApi } from '../protocol/generated/create-topics.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { fetchApi } from '../protocol/generated/fetch.js';
import { findCoordinatorApi } from '../protocol/generated/find-coordinator.js';
import { metadataApi } from '../protocol/generated/metadata.js';
import { offsetCommitApi } from '../protocol/generated/offset-commit.js';
import { offsetFetchApi } from '../protocol/generated/offset-fetch.js';
import { produceApi } from '../protocol/generated/produce.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import { RaftDriver } from '../raft/driver.js';
import { metadataLogSettings } from '../raft/metadata-log.js';
import { RawClient } from './raw-client.js';

/** Programs above the logs, for `tryCrashPoints`: the metadata log with its snapshots, and the whole broker. */

/** Runs to its end or that of the process; what a dying or failing process throws, or never answers, is no fault of the program. */
async function whileAlive(world: SimWorld, node: SimNode, running: Promise<void>, isFailing: () => boolean): Promise<void> {
  let settled = false;
  let failure: unknown;
  running.catch((error: unknown) => { failure = error; }).finally(() => { settled = true; });
  await world.runUntil(() => settled || !node.alive);
  if (node.alive && failure !== undefined && !isFailing()) throw failure;
}

/** Recovers by `attempt` as often as the process dies in the midst of it. */
async function untilAlive(world: SimWorld, loss: Loss, attempt: (node: SimNode, loss: Loss) => Promise<void>): Promise<void> {
  for (let worst = loss; ;) {
    const node = world.node(MACHINE);
    await whileAlive(world, node, attempt(node, worst), () => false);
    if (node.alive) return;
    if (node.lostPower) worst = 'power';
  }
}

interface MetadataPromise {
  /** How many records were sent, were committed, and outlast a power loss. */
  readonly sent: number;
  readonly committed: number;
  readonly flushed: number;
  readonly epoch: number;
}

const RECORDS = 24;
const KEYS = 5;
const FLUSH_MS = 60;
const DIRECTORY_ID = 'PxLNnFzcS3aGvMYZ4oWAiQ';
const METADATA_DIRECTORY = '/data/__cluster_metadata-0';
const ENDPOINTS = [{ name: 'CONTROLLER', host: 'localhost', port: 9093 }];

async function openMetadata(node: SimNode): Promise<RaftDriver> {
  const settings = metadataLogSettings(Settings.from(new Map(Object.entries({
    'node.id': '1', 'process.roles': 'broker,controller', 'controller.listener.names': 'CONTROLLER', 'internal.metadata.delete.delay.millis': '10',
  }).map(([name, text]) => [name, { text, place: 'test' }]))));
  const driver = await RaftDriver.open({
    host: createLogHost({ env: node }), logDirectory: loneHome(node.logger, '/data', DIRECTORY_ID), nodeId: 1, staticVoters: [], endpoints: ENDPOINTS, onFault: () => undefined,
    settings: { ...settings, snapshotAfterBytes: 500, retentionBytes: 0, log: { ...settings.log, segmentBytes: 600 } },
  });
  driver.start();
  return driver;
}

async function imageOf(driver: RaftDriver): Promise<MetadataImage> {
  const loader = new MetadataLoader(driver, () => undefined);
  loader.start();
  await loader.caughtUp();
  loader.close();
  return loader.image;
}

/** What the first `count` records make of the settings. */
function configsOf(count: number): Map<string, string> {
  return new Map(Array.from({ length: count }, (_, index) => [`key-${index % KEYS}`, String(index)]));
}

const batchOf = (record: MetadataRecord): Buffer => buildBatch({}, [{ timestampMs: 1, key: null, value: encodeMetadataRecord(record, 30) }]);

/** The log of the controller: records, snapshots that take the place of the log below them, elections. */
export const METADATA_WORKLOAD: Workload<MetadataPromise> = {
  name: 'the metadata log with its snapshots',
  async begin(world) {
    const node = world.node(MACHINE);
    const { disk } = node;
    disk.makeDirectory(METADATA_DIRECTORY);
    const voter = { voterId: 1, voterDirectoryId: DIRECTORY_ID, endpoints: ENDPOINTS, kRaftVersionFeature: { minSupportedVersion: 0, maxSupportedVersion: 1 } };
    const quorum = { kraftVersion: 1, voters: [voter] };
    disk.writeFileAtomically(`${METADATA_DIRECTORY}/00000000000000000000-0000000000.checkpoint`, Buffer.concat([...snapshotBatches({
      epoch: 0, lastContainedLogTimestampMs: 1, nowMs: 0, quorum, records: [], metadataVersion: 30,
    })]));
    for (const path of ['/', '/data']) disk.syncDirectory(path);
    let promised: MetadataPromise = { sent: 0, committed: 0, flushed: 0, epoch: 0 };
    let struck = false;
    const work = async (): Promise<void> => {
      const driver = await openMetadata(node);
      promised = { ...promised, epoch: driver.describe().leaderEpoch };
      const loader = new MetadataLoader(driver, () => undefined);
      loader.add({ onImage: (image, _, { lastContainedLogTimestampMs }) => driver.offerSnapshot(image, lastContainedLogTimestampMs) });
      loader.start();
      for (let index = 0; index < RECORDS; index++) {
        promised = { ...promised, sent: index + 1 };
        driver.append(batchOf(metadataRecord('Config', { resourceType: 4, resourceName: '', name: `key-${index % KEYS}`, value: String(index) })), { leaderEpoch: promised.epoch });
        await new Promise<void>(resolve => { node.clock.endOfTurn(resolve); });
        // An error of the disk has ended the leadership: nothing is promised any more.
        if (driver.describe().leaderEpoch !== promised.epoch || struck) break;
        promised = { ...promised, committed: index + 1 };
        if (index % 3 !== 2) continue;
        await new Promise(resolve => { node.clock.after(FLUSH_MS, () => resolve(undefined)); });
        if (struck) break;
        promised = { ...promised, flushed: index + 1 };
      }
      await driver.close();
    };
    return { promised: () => promised, struck: () => { struck = true; }, work: () => whileAlive(world, node, work(), () => struck) };
  },
  async recover(world, promised, loss) {
    await untilAlive(world, loss, async (node, worst) => {
      const driver = await openMetadata(node);
      const { leaderEpoch } = driver.describe();
      holds(leaderEpoch > promised.epoch, 'epochs', () => `leads in epoch ${leaderEpoch} after ${promised.epoch}`);
      const found = new Map((await imageOf(driver)).configs.get('4:') ?? []);
      const count = Math.max(0, ...[...found.values()].map(value => Number(value) + 1));
      const least = worst === 'power' ? promised.flushed : promised.committed;
      holds(count >= least, 'acknowledged', () => `${count} records of ${promised.sent}, ${least} were promised`);
      holds(count <= promised.sent, 'prefix', () => `${count} records, ${promised.sent} were sent`);
      const expected = configsOf(count);
      const text = (configs: ReadonlyMap<string, string>): string => [...configs].map(entry => entry.join('=')).sort().join(' ');
      holds(text(found) === text(expected), 'prefix', () => `found ${text(found)}, expected ${text(expected)}`);
      await driver.close();
    });
  },
};

const PORT = 9092;
const FLAGS = [{ name: 'offsets.topic.num.partitions', text: '2', flag: '--set' }];
const TOPICS = ['cached', 'flushed'] as const;
type TopicName = typeof TOPICS[number];

interface BrokerPromise {
  readonly created: boolean;
  readonly sent: Readonly<Record<TopicName, number>>;
  readonly acknowledged: Readonly<Record<TopicName, number>>;
  readonly committed: number;
  readonly committing: number;
}

class BrokerRun {
  promised: BrokerPromise = { created: false, sent: { cached: 0, flushed: 0 }, acknowledged: { cached: 0, flushed: 0 }, committed: -1, committing: -1 };

  /** An error of the disk was told to the broker. */
  struck = false;

  constructor(private readonly world: SimWorld, private readonly node: SimNode) {}

  async start(): Promise<RawClient> {
    const { settings } = loadSettings({ dataDirectory: '/data', flags: FLAGS, address: { host: MACHINE, port: PORT } });
    await Broker.start({ settings, env: this.node });
    return RawClient.connect(this.world.node('client').net, PORT, { host: MACHINE });
  }

  async work(): Promise<void> {
    const client = await this.start();
    const { topics } = await client.send(createTopicsApi, {
      topics: TOPICS.map(name => ({
        name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: name === 'flushed' ? [{ name: 'flush.messages', value: '1' }] : [],
      })), timeoutMs: 10_000,
    });
    if (topics.some(({ errorCode }) => errorCode !== 0)) return;
    this.promised = { ...this.promised, created: true };
    for (let index = 0; index < 5; index++) {
      for (const name of TOPICS) await this.produce(client, name, index);
      await this.commit(client, index);
    }
  }

  private async produce(client: RawClient, name: TopicName, index: number): Promise<void> {
    const topic = await topicOf(client, name);
    this.promised = { ...this.promised, sent: { ...this.promised.sent, [name]: index + 1 } };
    const records = buildBatch({}, [{ timestampMs: this.world.wallMs, key: null, value: Buffer.from(String(index)) }]);
    const { responses } = await client.send(produceApi, { acks: -1, timeoutMs: 1000, topicData: [{ topicId: topic.topicId, partitionData: [{ index: 0, records }] }] });
    if (responses[0]!.partitionResponses[0]!.errorCode !== 0) throw new Error('refused');
    this.promised = { ...this.promised, acknowledged: { ...this.promised.acknowledged, [name]: index + 1 } };
  }

  private async commit(client: RawClient, offset: number): Promise<void> {
    const { topicId } = await topicOf(client, 'flushed');
    this.promised = { ...this.promised, committing: offset };
    await this.coordinated(async () => {
      await client.send(findCoordinatorApi, { keyType: 0, coordinatorKeys: ['group'] });
      const { topics } = await client.send(offsetCommitApi, {
        groupId: 'group', topics: [{ topicId, name: 'flushed', partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }] }],
      });
      return topics[0]!.partitions[0]!.errorCode;
    });
    this.promised = { ...this.promised, committed: offset };
  }

  /** The broker serves again, and has what it must. */
  async judge(before: BrokerPromise, loss: Loss): Promise<void> {
    const client = await this.start();
    for (const name of TOPICS) {
      const topic = await topicOf(client, name);
      const exists = topic.errorCode === 0;
      holds(exists || !before.created || loss === 'power', 'acknowledged', () => `topic ${name} is gone`);
      const found = exists ? await readAll(client, topic.topicId) : [];
      holds(found.every((text, index) => text === String(index)), 'prefix', () => `${name} holds ${found.join(' ')}`);
      holds(found.length <= before.sent[name], 'prefix', () => `${name} holds ${found.length} records, ${before.sent[name]} were sent`);
      const least = loss === 'kill' || (name === 'flushed' && exists) ? before.acknowledged[name] : 0;
      holds(found.length >= least, 'acknowledged', () => `${name} holds ${found.length} records, ${least} were promised`);
    }
    if (before.committed >= 0 && loss === 'kill') await this.judgeOffset(client, before);
  }

  private async judgeOffset(client: RawClient, { committed, committing }: BrokerPromise): Promise<void> {
    const { topicId } = await topicOf(client, 'flushed');
    let found = -1;
    await this.coordinated(async () => {
      const { groups } = await client.send(offsetFetchApi, { groups: [{ groupId: 'group', topics: [{ topicId, name: 'flushed', partitionIndexes: [0] }] }] });
      found = Number(groups[0]!.topics[0]?.partitions[0]?.committedOffset ?? -1);
      return groups[0]!.errorCode;
    });
    holds(found >= committed && found <= committing, 'acknowledged', () => `offset ${found} of the group, committed was ${committed}`);
  }

  /** Asks again while the coordinator is being made or loaded, which it never will be where the disk has failed. */
  private async coordinated(ask: () => Promise<number>): Promise<void> {
    const again: readonly number[] = [ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS];
    for (let attempt = 0; attempt < 50 && !this.struck; attempt++) {
      const errorCode = await ask();
      if (errorCode === 0) return;
      if (!again.includes(errorCode)) throw new Error(`refused with ${errorCode}`);
      await new Promise(resolve => { this.node.clock.after(20, () => resolve(undefined)); });
    }
    throw new Error('there is no coordinator');
  }
}

async function topicOf(client: RawClient, name: string): Promise<{ errorCode: number; topicId: string }> {
  const { topics } = await client.send(metadataApi, { topics: [{ name }], allowAutoTopicCreation: false });
  return topics[0]!;
}

async function readAll(client: RawClient, topicId: string): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const { responses } = await client.send(fetchApi, {
      maxWaitMs: 10, minBytes: 1, maxBytes: 1 << 24, forgottenTopicsData: [], topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: values.length, partitionMaxBytes: 1 << 24 }] }],
    });
    const bytes = responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
    if (bytes.length === 0) return values;
    for (const at of batchesIn(bytes)) for (const { value } of recordsIn(bytes, at)) values.push(Buffer.from(value ?? []).toString());
  }
}

/** The broker from its first start on: formatting, topics, produce with and without flushes, offsets of a group. */
export const BROKER_WORKLOAD: Workload<BrokerPromise> = {
  name: 'the whole broker',
  async begin(world) {
    const node = world.node(MACHINE);
    node.disk.makeDirectory('/data');
    node.disk.syncDirectory('/');
    const run = new BrokerRun(world, node);
    return { promised: () => run.promised, struck: () => { run.struck = true; }, work: () => whileAlive(world, node, run.work(), () => run.struck) };
  },
  async recover(world, promised, loss) {
    await untilAlive(world, loss, (node, worst) => new BrokerRun(world, node).judge(promised, worst));
  },
};
