import { describe, expect, test } from '@jest/globals';
import { errorName } from '../../../protocol/errors.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import { groupRecordCodec } from '../records.js';
import { ConsumerDriver } from '../testing/consumer-driver.js';
import type { CommitRequest, DeletedGroup, DescribedGroup, FetchOffsetsResult, ListedGroup } from '../types.js';

const DAY = 24 * 60 * 60_000;

function withMember(settings: ConstructorParameters<typeof ConsumerDriver>[0] = {}): { driver: ConsumerDriver; memberEpoch: number; t: string } {
  const driver = new ConsumerDriver(settings);
  const t = driver.cluster.set('t', 2);
  return { driver, memberEpoch: driver.enter('m').memberEpoch, t };
}

const leave = (driver: ConsumerDriver, memberId = 'm') => driver.beat({ memberId, memberEpoch: -1 });
const deleted = (driver: ConsumerDriver): string =>
  errorName(driver.run<DeletedGroup[]>((machine, to, at) => machine.deleteGroups(['g'], to, at)).answer[0]!.errorCode);
const listed = (driver: ConsumerDriver, statesFilter: string[] = [], typesFilter: string[] = []): readonly ListedGroup[] =>
  driver.run<ListedGroup[]>((machine, to, at) => machine.listGroups({ statesFilter, typesFilter }, to, at)).answer;
const described = (driver: ConsumerDriver, knowsGroupIdNotFound: boolean): DescribedGroup =>
  driver.run<DescribedGroup[]>((machine, to, at) => machine.describeGroups(['g'], knowsGroupIdNotFound, to, at)).answer[0]!;

describe('a consumer group', () => {
  test('is described with what its members hold and are to hold; what is given back is held till then', () => {
    const { driver, t } = withMember();
    driver.enter('n', { serverAssignor: 'range', rackId: 'r' });
    driver.beat({ memberId: 'm', memberEpoch: 2 });
    const both = { topicPartitions: [{ topicId: t, topicName: 't', partitions: [0, 1] }] };
    const one = (partition: number) => ({ topicPartitions: [{ topicId: t, topicName: 't', partitions: [partition] }] });
    expect(driver.describeConsumers()).toMatchObject({
      errorCode: 0, groupState: 'Reconciling', groupEpoch: 3, assignmentEpoch: 3, assignorName: 'range', members: [
        { memberId: 'm', memberEpoch: 2, assignment: both, targetAssignment: one(0), subscribedTopicNames: ['t'], subscribedTopicRegex: '', memberType: 1 },
        { memberId: 'n', memberEpoch: 3, assignment: { topicPartitions: [] }, targetAssignment: one(1), rackId: 'r' },
      ],
    });
    driver.cluster.remove('t');
    expect(driver.describeConsumers().members[0]!.assignment).toEqual({ topicPartitions: [] });
  });

  test('does not exist for whoever asks in the other protocol, and the other way round', () => {
    const { driver } = withMember();
    expect(described(driver, true)).toMatchObject({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND, groupState: 'Dead', errorMessage: 'Group g is not a classic group.' });
    expect(described(driver, false)).toMatchObject({ errorCode: 0, groupState: 'Dead' });
    driver.join({ groupId: 'classic' });
    expect(errorName(driver.describeConsumers('classic').errorCode)).toBe('GROUP_ID_NOT_FOUND');
    expect(driver.describeConsumers('none')).toMatchObject({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage: 'Group none not found.' });
  });

  test('is listed by its type and its states', () => {
    const { driver } = withMember();
    const own = (groupState: string) => [{ groupId: 'g', protocolType: 'consumer', groupState, groupType: 'consumer' }];
    expect([listed(driver), listed(driver, ['stable'], ['Consumer'])]).toEqual([own('Stable'), own('Stable')]);
    expect([listed(driver, ['Empty']), listed(driver, [], ['classic'])]).toEqual([[], []]);
    leave(driver);
    expect(listed(driver, ['Empty'])).toEqual(own('Empty'));
  });

  test('is deleted when nobody is in it, with all its records and offsets', () => {
    const { driver } = withMember();
    driver.commit({ generationId: 2, memberId: 'm' });
    expect(deleted(driver)).toBe('NON_EMPTY_GROUP');
    leave(driver);
    const before = driver.written.length;
    expect(deleted(driver)).toBe('NONE');
    expect(driver.written.slice(before).map(({ kind, value }) => [kind, value])).toEqual([
      ['offset', null], ['consumer target epoch', null], ['consumer topics', null], ['consumer group', null],
    ]);
    expect([driver.machine.consumerGroups.size, deleted(driver)]).toEqual([0, 'GROUP_ID_NOT_FOUND']);
    driver.failOver();
    expect(listed(driver)).toEqual([]);
  });

  test('is forgotten once its last offset has expired', () => {
    const { driver } = withMember({ offsetsRetentionMs: DAY, offsetsRetentionCheckIntervalMs: DAY / 2 });
    driver.commit({ generationId: 2, memberId: 'm' });
    driver.advance(1_000);
    leave(driver);
    driver.advance(DAY / 2);
    expect(driver.committed()).toBe(7);
    driver.advance(DAY);
    expect([driver.committed(), driver.machine.consumerGroups.size]).toEqual([undefined, 0]);
  });

  test('keeps offsets of topics that it subscribes to, and loses others after their time', () => {
    const { driver } = withMember({ offsetsRetentionMs: DAY, offsetsRetentionCheckIntervalMs: DAY / 2, consumer: { sessionTimeoutMs: () => 10 * DAY } });
    driver.cluster.set('u', 1);
    driver.commit({ generationId: 2, memberId: 'm' });
    driver.commit({ generationId: 2, memberId: 'm', topic: 'u' });
    driver.advance(2 * DAY);
    expect([driver.committed('t'), driver.committed('u')]).toEqual([7, undefined]);
  });

  test('rids itself of the record that Kafka 4.0 kept of its topics', () => {
    const { driver } = withMember();
    driver.log.push(groupRecordCodec.encode({ kind: 'consumer topics', groupId: 'g', value: { topics: [] } }));
    driver.failOver();
    expect(driver.consumerGroup().hasTopicsRecord).toBe(true);
    driver.enter('n');
    expect(driver.written.filter(({ kind, value }) => kind === 'consumer topics' && value === null)).toHaveLength(1);
  });
});

