import { describe, expect, test } from '@jest/globals';
import type { JoinRequest, LeaveRequest, SyncRequest } from '../../coordinator/group/types.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { deleteGroupsApi } from '../../protocol/generated/delete-groups.js';
import { describeGroupsApi } from '../../protocol/generated/describe-groups.js';
import { heartbeatApi } from '../../protocol/generated/heartbeat.js';
import { joinGroupApi } from '../../protocol/generated/join-group.js';
import { leaveGroupApi } from '../../protocol/generated/leave-group.js';
import { listGroupsApi } from '../../protocol/generated/list-groups.js';
import { syncGroupApi } from '../../protocol/generated/sync-group.js';
import { groupApis } from './groups.js';
import { GroupApiFixture, versionsOf } from './testing/group-api-fixture.js';

const bytes = (text: string): Buffer => Buffer.from(text);

test('every API of groups is served once, in all versions of the specification', () => {
  const served = groupApis(new GroupApiFixture().deps).map(({ api, minVersion, maxVersion }) => `${api.name} ${minVersion}-${maxVersion}`);
  expect(served.sort()).toEqual([
    'ConsumerGroupDescribe 0-1', 'ConsumerGroupHeartbeat 0-1', 'DeleteGroups 0-2', 'DescribeGroups 0-6', 'FindCoordinator 0-6', 'Heartbeat 0-4', 'JoinGroup 0-9', 'LeaveGroup 0-5',
    'ListGroups 0-5', 'OffsetCommit 0-10', 'OffsetDelete 0-0', 'OffsetFetch 0-10', 'SyncGroup 0-5',
  ]);
});

describe('JoinGroup', () => {
  const request = {
    groupId: 'g', sessionTimeoutMs: 7, rebalanceTimeoutMs: 9, memberId: 'm', protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: bytes('meta') }],
  };
  const result = {
    errorCode: 0, generationId: 3, protocolType: 'consumer', protocolName: 'range', leader: 'm', skipAssignment: true, memberId: 'm',
    members: [{ memberId: 'm', groupInstanceId: 'i', metadata: bytes('meta') }],
  };

  test('is folded into one request, whatever its version', async () => {
    for (const version of versionsOf(joinGroupApi)) {
      const fixture = new GroupApiFixture({ joinGroup: result });
      const answer = await fixture.call(joinGroupApi, version, { ...request, groupInstanceId: version >= 5 ? 'i' : null });
      expect(fixture.asked as JoinRequest).toMatchObject({
        groupId: 'g', memberId: 'm', groupInstanceId: version >= 5 ? 'i' : null, clientId: 'client', clientHost: '/10.0.0.9',
        sessionTimeoutMs: 7, rebalanceTimeoutMs: version >= 1 ? 9 : 7, protocolType: 'consumer',
        needsKnownMemberId: version >= 4, maySkipAssignment: version >= 9,
      });
      expect(answer).toMatchObject({ errorCode: 0, generationId: 3, protocolName: 'range', leader: 'm', memberId: 'm' });
      expect(answer.members).toMatchObject([{ memberId: 'm', groupInstanceId: version >= 5 ? 'i' : null, metadata: bytes('meta') }]);
      expect([answer.protocolType, answer.skipAssignment]).toEqual([version >= 7 ? 'consumer' : null, version >= 9]);
    }
  });

  test('a rebalance timeout that is none is the session timeout', async () => {
    const fixture = new GroupApiFixture({ joinGroup: result });
    await fixture.call(joinGroupApi, 9, { ...request, rebalanceTimeoutMs: 0 });
    expect(fixture.asked).toMatchObject({ rebalanceTimeoutMs: 7 });
  });

  test('no protocol is empty before version 7 and null from it on', async () => {
    const failed = { ...result, errorCode: ErrorCode.UNKNOWN_MEMBER_ID, protocolName: null, protocolType: null, members: [], skipAssignment: false };
    for (const version of versionsOf(joinGroupApi)) {
      const answer = await new GroupApiFixture({ joinGroup: failed }).call(joinGroupApi, version, request);
      expect(answer.protocolName).toBe(version >= 7 ? null : '');
    }
  });

  test('an IPv4 client of an IPv6 socket is an IPv4 client', async () => {
    const fixture = new GroupApiFixture({ joinGroup: result });
    fixture.clientAddress = '::ffff:10.1.2.3';
    await fixture.call(joinGroupApi, 9, request);
    expect(fixture.asked).toMatchObject({ clientHost: '/10.1.2.3' });
  });
});

