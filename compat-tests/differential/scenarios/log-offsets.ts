// Requests about the offsets of several partitions at once: epochs that ended, and records that are to go.

import { deleteRecordsApi, describeTopicPartitionsApi, offsetForLeaderEpochApi, produceApi } from '../../../src/protocol/generated/index.js';
import type { Int64 } from '../../../src/protocol/wire/types.js';
import type { Player } from '../player.js';
import { produceRequest, records } from './produce.js';

const TIMEOUT_MS = 10_000;
const NAMES = ['offsets-one', 'offsets-two'] as const;

export async function logOffsets(player: Player): Promise<void> {
  for (const name of NAMES) {
    const topicId = await player.topic(name, 3);
    for (const partition of [0, 1]) await player.quietly(produceApi, produceRequest({ name, topicId }, records(6), {}, partition));
  }
  await epochs(player);
  await deletions(player);
  await describe(player);
}

async function epochs(player: Player): Promise<void> {
  type Asked = [topic: string, ...epochs: [partition: number, leaderEpoch: number, currentLeaderEpoch?: number][]];
  const ask = (label: string, topics: readonly Asked[], replicaId = -1) => player.ask(label, offsetForLeaderEpochApi, {
    replicaId, topics: topics.map(([topic, ...asked]) => ({ topic, partitions: asked.map(([partition, leaderEpoch, currentLeaderEpoch = -1]) => ({ partition, leaderEpoch, currentLeaderEpoch })) })),
  });
  await ask('of several', [['offsets-one', [0, 0], [2, 0]], ['offsets-two', [1, 0], [9, 0]], ['no-such', [0, 0]]]);
  await ask('of a partition twice', [['offsets-one', [0, 0], [0, 1]]]);
  await ask('of nothing', []);
  await ask('of no partition', [['offsets-one'], ['no-such']]);
  await ask('of invalid names', [['in valid', [0, 0]], ['', [0, 0]]]);
  await ask('of epochs far away', [['offsets-one', [0, 2_147_483_647], [1, -2_147_483_648]]]);
  await ask('as the debugging consumer', [['offsets-one', [0, 0]]], -2);
  await ask('as a replica', [['offsets-one', [0, 0, 0]]], 1);
  await ask('as a replica that is none', [['offsets-one', [0, 0, 0]]], 7);
  await ask('of a negative partition', [['offsets-one', [-1, 0]]]);
  await ask('of the metadata', [['__cluster_metadata', [0, 0]]]);
}

async function deletions(player: Player): Promise<void> {
  type Asked = [name: string, ...partitions: [partitionIndex: number, offset: Int64][]];
  const drop = (label: string, topics: readonly Asked[], timeoutMs = TIMEOUT_MS) => player.ask(label, deleteRecordsApi, {
    timeoutMs, topics: topics.map(([name, ...partitions]) => ({ name, partitions: partitions.map(([partitionIndex, offset]) => ({ partitionIndex, offset })) })),
  });
  await drop('of several', [['offsets-one', [0, 1], [1, 2], [2, 0]], ['offsets-two', [0, 7], [1, 1]], ['no-such', [0, 0]]]);
  await drop('of nothing', []);
  await drop('of no partition', [['offsets-one'], ['no-such']]);
  await drop('of a partition twice', [['offsets-one', [0, 2], [0, 3]]]);
  await drop('of a topic twice', [['offsets-two', [0, 2]], ['offsets-two', [1, 2]]]);
  await drop('of invalid names', [['in valid', [0, 0]], ['', [0, 0]]]);
  await drop('of a negative partition', [['offsets-one', [-1, 0]]]);
  await drop('at the end of time', [['offsets-one', [0, 2n ** 63n - 1n]]]);
  await drop('in no time', [['offsets-one', [0, 4]]], 0);
  await drop('in less', [['offsets-one', [0, 5]]], -1);
  await drop('of all, to the end', [['offsets-one', [0, -1], [1, -1], [2, -1]]]);
  await drop('of the metadata', [['__cluster_metadata', [0, 0]]]);
}

async function describe(player: Player): Promise<void> {
  const names = NAMES.map(name => ({ name }));
  for (const limit of [1, 2, 3, 4, 5, 6]) {
    await player.ask(`by ${limit}`, describeTopicPartitionsApi, { topics: names, responsePartitionLimit: limit });
    await player.ask(`by ${limit}, from within`, describeTopicPartitionsApi, { topics: names, responsePartitionLimit: limit, cursor: { topicName: 'offsets-one', partitionIndex: 2 } });
  }
  await player.ask('in another order, with unknown ones', describeTopicPartitionsApi, { topics: [{ name: 'offsets-two' }, { name: 'a-no-such' }, { name: 'offsets-one' }], responsePartitionLimit: 4 });
  await player.ask('from past the last partition', describeTopicPartitionsApi, { topics: names, cursor: { topicName: 'offsets-two', partitionIndex: 3 } });
  await player.ask('from an unknown topic', describeTopicPartitionsApi, { topics: names, cursor: { topicName: 'offsets-oo', partitionIndex: 0 } });
}
