// Who holds and who leads partitions: moves between brokers, and elections on request.

import {
  alterPartitionReassignmentsApi, alterReplicaLogDirsApi, describeLogDirsApi, electLeadersApi, listPartitionReassignmentsApi,
  type AlterPartitionReassignmentsRequestInput, type ElectLeadersRequestInput,
} from '../../../src/protocol/generated/index.js';
import type { Player } from '../player.js';

const TIMEOUT_MS = 10_000;
const PREFERRED = 0;
const UNCLEAN = 1;

export async function reassignments(player: Player): Promise<void> {
  await player.topic('moves', 3);
  await player.topic('moves-too');
  await alter(player);
  await list(player);
  await elect(player);
  await directories(player);
}

type Moves = AlterPartitionReassignmentsRequestInput['topics'];

const move = (name: string, ...partitions: [partitionIndex: number, replicas: number[] | null][]): Moves[number] =>
  ({ name, partitions: partitions.map(([partitionIndex, replicas]) => ({ partitionIndex, replicas })) });

const MOVES: readonly [label: string, topics: Moves][] = [
  ['to where it is', [move('moves', [0, [1]])]],
  ['to an unknown broker', [move('moves', [0, [2]])]],
  ['to a known and an unknown broker', [move('moves', [0, [1, 2]])]],
  ['to a negative broker', [move('moves', [0, [-1]])]],
  ['to nobody', [move('moves', [0, []])]],
  ['twice to one broker', [move('moves', [0, [1, 1]])]],
  ['taken back', [move('moves', [0, null])]],
  ['of a partition that is not there', [move('moves', [9, [1]], [-1, [1]], [7, null])]],
  ['of an unknown topic', [move('no-such', [0, [1]], [1, null])]],
  ['of an invalid topic', [move('in valid', [0, [1]])]],
  ['of no name', [move('', [0, [1]])]],
  ['of a topic without partitions', [move('moves')]],
  ['of an unknown topic without partitions', [move('no-such')]],
  ['of a partition twice', [move('moves', [0, [1]], [0, [2]])]],
  ['of a topic twice', [move('moves', [0, [1]]), move('moves', [1, null])]],
  ['good and bad', [move('moves', [0, [1]], [1, [5]], [2, null]), move('moves-too', [0, [1]]), move('no-such', [0, [1]])]],
  ['of nothing', []],
];

async function alter(player: Player): Promise<void> {
  for (const [label, topics] of MOVES) await player.ask(`a move ${label}`, alterPartitionReassignmentsApi, { topics, timeoutMs: TIMEOUT_MS });
  const fixed = (label: string, topics: Moves) =>
    player.ask(label, alterPartitionReassignmentsApi, { topics, timeoutMs: TIMEOUT_MS, allowReplicationFactorChange: false }, { from: 1 });
  await fixed('the same factor', [move('moves', [0, [1]])]);
  await fixed('another factor, nobody left', [move('moves', [0, []])]);
  await fixed('another factor, unknown brokers', [move('moves', [0, [1, 2]])]);
  await fixed('the factor of nothing', []);
  for (const timeoutMs of [0, -1]) {
    await player.ask(`a move in ${timeoutMs} ms`, alterPartitionReassignmentsApi, { topics: [move('moves', [0, [1]], [9, null])], timeoutMs });
    await player.ask(`no move in ${timeoutMs} ms`, alterPartitionReassignmentsApi, { topics: [], timeoutMs });
  }
}

async function list(player: Player): Promise<void> {
  const list = (label: string, topics: { name: string; partitionIndexes: number[] }[] | null, timeoutMs = TIMEOUT_MS) =>
    player.ask(label, listPartitionReassignmentsApi, { topics, timeoutMs });
  await list('of all', null);
  await list('of none', []);
  await list('of one', [{ name: 'moves', partitionIndexes: [0, 1] }]);
  await list('of partitions that are not there', [{ name: 'moves', partitionIndexes: [9, -1] }]);
  await list('of unknown topics', [{ name: 'no-such', partitionIndexes: [0] }, { name: 'in valid', partitionIndexes: [0] }, { name: '', partitionIndexes: [] }]);
  await list('of a topic twice', [{ name: 'moves', partitionIndexes: [0] }, { name: 'moves', partitionIndexes: [0] }]);
  await list('without time', [{ name: 'moves', partitionIndexes: [0] }], 0);
}

