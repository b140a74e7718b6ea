import { describe, expect, test } from '@jest/globals';
import type { CommitRequest, FetchOffsetsRequest } from '../../coordinator/group/types.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { offsetCommitApi } from '../../protocol/generated/offset-commit.js';
import { offsetDeleteApi } from '../../protocol/generated/offset-delete.js';
import { offsetFetchApi } from '../../protocol/generated/offset-fetch.js';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import { Resource } from '../context.js';
import { GroupApiFixture, versionsOf } from './testing/group-api-fixture.js';

const ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
const OTHER_ID = 'AAAAAAAAAAAAAAAAAAAAAg';
const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAAAw';

type Answers = ConstructorParameters<typeof GroupApiFixture>[0];

function fixtureWithTopics(answers: Answers): GroupApiFixture {
  const fixture = new GroupApiFixture(answers);
  fixture.addTopic('t', ID, [1, 1]);
  fixture.addTopic('u', OTHER_ID);
  return fixture;
}

/** A topic as a version names it. */
const named = (version: number, name: string, topicId: string) => version >= 10 ? { topicId } : { name };

describe('OffsetCommit', () => {
  const partition = (partitionIndex: number) => ({ partitionIndex, committedOffset: 5, committedMetadata: 'm' });
  const committed = (...indexes: number[]) =>
    ({ topics: [{ topicId: ID, name: 't', partitions: indexes.map(partitionIndex => ({ partitionIndex, errorCode: 0 })) }] });

  test('is folded into one request in which topics have both name and id', async () => {
    for (const version of versionsOf(offsetCommitApi)) {
      const fixture = fixtureWithTopics({ commitOffsets: committed(0) });
      const answer = await fixture.call(offsetCommitApi, version, {
        groupId: 'g', topics: [{ ...named(version, 't', ID), partitions: [{ ...partition(0), committedLeaderEpoch: version >= 6 ? 4 : -1 }] }],
        ...version >= 1 && { generationIdOrMemberEpoch: 3, memberId: 'm' },
        ...version >= 7 && { groupInstanceId: 'i' },
        ...version >= 2 && version <= 4 && { retentionTimeMs: 60 },
      });
      expect(fixture.asked as CommitRequest).toMatchObject({
        groupId: 'g', generationId: version >= 1 ? 3 : -1, memberId: version >= 1 ? 'm' : '', groupInstanceId: version >= 7 ? 'i' : null,
        retentionTimeMs: version >= 2 && version <= 4 ? 60 : -1, knowsGroupIdNotFound: version >= 9,
        topics: [{ name: 't', topicId: ID, partitions: [{ ...partition(0), committedLeaderEpoch: version >= 6 ? 4 : -1, commitTimestamp: -1 }] }],
      });
      expect(answer.topics).toMatchObject([{ ...named(version, 't', ID), partitions: [{ partitionIndex: 0, errorCode: 0 }] }]);
    }
  });

  test('what does not exist is refused (3, by id 100) and the rest is committed', async () => {
    for (const version of [9, 10]) {
      const fixture = fixtureWithTopics({ commitOffsets: committed(1) });
      const { topics } = await fixture.call(offsetCommitApi, version, { groupId: 'g', topics: [
        { ...named(version, 'missing', UNKNOWN_ID), partitions: [partition(0)] },
        { ...named(version, 't', ID), partitions: [partition(2), partition(1), partition(-1)] },
      ] });
      expect((fixture.asked as CommitRequest).topics).toMatchObject([{ name: 't', partitions: [partition(1)] }]);
      const unknown = version >= 10 ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      expect(topics.map(({ partitions }) => partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode])))
        .toEqual([[[0, unknown]], [[2, 3], [-1, 3], [1, 0]]]);
    }
  });

  test('a topic that is named twice is answered twice, unless something was refused: then each topic is answered once', async () => {
    const twice = (...names: string[]) => ({ groupId: 'g', topics: names.map(name => ({ name, partitions: [partition(0)] })) });
    const answered = { topics: ['t', 't'].map(name => ({ topicId: ID, name, partitions: [{ partitionIndex: 0, errorCode: 0 }] })) };
    const asked = async (...names: string[]) => (await fixtureWithTopics({ commitOffsets: answered }).call(offsetCommitApi, 9, twice(...names)))
      .topics.map(({ name, partitions }) => [name, partitions.length]);
    expect(await asked('t', 't')).toEqual([['t', 1], ['t', 1]]);
    expect(await asked('t', 't', 'missing')).toEqual([['missing', 1], ['t', 2]]);
    expect(await asked('missing', 'missing')).toEqual([['missing', 2]]);
  });

  test('a topic that does not exist is named even when nothing of it was asked for', async () => {
    const fixture = fixtureWithTopics({});
    const request = { groupId: 'g', topics: ['t', 'missing'].map(name => ({ name, partitions: [] })) };
    expect((await fixture.call(offsetCommitApi, 9, request)).topics).toMatchObject([{ name: 'missing', partitions: [] }]);
  });

  test('when nothing is left the coordinator is not asked', async () => {
    const fixture = fixtureWithTopics({});
    const { topics } = await fixture.call(offsetCommitApi, 9, { groupId: 'g', topics: [{ name: 'missing', partitions: [partition(0)] }] });
    expect(topics).toMatchObject([{ name: 'missing', partitions: [{ errorCode: 3 }] }]);
    expect(fixture.askedAll).toEqual([]);
  });

  test('groups (30) and topics (29) that may not be read are refused', async () => {
    const request = { groupId: 'g', topics: [{ name: 't', partitions: [partition(0)] }] };
    for (const [resource, code] of [[Resource.GROUP, 30], [Resource.TOPIC, 29]]) {
      const fixture = fixtureWithTopics({});
      fixture.allowed = (_, asked) => asked !== resource;
      const { topics } = await fixture.call(offsetCommitApi, 9, request);
      expect(topics).toMatchObject([{ name: 't', partitions: [{ partitionIndex: 0, errorCode: code }] }]);
    }
  });

  test('an offset beyond 2^53 is passed on whole', async () => {
    const fixture = fixtureWithTopics({ commitOffsets: committed(0) });
    const committedOffset = 2n ** 62n;
    await fixture.call(offsetCommitApi, 9, { groupId: 'g', topics: [{ name: 't', partitions: [{ ...partition(0), committedOffset }] }] });
    expect((fixture.asked as CommitRequest).topics[0]!.partitions[0]!.committedOffset).toBe(committedOffset);
  });
});

