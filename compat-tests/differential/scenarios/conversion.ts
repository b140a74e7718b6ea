// Groups that change between the classic and the consumer protocol while their members run, and members of both in one group.

import {
  consumerGroupDescribeApi, consumerGroupHeartbeatApi, describeGroupsApi, heartbeatApi, joinGroupApi, leaveGroupApi, listGroupsApi, offsetCommitApi,
  offsetFetchApi, syncGroupApi, type ConsumerGroupHeartbeatRequestInput, type JoinGroupRequestInput, type JoinGroupResponse,
} from '../../../src/protocol/generated/index.js';
import { writeAssignment } from '../../../src/coordinator/group/classic/consumer-protocol.js';
import { subscriptionOf } from '../../../src/coordinator/group/testing/mixed-clients.js';
import type { Player } from '../player.js';

/** The newest JoinGroup that makes a dynamic member's id without sending it away for that. */
const MAKES_IDS = 3;
const TOPIC = 'cv';

export async function conversions(player: Player): Promise<void> {
  await player.untilGroupsServed();
  const topicId = await player.topic(TOPIC, 2);
  await upgradeAndBack(player, topicId);
  await refusedUpgrades(player);
  await joins(player);
  await leaves(player);
  await statics(player);
  await staticInPlaceOfTheLast(player, topicId);
  await staticTooEarly(player);
}

type Asked = Partial<ConsumerGroupHeartbeatRequestInput>;

const JOIN = { memberEpoch: 0, rebalanceTimeoutMs: 30_000, subscribedTopicNames: [TOPIC], topicPartitions: [] } as const;

const beat = (groupId: string, memberId: string, more: Asked = {}): ConsumerGroupHeartbeatRequestInput => ({ groupId, memberId, memberEpoch: 1, ...more });

/** What a consumer of the classic protocol that owns these partitions says when it joins. */
const protocolsOwning = (...partitions: number[]): { name: string; metadata: Uint8Array }[] => {
  const metadata = subscriptionOf([TOPIC], partitions.length === 0 ? [] : [{ topic: TOPIC, partitions }]);
  return [{ name: 'range', metadata }, { name: 'cooperative-sticky', metadata }];
};

const classicJoin = (groupId: string, more: Partial<JoinGroupRequestInput> = {}): JoinGroupRequestInput => ({
  groupId, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, memberId: '', groupInstanceId: null, protocolType: 'consumer', protocols: protocolsOwning(), ...more,
});

async function describeBoth(player: Player, label: string, groupId: string): Promise<void> {
  await player.ask(label, consumerGroupDescribeApi, { groupIds: [groupId], includeAuthorizedOperations: false });
  await player.once(label, describeGroupsApi, { groups: [groupId] });
  await player.once(label, describeGroupsApi, { groups: [groupId] }, 5);
  await player.once(`${label}: is listed among the classic`, listGroupsApi, { statesFilter: ['Stable', 'Reconciling', 'PreparingRebalance', 'Assigning'], typesFilter: ['classic'] });
}

/** A classic group of one member, which assigned itself these partitions. */
async function classicGroup(player: Player, groupId: string, partitions: readonly number[], more: Partial<JoinGroupRequestInput> = {}): Promise<JoinGroupResponse> {
  const joined = await player.quietly(joinGroupApi, classicJoin(groupId, more), MAKES_IDS);
  player.alias(joined.memberId, `classic of ${groupId}`);
  const assignment = writeAssignment({ assignedPartitions: [{ topic: TOPIC, partitions: [...partitions] }], userData: null }, 3);
  const { memberId, generationId } = joined;
  await player.quietly(syncGroupApi, { groupId, memberId, generationId, assignments: [{ memberId, assignment }] }, 3);
  return joined;
}