describe('SyncGroup', () => {
  const request = { groupId: 'g', generationId: 3, memberId: 'm', assignments: [{ memberId: 'm', assignment: bytes('part') }] };
  const result = { errorCode: 0, protocolType: 'consumer', protocolName: 'range', assignment: bytes('part') };

  test('is folded into one request; protocols are compared from version 5 on', async () => {
    for (const version of versionsOf(syncGroupApi)) {
      const fixture = new GroupApiFixture({ syncGroup: result });
      const protocol = version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {};
      const answer = await fixture.call(syncGroupApi, version, { ...request, ...protocol });
      expect(fixture.asked as SyncRequest).toMatchObject({ ...request, protocolType: null, protocolName: null, ...protocol });
      expect(Buffer.from(answer.assignment).toString()).toBe('part');
      expect(answer.protocolName).toBe(version >= 5 ? 'range' : null);
    }
  });

  test('from version 5 on they must be named (23)', async () => {
    const fixture = new GroupApiFixture({ syncGroup: result });
    const answer = await fixture.call(syncGroupApi, 5, { ...request, protocolType: 'consumer', protocolName: null });
    expect(answer.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(fixture.asked).toBeUndefined();
  });
});

test('Heartbeat carries its error in every version', async () => {
  for (const version of versionsOf(heartbeatApi)) {
    const fixture = new GroupApiFixture({ heartbeat: { errorCode: 27 } });
    const answer = await fixture.call(heartbeatApi, version, { groupId: 'g', generationId: 3, memberId: 'm' });
    expect(answer.errorCode).toBe(27);
    expect(fixture.asked).toMatchObject({ groupId: 'g', generationId: 3, memberId: 'm', groupInstanceId: null });
  }
});

describe('LeaveGroup', () => {
  const left = (errorCode: number) => ({ errorCode: 0, members: [{ memberId: 'm', groupInstanceId: null, errorCode }] });

  test('before version 3 one member leaves, and its error is the answer', async () => {
    for (const version of [0, 1, 2]) {
      const fixture = new GroupApiFixture({ leaveGroup: left(25) });
      expect((await fixture.call(leaveGroupApi, version, { groupId: 'g', memberId: 'm' })).errorCode).toBe(25);
      expect(fixture.asked as LeaveRequest).toEqual({ groupId: 'g', members: [{ memberId: 'm', groupInstanceId: null }] });
      const failed = new GroupApiFixture({ leaveGroup: { errorCode: 16, members: [] } });
      expect((await failed.call(leaveGroupApi, version, { groupId: 'g', memberId: 'm' })).errorCode).toBe(16);
    }
  });

  test('from version 3 on each has its own', async () => {
    for (const version of [3, 4, 5]) {
      const fixture = new GroupApiFixture({ leaveGroup: left(25) });
      const members = [{ memberId: '', groupInstanceId: 'i', reason: version >= 5 ? 'because' : null }];
      const answer = await fixture.call(leaveGroupApi, version, { groupId: 'g', members });
      expect(answer).toMatchObject(left(25));
      expect(fixture.asked as LeaveRequest).toMatchObject({ members: [{ memberId: '', groupInstanceId: 'i' }] });
    }
  });
});

describe('administration of groups', () => {
  test('DescribeGroups tells what may be done, when asked, and calls a missing group an error from version 6 on', async () => {
    const group = { groupId: 'g', errorCode: 0, errorMessage: null, groupState: 'Empty', protocolType: '', protocolData: '', members: [] };
    for (const version of versionsOf(describeGroupsApi)) {
      const fixture = new GroupApiFixture({ describeGroups: [group] });
      const includeAuthorizedOperations = version >= 3;
      const { groups } = await fixture.call(describeGroupsApi, version, { groups: ['g'], includeAuthorizedOperations });
      expect(groups).toMatchObject([{ groupId: 'g', groupState: 'Empty' }]);
      // READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS.
      expect(groups[0]!.authorizedOperations).toBe(version >= 3 ? 0b110101001000 : -2147483648);
      expect(fixture.askedAll).toEqual([['g'], version >= 6]);
      const quiet = await new GroupApiFixture({ describeGroups: [group] }).call(describeGroupsApi, version, { groups: ['g'] });
      expect(quiet.groups[0]!.authorizedOperations).toBe(-2147483648);
    }
  });

  test('ListGroups passes its filters on', async () => {
    const groups = [{ groupId: 'g', protocolType: 'consumer', groupState: 'Stable', groupType: 'classic' }];
    for (const version of versionsOf(listGroupsApi)) {
      const fixture = new GroupApiFixture({ listGroups: { errorCode: 0, groups } });
      const filters = { statesFilter: version >= 4 ? ['Stable'] : [], typesFilter: version >= 5 ? ['classic'] : [] };
      const answer = await fixture.call(listGroupsApi, version, filters);
      expect(fixture.asked).toMatchObject(filters);
      expect(answer.groups[0]).toMatchObject({ groupId: 'g', groupState: version >= 4 ? 'Stable' : '', groupType: version >= 5 ? 'classic' : '' });
    }
  });

  test('DeleteGroups deletes each group once', async () => {
    for (const version of versionsOf(deleteGroupsApi)) {
      const fixture = new GroupApiFixture({ deleteGroups: [{ groupId: 'g', errorCode: 68 }] });
      const { results } = await fixture.call(deleteGroupsApi, version, { groupsNames: ['g', 'g'] });
      expect(results).toMatchObject([{ groupId: 'g', errorCode: 68 }]);
      expect(fixture.asked).toEqual(['g']);
    }
  });
});

describe('who is not allowed', () => {
  test('is refused before the coordinator is asked (30)', async () => {
    const fixture = new GroupApiFixture({ describeGroups: [], deleteGroups: [], listGroups: { errorCode: 0, groups: [
      { groupId: 'g', protocolType: '', groupState: 'Empty', groupType: 'classic' },
    ] } });
    fixture.allowed = () => false;
    const member = { groupId: 'g', memberId: 'm', generationId: 1 };
    expect((await fixture.call(heartbeatApi, 4, member)).errorCode).toBe(30);
    expect((await fixture.call(leaveGroupApi, 5, { groupId: 'g', members: [] })).errorCode).toBe(30);
    expect((await fixture.call(syncGroupApi, 4, { ...member, assignments: [] })).errorCode).toBe(30);
    const join = { groupId: 'g', memberId: '', sessionTimeoutMs: 1, protocolType: 'consumer', protocols: [] };
    expect((await fixture.call(joinGroupApi, 9, join)).errorCode).toBe(30);
    expect(fixture.asked).toBeUndefined();
    expect((await fixture.call(describeGroupsApi, 6, { groups: ['g'] })).groups).toMatchObject([{ groupId: 'g', errorCode: 30 }]);
    expect((await fixture.call(deleteGroupsApi, 2, { groupsNames: ['g'] })).results).toMatchObject([{ groupId: 'g', errorCode: 30 }]);
    expect((await fixture.call(listGroupsApi, 5, {})).groups).toEqual([]);
  });
});
