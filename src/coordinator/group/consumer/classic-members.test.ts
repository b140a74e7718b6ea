import { describe, expect, test } from '@jest/globals';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { ConsumerDriver } from '../testing/consumer-driver.js';
import { name } from '../testing/group-driver.js';
import { ownedFrom, subscriptionOf } from '../testing/mixed-clients.js';
import type { JoinRequest, JoinResult } from '../types.js';

const protocols = (...names: string[]): JoinRequest['protocols'] => names.map(protocol => ({ name: protocol, metadata: subscriptionOf(['t']) }));

/** A consumer group of one member of the consumer protocol, in epoch 2, to whom all of `t` was given. */
function consumerGroup(consumer: ConstructorParameters<typeof ConsumerDriver>[0] = {}): ConsumerDriver {
  const driver = new ConsumerDriver(consumer);
  driver.cluster.set('t', 4);
  driver.enter('consumer');
  return driver;
}

/** The consumer gives back what it is not to have any more. */
function release(driver: ConsumerDriver): void {
  const { memberEpoch } = driver.consumerGroup().members.get('consumer')!;
  const kept = driver.beat({ memberId: 'consumer', memberEpoch }).assignment!.topicPartitions;
  driver.beat({ memberId: 'consumer', memberEpoch, topicPartitions: kept });
}

