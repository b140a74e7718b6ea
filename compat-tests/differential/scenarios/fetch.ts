// Consumers' half: Fetch and its sessions, and what a log knows of its offsets.

import {
  deleteRecordsApi, fetchApi, listOffsetsApi, offsetForLeaderEpochApi, produceApi, type FetchRequestInput,
} from '../../../src/protocol/generated/index.js';
import type { Int64 } from '../../../src/protocol/wire/types.js';
import type { Player } from '../player.js';
import { THEN_MS, produceRequest, records } from './produce.js';
import { NO_SUCH_ID } from './topics.js';

const TIMEOUT_MS = 10_000;
const LARGE = 1 << 20;

interface Position {
  readonly name: string;
  readonly topicId: string;
  readonly partition?: number;
  readonly offset?: Int64;
  readonly epoch?: number;
  readonly lastEpoch?: number;
  readonly maxBytes?: number;
}

export function fetchRequest(positions: readonly Position[], more: Partial<FetchRequestInput> = {}): FetchRequestInput {
  return {
    maxWaitMs: 0, minBytes: 0, maxBytes: LARGE, forgottenTopicsData: [],
    topics: positions.map(({ name, topicId, partition = 0, offset = 0, epoch = -1, lastEpoch = -1, maxBytes = LARGE }) => ({
      topic: name, topicId, partitions: [{ partition, currentLeaderEpoch: epoch, fetchOffset: offset, lastFetchedEpoch: lastEpoch, partitionMaxBytes: maxBytes }],
    })),
    ...more,
  };
}

export async function fetching(player: Player): Promise<void> {
  const name = 'fetch';
  const topicId = await player.topic(name, 3);
  const to = { name, topicId };
  for (let i = 0; i < 4; i++) await player.quietly(produceApi, produceRequest(to, records(5)));
  await player.quietly(produceApi, produceRequest(to, records(5, { compression: 1 }), {}, 1));
  await plain(player, to);
  await sessions(player, to);
  await offsets(player, to);
  await epochs(player, to);
  await deletion(player);
}

