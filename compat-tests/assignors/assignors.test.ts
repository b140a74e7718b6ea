import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { javaMapOrder } from '../../src/base/java-hash.js';
import { uuidToBytes } from '../../src/base/uuid.js';
import type { Assignor, GroupAssignment } from '../../src/coordinator/group/assignors/assignor.js';
import { rangeAssignor } from '../../src/coordinator/group/assignors/range.js';
import { uniformAssignor } from '../../src/coordinator/group/assignors/uniform.js';
import { GroupLife, keptCount, sizeOf, type Question } from '../../src/coordinator/group/testing/group-lives.js';
import { JavaOracle } from '../support/java-oracle.js';
import { describeWithJava } from '../support/java-tests.js';

/** Our assignors and Apache's are asked the same, all along the lives of seeded groups. */

const SEEDS = 60;
const QUESTIONS = 12;

type PlainAssignment = Record<string, Record<string, number[]>>;

/** Members and topics with something to them alone, sorted. */
function plain(assignment: GroupAssignment): PlainAssignment {
  return sorted(Object.fromEntries([...assignment].map(([memberId, assigned]) =>
    [memberId, Object.fromEntries([...assigned].map(([topicId, partitions]) => [topicId, [...partitions]]))])));
}

function sorted(assignment: PlainAssignment): PlainAssignment {
  const members = Object.entries(assignment).filter(([, topics]) => Object.keys(topics).length > 0);
  return Object.fromEntries(members.map(([memberId, topics]) =>
    [memberId, Object.fromEntries(Object.entries(topics).map(([topicId, partitions]) => [topicId, partitions.toSorted((one, other) => one - other)]))]));
}

function asMaps(assignment: PlainAssignment): GroupAssignment {
  return new Map(Object.entries(assignment).map(([memberId, topics]) =>
    [memberId, new Map(Object.entries(topics).map(([topicId, partitions]) => [topicId, new Set(partitions)]))]));
}

function asJson({ name }: Assignor, { group, partitionCounts }: Question): string {
  const members = [...group.members].map(([memberId, { rackId, instanceId, subscribedTopicIds, assigned }]) => ({
    memberId, rackId, instanceId, topics: [...subscribedTopicIds],
    assigned: Object.fromEntries([...assigned].map(([topicId, partitions]) => [topicId, [...partitions]])),
  }));
  return JSON.stringify({ assignor: name, isHomogeneous: group.isHomogeneous, partitionCounts: Object.fromEntries(partitionCounts), members });
}

/** As Apache's assignor goes through the topics of members that all subscribe to the same: in the order of a `java.util.HashSet`. */
function inHashOrder(topicIds: ReadonlySet<string>): Set<string> {
  const hashOf = (topicId: string): number => {
    const bytes = Buffer.from(uuidToBytes(topicId));
    return bytes.readInt32BE(0) ^ bytes.readInt32BE(4) ^ bytes.readInt32BE(8) ^ bytes.readInt32BE(12);
  };
  return new Set(javaMapOrder([...topicIds], hashOf, topicIds.size + 1));
}

function withTopicsInHashOrder(question: Question): Question {
  const members = new Map([...question.group.members].map(([memberId, member]) => [memberId, { ...member, subscribedTopicIds: inHashOrder(member.subscribedTopicIds) }]));
  return { ...question, group: { ...question.group, members } };
}

function sizes({ group }: Question, assignment: GroupAssignment): number[] {
  return [...group.members.keys()].map(memberId => sizeOf(assignment.get(memberId))).toSorted((one, other) => one - other);
}

await describeWithJava("our assignors beside Apache's", () => {
  let oracle: JavaOracle;
  beforeAll(async () => { oracle = await JavaOracle.start('ottla.groups.AssignorOracle'); }, 300_000);
  afterAll(() => oracle.close());

  /** Our own answer leads on from one question to the next. */
  async function compare(assignor: Assignor, check: (question: Question, ours: GroupAssignment, theirs: GroupAssignment) => void): Promise<void> {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const life = new GroupLife(seed);
      for (let step = 0; step < QUESTIONS; step++) {
        const question = withTopicsInHashOrder(life.next());
        const ours = assignor.assign(question.group, question.topics);
        const theirs = asMaps(await oracle.ask(asJson(assignor, question)) as PlainAssignment);
        try {
          check(question, ours, theirs);
        } catch (error) {
          throw new Error(`seed ${seed}, step ${step} (${question.happened})`, { cause: error });
        }
        life.answered(ours);
      }
    }
  }

  test('range assigns the very same partitions', async () => {
    await compare(rangeAssignor, (_, ours, theirs) => { expect(plain(ours)).toEqual(plain(theirs)); });
  });

  test('uniform assigns the very same partitions', async () => {
    let homogeneous = 0;
    await compare(uniformAssignor, (question, ours, theirs) => {
      if (question.group.isHomogeneous) homogeneous++;
      // What it has to be whatever the order is in which members and topics are gone through.
      expect(sizes(question, ours)).toEqual(sizes(question, theirs));
      expect(keptCount(question.group, ours)).toBe(keptCount(question.group, theirs));
      expect(plain(ours)).toEqual(plain(theirs));
    });
    expect(homogeneous).toBeGreaterThan(SEEDS);
    expect(homogeneous).toBeLessThan(SEEDS * (QUESTIONS - 2));
  });
});
