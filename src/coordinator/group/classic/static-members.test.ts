import { describe, expect, test } from '@jest/globals';
import { GroupDriver, name, subscription } from '../testing/group-driver.js';
import type { JoinResult } from '../types.js';

/** A stable group of one dynamic leader and the static member `i`. */
function groupWithStatic(driver: GroupDriver): { leader: JoinResult; member: JoinResult } {
  const first = driver.join().answer;
  driver.sync(first);
  const joining = driver.join({ groupInstanceId: 'i' });
  const leader = driver.join({ memberId: first.memberId }).answer;
  const waiting = driver.sync(joining.answer);
  driver.sync(leader, [{ memberId: joining.answer.memberId, assignment: Buffer.from('part') }]);
  expect(waiting.isAnswered).toBe(true);
  return { leader, member: joining.answer };
}

describe('static members (KIP-345)', () => {
  test('one that restarts gets a new id and its old assignment, without a rebalance, and is on record', () => {
    const driver = new GroupDriver();
    const { leader, member } = groupWithStatic(driver);
    const back = driver.join({ groupInstanceId: 'i' }).answer;
    expect(back).toMatchObject({ errorCode: 0, generationId: member.generationId, leader: leader.memberId, members: [] });
    expect(back.memberId).not.toBe(member.memberId);
    expect(driver.group().state).toBe('Stable');
    expect(Buffer.from(driver.sync(back, [], { groupInstanceId: 'i' }).answer.assignment).toString()).toBe('part');
    driver.failOver();
    expect(driver.heartbeat(back, 'i')).toBe('NONE');
  });

  test('one that restarts has its former session to be heard of in, and from then on the one that it asks for', () => {
    const driver = new GroupDriver();
    driver.stableGroup(1, { groupInstanceId: 'i', sessionTimeoutMs: 10_000 });
    const back = driver.join({ groupInstanceId: 'i', sessionTimeoutMs: 30_000 }).answer;
    driver.advance(9_999);
    expect(driver.heartbeat(back, 'i')).toBe('NONE');
    driver.advance(29_999);
    expect(driver.group().state).toBe('Stable');
    driver.join({ groupInstanceId: 'i', sessionTimeoutMs: 10_000 });
    driver.advance(29_999);
    expect(driver.group().state).toBe('Stable');
    driver.advance(1);
    expect(driver.group().state).toBe('Empty');
  });

  test('one that never synced and returns is still waited for', () => {
    const driver = new GroupDriver();
    const first = driver.join({ sessionTimeoutMs: 900_000 }).answer;
    driver.sync(first);
    const joining = driver.join({ groupInstanceId: 'i', sessionTimeoutMs: 900_000 });
    driver.sync(driver.join({ memberId: first.memberId, sessionTimeoutMs: 900_000 }).answer);
    expect(joining.isAnswered).toBe(true);
    const back = driver.join({ groupInstanceId: 'i', sessionTimeoutMs: 900_000 }).answer;
    driver.advance(59_999);
    expect(driver.group().members.has(back.memberId)).toBe(true);
    driver.advance(1);
    expect(driver.group().members.has(back.memberId)).toBe(false);
  });

  test('the one it took over from is fenced (82), in whatever it does', () => {
    const driver = new GroupDriver();
    const { member } = groupWithStatic(driver);
    driver.join({ groupInstanceId: 'i' });
    const { memberId, generationId } = member;
    expect(driver.heartbeat(member, 'i')).toBe('FENCED_INSTANCE_ID');
    expect(name(driver.join({ memberId, groupInstanceId: 'i' }).answer)).toBe('FENCED_INSTANCE_ID');
    expect(name(driver.sync(member, [], { groupInstanceId: 'i' }).answer)).toBe('FENCED_INSTANCE_ID');
    expect(driver.commit({ memberId, generationId, groupInstanceId: 'i' })).toBe('FENCED_INSTANCE_ID');
    expect(driver.leave({ memberId, groupInstanceId: 'i' }).members.map(name)).toEqual(['FENCED_INSTANCE_ID']);
  });

  test('one that is parked is fenced the moment another takes over', () => {
    const driver = new GroupDriver();
    const { leader, member } = groupWithStatic(driver);
    const parked = driver.join({ memberId: member.memberId, groupInstanceId: 'i', topics: ['u'] });
    const other = driver.join({ groupInstanceId: 'i', topics: ['u'] });
    expect(parked.answer).toMatchObject({ errorCode: 82, memberId: member.memberId });
    const rejoined = driver.join({ memberId: leader.memberId }).answer;
    const waiting = driver.sync(other.answer, [], { groupInstanceId: 'i' });
    driver.join({ groupInstanceId: 'i', topics: ['u'] });
    expect(name(waiting.answer)).toBe('FENCED_INSTANCE_ID');
    expect(rejoined.errorCode).toBe(0);
  });

  test('an instance that the group does not know is unknown (25)', () => {
    const driver = new GroupDriver();
    const [member] = driver.stableGroup(1);
    expect(driver.heartbeat(member!, 'nobody')).toBe('UNKNOWN_MEMBER_ID');
  });

  test('a static leader that returns is not told to assign anew: before v9 the old id leads, from v9 on it skips (KIP-814)', () => {
    for (const maySkipAssignment of [false, true]) {
      const driver = new GroupDriver();
      const [leader] = driver.stableGroup(1, { groupInstanceId: 'i' });
      const back = driver.join({ groupInstanceId: 'i', maySkipAssignment }).answer;
      expect(back.skipAssignment).toBe(maySkipAssignment);
      expect(back.leader).toBe(maySkipAssignment ? back.memberId : leader!.memberId);
      expect(back.members).toHaveLength(maySkipAssignment ? 1 : 0);
      expect(driver.group().leaderId).toBe(back.memberId);
    }
  });

  test('one that returns with protocols that change the choice rebalances the group', () => {
    const driver = new GroupDriver();
    const two = [{ name: 'range', metadata: subscription(['t']) }, { name: 'sticky', metadata: subscription(['t']) }];
    const [member] = driver.stableGroup(1, { groupInstanceId: 'i', protocols: two });
    expect(member!.protocolName).toBe('range');
    const back = driver.join({ groupInstanceId: 'i', protocols: [...two].reverse() }).answer;
    expect(back).toMatchObject({ generationId: 2, protocolName: 'sticky' });
  });

  test('one that returns while the assignment is awaited starts the rebalance over', () => {
    const driver = new GroupDriver();
    const first = driver.join({ groupInstanceId: 'i' }).answer;
    const back = driver.join({ groupInstanceId: 'i' }).answer;
    expect(back).toMatchObject({ generationId: 2, leader: back.memberId });
    expect(driver.heartbeat(first, 'i')).toBe('FENCED_INSTANCE_ID');
  });

  test('a rebalance goes on without a static member that does not come, and keeps its place until its session ends', () => {
    const driver = new GroupDriver();
    const [member] = driver.stableGroup(1, { groupInstanceId: 'i', sessionTimeoutMs: 100_000 });
    const joining = driver.join({ sessionTimeoutMs: 100_000 });
    driver.advance(60_000);
    expect(joining.answer).toMatchObject({ generationId: 2, leader: joining.answer.memberId });
    expect(joining.answer.members.map(({ groupInstanceId }) => groupInstanceId)).toEqual(['i', null]);
    expect(driver.group().members.has(member!.memberId)).toBe(true);
  });

  test('when no static member comes either, the group waits another round, until their sessions end', () => {
    const driver = new GroupDriver();
    const [leader] = driver.stableGroup(1, { groupInstanceId: 'i', sessionTimeoutMs: 150_000 });
    const joining = driver.join();
    driver.leave({ memberId: driver.group().members.get([...driver.group().members.keys()][1]!)!.memberId });
    expect(joining.answer.errorCode).toBe(25);
    driver.advance(60_000);
    expect(driver.group().state).toBe('PreparingRebalance');
    expect(driver.heartbeat(leader!, 'i')).toBe('REBALANCE_IN_PROGRESS');
    driver.advance(150_000);
    expect(driver.group().state).toBe('Empty');
  });

  test('an administrator removes one by its instance id alone', () => {
    const driver = new GroupDriver();
    groupWithStatic(driver);
    const { members } = driver.leave({ memberId: '', groupInstanceId: 'i' }, { memberId: '', groupInstanceId: 'nobody' }, { memberId: '' });
    expect(members.map(name)).toEqual(['NONE', 'UNKNOWN_MEMBER_ID', 'UNKNOWN_MEMBER_ID']);
    expect(members[0]).toEqual({ memberId: '', groupInstanceId: 'i', errorCode: 0 });
  });

  test('if the new id cannot be written, the old member stays', () => {
    const driver = new GroupDriver();
    const { member } = groupWithStatic(driver);
    driver.refuseWith = 15;
    expect(name(driver.join({ groupInstanceId: 'i' }).answer)).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(driver.heartbeat(member, 'i')).toBe('NONE');
    expect(driver.group().state).toBe('Stable');
  });
});