async function plain(player: Player, to: { name: string; topicId: string }): Promise<void> {
  const at = (label: string, position: Partial<Position>, more: Partial<FetchRequestInput> = {}) =>
    player.ask(label, fetchApi, fetchRequest([{ ...to, ...position }], more));
  await at('from the start', {});
  await at('inside a batch', { offset: 7 });
  await at('compressed', { partition: 1 });
  await at('an empty partition', { partition: 2 });
  await at('at the end', { offset: 20 });
  await at('past the end', { offset: 21 });
  await at('at -1', { offset: -1 });
  await at('far past the end', { offset: 2n ** 62n });
  await at('unknown partition', { partition: 9 });
  await at('partition -1', { partition: -1 });
  await at('unknown topic', { name: 'no-such', topicId: NO_SUCH_ID });
  await at('no topic id', { name: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAA' });
  await at('read committed', {}, { isolationLevel: 1 });
  await at('isolation level 7', {}, { isolationLevel: 7 });
  await at('one byte of a partition', { maxBytes: 1 });
  await at('zero bytes of a partition', { maxBytes: 0 });
  await at('a batch and some', { maxBytes: 250 });
  await at('one byte of all', {}, { maxBytes: 1 });
  await at('zero bytes of all', {}, { maxBytes: 0 });
  await at('more than can be waited for', { offset: 20 }, { minBytes: 1, maxWaitMs: 1 });
  await at('a negative wait', { offset: 20 }, { minBytes: 1, maxWaitMs: -1 });
  await at('a fenced epoch', { epoch: -7 });
  await at('the epoch', { epoch: 0 });
  await at('an unknown epoch', { epoch: 5 });
  await at('an unknown last epoch', { epoch: 0, lastEpoch: 3, offset: 20 });
  await at('the last epoch', { epoch: 0, lastEpoch: 0, offset: 20 });
  await at('the last epoch, past the end', { epoch: 0, lastEpoch: 0, offset: 25 });
  await player.ask('nothing', fetchApi, fetchRequest([]));
  const both = [{ ...to, partition: 1 }, to, { ...to, partition: 2 }];
  await player.ask('several, a little of all', fetchApi, fetchRequest(both, { maxBytes: 300 }));
  await player.ask('several, a little of each', fetchApi, fetchRequest(both.map(one => ({ ...one, maxBytes: 10 }))));
  await player.ask('several, more than there is', fetchApi, fetchRequest(both, { minBytes: 1 << 20, maxWaitMs: 20 }));
  await player.ask('one that is wrong among those to wait for', fetchApi, fetchRequest([{ ...to, offset: 20 }, { ...to, offset: 99, partition: 1 }], { minBytes: 1, maxWaitMs: 5_000 }));
  await at('negative bytes of a partition', { maxBytes: -1 });
  await at('negative bytes of all', {}, { maxBytes: -1 });
  await at('read committed at the end', { offset: 20 }, { isolationLevel: 1 });
  await at('read committed, empty', { partition: 2 }, { isolationLevel: 1 });
  await at('read committed, out of range', { offset: 99 }, { isolationLevel: 1 });
  await at('read committed, unknown partition', { partition: 9 }, { isolationLevel: 1 });
  await player.ask('a partition twice', fetchApi, fetchRequest([to, { ...to, offset: 10 }]));
  await player.ask('several, one byte of all', fetchApi, fetchRequest([to, { ...to, partition: 1 }], { maxBytes: 1 }));
  await player.ask('several, some unknown', fetchApi, fetchRequest([to, { name: 'no-such', topicId: NO_SUCH_ID }, { ...to, partition: 7 }]));
  await player.ask('a replica that is none', fetchApi, fetchRequest([to], { replicaId: 9, replicaState: { replicaId: 9, replicaEpoch: 1 } }));
  await player.ask('the debugging replica', fetchApi, fetchRequest([to], { replicaId: -2, replicaState: { replicaId: -2, replicaEpoch: -1 } }));
  const zstdId = await player.topic('fetch-zstd', 1, { 'compression.type': 'zstd' });
  await player.quietly(produceApi, produceRequest({ name: 'fetch-zstd', topicId: zstdId }, records(5, { compression: 4 })));
  await player.ask('of a topic with zstd', fetchApi, fetchRequest([{ name: 'fetch-zstd', topicId: zstdId }]), { to: 10 });
}

async function sessions(player: Player, to: { name: string; topicId: string }): Promise<void> {
  const from = { from: 7 };
  const label = 'session';
  let id = 0;
  const own = (version: number): Position => ({ ...to, partition: version % 2 });
  const step = (what: string, make: (version: number) => FetchRequestInput, versions = { from: 7, to: Infinity }) =>
    player.ask(`${label}: ${what}`, fetchApi, make, versions);
  await step('unknown', () => fetchRequest([to], { sessionId: 12345, sessionEpoch: 1 }));
  await step('unknown, full', () => fetchRequest([to], { sessionId: 12345, sessionEpoch: 0 }));
  await step('unknown, closed', () => fetchRequest([to], { sessionId: 12345, sessionEpoch: -1 }));
  await step('no id, epoch 1', () => fetchRequest([to], { sessionId: 0, sessionEpoch: 1 }));
  await step('epoch -2', () => fetchRequest([to], { sessionId: 0, sessionEpoch: -2 }));
  for (let version = from.from; version <= player.newest(fetchApi.key); version++) {
    const only = { from: version, to: version };
    const named = async (what: string, request: FetchRequestInput) => {
      const answer = await player.ask(`session: ${what}`, fetchApi, request, only);
      if (answer !== undefined && answer.sessionId !== 0) player.alias(answer.sessionId, 'session');
      return answer;
    };
    // The id is random: it needs its name before it is kept.
    const opened = await player.quietly(fetchApi, fetchRequest([own(version), { ...to, partition: 2 }], { sessionEpoch: 0 }), version);
    id = opened.sessionId;
    player.alias(id, 'session');
    player.keep(`Fetch v${version}: session: opened`, opened);
    await named('increment without news', fetchRequest([], { sessionId: id, sessionEpoch: 1 }));
    await named('wrong epoch', fetchRequest([], { sessionId: id, sessionEpoch: 7 }));
    await named('increment that moves', fetchRequest([{ ...own(version), offset: 5 }], { sessionId: id, sessionEpoch: 2 }));
    await named('increment that adds unknown ones', fetchRequest([{ name: 'no-such', topicId: NO_SUCH_ID }, { ...to, partition: 8 }], { sessionId: id, sessionEpoch: 3 }));
    await named('increment that repeats what failed', fetchRequest([], { sessionId: id, sessionEpoch: 4 }));
    await named('increment that forgets', fetchRequest([], {
      sessionId: id, sessionEpoch: 5, forgottenTopicsData: [{ topic: to.name, topicId: to.topicId, partitions: [version % 2, 2] }, { topic: 'never', topicId: NO_SUCH_ID, partitions: [0] }],
    }));
    await named('increment out of range', fetchRequest([{ ...to, partition: 2, offset: 99 }], { sessionId: id, sessionEpoch: 6 }));
    await named('increment after out of range', fetchRequest([{ ...to, partition: 2, offset: 0 }], { sessionId: id, sessionEpoch: 7 }));
    if (version >= 12) {
      const other = version >= 13 ? 12 : 13;
      await player.once(`session of version ${version}, ids and names mixed`, fetchApi, fetchRequest([], { sessionId: id, sessionEpoch: 8 }), other);
    }
    await named('closed', fetchRequest([], { sessionId: id, sessionEpoch: -1 }));
    await named('after it was closed', fetchRequest([], { sessionId: id, sessionEpoch: 9 }));
  }
}

async function offsets(player: Player, to: { name: string; topicId: string }): Promise<void> {
  const timesId = await player.topic('times', 2);
  const times = { name: 'times', topicId: timesId };
  for (const [i, timestampMs] of [THEN_MS + 100, THEN_MS + 50, THEN_MS + 300, THEN_MS + 300, THEN_MS + 200].entries()) {
    await player.quietly(produceApi, produceRequest(times, records(i % 2 + 1, {}, { timestampMs })));
  }
  const list = (label: string, name: string, timestamp: Int64, more: { partition?: number; epoch?: number; isolation?: number; replicaId?: number } = {}) =>
    player.ask(label, listOffsetsApi, {
      replicaId: more.replicaId ?? -1, isolationLevel: more.isolation ?? 0, timeoutMs: TIMEOUT_MS,
      topics: [{ name, partitions: [{ partitionIndex: more.partition ?? 0, currentLeaderEpoch: more.epoch ?? -1, timestamp }] }],
    });
  for (let special = -1; special >= -8; special--) {
    await list(`time ${special}`, 'times', special);
    await list(`time ${special}, empty`, 'times', special, { partition: 1 });
  }
  for (const after of [0, 50, 51, 100, 101, 200, 201, 300, 301]) await list(`then and ${after} ms`, 'times', THEN_MS + after);
  await list('time 0', 'times', 0);
  await list('time 0, empty', 'times', 0, { partition: 1 });
  await list('the end of time', 'times', 2n ** 63n - 1n);
  await list('read committed, latest', 'times', -1, { isolation: 1 });
  await list('read committed, by time', 'times', THEN_MS, { isolation: 1 });
  await list('read committed, largest', 'times', -3, { isolation: 1 });
  await list('isolation level 9', 'times', -1, { isolation: 9 });
  await list('unknown topic', 'no-such', -1);
  await list('unknown partition', 'times', -1, { partition: 5 });
  await list('unknown partition, special', 'times', -3, { partition: 5 });
  await list('the epoch', 'times', -1, { epoch: 0 });
  await list('an unknown epoch', 'times', -1, { epoch: 3 });
  await list('a fenced epoch', 'times', -2, { epoch: -3 });
  await list('the debugging replica', 'times', -1, { replicaId: -2 });
  await list('a replica that is none', 'times', -1, { replicaId: 5 });
  await list('compressed, by time', to.name, THEN_MS + 2, { partition: 1 });
  await list('compressed, largest', to.name, -3, { partition: 1 });
  await player.ask('a partition twice', listOffsetsApi, {
    replicaId: -1, isolationLevel: 0, timeoutMs: TIMEOUT_MS,
    topics: [{ name: 'times', partitions: [{ partitionIndex: 0, timestamp: -1 }, { partitionIndex: 0, timestamp: -2 }, { partitionIndex: 1, timestamp: -1 }] }],
  });
  await player.ask('nothing', listOffsetsApi, { replicaId: -1, isolationLevel: 0, timeoutMs: TIMEOUT_MS, topics: [] });
}

async function epochs(player: Player, { name }: { name: string }): Promise<void> {
  const ask = (label: string, topic: string, leaderEpoch: number, currentLeaderEpoch = -1, partition = 0) => player.ask(label, offsetForLeaderEpochApi, {
    replicaId: -1, topics: [{ topic, partitions: [{ partition, currentLeaderEpoch, leaderEpoch }] }],
  });
  await ask('epoch 0', name, 0);
  await ask('epoch 1', name, 1);
  await ask('epoch -1', name, -1);
  await ask('epoch -2', name, -2);
  await ask('epoch 0, empty', name, 0, -1, 2);
  await ask('epoch 5, empty', name, 5, -1, 2);
  await ask('unknown topic', 'no-such', 0);
  await ask('unknown partition', name, 0, -1, 7);
  await ask('as of an unknown epoch', name, 0, 4);
  await ask('as of the epoch', name, 0, 0);
  await ask('as of a fenced epoch', name, 0, -3);
}

async function deletion(player: Player): Promise<void> {
  const name = 'delete-records';
  const topicId = await player.topic(name);
  const to = { name, topicId };
  for (let i = 0; i < 3; i++) await player.quietly(produceApi, produceRequest(to, records(5)));
  await player.topic('delete-compacted', 1, { 'cleanup.policy': 'compact' });
  const drop = (label: string, topic: string, offset: (version: number) => Int64, partitionIndex = 0) => player.ask(label, deleteRecordsApi, version =>
    ({ topics: [{ name: topic, partitions: [{ partitionIndex, offset: offset(version) }] }], timeoutMs: TIMEOUT_MS }));
  await drop('past the end', name, () => 16);
  await drop('before -1', name, () => -2);
  await drop('at nothing', name, () => 0);
  await drop('some', name, version => 3 + version);
  await drop('what is gone', name, () => 1);
  await drop('unknown topic', 'no-such', () => 1);
  await drop('unknown partition', name, () => 1, 9);
  await drop('of a compacted topic', 'delete-compacted', () => 0);
  await drop('of an internal topic', '__consumer_offsets', () => 0);
  await player.ask('before the start', fetchApi, fetchRequest([{ ...to, offset: 2 }]));
  await player.ask('at the start, inside a batch', fetchApi, fetchRequest([{ ...to, offset: 5 }]));
  await player.ask('earliest after deletion', listOffsetsApi, {
    replicaId: -1, isolationLevel: 0, timeoutMs: TIMEOUT_MS, topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -2 }] }],
  });
  await player.ask('by time before what is left', listOffsetsApi, {
    replicaId: -1, isolationLevel: 0, timeoutMs: TIMEOUT_MS, topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: THEN_MS }] }],
  });
  await drop('all', name, () => -1);
  await player.ask('when all was deleted', fetchApi, fetchRequest([{ ...to, offset: 15 }]));
  await player.ask('largest when all was deleted', listOffsetsApi, {
    replicaId: -1, isolationLevel: 0, timeoutMs: TIMEOUT_MS, topics: [{ name, partitions: [{ partitionIndex: 0, timestamp: -3 }] }],
  });
}
