// Groups of the consumer protocol (KIP-848): their life heartbeat by heartbeat, and every way to be refused.

import {
  consumerGroupDescribeApi, consumerGroupHeartbeatApi, deleteGroupsApi, describeConfigsApi, describeGroupsApi, heartbeatApi, incrementalAlterConfigsApi,
  joinGroupApi, leaveGroupApi, listGroupsApi, offsetCommitApi, offsetDeleteApi, offsetFetchApi, syncGroupApi,
  type ConsumerGroupHeartbeatRequestInput, type ConsumerGroupHeartbeatResponse,
} from '../../../src/protocol/generated/index.js';
import { GROUP } from '../../support/config-resources.js';
import type { Player } from '../player.js';

/** The longest that Apache Kafka takes: no target comes meanwhile. */
const LONG_INTERVAL_MS = 15_000;

export async function consumerGroups(player: Player): Promise<void> {
  const topicId = await player.topic('cg', 2);
  await strangers(player);
  await refusals(player, topicId);
  await life(player, topicId);
  await staticLife(player);
  await patterns(player);
  await offsets(player, topicId);
  await protocols(player);
}

type Asked = Partial<ConsumerGroupHeartbeatRequestInput>;

const JOIN = { memberEpoch: 0, rebalanceTimeoutMs: 30_000, subscribedTopicNames: ['cg'], topicPartitions: [] } as const;

const beat = (groupId: string, memberId: string, more: Asked = {}): ConsumerGroupHeartbeatRequestInput => ({ groupId, memberId, memberEpoch: 1, ...more });
const joining = (groupId: string, memberId: string, more: Asked = {}): ConsumerGroupHeartbeatRequestInput => beat(groupId, memberId, { ...JOIN, ...more });

async function strangers(player: Player): Promise<void> {
  for (const groupId of ['', 'no-such-consumer-group']) {
    const of = groupId === '' ? 'no name' : 'an unknown group';
    await player.ask(of, consumerGroupHeartbeatApi, beat(groupId, 'm'));
    await player.ask(`leaving ${of}`, consumerGroupHeartbeatApi, beat(groupId, 'm', { memberEpoch: -1 }));
    await player.ask(of, consumerGroupDescribeApi, { groupIds: [groupId], includeAuthorizedOperations: true });
  }
  await player.ask('nothing', consumerGroupDescribeApi, { groupIds: [], includeAuthorizedOperations: false });
  await player.ask('a group twice', consumerGroupDescribeApi, { groupIds: ['no-such-consumer-group', 'no-such-consumer-group'], includeAuthorizedOperations: false });
}

/** What is wrong whatever the group is. */
async function refusals(player: Player, topicId: string): Promise<void> {
  const refused = (label: string, more: Asked): Promise<unknown> =>
    player.ask(label, consumerGroupHeartbeatApi, version => joining(`refused-${label}-${version}`, 'm', more));
  await refused('no rebalance timeout', { rebalanceTimeoutMs: -1 });
  await refused('partitions that are not said', { topicPartitions: null });
  await refused('partitions on joining', { topicPartitions: [{ topicId, partitions: [0] }] });
  await refused('no subscription', { subscribedTopicNames: null });
  await refused('an assignor that nobody has', { serverAssignor: 'sticky' });
  await refused('an assignor without a name', { serverAssignor: '' });
  await refused('an instance without a name', { instanceId: '' });
  await refused('an instance of blanks', { instanceId: ' ' });
  await refused('a rack without a name', { rackId: '' });
  await refused('an epoch of -3', { memberEpoch: -3 });
  await refused('an epoch of the distant past', { memberEpoch: -2147483648 });
  await refused('going to come back, and no instance', { memberEpoch: -2 });
  await refused('a rebalance timeout of 0', { rebalanceTimeoutMs: 0 });
  await refused('a negative rebalance timeout', { rebalanceTimeoutMs: -5 });
  await refused('a topic twice', { subscribedTopicNames: ['cg', 'cg'] });
  await refused('topics that cannot be', { subscribedTopicNames: ['', 'no such topic', '..'] });
  await player.ask('no member id', consumerGroupHeartbeatApi, joining('refused-no-member', ''), { from: 1 });
  await player.ask('a member id of blanks', consumerGroupHeartbeatApi, version => joining(`refused-blank-${version}`, '  '));
  for (const memberEpoch of [1, -1, -2]) {
    await player.ask(`no member id in epoch ${memberEpoch}`, consumerGroupHeartbeatApi, beat('refused-no-member', '', { memberEpoch, instanceId: memberEpoch === -2 ? 'i' : null }));
  }
}

