import { describe, expect, test } from '@jest/globals';
import { ConsumerDriver } from '../testing/consumer-driver.js';
import { LEAVE_STATIC_EPOCH } from './member.js';

function withOne(): { driver: ConsumerDriver; memberEpoch: number; t: string } {
  const driver = new ConsumerDriver();
  const t = driver.cluster.set('t', 2);
  const { memberEpoch } = driver.enter('one', { instanceId: 'i' });
  return { driver, memberEpoch, t };
}

describe('a static member', () => {
  test('keeps its instance id from others until it says that it goes', () => {
    const { driver, memberEpoch } = withOne();
    expect(driver.enter('two', { instanceId: 'i' })).toMatchObject({ errorCode: 111, errorMessage: expect.stringContaining('owned by one') });
    expect(driver.error({ memberId: 'one', instanceId: 'i', memberEpoch })).toBe('NONE');
    expect(driver.error({ memberId: 'two', instanceId: 'i', memberEpoch })).toBe('FENCED_INSTANCE_ID');
    expect(driver.error({ memberId: 'one', instanceId: 'j', memberEpoch })).toBe('UNKNOWN_MEMBER_ID');
  });

  test('that goes to come back finds what it had under its new id, and no epoch grows', () => {
    const { driver, memberEpoch, t } = withOne();
    expect(driver.beat({ memberId: 'one', instanceId: 'i', memberEpoch: LEAVE_STATIC_EPOCH })).toMatchObject({ errorCode: 0, memberEpoch: -2 });
    const away = driver.consumerGroup().members.get('one')!;
    expect([away.memberEpoch, away.assigned.get(t)]).toEqual([-2, new Map([[0, 0], [1, 0]])]);
    expect(driver.consumerGroup().state).toBe('Reconciling');
    const back = driver.enter('two', { instanceId: 'i' });
    expect([driver.told(back), back.memberEpoch]).toEqual(['t:0,1', memberEpoch]);
    expect([...driver.consumerGroup().members.keys()]).toEqual(['two']);
    expect(driver.consumerGroup().groupEpoch).toBe(memberEpoch);
    expect(driver.error({ memberId: 'one', instanceId: 'i', memberEpoch })).toBe('FENCED_INSTANCE_ID');
  });

  test('that comes back with another subscription is assigned anew', () => {
    const { driver, memberEpoch } = withOne();
    driver.cluster.set('u', 1);
    driver.beat({ memberId: 'one', instanceId: 'i', memberEpoch: LEAVE_STATIC_EPOCH });
    const back = driver.enter('two', { instanceId: 'i', subscribedTopicNames: ['u'] });
    expect([driver.told(back), back.memberEpoch]).toEqual(['u:0', memberEpoch + 1]);
  });

  test('that does not come back before its session ends is gone', () => {
    const { driver } = withOne();
    driver.beat({ memberId: 'one', instanceId: 'i', memberEpoch: LEAVE_STATIC_EPOCH });
    driver.advance(45_000);
    expect(driver.consumerGroup().isEmpty).toBe(true);
    expect(driver.told(driver.enter('two', { instanceId: 'i' }))).toBe('t:0,1');
  });

  test('is not taken for silent by the timer of the id that it had', () => {
    const { driver } = withOne();
    driver.advance(30_000);
    driver.beat({ memberId: 'one', instanceId: 'i', memberEpoch: LEAVE_STATIC_EPOCH });
    driver.enter('two', { instanceId: 'i' });
    driver.advance(30_000);
    expect([...driver.consumerGroup().members.keys()]).toEqual(['two']);
  });

  test('can go for good', () => {
    const { driver } = withOne();
    expect(driver.error({ memberId: 'two', instanceId: 'i', memberEpoch: -1 })).toBe('FENCED_INSTANCE_ID');
    expect(driver.beat({ memberId: 'one', instanceId: 'i', memberEpoch: -1 })).toMatchObject({ errorCode: 0, memberEpoch: -1 });
    expect(driver.consumerGroup().staticMembers.size).toBe(0);
  });

  test('that was giving back when it went is not put out for that', () => {
    const { driver, memberEpoch } = withOne();
    driver.enter('other');
    driver.beat({ memberId: 'one', instanceId: 'i', memberEpoch, rebalanceTimeoutMs: 5_000 });
    expect(driver.consumerGroup().members.get('one')!.state).toBe('unrevoked');
    driver.beat({ memberId: 'one', instanceId: 'i', memberEpoch: LEAVE_STATIC_EPOCH });
    driver.advance(5_000);
    expect(driver.consumerGroup().members.has('one')).toBe(true);
  });
});
