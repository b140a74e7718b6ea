import { describe, expect, test } from '@jest/globals';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { AssignorError } from '../assignors/assignor.js';
import { ConsumerDriver, ScriptedAssignor } from '../testing/consumer-driver.js';
import type { ConsumerGroupHeartbeatResult } from '../types.js';

/** A driver whose assignor does what the test says, over a topic `t` of four partitions. */
function scripted(): { driver: ConsumerDriver; assignor: ScriptedAssignor; t: string } {
  const assignor = new ScriptedAssignor();
  const driver = new ConsumerDriver({ consumer: { assignors: [assignor] } });
  return { driver, assignor, t: driver.cluster.set('t', 4) };
}

function uniform(partitionCount = 4): ConsumerDriver {
  const driver = new ConsumerDriver();
  driver.cluster.set('t', partitionCount);
  return driver;
}

const kinds = (driver: ConsumerDriver, from = 0): string[] => driver.written.slice(from).map(({ kind, value }) => value === null ? `${kind} gone` : kind);

describe('joining', () => {
  test('the first member makes the group, gets all, and is told when to be heard of again', () => {
    const driver = uniform();
    const answer = driver.enter('a', { serverAssignor: null });
    expect(answer).toMatchObject({ errorCode: 0, memberId: 'a', memberEpoch: 2, heartbeatIntervalMs: 5_000 });
    expect(driver.told(answer)).toBe('t:0,1,2,3');
    expect(kinds(driver)).toEqual(['consumer member', 'consumer group', 'consumer target', 'consumer target epoch', 'consumer holding']);
    expect(driver.consumerGroup().state).toBe('Stable');
  });

  test('a member without an id is given one', () => {
    expect(uniform().enter('').memberId).toHaveLength(22);
  });

  test('a heartbeat that brings nothing new writes nothing and is told nothing', () => {
    const driver = uniform();
    const { memberEpoch } = driver.enter('a');
    const before = driver.written.length;
    expect(driver.beat({ memberId: 'a', memberEpoch })).toMatchObject({ errorCode: 0, memberEpoch, assignment: null });
    expect(driver.written.length).toBe(before);
  });

  test('a request that says all is answered with all', () => {
    const driver = uniform();
    const { memberEpoch } = driver.enter('a');
    const t = driver.cluster.named('t')!.id;
    const full = driver.beat({
      memberId: 'a', memberEpoch, rebalanceTimeoutMs: 30_000, subscribedTopicNames: ['t'], topicPartitions: [{ topicId: t, partitions: [0, 1, 2, 3] }],
    });
    expect(driver.told(full)).toBe('t:0,1,2,3');
  });

  test('topics that do not exist are no obstacle, and give nothing until they come', () => {
    const driver = uniform();
    const { memberEpoch, assignment } = driver.enter('a', { subscribedTopicNames: ['later'] });
    expect(assignment).toEqual({ topicPartitions: [] });
    driver.changeTopic('later', 2);
    expect(driver.told(driver.beat({ memberId: 'a', memberEpoch }))).toBe('later:0,1');
  });

  test('a group that is full takes nobody in, and keeps those it has', () => {
    const driver = new ConsumerDriver({ consumer: { maxSize: 1 } });
    driver.cluster.set('t', 1);
    const { memberEpoch } = driver.enter('a');
    expect(driver.error({ memberId: 'b', rebalanceTimeoutMs: 1, subscribedTopicNames: ['t'], topicPartitions: [] })).toBe('GROUP_MAX_SIZE_REACHED');
    expect(driver.error({ memberId: 'a', memberEpoch })).toBe('NONE');
  });

  test('whoever does not join finds no group, or no place in it', () => {
    const driver = uniform();
    expect(driver.error({ memberId: 'a', memberEpoch: 1 })).toBe('GROUP_ID_NOT_FOUND');
    driver.enter('a');
    expect(driver.error({ memberId: 'b', memberEpoch: 1 })).toBe('UNKNOWN_MEMBER_ID');
  });

  test('a join that cannot be written leaves no group behind', () => {
    const driver = uniform();
    driver.refuseWith = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    expect(driver.enter('a')).toMatchObject({ errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, assignment: null });
    expect(driver.machine.consumerGroups.size).toBe(0);
    expect(driver.timers.size).toBe(1);
    expect(driver.told(driver.enter('a'))).toBe('t:0,1,2,3');
  });
});