/** A classic member is joined by one of the consumer protocol, shares with it, and is left alone again. */
async function upgradeAndBack(player: Player, topicId: string): Promise<void> {
  const groupId = 'upgraded';
  const { memberId, generationId } = await classicGroup(player, groupId, [0, 1]);
  await describeBoth(player, 'upgrade: classic', groupId);
  const say = (label: string, more: Asked): Promise<unknown> => player.once(`upgrade: ${label}`, consumerGroupHeartbeatApi, beat(groupId, 'one', more));
  const classic = { groupId, memberId, generationId };
  const sync = { ...classic, assignments: [], protocolType: 'consumer', protocolName: 'range' };
  await say('not joining', { memberEpoch: 1 });
  await say('leaving', { memberEpoch: -1 });
  await say('joining', JOIN);
  await describeBoth(player, 'upgrade: both', groupId);
  await player.ask('upgrade: the classic member', heartbeatApi, classic);
  await player.ask('upgrade: the classic member', syncGroupApi, sync);
  await commit(player, 'upgrade: the classic member', topicId, groupId, memberId, generationId);
  const owning = (...partitions: number[]): JoinGroupRequestInput => classicJoin(groupId, { memberId, protocols: protocolsOwning(...partitions) });
  await player.ask('upgrade: it owns both', joinGroupApi, owning(0, 1));
  await describeBoth(player, 'upgrade: giving back', groupId);
  await player.ask('upgrade: giving back', syncGroupApi, sync);
  await player.ask('upgrade: giving back', heartbeatApi, classic);
  await player.ask('upgrade: it has given back', joinGroupApi, owning(0));
  const next = { ...classic, generationId: generationId + 1 };
  await player.ask('upgrade: in the old generation', heartbeatApi, classic);
  await player.ask('upgrade: in the old generation', syncGroupApi, sync);
  await player.ask('upgrade: in the new generation', syncGroupApi, { ...sync, generationId: next.generationId });
  await player.ask('upgrade: in the new generation', heartbeatApi, next);
  await say('gets what is free', { memberEpoch: generationId + 1 });
  await describeBoth(player, 'upgrade: shared', groupId);
  await commit(player, 'upgrade: in the old generation', topicId, groupId, memberId, generationId);
  await commit(player, 'upgrade: in the new generation', topicId, groupId, memberId, generationId + 1);
  await commit(player, 'upgrade: in no generation yet', topicId, groupId, memberId, generationId + 2);
  await player.ask('upgrade: the classic member', offsetFetchApi, version => (version < 8
    ? { groupId, topics: [{ name: TOPIC, partitionIndexes: [0] }] }
    : { groups: [{ groupId, memberId, memberEpoch: generationId + 1, topics: [{ name: TOPIC, topicId, partitionIndexes: [0] }] }] }));
  await say('leaves', { memberEpoch: -1 });
  await describeBoth(player, 'upgrade: and back', groupId);
  await player.once('upgrade: and back', heartbeatApi, next);
  await player.once('upgrade: and back', joinGroupApi, owning());
  await player.once('upgrade: and back', syncGroupApi, { ...sync, generationId: generationId + 2 });
  await describeBoth(player, 'upgrade: classic again', groupId);
  await player.quietly(leaveGroupApi, { groupId, members: [{ memberId }] });
}

function commit(player: Player, label: string, topicId: string, groupId: string, memberId: string, generationIdOrMemberEpoch: number): Promise<unknown> {
  return player.ask(label, offsetCommitApi, {
    groupId, memberId, generationIdOrMemberEpoch, topics: [{ name: TOPIC, topicId, partitions: [{ partitionIndex: 0, committedOffset: 3, committedMetadata: 'm' }] }],
  });
}

async function refusedUpgrades(player: Player): Promise<void> {
  const connect = await player.quietly(joinGroupApi, classicJoin('connectors', { protocolType: 'connect' }), MAKES_IDS);
  await player.once('a group that is not of consumers', consumerGroupHeartbeatApi, beat('connectors', 'one', JOIN));
  const malformed = await player.quietly(joinGroupApi, classicJoin('malformed', { protocols: [{ name: 'range', metadata: Buffer.from('x') }] }), MAKES_IDS);
  await player.once('a group whose subscriptions are none', consumerGroupHeartbeatApi, beat('malformed', 'one', JOIN));
  const custom = await player.quietly(joinGroupApi, classicJoin('custom'), MAKES_IDS);
  const assignment = writeAssignment({ assignedPartitions: [], userData: Buffer.from('mine') }, 1);
  const { memberId, generationId } = custom;
  await player.quietly(syncGroupApi, { groupId: 'custom', memberId, generationId, assignments: [{ memberId, assignment }] }, 3);
  await player.once('a group whose assignor keeps something', consumerGroupHeartbeatApi, beat('custom', 'one', JOIN));
  await player.quietly(leaveGroupApi, { groupId: 'connectors', members: [{ memberId: connect.memberId }] });
  await player.quietly(leaveGroupApi, { groupId: 'malformed', members: [{ memberId: malformed.memberId }] });
  await player.quietly(leaveGroupApi, { groupId: 'custom', members: [{ memberId }] });
}

