import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeNet } from '../env/node/index.js';
import { ConfigResourceType } from '../metadata/types.js';
import { errorName } from '../protocol/errors.js';
import {
  consumerGroupDescribeApi, consumerGroupHeartbeatApi, createPartitionsApi, createTopicsApi, findCoordinatorApi, incrementalAlterConfigsApi,
  type ConsumerGroupHeartbeatRequestInput, type ConsumerGroupHeartbeatResponse,
} from '../protocol/generated/index.js';
import * as batch from '../protocol/records/batch.js';
import { batchesIn } from '../protocol/records/batch-iterator.js';
import { RawClient } from './raw-client.js';
import { startBroker, type RunningBroker, type StartBrokerOptions } from './start-broker.js';

/** Groups of the consumer protocol in a whole broker: what reaches them of the cluster, of settings, and of a broker's last run. */

let root: string;
const stops: (() => void | Promise<void>)[] = [];
beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'ottla-consumer-groups-')); });
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  rmSync(root, { recursive: true });
});

class Running {
  constructor(readonly broker: RunningBroker, private readonly client: RawClient) {}

  static async start(options: StartBrokerOptions = {}): Promise<Running> {
    const broker = await startBroker({ ...options, settings: { 'offsets.topic.num.partitions': 2, 'group.consumer.assignment.interval.ms': 0, ...options.settings } });
    stops.push(() => broker.close());
    const client = await RawClient.connect(new NodeNet(), broker.port);
    stops.push(() => client.close());
    // The first to ask has the coordinators' topic made.
    await client.send(findCoordinatorApi, { keyType: 0, coordinatorKeys: ['g'] });
    return new Running(broker, client);
  }

  async createTopic(name: string, numPartitions: number): Promise<void> {
    const { topics } = await this.client.send(createTopicsApi, { topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 10_000 });
    expect(topics).toMatchObject([{ errorCode: 0 }]);
  }

  async growTopic(name: string, count: number): Promise<void> {
    const { results } = await this.client.send(createPartitionsApi, { topics: [{ name, count, assignments: null }], timeoutMs: 10_000, validateOnly: false });
    expect(results).toMatchObject([{ errorCode: 0 }]);
  }

  beat(memberEpoch: number, more: Partial<ConsumerGroupHeartbeatRequestInput> = {}): Promise<ConsumerGroupHeartbeatResponse> {
    return this.client.send(consumerGroupHeartbeatApi, { groupId: 'g', memberId: 'm', memberEpoch, ...more });
  }

  join(more: Partial<ConsumerGroupHeartbeatRequestInput> = {}): Promise<ConsumerGroupHeartbeatResponse> {
    return this.beat(0, { rebalanceTimeoutMs: 60_000, subscribedTopicNames: ['t'], topicPartitions: [], ...more });
  }

  async setGroupConfig(name: string, value: string): Promise<string> {
    const { responses } = await this.client.send(incrementalAlterConfigsApi, {
      validateOnly: false, resources: [{ resourceType: ConfigResourceType.GROUP, resourceName: 'g', configs: [{ name, configOperation: 0, value }] }],
    });
    return errorName(responses[0]!.errorCode);
  }

  async describe(): Promise<{ state: string; assignor: string }> {
    const { groups: [group] } = await this.client.send(consumerGroupDescribeApi, { groupIds: ['g'], includeAuthorizedOperations: false });
    return { state: group!.groupState, assignor: group!.assignorName };
  }
}

const partitions = ({ assignment }: ConsumerGroupHeartbeatResponse): number[][] | undefined => assignment?.topicPartitions.map(topic => topic.partitions);

