import { describe, expect, test } from '@jest/globals';
import { assert } from '../../../base/assert.js';
import { describerOf, GroupLife, keptCount, sizeOf, type Question } from '../testing/group-lives.js';
import { AssignorError, type GroupAssignment, type GroupSpec } from './assignor.js';
import { uniformAssignor } from './uniform.js';

const LIVES = 60;
const QUESTIONS = 25;
const TOPIC = 'AAAAAAAAAAAAAAAAAAAAAA';
const OTHER = 'AAAAAAAAAAAAAAAAAAAAAQ';
const GONE = 'AAAAAAAAAAAAAAAAAAAAAg';

/** Plays the lives of groups, with each answer looked at by `check`; a breach tells seed and step. */
function playLives(style: 'same' | 'kinds' | 'own', check: (question: Question, answer: GroupAssignment) => void): void {
  for (let seed = 1; seed <= LIVES; seed++) {
    const life = new GroupLife(seed, style);
    for (let step = 0; step < QUESTIONS; step++) {
      const question = life.next();
      const answer = uniformAssignor.assign(question.group, question.topics);
      try {
        check(question, answer);
      } catch (error) {
        throw new Error(`seed ${seed}, step ${step} (${question.happened})`, { cause: error });
      }
      life.answered(answer);
    }
  }
}

/** Throws unless every partition that somebody subscribes to has exactly one owner, a subscriber, and nothing else is owned. */
function checkOwners({ group, partitionCounts }: Question, answer: GroupAssignment): void {
  const owned = new Set<string>();
  for (const [memberId, assigned] of answer) {
    for (const [topicId, partitions] of assigned) {
      assert(group.members.get(memberId)?.subscribedTopicIds.has(topicId) === true, `${memberId} does not subscribe to ${topicId}`);
      for (const partition of partitions) {
        assert(partition < partitionCounts.get(topicId)!, `${topicId} has no partition ${partition}`);
        assert(!owned.has(`${topicId}-${partition}`), `${topicId}-${partition} has two owners`);
        owned.add(`${topicId}-${partition}`);
      }
    }
  }
  const subscribed = new Set([...group.members.values()].flatMap(({ subscribedTopicIds }) => [...subscribedTopicIds]));
  expect(owned.size).toBe([...subscribed].reduce((sum, topicId) => sum + partitionCounts.get(topicId)!, 0));
}

/** Throws when one partition, moved to another subscriber, would make the group more even. */
function checkNoMoveHelps({ group }: Question, answer: GroupAssignment): void {
  const lightest = new Map<string, number>();
  for (const [memberId, { subscribedTopicIds }] of group.members) {
    const size = sizeOf(answer.get(memberId));
    for (const topicId of subscribedTopicIds) lightest.set(topicId, Math.min(size, lightest.get(topicId) ?? Infinity));
  }
  for (const [memberId, assigned] of answer) {
    for (const topicId of assigned.keys()) assert(sizeOf(assigned) - lightest.get(topicId)! <= 1, `${memberId} has too much of ${topicId}`);
  }
}

/** The most partitions that could stay where they are in an even assignment of a homogeneous group. */
function mostKept({ group, partitionCounts }: Question): number {
  const [first] = group.members.values();
  const total = [...first!.subscribedTopicIds].reduce((sum, topicId) => sum + partitionCounts.get(topicId)!, 0);
  const least = Math.floor(total / group.members.size);
  const had = [...group.members.values()].map(({ assigned, subscribedTopicIds }) =>
    sizeOf(new Map([...assigned].filter(([topicId]) => subscribedTopicIds.has(topicId)))));
  const wantOneMore = had.filter(size => size > least).length;
  return had.reduce((sum, size) => sum + Math.min(size, least), 0) + Math.min(wantOneMore, total % group.members.size);
}

function groupOf(members: Record<string, { topics: string[]; assigned?: Record<string, number[]> }>, isHomogeneous: boolean): GroupSpec {
  return {
    isHomogeneous,
    members: new Map(Object.entries(members).map(([memberId, { topics, assigned = {} }]) => [memberId, {
      rackId: null, instanceId: null, subscribedTopicIds: new Set(topics),
      assigned: new Map(Object.entries(assigned).map(([topicId, partitions]) => [topicId, new Set(partitions)])),
    }])),
  };
}