describe('OffsetFetch', () => {
  const found = { partitionIndex: 0, committedOffset: 5, committedLeaderEpoch: 4, metadata: 'm', errorCode: 0 };
  const fetched = (topicId: string, name = 't') => ({ groupId: 'g', errorCode: 0, topics: [{ topicId, name, partitions: [found] }] });
  const ask = (version: number, name: string, topicId: string) => {
    const topics = [{ ...named(version, name, topicId), partitionIndexes: [0] }];
    const member = version >= 9 ? { memberId: 'm', memberEpoch: 7 } : {};
    if (version >= 8) return { groups: [{ groupId: 'g', ...member, topics }], requireStable: true };
    return { groupId: 'g', topics: topics.map(topic => ({ name, ...topic })), ...version >= 7 && { requireStable: true } };
  };

  test('is folded into one request for each group', async () => {
    for (const version of versionsOf(offsetFetchApi)) {
      const topicId = version >= 10 ? ID : ZERO_UUID;
      const fixture = fixtureWithTopics({ fetchOffsets: fetched(topicId) });
      const answer = await fixture.call(offsetFetchApi, version, ask(version, 't', ID));
      expect(fixture.asked as FetchOffsetsRequest).toEqual({
        groupId: 'g', requireStable: version >= 7, topics: [{ name: 't', topicId, partitionIndexes: [0] }],
        memberId: version >= 9 ? 'm' : null, memberEpoch: version >= 9 ? 7 : -1,
      });
      const group = version >= 8 ? answer.groups[0]! : answer;
      expect(group.errorCode).toBe(0);
      expect(group.topics).toMatchObject([{ ...named(version, 't', ID), partitions: [{ ...found, committedLeaderEpoch: version >= 5 ? 4 : -1 }] }]);
    }
  });

  test('all of a group is asked for with null topics; from version 10 on topics that are gone are left out', async () => {
    const all = { ...fetched(ZERO_UUID), topics: [...fetched(ZERO_UUID).topics, ...fetched(ZERO_UUID, 'gone').topics] };
    for (const version of versionsOf(offsetFetchApi).filter(version => version >= 2)) {
      const fixture = fixtureWithTopics({ fetchOffsets: all });
      const input = version >= 8 ? { groups: [{ groupId: 'g', topics: null }] } : { groupId: 'g', topics: null };
      const answer = await fixture.call(offsetFetchApi, version, input);
      expect((fixture.asked as FetchOffsetsRequest).topics).toBeNull();
      const topics = version >= 8 ? answer.groups[0]!.topics : answer.topics;
      expect(topics).toMatchObject(version >= 10 ? [{ topicId: ID }] : [{ name: 't' }, { name: 'gone' }]);
    }
  });

  test('several groups are fetched from version 8 on', async () => {
    const fixture = fixtureWithTopics({ fetchOffsets: fetched(ZERO_UUID) });
    const groups = ['g', 'h'].map(groupId => ({ groupId, topics: [] }));
    expect((await fixture.call(offsetFetchApi, 8, { groups })).groups).toHaveLength(2);
  });

  test('an error of the group stands where the version has a place for it', async () => {
    for (const version of versionsOf(offsetFetchApi)) {
      const fixture = fixtureWithTopics({ fetchOffsets: { groupId: 'g', errorCode: 16, topics: [] } });
      const answer = await fixture.call(offsetFetchApi, version, ask(version, 't', ID));
      if (version >= 8) expect(answer.groups).toMatchObject([{ groupId: 'g', errorCode: 16, topics: [] }]);
      else if (version >= 2) expect(answer).toMatchObject({ errorCode: 16, topics: [] });
      else expect(answer.topics).toMatchObject([{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: -1, errorCode: 16 }] }]);
    }
  });

  test('offsets of a topic that is gone are still found by its name, but an id says nothing any more (100)', async () => {
    const byName = fixtureWithTopics({ fetchOffsets: fetched(ZERO_UUID, 'gone') });
    await byName.call(offsetFetchApi, 9, ask(9, 'gone', UNKNOWN_ID));
    expect((byName.asked as FetchOffsetsRequest).topics).toMatchObject([{ name: 'gone' }]);
    const byId = fixtureWithTopics({ fetchOffsets: { groupId: 'g', errorCode: 0, topics: [] } });
    const answer = await byId.call(offsetFetchApi, 10, ask(10, 'gone', UNKNOWN_ID));
    expect(answer.groups[0]!.topics).toMatchObject([{ topicId: UNKNOWN_ID, partitions: [{ committedOffset: -1, errorCode: 100 }] }]);
  });

  test('groups (30) and topics (29) that may not be described are refused; among all topics they are not shown', async () => {
    const fixture = fixtureWithTopics({ fetchOffsets: { groupId: 'g', errorCode: 0, topics: [] } });
    fixture.allowed = (_, resource) => resource !== Resource.TOPIC;
    const topicRefused = await fixture.call(offsetFetchApi, 9, ask(9, 't', ID));
    expect(topicRefused.groups[0]!.topics).toMatchObject([{ name: 't', partitions: [{ errorCode: 29 }] }]);
    fixture.allowed = () => false;
    expect((await fixture.call(offsetFetchApi, 9, ask(9, 't', ID))).groups).toMatchObject([{ errorCode: 30 }]);
    const all = fixtureWithTopics({ fetchOffsets: fetched(ZERO_UUID) });
    all.allowed = (_, resource) => resource !== Resource.TOPIC;
    expect((await all.call(offsetFetchApi, 9, { groups: [{ groupId: 'g', topics: null }] })).groups).toMatchObject([{ topics: [] }]);
  });
});

