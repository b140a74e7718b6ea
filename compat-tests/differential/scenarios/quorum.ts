// The cluster's own affairs: the quorum, its voters, brokers that go, levels of features, and who writes.

import {
  addRaftVoterApi, apiVersionsApi, consumerGroupHeartbeatApi, describeClusterApi, describeProducersApi, describeQuorumApi, removeRaftVoterApi, unregisterBrokerApi, updateFeaturesApi,
  writeTxnMarkersApi, produceApi,
  type AddRaftVoterRequestInput, type DescribeQuorumResponse, type UpdateFeaturesRequestInput,
} from '../../../src/protocol/generated/index.js';
import { ZERO_UUID, type Int64 } from '../../../src/protocol/wire/types.js';
import type { Player } from '../player.js';
import { produceRequest, records } from './produce.js';

const TIMEOUT_MS = 10_000;
const METADATA = '__cluster_metadata';
const DIRECTORY = 'aaaaaaaaaaaaaaaaaaaaaQ';

export async function quorum(player: Player): Promise<void> {
  const directoryId = await describe(player);
  await voters(player, directoryId);
  await unregister(player);
  await features(player);
  await producers(player);
}

type Quorum = DescribeQuorumResponse['topics'][number]['partitions'][number];

/** How far a log has come is each broker's own. */
function withoutOffsets(answer: DescribeQuorumResponse): unknown {
  const some = (offset: Int64, least = 1): string => (offset >= least ? 'some' : `${offset}`);
  const replica = (state: Quorum['currentVoters'][number]) => ({ ...state, logEndOffset: some(state.logEndOffset) });
  const partition = ({ currentVoters, observers, ...rest }: Quorum) => ({
    ...rest, leaderEpoch: some(rest.leaderEpoch), highWatermark: some(rest.highWatermark), currentVoters: currentVoters.map(replica), observers: observers.map(replica),
  });
  return { ...answer, topics: answer.topics.map(topic => ({ ...topic, partitions: topic.partitions.map(partition) })) };
}

async function describe(player: Player): Promise<string> {
  const request = (...topics: [name: string, partitions: number[]][]) =>
    ({ topics: topics.map(([topicName, partitions]) => ({ topicName, partitions: partitions.map(partitionIndex => ({ partitionIndex })) })) });
  let directoryId = ZERO_UUID;
  for (let version = 0; version <= player.newest(describeQuorumApi.key); version++) {
    const answer = await player.quietly(describeQuorumApi, request([METADATA, [0]]), version);
    directoryId = answer.topics[0]?.partitions[0]?.currentVoters[0]?.replicaDirectoryId ?? ZERO_UUID;
    player.keep(`DescribeQuorum v${version}: of the metadata`, withoutOffsets(answer));
  }
  const ask = (label: string, ...topics: [name: string, partitions: number[]][]) => player.ask(label, describeQuorumApi, request(...topics));
  await ask('of another partition', [METADATA, [1]]);
  await ask('of two partitions', [METADATA, [0, 1]]);
  await ask('of another topic', ['no-such', [0]]);
  await ask('of the metadata and another', [METADATA, [0]], ['no-such', [0]]);
  await ask('of no partition', [METADATA, []]);
  await ask('of nothing');
  return directoryId;
}

