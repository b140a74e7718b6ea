import { describe, expect, test } from '@jest/globals';
import type { ConsumerGroupHeartbeatRequest } from '../../coordinator/group/types.js';
import { errorName } from '../../protocol/errors.js';
import { consumerGroupDescribeApi } from '../../protocol/generated/consumer-group-describe.js';
import { consumerGroupHeartbeatApi } from '../../protocol/generated/consumer-group-heartbeat.js';
import { Operation, Resource } from '../context.js';
import { GroupApiFixture, versionsOf } from './testing/group-api-fixture.js';

const ID = 'P3dlWdGlTdqVT9K5r2KDHA';
const joining = { groupId: 'g', memberId: 'm', memberEpoch: 0, rebalanceTimeoutMs: 9, subscribedTopicNames: ['a', 'b'], topicPartitions: [] };
const joined = {
  errorCode: 0, errorMessage: null, memberId: 'm', memberEpoch: 1, heartbeatIntervalMs: 5, assignment: { topicPartitions: [{ topicId: ID, partitions: [1, 2] }] },
};

describe('ConsumerGroupHeartbeat', () => {
  test('is passed on with who sent it, and whether a member without an id may come', async () => {
    for (const version of versionsOf(consumerGroupHeartbeatApi)) {
      const fixture = new GroupApiFixture({ consumerGroupHeartbeat: joined });
      fixture.clientAddress = '::ffff:10.0.0.9';
      const answer = await fixture.call(consumerGroupHeartbeatApi, version, joining);
      expect(fixture.asked as ConsumerGroupHeartbeatRequest).toMatchObject({ ...joining, instanceId: null, rackId: null, clientId: 'client', clientHost: '/10.0.0.9' });
      expect(fixture.askedAll[1]).toBe(version === 0);
      expect(answer).toMatchObject({ ...joined, throttleTimeMs: 0 });
    }
  });

  test('takes READ on the group, and DESCRIBE on every topic that is named', async () => {
    const fixture = new GroupApiFixture({ consumerGroupHeartbeat: joined });
    const error = async () => errorName((await fixture.call(consumerGroupHeartbeatApi, 1, joining)).errorCode);
    fixture.allowed = (operation, resource, name) => !(resource === Resource.TOPIC && operation === Operation.DESCRIBE && name === 'b');
    expect(await error()).toBe('TOPIC_AUTHORIZATION_FAILED');
    fixture.allowed = (operation, resource) => !(resource === Resource.GROUP && operation === Operation.READ);
    expect(await error()).toBe('GROUP_AUTHORIZATION_FAILED');
    expect(fixture.askedAll).toEqual([]);
  });
});

describe('ConsumerGroupDescribe', () => {
  const assignment = { topicPartitions: [{ topicId: ID, topicName: 'a', partitions: [0] }] };
  const member = {
    memberId: 'm', instanceId: null, rackId: null, memberEpoch: 3, clientId: 'c', clientHost: '/h', subscribedTopicNames: ['a'], subscribedTopicRegex: '',
    assignment, targetAssignment: { topicPartitions: [] }, memberType: 1,
  };
  const group = {
    groupId: 'g', errorCode: 0, errorMessage: null, groupState: 'Stable', groupEpoch: 3, assignmentEpoch: 3, assignorName: 'uniform', members: [member],
  };

  test('tells of members, from version 1 on with their type, and of what may be done when asked', async () => {
    for (const version of versionsOf(consumerGroupDescribeApi)) {
      for (const includeAuthorizedOperations of [true, false]) {
        const fixture = new GroupApiFixture({ describeConsumerGroups: [group] });
        const { groups } = await fixture.call(consumerGroupDescribeApi, version, { groupIds: ['g'], includeAuthorizedOperations });
        expect(groups).toMatchObject([{ ...group, members: [{ ...member, memberType: version >= 1 ? 1 : -1 }] }]);
        expect(groups[0]!.authorizedOperations).toBe(includeAuthorizedOperations ? (1 << 3) | (1 << 6) | (1 << 8) | (1 << 10) | (1 << 11) : -2147483648);
      }
    }
  });

  test('refuses a group, or one with a topic, that the caller may not describe', async () => {
    const fixture = new GroupApiFixture({ describeConsumerGroups: [group] });
    fixture.allowed = (_, resource, name) => resource === Resource.TOPIC ? name !== 'a' : name !== 'secret';
    const { groups } = await fixture.call(consumerGroupDescribeApi, 1, { groupIds: ['secret', 'g'], includeAuthorizedOperations: true });
    expect(groups.map(({ groupId, errorCode, members }) => [groupId, errorName(errorCode), members])).toEqual([
      ['secret', 'GROUP_AUTHORIZATION_FAILED', []], ['g', 'TOPIC_AUTHORIZATION_FAILED', []],
    ]);
    expect(fixture.asked).toEqual(['g']);
  });
});

test('both answer UNSUPPORTED_VERSION while the protocol is switched off, by its feature or by the setting', async () => {
  const fixtures = [new GroupApiFixture(), new GroupApiFixture()] as const;
  fixtures[0].groupVersion = 0;
  fixtures[1].changedSettings = { 'group.coordinator.rebalance.protocols': 'classic' };
  for (const fixture of fixtures) {
    expect(errorName((await fixture.call(consumerGroupHeartbeatApi, 1, joining)).errorCode)).toBe('UNSUPPORTED_VERSION');
    const { groups } = await fixture.call(consumerGroupDescribeApi, 1, { groupIds: ['g'], includeAuthorizedOperations: false });
    expect(groups.map(({ errorCode }) => errorName(errorCode))).toEqual(['UNSUPPORTED_VERSION']);
  }
});