describe('reconciliation', () => {
  test('a partition changes hands only when its owner has let it go', () => {
    const { driver, assignor, t } = scripted();
    assignor.next = { a: { [t]: [0, 1] } };
    const a = driver.enter('a');
    assignor.next = { a: { [t]: [0] }, b: { [t]: [1] } };
    const b = driver.enter('b');
    expect([driver.told(b), b.memberEpoch]).toEqual(['', a.memberEpoch + 1]);
    const revoking = driver.beat({ memberId: 'a', memberEpoch: a.memberEpoch });
    expect([driver.told(revoking), revoking.memberEpoch]).toEqual(['t:0', a.memberEpoch]);
    expect(driver.consumerGroup().state).toBe('Reconciling');
    expect(driver.told(driver.beat({ memberId: 'b', memberEpoch: b.memberEpoch }))).toBeNull();
    const revoked = driver.beat({ memberId: 'a', memberEpoch: a.memberEpoch, topicPartitions: [{ topicId: t, partitions: [0] }] });
    expect(revoked.memberEpoch).toBe(b.memberEpoch);
    expect(driver.told(driver.beat({ memberId: 'b', memberEpoch: b.memberEpoch }))).toBe('t:1');
    expect(driver.consumerGroup().state).toBe('Stable');
  });

  test('what is free is given at once, what is not follows', () => {
    const { driver, assignor, t } = scripted();
    assignor.next = { a: { [t]: [0] } };
    driver.enter('a');
    assignor.next = { b: { [t]: [0, 1] } };
    const b = driver.enter('b');
    expect(driver.told(b)).toBe('t:1');
    expect(driver.consumerGroup().members.get('b')!.state).toBe('unreleased');
    expect(driver.consumerGroup().members.get('b')!.assigned.get(t)).toEqual(new Map([[1, b.memberEpoch]]));
  });

  test('a partition that is meant for its former owner again is kept', () => {
    const { driver, assignor, t } = scripted();
    assignor.next = { a: { [t]: [0] } };
    const { memberEpoch } = driver.enter('a');
    assignor.next = { b: { [t]: [0] } };
    driver.enter('b');
    expect(driver.told(driver.beat({ memberId: 'a', memberEpoch }))).toBe('');
    assignor.next = { a: { [t]: [0] } };
    driver.beat({ memberId: 'b', memberEpoch: -1 });
    const again = driver.beat({ memberId: 'a', memberEpoch, topicPartitions: [] });
    expect([driver.told(again), again.memberEpoch]).toEqual(['t:0', 4]);
  });

  test('whoever does not give back in time is out, and others get what it had', () => {
    const { driver, assignor, t } = scripted();
    assignor.next = { a: { [t]: [0] } };
    const { memberEpoch } = driver.enter('a', { rebalanceTimeoutMs: 10_000 });
    assignor.next = { b: { [t]: [0] } };
    const b = driver.enter('b');
    driver.beat({ memberId: 'a', memberEpoch });
    driver.advance(9_999);
    expect(driver.consumerGroup().members.has('a')).toBe(true);
    driver.advance(1);
    expect(driver.error({ memberId: 'a', memberEpoch })).toBe('UNKNOWN_MEMBER_ID');
    expect(driver.told(driver.beat({ memberId: 'b', memberEpoch: b.memberEpoch }))).toBe('t:0');
  });

  test('a member that drops a topic gives it back at once, though no new target is due', () => {
    const driver = new ConsumerDriver({ consumer: { assignmentIntervalMs: () => 60_000 } });
    driver.cluster.set('t', 1);
    const u = driver.cluster.set('u', 1);
    const { memberEpoch } = driver.enter('a', { subscribedTopicNames: ['t', 'u'] });
    const answer = driver.beat({ memberId: 'a', memberEpoch, subscribedTopicNames: ['u'] });
    expect([driver.told(answer), answer.memberEpoch]).toEqual(['u:0', memberEpoch]);
    expect([...driver.consumerGroup().members.get('a')!.assigned.keys()]).toEqual([u]);
  });

  test('a new target waits until the last is old enough', () => {
    const driver = new ConsumerDriver({ consumer: { assignmentIntervalMs: () => 1_000 } });
    driver.cluster.set('t', 2);
    driver.enter('a');
    const b = driver.enter('b');
    expect([b.memberEpoch, driver.told(b)]).toEqual([2, '']);
    expect(driver.consumerGroup().state).toBe('Assigning');
    driver.advance(999);
    expect(driver.beat({ memberId: 'b', memberEpoch: 2 }).memberEpoch).toBe(2);
    driver.advance(1);
    expect(driver.beat({ memberId: 'b', memberEpoch: 2 }).memberEpoch).toBe(3);
  });

  test('an assignor that fails fails the heartbeat that asked it, and nothing has happened', () => {
    const { driver, assignor, t } = scripted();
    assignor.next = { a: { [t]: [0] } };
    const { memberEpoch } = driver.enter('a');
    const before = driver.written.length;
    assignor.assign = () => { throw new AssignorError('no topic'); };
    expect(() => driver.enter('b')).toThrow(AssignorError);
    expect([driver.written.length, [...driver.consumerGroup().members.keys()]]).toEqual([before, ['a']]);
    expect(driver.error({ memberId: 'a', memberEpoch })).toBe('NONE');
  });

  test('only what changed of a target is written', () => {
    const { driver, assignor, t } = scripted();
    assignor.next = { a: { [t]: [0] }, b: { [t]: [1] } };
    driver.enter('a');
    const before = driver.written.length;
    driver.enter('b');
    expect(driver.written.slice(before).filter(({ kind }) => kind === 'consumer target')).toMatchObject([{ memberId: 'b' }]);
  });
});

