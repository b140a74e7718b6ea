// Classic groups: coordinators, members of both kinds, and every way to be refused.

import {
  deleteGroupsApi, describeGroupsApi, findCoordinatorApi, heartbeatApi, joinGroupApi, leaveGroupApi, listGroupsApi, syncGroupApi,
  type JoinGroupRequestInput,
} from '../../../src/protocol/generated/index.js';
import type { Player } from '../player.js';
import { committing } from './offsets.js';

const MEMBER_ID_REQUIRED = 79;
/** A subscription is the clients' own affair, but not for Kafka once a member of the new protocol meets it: it is a true one. */
const SUBSCRIPTION = Buffer.from('0000000000010004746f706fffffffff', 'hex');

export async function groups(player: Player): Promise<void> {
  await player.untilGroupsServed();
  await coordinators(player);
  await strangers(player);
  await joins(player);
  for (let version = 0; version <= player.newest(joinGroupApi.key); version++) await life(player, version);
  for (let version = 5; version <= player.newest(joinGroupApi.key); version++) await staticLife(player, version);
  await admin(player);
  await committing(player);
}

async function coordinators(player: Player): Promise<void> {
  await player.ask('of a group', findCoordinatorApi, { key: 'g', keyType: 0, coordinatorKeys: ['g'] });
  await player.ask('of two groups', findCoordinatorApi, { keyType: 0, coordinatorKeys: ['g', 'h', 'g'] }, { from: 4 });
  await player.ask('of nobody', findCoordinatorApi, { keyType: 0, coordinatorKeys: [] }, { from: 4 });
  await player.ask('of no name', findCoordinatorApi, { key: '', keyType: 0, coordinatorKeys: [''] });
  for (const keyType of [3, 99, -1]) await player.ask(`of type ${keyType}`, findCoordinatorApi, { key: 'x', keyType, coordinatorKeys: ['x'] }, { from: 1 });
  await player.ask('of a share partition without one', findCoordinatorApi, { key: 'x', keyType: 2, coordinatorKeys: ['x'] }, { from: 1, to: 5 });
}

function join(groupId: string, more: Partial<JoinGroupRequestInput> = {}): JoinGroupRequestInput {
  return {
    groupId, sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, memberId: '', protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: SUBSCRIPTION }, { name: 'roundrobin', metadata: SUBSCRIPTION }], ...more,
  };
}

/** Groups and members that are not there. */
async function strangers(player: Player): Promise<void> {
  for (const groupId of ['', 'no-such-group']) {
    const of = groupId === '' ? 'no name' : 'an unknown group';
    await player.ask(of, heartbeatApi, { groupId, memberId: 'm', generationId: 1 });
    await player.ask(of, syncGroupApi, { groupId, memberId: 'm', generationId: 1, protocolType: 'consumer', protocolName: 'range', assignments: [] });
    await player.ask(of, leaveGroupApi, { groupId, memberId: 'm', members: [{ memberId: 'm' }] });
    await player.ask(of, describeGroupsApi, { groups: [groupId], includeAuthorizedOperations: true });
    await player.ask(of, deleteGroupsApi, { groupsNames: [groupId] });
  }
  await player.ask('a member without an id', heartbeatApi, { groupId: 'no-such-group', memberId: '', generationId: -1 });
  await player.ask('nobody', leaveGroupApi, { groupId: 'no-such-group', memberId: '', members: [] });
  await player.ask('nothing', describeGroupsApi, { groups: [] });
  await player.ask('a group twice', describeGroupsApi, { groups: ['no-such-group', 'no-such-group'] });
  await player.ask('nothing', deleteGroupsApi, { groupsNames: [] });
  await player.ask('a group twice', deleteGroupsApi, { groupsNames: ['no-such-group', 'no-such-group'] });
  await player.ask('without a protocol', syncGroupApi, { groupId: 'no-such-group', memberId: 'm', generationId: 1, assignments: [] }, { from: 5 });
}

async function joins(player: Player): Promise<void> {
  const refused = (label: string, more: Partial<JoinGroupRequestInput>, groupId = 'refused', from = 0) => player.ask(label, joinGroupApi, join(groupId, more), { from });
  await refused('no group', {}, '');
  await refused('session too short', { sessionTimeoutMs: 5_999 });
  await refused('session too long', { sessionTimeoutMs: 1_800_001 });
  await refused('session of 0', { sessionTimeoutMs: 0 });
  await refused('no protocols', { protocols: [] });
  await refused('no protocol type', { protocolType: '' });
  await refused('a member id that nobody gave', { memberId: 'made-up' });
  await refused('static, a member id that nobody gave', { memberId: 'made-up', groupInstanceId: 'static' }, 'refused', 5);
  // Some of these are taken: each has a group of its own, so that none waits for another.
  for (const [label, groupInstanceId] of [['of nothing', ''], ['too long', 'i'.repeat(250)], ['with blanks', 'a b'], ['of dots', '..']] as const) {
    await player.ask(`an instance id ${label}`, joinGroupApi, version => join(`instance-${label}-${version}`, { groupInstanceId }), { from: 5 });
  }
}

