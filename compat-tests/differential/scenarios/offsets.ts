// Offsets of groups: committed with and without members, fetched, deleted.

import {
  deleteGroupsApi, describeGroupsApi, joinGroupApi, offsetCommitApi, offsetDeleteApi, offsetFetchApi, syncGroupApi,
  type OffsetCommitRequestInput, type OffsetFetchRequestInput,
} from '../../../src/protocol/generated/index.js';
import type { Int64 } from '../../../src/protocol/wire/types.js';
import type { Player } from '../player.js';
import { NO_SUCH_ID } from './topics.js';

interface Place {
  readonly name: string;
  readonly topicId: string;
}

export async function committing(player: Player): Promise<void> {
  const to = { name: 'committed', topicId: await player.topic('committed', 3) };
  await commits(player, to);
  await fetches(player, to);
  await members(player, to);
  await deletions(player, to);
}

type Partition = OffsetCommitRequestInput['topics'][number]['partitions'][number];

function commit(groupId: string, { name, topicId }: Place, committedOffset: Int64, more: Partial<OffsetCommitRequestInput> = {}, partition: Partial<Partition> = {}): OffsetCommitRequestInput {
  return {
    groupId, memberId: '', generationIdOrMemberEpoch: -1,
    topics: [{ name, topicId, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: 'm', ...partition }] }], ...more,
  };
}

async function commits(player: Player, to: Place): Promise<void> {
  const ask = (label: string, request: OffsetCommitRequestInput, from = 0) => player.ask(label, offsetCommitApi, request, { from });
  await ask('plain', commit('offsets', to, 5));
  await ask('with an epoch', commit('offsets', to, 6, {}, { partitionIndex: 1, committedLeaderEpoch: 3 }));
  await ask('without metadata', commit('offsets', to, 7, {}, { partitionIndex: 2, committedMetadata: null }));
  await ask('offset -1', commit('offsets-odd', to, -1));
  await ask('offset -2', commit('offsets-odd', to, -2));
  await ask('metadata too large', commit('offsets', to, 7, {}, { committedMetadata: 'm'.repeat(4097) }));
  await ask('metadata as large as can be', commit('offsets-odd', to, 7, {}, { committedMetadata: 'm'.repeat(4096) }));
  await ask('unknown topic', commit('offsets', { name: 'no-such', topicId: NO_SUCH_ID }, 1));
  await ask('unknown partition', commit('offsets', to, 1, {}, { partitionIndex: 8 }));
  await ask('no group', commit('', to, 1));
  await ask('a generation without a member', commit('offsets', to, 1, { generationIdOrMemberEpoch: 3 }), 1);
  await ask('a member that is none', commit('offsets', to, 1, { memberId: 'm', generationIdOrMemberEpoch: 1 }), 1);
  await ask('a member of a group that is none', commit('no-such-group', to, 1, { memberId: 'm', generationIdOrMemberEpoch: 1 }), 1);
  await ask('an instance that is none', commit('offsets', to, 1, { memberId: 'm', generationIdOrMemberEpoch: 1, groupInstanceId: 'i' }), 7);
  await ask('no topics', { groupId: 'offsets', memberId: '', generationIdOrMemberEpoch: -1, topics: [] });
  await ask('no partitions', { groupId: 'offsets', memberId: '', generationIdOrMemberEpoch: -1, topics: [{ ...to, partitions: [] }] });
  await ask('good and bad', {
    groupId: 'offsets', memberId: '', generationIdOrMemberEpoch: -1, topics: [
      { ...to, partitions: [{ partitionIndex: 0, committedOffset: 5, committedMetadata: 'm' }, { partitionIndex: 9, committedOffset: 1, committedMetadata: '' }] },
      { name: 'no-such', topicId: NO_SUCH_ID, partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] },
    ],
  });
  await ask('with a retention', commit('offsets-kept', to, 9, { retentionTimeMs: 86_400_000 }));
}

/** Asks for the offsets of a group in the shape of each version. */
function fetch(groupId: string, topics: readonly (Place & { partitions: number[] })[] | null, more: object = {}): OffsetFetchRequestInput {
  const shaped = topics?.map(({ name, topicId, partitions }) => ({ name, topicId, partitionIndexes: partitions })) ?? null;
  return { groupId, topics: shaped ?? null, groups: [{ groupId, topics: shaped, ...more }], requireStable: false };
}