describe('fencing', () => {
  test('an epoch from the future or from too long ago is refused', () => {
    const { driver, assignor, t } = scripted();
    assignor.next = { a: { [t]: [0] } };
    const { memberEpoch } = driver.enter('a');
    expect(driver.error({ memberId: 'a', memberEpoch: memberEpoch + 1 })).toBe('FENCED_MEMBER_EPOCH');
    expect(driver.error({ memberId: 'a', memberEpoch: memberEpoch - 1, topicPartitions: [] })).toBe('FENCED_MEMBER_EPOCH');
  });

  test('the epoch before is taken from a member that missed an answer, as long as it owns no more than it may', () => {
    const { driver, assignor, t } = scripted();
    assignor.next = { a: { [t]: [0] } };
    const { memberEpoch } = driver.enter('a');
    assignor.next = { a: { [t]: [0, 1] } };
    driver.beat({ memberId: 'a', memberEpoch, subscribedTopicNames: ['t', 'u'] });
    const again = (partitions: number[] | null) =>
      driver.beat({ memberId: 'a', memberEpoch, topicPartitions: partitions && [{ topicId: t, partitions }] });
    expect(again([0])).toMatchObject({ errorCode: 0, memberEpoch: memberEpoch + 1 });
    for (const owned of [[0, 2], null]) expect(again(owned).errorCode).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
  });

  test('a fenced member that joins anew goes on with what it had', () => {
    const driver = uniform();
    driver.enter('a');
    expect(driver.told(driver.enter('a'))).toBe('t:0,1,2,3');
  });
});

