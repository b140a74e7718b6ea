import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TimingWheel } from '../../base/timing-wheel.js';
import { loadSettings } from '../../config/index.js';
import { DiskError } from '../../env/index.js';
import { MemoryDisk } from '../../env/memory/memory-disk.js';
import { NodeRandom, silentLogger } from '../../env/node/index.js';
import { openLogManager, type Log, type NodeLogManager } from '../../log/index.js';
import { ManualClock, SETTINGS } from '../../log/test-support.js';
import { EMPTY_IMAGE } from '../../metadata/image.js';
import type { PartitionImage, TopicImage } from '../../metadata/types.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import type { TransactionMarker } from '../../protocol/records/control-records.js';
import { ReplicaManager, type Partition } from '../../replication/index.js';
import { localMarkers } from './markers.js';

const PARTITION: PartitionImage = {
  replicas: [1], directories: [], isr: [1], eligibleLeaderReplicas: [], lastKnownElr: [], addingReplicas: [], removingReplicas: [],
  leader: 1, leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0,
};
const ELSEWHERE = { ...PARTITION, replicas: [2], isr: [2], leader: 2 };
const EVENTS: TopicImage = { id: 'eventsAAAAAAAAAAAAAAAA', name: 'events', partitions: [PARTITION, ELSEWHERE, PARTITION] };
const OFFSETS: TopicImage = { id: 'offsetsAAAAAAAAAAAAAAA', name: '__consumer_offsets', partitions: [PARTITION] };
const MARKER: TransactionMarker = { producerId: 7, producerEpoch: 1, coordinatorEpoch: 3, committed: true, transactionVersion: 2 };

const clock = new ManualClock();
let logs: NodeLogManager;
let replicas: ReplicaManager;
let inGroups: number;

beforeEach(async () => {
  const env = { disk: new MemoryDisk(() => clock.nowMs()), clock, random: new NodeRandom(), logger: silentLogger };
  logs = await openLogManager({ env, directories: ['/data'], clusterId: 'c', nodeId: 1, defaultSettings: SETTINGS });
  await logs.load();
  replicas = new ReplicaManager({ localId: 1, logManager: logs, logger: silentLogger, settingsOf: () => SETTINGS });
  for (const topic of [EVENTS, OFFSETS]) replicas.applyTopic(topic);
  inGroups = ErrorCode.NONE;
  writeAll = () => {};
});
afterEach(() => logs.abandon());

const topicsByName = new Map([EVENTS, OFFSETS].map(topic => [topic.name, topic]));
const { settings } = loadSettings({ dataDirectory: '/data' });

let writeAll: () => void;

function write(...partitions: [topic: string, index: number][]): Promise<unknown> {
  const deps = {
    writeAll: () => writeAll(),
    image: () => ({ ...EMPTY_IMAGE, topicsByName }), replicas, clock, wheel: new TimingWheel(clock), settings: () => settings, logger: silentLogger,
    groups: { endTransaction: async () => inGroups },
  };
  return localMarkers(deps)(MARKER, partitions.map(([topic, index]) => ({ topic, index })));
}

const endOf = (index: number): number => {
  const partition = replicas.findLeader(EVENTS.id, index);
  return typeof partition === 'number' ? -1 : partition.log.logEndOffset;
};

test('tells for each partition, in the order in which they were asked for, what came of it', async () => {
  expect(await write(['events', 2], ['events', 1], ['gone', 0], ['events', 3], ['__consumer_offsets', 0], ['events', 0])).toEqual([
    { topic: 'events', index: 2, errorCode: ErrorCode.NONE },
    { topic: 'events', index: 1, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER },
    { topic: 'gone', index: 0, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
    { topic: 'events', index: 3, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
    { topic: '__consumer_offsets', index: 0, errorCode: ErrorCode.NONE },
    { topic: 'events', index: 0, errorCode: ErrorCode.NONE },
  ]);
  expect([endOf(0), endOf(2)]).toEqual([1, 1]);
});

test('asks to try again where the group coordinator is not ready, and passes on what else it says', async () => {
  inGroups = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
  expect(await write(['__consumer_offsets', 0])).toMatchObject([{ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }]);
  inGroups = ErrorCode.TRANSACTION_COORDINATOR_FENCED;
  expect(await write(['__consumer_offsets', 0])).toMatchObject([{ errorCode: ErrorCode.TRANSACTION_COORDINATOR_FENCED }]);
});

test('has reached the system when it is told of, or was lost with its directory (56)', async () => {
  const { log } = replicas.findLeader(EVENTS.id, 0) as Partition;
  writeAll = () => {
    expect([endOf(0), endOf(2)]).toEqual([1, 1]);
    (log as Log).noteFailure(new DiskError('EIO', log.directory, 'the disk is broken'));
  };
  expect(await write(['events', 0], ['events', 1], ['events', 2], ['gone', 0], ['__consumer_offsets', 0])).toMatchObject([
    { errorCode: ErrorCode.KAFKA_STORAGE_ERROR }, { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }, { errorCode: ErrorCode.KAFKA_STORAGE_ERROR },
    { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }, { errorCode: ErrorCode.KAFKA_STORAGE_ERROR },
  ]);
});

test('is in the log before anybody waits', () => {
  void write(['events', 0], ['events', 2]);
  expect([endOf(0), endOf(2)]).toEqual([1, 1]);
});
