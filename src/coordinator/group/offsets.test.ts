import { describe, expect, test } from '@jest/globals';
import { stringHashCode } from '../../base/java-hash.js';
import { uuidFromBytes } from '../../base/uuid.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import { GroupDriver, durableState, name } from './testing/group-driver.js';
import type { DeleteOffsetsResult, FetchOffsetsRequest, FetchOffsetsResult } from './types.js';

function fetched(driver: GroupDriver, request: Partial<FetchOffsetsRequest> = {}): FetchOffsetsResult {
  const full = { groupId: 'g', memberId: null, memberEpoch: -1, topics: null, requireStable: false, ...request };
  return driver.run<FetchOffsetsResult>((machine, to, at) => machine.fetchOffsets(full, to, at)).answer;
}

function deleted(driver: GroupDriver, topic = 't', partition = 0): DeleteOffsetsResult {
  const request = { groupId: 'g', topics: [{ name: topic, partitions: [{ partitionIndex: partition }] }] };
  return driver.run<DeleteOffsetsResult>((machine, to, at) => machine.deleteOffsets(request, to, at)).answer;
}

const topicId = (text: string): string => uuidFromBytes(Buffer.alloc(16, stringHashCode(text) & 0xff));

describe('committing', () => {
  test('a member of the present generation commits; the record is the one that Kafka writes', () => {
    const driver = new GroupDriver();
    const [{ memberId, generationId } = { memberId: '', generationId: 0 }] = driver.stableGroup(1);
    expect(driver.commit({ memberId, generationId, offset: 42, metadata: 'note' })).toBe('NONE');
    expect(driver.written.at(-1)).toEqual({
      kind: 'offset', groupId: 'g', topic: 't', partition: 0,
      value: { offset: 42, leaderEpoch: 3, metadata: 'note', commitTimestamp: driver.nowMs, expireTimestamp: -1, topicId: ZERO_UUID },
    });
    expect(driver.committed()).toBe(42);
  });

  test('somebody outside any group commits, and makes a group that is empty and has no protocol', () => {
    const driver = new GroupDriver();
    expect(driver.commit()).toBe('NONE');
    expect(driver.group()).toMatchObject({ state: 'Empty', protocolType: null });
    expect(driver.written.map(({ kind }) => kind)).toEqual(['offset']);
    driver.failOver();
    expect(driver.group()).toMatchObject({ state: 'Empty', protocolType: null });
  });

  test('a group that does not exist has no generation: ILLEGAL_GENERATION, from v9 on GROUP_ID_NOT_FOUND', () => {
    const driver = new GroupDriver();
    expect(driver.commit({ generationId: 3, memberId: 'm', knowsGroupIdNotFound: false })).toBe('ILLEGAL_GENERATION');
    expect(driver.commit({ generationId: 3, memberId: 'm' })).toBe('GROUP_ID_NOT_FOUND');
    expect(driver.machine.groups.size).toBe(0);
  });

  test('in a group with members only members commit, in their generation, and not while they wait for an assignment', () => {
    const driver = new GroupDriver();
    const [member] = driver.stableGroup(1);
    const { memberId, generationId } = member!;
    expect(driver.commit()).toBe('UNKNOWN_MEMBER_ID');
    expect(driver.commit({ generationId, memberId: 'ghost' })).toBe('UNKNOWN_MEMBER_ID');
    expect(driver.commit({ generationId: generationId + 1, memberId })).toBe('ILLEGAL_GENERATION');
    expect(driver.commit({ generationId: -1, memberId })).toBe('ILLEGAL_GENERATION');
    driver.join();
    expect(driver.commit({ generationId, memberId })).toBe('NONE');
    const again = driver.join({ memberId }).answer;
    expect(driver.commit({ generationId: again.generationId, memberId })).toBe('REBALANCE_IN_PROGRESS');
  });

  test('text beside an offset may be so long and no longer (12), and only that partition fails', () => {
    const driver = new GroupDriver({ offsetMetadataMaxBytes: 4 });
    expect(driver.commit({ metadata: 'five!' })).toBe('OFFSET_METADATA_TOO_LARGE');
    expect(driver.commit({ metadata: 'four' })).toBe('NONE');
    expect(driver.written).toHaveLength(1);
  });

  test('a retention of its own (v2-4) is kept with the offset, in the version that carries it', () => {
    const driver = new GroupDriver();
    driver.commit({ retentionTimeMs: 5_000 });
    expect(driver.written.at(-1)).toMatchObject({ value: { expireTimestamp: driver.nowMs + 5_000 } });
    expect(Buffer.from(driver.log.at(-1)!.value!).readInt16BE(0)).toBe(1);
    driver.commit();
    expect(Buffer.from(driver.log.at(-1)!.value!).readInt16BE(0)).toBe(4);
  });

  test('an offset beyond 2^53 is kept whole', () => {
    const driver = new GroupDriver();
    const partition = { partitionIndex: 0, committedOffset: 2n ** 63n - 1n, committedLeaderEpoch: -1, committedMetadata: null, commitTimestamp: -1 };
    driver.commit({ topics: [{ topicId: ZERO_UUID, name: 't', partitions: [partition] }] });
    driver.failOver();
    expect(driver.committed()).toBe(2n ** 63n - 1n);
  });

  test('what cannot be written is not committed', () => {
    const driver = new GroupDriver();
    driver.refuseWith = 15;
    expect(driver.commit()).toBe('COORDINATOR_NOT_AVAILABLE');
    expect(driver.committed()).toBeUndefined();
  });
});