/** Joins, shares, revokes, is fenced, leaves. */
async function life(player: Player, topicId: string): Promise<void> {
  for (let version = 0; version <= player.newest(consumerGroupHeartbeatApi.key); version++) {
    const groupId = `consumers-${version}`;
    const say = (label: string, memberId: string, more: Asked): Promise<ConsumerGroupHeartbeatResponse | undefined> =>
      player.once(`life: ${label}`, consumerGroupHeartbeatApi, beat(groupId, memberId, more), version);
    const describe = (label: string): Promise<unknown> => describeBoth(player, `v${version} ${label}`, groupId);
    // Behind all ids that the coordinator makes, for the range assignor goes by them.
    const two = '~two';
    await assignEvery(player, groupId, LONG_INTERVAL_MS);
    const one = version === 0 ? await madeMember(player, groupId) : 'one';
    if (version > 0) await say('the first joins', one, JOIN);
    await describe('one member');
    await say('nothing new', one, { memberEpoch: 2 });
    await say('all of it', one, { ...JOIN, memberEpoch: 2, topicPartitions: [{ topicId, partitions: [0, 1] }] });
    await say('an epoch too far', one, { memberEpoch: 3 });
    await say('an epoch ago, and owns too much', one, { memberEpoch: 1, topicPartitions: [{ topicId, partitions: [5] }] });
    await say('an epoch ago', one, { memberEpoch: 1, topicPartitions: [] });
    await say('nobody', 'other', { memberEpoch: 2 });
    await say('an instance that nobody is', one, { memberEpoch: 2, instanceId: 'ghost' });
    await say('the second joins', two, { ...JOIN, serverAssignor: 'range', rackId: 'r' });
    await describe('two members, one without a target');
    await assignEvery(player, groupId, 0);
    await secondIsIn(player, groupId, two, version);
    await describe('to be shared');
    await say('the first gives back', one, { memberEpoch: 2, topicPartitions: [{ topicId, partitions: [0, 1] }] });
    await describe('giving back');
    await say('the second waits', two, { memberEpoch: 3 });
    await say('the first has given back', one, { memberEpoch: 2, topicPartitions: [{ topicId, partitions: [0] }] });
    await say('the second gets it', two, { memberEpoch: 3 });
    await describe('shared');
    await player.once(`${groupId}: delete with members`, deleteGroupsApi, { groupsNames: [groupId] });
    await say('the first wants nothing', one, { memberEpoch: 3, subscribedTopicNames: [] });
    await say('the second leaves', two, { memberEpoch: -1 });
    await say('the second is gone', two, { memberEpoch: 3 });
    await say('the first leaves', one, { memberEpoch: -1 });
    await say('the first leaves again', one, { memberEpoch: -1 });
    await describe('empty');
    await player.once(`${groupId}: delete`, deleteGroupsApi, { groupsNames: [groupId] });
    await describe('gone');
  }
}

/** In version 0 the coordinator makes the member's id. */
async function madeMember(player: Player, groupId: string): Promise<string> {
  const answer = await player.quietly(consumerGroupHeartbeatApi, joining(groupId, ''), 0);
  player.alias(answer.memberId, 'made');
  player.keep('ConsumerGroupHeartbeat v0: life: the first joins', answer);
  return answer.memberId!;
}

async function describeBoth(player: Player, label: string, groupId: string): Promise<void> {
  await player.ask(label, consumerGroupDescribeApi, { groupIds: [groupId], includeAuthorizedOperations: true });
  await player.once(label, describeGroupsApi, { groups: [groupId] });
  await player.once(label, describeGroupsApi, { groups: [groupId] }, 5);
}

