// How long the assignors hold the loop: node build/tests/compat-tests/bench/assignors.main.mjs [members] [partitions]
import type { Assignor, GroupAssignment, GroupSpec, MemberSpec } from '../../src/coordinator/group/assignors/assignor.js';
import { rangeAssignor } from '../../src/coordinator/group/assignors/range.js';
import { uniformAssignor } from '../../src/coordinator/group/assignors/uniform.js';
import { describerOf, isHomogeneous } from '../../src/coordinator/group/testing/group-lives.js';

const ROUNDS = 15;
const memberCount = Number(process.argv[2] ?? 1_000);
const partitionCount = Number(process.argv[3] ?? 10_000);

function topicIdsOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => Buffer.from(index.toString(16).padStart(32, '0'), 'hex').toString('base64url'));
}

/** Even members subscribe to all topics; odd ones to all, or to two of three when subscriptions are to differ. */
function groupOf(count: number, topicIds: readonly string[], differ: boolean, assigned: GroupAssignment): GroupSpec {
  const all = new Set(topicIds);
  const most = new Set(topicIds.filter((_, index) => topicIds.length < 3 || index % 3 !== 0));
  const members = new Map(Array.from({ length: count }, (_, index): [string, MemberSpec] => {
    const memberId = `member-${String(index).padStart(6, '0')}`;
    return [memberId, { rackId: null, instanceId: null, subscribedTopicIds: differ && index % 2 === 1 ? most : all, assigned: assigned.get(memberId) ?? new Map() }];
  }));
  return { members, isHomogeneous: isHomogeneous(members) };
}

/** The median of the rounds, in ms of this process alone. The first also pays for what the engine has not compiled yet. */
function measure(run: () => unknown): string {
  const times = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage();
    run();
    return process.cpuUsage(before).user / 1_000;
  });
  const sorted = times.toSorted((one, other) => one - other);
  return `${sorted[Math.floor(ROUNDS / 2)]!.toFixed(1)} ms (first ${times[0]!.toFixed(1)} ms)`;
}

function report(assignor: Assignor, topicCount: number, differ: boolean): void {
  const topicIds = topicIdsOf(topicCount);
  const describer = describerOf(new Map(topicIds.map(topicId => [topicId, Math.ceil(partitionCount / topicCount)])));
  const fresh = groupOf(memberCount, topicIds, differ, new Map());
  const assigned = assignor.assign(fresh, describer);
  const joined = groupOf(memberCount + 1, topicIds, differ, assigned);
  const left = groupOf(Math.ceil(memberCount * 0.9), topicIds, differ, assigned);
  const [first, second, third] = [fresh, joined, left].map(group => measure(() => assignor.assign(group, describer)));
  console.log(`${assignor.name}, ${topicCount} topics, subscriptions ${differ ? 'differ' : 'the same'}: `
    + `all new ${first}, one more member ${second}, a tenth gone ${third}`);
}

console.log(`${memberCount} members, ${partitionCount} partitions`);
for (const assignor of [uniformAssignor, rangeAssignor]) {
  for (const topicCount of [1, 100, 1_000]) for (const differ of [false, true]) report(assignor, topicCount, differ);
}
