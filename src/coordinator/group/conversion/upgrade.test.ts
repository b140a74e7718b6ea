import { describe, expect, test } from '@jest/globals';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { writeAssignment } from '../classic/consumer-protocol.js';
import { ConsumerDriver } from '../testing/consumer-driver.js';
import { name } from '../testing/group-driver.js';
import { ownedFrom, subscriptionOf } from '../testing/mixed-clients.js';
import type { ConsumerGroupSettings } from '../settings.js';
import type { JoinResult } from '../types.js';

const RANGE = [{ name: 'range', metadata: subscriptionOf(['t']) }];

function driverOf(consumer: Partial<ConsumerGroupSettings> = {}): ConsumerDriver {
  const driver = new ConsumerDriver({ consumer });
  driver.cluster.set('t', 4);
  return driver;
}

/** A classic group of one or two stable members, to whom the leader gave all of `t`, the first half to the first of two. */
function classicGroup(driver: ConsumerDriver, size: 1 | 2, userData: Uint8Array | null = null): JoinResult[] {
  const first = driver.join({ protocols: RANGE });
  const joins = size === 1 ? [first] : [driver.join({ protocols: RANGE }), driver.join({ protocols: RANGE, memberId: first.answer.memberId })].reverse();
  const members = joins.map(({ answer }) => answer);
  const leader = members.find(({ memberId, leader: led }) => memberId === led)!;
  const assignments = members.map(({ memberId }, index) => ({
    memberId, assignment: writeAssignment({ assignedPartitions: [{ topic: 't', partitions: size === 1 ? [0, 1, 2, 3] : [index * 2, index * 2 + 1] }], userData }, 1),
  }));
  for (const member of members) if (member !== leader) driver.sync(member);
  driver.sync(leader, assignments);
  return members;
}

const kinds = (driver: ConsumerDriver, from: number): string[] => driver.written.slice(from).map(({ kind, value }) => value === null ? `${kind} gone` : kind);