/** Targets of the group follow one another no sooner. */
async function assignEvery(player: Player, groupId: string, intervalMs: number): Promise<void> {
  const [name, value] = ['consumer.assignment.interval.ms', String(intervalMs)];
  const resource = { resourceType: GROUP, resourceName: groupId };
  await player.quietly(incrementalAlterConfigsApi, { resources: [{ ...resource, configs: [{ name, configOperation: 0, value }] }], validateOnly: false });
  await player.until(`${groupId}: ${name}=${value}`, async () => {
    const { results } = await player.quietly(describeConfigsApi, { resources: [{ ...resource, configurationKeys: [name] }], includeSynonyms: false, includeDocumentation: false });
    return results[0]?.configs[0]?.value === value;
  });
}

/** The interval is acted on a moment after it can be read: the answer is kept that has a target. */
async function secondIsIn(player: Player, groupId: string, memberId: string, version: number): Promise<void> {
  await player.until('a target for the second', async () => {
    const answer = await player.quietly(consumerGroupHeartbeatApi, beat(groupId, memberId, { memberEpoch: 2 }), version);
    const isIn = answer.memberEpoch !== 2;
    if (isIn) player.keep(`ConsumerGroupHeartbeat v${version}: life: the second is in`, answer);
    return isIn;
  });
}

async function staticLife(player: Player): Promise<void> {
  const groupId = 'static-consumers';
  const say = (label: string, memberId: string, more: Asked): Promise<unknown> =>
    player.once(`static: ${label}`, consumerGroupHeartbeatApi, beat(groupId, memberId, { instanceId: 'i', ...more }));
  await say('joins', 'one', JOIN);
  await say('another comes too soon', 'two', JOIN);
  await say('stays', 'one', { memberEpoch: 2 });
  await say('another with its instance', 'two', { memberEpoch: 2 });
  await say('without its instance', 'one', { memberEpoch: 2, instanceId: null });
  await say('another goes', 'two', { memberEpoch: -2 });
  await say('goes to come back', 'one', { memberEpoch: -2 });
  await describeBoth(player, 'static, away', groupId);
  await say('away', 'one', { memberEpoch: 2 });
  await say('comes back', 'two', JOIN);
  await describeBoth(player, 'static, back', groupId);
  await say('who it was', 'one', { memberEpoch: 2 });
  await say('goes for good as who it was', 'one', { memberEpoch: -1 });
  await say('goes for good', 'two', { memberEpoch: -1 });
  await describeBoth(player, 'static, gone', groupId);
}

async function patterns(player: Player): Promise<void> {
  const groupId = 'patterns';
  const say = (label: string, more: Asked): Promise<ConsumerGroupHeartbeatResponse | undefined> =>
    player.once(`pattern: ${label}`, consumerGroupHeartbeatApi, beat(groupId, 'one', more));
  for (const [index, pattern] of ['(', '*', '[a', 'a{2,1}', '(?<x', '\\', 'a**', '(?=x)', '\\p{Nonsense}'].entries()) {
    await player.once(`pattern: ${pattern} is none`, consumerGroupHeartbeatApi,
      joining(`pattern-${index}`, 'm', { subscribedTopicNames: null, subscribedTopicRegex: pattern }));
  }
  await say('joins', { ...JOIN, subscribedTopicNames: null, subscribedTopicRegex: 'c[g]' });
  await player.until('the pattern is resolved', async () => {
    const { groups } = await player.quietly(consumerGroupDescribeApi, { groupIds: [groupId], includeAuthorizedOperations: false });
    return groups[0]!.groupEpoch > 1;
  });
  await say('resolved', { memberEpoch: 1 });
  await describeBoth(player, 'pattern', groupId);
  await say('none any more', { memberEpoch: 2, subscribedTopicRegex: '' });
  await say('leaves', { memberEpoch: -1 });
}