describe('the uniform assignor', () => {
  test.each(['same', 'kinds', 'own'] as const)('gives every partition to exactly one subscriber, subscriptions being %s', style => {
    playLives(style, checkOwners);
  });

  test('keeps members with the same subscriptions within one partition of each other', () => {
    playLives('same', ({ group }, answer) => {
      const sizes = [...group.members.keys()].map(memberId => sizeOf(answer.get(memberId)));
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    });
  });

  test('moves no more partitions than balance asks for, where subscriptions are the same', () => {
    playLives('same', (question, answer) => { expect(keptCount(question.group, answer)).toBe(mostKept(question)); });
  });

  test.each(['kinds', 'own'] as const)('leaves no partition whose move would make the group more even, subscriptions being %s', style => {
    playLives(style, checkNoMoveHelps);
  });

  test.each(['same', 'kinds', 'own'] as const)('gives the very same maps when nothing has changed, subscriptions being %s', style => {
    playLives(style, ({ group, topics }, answer) => {
      const members = new Map([...group.members].map(([memberId, member]) => [memberId, { ...member, assigned: answer.get(memberId)! }]));
      const again = uniformAssignor.assign({ ...group, members }, topics);
      for (const [memberId, assigned] of answer) expect(again.get(memberId)).toBe(assigned);
    });
  });

  test('takes nothing away from those who stay when a member leaves', () => {
    const group = groupOf({ a: { topics: [TOPIC], assigned: { [TOPIC]: [0, 1] } }, b: { topics: [TOPIC], assigned: { [TOPIC]: [4, 5] } } }, true);
    const answer = uniformAssignor.assign(group, describerOf(new Map([[TOPIC, 6]])));
    expect([...answer.get('a')!.get(TOPIC)!]).toEqual(expect.arrayContaining([0, 1]));
    expect([...answer.get('b')!.get(TOPIC)!]).toEqual(expect.arrayContaining([4, 5]));
  });

  test('deals each member a stretch of partitions where nobody has any', () => {
    const group = groupOf({ a: { topics: [TOPIC] }, b: { topics: [TOPIC] } }, true);
    const answer = uniformAssignor.assign(group, describerOf(new Map([[TOPIC, 5]])));
    expect([...answer].map(([memberId, assigned]) => [memberId, [...assigned.get(TOPIC)!]])).toEqual([['a', [0, 1]], ['b', [2, 3, 4]]]);
  });

  test.each([true, false])('ignores partitions that do not exist or that two members claim (homogeneous: %s)', isHomogeneous => {
    const topics = isHomogeneous ? [TOPIC] : [TOPIC, OTHER];
    const group = groupOf({
      a: { topics: [TOPIC], assigned: { [TOPIC]: [0, 1, 7, -1] } }, b: { topics, assigned: { [TOPIC]: [1, 2, 3] } },
    }, isHomogeneous);
    const partitionCounts = new Map([[TOPIC, 4], [OTHER, 1]]);
    const answer = uniformAssignor.assign(group, describerOf(partitionCounts));
    checkOwners({ group, topics: describerOf(partitionCounts), partitionCounts, happened: '' }, answer);
  });

  test.each([true, false])('refuses a topic that does not exist (homogeneous: %s)', isHomogeneous => {
    const group = groupOf({ a: { topics: [GONE] }, b: { topics: [GONE] } }, isHomogeneous);
    expect(() => uniformAssignor.assign(group, describerOf(new Map()))).toThrow(AssignorError);
  });

  test('gives nothing where there is no member or no subscription', () => {
    expect(uniformAssignor.assign(groupOf({}, true), describerOf(new Map())).size).toBe(0);
    const idle = uniformAssignor.assign(groupOf({ a: { topics: [], assigned: { [TOPIC]: [0] } } }, true), describerOf(new Map([[TOPIC, 1]])));
    expect(sizeOf(idle.get('a'))).toBe(0);
  });
});
