import { describe, expect, test } from '@jest/globals';
import { Call, GroupDriver, name, subscription } from '../testing/group-driver.js';
import type { JoinResult } from '../types.js';

const protocols = (...names: string[]) => names.map(protocol => ({ name: protocol, metadata: subscription(['t']) }));

describe('joining', () => {
  test('a first member leads a first generation, is told of itself, and may go on', () => {
    const driver = new GroupDriver();
    const joined = driver.join().answer;
    expect(joined).toMatchObject({ errorCode: 0, generationId: 1, protocolType: 'consumer', protocolName: 'range', skipAssignment: false });
    expect(joined.leader).toBe(joined.memberId);
    expect(joined.members).toEqual([{ memberId: joined.memberId, groupInstanceId: null, metadata: subscription(['t']) }]);
    expect(driver.group().state).toBe('CompletingRebalance');
  });

  test('a member id is the client id and a UUID as Java prints it', () => {
    expect(new GroupDriver().join({ clientId: 'app' }).answer.memberId).toMatch(/^app-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(new GroupDriver().join({ groupInstanceId: 'i' }).answer.memberId).toMatch(/^i-[0-9a-f-]{36}$/);
  });

  test('from v4 on a dynamic member is given an id first (79), and joins with it', () => {
    const driver = new GroupDriver();
    const first = driver.join({ needsKnownMemberId: true }).answer;
    expect(name(first)).toBe('MEMBER_ID_REQUIRED');
    expect(first.generationId).toBe(-1);
    expect(driver.group().state).toBe('Empty');
    const second = driver.join({ needsKnownMemberId: true, memberId: first.memberId }).answer;
    expect(second).toMatchObject({ errorCode: 0, memberId: first.memberId, generationId: 1 });
  });

  test('an id that was given out to a dynamic member is nothing for an instance', () => {
    const driver = new GroupDriver();
    const { memberId } = driver.join({ needsKnownMemberId: true }).answer;
    expect(driver.join({ memberId, groupInstanceId: 'i' }).answer).toMatchObject({ errorCode: -1, memberId: '' });
    expect(driver.group().pendingJoins.has(memberId)).toBe(true);
  });

  test('an id that was given out and not used is forgotten after the session timeout', () => {
    const driver = new GroupDriver();
    const { memberId } = driver.join({ needsKnownMemberId: true, sessionTimeoutMs: 10_000 }).answer;
    driver.advance(9_999);
    expect(driver.group().pendingJoins.has(memberId)).toBe(true);
    driver.advance(1);
    expect(driver.group().pendingJoins.size).toBe(0);
    expect(name(driver.join({ memberId }).answer)).toBe('UNKNOWN_MEMBER_ID');
  });

  test('a group that has just begun is recorded, empty, so that another coordinator knows it', () => {
    const driver = new GroupDriver();
    driver.join({ needsKnownMemberId: true });
    expect(driver.written).toEqual([{
      kind: 'group', groupId: 'g',
      value: { protocolType: '', generation: 0, protocol: null, leader: null, currentStateTimestamp: driver.nowMs, members: [] },
    }]);
  });

  test('a group that cannot be recorded does not come to be, and who would join is told so', () => {
    for (const initialRebalanceDelayMs of [0, 3_000]) {
      const driver = new GroupDriver({ initialRebalanceDelayMs });
      driver.refuseWith = 15;
      expect(driver.join().answer).toMatchObject({ errorCode: 15, memberId: '' });
      expect(driver.machine.groups.size).toBe(0);
      driver.advance(60_000);
    }
  });

  test('an unknown member id is refused (25), in a group that exists and in one that does not', () => {
    const driver = new GroupDriver();
    expect(name(driver.join({ memberId: 'ghost' }).answer)).toBe('UNKNOWN_MEMBER_ID');
    expect(driver.machine.groups.size).toBe(0);
    driver.stableGroup(1);
    expect(driver.join({ memberId: 'ghost' }).answer).toMatchObject({ errorCode: 25, memberId: 'ghost' });
  });

  test('another protocol type, no protocol in common, and no protocol at all are refused (23)', () => {
    const driver = new GroupDriver();
    expect(name(driver.join({ protocols: [] }).answer)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(name(driver.join({ protocolType: '' }).answer)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    driver.stableGroup(1);
    expect(name(driver.join({ protocolType: 'connect' }).answer)).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(name(driver.join({ protocols: protocols('sticky') }).answer)).toBe('INCONSISTENT_GROUP_PROTOCOL');
  });

  test('the protocol with the most votes among those that all have is chosen', () => {
    const driver = new GroupDriver({ initialRebalanceDelayMs: 100 });
    const calls = [
      driver.join({ protocols: protocols('only-mine', 'range', 'sticky') }),
      driver.join({ protocols: protocols('sticky', 'range') }),
      driver.join({ protocols: protocols('sticky', 'range') }),
    ];
    driver.advance(60_000);
    for (const { answer } of calls) expect(answer.protocolName).toBe('sticky');
  });

  test('a protocol that is named twice counts once', () => {
    const driver = new GroupDriver();
    expect(driver.join({ protocols: protocols('range', 'range') }).answer).toMatchObject({ errorCode: 0, protocolName: 'range' });
  });

  test('the first generation of an empty group waits for more members, and longer while they keep coming', () => {
    const driver = new GroupDriver({ initialRebalanceDelayMs: 3_000 });
    const calls = [driver.join()];
    driver.advance(2_000);
    calls.push(driver.join());
    driver.advance(1_000);
    expect(calls.map(call => call.isAnswered)).toEqual([false, false]);
    driver.advance(3_000);
    expect(calls.map(call => call.answer.generationId)).toEqual([1, 1]);
  });

  test('however many come, the first generation waits no longer than the rebalance timeout', () => {
    const driver = new GroupDriver({ initialRebalanceDelayMs: 3_000 });
    const first = driver.join({ rebalanceTimeoutMs: 7_000 });
    for (let at = 0; at < 6_500; at += 500) {
      driver.advance(500);
      if (!first.isAnswered) driver.join({ rebalanceTimeoutMs: 7_000 });
    }
    expect(first.isAnswered).toBe(false);
    driver.advance(500);
    expect(first.isAnswered).toBe(true);
  });

  test('a new member starts a rebalance: the others hear of it by heartbeat, rejoin, and keep their leader', () => {
    const driver = new GroupDriver();
    const [leader] = driver.stableGroup(1);
    const joining = driver.join();
    expect(joining.isAnswered).toBe(false);
    expect(driver.heartbeat(leader!)).toBe('REBALANCE_IN_PROGRESS');
    const rejoined = driver.join({ memberId: leader!.memberId }).answer;
    expect(rejoined).toMatchObject({ generationId: 2, leader: leader!.memberId });
    expect(rejoined.members.map(({ memberId }) => memberId)).toEqual([leader!.memberId, joining.answer.memberId]);
    expect(joining.answer).toMatchObject({ generationId: 2, leader: leader!.memberId, members: [] });
  });

  test('a dynamic member that does not rejoin within the rebalance timeout is left behind, and the lead passes on', () => {
    const driver = new GroupDriver();
    const [leader] = driver.stableGroup(1, { sessionTimeoutMs: 200_000 });
    const joining = driver.join({ sessionTimeoutMs: 200_000 });
    driver.advance(60_000);
    expect(joining.answer).toMatchObject({ generationId: 2, leader: joining.answer.memberId });
    expect(driver.heartbeat(leader!)).toBe('UNKNOWN_MEMBER_ID');
  });

  test('a member that asks again while the rebalance goes on gets the answer; its older request is sent back', () => {
    const driver = new GroupDriver();
    const [leader, follower] = driver.stableGroup(2);
    const first = driver.join({ memberId: follower!.memberId, topics: ['u'] });
    const second = driver.join({ memberId: follower!.memberId, topics: ['u'] });
    expect(name(first.answer)).toBe('REBALANCE_IN_PROGRESS');
    driver.join({ memberId: leader!.memberId });
    expect(second.answer.errorCode).toBe(0);
  });

  test('a follower that missed the answer is told the same generation again; changed metadata rebalances', () => {
    const driver = new GroupDriver();
    const [, follower] = driver.stableGroup(2);
    const { generationId, memberId } = follower!;
    expect(driver.join({ memberId }).answer).toMatchObject({ generationId, memberId, members: [] });
    expect(driver.group().state).toBe('Stable');
    expect(driver.join({ memberId, topics: ['other'] }).isAnswered).toBe(false);
    expect(driver.group().state).toBe('PreparingRebalance');
  });

  test('the leader of a stable group rebalances it by joining again, even unchanged', () => {
    const driver = new GroupDriver();
    const [leader] = driver.stableGroup(2);
    expect(driver.join({ memberId: leader!.memberId }).isAnswered).toBe(false);
    expect(driver.group().state).toBe('PreparingRebalance');
  });

  test('while the assignment is awaited, even the leader is told the generation again', () => {
    const driver = new GroupDriver();
    const leader = driver.join().answer;
    expect(driver.join({ memberId: leader.memberId }).answer).toEqual(leader);
  });

  test('a full group takes nobody in (81), but keeps who is in it', () => {
    const driver = new GroupDriver({ maxGroupSize: 2 });
    const [leader, follower] = driver.stableGroup(2);
    expect(driver.join().answer).toMatchObject({ errorCode: 81, memberId: '' });
    const rejoins = [leader!, follower!].map(({ memberId }) => driver.join({ memberId, topics: ['u'] }));
    expect(rejoins.map(call => call.answer.errorCode)).toEqual([0, 0]);
  });

  test('a group that is larger than allowed after a restart loses those who rejoin last', () => {
    const driver = new GroupDriver();
    const members = driver.stableGroup(3);
    driver.failOver({ maxGroupSize: 2 });
    expect(driver.group().state).toBe('PreparingRebalance');
    const rejoins: Call<JoinResult>[] = members.map(({ memberId }) => driver.join({ memberId }));
    expect(rejoins.map(call => name(call.answer))).toEqual(['NONE', 'NONE', 'GROUP_MAX_SIZE_REACHED']);
  });

  test('a new member that is parked for five minutes is sent away', () => {
    const driver = new GroupDriver();
    const [leader] = driver.stableGroup(1, { sessionTimeoutMs: 900_000, rebalanceTimeoutMs: 900_000 });
    const joining = driver.join({ sessionTimeoutMs: 900_000, rebalanceTimeoutMs: 900_000 });
    driver.advance(300_000);
    expect(joining.answer).toMatchObject({ errorCode: 25, memberId: '' });
    expect(driver.join({ memberId: leader!.memberId }).answer.members).toHaveLength(1);
  });
});