interface Joined {
  readonly memberId: string;
  readonly generationId: number;
}

/** Joins in a version as a client does: with the id that it is given, where one is needed first. The answer is kept with its names. */
async function enter(player: Player, label: string, version: number, request: JoinGroupRequestInput, alias: string): Promise<Joined> {
  let answer = await player.quietly(joinGroupApi, request, version);
  if (answer.memberId !== '') player.alias(answer.memberId, alias);
  player.keep(`JoinGroup v${version}: ${label}`, answer);
  if (answer.errorCode === MEMBER_ID_REQUIRED) {
    answer = await player.quietly(joinGroupApi, { ...request, memberId: answer.memberId }, version);
    player.keep(`JoinGroup v${version}: ${label}, with its id`, answer);
  }
  return answer;
}

const atMost = (player: Player, key: number, version: number): number => Math.min(version, player.newest(key));

async function life(player: Player, version: number): Promise<void> {
  const groupId = `life-${version}`;
  const [sync, beat, leave] = [syncGroupApi, heartbeatApi, leaveGroupApi].map(api => atMost(player, api.key, version)) as [number, number, number];
  const label = (what: string) => `life in JoinGroup v${version}: ${what}`;
  const one = await enter(player, 'the first', version, join(groupId), 'one');
  const { generationId, memberId } = one;
  const describe = (what: string) => player.once(label(what), describeGroupsApi, { groups: [groupId], includeAuthorizedOperations: true });
  await describe('joined');
  await player.once(label('before it is synced'), heartbeatApi, { groupId, memberId, generationId }, beat);
  const assign = (more: object = {}) => ({
    groupId, memberId, generationId, protocolType: 'consumer', protocolName: 'range', assignments: [{ memberId, assignment: Buffer.from('mine') }], ...more,
  });
  await player.once(label('wrong generation'), syncGroupApi, assign({ generationId: 7 }), sync);
  await player.once(label('wrong member'), syncGroupApi, assign({ memberId: 'other' }), sync);
  if (sync >= 5) {
    await player.once(label('wrong type'), syncGroupApi, assign({ protocolType: 'connect' }), sync);
    await player.once(label('wrong protocol'), syncGroupApi, assign({ protocolName: 'roundrobin' }), sync);
  }
  await player.once(label('synced'), syncGroupApi, assign(), sync);
  await player.once(label('synced again'), syncGroupApi, assign(), sync);
  await describe('stable');
  await player.once(label('alive'), heartbeatApi, { groupId, memberId, generationId }, beat);
  await player.once(label('wrong generation'), heartbeatApi, { groupId, memberId, generationId: 9 }, beat);
  await player.once(label('wrong member'), heartbeatApi, { groupId, memberId: 'other', generationId }, beat);
  await player.once(label('no member'), heartbeatApi, { groupId, memberId: '', generationId }, beat);
  if (beat >= 3) await player.once(label('wrong instance'), heartbeatApi, { groupId, memberId, groupInstanceId: 'stranger', generationId }, beat);
  await player.once(label('another type'), joinGroupApi, join(groupId, { protocolType: 'connect' }), version);
  await player.once(label('other protocols'), joinGroupApi, join(groupId, { protocols: [{ name: 'sticky', metadata: Buffer.from('') }] }), version);
  await player.once(label('delete with members'), deleteGroupsApi, { groupsNames: [groupId] });
  await rebalance(player, version, groupId, one, label);
  await player.once(label('a stranger leaves'), leaveGroupApi, { groupId, memberId: 'other', members: [{ memberId: 'other' }] }, leave);
  await player.once(label('leaves'), leaveGroupApi, { groupId, memberId, members: [{ memberId, reason: 'tired' }] }, leave);
  await player.once(label('leaves again'), leaveGroupApi, { groupId, memberId, members: [{ memberId }] }, leave);
  await describe('empty');
  await player.once(label('after it left'), heartbeatApi, { groupId, memberId, generationId }, beat);
  await player.once(label('delete'), deleteGroupsApi, { groupsNames: [groupId] });
  await describe('dead');
}