async function fetches(player: Player, to: Place): Promise<void> {
  const ask = (label: string, request: OffsetFetchRequestInput, from = 0) => player.ask(label, offsetFetchApi, request, { from });
  await ask('three partitions', fetch('offsets', [{ ...to, partitions: [0, 1, 2] }]));
  await ask('all', fetch('offsets', null), 2);
  await ask('odd ones', fetch('offsets-odd', null), 2);
  await ask('unknown partition', fetch('offsets', [{ ...to, partitions: [8] }]));
  await ask('unknown topic', fetch('offsets', [{ name: 'no-such', topicId: NO_SUCH_ID, partitions: [0] }]));
  await ask('no topics', fetch('offsets', []));
  await ask('no partitions', fetch('offsets', [{ ...to, partitions: [] }]));
  await ask('a partition twice', fetch('offsets', [{ ...to, partitions: [0, 0] }]));
  await ask('unknown group', fetch('no-such-group', [{ ...to, partitions: [0] }]));
  await ask('all of an unknown group', fetch('no-such-group', null), 2);
  await ask('no group', fetch('', [{ ...to, partitions: [0] }]));
  await ask('stable ones', { ...fetch('offsets', [{ ...to, partitions: [0] }]), requireStable: true }, 7);
  await ask('two groups', { groups: ['offsets', 'no-such-group'].map(groupId => ({ groupId, topics: null })) }, 8);
  await ask('a group twice', { groups: ['offsets', 'offsets'].map(groupId => ({ groupId, topics: null })) }, 8);
  await ask('no groups', { groups: [] }, 8);
  await ask('as a member that is none', fetch('offsets', [{ ...to, partitions: [0] }], { memberId: 'm', memberEpoch: 1 }), 9);
}

async function members(player: Player, to: Place): Promise<void> {
  const groupId = 'offsets-members';
  const request = {
    groupId, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, memberId: '', groupInstanceId: 'fixed', protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('00000000000100096e6f7468696e672d30ffffffff', 'hex') }],
  };
  const { memberId, generationId } = await player.quietly(joinGroupApi, request);
  player.alias(memberId, 'committer');
  const ask = (label: string, more: Partial<OffsetCommitRequestInput>, from = 1) => player.ask(label, offsetCommitApi, commit(groupId, to, 3, more), { from });
  await ask('before it is synced', { memberId, generationIdOrMemberEpoch: generationId });
  await player.quietly(syncGroupApi, { groupId, memberId, generationId, protocolType: 'consumer', protocolName: 'range', assignments: [{ memberId, assignment: Buffer.from('a') }] });
  await ask('as a member', { memberId, generationIdOrMemberEpoch: generationId });
  await ask('as a member of another generation', { memberId, generationIdOrMemberEpoch: generationId + 1 });
  await ask('as a member before all generations', { memberId, generationIdOrMemberEpoch: -1 });
  await ask('as a stranger', { memberId: 'stranger', generationIdOrMemberEpoch: generationId });
  await ask('as nobody, while there are members', { memberId: '', generationIdOrMemberEpoch: -1 }, 0);
  await ask('as its instance', { memberId, groupInstanceId: 'fixed', generationIdOrMemberEpoch: generationId }, 7);
  await ask('as another member of its instance', { memberId: 'stranger', groupInstanceId: 'fixed', generationIdOrMemberEpoch: generationId }, 7);
  await ask('as another instance', { memberId, groupInstanceId: 'loose', generationIdOrMemberEpoch: generationId }, 7);
  await player.ask('as a member, the offsets', offsetFetchApi, fetch(groupId, null, { memberId, memberEpoch: generationId }), { from: 9 });
}

async function deletions(player: Player, to: Place): Promise<void> {
  const drop = (label: string, groupId: string, topics: [string, number[]][]) => player.ask(label, offsetDeleteApi, {
    groupId, topics: topics.map(([name, partitions]) => ({ name, partitions: partitions.map(partitionIndex => ({ partitionIndex })) })),
  });
  await drop('of an unknown group', 'no-such-group', [[to.name, [0]]]);
  await drop('of no group', '', [[to.name, [0]]]);
  await drop('of a group with a member that subscribes by itself', 'offsets-members', [[to.name, [0]]]);
  await drop('of nothing', 'offsets', []);
  await drop('unknown ones', 'offsets', [['no-such', [0]], [to.name, [8]]]);
  await drop('one and none', 'offsets', [[to.name, [0, 9]]]);
  await drop('again', 'offsets', [[to.name, [0]]]);
  await player.ask('what is left', offsetFetchApi, fetch('offsets', null), { from: 2 });
  await player.ask('a group without members', describeGroupsApi, { groups: ['offsets'] });
  await player.ask('several', deleteGroupsApi, version => ({ groupsNames: version === 0 ? ['offsets', 'no-such-group'] : ['offsets-odd', 'offsets-members', 'offsets'] }));
  await player.ask('of a group that was deleted', offsetFetchApi, fetch('offsets', null), { from: 2 });
}
