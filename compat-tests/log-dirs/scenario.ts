// One broker with two log directories: partitions placed, moved, moved back, and a directory that goes away under it.

import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  alterReplicaLogDirsApi, createTopicsApi, describeLogDirsApi, fetchApi, incrementalAlterConfigsApi, listOffsetsApi, metadataApi, offsetForLeaderEpochApi, produceApi,
  type DescribeLogDirsResponse,
} from '../../src/protocol/generated/index.js';
import { decodeMetadataRecord, type MetadataRecord } from '../../src/metadata/records.js';
import { isControl as isControlBatch } from '../../src/protocol/records/batch.js';
import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../../src/protocol/records/batch-iterator.js';
import { Player } from '../differential/player.js';
import type { BrokerUnderTest, Settings } from '../support/brokers.js';

const RATE = 'replica.alter.log.dirs.io.max.bytes.per.second';
const KAFKA_STORAGE_ERROR = 56;
const TIMEOUT_MS = 5_000;
const VALUE = Buffer.alloc(1000, 'v');

/** What the files of a metadata log say, in order. */
function* metadataRecords(path: string): Generator<MetadataRecord, void, undefined> {
  for (const name of readdirSync(path).filter(file => file.endsWith('.log')).sort()) {
    const bytes = readFileSync(join(path, name));
    for (const at of batchesIn(bytes)) {
      if (isControlBatch(bytes, at)) continue;
      for (const { value } of recordsIn(bytes, at)) yield decodeMetadataRecord(value!);
    }
  }
}

const directoryId = (path: string): string | undefined => /^directory\.id=(.*)$/m.exec(readFileSync(join(path, 'meta.properties'), 'utf8'))?.[1];

/** Two log directories, the metadata log in a third. */
export class Directories {
  readonly root = mkdtempSync(join(tmpdir(), 'two-log-dirs-'));
  readonly one = join(this.root, 'one');
  readonly two = join(this.root, 'two');

  get settings(): Settings {
    return {
      'log.dirs': `${this.one},${this.two}`, 'metadata.log.dir': join(this.root, 'metadata'),
      // The high watermarks are soon written, and a directory that is gone is soon found so.
      'replica.high.watermark.checkpoint.interval.ms': '500', 'num.partitions': '1', 'log.retention.ms': '-1',
      'broker.session.timeout.ms': '2000', 'broker.heartbeat.interval.ms': '500',
    };
  }

  name(path: string): string {
    return path === this.one ? 'one' : path === this.two ? 'two' : path;
  }

  /** The directory that the metadata log says a partition's replica lies in; undefined while it says none of these. */
  assigned(topic: string, index: number): string | undefined {
    const topicIds = new Set<string>();
    let directory: string | undefined;
    for (const { type, message } of metadataRecords(join(this.root, 'metadata', '__cluster_metadata-0'))) {
      if (type === 'Topic' && message.name === topic) topicIds.add(message.topicId);
      if (type !== 'Partition' && type !== 'PartitionChange') continue;
      if (topicIds.has(message.topicId) && message.partitionId === index) directory = message.directories?.[0] ?? directory;
    }
    return ([['one', this.one], ['two', this.two]] as const).find(([, path]) => directoryId(path) === directory)?.[0];
  }