describe('leaving', () => {
  function two(): { driver: ConsumerDriver; a: ConsumerGroupHeartbeatResult; b: ConsumerGroupHeartbeatResult } {
    const driver = uniform();
    const a = driver.enter('a');
    return { driver, a, b: driver.enter('b') };
  }

  test('gives what was held to the others, and ends the timers', () => {
    const { driver, b } = two();
    expect(driver.beat({ memberId: 'a', memberEpoch: -1 })).toMatchObject({ errorCode: 0, memberId: 'a', memberEpoch: -1, assignment: null });
    expect(driver.told(driver.beat({ memberId: 'b', memberEpoch: b.memberEpoch }))).toBe('t:0,1,2,3');
    expect([...driver.timers.keys()].filter(key => key.endsWith('ga'))).toEqual([]);
    expect(kinds(driver).filter(kind => kind.endsWith('gone'))).toEqual(['consumer holding gone', 'consumer target gone', 'consumer member gone']);
  });

  test('is made up for though the next to be heard of is somebody new who wants nothing', () => {
    for (const serverAssignor of ['uniform', 'range']) {
      const driver = uniform();
      const { memberEpoch } = driver.enter('a', { serverAssignor });
      driver.enter('b', { serverAssignor });
      driver.beat({ memberId: 'b', memberEpoch: -1 });
      driver.advance(1_000);
      expect(driver.told(driver.enter('c', { serverAssignor, subscribedTopicNames: [] }))).toBe('');
      driver.beat({ memberId: 'a', memberEpoch });
      expect([...driver.consumerGroup().targetOf('a').values()].map(({ size }) => size)).toEqual([4]);
    }
  });

  test('cannot be done by strangers', () => {
    const { driver } = two();
    expect(driver.error({ memberId: 'c', memberEpoch: -1 })).toBe('UNKNOWN_MEMBER_ID');
    expect(driver.error({ groupId: 'h', memberId: 'a', memberEpoch: -1 })).toBe('GROUP_ID_NOT_FOUND');
  });

  test('that cannot be written leaves the member and its session', () => {
    const { driver, a } = two();
    driver.refuseWith = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    expect(driver.error({ memberId: 'a', memberEpoch: -1 })).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(driver.error({ memberId: 'a', memberEpoch: a.memberEpoch })).toBe('NONE');
    driver.advance(45_000);
    expect(driver.consumerGroup().isEmpty).toBe(true);
  });

  test('is done for a member that is silent for too long, though it be tried again', () => {
    const { driver, a } = two();
    driver.advance(44_000);
    driver.beat({ memberId: 'b', memberEpoch: a.memberEpoch });
    driver.enter('b');
    driver.refuseWith = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    driver.advance(1_000);
    expect([...driver.consumerGroup().members.keys()]).toEqual(['a', 'b']);
    driver.advance(500);
    expect([...driver.consumerGroup().members.keys()]).toEqual(['b']);
  });

  test('of all leaves an empty group, whose next member goes on from its epoch', () => {
    const { driver } = two();
    for (const memberId of ['a', 'b']) driver.beat({ memberId, memberEpoch: -1 });
    expect(driver.consumerGroup().state).toBe('Empty');
    expect(driver.enter('c').memberEpoch).toBe(6);
  });
});

describe('another coordinator', () => {
  test('knows all, and members stay where they are', () => {
    const driver = uniform();
    const { memberEpoch } = driver.enter('a');
    driver.failOver();
    const before = driver.written.length;
    expect(driver.beat({ memberId: 'a', memberEpoch })).toMatchObject({ errorCode: 0, memberEpoch, assignment: null });
    expect(driver.written.length).toBe(before);
    driver.advance(45_000);
    expect(driver.consumerGroup().isEmpty).toBe(true);
  });

  test('sees through that somebody gives back', () => {
    const { driver, assignor, t } = scripted();
    assignor.next = { a: { [t]: [0] } };
    const { memberEpoch } = driver.enter('a', { rebalanceTimeoutMs: 10_000 });
    assignor.next = { b: { [t]: [0] } };
    driver.enter('b');
    driver.beat({ memberId: 'a', memberEpoch });
    driver.failOver();
    driver.advance(10_000);
    expect([...driver.consumerGroup().members.keys()]).toEqual(['b']);
  });
});

describe('topics that change', () => {
  test('are assigned anew with the next heartbeat of any member, and only where somebody subscribes', () => {
    const driver = uniform(1);
    const { memberEpoch } = driver.enter('a');
    driver.changeTopic('other', 3);
    expect(driver.beat({ memberId: 'a', memberEpoch }).memberEpoch).toBe(memberEpoch);
    driver.changeTopic('t', 2);
    const answer = driver.beat({ memberId: 'a', memberEpoch });
    expect([driver.told(answer), answer.memberEpoch]).toEqual(['t:0,1', memberEpoch + 1]);
  });
});
