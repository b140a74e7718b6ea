// TxnOffsetCommit from the wire to the log, over a group coordinator that is real and a transaction coordinator that says what the test wants.

import { beforeEach, describe, expect, test } from '@jest/globals';
import { coordinatorRuntimeError } from '../../../coordinator/errors.js';
import { GroupMachine } from '../../../coordinator/group/group-machine.js';
import { groupRecordCodec } from '../../../coordinator/group/records.js';
import { GroupService } from '../../../coordinator/group/service.js';
import { DEFAULT_GROUP_SETTINGS } from '../../../coordinator/group/settings.js';
import { TestCluster } from '../../../coordinator/group/testing/test-cluster.js';
import { NodeRandom, silentLogger } from '../../../env/node/index.js';
import { ReadBudget } from '../../../log/index.js';
import { errorName } from '../../../protocol/errors.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { txnOffsetCommitApi } from '../../../protocol/generated/txn-offset-commit.js';
import { PartitionReplicatedLog } from '../../../replication/index.js';
import { RuntimeSet } from '../../../runtime/runtime-set.js';
import { Operation, Resource } from '../../context.js';
import { callApi, versionsOf } from '../testing/call-api.js';
import { LedPartitions, settingsWith } from '../testing/led-partitions.js';
import { txnOffsetCommitApis, type TxnOffsetCommitDeps } from './txn-offset-commit.js';

const [WITH_MEMBERS, ABORTABLE, ADDING] = [3, 4, 5];
const OFFSETS = '__consumer_offsets';

let led: LedPartitions;
let deps: TxnOffsetCommitDeps;
let machine: () => GroupMachine;
let runtimes: RuntimeSet<GroupMachine, ReturnType<typeof groupRecordCodec.decode> & object>;

beforeEach(async () => {
  led = new LedPartitions();
  led.addTopic(OFFSETS, 'AAAAAAAAAAAAAAAAAAAAAg');
  led.addTopic('t', 'AAAAAAAAAAAAAAAAAAAAAQ', 2);
  const cluster = new TestCluster();
  runtimes = new RuntimeSet({
    name: 'group coordinator', topic: OFFSETS, clock: led.clock, random: new NodeRandom(), logger: silentLogger, codec: groupRecordCodec,
    open: index => new PartitionReplicatedLog(led.partition(OFFSETS, index), { clock: led.clock, readBytes: 1024, budget: new ReadBudget() }),
    create: () => new GroupMachine(DEFAULT_GROUP_SETTINGS, () => cluster), errorFor: coordinatorRuntimeError,
  });
  await runtimes.elected(0, 0);
  machine = () => runtimes.get(0)!.machine!;
  const groups = new GroupService({ runtimes, settings: DEFAULT_GROUP_SETTINGS, partitionCount: () => 1 });
  deps = { ...led.services, groups };
});

interface Sent {
  readonly groupId?: string;
  readonly producerId?: number;
  readonly epoch?: number;
  readonly topics?: Readonly<Record<string, readonly number[]>>;
}

/** The errors by partition, `t-0: NONE`. */
async function commit({ groupId = 'g', producerId = 9, epoch = 0, topics = { t: [0] } }: Sent = {}, version = ADDING): Promise<string[]> {
  const { topics: answered } = await callApi(txnOffsetCommitApis(deps), txnOffsetCommitApi, version, {
    transactionalId: 'tx', groupId, producerId, producerEpoch: epoch,
    topics: Object.entries(topics).map(([name, indexes]) => ({
      name, partitions: indexes.map(partitionIndex => ({ partitionIndex, committedOffset: 5, committedMetadata: null })),
    })),
  });
  return answered.flatMap(({ name, partitions }) => partitions.map(({ partitionIndex, errorCode }) => `${name}-${partitionIndex}: ${errorName(errorCode)}`));
}

const end = (committed: boolean, producerEpoch = 0): Promise<void> =>
  runtimes.endTransaction(0, { producerId: 9, producerEpoch, coordinatorEpoch: 0, committed, transactionVersion: 0 });
const committedOf = (index: number): unknown => machine().offsets.committed.get('g', 't', index)?.offset;

describe('offsets', () => {
  test('are taken in every version once the coordinator was asked, and count with the marker', async () => {
    for (const version of versionsOf(txnOffsetCommitApi)) {
      expect(await commit({ topics: { t: [0, 1] } }, version)).toEqual(['t-0: NONE', 't-1: NONE']);
      expect(led.asked.at(-1)).toEqual({ question: version >= ADDING ? 'add' : 'verify', producerEpoch: 0, partitions: [`${OFFSETS}-0`] });
      expect([machine().offsets.hasPending('g', 't', 0), led.partition(OFFSETS).log.lastStableOffset < led.partition(OFFSETS).log.logEndOffset]).toEqual([true, true]);
      await end(true);
      expect([committedOf(0), committedOf(1), machine().offsets.hasPending('g', 't', 0)]).toEqual([5, 5, false]);
    }
    expect(led.asked).toHaveLength(6);
  });

  test('after the first of a transaction need not be asked for', async () => {
    await commit();
    expect(await commit({ groupId: 'h', topics: { t: [1] } })).toEqual(['t-1: NONE']);
    expect(led.asked).toHaveLength(1);
    await end(false);
    expect(committedOf(0)).toBeUndefined();
    await commit();
    expect(led.asked).toHaveLength(2);
  });

  test('are refused when a marker came while the coordinator was asked', async () => {
    led.meanwhile = () => { void end(false); };
    expect(await commit({}, ABORTABLE)).toEqual(['t-0: INVALID_TXN_STATE']);
    led.meanwhile = () => { void end(false, 1); };
    expect(await commit({}, ABORTABLE)).toEqual(['t-0: INVALID_PRODUCER_EPOCH']);
    expect(machine().offsets.hasAnyPending('g')).toBe(false);
  });

  test('of an epoch that has passed are refused, and nobody is asked', async () => {
    await commit({ epoch: 1 });
    for (const version of [0, WITH_MEMBERS, ADDING]) expect(await commit({ epoch: 0 }, version)).toEqual(['t-0: INVALID_PRODUCER_EPOCH']);
    expect(led.asked).toHaveLength(1);
  });

  test('go unasked from older clients where verification is switched off', async () => {
    led.settings = settingsWith({ 'transaction.partition.verification.enable': 'false' });
    expect(await commit({}, ABORTABLE)).toEqual(['t-0: NONE']);
    expect(led.asked).toEqual([]);
  });
});

