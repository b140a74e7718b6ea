import { expect, test } from '@jest/globals';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { findCoordinatorApi } from '../../protocol/generated/find-coordinator.js';
import { GroupApiFixture, versionsOf } from './testing/group-api-fixture.js';

const GROUP = 0;
const TRANSACTION = 1;
const SHARE = 2;
const NOBODY = { nodeId: -1, host: '', port: -1 };

/** A cluster whose second broker leads the second partition of the offsets topic, where every group is. */
function cluster(): GroupApiFixture {
  const fixture = new GroupApiFixture({ partitionFor: 1 });
  fixture.addBroker(1);
  fixture.addBroker(2);
  fixture.addTopic('__consumer_offsets', 'AAAAAAAAAAAAAAAAAAAAAQ', [1, 2]);
  return fixture;
}

/** Asks for one key, in the form of the version. */
async function find(fixture: GroupApiFixture, version: number, keyType = GROUP) {
  const input = version >= 4 ? { coordinatorKeys: ['g'], keyType } : { key: 'g', ...version >= 1 && { keyType } };
  const answer = await fixture.call(findCoordinatorApi, version, input);
  const { errorCode, nodeId, host, port, errorMessage } = version >= 4 ? answer.coordinators[0]! : answer;
  return { errorCode, nodeId, host, port, errorMessage };
}

test('the coordinator of a group is the leader of its partition, where the client can reach it', async () => {
  for (const version of versionsOf(findCoordinatorApi)) {
    const found = await find(cluster(), version);
    expect(found).toMatchObject({ errorCode: 0, nodeId: 2, host: 'broker-2', port: 9092 });
    if (version >= 1) expect(found.errorMessage).toBe(version >= 4 ? '' : 'NONE');
    const inside = cluster();
    inside.clientListener = 'INTERNAL';
    expect(await find(inside, version)).toMatchObject({ host: 'inside', port: 1 });
  }
});

test('from version 4 on many keys are answered at once, in their order', async () => {
  const { coordinators } = await cluster().call(findCoordinatorApi, 4, { coordinatorKeys: ['a', 'b'] });
  expect(coordinators.map(({ key, nodeId }) => [key, nodeId])).toEqual([['a', 2], ['b', 2]]);
});

test('the offsets topic is created when it is first needed', async () => {
  const fixture = new GroupApiFixture({ partitionFor: 0 });
  fixture.addBroker(1);
  const created: string[] = [];
  fixture.ensureInternalTopic = name => {
    created.push(name);
    fixture.addTopic(name, 'AAAAAAAAAAAAAAAAAAAAAQ', [1]);
    return Promise.resolve();
  };
  const { coordinators } = await fixture.call(findCoordinatorApi, 6, { coordinatorKeys: ['a', 'b'] });
  expect(coordinators.map(({ errorCode }) => errorCode)).toEqual([0, 0]);
  expect(created).toEqual(['__consumer_offsets']);
});

test('there is none (15) when the topic cannot be created, when its leader is gone, fenced, or not on this listener', async () => {
  const without = new GroupApiFixture({ partitionFor: 0 });
  without.ensureInternalTopic = () => Promise.reject(new KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR));
  const leaderless = new GroupApiFixture({ partitionFor: 0 });
  leaderless.addTopic('__consumer_offsets', 'AAAAAAAAAAAAAAAAAAAAAQ', [-1]);
  const fenced = cluster();
  fenced.addBroker(2, true);
  const unreachable = cluster();
  unreachable.clientListener = 'EXTERNAL';
  for (const fixture of [without, leaderless, fenced, unreachable]) {
    for (const version of [0, 3, 6]) expect(await find(fixture, version)).toMatchObject({ errorCode: 15, ...NOBODY });
  }
});

test('the coordinator of a transactional id is the leader of its partition of another topic, created when it is first needed', async () => {
  for (const version of versionsOf(findCoordinatorApi).slice(1)) {
    const fixture = cluster();
    fixture.ensureInternalTopic = name => Promise.resolve(fixture.addTopic(name, 'AAAAAAAAAAAAAAAAAAAAAg', [1, 2]));
    expect(await find(fixture, version, TRANSACTION)).toMatchObject({ errorCode: 0, nodeId: 1, host: 'broker-1', port: 9092 });
    expect(fixture.deps.image().topicsByName.has('__transaction_state')).toBe(true);
  }
});

test('there is none yet for share groups, which may be asked for from version 6 on', async () => {
  expect(await find(cluster(), 6, SHARE)).toMatchObject({ errorCode: ErrorCode.UNSUPPORTED_VERSION, ...NOBODY });
  expect(await find(cluster(), 5, SHARE)).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
  expect(await find(cluster(), 5, 3)).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
});

test('who may not describe a group (30) or a transactional id (53) is refused', async () => {
  const fixture = cluster();
  fixture.allowed = () => false;
  expect(await find(fixture, 6, GROUP)).toMatchObject({ errorCode: 30, ...NOBODY });
  expect(await find(fixture, 6, TRANSACTION)).toMatchObject({ errorCode: 53, ...NOBODY });
});