/** Members of the classic protocol come to a consumer group. */
async function joins(player: Player): Promise<void> {
  const groupId = 'joined';
  await player.quietly(consumerGroupHeartbeatApi, beat(groupId, 'one', JOIN));
  const join = (label: string, more: Partial<JoinGroupRequestInput>): Promise<unknown> => player.ask(`joins: ${label}`, joinGroupApi, classicJoin(groupId, { memberId: 'classic', ...more }));
  await join('of another type', { protocolType: 'connect' });
  await join('without a type', { protocolType: '' });
  await join('without protocols', { protocols: [] });
  await join('says what no consumer says', { protocols: [{ name: 'range', metadata: Buffer.from('x') }] });
  await join('nothing at all', { protocols: [{ name: 'range', metadata: Buffer.alloc(0) }] });
  await join('a session that is too short', { sessionTimeoutMs: 1 });
  await join('an instance that nobody is', { groupInstanceId: 'nobody' });
  await player.once('joins: by an id of its own', joinGroupApi, classicJoin(groupId, { memberId: 'classic' }));
  await describeBoth(player, 'joins: by an id of its own', groupId);
  await join('again', {});
  await join('with protocols that the other does not have', { memberId: 'other', protocols: [{ name: 'roundrobin', metadata: subscriptionOf([TOPIC]) }] });
  const sync = { groupId, memberId: 'classic', generationId: 3, assignments: [] };
  await player.ask('joins: the right protocol', syncGroupApi, { ...sync, protocolType: 'consumer', protocolName: 'range' });
  await player.ask('joins: another type', syncGroupApi, { ...sync, protocolType: 'connect', protocolName: 'range' });
  await player.ask('joins: another name', syncGroupApi, { ...sync, protocolType: 'consumer', protocolName: 'cooperative-sticky' });
  await player.ask('joins: an instance that nobody is', syncGroupApi, { ...sync, groupInstanceId: 'nobody' });
  await player.ask('joins: a member of the consumer protocol', syncGroupApi, { ...sync, memberId: 'one' });
  await player.ask('joins: nobody', heartbeatApi, { groupId, memberId: 'nobody', generationId: 3 });
  await player.ask('joins: an instance that nobody is', heartbeatApi, { groupId, memberId: 'classic', generationId: 3, groupInstanceId: 'nobody' });
  const made = await player.quietly(joinGroupApi, classicJoin(groupId), 4);
  player.alias(made.memberId, 'made');
  player.keep('JoinGroup v4: joins: without an id', made);
  await player.once('joins: the classic member becomes one of the consumer protocol', consumerGroupHeartbeatApi, beat(groupId, 'classic', JOIN));
  await describeBoth(player, 'joins: nobody is classic', groupId);
  for (const member of ['one', 'classic']) await player.quietly(consumerGroupHeartbeatApi, beat(groupId, member, { memberEpoch: -1 }));
}

/** Several ways in which the last member of the consumer protocol goes. */
async function leaves(player: Player): Promise<void> {
  for (const [groupId, members] of [['left-one', ['one']], ['left-both', ['one', 'classic']], ['left-twice', ['ghost', 'one', 'one']]] as const) {
    await player.quietly(consumerGroupHeartbeatApi, beat(groupId, 'one', JOIN));
    await player.quietly(joinGroupApi, classicJoin(groupId, { memberId: 'classic' }));
    await player.once(`leaves: ${members.join(' and ')}`, leaveGroupApi, { groupId, members: members.map(memberId => ({ memberId })) });
    await describeBoth(player, `leaves: ${members.join(' and ')}`, groupId);
    await player.once(`leaves: ${members.join(' and ')}`, heartbeatApi, { groupId, memberId: 'classic', generationId: 2 });
    await player.quietly(leaveGroupApi, { groupId, members: [{ memberId: 'classic' }] });
  }
}

