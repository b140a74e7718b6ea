// Who may commit offsets in a transaction (KIP-447). What becomes of them then: `offsets.test.ts`.

import { describe, expect, test } from '@jest/globals';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import { ConsumerDriver } from './testing/consumer-driver.js';
import { GroupDriver } from './testing/group-driver.js';

const PRODUCER = 500;

describe('of a classic group', () => {
  test('the record is a plain commit\'s, but that it names no topic id', () => {
    const driver = new GroupDriver();
    driver.cluster.set('t', 1);
    expect(driver.commitInTransaction(PRODUCER, 42, { metadata: 'note' })).toBe('NONE');
    expect(driver.written).toEqual([{
      kind: 'offset', groupId: 'g', topic: 't', partition: 0,
      value: { offset: 42, leaderEpoch: 3, metadata: 'note', commitTimestamp: driver.nowMs, expireTimestamp: -1, topicId: ZERO_UUID },
    }]);
    expect(driver.committed()).toBeUndefined();
    driver.endTransaction(PRODUCER, true);
    expect(driver.committed()).toBe(42);
  });

  test('a group that does not exist comes to be with whoever names no generation', () => {
    const driver = new GroupDriver();
    expect(driver.commitInTransaction(PRODUCER, 1, { generationId: 0, memberId: 'm' })).toBe('ILLEGAL_GENERATION');
    expect(driver.machine.groups.size).toBe(0);
    expect(driver.commitInTransaction(PRODUCER, 1, { memberId: 'm' })).toBe('NONE');
    expect(driver.group()).toMatchObject({ state: 'Empty', protocolType: null });
  });

  test('members commit in their generation, others not, and who names neither always does', () => {
    const driver = new GroupDriver();
    const [member] = driver.stableGroup(1);
    const { memberId, generationId } = member!;
    const told = (request: object): string => driver.commitInTransaction(PRODUCER, 1, request);
    expect(told({ memberId, generationId })).toBe('NONE');
    expect(told({})).toBe('NONE');
    expect(told({ memberId, generationId: generationId - 1 })).toBe('ILLEGAL_GENERATION');
    expect(told({ memberId, generationId: generationId + 1 })).toBe('ILLEGAL_GENERATION');
    expect(told({ memberId })).toBe('ILLEGAL_GENERATION');
    expect(told({ memberId: 'ghost', generationId })).toBe('UNKNOWN_MEMBER_ID');
    expect(told({ generationId })).toBe('UNKNOWN_MEMBER_ID');
  });

  test('a zombie of a static member is fenced', () => {
    const driver = new GroupDriver();
    const [member] = driver.stableGroup(1, { groupInstanceId: 'i' });
    const { memberId, generationId } = member!;
    const told = (request: object): string => driver.commitInTransaction(PRODUCER, 1, request);
    expect(told({ memberId, generationId, groupInstanceId: 'i' })).toBe('NONE');
    expect(told({ memberId: 'before', generationId, groupInstanceId: 'i' })).toBe('FENCED_INSTANCE_ID');
    expect(told({ memberId, generationId, groupInstanceId: 'j' })).toBe('UNKNOWN_MEMBER_ID');
  });

  test('nobody is sent away because the group rebalances, and a member that has been sent away is', () => {
    const driver = new GroupDriver();
    const [member] = driver.stableGroup(1);
    const { memberId, generationId } = member!;
    driver.join();
    expect(driver.commitInTransaction(PRODUCER, 1, { memberId, generationId })).toBe('NONE');
    const again = driver.join({ memberId }).answer;
    expect(driver.group().state).toBe('CompletingRebalance');
    expect(driver.commitInTransaction(PRODUCER, 2, { memberId, generationId: again.generationId })).toBe('NONE');
    expect(driver.commitInTransaction(PRODUCER, 3, { memberId, generationId })).toBe('ILLEGAL_GENERATION');
    driver.leave({ memberId });
    expect(driver.commitInTransaction(PRODUCER, 4, { memberId, generationId: again.generationId })).toBe('UNKNOWN_MEMBER_ID');
  });

  test('keeps no session alive', () => {
    const driver = new GroupDriver();
    const [member] = driver.stableGroup(1, { sessionTimeoutMs: 10_000 });
    const { memberId, generationId } = member!;
    driver.advance(9_000);
    driver.commitInTransaction(PRODUCER, 1, { memberId, generationId });
    driver.advance(1_000);
    expect(driver.group().state).toBe('Empty');
  });

  test('text beside an offset may be so long and no longer, and only that partition fails', () => {
    const driver = new GroupDriver({ offsetMetadataMaxBytes: 4 });
    expect(driver.commitInTransaction(PRODUCER, 1, { metadata: 'five!' })).toBe('OFFSET_METADATA_TOO_LARGE');
    expect(driver.commitInTransaction(PRODUCER, 1, { metadata: 'four' })).toBe('NONE');
    expect(driver.written).toHaveLength(1);
  });

  test('what cannot be written is not committed', () => {
    const driver = new GroupDriver();
    driver.refuseWith = 47;
    expect(driver.commitInTransaction(PRODUCER, 1)).toBe('INVALID_PRODUCER_EPOCH');
    driver.endTransaction(PRODUCER, true);
    expect(driver.committed()).toBeUndefined();
  });

  test('nobody\'s commit, which is verified nowhere, is a plain one', () => {
    const driver = new GroupDriver();
    expect(driver.commitInTransaction(-1, 5)).toBe('NONE');
    expect(driver.committed()).toBe(5);
  });
});