async function voters(player: Player, directoryId: string): Promise<void> {
  const { clusterId } = await player.quietly(describeClusterApi, { includeClusterAuthorizedOperations: false });
  const listener = { name: 'CONTROLLER', host: 'localhost', port: 1 };
  const good: AddRaftVoterRequestInput = { clusterId, timeoutMs: TIMEOUT_MS, voterId: 1, voterDirectoryId: directoryId, listeners: [listener] };
  const wrong: readonly [label: string, fields: Partial<AddRaftVoterRequestInput>][] = [
    ['that is one', {}],
    ['that is one, without a cluster', { clusterId: null }],
    ['of this id in another directory', { voterDirectoryId: DIRECTORY }],
    ['of another cluster', { clusterId: 'another' }],
    ['of an empty cluster', { clusterId: '' }],
    ['of a negative id', { voterId: -1 }],
    ['without a directory', { voterId: 2, voterDirectoryId: ZERO_UUID }],
    ['without listeners', { voterId: 2, voterDirectoryId: DIRECTORY, listeners: [] }],
    ['with another listener', { voterId: 2, voterDirectoryId: DIRECTORY, listeners: [{ ...listener, name: 'OTHER' }] }],
    ['with a listener in small letters', { listeners: [{ ...listener, name: 'controller' }] }],
    ['wrong in all', { clusterId: 'another', voterId: -1, listeners: [] }],
  ];
  for (const [label, fields] of wrong) await player.ask(`a voter ${label}`, addRaftVoterApi, { ...good, ...fields });
  await player.ask('a voter that nobody reaches', addRaftVoterApi, { ...good, voterId: 2, voterDirectoryId: DIRECTORY });
  const remove = (label: string, voterId: number, voterDirectoryId: string, cluster: string | null = clusterId) =>
    player.ask(label, removeRaftVoterApi, { clusterId: cluster, voterId, voterDirectoryId });
  await remove('the last voter', 1, directoryId);
  await remove('the last voter, in another directory', 1, DIRECTORY);
  await remove('a node that is no voter', 2, DIRECTORY);
  await remove('a node that is no voter, without a cluster', 2, DIRECTORY, null);
  await remove('a voter of another cluster', 1, directoryId, 'another');
  await remove('a negative voter', -1, directoryId);
  await remove('a voter without a directory', 1, ZERO_UUID);
}

async function unregister(player: Player): Promise<void> {
  for (const brokerId of [7, 0, -1]) await player.ask(`broker ${brokerId}`, unregisterBrokerApi, { brokerId });
}

type Update = UpdateFeaturesRequestInput['featureUpdates'][number];

const update = (feature: string, maxVersionLevel: number, upgradeType = 1): Update => ({ feature, maxVersionLevel, upgradeType, allowDowngrade: upgradeType !== 1 });

/** What is refused, or only looked at. */
const UPDATES: readonly [label: string, updates: Update[]][] = [
  ['to where it is', [update('metadata.version', 30)]],
  ['to an unstable level', [update('metadata.version', 31)]],
  ['to no level', [update('metadata.version', 99)]],
  ['to a negative level', [update('metadata.version', -1)]],
  ['below the lowest', [update('metadata.version', 6, 2)]],
  ['to nothing', [update('metadata.version', 0, 2)]],
  ['down without a word', [update('metadata.version', 29)]],
  ['down, safely', [update('metadata.version', 29, 2)]],
  ['down, whatever is lost', [update('metadata.version', 29, 3)]],
  ['far down, safely', [update('metadata.version', 7, 2)]],
  ['down to where it is', [update('metadata.version', 30, 2)]],
  ['down to above', [update('eligible.leader.replicas.version', 2, 2)]],
  ['of an unknown type', [update('eligible.leader.replicas.version', 0, 0)]],
  ['of another unknown type', [update('eligible.leader.replicas.version', 0, 4)]],
  ['of an unknown feature', [update('no.such', 1)]],
  ['of an unknown feature to nothing', [update('no.such', 0, 2)]],
  ['of no feature', [update('', 1)]],
  ['of groups, to where they are', [update('group.version', 1)]],
  ['of groups, too high', [update('group.version', 2)]],
  ['of groups, down without a word', [update('group.version', 0)]],
  ['of the quorum, to where it is', [update('kraft.version', 1)]],
  ['of the quorum, down', [update('kraft.version', 0, 2)]],
  ['of the quorum, down without a word', [update('kraft.version', 0)]],
  ['of the quorum, too high', [update('kraft.version', 2)]],
  ['of a feature twice', [update('eligible.leader.replicas.version', 9), update('eligible.leader.replicas.version', 1)]],
  ['good and bad', [update('eligible.leader.replicas.version', 1), update('metadata.version', 99)]],
  ['of nothing', []],
];