/** Static members that change their protocol. */
async function statics(player: Player): Promise<void> {
  const groupId = 'static-conversion';
  const say = (label: string, memberId: string, more: Asked): Promise<unknown> => player.once(`statics: ${label}`, consumerGroupHeartbeatApi, beat(groupId, memberId, more));
  const joined = async (label: string, groupInstanceId: string): Promise<JoinGroupResponse> => {
    const answer = await player.quietly(joinGroupApi, classicJoin(groupId, { groupInstanceId }));
    player.alias(answer.memberId, label);
    player.keep(`JoinGroup: statics: ${label}`, answer);
    return answer;
  };
  await say('i, of the consumer protocol', 'one', { ...JOIN, instanceId: 'i' });
  const j = await joined('j, of the classic protocol', 'j');
  await describeBoth(player, 'statics: both', groupId);
  await player.ask('statics: another of its name', heartbeatApi, { groupId, memberId: 'other', groupInstanceId: 'j', generationId: j.generationId });
  await player.ask('statics: another of its name', syncGroupApi, { groupId, memberId: 'other', groupInstanceId: 'j', generationId: j.generationId, assignments: [] });
  await player.ask('statics: another of its name', joinGroupApi, classicJoin(groupId, { memberId: 'other', groupInstanceId: 'j' }), { from: 5 });
  await say('j, now of the consumer protocol', 'two', { ...JOIN, instanceId: 'j' });
  await player.ask('statics: who it was', heartbeatApi, { groupId, memberId: j.memberId, groupInstanceId: 'j', generationId: j.generationId }, { from: 3 });
  await joined('j, classic again', 'j');
  await describeBoth(player, 'statics: j is classic again', groupId);
  await player.once('statics: removed by an administrator', leaveGroupApi, { groupId, members: [{ memberId: '', groupInstanceId: 'j' }] });
  await describeBoth(player, 'statics: j is removed', groupId);
  await say('i leaves', 'one', { instanceId: 'i', memberEpoch: -1 });
}

/** The last member of the consumer protocol is static, and comes back with the classic one. */
async function staticInPlaceOfTheLast(player: Player, topicId: string): Promise<void> {
  const groupId = 'static-back';
  await player.quietly(consumerGroupHeartbeatApi, beat(groupId, 'one', { ...JOIN, instanceId: 'i' }));
  const join = (memberId: string, groupInstanceId: string | null, ...owned: number[]): Promise<JoinGroupResponse> =>
    player.quietly(joinGroupApi, classicJoin(groupId, { memberId, groupInstanceId, protocols: protocolsOwning(...owned) }));
  await join('classic', null);
  const say = (more: Asked): Promise<unknown> => player.quietly(consumerGroupHeartbeatApi, beat(groupId, 'one', { instanceId: 'i', memberEpoch: 2, ...more }));
  await say({});
  await say({ topicPartitions: [{ topicId, partitions: [0] }] });
  const { generationId } = await join('classic', null);
  await describeBoth(player, 'static in place of the last: shared', groupId);
  await say({ memberEpoch: -2 });
  const answer = await join('', 'i');
  player.alias(answer.memberId, 'i, classic');
  player.keep('JoinGroup: static in place of the last', answer);
  await describeBoth(player, 'static in place of the last: classic', groupId);
  const sync = { groupId, assignments: [], protocolType: 'consumer', protocolName: 'range' };
  await player.ask('static in place of the last: itself', syncGroupApi, { ...sync, memberId: answer.memberId, generationId: answer.generationId, groupInstanceId: 'i' });
  await player.ask('static in place of the last: the other', syncGroupApi, { ...sync, memberId: 'classic', generationId });
  await player.ask('static in place of the last: the other', heartbeatApi, { groupId, memberId: 'classic', generationId });
}

/** As above, before the other has got what it is to have. */
async function staticTooEarly(player: Player): Promise<void> {
  const groupId = 'static-early';
  await player.quietly(consumerGroupHeartbeatApi, beat(groupId, 'one', { ...JOIN, instanceId: 'i' }));
  const { generationId } = await player.quietly(joinGroupApi, classicJoin(groupId, { memberId: 'classic' }));
  await player.quietly(consumerGroupHeartbeatApi, beat(groupId, 'one', { instanceId: 'i', memberEpoch: -2 }));
  const { memberId } = await player.quietly(joinGroupApi, classicJoin(groupId, { groupInstanceId: 'i' }));
  player.alias(memberId, 'i, too early');
  await player.once('static too early: the other', heartbeatApi, { groupId, memberId: 'classic', generationId });
  await player.quietly(leaveGroupApi, { groupId, members: [{ memberId: 'classic' }, { memberId, groupInstanceId: 'i' }] });
}
