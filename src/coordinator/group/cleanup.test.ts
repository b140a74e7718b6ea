import { describe, expect, test } from '@jest/globals';
import { uuidFromBytes } from '../../base/uuid.js';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import { CLEANUP_BATCH } from './cleanup.js';
import { GroupDriver } from './testing/group-driver.js';

const DAY = 24 * 60 * 60_000;
const CHECK = 3_600_000;
const settings = { offsetsRetentionMs: DAY, offsetsRetentionCheckIntervalMs: CHECK };

/** Lets the member beat for so long. */
function keepAlive(driver: GroupDriver, member: Parameters<GroupDriver['heartbeat']>[0], ms: number): void {
  for (let passed = 0; passed < ms; passed += CHECK / 2) {
    driver.advance(CHECK / 2);
    driver.heartbeat(member);
  }
}

/** Commits the first offsets of a topic. */
function commit(driver: GroupDriver, groupId: string, topic: string, topicId: string, count = 1): void {
  const partitions = Array.from({ length: count }, (_, partitionIndex) =>
    ({ partitionIndex, committedOffset: 1, committedLeaderEpoch: -1, committedMetadata: null, commitTimestamp: -1 }));
  driver.commit({ groupId, topics: [{ topicId, name: topic, partitions }] });
}

/** How many writes are tried in so long a time, with none that succeeds. */
function refusedWrites(driver: GroupDriver, ms: number): number {
  let count = 0;
  for (let passed = 0; passed < ms; passed++) {
    driver.refuseWith = 15;
    driver.advance(1);
    if (driver.refuseWith === 0) count++;
  }
  driver.refuseWith = 0;
  return count;
}

describe('expiry of offsets', () => {
  test('somebody outside any group: a retention after each commit, and the group goes with its last offset', () => {
    const driver = new GroupDriver(settings);
    driver.commit({ partition: 0 });
    driver.advance(DAY / 2);
    driver.commit({ partition: 1 });
    driver.advance(DAY / 2);
    expect([driver.committed('t', 0), driver.committed('t', 1)]).toEqual([undefined, 7]);
    driver.advance(DAY / 2);
    expect(driver.committed('t', 1)).toBeUndefined();
    expect(driver.machine.groups.size).toBe(0);
    expect(driver.written.at(-1)).toEqual({ kind: 'group', groupId: 'g', value: null });
  });

  test('what an open transaction commits too stays until it ends, and so does its group', () => {
    const driver = new GroupDriver(settings);
    driver.commit();
    driver.commitInTransaction(500, 9);
    driver.commitInTransaction(500, 9, { groupId: 'only pending' });
    driver.advance(2 * DAY);
    expect(driver.committed()).toBe(7);
    expect([...driver.machine.groups.keys()]).toEqual(['g', 'only pending']);
    driver.endTransaction(500, false);
    driver.advance(CHECK);
    expect(driver.committed()).toBeUndefined();
    expect(driver.machine.groups.size).toBe(0);
  });

  test('a group that is empty: a retention after it became empty, however old the commits', () => {
    const driver = new GroupDriver(settings);
    const [member] = driver.stableGroup(1, { sessionTimeoutMs: CHECK });
    const { memberId, generationId } = member!;
    driver.commit({ memberId, generationId });
    keepAlive(driver, member!, 3 * DAY);
    expect(driver.committed()).toBe(7);
    driver.leave({ memberId });
    driver.advance(DAY - CHECK);
    expect(driver.committed()).toBe(7);
    driver.failOver();
    driver.advance(CHECK);
    expect(driver.committed()).toBeUndefined();
    expect(driver.machine.recorded.size).toBe(0);
  });

  test('a stable group of consumers: only topics that it left', () => {
    const driver = new GroupDriver(settings);
    const [member] = driver.stableGroup(1, { sessionTimeoutMs: CHECK });
    const { memberId, generationId } = member!;
    driver.commit({ memberId, generationId, topic: 't' });
    driver.commit({ memberId, generationId, topic: 'left-behind' });
    keepAlive(driver, member!, 2 * DAY);
    expect([driver.committed('t'), driver.committed('left-behind')]).toEqual([7, undefined]);
  });

  test('a stable group whose topics cannot be read, or of another type, keeps everything', () => {
    for (const request of [{ protocolType: 'connect' }, { protocols: [{ name: 'range', metadata: Buffer.from('?') }] }]) {
      const driver = new GroupDriver(settings);
      const [member] = driver.stableGroup(1, { sessionTimeoutMs: CHECK, ...request });
      const { memberId, generationId } = member!;
      driver.commit({ memberId, generationId, topic: 'u' });
      keepAlive(driver, member!, 2 * DAY);
      expect(driver.committed('u')).toBe(7);
    }
  });

  test('a commit with its own retention goes by that', () => {
    const driver = new GroupDriver(settings);
    driver.commit({ partition: 0, retentionTimeMs: 2 * CHECK });
    driver.commit({ partition: 1, retentionTimeMs: 30 * DAY });
    driver.advance(2 * CHECK);
    expect(driver.committed('t', 0)).toBeUndefined();
    driver.advance(29 * DAY);
    expect(driver.committed('t', 1)).toBe(7);
  });

  test('an empty group without offsets goes at the next look; one to which a member is on its way stays', () => {
    const driver = new GroupDriver(settings);
    const [member] = driver.stableGroup(1);
    driver.leave({ memberId: member!.memberId });
    const { memberId } = driver.join({ groupId: 'h', needsKnownMemberId: true, sessionTimeoutMs: 2 * CHECK }).answer;
    driver.advance(CHECK);
    expect([...driver.machine.groups.keys()]).toEqual(['h']);
    expect(driver.join({ groupId: 'h', memberId }).answer.errorCode).toBe(0);
  });

  test('an offset that an open transaction may still change stays, and so does its group', () => {
    const driver = new GroupDriver(settings, { hasTwin: false });
    const value = { offset: 1, leaderEpoch: -1, metadata: '', commitTimestamp: driver.nowMs, expireTimestamp: -1, topicId: ZERO_UUID };
    const record = { kind: 'offset', groupId: 'g', topic: 't', partition: 0, value } as const;
    const position = { offset: 0, leaderEpoch: 1, timestampMs: driver.nowMs, producerId: -1, producerEpoch: -1 };
    driver.machine.replay(record, position);
    driver.machine.replay(record, { ...position, offset: 1, producerId: 5, producerEpoch: 0 });
    driver.advance(2 * DAY);
    expect(driver.committed()).toBe(1);
    driver.machine.replayMarker({ producerId: 5, committed: false });
    driver.advance(CHECK);
    expect(driver.committed()).toBeUndefined();
    expect(driver.machine.groups.size).toBe(0);
  });

  test('however much there is to delete, one batch stays small, and all of it goes', () => {
    const driver = new GroupDriver(settings);
    const partitions = Array.from({ length: CLEANUP_BATCH + 5 }, (_, partitionIndex) =>
      ({ partitionIndex, committedOffset: 1, committedLeaderEpoch: -1, committedMetadata: null, commitTimestamp: -1 }));
    driver.commit({ topics: [{ topicId: ZERO_UUID, name: 't', partitions }] });
    driver.advance(DAY + CHECK);
    expect(driver.machine.groups.size).toBe(0);
    expect(driver.largestBatchOfTombstones).toBe(CLEANUP_BATCH);
  });

  test('the next look comes even when a write failed', () => {
    const driver = new GroupDriver(settings);
    driver.commit();
    driver.advance(DAY - CHECK);
    driver.refuseWith = 15;
    driver.advance(CHECK);
    expect(driver.committed()).toBe(7);
    driver.advance(CHECK);
    expect(driver.committed()).toBeUndefined();
  });

  test('a write that keeps failing is tried once a second, however much is due', () => {
    const driver = new GroupDriver(settings);
    commit(driver, 'a', 't', ZERO_UUID, CLEANUP_BATCH + 5);
    driver.advance(DAY - 1);
    expect(refusedWrites(driver, 3_500)).toBe(4);
    driver.advance(CHECK);
    expect(driver.machine.offsets.committed.has('a')).toBe(false);
  });
});