async function offsets(player: Player, topicId: string): Promise<void> {
  const groupId = 'consumer-offsets';
  await player.quietly(consumerGroupHeartbeatApi, joining(groupId, 'one'));
  const commit = (label: string, memberId: string, generationIdOrMemberEpoch: number, partitionIndex = 0): Promise<unknown> =>
    player.ask(`of a consumer group: ${label}`, offsetCommitApi, {
      groupId, memberId, generationIdOrMemberEpoch,
      topics: [{ name: 'cg', topicId, partitions: [{ partitionIndex, committedOffset: 3, committedMetadata: 'm' }] }],
    });
  await commit('its member', 'one', 2);
  await commit('an epoch too far', 'one', 3);
  await commit('an epoch before it had the partition', 'one', 1);
  await commit('an unknown member', 'two', 2);
  await commit('nobody', '', -1);
  const fetch = (label: string, memberId: string | null, memberEpoch: number): Promise<unknown> =>
    player.ask(`of a consumer group: ${label}`, offsetFetchApi, version => (version < 8
      ? { groupId, topics: [{ name: 'cg', partitionIndexes: [0] }] }
      : { groups: [{ groupId, memberId, memberEpoch, topics: [{ name: 'cg', topicId, partitionIndexes: [0, 1] }] }] }));
  await fetch('its member', 'one', 2);
  await fetch('an epoch too far', 'one', 3);
  await fetch('an epoch too old', 'one', 1);
  await fetch('an unknown member', 'two', 2);
  await fetch('nobody', null, -1);
  await fetch('an empty name', '', -1);
  await player.ask('of a consumer group: subscribed', offsetDeleteApi, { groupId, topics: [{ name: 'cg', partitions: [{ partitionIndex: 0 }] }] });
  await player.once('consumer groups that are stable', listGroupsApi, { statesFilter: ['STABLE'], typesFilter: ['Consumer'] });
  await player.quietly(consumerGroupHeartbeatApi, beat(groupId, 'one', { memberEpoch: -1 }));
  await commit('nobody, when nobody is in', '', -1);
  await player.ask('of a consumer group: empty', offsetDeleteApi, { groupId, topics: [{ name: 'cg', partitions: [{ partitionIndex: 0 }] }] });
}

/** Requests of the classic protocol meet a consumer group, and the other way round. */
async function protocols(player: Player): Promise<void> {
  const groupId = 'both-protocols';
  const protocol = { name: 'range', metadata: Buffer.from('000000000001000263670000000000000000', 'hex') };
  const classicJoin = { groupId, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, memberId: '', groupInstanceId: null, protocolType: 'consumer', protocols: [protocol] };
  await player.quietly(consumerGroupHeartbeatApi, joining(groupId, 'one'));
  await player.ask('to a consumer group', heartbeatApi, { groupId, memberId: 'one', generationId: 2 });
  await player.ask('to a consumer group', syncGroupApi, { groupId, memberId: 'one', generationId: 2, protocolType: 'consumer', protocolName: 'range', assignments: [] });
  await player.ask('to a consumer group', leaveGroupApi, { groupId, memberId: 'two', members: [{ memberId: 'two' }] });
  await player.quietly(consumerGroupHeartbeatApi, beat(groupId, 'one', { memberEpoch: -1 }));
  await player.ask('to an empty consumer group', heartbeatApi, { groupId, memberId: 'one', generationId: 2 });
  const answer = await player.quietly(joinGroupApi, classicJoin, 3);
  player.alias(answer.memberId, 'classic');
  player.keep('JoinGroup v3: an empty consumer group', answer);
  await describeBoth(player, 'was a consumer group', groupId);
  await player.once('leaves a group that was a consumer group', leaveGroupApi, { groupId, memberId: answer.memberId, members: [{ memberId: answer.memberId }] });
  await player.once('an empty classic group, and does not join', consumerGroupHeartbeatApi, beat(groupId, 'one'));
  await player.once('an empty classic group', consumerGroupHeartbeatApi, joining(groupId, 'one'));
  await describeBoth(player, 'was a classic group', groupId);
  await player.quietly(consumerGroupHeartbeatApi, beat(groupId, 'one', { memberEpoch: -1 }));
}
