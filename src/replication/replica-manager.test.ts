import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { DiskError } from '../env/index.js';
import { MemoryDisk } from '../env/memory/memory-disk.js';
import { NodeRandom, silentLogger } from '../env/node/index.js';
import { openLogManager, type Log, type NodeLogManager } from '../log/index.js';
import { batchOf, ManualClock, SETTINGS } from '../log/test-support.js';
import type { PartitionImage, TopicImage } from '../metadata/types.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { Partition, ReplicaManager } from './index.js';

const FIRST = 'firstAAAAAAAAAAAAAAAAA';
const SECOND = 'secondAAAAAAAAAAAAAAAA';
const SOLE: PartitionImage = {
  replicas: [1], directories: [], isr: [1], eligibleLeaderReplicas: [], lastKnownElr: [], addingReplicas: [], removingReplicas: [],
  leader: 1, leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0,
};

let logs: NodeLogManager;
let replicas: ReplicaManager;
let told: string[];
let settings = SETTINGS;

beforeEach(async () => {
  const clock = new ManualClock();
  const env = { disk: new MemoryDisk(() => clock.nowMs()), clock, random: new NodeRandom(), logger: silentLogger };
  logs = await openLogManager({ env, directories: ['/data'], clusterId: 'c', nodeId: 1, defaultSettings: SETTINGS });
  await logs.load();
  settings = SETTINGS;
  replicas = new ReplicaManager({ localId: 1, logManager: logs, logger: silentLogger, settingsOf: () => settings });
  told = [];
  replicas.onLeadership(({ topicId, index }, epoch) => {
    told.push(`${topicId.replace(/A+$/, '')}-${index} ${epoch}, logs ${[...logs.all()].length}`);
  });
});
afterEach(() => logs.abandon());

const topic = (id: string, ...partitions: PartitionImage[]): TopicImage => ({ id, name: 't', partitions });

function leaderOf(id: string, index: number): Partition {
  const found = replicas.findLeader(id, index);
  expect(found).toBeInstanceOf(Partition);
  return found as Partition;
}

test('a name is free for another topic as soon as its topic is removed, and every leadership ends before the first log goes', () => {
  replicas.applyTopic(topic(FIRST, SOLE, SOLE));
  told = [];
  replicas.removeTopics([FIRST]);
  replicas.applyTopic(topic(SECOND, SOLE, SOLE));
  expect(told).toEqual(['first-0 undefined, logs 2', 'first-1 undefined, logs 2', 'second-0 0, logs 1', 'second-1 0, logs 2']);
  expect(leaderOf(SECOND, 1).log.topicId).toBe(SECOND);
  expect(replicas.findLeader(FIRST, 0)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
});

test('a partition whose log cannot be opened is offline alone, until its topic changes', () => {
  const squatter = logs.getOrCreate('t', 0, FIRST, SETTINGS);
  squatter.appendAsLeader(batchOf(['x']), { origin: 'client', leaderEpoch: 0 });
  replicas.applyTopic(topic(SECOND, SOLE, SOLE));
  expect(replicas.findLeader(SECOND, 0)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  expect(leaderOf(SECOND, 1).leaderEpoch).toBe(0);
  logs.markStray('t', 0);
  replicas.applyTopic(topic(SECOND, SOLE, SOLE));
  expect(leaderOf(SECOND, 0).leaderEpoch).toBe(0);
});

test('a partition whose log has failed is refused at once, before anybody is told of the directory', () => {
  replicas.applyTopic(topic(FIRST, SOLE));
  const { log } = leaderOf(FIRST, 0);
  (log as Log).noteFailure(new DiskError('EIO', log.directory, 'the disk is broken'));
  expect(replicas.findLeader(FIRST, 0)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
});

test('a partition that has moved to other nodes resigns, and its log goes', () => {
  replicas.applyTopic(topic(FIRST, SOLE, SOLE));
  told = [];
  replicas.applyTopic(topic(FIRST, { ...SOLE, replicas: [2], isr: [2], leader: 2, leaderEpoch: 1 }, SOLE));
  expect(told).toEqual(['first-0 undefined, logs 2']);
  expect(replicas.get(FIRST, 0)).toBeUndefined();
  expect(logs.get('t', 0)).toBeUndefined();
  expect(leaderOf(FIRST, 1).leaderEpoch).toBe(0);
});

test('the high watermark moves when fewer replicas have to be in sync', () => {
  settings = { ...SETTINGS, minInsyncReplicas: 2 };
  replicas.applyTopic(topic(FIRST, { ...SOLE, replicas: [1, 2, 3] }));
  const { log } = leaderOf(FIRST, 0);
  leaderOf(FIRST, 0).append(batchOf(['x']), { origin: 'client' }, 1);
  expect(log.highWatermark).toBe(0);
  settings = SETTINGS;
  replicas.refreshSettings('t');
  expect(log.highWatermark).toBe(1);
});