type Elections = ElectLeadersRequestInput['topicPartitions'];

const ELECTIONS: readonly [label: string, topicPartitions: Elections][] = [
  ['that is not needed', [{ topic: 'moves', partitions: [0] }]],
  ['of several', [{ topic: 'moves', partitions: [0, 1, 2] }, { topic: 'moves-too', partitions: [0] }]],
  ['of partitions that are not there', [{ topic: 'moves', partitions: [9, -1, 0] }]],
  ['in unknown topics', [{ topic: 'no-such', partitions: [0] }, { topic: 'in valid', partitions: [0] }, { topic: '', partitions: [0] }]],
  ['in no partition', [{ topic: 'moves', partitions: [] }, { topic: 'no-such', partitions: [] }]],
  ['of a partition twice', [{ topic: 'moves', partitions: [0, 0] }]],
  ['of nothing', []],
];

async function elect(player: Player): Promise<void> {
  for (const [type, electionType] of [['a preferred', PREFERRED], ['an unclean', UNCLEAN]] as const) {
    const from = electionType === PREFERRED ? 0 : 1;
    for (const [label, topicPartitions] of ELECTIONS) {
      await player.ask(`${type} election ${label}`, electLeadersApi, { electionType, topicPartitions, timeoutMs: TIMEOUT_MS }, { from });
    }
    await player.ask(`${type} election of all`, electLeadersApi, { electionType, topicPartitions: null, timeoutMs: TIMEOUT_MS }, { from });
    await player.ask(`${type} election in no time`, electLeadersApi, { electionType, topicPartitions: [{ topic: 'moves', partitions: [0, 9] }], timeoutMs: 0 }, { from });
    await player.ask(`${type} election of nothing in no time`, electLeadersApi, { electionType, topicPartitions: [], timeoutMs: 0 }, { from });
    await player.ask(`${type} election of all in no time`, electLeadersApi, { electionType, topicPartitions: null, timeoutMs: -5 }, { from });
  }
  for (const electionType of [2, -1]) {
    await player.ask(`an election of type ${electionType}`, electLeadersApi, { electionType, topicPartitions: [{ topic: 'moves', partitions: [0] }], timeoutMs: TIMEOUT_MS }, { from: 1 });
    await player.ask(`an election of type ${electionType} of nothing`, electLeadersApi, { electionType, topicPartitions: [], timeoutMs: TIMEOUT_MS }, { from: 1 });
  }
}

/** A broker with one directory has nowhere to move a replica to. */
async function directories(player: Player): Promise<void> {
  const { results } = await player.quietly(describeLogDirsApi, { topics: null });
  const own = results[0]!.logDir;
  const ask = (label: string, ...dirs: [path: string, ...topics: [name: string, partitions: number[]][]][]) => player.ask(label, alterReplicaLogDirsApi, {
    dirs: dirs.map(([path, ...topics]) => ({ path, topics: topics.map(([name, partitions]) => ({ name, partitions })) })),
  });
  await ask('to where they are', [own, ['moves', [0, 1]]]);
  await ask('to a directory that is not there', ['/no/such/directory', ['moves', [0]]]);
  await ask('to a relative directory', ['no/such', ['moves', [0]]]);
  await ask('to no directory', ['', ['moves', [0]]]);
  await ask('of partitions that are not there', [own, ['moves', [0, 9, -1]]]);
  await ask('of unknown topics', [own, ['no-such', [0]], ['in valid', [0]]]);
  await ask('of one to two directories', [own, ['moves', [0]]], ['/no/such/directory', ['moves', [0]]]);
  await ask('of nothing', [own]);
  await ask('to nowhere');
}