async function features(player: Player): Promise<void> {
  for (const [label, featureUpdates] of UPDATES) {
    await player.ask(`a look at an update ${label}`, updateFeaturesApi, { timeoutMs: TIMEOUT_MS, featureUpdates, validateOnly: true }, { from: 1 });
  }
  for (const [label, featureUpdates] of UPDATES) {
    await player.ask(`an update ${label}`, updateFeaturesApi, { timeoutMs: TIMEOUT_MS, featureUpdates });
  }
  const elr = (label: string, level: number, upgradeType: number) =>
    player.ask(label, updateFeaturesApi, { timeoutMs: 0, featureUpdates: [update('eligible.leader.replicas.version', level, upgradeType)] });
  await elr('eligible leader replicas, down', 0, 2);
  await elr('eligible leader replicas, up', 1, 1);
  await elr('eligible leader replicas, down whatever is lost', 0, 3);
  await elr('eligible leader replicas, up again', 1, 1);
  await groups(player);
}

/** Without their level, groups of the new protocol are not served. */
async function groups(player: Player): Promise<void> {
  const change = (label: string, level: number, upgradeType: number) =>
    player.ask(label, updateFeaturesApi, { timeoutMs: TIMEOUT_MS, featureUpdates: [update('group.version', level, upgradeType)], validateOnly: false }, { from: 1 });
  const beat = (label: string) => player.ask(label, consumerGroupHeartbeatApi, { groupId: 'levels', memberId: DIRECTORY, memberEpoch: 5, rebalanceTimeoutMs: -1, topicPartitions: null });
  const finalized = async () => {
    const { finalizedFeatures } = await player.quietly(apiVersionsApi, { clientSoftwareName: 'differential', clientSoftwareVersion: '1' }, 4);
    return finalizedFeatures.find(({ name }) => name === 'group.version')?.maxVersionLevel ?? 0;
  };
  await change('groups, down', 0, 2);
  await player.until('group.version 0', async () => (await finalized()) === 0);
  await beat('without group.version');
  await change('groups, up again', 1, 1);
  await player.until('group.version 1', async () => (await finalized()) === 1);
  await beat('with group.version again');
}

async function producers(player: Player): Promise<void> {
  const ask = (label: string, ...topics: [name: string, partitionIndexes: number[]][]) =>
    player.ask(label, describeProducersApi, { topics: topics.map(([name, partitionIndexes]) => ({ name, partitionIndexes })) });
  const topicId = await player.topic('written-by', 2);
  await ask('of nobody', ['written-by', [0, 1]]);
  await ask('of partitions that are not there', ['written-by', [2, -1, 0]]);
  await ask('of unknown topics', ['no-such', [0]], ['in valid', [0]], ['', [0]]);
  await ask('of no partition', ['written-by', []], ['no-such', []]);
  await ask('of a partition twice', ['written-by', [0, 0]]);
  await ask('of nothing');
  const write = (producerId: number, producerEpoch: number, baseSequence: number) =>
    player.quietly(produceApi, produceRequest({ name: 'written-by', topicId }, records(3, { producerId, producerEpoch, baseSequence })));
  await write(4_242, 3, 0);
  await ask('of one', ['written-by', [0, 1]]);
  await write(4_242, 3, 3);
  await write(4_243, 0, 7);
  await ask('of two', ['written-by', [0]]);
  await player.quietly(writeTxnMarkersApi, {
    markers: [{ producerId: 4_242, producerEpoch: 3, coordinatorEpoch: 5, transactionResult: true, topics: [{ name: 'written-by', partitionIndexes: [0, 1] }] }],
  });
  await ask('after a marker', ['written-by', [0, 1]]);
}
