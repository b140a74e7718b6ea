import { describe, expect, test } from '@jest/globals';
import { describerOf, GroupLife, isHomogeneous } from '../testing/group-lives.js';
import { AssignorError, type GroupAssignment, type MemberSpec } from './assignor.js';
import { rangeAssignor } from './range.js';

const LIVES = 150;
const QUESTIONS = 10;
const ONE = 'AAAAAAAAAAAAAAAAAAAAAA';
const TWO = 'AAAAAAAAAAAAAAAAAAAAAQ';

interface MemberOf {
  readonly topics: readonly string[];
  readonly instanceId?: string;
}

function assign(members: Record<string, MemberOf>, partitionCounts: Record<string, number>): Record<string, Record<string, number[]>> {
  const specs = new Map(Object.entries(members).map(([memberId, { topics, instanceId = null }]): [string, MemberSpec] =>
    [memberId, { rackId: null, instanceId, subscribedTopicIds: new Set(topics), assigned: new Map() }]));
  return plain(rangeAssignor.assign({ members: specs, isHomogeneous: isHomogeneous(specs) }, describerOf(new Map(Object.entries(partitionCounts)))));
}

function plain(assignment: GroupAssignment): Record<string, Record<string, number[]>> {
  return Object.fromEntries([...assignment].map(([memberId, assigned]) =>
    [memberId, Object.fromEntries([...assigned].map(([topicId, partitions]) => [topicId, [...partitions]]))]));
}

describe('the range assignor', () => {
  test('gives members of the same subscriptions the same partitions of every topic', () => {
    const topics = [ONE, TWO];
    expect(assign({ b: { topics }, a: { topics } }, { [ONE]: 3, [TWO]: 3 }))
      .toEqual({ a: { [ONE]: [0, 1], [TWO]: [0, 1] }, b: { [ONE]: [2], [TWO]: [2] } });
  });

  test('counts only the subscribers of a topic', () => {
    expect(assign({ a: { topics: [ONE] }, b: { topics: [ONE, TWO] }, c: { topics: [TWO] } }, { [ONE]: 3, [TWO]: 4 }))
      .toEqual({ a: { [ONE]: [0, 1] }, b: { [ONE]: [2], [TWO]: [0, 1] }, c: { [TWO]: [2, 3] } });
  });

  test('puts static members first, by instance id, whatever their member ids are', () => {
    const topics = [ONE];
    const before = assign({ a: { topics }, z: { topics, instanceId: 'i-1' }, y: { topics, instanceId: 'i-2' } }, { [ONE]: 3 });
    const after = assign({ a: { topics }, f: { topics, instanceId: 'i-1' }, g: { topics, instanceId: 'i-2' } }, { [ONE]: 3 });
    expect(before).toEqual({ z: { [ONE]: [0] }, y: { [ONE]: [1] }, a: { [ONE]: [2] } });
    expect(after).toEqual({ f: { [ONE]: [0] }, g: { [ONE]: [1] }, a: { [ONE]: [2] } });
  });

  test('leaves the last members without a partition when there are more members than partitions', () => {
    const topics = [ONE];
    expect(assign({ a: { topics }, b: { topics }, c: { topics } }, { [ONE]: 2 })).toEqual({ a: { [ONE]: [0] }, b: { [ONE]: [1] }, c: {} });
  });

  test('deals each topic out whole, in ranges that differ by one at most, first the longer ones', () => {
    for (let seed = 1; seed <= LIVES; seed++) {
      const life = new GroupLife(seed);
      for (let step = 0; step < QUESTIONS; step++) {
        const { group, topics, partitionCounts } = life.next();
        const answer = rangeAssignor.assign(group, topics);
        life.answered(answer);
        for (const [topicId, count] of partitionCounts) {
          const subscribers = [...group.members].filter(([, { subscribedTopicIds }]) => subscribedTopicIds.has(topicId));
          const ranges = [...answer].filter(([memberId]) => group.members.get(memberId)!.subscribedTopicIds.has(topicId))
            .map(([, assigned]) => [...assigned.get(topicId) ?? []]);
          expect(ranges).toHaveLength(subscribers.length);
          expect(ranges.flat()).toEqual(subscribers.length === 0 ? [] : Array.from({ length: count }, (_, partition) => partition));
          const lengths = ranges.map(({ length }) => length);
          expect(lengths).toEqual(lengths.map((_, index) => Math.floor(count / subscribers.length) + (index < count % subscribers.length ? 1 : 0)));
        }
        for (const [memberId, assigned] of answer) {
          for (const topicId of assigned.keys()) expect(group.members.get(memberId)!.subscribedTopicIds).toContain(topicId);
        }
      }
    }
  });

  test('refuses a topic that does not exist, and gives an empty group nothing', () => {
    expect(() => assign({ a: { topics: [ONE] } }, {})).toThrow(AssignorError);
    expect(assign({}, {})).toEqual({});
  });
});