describe('fetching', () => {
  test('a partition without an offset, and a group that does not exist, give -1 and no error', () => {
    const driver = new GroupDriver();
    const topics = [{ topicId: ZERO_UUID, name: 't', partitionIndexes: [0, 5] }];
    const none = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 0 };
    const expected = { groupId: 'g', errorCode: 0, topics: [{ topicId: ZERO_UUID, name: 't', partitions: [
      { partitionIndex: 0, ...none }, { partitionIndex: 5, ...none },
    ] }] };
    expect(fetched(driver, { topics })).toEqual(expected);
    driver.commit({ topic: 'u' });
    expect(fetched(driver, { topics })).toEqual(expected);
  });

  test('without topics all that the group committed is told', () => {
    const driver = new GroupDriver();
    expect(fetched(driver).topics).toEqual([]);
    driver.commit({ topic: 't', partition: 1, offset: 5, metadata: 'm' });
    driver.commit({ topic: 'u', partition: 0, offset: 6 });
    expect(fetched(driver).topics.map(topic => [topic.name, topic.partitions])).toEqual([
      ['t', [{ partitionIndex: 1, committedOffset: 5, committedLeaderEpoch: 3, metadata: 'm', errorCode: 0 }]],
      ['u', [{ partitionIndex: 0, committedOffset: 6, committedLeaderEpoch: 3, metadata: '', errorCode: 0 }]],
    ]);
  });

  test('an offset of a topic that was made anew under its name is not its offset', () => {
    const driver = new GroupDriver();
    const partitions = [{ partitionIndex: 0, committedOffset: 9, committedLeaderEpoch: -1, committedMetadata: null, commitTimestamp: -1 }];
    driver.commit({ topics: [{ topicId: topicId('old'), name: 't', partitions }] });
    const offsetFor = (id: string): unknown =>
      fetched(driver, { topics: [{ topicId: id, name: 't', partitionIndexes: [0] }] }).topics[0]!.partitions[0]!.committedOffset;
    expect([topicId('old'), topicId('new'), ZERO_UUID].map(offsetFor)).toEqual([9, -1, 9]);
  });
});

describe('deleting', () => {
  test('offsets of a topic that nobody subscribes to go; others stay (86)', () => {
    const driver = new GroupDriver();
    const [{ memberId, generationId } = { memberId: '', generationId: 0 }] = driver.stableGroup(1, { topics: ['t'] });
    driver.commit({ memberId, generationId, topic: 't' });
    driver.commit({ memberId, generationId, topic: 'u' });
    expect(name(deleted(driver, 't').topics[0]!.partitions[0]!)).toBe('GROUP_SUBSCRIBED_TO_TOPIC');
    expect(name(deleted(driver, 'u').topics[0]!.partitions[0]!)).toBe('NONE');
    expect([driver.committed('t'), driver.committed('u')]).toEqual([7, undefined]);
    expect(driver.written.at(-1)).toEqual({ kind: 'offset', groupId: 'g', topic: 'u', partition: 0, value: null });
  });

  test('a partition without an offset is no error, and nothing is written', () => {
    const driver = new GroupDriver();
    driver.commit();
    expect(name(deleted(driver, 't', 9).topics[0]!.partitions[0]!)).toBe('NONE');
    expect(driver.written).toHaveLength(1);
  });

  test('a group that held nothing but the offset stays, with another coordinator too, until it is cleaned up', () => {
    const driver = new GroupDriver();
    driver.commit();
    deleted(driver);
    driver.failOver();
    expect(driver.group()).toMatchObject({ state: 'Empty', protocolType: null });
    driver.advance(driver.settings.offsetsRetentionCheckIntervalMs);
    expect(driver.machine.groups.size).toBe(0);
    expect(driver.written.at(-1)).toEqual({ kind: 'group', groupId: 'g', value: null });
  });

  test('unknown groups (69), and groups of another type while somebody is in them (68), are refused', () => {
    const driver = new GroupDriver();
    expect(name(deleted(driver))).toBe('GROUP_ID_NOT_FOUND');
    driver.stableGroup(1, { protocolType: 'connect' });
    expect(name(deleted(driver))).toBe('NON_EMPTY_GROUP');
  });
});