describe('of a consumer group', () => {
  const withMember = (): ConsumerDriver => {
    const driver = new ConsumerDriver();
    driver.cluster.set('t', 2);
    driver.enter('m');
    return driver;
  };
  const told = (driver: ConsumerDriver, request: object): string => driver.commitInTransaction(PRODUCER, 1, request);

  test('a member commits in its epoch, or in an older one what it has had since then', () => {
    const driver = withMember();
    const member = { memberId: 'm', generationId: 2 };
    expect(told(driver, member)).toBe('NONE');
    expect(told(driver, { ...member, generationId: 3 })).toBe('ILLEGAL_GENERATION');
    driver.cluster.set('u', 1);
    driver.beat({ memberId: 'm', memberEpoch: 2, subscribedTopicNames: ['t', 'u'] });
    expect(told(driver, member)).toBe('NONE');
    expect(told(driver, { ...member, generationId: 1 })).toBe('ILLEGAL_GENERATION');
    expect(told(driver, { ...member, partition: 9 })).toBe('ILLEGAL_GENERATION');
    expect(told(driver, { ...member, partition: 9, metadata: 'x'.repeat(5_000) })).toBe('OFFSET_METADATA_TOO_LARGE');
  });

  test('who names nobody is not asked, and who names a stranger is refused while somebody is in it', () => {
    const driver = withMember();
    expect(told(driver, {})).toBe('NONE');
    expect(told(driver, { memberId: 'n', generationId: 2 })).toBe('UNKNOWN_MEMBER_ID');
    expect(told(driver, { memberId: 'n' })).toBe('UNKNOWN_MEMBER_ID');
    expect(told(driver, { groupInstanceId: 'i' })).toBe('UNKNOWN_MEMBER_ID');
    driver.beat({ memberId: 'm', memberEpoch: -1 });
    expect(told(driver, { memberId: 'n' })).toBe('NONE');
    expect([...driver.machine.groups.keys()]).toEqual([]);
  });

  test('what is pending stays pending for another coordinator', () => {
    const driver = withMember();
    told(driver, { memberId: 'm', generationId: 2 });
    driver.failOver();
    expect(driver.machine.offsets.hasPending('g', 't', 0)).toBe(true);
    driver.endTransaction(PRODUCER, true);
    expect(driver.committed()).toBe(1);
  });
});