describe('a member of the consumer protocol comes to a classic group', () => {
  test('the group becomes one of the consumer protocol, with its members and what they hold, in the order in which Kafka records it', () => {
    const driver = driverOf();
    const [one, two] = classicGroup(driver, 2);
    const before = driver.written.length;
    const answer = driver.enter('new');
    expect(answer).toMatchObject({ errorCode: 0, memberEpoch: one!.generationId + 1 });
    expect(driver.told(answer)).toBe('');
    expect(kinds(driver, before)).toEqual([
      'group gone', 'consumer member', 'consumer member', 'consumer group', 'consumer target', 'consumer target', 'consumer target epoch',
      'consumer holding', 'consumer holding',
      'consumer member', 'consumer group', 'consumer target', 'consumer target', 'consumer target epoch', 'consumer holding',
    ]);
    expect(driver.machine.groups.size).toBe(0);
    const described = driver.describeConsumers();
    expect(described.members.map(({ memberId, memberEpoch, memberType, assignment }) =>
      [memberId, memberEpoch, memberType, assignment.topicPartitions.flatMap(({ partitions }) => partitions)])).toEqual([
      [one!.memberId, one!.generationId, 0, [0, 1]], [two!.memberId, two!.generationId, 0, [2, 3]], ['new', one!.generationId + 1, 1, []],
    ]);
  });

  test('the members are told to join again, give back their part, and the new one gets it', () => {
    const driver = driverOf();
    const [one] = classicGroup(driver, 1);
    driver.enter('new');
    expect(driver.heartbeat(one!)).toBe('REBALANCE_IN_PROGRESS');
    const rejoined = driver.join({ memberId: one!.memberId, protocols: RANGE }).answer;
    expect(rejoined).toMatchObject({ errorCode: 0, generationId: one!.generationId + 1, protocolType: 'consumer', protocolName: 'range', leader: '', members: [] });
    const synced = driver.sync(rejoined, [], { protocolType: 'consumer', protocolName: 'range' }).answer;
    const beaten = driver.told(driver.beat({ memberId: 'new', memberEpoch: rejoined.generationId }));
    const all = [...ownedFrom(synced.assignment), ...beaten!.replace('t:', '').split(',').map(partition => `t-${partition}`)];
    expect(all.sort()).toEqual(['t-0', 't-1', 't-2', 't-3']);
    expect(driver.heartbeat(rejoined)).toBe('NONE');
  });

  test('whoever waits in a join or a sync is told that there is a rebalance', () => {
    const driver = driverOf();
    const [one] = classicGroup(driver, 1);
    const joining = driver.join({ protocols: RANGE });
    expect(joining.isAnswered).toBe(false);
    driver.enter('new');
    expect(name(joining.answer)).toBe('REBALANCE_IN_PROGRESS');

    const other = driverOf();
    classicGroup(other, 1);
    const follower = other.join({ protocols: RANGE });
    other.join({ memberId: one!.memberId, protocols: RANGE });
    const syncing = other.sync(follower.answer);
    expect(syncing.isAnswered).toBe(false);
    other.enter('new');
    expect(name(syncing.answer)).toBe('REBALANCE_IN_PROGRESS');
  });

  test('a group before its first generation is taken over too, though it has no protocol yet', () => {
    const driver = new ConsumerDriver({ initialRebalanceDelayMs: 3_000 });
    driver.cluster.set('t', 4);
    const first = driver.join({ protocols: RANGE });
    expect(driver.told(driver.enter('new'))).toMatch(/^t:/);
    expect(name(first.answer)).toBe('REBALANCE_IN_PROGRESS');
    driver.advance(5_000);
    expect(driver.consumerGroup().members.size).toBe(2);
  });

  test('each keeps its own session timeout: who is silent for that long is gone', () => {
    const driver = driverOf();
    const [one] = classicGroup(driver, 1);
    const { memberEpoch } = driver.enter('new');
    driver.advance(10_000);
    expect(driver.consumerGroup().members.has(one!.memberId)).toBe(false);
    expect(driver.told(driver.beat({ memberId: 'new', memberEpoch }))).toBe('t:0,1,2,3');
  });

  test.each([
    ['upgrades are switched off', { migration: { upgrade: false, downgrade: true } }, null, 'online upgrade is disabled'],
    ['it is too large', { maxSize: 1 }, null, 'exceeds the consumer group maximum size'],
    ['an assignor of its own keeps something that would be lost', {}, Buffer.from('mine'), 'unsupported custom assignor'],
  ])('the group stays classic when %s', (_, consumer, userData, message) => {
    const driver = driverOf(consumer);
    const members = classicGroup(driver, 2, userData);
    const before = driver.written.length;
    const answer = driver.enter('new');
    expect(answer.errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
    expect(answer.errorMessage).toContain(message);
    expect(driver.written.length).toBe(before);
    expect(members.map(member => driver.heartbeat(member))).toEqual(['NONE', 'NONE']);
  });

  test('the group stays classic when its members are no consumers, or say what no consumer says', () => {
    const driver = driverOf();
    driver.join({ protocolType: 'connect', protocols: [{ name: 'compatible', metadata: Buffer.from('x') }] });
    expect(driver.enter('new').errorMessage).toContain('does not use the consumer embedded protocol');
    const other = driverOf();
    other.sync(other.join({ protocols: [{ name: 'range', metadata: Buffer.from('x') }] }).answer);
    expect(other.enter('new').errorMessage).toContain('malformed');
    expect(other.group().members.size).toBe(1);
  });

  test('a conversion that cannot be written leaves the classic group as it was', () => {
    const driver = driverOf();
    const [one] = classicGroup(driver, 1);
    driver.refuseWith = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    expect(driver.error({ memberId: 'new', rebalanceTimeoutMs: 1, subscribedTopicNames: ['t'], topicPartitions: [] })).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(driver.machine.consumerGroups.size).toBe(0);
    expect(driver.heartbeat(one!)).toBe('NONE');
  });

  test('offsets survive, and the members commit on in their generation', () => {
    const driver = driverOf();
    const [one] = classicGroup(driver, 1);
    expect(driver.commit({ memberId: one!.memberId, generationId: one!.generationId, offset: 5 })).toBe('NONE');
    driver.enter('new');
    expect(driver.committed()).toBe(5);
    expect(driver.commit({ memberId: one!.memberId, generationId: one!.generationId, offset: 6 })).toBe('NONE');
    expect(driver.commit({ memberId: one!.memberId, generationId: one!.generationId + 5, offset: 7 })).toBe('ILLEGAL_GENERATION');
  });

  test('the next coordinator finds the group converted', () => {
    const driver = driverOf();
    const [one] = classicGroup(driver, 1);
    driver.enter('new');
    driver.failOver();
    expect(driver.heartbeat(one!)).toBe('REBALANCE_IN_PROGRESS');
    expect(driver.consumerGroup().members.size).toBe(2);
  });
});