describe('offsets committed in a transaction', () => {
  const topics = [{ topicId: ZERO_UUID, name: 't', partitionIndexes: [0] }];
  const offsetIn = (driver: GroupDriver, requireStable: boolean) => fetched(driver, { topics, requireStable }).topics[0]!.partitions[0]!;

  test('wait for the marker; who asks for stable offsets is told to come again (88)', () => {
    const driver = new GroupDriver();
    driver.commitInTransaction(500, 10);
    expect(offsetIn(driver, false)).toMatchObject({ committedOffset: -1, errorCode: 0 });
    expect(offsetIn(driver, true)).toEqual({
      partitionIndex: 0, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT,
    });
    driver.endTransaction(500, true);
    expect(offsetIn(driver, true)).toMatchObject({ committedOffset: 10, errorCode: 0 });
  });

  test('leave the last committed offset to be read meanwhile', () => {
    const driver = new GroupDriver();
    driver.commit({ offset: 5 });
    driver.commitInTransaction(500, 10);
    expect(offsetIn(driver, false)).toMatchObject({ committedOffset: 5, errorCode: 0 });
    expect(name(offsetIn(driver, true))).toBe('UNSTABLE_OFFSET_COMMIT');
    driver.endTransaction(500, false);
    expect(offsetIn(driver, true)).toMatchObject({ committedOffset: 5, errorCode: 0 });
  });

  test('make those partitions of a whole group unstable that hold a committed offset, and show no others', () => {
    const driver = new GroupDriver();
    driver.commit({ offset: 5, partition: 0 });
    driver.commit({ offset: 6, partition: 1 });
    driver.commitInTransaction(500, 10, { partition: 1 });
    driver.commitInTransaction(500, 11, { partition: 2 });
    const told = (requireStable: boolean) => fetched(driver, { requireStable }).topics
      .flatMap(topic => topic.partitions.map(({ partitionIndex, committedOffset, errorCode }) => [partitionIndex, committedOffset, errorCode]));
    expect(told(false)).toEqual([[0, 5, 0], [1, 6, 0]]);
    expect(told(true)).toEqual([[0, 5, 0], [1, -1, ErrorCode.UNSTABLE_OFFSET_COMMIT]]);
  });

  test('vanish when the transaction is aborted; the group that they made stays', () => {
    const driver = new GroupDriver();
    const before = durableState(driver.machine);
    driver.commitInTransaction(500, 10);
    driver.endTransaction(500, false);
    expect(offsetIn(driver, true)).toMatchObject({ committedOffset: -1, errorCode: 0 });
    expect(durableState(driver.machine)).toBe(before);
    expect(driver.group()).toMatchObject({ state: 'Empty', protocolType: null });
    driver.failOver();
    expect(driver.group()).toMatchObject({ state: 'Empty', protocolType: null });
  });

  test('do not undo a later plain commit', () => {
    const driver = new GroupDriver();
    driver.commitInTransaction(500, 10);
    driver.commit({ offset: 20 });
    driver.endTransaction(500, true);
    expect(offsetIn(driver, true).committedOffset).toBe(20);
  });

  test('of two transactions the one whose record is later wins, whichever ends last', () => {
    const driver = new GroupDriver();
    driver.commitInTransaction(500, 10);
    driver.commitInTransaction(501, 11);
    driver.endTransaction(501, true);
    expect(name(offsetIn(driver, true))).toBe('UNSTABLE_OFFSET_COMMIT');
    driver.endTransaction(500, true);
    expect(offsetIn(driver, true).committedOffset).toBe(11);
  });

  test('go with the partition when its offset is deleted', () => {
    const driver = new GroupDriver();
    driver.commitInTransaction(500, 10);
    deleted(driver);
    expect(offsetIn(driver, true)).toMatchObject({ committedOffset: -1, errorCode: 0 });
    driver.endTransaction(500, true);
    expect(offsetIn(driver, true).committedOffset).toBe(-1);
  });

  test('are still pending, or settled, for another coordinator', () => {
    const driver = new GroupDriver();
    driver.commitInTransaction(500, 10);
    driver.failOver();
    expect(name(offsetIn(driver, true))).toBe('UNSTABLE_OFFSET_COMMIT');
    driver.endTransaction(500, true);
    driver.commitInTransaction(501, 12);
    driver.endTransaction(501, false);
    driver.failOver();
    expect(offsetIn(driver, true)).toMatchObject({ committedOffset: 10, errorCode: 0 });
  });
});
