import { describe, expect, test } from '@jest/globals';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { ConsumerDriver } from '../testing/consumer-driver.js';
import { ownedFrom, subscriptionOf } from '../testing/mixed-clients.js';
import type { GroupSettings, MigrationPolicy } from '../settings.js';
import type { JoinRequest, JoinResult } from '../types.js';

const RANGE = [{ name: 'range', metadata: subscriptionOf(['t']) }];

interface Terms {
  readonly migration?: MigrationPolicy;
  readonly settings?: Partial<Omit<GroupSettings, 'consumer'>>;
}

function driverOf({ migration = { upgrade: true, downgrade: true }, settings = {} }: Terms = {}): ConsumerDriver {
  const driver = new ConsumerDriver({ ...settings, consumer: { migration } });
  driver.cluster.set('t', 4);
  return driver;
}

/** A consumer group of `consumer`, who has t-0 and t-1 or t-2 and t-3, and a member of the classic protocol, who has the others. */
function mixedGroup(driver: ConsumerDriver, consumer: { instanceId?: string } = {}): { classic: JoinResult; epoch: number } {
  const { memberEpoch } = driver.enter('consumer', consumer);
  const joined = driver.join({ protocols: RANGE }).answer;
  const t = driver.cluster.named('t')!.id;
  const first = driver.beat({ memberId: 'consumer', memberEpoch, ...consumer });
  const kept = first.assignment!.topicPartitions;
  const { memberEpoch: epoch } = driver.beat({ memberId: 'consumer', memberEpoch, ...consumer, topicPartitions: kept.length > 0 ? kept : [{ topicId: t, partitions: [] }] });
  const classic = driver.join({ memberId: joined.memberId, protocols: RANGE }).answer;
  driver.sync(classic);
  return { classic, epoch };
}

function rejoin(driver: ConsumerDriver, member: JoinResult, request: Partial<JoinRequest> = {}): JoinResult {
  return driver.join({ memberId: member.memberId, protocols: RANGE, ...request }).answer;
}

const kinds = (driver: ConsumerDriver, from: number): string[] => driver.written.slice(from).map(({ kind, value }) => value === null ? `${kind} gone` : kind);