describe('what the coordinator says', () => {
  const told = async (errorCode: number): Promise<string[]> => {
    led.errorCodes = [errorCode];
    const answers: string[] = [];
    for (const version of [1, 2, WITH_MEMBERS, ABORTABLE, ADDING]) answers.push((await commit({}, version))[0]!.replace('t-0: ', ''));
    expect(machine().offsets.hasAnyPending('g')).toBe(false);
    return answers;
  };
  const same = (answer: string): string[] => Array.from({ length: 5 }, () => answer);

  test.each([
    ['PRODUCER_FENCED', same('INVALID_PRODUCER_EPOCH')],
    ['INVALID_PRODUCER_ID_MAPPING', same('INVALID_PRODUCER_ID_MAPPING')],
    ['INVALID_TXN_STATE', same('INVALID_TXN_STATE')],
    ['TRANSACTION_ABORTABLE', ['INVALID_TXN_STATE', 'INVALID_TXN_STATE', 'INVALID_TXN_STATE', 'TRANSACTION_ABORTABLE', 'TRANSACTION_ABORTABLE']],
    ['CONCURRENT_TRANSACTIONS', same('CONCURRENT_TRANSACTIONS')],
    ['NOT_COORDINATOR', same('NOT_COORDINATOR')],
    ['COORDINATOR_NOT_AVAILABLE', same('COORDINATOR_NOT_AVAILABLE')],
    ['NETWORK_EXCEPTION', ['COORDINATOR_NOT_AVAILABLE', ...same('COORDINATOR_LOAD_IN_PROGRESS').slice(1)]],
    ['COORDINATOR_LOAD_IN_PROGRESS', ['COORDINATOR_NOT_AVAILABLE', ...same('COORDINATOR_LOAD_IN_PROGRESS').slice(1)]],
  ] as const)('%s is told as the versions 1 to 5 know it', async (name, expected) => {
    expect(await told(ErrorCode[name])).toEqual(expected);
  });
});

describe('a request', () => {
  test('names what is there and what is not; of nothing that is there nobody is asked', async () => {
    expect(await commit({ topics: { missing: [0], t: [7, 1] } })).toEqual(['missing-0: UNKNOWN_TOPIC_OR_PARTITION', 't-7: UNKNOWN_TOPIC_OR_PARTITION', 't-1: NONE']);
    expect(await commit({ epoch: 9, topics: { missing: [0] } })).toEqual(['missing-0: UNKNOWN_TOPIC_OR_PARTITION']);
    expect(await commit({ topics: {} })).toEqual([]);
    expect(led.asked).toHaveLength(1);
  });

  test('needs to be allowed to write as the transactional id, to read as the group, and to read the topics', async () => {
    const without = (resource: number, operation: number): void => {
      led.allowed = (asked, of) => of !== resource || asked !== operation;
    };
    without(Resource.TRANSACTIONAL_ID, Operation.WRITE);
    expect(await commit({ topics: { t: [0], missing: [3] } })).toEqual(['t-0: TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'missing-3: TRANSACTIONAL_ID_AUTHORIZATION_FAILED']);
    without(Resource.GROUP, Operation.READ);
    expect(await commit()).toEqual(['t-0: GROUP_AUTHORIZATION_FAILED']);
    without(Resource.TOPIC, Operation.READ);
    expect(await commit()).toEqual(['t-0: TOPIC_AUTHORIZATION_FAILED']);
    expect(led.asked).toEqual([]);
  });

  test('of no group is refused (24), though offsets may be committed under it outside of transactions', async () => {
    expect(await commit({ groupId: '' })).toEqual(['t-0: INVALID_GROUP_ID']);
    expect(led.asked).toEqual([]);
  });

  test('that comes to a broker which does not coordinate the group is sent on', async () => {
    led.partition(OFFSETS).resign();
    expect(await commit()).toEqual(['t-0: NOT_COORDINATOR']);
    deps = { ...deps, image: () => ({ ...led.services.image(), topicsByName: new Map([...led.services.image().topicsByName].filter(([name]) => name === 't')) }) };
    expect(await commit()).toEqual(['t-0: COORDINATOR_NOT_AVAILABLE']);
  });
});