describe('deleted topics', () => {
  const id = (byte: number): string => uuidFromBytes(Buffer.alloc(16, byte));
  const deleteTopic = (driver: GroupDriver, name: string, topicId: string): void => {
    driver.run<null>((machine, to, at) => machine.topicsDeleted([{ name, id: topicId }], to, at));
  };

  test('take the offsets of all groups with them, but not those of a topic that has their name now', () => {
    const driver = new GroupDriver();
    commit(driver, 'a', 't', id(1));
    commit(driver, 'b', 't', ZERO_UUID);
    commit(driver, 'c', 't', id(2));
    commit(driver, 'd', 'u', id(1));
    deleteTopic(driver, 't', id(1));
    expect(['a', 'b', 'c', 'd'].map(group => driver.committed(group === 'd' ? 'u' : 't', 0, group))).toEqual([undefined, undefined, 1, 1]);
  });

  test('that nobody told of are found when leadership begins; what has their name now stays', () => {
    const driver = new GroupDriver();
    for (const [group, topicId] of [['a', id(1)], ['b', ZERO_UUID], ['c', id(2)]] as const) commit(driver, group, 't', topicId);
    for (const [group, topicId] of [['d', id(3)], ['e', ZERO_UUID]] as const) commit(driver, group, 'gone', topicId);
    driver.cluster.set('t', 1, id(2));
    driver.failOver();
    driver.advance(10);
    expect(['a', 'b', 'c'].map(group => driver.committed('t', 0, group))).toEqual([undefined, 1, 1]);
    expect(['d', 'e'].map(group => driver.committed('gone', 0, group))).toEqual([undefined, undefined]);
    expect(driver.written.slice(-3).every(({ value }) => value === null)).toBe(true);
  });

  test('with very many offsets go batch by batch', () => {
    const driver = new GroupDriver();
    commit(driver, 'a', 't', id(1), CLEANUP_BATCH + 5);
    deleteTopic(driver, 't', id(1));
    driver.advance(10);
    expect(driver.machine.offsets.committed.has('a')).toBe(false);
    expect(driver.largestBatchOfTombstones).toBe(CLEANUP_BATCH);
  });

  test('whose end cannot be written are tried once a second', () => {
    const driver = new GroupDriver();
    commit(driver, 'a', 't', id(1), CLEANUP_BATCH + 5);
    driver.refuseWith = 15;
    deleteTopic(driver, 't', id(1));
    expect(refusedWrites(driver, 3_500)).toBe(3);
    driver.advance(2_000);
    expect(driver.machine.offsets.committed.has('a')).toBe(false);
  });
});