describe('the last member of the consumer protocol goes', () => {
  test('the group becomes classic, with what its members were to hold, and rebalances', () => {
    const driver = driverOf();
    const { classic, epoch } = mixedGroup(driver);
    const before = driver.written.length;
    expect(driver.error({ memberId: 'consumer', memberEpoch: -1 })).toBe('NONE');
    expect(driver.machine.consumerGroups.size).toBe(0);
    expect(driver.group()).toMatchObject({ state: 'PreparingRebalance', generationId: epoch, protocolName: 'range', protocolType: 'consumer' });
    expect(kinds(driver, before)).toEqual([
      'consumer holding gone', 'consumer holding gone', 'consumer target gone', 'consumer target gone', 'consumer target epoch gone',
      'consumer member gone', 'consumer member gone', 'consumer topics gone', 'consumer group gone', 'group',
    ]);
    expect(driver.written.at(-1)).toMatchObject({ value: { generation: epoch, protocol: 'range', leader: classic.memberId, members: [{ memberId: classic.memberId }] } });
    expect(driver.heartbeat(classic)).toBe('REBALANCE_IN_PROGRESS');
    expect(rejoin(driver, classic)).toMatchObject({ errorCode: 0, generationId: epoch + 1, leader: classic.memberId });
  });

  test('the assignment of the classic group is the target, in the version that the member speaks', () => {
    const driver = driverOf();
    const { classic } = mixedGroup(driver);
    const [target] = driver.consumerGroup().targetOf(classic.memberId).values();
    driver.beat({ memberId: 'consumer', memberEpoch: -1 });
    const { assignment } = driver.group().members.get(classic.memberId)!;
    expect([...ownedFrom(assignment)]).toEqual([...target!].map(partition => `t-${partition}`));
    expect(Buffer.from(assignment).readInt16BE(0)).toBe(3);
  });

  test('the group becomes classic when its last consumer is silent for too long, and when it is removed by a LeaveGroup', () => {
    const silent = driverOf();
    const { classic } = mixedGroup(silent);
    for (let second = 0; second < 46; second += 5) {
      silent.advance(5_000);
      silent.heartbeat(classic);
    }
    expect(silent.group().members.size).toBe(1);
    const removed = driverOf();
    mixedGroup(removed);
    expect(removed.leave({ memberId: 'consumer' }).members).toEqual([{ memberId: 'consumer', groupInstanceId: null, errorCode: 0 }]);
    expect(removed.group().state).toBe('PreparingRebalance');
  });

  test('a static member of the classic protocol in its place makes the group classic without a rebalance', () => {
    const driver = driverOf();
    const { classic, epoch } = mixedGroup(driver, { instanceId: 'i' });
    const [target] = driver.consumerGroup().targetOf('consumer').values();
    driver.beat({ memberId: 'consumer', memberEpoch: -2, instanceId: 'i' });
    const joined = driver.join({ groupInstanceId: 'i', protocols: RANGE }).answer;
    expect(joined).toMatchObject({ errorCode: 0, generationId: epoch });
    expect(driver.group()).toMatchObject({ state: 'Stable', generationId: epoch });
    const synced = driver.sync(joined, [], { groupInstanceId: 'i' }).answer;
    expect([...ownedFrom(synced.assignment)]).toEqual([...target!].map(partition => `t-${partition}`));
    expect([driver.heartbeat(classic), driver.heartbeat(joined, 'i')]).toEqual(['NONE', 'NONE']);
  });

  test('a static member that subscribes to something else has the classic group rebalance', () => {
    const driver = driverOf();
    const { classic } = mixedGroup(driver, { instanceId: 'i' });
    driver.cluster.set('u', 1);
    driver.beat({ memberId: 'consumer', memberEpoch: -2, instanceId: 'i' });
    driver.join({ groupInstanceId: 'i', protocols: [{ name: 'range', metadata: subscriptionOf(['u']) }] });
    expect(driver.group().state).toBe('PreparingRebalance');
    expect(driver.heartbeat(classic)).toBe('REBALANCE_IN_PROGRESS');
  });

  test('a static member that comes while another has not got its part yet has the classic group rebalance', () => {
    const driver = driverOf();
    mixedGroup(driver, { instanceId: 'i' });
    const late = driver.join({ protocols: RANGE }).answer;
    expect(driver.consumerGroup().members.get(late.memberId)!.state).toBe('unreleased');
    driver.join({ groupInstanceId: 'i', protocols: RANGE });
    expect(driver.group().state).toBe('PreparingRebalance');
  });

  test.each([
    ['downgrades are switched off', { migration: { upgrade: true, downgrade: false } }],
    ['it is too large for a classic group', { settings: { maxGroupSize: 0 } }],
  ])('the group stays as it is when %s, and its members are told to share anew', (_, terms) => {
    const driver = driverOf(terms);
    const { classic } = mixedGroup(driver);
    driver.beat({ memberId: 'consumer', memberEpoch: -1 });
    expect(driver.consumerGroup().members.size).toBe(1);
    expect(driver.heartbeat(classic)).toBe('REBALANCE_IN_PROGRESS');
    const again = rejoin(driver, classic);
    expect([...ownedFrom(driver.sync(again).answer.assignment)]).toEqual(['t-0', 't-1', 't-2', 't-3']);
  });

  test('nobody is left: the group stays a consumer group, empty, until somebody comes', () => {
    const driver = driverOf();
    driver.enter('consumer');
    driver.beat({ memberId: 'consumer', memberEpoch: -1 });
    expect(driver.consumerGroup().state).toBe('Empty');
    expect(driver.join({ protocols: RANGE }).answer.errorCode).toBe(0);
    expect(driver.group().members.size).toBe(1);
  });

  test('a downgrade that cannot be written leaves the consumer group as it was', () => {
    const driver = driverOf();
    const { classic, epoch } = mixedGroup(driver);
    driver.refuseWith = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    expect(driver.error({ memberId: 'consumer', memberEpoch: -1 })).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(driver.machine.groups.size).toBe(0);
    expect(driver.error({ memberId: 'consumer', memberEpoch: epoch })).toBe('NONE');
    expect(driver.heartbeat(classic)).toBe('NONE');
    driver.advance(10_000);
    expect(driver.consumerGroup().members.has(classic.memberId)).toBe(false);
  });

  test('the next coordinator finds the group classic, and its members sync without a rebalance', () => {
    const driver = driverOf();
    const { classic, epoch } = mixedGroup(driver);
    driver.beat({ memberId: 'consumer', memberEpoch: -1 });
    driver.failOver();
    expect(driver.group()).toMatchObject({ state: 'Stable', generationId: epoch });
    expect(driver.heartbeat({ ...classic, generationId: epoch })).toBe('NONE');
  });
});
