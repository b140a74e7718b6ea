import { describe, expect, test } from '@jest/globals';
import { GroupDriver, name } from '../testing/group-driver.js';

const bytes = (text: string): Buffer => Buffer.from(text);

/** Two members in CompletingRebalance, the first leading. */
function joinedPair(driver: GroupDriver) {
  const first = driver.join().answer;
  driver.sync(first);
  const second = driver.join();
  const leader = driver.join({ memberId: first.memberId }).answer;
  return { leader, follower: second.answer };
}

describe('syncing', () => {
  test('followers wait for the leader; each gets its part, and the group is recorded and stable', () => {
    const driver = new GroupDriver();
    const { leader, follower } = joinedPair(driver);
    const waiting = driver.sync(follower);
    expect(waiting.isAnswered).toBe(false);
    const led = driver.sync(leader, [
      { memberId: leader.memberId, assignment: bytes('a') }, { memberId: follower.memberId, assignment: bytes('b') },
    ]);
    expect(led.answer).toMatchObject({ errorCode: 0, protocolType: 'consumer', protocolName: 'range' });
    expect([led.answer, waiting.answer].map(({ assignment }) => Buffer.from(assignment).toString())).toEqual(['a', 'b']);
    expect(driver.group().state).toBe('Stable');
    const last = driver.written.at(-1)!;
    expect(last).toMatchObject({ kind: 'group', value: { generation: 2, leader: leader.memberId, protocol: 'range', protocolType: 'consumer' } });
    expect(Buffer.from(driver.sync(follower).answer.assignment).toString()).toBe('b');
  });

  test('a member that the leader forgot gets an empty assignment', () => {
    const driver = new GroupDriver();
    const { leader, follower } = joinedPair(driver);
    driver.sync(leader, [{ memberId: 'nobody', assignment: bytes('x') }]);
    expect(driver.sync(follower).answer.assignment).toHaveLength(0);
  });

  test('unknown members (25), other generations (22) and other protocols (23) are refused', () => {
    const driver = new GroupDriver();
    expect(name(driver.sync({ ...new GroupDriver().join().answer }).answer)).toBe('UNKNOWN_MEMBER_ID');
    const [leader] = driver.stableGroup(1);
    expect(name(driver.sync({ ...leader!, memberId: 'ghost' }).answer)).toBe('UNKNOWN_MEMBER_ID');
    expect(name(driver.sync({ ...leader!, generationId: 9 }).answer)).toBe('ILLEGAL_GENERATION');
    expect(name(driver.sync(leader!, [], { protocolType: 'connect' }).answer)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(name(driver.sync(leader!, [], { protocolName: 'sticky' }).answer)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(name(driver.sync(leader!, [], { protocolType: 'consumer', protocolName: 'range' }).answer)).toBe('NONE');
  });

  test('a rebalance sends back who waits for an assignment (27), and refuses syncs while it goes on', () => {
    const driver = new GroupDriver();
    const { leader, follower } = joinedPair(driver);
    const waiting = driver.sync(follower);
    driver.join();
    expect(name(waiting.answer)).toBe('REBALANCE_IN_PROGRESS');
    expect(name(driver.sync(leader).answer)).toBe('REBALANCE_IN_PROGRESS');
  });

  test('members that never sync are dropped after the rebalance timeout, and the rest rebalances', () => {
    const driver = new GroupDriver();
    const first = driver.join({ sessionTimeoutMs: 300_000 }).answer;
    driver.sync(first);
    const second = driver.join({ sessionTimeoutMs: 300_000 });
    const leader = driver.join({ memberId: first.memberId, sessionTimeoutMs: 300_000 }).answer;
    const waiting = driver.sync(second.answer);
    driver.advance(59_999);
    expect(waiting.isAnswered).toBe(false);
    driver.advance(1);
    expect(name(waiting.answer)).toBe('REBALANCE_IN_PROGRESS');
    expect(driver.group().members.has(leader.memberId)).toBe(false);
    expect(driver.group().state).toBe('PreparingRebalance');
  });

  test('a follower that never syncs is dropped even when the group is stable', () => {
    const driver = new GroupDriver();
    const first = driver.join({ sessionTimeoutMs: 300_000 }).answer;
    driver.sync(first);
    const second = driver.join({ sessionTimeoutMs: 300_000 });
    const leader = driver.join({ memberId: first.memberId, sessionTimeoutMs: 300_000 }).answer;
    driver.sync(leader);
    expect(driver.group().state).toBe('Stable');
    driver.advance(60_000);
    expect([...driver.group().members.keys()]).toEqual([leader.memberId]);
    expect(second.isAnswered).toBe(true);
  });

  test('once all have synced nobody is dropped', () => {
    const driver = new GroupDriver();
    const members = driver.stableGroup(2, { sessionTimeoutMs: 300_000 });
    driver.advance(120_000);
    expect(members.map(member => driver.heartbeat(member))).toEqual(['NONE', 'NONE']);
  });

  test('an assignment that cannot be written is an error for all who waited, and everyone rejoins', () => {
    const driver = new GroupDriver();
    const { leader, follower } = joinedPair(driver);
    const waiting = driver.sync(follower);
    driver.refuseWith = 15;
    const led = driver.sync(leader, [{ memberId: follower.memberId, assignment: bytes('b') }]);
    expect([led.answer, waiting.answer].map(name)).toEqual(['COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_NOT_AVAILABLE']);
    expect(driver.group().state).toBe('PreparingRebalance');
    const rejoins = [leader, follower].map(({ memberId }) => driver.join({ memberId }));
    expect(rejoins.map(call => call.answer.generationId)).toEqual([3, 3]);
  });
});