describe('offsets of a consumer group', () => {
  const commit = (driver: ConsumerDriver, topicId: string, request: Partial<CommitRequest>, partition = 0): string => driver.commit({
    topics: [{ topicId, name: 't', partitions: [{ partitionIndex: partition, committedOffset: 7, committedLeaderEpoch: -1, committedMetadata: '', commitTimestamp: -1 }] }],
    ...request,
  });

  test('are committed in the member\'s epoch, or an older one for what it has had since then', () => {
    const { driver, t } = withMember();
    const member = { memberId: 'm', generationId: 2 };
    expect(commit(driver, t, member)).toBe('NONE');
    expect(commit(driver, t, { ...member, generationId: 3 })).toBe('STALE_MEMBER_EPOCH');
    driver.cluster.set('u', 1);
    driver.beat({ memberId: 'm', memberEpoch: 2, subscribedTopicNames: ['t', 'u'] });
    expect(driver.consumerGroup().members.get('m')!.memberEpoch).toBe(3);
    expect(commit(driver, t, member)).toBe('NONE');
    expect(commit(driver, t, { ...member, generationId: 1 })).toBe('STALE_MEMBER_EPOCH');
    expect(commit(driver, t, member, 9)).toBe('STALE_MEMBER_EPOCH');
    // Looked at first is how much is said beside the offset.
    expect(driver.commit({ ...member, partition: 9, metadata: 'x'.repeat(5_000) })).toBe('OFFSET_METADATA_TOO_LARGE');
  });

  test('are not committed by strangers while somebody is in it, nor in versions that know no epochs', () => {
    const { driver, t } = withMember();
    expect(commit(driver, t, { memberId: 'n', generationId: 2 })).toBe('UNKNOWN_MEMBER_ID');
    expect(commit(driver, t, {})).toBe('UNKNOWN_MEMBER_ID');
    expect(commit(driver, t, { memberId: 'm', generationId: 2, knowsGroupIdNotFound: false })).toBe('UNSUPPORTED_VERSION');
    leave(driver);
    expect(commit(driver, t, {})).toBe('NONE');
    expect([...driver.machine.groups.keys()]).toEqual([]);
  });

  test('are fetched in the member\'s epoch, or by nobody in particular', () => {
    const { driver } = withMember();
    const fetched = (memberId: string | null, memberEpoch: number): string => errorName(driver.run<FetchOffsetsResult>((machine, to, at) =>
      machine.fetchOffsets({ groupId: 'g', memberId, memberEpoch, topics: null, requireStable: false }, to, at)).answer.errorCode);
    expect([fetched('m', 2), fetched(null, -1)]).toEqual(['NONE', 'NONE']);
    expect([fetched('m', 1), fetched('m', 3), fetched('n', 2), fetched('', -1)])
      .toEqual(['STALE_MEMBER_EPOCH', 'STALE_MEMBER_EPOCH', 'UNKNOWN_MEMBER_ID', 'UNKNOWN_MEMBER_ID']);
  });
});

describe('an empty group', () => {
  test('of the classic protocol makes place for a member of the consumer protocol, and its offsets stay', () => {
    const driver = new ConsumerDriver();
    driver.cluster.set('t', 1);
    driver.commit();
    expect(driver.error({ memberId: 'm', memberEpoch: 1 })).toBe('GROUP_ID_NOT_FOUND');
    expect(driver.enter('m').errorCode).toBe(0);
    expect([driver.machine.groups.size, driver.consumerGroup().members.size, driver.committed()]).toEqual([0, 1, 7]);
    driver.failOver();
    expect([driver.machine.groups.size, driver.consumerGroup().members.size, driver.committed()]).toEqual([0, 1, 7]);
  });

  test('of the classic protocol stays what it is when that cannot be written, with who was on the way to it', () => {
    const driver = new ConsumerDriver();
    driver.cluster.set('t', 1);
    driver.join({ needsKnownMemberId: true });
    driver.refuseWith = ErrorCode.COORDINATOR_NOT_AVAILABLE;
    expect(errorName(driver.enter('m').errorCode)).toBe('COORDINATOR_NOT_AVAILABLE');
    expect([driver.group().pendingJoins.size, driver.machine.consumerGroups.size]).toEqual([1, 0]);
    driver.advance(5 * 60_000);
    expect(driver.group().pendingJoins.size).toBe(0);
  });

  test('of the consumer protocol makes place for a member of the classic one', () => {
    const { driver } = withMember();
    leave(driver);
    expect(errorName(driver.join({ memberId: 'made up' }).answer.errorCode)).toBe('UNKNOWN_MEMBER_ID');
    expect(driver.machine.consumerGroups.size).toBe(1);
    expect(errorName(driver.join().answer.errorCode)).toBe('NONE');
    expect([driver.machine.groups.size, driver.machine.consumerGroups.size]).toEqual([1, 0]);
    driver.failOver();
    expect([driver.machine.groups.size, driver.machine.consumerGroups.size]).toEqual([1, 0]);
  });
});