describe('OffsetDelete', () => {
  const request = { groupId: 'g', topics: [
    { name: 't', partitions: [{ partitionIndex: 0 }, { partitionIndex: 7 }] }, { name: 'missing', partitions: [{ partitionIndex: 0 }] },
  ] };

  test('what does not exist is refused (3), the rest is for the coordinator to say', async () => {
    const fixture = fixtureWithTopics({ deleteOffsets: { errorCode: 0, topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode: 86 }] }] } });
    const answer = await fixture.call(offsetDeleteApi, 0, request);
    expect(fixture.asked).toMatchObject({ groupId: 'g', topics: [{ name: 't', partitions: [{ partitionIndex: 0 }] }] });
    expect(answer).toMatchObject({ errorCode: 0, topics: [
      { name: 't', partitions: [{ partitionIndex: 7, errorCode: 3 }, { partitionIndex: 0, errorCode: 86 }] },
      { name: 'missing', partitions: [{ partitionIndex: 0, errorCode: 3 }] },
    ] });
  });

  test('an error of the group is the whole answer', async () => {
    const fixture = fixtureWithTopics({ deleteOffsets: { errorCode: 69, topics: [] } });
    expect(await fixture.call(offsetDeleteApi, 0, request)).toMatchObject({ errorCode: 69, topics: [] });
  });
});