/** A second member comes: the first hears of it, both join again, and the second one leaves. */
async function rebalance(player: Player, version: number, groupId: string, { memberId, generationId }: Joined, label: (what: string) => string): Promise<void> {
  const [first, second] = [await player.connect('first'), await player.connect('second')];
  const [sync, beat, leave] = [syncGroupApi, heartbeatApi, leaveGroupApi].map(api => atMost(player, api.key, version)) as [number, number, number];
  const wanted = join(groupId, { protocols: [{ name: 'roundrobin', metadata: SUBSCRIPTION }] });
  let other = '';
  if (version >= 4) {
    const given = await second.send(joinGroupApi, wanted, version);
    other = given.memberId;
    player.alias(other, 'two');
    player.keep(`JoinGroup v${version}: the second`, given);
    await player.once(label('a member that has not joined yet'), heartbeatApi, { groupId, memberId: other, generationId }, beat);
  }
  const waiting = second.send(joinGroupApi, { ...wanted, memberId: other }, version);
  await player.until('a rebalance', async () => (await player.quietly(heartbeatApi, { groupId, memberId, generationId }, beat)).errorCode !== 0);
  await player.once(label('in a rebalance'), heartbeatApi, { groupId, memberId, generationId }, beat);
  await player.once(label('synced in a rebalance'), syncGroupApi, { groupId, memberId, generationId, protocolType: 'consumer', protocolName: 'range', assignments: [] }, sync);
  await player.once(label('rebalancing'), describeGroupsApi, { groups: [groupId] });
  const again = await first.send(joinGroupApi, join(groupId, { memberId }), version);
  const answer = await waiting;
  player.alias(answer.memberId, 'two');
  player.keep(`JoinGroup v${version}: the first again`, again);
  player.keep(`JoinGroup v${version}: the second, joined`, answer);
  const next = { groupId, generationId: again.generationId, protocolType: 'consumer', protocolName: 'roundrobin' };
  const follower = second.send(syncGroupApi, { ...next, memberId: answer.memberId, assignments: [] }, sync);
  await player.once(label('the leader assigns'), syncGroupApi, {
    ...next, memberId, assignments: [{ memberId, assignment: Buffer.from('a') }, { memberId: answer.memberId, assignment: Buffer.from('b') }, { memberId: 'ghost', assignment: Buffer.from('c') }],
  }, sync);
  player.keep(`SyncGroup v${sync}: ${label('the second')}`, await follower);
  await player.once(label('two members'), describeGroupsApi, { groups: [groupId] });
  await player.once(label('the second leaves'), leaveGroupApi, { groupId, memberId: answer.memberId, members: [{ memberId: answer.memberId }] }, leave);
  await player.once(label('once more in a rebalance'), heartbeatApi, { ...next, memberId }, beat);
  first.close();
  second.close();
}

async function staticLife(player: Player, version: number): Promise<void> {
  const groupId = `static-${version}`;
  const groupInstanceId = 'instance';
  const [sync, beat, leave] = [syncGroupApi, heartbeatApi, leaveGroupApi].map(api => atMost(player, api.key, version)) as [number, number, number];
  const label = (what: string) => `static in JoinGroup v${version}: ${what}`;
  const one = await enter(player, 'static, the first', version, join(groupId, { groupInstanceId }), 'static one');
  const assign = (memberId: string, generationId: number) => ({
    groupId, memberId, generationId, groupInstanceId, protocolType: 'consumer', protocolName: 'range', assignments: [{ memberId, assignment: Buffer.from('mine') }],
  });
  await player.once(label('synced'), syncGroupApi, assign(one.memberId, one.generationId), sync);
  await player.once(label('alive'), heartbeatApi, { groupId, memberId: one.memberId, groupInstanceId, generationId: one.generationId }, beat);
  await player.once(label('another member with its instance'), heartbeatApi, { groupId, memberId: 'other', groupInstanceId, generationId: one.generationId }, beat);
  const two = await enter(player, 'static, the same instance', version, join(groupId, { groupInstanceId }), 'static two');
  await player.once(label('fenced'), heartbeatApi, { groupId, memberId: one.memberId, groupInstanceId, generationId: two.generationId }, beat);
  await player.once(label('fenced'), syncGroupApi, assign(one.memberId, two.generationId), sync);
  await player.once(label('fenced'), joinGroupApi, join(groupId, { groupInstanceId, memberId: one.memberId }), version);
  await player.once(label('replaced, without its instance'), heartbeatApi, { groupId, memberId: one.memberId, generationId: two.generationId }, beat);
  await player.once(label('the same instance synced'), syncGroupApi, assign(two.memberId, two.generationId), sync);
  await player.once(label('described'), describeGroupsApi, { groups: [groupId] });
  await player.once(label('with new protocols'), joinGroupApi, join(groupId, { groupInstanceId, memberId: two.memberId, protocols: [{ name: 'range', metadata: Buffer.from('x') }] }), version);
  const members = [
    { memberId: '', groupInstanceId: 'stranger' }, { memberId: one.memberId, groupInstanceId }, { memberId: 'nobody', groupInstanceId: null },
    { memberId: '', groupInstanceId }, { memberId: '', groupInstanceId },
  ];
  await player.once(label('many leave'), leaveGroupApi, { groupId, memberId: two.memberId, members }, leave);
  await player.once(label('afterwards'), describeGroupsApi, { groups: [groupId] });
}

async function admin(player: Player): Promise<void> {
  await player.ask('all', listGroupsApi, {});
  for (const states of [['Stable'], ['Empty', 'Stable'], ['empty'], ['Nonsense'], ['Dead', 'PreparingRebalance']]) {
    await player.ask(`states ${states.join(', ')}`, listGroupsApi, { statesFilter: states }, { from: 4 });
  }
  for (const types of [['classic'], ['Classic'], ['consumer'], ['share'], ['streams'], ['nonsense'], ['unknown']]) {
    await player.ask(`types ${types.join(', ')}`, listGroupsApi, { typesFilter: types }, { from: 5 });
  }
  await player.ask('type and state', listGroupsApi, { statesFilter: ['Empty'], typesFilter: ['classic'] }, { from: 5 });
}
