import { describe, expect, test } from '@jest/globals';
import { GroupDriver, name } from '../testing/group-driver.js';

describe('heartbeats and sessions', () => {
  test('heartbeats keep a member in; without them it is gone after its session, and the group is empty on record', () => {
    const driver = new GroupDriver();
    const [member] = driver.stableGroup(1, { sessionTimeoutMs: 10_000 });
    for (let beat = 0; beat < 5; beat++) {
      driver.advance(9_999);
      expect(driver.heartbeat(member!)).toBe('NONE');
    }
    driver.advance(10_000);
    expect(driver.heartbeat(member!)).toBe('UNKNOWN_MEMBER_ID');
    expect(driver.group().state).toBe('Empty');
    expect(driver.written.at(-1)).toMatchObject({
      kind: 'group', value: { generation: 2, protocol: null, leader: null, protocolType: 'consumer', members: [] },
    });
  });

  test('unknown groups and members (25) and other generations (22) are refused', () => {
    const driver = new GroupDriver();
    const [member] = driver.stableGroup(1);
    expect(new GroupDriver().heartbeat(member!)).toBe('UNKNOWN_MEMBER_ID');
    expect(driver.heartbeat({ ...member!, memberId: 'ghost' })).toBe('UNKNOWN_MEMBER_ID');
    expect(driver.heartbeat({ ...member!, generationId: 0 })).toBe('ILLEGAL_GENERATION');
  });

  test('heartbeats are good while the assignment is awaited, and keep the session alive during a rebalance (27)', () => {
    const driver = new GroupDriver();
    const first = driver.join({ sessionTimeoutMs: 10_000 }).answer;
    expect(driver.heartbeat(first)).toBe('NONE');
    driver.sync(first);
    const joining = driver.join({ sessionTimeoutMs: 10_000 });
    for (let beat = 0; beat < 4; beat++) {
      driver.advance(9_000);
      expect(driver.heartbeat(first)).toBe('REBALANCE_IN_PROGRESS');
    }
    expect(driver.join({ memberId: first.memberId }).answer.generationId).toBe(2);
    expect(joining.isAnswered).toBe(true);
  });

  test('a member whose session ends during a rebalance is not waited for', () => {
    const driver = new GroupDriver();
    driver.stableGroup(1, { sessionTimeoutMs: 10_000 });
    const joining = driver.join();
    driver.advance(10_000);
    expect(joining.answer).toMatchObject({ generationId: 2, members: [{ memberId: joining.answer.memberId }] });
  });

  test('being parked counts as a heartbeat', () => {
    const driver = new GroupDriver();
    const [leader, follower] = driver.stableGroup(2, { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 60_000 });
    const parked = driver.join({ memberId: follower!.memberId, topics: ['u'], sessionTimeoutMs: 10_000 });
    for (let beat = 0; beat < 5; beat++) {
      driver.advance(9_000);
      driver.heartbeat(leader!);
    }
    expect(parked.isAnswered).toBe(false);
    driver.join({ memberId: leader!.memberId });
    expect(parked.answer.errorCode).toBe(0);
  });

  test('committing offsets keeps the session alive', () => {
    const driver = new GroupDriver();
    const [member] = driver.stableGroup(1, { sessionTimeoutMs: 10_000 });
    const { memberId, generationId } = member!;
    for (let beat = 0; beat < 3; beat++) {
      driver.advance(9_000);
      expect(driver.commit({ memberId, generationId })).toBe('NONE');
    }
    expect(driver.heartbeat(member!)).toBe('NONE');
  });

  test('after a change of coordinator a stable group goes on: no rebalance, sessions begin anew', () => {
    const driver = new GroupDriver();
    const members = driver.stableGroup(2, { sessionTimeoutMs: 10_000 });
    driver.advance(9_000);
    driver.failOver();
    driver.advance(9_999);
    expect(driver.group().state).toBe('Stable');
    expect(members.map(member => driver.heartbeat(member))).toEqual(['NONE', 'NONE']);
    expect(Buffer.from(driver.sync(members[1]!).answer.assignment).toString()).toBe(`for ${members[1]!.memberId}`);
  });
});

describe('leaving', () => {
  test('who leaves is gone at once; the others rebalance', () => {
    const driver = new GroupDriver();
    const [leader, follower] = driver.stableGroup(2);
    expect(driver.leave({ memberId: leader!.memberId })).toEqual({
      errorCode: 0, members: [{ memberId: leader!.memberId, groupInstanceId: null, errorCode: 0 }],
    });
    expect(driver.heartbeat(follower!)).toBe('REBALANCE_IN_PROGRESS');
    const rejoined = driver.join({ memberId: follower!.memberId }).answer;
    expect(rejoined).toMatchObject({ generationId: 3, leader: follower!.memberId });
  });

  test('the last to leave leaves an empty group on record', () => {
    const driver = new GroupDriver();
    const [member] = driver.stableGroup(1);
    driver.leave({ memberId: member!.memberId });
    expect(driver.group().state).toBe('Empty');
    expect(driver.written.at(-1)).toMatchObject({ kind: 'group', value: { generation: 2, members: [] } });
  });

  test('several may leave in one request, each with its own result', () => {
    const driver = new GroupDriver();
    const [leader, follower] = driver.stableGroup(2);
    const { members } = driver.leave({ memberId: 'ghost' }, { memberId: follower!.memberId }, { memberId: leader!.memberId });
    expect(members.map(name)).toEqual(['UNKNOWN_MEMBER_ID', 'NONE', 'NONE']);
    expect(driver.group().state).toBe('Empty');
  });

  test('nobody leaves a group that does not exist', () => {
    const { errorCode, members } = new GroupDriver().leave({ memberId: 'ghost' });
    expect([errorCode, ...members.map(name)]).toEqual([0, 'UNKNOWN_MEMBER_ID']);
  });

  test('who names neither member nor instance removes nobody, not even an instance without a name', () => {
    const driver = new GroupDriver();
    driver.stableGroup(1, { groupInstanceId: '' });
    expect(driver.leave({ memberId: '' }).members.map(name)).toEqual(['UNKNOWN_MEMBER_ID']);
    expect(driver.leave({ memberId: '', groupInstanceId: '' }).members.map(name)).toEqual(['NONE']);
  });

  test('an id that was given out may be given back', () => {
    const driver = new GroupDriver();
    const { memberId } = driver.join({ needsKnownMemberId: true }).answer;
    expect(driver.leave({ memberId }).members.map(name)).toEqual(['NONE']);
    expect(driver.group().pendingJoins.size).toBe(0);
    expect([...driver.timers.keys()].filter(key => key.startsWith('session'))).toEqual([]);
  });

  test('who is parked and made to leave is told so', () => {
    const driver = new GroupDriver();
    const [leader, follower] = driver.stableGroup(2);
    const parked = driver.join({ memberId: follower!.memberId, topics: ['u'] });
    driver.leave({ memberId: follower!.memberId });
    expect(parked.answer).toMatchObject({ errorCode: 25, memberId: '' });
    const again = driver.join({ memberId: leader!.memberId }).answer;
    const joining = driver.join();
    driver.join({ memberId: again.memberId });
    const waiting = driver.sync(joining.answer);
    driver.leave({ memberId: joining.answer.memberId });
    expect(name(waiting.answer)).toBe('UNKNOWN_MEMBER_ID');
  });
});
