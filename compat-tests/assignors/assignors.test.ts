import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Assignor, GroupAssignment } from '../../src/coordinator/group/assignors/assignor.js';
import { rangeAssignor } from '../../src/coordinator/group/assignors/range.js';
import { uniformAssignor } from '../../src/coordinator/group/assignors/uniform.js';
import { GroupLife, keptCount, sizeOf, type Question } from '../../src/coordinator/group/testing/group-lives.js';
import { javaMissing } from '../support/java.js';
import { JavaOracle } from '../support/java-oracle.js';

/** Our assignors and Apache's are asked the same, all along the lives of seeded groups. */

const SEEDS = 60;
const QUESTIONS = 12;
const missing = await javaMissing();
// Where all toolchains are promised, a missing one is a fault.
if (missing !== null && process.env['CI'] === 'true') throw new Error(missing);

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

function sizes({ group }: Question, assignment: GroupAssignment): number[] {
  return [...group.members.keys()].map(memberId => sizeOf(assignment.get(memberId))).toSorted((one, other) => one - other);
}

(missing === null ? describe : describe.skip)("our assignors beside Apache's", () => {
  let oracle: JavaOracle;
  beforeAll(async () => { oracle = await JavaOracle.start('ottla.groups.AssignorOracle'); }, 300_000);
  afterAll(() => oracle.close());

  /** Our own answer leads on from one question to the next. */
  async function compare(assignor: Assignor, check: (question: Question, ours: GroupAssignment, theirs: GroupAssignment) => void): Promise<void> {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const life = new GroupLife(seed);
      for (let step = 0; step < QUESTIONS; step++) {
        const question = life.next();
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

  test('uniform is as even and moves as few partitions where subscriptions are the same, and assigns the very same where not', async () => {
    let homogeneous = 0;
    await compare(uniformAssignor, (question, ours, theirs) => {
      if (question.group.isHomogeneous) {
        homogeneous++;
        expect(sizes(question, ours)).toEqual(sizes(question, theirs));
        expect(keptCount(question.group, ours)).toBe(keptCount(question.group, theirs));
      } else {
        expect(plain(ours)).toEqual(plain(theirs));
      }
    });
    expect(homogeneous).toBeGreaterThan(SEEDS);
    expect(homogeneous).toBeLessThan(SEEDS * (QUESTIONS - 2));
  });
});