describe('a member of a consumer group', () => {
  test('hears of a topic that comes, and of its partitions as they grow', async () => {
    const running = await Running.start();
    const { memberEpoch } = await running.join();
    await running.createTopic('t', 1);
    const first = await running.beat(memberEpoch);
    expect([partitions(first), first.memberEpoch]).toEqual([[[0]], memberEpoch + 1]);
    await running.growTopic('t', 3);
    expect(partitions(await running.beat(first.memberEpoch))).toEqual([[0, 1, 2]]);
  });

  test('goes on where it was after a restart of the broker', async () => {
    const data = join(root, 'data');
    const before = await Running.start({ data });
    await before.createTopic('t', 2);
    const { memberEpoch } = await before.join();
    await before.broker.close();
    const after = await Running.start({ data });
    expect(await after.beat(memberEpoch)).toMatchObject({ errorCode: 0, memberEpoch, assignment: null });
    expect(await after.describe()).toEqual({ state: 'Stable', assignor: 'uniform' });
  });

  test('is told the heartbeat interval of its group, which has bounds', async () => {
    const running = await Running.start();
    const { memberEpoch, heartbeatIntervalMs } = await running.join();
    expect(heartbeatIntervalMs).toBe(5_000);
    expect(await running.setGroupConfig('consumer.heartbeat.interval.ms', '7000')).toBe('NONE');
    expect(await running.beat(memberEpoch)).toMatchObject({ heartbeatIntervalMs: 7_000 });
    expect(await running.setGroupConfig('consumer.heartbeat.interval.ms', '4000')).toBe('INVALID_CONFIG');
  });

  test('waits for the next target as long as its group says', async () => {
    const running = await Running.start();
    await running.createTopic('t', 1);
    const { memberEpoch } = await running.join();
    expect(await running.setGroupConfig('consumer.assignment.interval.ms', '15000')).toBe('NONE');
    await running.growTopic('t', 2);
    expect(await running.beat(memberEpoch)).toMatchObject({ memberEpoch, assignment: null });
    expect(await running.setGroupConfig('consumer.assignment.interval.ms', '0')).toBe('NONE');
    expect(await running.beat(memberEpoch)).toMatchObject({ memberEpoch: memberEpoch + 1 });
  });
});

describe('group.consumer.assignors', () => {
  test('are those that a member may ask for, and the first is the one for whoever does not', async () => {
    const running = await Running.start({ settings: { 'group.consumer.assignors': 'range' } });
    expect(errorName((await running.join({ serverAssignor: 'uniform' })).errorCode)).toBe('UNSUPPORTED_ASSIGNOR');
    expect((await running.join()).errorCode).toBe(0);
    expect((await running.describe()).assignor).toBe('range');
  });

  test('may be named by the classes that they are in Apache Kafka', async () => {
    const classes = ['RangeAssignor', 'UniformAssignor'].map(name => `org.apache.kafka.coordinator.group.assignor.${name}`);
    const running = await Running.start({ settings: { 'group.consumer.assignors': classes.join(',') } });
    expect((await running.join({ serverAssignor: 'uniform' })).errorCode).toBe(0);
    expect((await running.describe()).assignor).toBe('uniform');
    expect(errorName((await running.join({ serverAssignor: classes[0]! })).errorCode)).toBe('UNSUPPORTED_ASSIGNOR');
  });

  test('that do not exist stop the start, and are named', async () => {
    await expect(startBroker({ settings: { 'group.consumer.assignors': 'uniform,com.example.Mine' } })).rejects.toThrow(/group\.consumer\.assignors.*com\.example\.Mine/);
  });
});

test('what is written of groups is compressed as offsets.topic.compression.codec says, and read again', async () => {
  const settings = { 'offsets.topic.num.partitions': 1, 'offsets.topic.compression.codec': 4 };
  const running = await Running.start({ data: root, settings });
  const { memberEpoch } = await running.join();
  await running.broker.close();
  const [log] = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(file => /__consumer_offsets-0.*\.log$/.test(file));
  const bytes = readFileSync(join(root, log!));
  const codecs = [...batchesIn(bytes)].map(at => batch.compressionType(bytes, at));
  expect(new Set(codecs)).toEqual(new Set([batch.CompressionType.zstd]));
  const again = await Running.start({ data: root, settings });
  expect(await again.beat(memberEpoch)).toMatchObject({ errorCode: 0, memberEpoch });
});