describe('a member of the classic protocol joins a consumer group', () => {
  test('it is answered at once, gets what is free when it syncs, and joins again for the rest once it is free', () => {
    const driver = consumerGroup();
    const joined = driver.join({ protocols: protocols('range') }).answer;
    expect(joined).toMatchObject({ errorCode: 0, generationId: 3, protocolType: 'consumer', protocolName: 'range', leader: '', skipAssignment: false, members: [] });
    expect(joined.memberId).toHaveLength(22);
    const synced = driver.sync(joined, [], { protocolType: 'consumer', protocolName: 'range' }).answer;
    expect(synced).toMatchObject({ errorCode: 0, protocolType: 'consumer', protocolName: 'range' });
    expect(ownedFrom(synced.assignment).size).toBe(0);
    expect(driver.heartbeat(joined)).toBe('NONE');
    release(driver);
    expect(driver.heartbeat(joined)).toBe('REBALANCE_IN_PROGRESS');
    const again = driver.join({ memberId: joined.memberId, protocols: protocols('range') }).answer;
    expect(again.generationId).toBe(3);
    expect(ownedFrom(driver.sync(again).answer.assignment).size).toBe(2);
    expect(driver.heartbeat(again)).toBe('NONE');
    expect(driver.describeConsumers().members.map(({ memberType }) => memberType)).toEqual([1, 0]);
  });

  test('a dynamic member without an id is given one first, and has no place in the group until it comes with it', () => {
    const driver = consumerGroup();
    const first = driver.join({ protocols: protocols('range'), needsKnownMemberId: true }).answer;
    expect(name(first)).toBe('MEMBER_ID_REQUIRED');
    expect(driver.consumerGroup().members.size).toBe(1);
    expect(driver.join({ memberId: first.memberId, protocols: protocols('range') }).answer).toMatchObject({ errorCode: 0, memberId: first.memberId });
  });

  test('its protocols need one in common with all others of the classic protocol, and have to be for consumers', () => {
    const driver = consumerGroup();
    driver.join({ protocols: protocols('range', 'sticky') });
    expect(name(driver.join({ protocols: protocols('roundrobin') }).answer)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(name(driver.join({ protocols: [] }).answer)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(name(driver.join({ protocolType: 'connect', protocols: protocols('range') }).answer)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(driver.join({ protocols: protocols('roundrobin', 'sticky') }).answer).toMatchObject({ errorCode: 0, protocolName: 'roundrobin' });
  });

  test('it is refused where migration is switched off, where the group is full, and when it says what no consumer says', () => {
    const off = consumerGroup({ consumer: { migration: { upgrade: false, downgrade: false } } });
    expect(name(off.join({ protocols: protocols('range') }).answer)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    const full = consumerGroup({ consumer: { maxSize: 1 } });
    expect(name(full.join({ protocols: protocols('range') }).answer)).toBe('GROUP_MAX_SIZE_REACHED');
    const driver = consumerGroup();
    expect(name(driver.join({ protocols: [{ name: 'range', metadata: Buffer.from('x') }] }).answer)).toBe('UNKNOWN_SERVER_ERROR');
    expect(driver.consumerGroup().members.size).toBe(1);
  });

  test('a join that cannot be written leaves no member behind', () => {
    const driver = consumerGroup();
    driver.refuseWith = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    expect(name(driver.join({ protocols: protocols('range') }).answer)).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(driver.consumerGroup().members.size).toBe(1);
    driver.advance(40_000);
    expect(driver.consumerGroup().members.size).toBe(1);
  });

  test('what it said is kept as the record has it, for the next coordinator and for a downgrade', () => {
    const driver = consumerGroup();
    const joined = driver.join({ protocols: protocols('range', 'sticky'), sessionTimeoutMs: 7_000, rebalanceTimeoutMs: 9_000 }).answer;
    driver.failOver();
    expect(driver.consumerGroup().members.get(joined.memberId)).toMatchObject({
      rebalanceTimeoutMs: 9_000, memberEpoch: 3, classic: { sessionTimeoutMs: 7_000, supportedProtocols: [{ name: 'range' }, { name: 'sticky' }] },
    });
  });
});

describe('a member of the classic protocol in a consumer group', () => {
  /** The member that joined, and the driver. */
  function joined(request: Partial<JoinRequest> = {}): { driver: ConsumerDriver; member: JoinResult } {
    const driver = consumerGroup();
    return { driver, member: driver.join({ protocols: protocols('range'), ...request }).answer };
  }

  test('syncs and beats are refused to those who are unknown (25), of another generation (22) or another protocol (23)', () => {
    const { driver, member } = joined();
    expect(name(driver.sync({ ...member, memberId: 'ghost' }).answer)).toBe('UNKNOWN_MEMBER_ID');
    expect(name(driver.sync({ memberId: 'consumer', generationId: 2 }).answer)).toBe('UNKNOWN_MEMBER_ID');
    expect(name(driver.sync({ ...member, generationId: 9 }).answer)).toBe('ILLEGAL_GENERATION');
    expect(name(driver.sync(member, [], { protocolType: 'connect' }).answer)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(name(driver.sync(member, [], { protocolName: 'sticky' }).answer)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(driver.heartbeat({ ...member, memberId: 'ghost' })).toBe('UNKNOWN_MEMBER_ID');
    expect(driver.heartbeat({ memberId: 'consumer', generationId: 2 })).toBe('UNKNOWN_MEMBER_ID');
    expect(driver.heartbeat({ ...member, generationId: 9 })).toBe('ILLEGAL_GENERATION');
  });

  test('one that joined and does not sync is dropped after its rebalance timeout', () => {
    const { driver, member } = joined({ sessionTimeoutMs: 300_000, rebalanceTimeoutMs: 20_000 });
    driver.advance(19_999);
    expect(driver.consumerGroup().members.has(member.memberId)).toBe(true);
    driver.advance(1);
    expect(driver.consumerGroup().members.has(member.memberId)).toBe(false);
  });

  test('one that is told to join again and does not is dropped, counted from when it was told first', () => {
    const { driver, member } = joined({ sessionTimeoutMs: 300_000, rebalanceTimeoutMs: 20_000 });
    driver.sync(member);
    release(driver);
    expect(driver.heartbeat(member)).toBe('REBALANCE_IN_PROGRESS');
    driver.advance(15_000);
    expect(driver.heartbeat(member)).toBe('REBALANCE_IN_PROGRESS');
    driver.advance(4_999);
    expect(driver.consumerGroup().members.has(member.memberId)).toBe(true);
    driver.advance(1);
    expect(driver.consumerGroup().members.has(member.memberId)).toBe(false);
  });

  test('one that joins and syncs in time stays', () => {
    const { driver, member } = joined({ sessionTimeoutMs: 300_000, rebalanceTimeoutMs: 20_000 });
    driver.sync(member);
    release(driver);
    driver.heartbeat(member);
    const again = driver.join({ memberId: member.memberId, protocols: protocols('range'), sessionTimeoutMs: 300_000, rebalanceTimeoutMs: 20_000 }).answer;
    driver.sync(again);
    driver.advance(40_000);
    expect(driver.heartbeat(again)).toBe('NONE');
  });

  test('a sync is sent back when a new target came meanwhile', () => {
    const { driver, member } = joined();
    driver.enter('other');
    expect(name(driver.sync(member).answer)).toBe('REBALANCE_IN_PROGRESS');
  });

  test('it leaves by LeaveGroup, each named member judged by itself', () => {
    const { driver, member } = joined();
    driver.join({ protocols: protocols('range'), groupInstanceId: 'i' });
    expect(driver.leave({ memberId: 'ghost' }, { memberId: member.memberId }, { memberId: 'x', groupInstanceId: 'i' }, { memberId: '', groupInstanceId: 'i' }).members
      .map(name)).toEqual(['UNKNOWN_MEMBER_ID', 'NONE', 'FENCED_INSTANCE_ID', 'NONE']);
    expect([...driver.consumerGroup().members.keys()]).toEqual(['consumer']);
  });
});

describe('static members of both protocols', () => {
  test('an instance that comes back with the classic protocol takes over what it held under the other', () => {
    const driver = new ConsumerDriver();
    driver.cluster.set('t', 4);
    driver.enter('other');
    driver.enter('old', { instanceId: 'i' });
    const { memberId } = driver.join({ groupInstanceId: 'i', protocols: protocols('range') }).answer;
    expect([...driver.consumerGroup().members.keys()].sort()).toEqual([memberId, 'other'].sort());
    expect(driver.error({ memberId: 'old', memberEpoch: 3, instanceId: 'i' })).toBe('FENCED_INSTANCE_ID');
  });

  test('and the other way about, without having said that it goes', () => {
    const driver = consumerGroup();
    const { memberId } = driver.join({ groupInstanceId: 'i', protocols: protocols('range') }).answer;
    expect(driver.enter('back', { instanceId: 'i' }).errorCode).toBe(0);
    expect(driver.heartbeat({ memberId, generationId: 3 }, 'i')).toBe('FENCED_INSTANCE_ID');
    expect(name(driver.join({ memberId, groupInstanceId: 'i', protocols: protocols('range') }).answer)).toBe('FENCED_INSTANCE_ID');
    expect(name(driver.join({ memberId, groupInstanceId: 'nobody', protocols: protocols('range') }).answer)).toBe('UNKNOWN_MEMBER_ID');
  });
});