  /** The second directory is not there any more, as when its volume is gone. */
  takeTwoAway(): void {
    renameSync(this.two, `${this.two}-away`);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Plays the scenario and keeps the answers in `player`. */
export class LogDirsScenario {
  constructor(private readonly player: Player, private readonly directories: Directories) {}

  async play(): Promise<void> {
    await this.placement();
    await this.moves();
    await this.cordon();
    await this.loss();
  }

  async placement(): Promise<void> {
    await this.alter('a topic that is not there yet', [[this.directories.two, 'moved', [0]]]);
    await this.create('moved');
    await this.describe('a partition where it was wanted', [['moved', [0]]]);
    await this.alter('a directory that is none', [['/nowhere', 'moved', [0]]]);
    await this.alter('a relative path', [['two', 'moved', [0]]]);
    await this.alter('a partition that is not there', [[this.directories.one, 'moved', [7]]]);
    await this.alter('a name that is too long', [[this.directories.one, 'n'.repeat(230), [0]]]);
    await this.alter('a name that is none', [[this.directories.one, 'a b', [0]]]);
    await this.alter('where it is', [[this.directories.two, 'moved', [0]]]);
    await this.alter('nothing', []);
    await this.alter('twice in one request', [[this.directories.one, 'moved', [0]], [this.directories.two, 'moved', [0]]]);
    await this.create('spread', 6);
    const counts = (await this.described()).results.map(({ logDir, topics }) =>
      `${this.directories.name(logDir)}: ${topics.find(({ name }) => name === 'spread')?.partitions.length ?? 0}`);
    this.player.keep('how partitions spread over the directories', counts.sort());
  }

  async moves(): Promise<void> {
    const { one, two } = this.directories;
    await this.produce('moved', 0, 60);
    await this.setRate('10');
    await this.alter('to another directory, slowly', [[one, 'moved', [0]]]);
    await this.player.until('a copy', async () => (await this.places('moved', 0)).length === 2);
    this.player.keep('where a partition is while it moves', await this.places('moved', 0));
    await this.produce('moved', 0, 1, 'while it moves');
    await this.alter('there once more', [[one, 'moved', [0]]]);
    await this.alter('back', [[two, 'moved', [0]]]);
    await this.player.until('no copy', async () => (await this.places('moved', 0)).length === 1);
    this.player.keep('where a partition is that was called back', await this.places('moved', 0));
    await this.setRate('100000000');
    await this.alter('to another directory, soon', [[one, 'moved', [0]]]);
    await this.player.until('moved', async () => (await this.places('moved', 0)).join() === 'one');
    await this.offsets('after a move', 'moved', 0);
    await this.describe('after a move', [['moved', [0]], ['spread', [99]], ['no-such', [0]]]);
    await this.produce('moved', 0, 1, 'after a move');
  }

  /** Directories that get no new partitions (KIP-1066). */
  async cordon(): Promise<void> {
    const { one, two } = this.directories;
    for (const [label, value] of [['a directory that is none', '/nowhere'], ['all and one', `*,${two}`]] as const) {
      this.player.keep(`cordoning ${label}`, await this.setCordoned(value));
    }
    this.player.keep('cordoning one', await this.setCordoned(two));
    await this.player.until('cordoned', async () => (await this.described()).results.some(({ isCordoned }) => isCordoned));
    await this.create('uncordoned', 3);
    await this.describe('with a directory cordoned', [['uncordoned', [0, 1, 2]]]);
    await this.alter('to a cordoned directory', [[two, 'moved', [0]]]);
    await this.alter('where it is, with another directory cordoned', [[one, 'moved', [0]]]);
    this.player.keep('cordoning none', await this.setCordoned(''));
    await this.player.until('not cordoned', async () => !(await this.described()).results.some(({ isCordoned }) => isCordoned));
  }

  private async setCordoned(value: string): Promise<number> {
    const { responses } = await this.player.quietly(incrementalAlterConfigsApi, {
      resources: [{ resourceType: 4, resourceName: '1', configs: [{ name: 'cordoned.log.dirs', configOperation: 0, value }] }], validateOnly: false,
    });
    return responses[0]!.errorCode;
  }

  async loss(): Promise<void> {
    const { one, two } = this.directories;
    await this.alter('a place for what is lost', [[two, 'lost', [0]]]);
    await this.create('lost');
    await this.produce('lost', 0, 3);
    await this.player.until('the controller knows where it lies', async () => this.directories.assigned('lost', 0) === 'two');
    this.directories.takeTwoAway();
    await this.produce('lost', 0, 1);
    await this.player.until('offline', async () => {
      const { topics } = await this.player.quietly(metadataApi, { topics: [{ name: 'lost' }], allowAutoTopicCreation: false });
      return topics[0]!.partitions[0]!.leaderId === -1;
    });
    await this.player.ask('a partition that is lost', metadataApi, { topics: [{ name: 'lost' }], allowAutoTopicCreation: false });
    await this.produce('lost', 0, 1, 'to a partition that is lost');
    await this.offsets('of a partition that is lost', 'lost', 0);
    await this.describe('with a directory offline', [['moved', [0]], ['lost', [0]]]);
    await this.alter('from an offline directory', [[one, 'lost', [0]]]);
    await this.alter('to an offline directory', [[two, 'moved', [0]]]);
    await this.alter('where it is, with another directory offline', [[one, 'moved', [0]]]);
    await this.produce('moved', 0, 1, 'with another directory offline');
    await this.create('later', 3);
    await this.describe('what is made later', [['later', [0, 1, 2]]]);
  }

  /** Where a partition lies, and where it is being copied to. */
  private async places(topic: string, index: number): Promise<string[]> {
    const { results } = await this.described();
    return results.flatMap(({ logDir, topics }) => topics.filter(({ name }) => name === topic).flatMap(({ partitions }) =>
      partitions.filter(({ partitionIndex }) => partitionIndex === index).map(({ isFutureKey }) => `${this.directories.name(logDir)}${isFutureKey ? ' (copy)' : ''}`))).sort();
  }

  private described(): Promise<DescribeLogDirsResponse> {
    return this.player.quietly(describeLogDirsApi, { topics: null });
  }

  private async describe(label: string, topics: [string, number[]][]): Promise<void> {
    for (let version = 1; version <= this.player.newest(describeLogDirsApi.key); version++) {
      const { results, ...rest } = await this.player.quietly(describeLogDirsApi, { topics: topics.map(([topic, partitions]) => ({ topic, partitions })) }, version);
      this.player.keep(`DescribeLogDirs v${version}: ${label}`, {
        ...rest, results: results.map(({ logDir, ...result }) => ({ directory: this.directories.name(logDir), ...result })),
      });
    }
  }

  private async alter(label: string, dirs: [path: string, topic: string, partitions: number[]][]): Promise<void> {
    await this.player.ask(label, alterReplicaLogDirsApi, { dirs: dirs.map(([path, name, partitions]) => ({ path, topics: [{ name, partitions }] })) });
  }

  private async create(name: string, numPartitions = 1): Promise<void> {
    const { topics } = await this.player.quietly(createTopicsApi, { topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: TIMEOUT_MS });
    if (topics[0]!.errorCode !== 0) throw new Error(`topic ${name}: ${topics[0]!.errorCode}`);
    await this.player.untilServed(name, numPartitions);
  }

  /** Appends so many records; keeps the answer under the label when there is one. */
  private async produce(topic: string, index: number, count: number, label?: string): Promise<void> {
    const { topics } = await this.player.quietly(metadataApi, { topics: [{ name: topic }], allowAutoTopicCreation: false });
    const records = buildBatch({}, Array.from({ length: count }, (_, i) => ({ timestampMs: 1_700_000_000_000 + i, key: null, value: VALUE })));
    const request = { acks: -1, timeoutMs: TIMEOUT_MS, topicData: [{ topicId: topics[0]!.topicId, partitionData: [{ index, records }] }] };
    if (label !== undefined) {
      await this.player.once(label, produceApi, request);
      return;
    }
    const { responses } = await this.player.quietly(produceApi, request);
    const { errorCode } = responses[0]!.partitionResponses[0]!;
    if (errorCode !== 0 && errorCode !== KAFKA_STORAGE_ERROR) throw new Error(`produce to ${topic}: ${errorCode}`);
  }

  private async offsets(label: string, topic: string, partition: number): Promise<void> {
    const { topics } = await this.player.quietly(metadataApi, { topics: [{ name: topic }], allowAutoTopicCreation: false });
    for (const [name, timestamp] of [['earliest', -2], ['latest', -1], ['max timestamp', -3], ['a time', 1_700_000_000_010]] as const) {
      await this.player.once(`${name} ${label}`, listOffsetsApi, {
        replicaId: -1, isolationLevel: 0, timeoutMs: TIMEOUT_MS, topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
      });
    }
    await this.player.once(label, offsetForLeaderEpochApi, { replicaId: -1, topics: [{ topic, partitions: [{ partition, leaderEpoch: 0 }] }] });
    await this.player.once(label, fetchApi, {
      maxWaitMs: 100, minBytes: 1, maxBytes: 1 << 20, forgottenTopicsData: [],
      topics: [{ topicId: topics[0]!.topicId, partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
    });
  }

  async setRate(bytesPerSecond: string): Promise<void> {
    const { responses } = await this.player.quietly(incrementalAlterConfigsApi, {
      resources: [{ resourceType: 4, resourceName: '', configs: [{ name: RATE, configOperation: 0, value: bytesPerSecond }] }], validateOnly: false,
    });
    if (responses[0]!.errorCode !== 0) throw new Error(`${RATE}: ${responses[0]!.errorCode}`);
  }
}

export async function withPlayer<T>(broker: BrokerUnderTest, ranges: ConstructorParameters<typeof Player>[2], work: (player: Player) => Promise<T>): Promise<T> {
  const player = new Player(broker.host, broker.port, ranges);
  try {
    return await work(player);
  } finally {
    player.close();
  }
}
