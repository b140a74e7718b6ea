import { describe, expect, test } from '@jest/globals';
import { GroupDriver, name, subscription } from './testing/group-driver.js';
import type { DeletedGroup, DescribedGroup, ListedGroup } from './types.js';

function described(driver: GroupDriver, groupId = 'g', knowsGroupIdNotFound = true): DescribedGroup {
  return driver.run<DescribedGroup[]>((machine, to, at) => machine.describeGroups([groupId], knowsGroupIdNotFound, to, at)).answer[0]!;
}

function listed(driver: GroupDriver, statesFilter: string[] = [], typesFilter: string[] = []): ListedGroup[] {
  return driver.run<ListedGroup[]>((machine, to, at) => machine.listGroups({ statesFilter, typesFilter }, to, at)).answer;
}

function deleted(driver: GroupDriver, ...groupIds: string[]): string[] {
  return driver.run<DeletedGroup[]>((machine, to, at) => machine.deleteGroups(groupIds, to, at)).answer.map(name);
}

describe('describing groups', () => {
  test('a stable group tells its protocol and what each member subscribes to and works on', () => {
    const driver = new GroupDriver();
    const [member] = driver.stableGroup(1, { groupInstanceId: 'i', clientId: 'app' });
    const { memberId } = member!;
    expect(described(driver)).toEqual({
      groupId: 'g', errorCode: 0, errorMessage: null, groupState: 'Stable', protocolType: 'consumer', protocolData: 'range',
      members: [{
        memberId, groupInstanceId: 'i', clientId: 'app', clientHost: '/127.0.0.1', memberMetadata: subscription(['t']),
        memberAssignment: Uint8Array.from(Buffer.from(`for ${memberId}`)),
      }],
    });
  });

  test('during a rebalance neither is told', () => {
    const driver = new GroupDriver();
    driver.stableGroup(1);
    driver.join();
    const group = described(driver);
    expect(group).toMatchObject({ groupState: 'PreparingRebalance', protocolData: '' });
    expect(group.members.map(({ memberMetadata }) => memberMetadata.length)).toEqual([0, 0]);
  });

  test('a group that does not exist is dead, and from v6 on an error (69)', () => {
    const driver = new GroupDriver();
    expect(described(driver, 'x', false)).toMatchObject({ errorCode: 0, errorMessage: null, groupState: 'Dead', members: [] });
    expect(described(driver, 'x', true)).toMatchObject({ errorCode: 69, errorMessage: 'Group x not found.', groupState: 'Dead' });
  });
});

describe('listing groups', () => {
  test('by state and type, in any case', () => {
    const driver = new GroupDriver();
    driver.stableGroup(1);
    driver.commit({ groupId: 'simple' });
    const all = [
      { groupId: 'g', protocolType: 'consumer', groupState: 'Stable', groupType: 'classic' },
      { groupId: 'simple', protocolType: '', groupState: 'Empty', groupType: 'classic' },
    ];
    expect(listed(driver)).toEqual(all);
    expect(listed(driver, ['sTaBLe'])).toEqual(all.slice(0, 1));
    expect(listed(driver, ['Empty', 'Dead'], ['Classic'])).toEqual(all.slice(1));
    expect(listed(driver, [], ['consumer'])).toEqual([]);
    expect(listed(driver, ['Unheard of'])).toEqual([]);
  });

  test('blanks around a state mean nothing; around a type they make it another', () => {
    const driver = new GroupDriver();
    driver.stableGroup(1);
    expect(listed(driver, [' Stable '])).toHaveLength(1);
    expect(listed(driver, [], [' classic '])).toEqual([]);
    expect(listed(driver, [], ['unknown'])).toEqual([]);
  });
});

describe('deleting groups', () => {
  test('an empty group goes with its offsets; one with members (68) and one that is not there (69) are refused', () => {
    const driver = new GroupDriver();
    driver.stableGroup(1);
    driver.commit({ groupId: 'old', partition: 0 });
    driver.commit({ groupId: 'old', partition: 1 });
    expect(deleted(driver, 'g', 'old', 'missing')).toEqual(['NON_EMPTY_GROUP', 'NONE', 'GROUP_ID_NOT_FOUND']);
    expect(driver.written.slice(-3)).toEqual([
      { kind: 'offset', groupId: 'old', topic: 't', partition: 0, value: null },
      { kind: 'offset', groupId: 'old', topic: 't', partition: 1, value: null },
      { kind: 'group', groupId: 'old', value: null },
    ]);
    driver.failOver();
    expect([...driver.machine.groups.keys()]).toEqual(['g']);
  });

  test('what an open transaction has committed for it goes too', () => {
    const driver = new GroupDriver();
    driver.commit({ partition: 0 });
    driver.commitInTransaction(500, 9, { partition: 0 });
    driver.commitInTransaction(500, 9, { partition: 1 });
    expect(deleted(driver, 'g')).toEqual(['NONE']);
    expect(driver.written.slice(-3).map(record => [record.kind, 'partition' in record ? record.partition : null, record.value]))
      .toEqual([['offset', 0, null], ['offset', 1, null], ['group', null, null]]);
    driver.endTransaction(500, true);
    expect([driver.committed('t', 0), driver.committed('t', 1)]).toEqual([undefined, undefined]);
  });

  test('nothing is gone when it cannot be written', () => {
    const driver = new GroupDriver();
    driver.commit();
    driver.refuseWith = 16;
    expect(deleted(driver, 'g')).toEqual(['NOT_COORDINATOR']);
    expect(driver.committed()).toBe(7);
  });
});
