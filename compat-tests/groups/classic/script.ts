// What members of a classic group do next: chosen by a seed from what makes sense now, and now and then from what does not.

import type { SeededRandom } from '../../support/random.js';
import type { Answers, Lockstep, Step } from '../../lockstep/lockstep.js';
import type { Cast, Member, Wish } from './cast.js';

export const TOPICS = ['groups-a', 'groups-b'];
/** Of `__consumer_offsets`. */
export const GROUP_PARTITIONS = 4;
/** What both brokers are told `group.max.size` is. */
export const MAX_SIZE = 5;
const PROTOCOLS = ['range', 'roundrobin', 'sticky', 'cooperative-sticky'];
const INSTANCES = ['one', 'two'];
const NEWEST_JOIN = 9;
const FIRST_STATIC = 5;
const FIRST_BATCH_LEAVE = 3;
const LONG_METADATA = 'm'.repeat(4097);

type ClassicStep = Step<Cast>;

/** Each kind of step with its weight, and how to make one; null when there is nothing to do it to. */
type Maker = readonly [weight: number, make: (at: Moment) => ClassicStep | readonly ClassicStep[] | null];

interface Moment {
  readonly random: SeededRandom;
  /** Apache's, which both are alike to. */
  readonly cast: Cast;
  readonly groupState: string;
  readonly freshName: () => string;
}

/** Plays `count` steps, or a few more, that the seed chooses. */
export async function playSeed(lockstep: Lockstep<Cast>, random: SeededRandom, count: number): Promise<void> {
  const { apache } = lockstep;
  const end = lockstep.history.length + count;
  while (lockstep.history.length < end) {
    const { groupState } = await apache.state();
    for (const step of choose({ random, cast: apache, groupState, freshName: () => `m${apache.members.size}` })) await lockstep.step(step);
    await partIfLeadersDiffer(lockstep);
  }
}

/** Whoever leads does what no other may: two brokers that elected different members are together again once the group is empty. */
async function partIfLeadersDiffer(lockstep: Lockstep<Cast>): Promise<void> {
  if (lockstep.apache.leader !== lockstep.ottla.leader) await lockstep.step({ name: 'all leave', run: cast => cast.allLeave() });
}

/** Two brokers may elect different members where nobody has a claim: what follows from that is no difference. */
export function levelLeaders(
  apacheCast: Cast, ottlaCast: Cast, mayChoose = () => apacheCast.choseLeader && ottlaCast.choseLeader,
): (apache: Answers, ottla: Answers) => void {
  return (...both) => {
    if (apacheCast.leader === ottlaCast.leader || !mayChoose()) return;
    for (const answers of both) {
      for (const [label, answer] of answers) {
        if (label.includes('JoinGroup') && typeof answer === 'object') answers.set(label, { ...answer, leader: '<chosen>', members: '<the leader has them>' });
      }
    }
  };
}

function choose(at: Moment): readonly ClassicStep[] {
  const open = [...MAKERS, ...(BY_STATE[at.groupState] ?? [])];
  for (;;) {
    let drawn = at.random.below(open.reduce((sum, [weight]) => sum + weight, 0));
    const [, make] = open.find(([weight]) => (drawn -= weight) < 0)!;
    const step = make(at);
    if (step !== null) return 'run' in step ? [step] : step;
  }
}

const isFree = (cast: Cast) => ({ name, phase }: Member): boolean => phase !== 'out' && phase !== 'ghost' && !cast.side.isWaiting(name);

function membersThat({ cast }: Moment, isSo: (member: Member) => boolean): Member[] {
  return [...cast.members.values()].filter(isSo);
}

function anyOf<T>({ random }: Moment, choices: readonly T[]): T | null {
  return choices.length === 0 ? null : random.pick(choices);
}

function shuffled<T>({ random }: Moment, from: readonly T[]): T[] {
  const left = [...from];
  return Array.from(from, () => left.splice(random.below(left.length), 1)[0]!);
}

function someProtocols(at: Moment): Wish['protocols'] {
  const { random } = at;
  // Mostly one that all have, so that groups come to be at all.
  const others = shuffled(at, PROTOCOLS.slice(1)).slice(0, random.below(3));
  const names = random.chance(12) ? others : shuffled(at, ['range', ...others]);
  const topics = TOPICS.filter(() => random.chance(2));
  return names.map(name => ({ name, topics }));
}

function newWish(at: Moment): Wish {
  const { random } = at;
  const version = random.below(NEWEST_JOIN + 1);
  const instanceId = version >= FIRST_STATIC && random.chance(3) ? random.pick(INSTANCES) : null;
  return { version, instanceId, protocolType: random.chance(15) ? 'connect' : 'consumer', protocols: someProtocols(at) };
}

const told = ({ version, instanceId, protocolType, protocols }: Wish): string =>
  `v${version}${instanceId === null ? '' : ` as instance ${instanceId}`}, ${protocolType} [${protocols.map(({ name }) => name).join(', ')}] of [${protocols[0]?.topics.join(', ') ?? ''}]`;

// One kind of step after the other

function somebodyNewJoins(at: Moment): ClassicStep | null {
  if (membersThat(at, ({ phase }) => phase !== 'out').length > MAX_SIZE) return null;
  const [name, wish] = [at.freshName(), newWish(at)];
  return { name: `${name} joins, ${told(wish)}`, run: cast => cast.join(name, wish) };
}

/** A known member that finds no room leaves a whole group waiting at Kafka: see known-differences.ts. */
function isFull(cast: Cast): boolean {
  const mayBeParked = [...cast.members.values()].filter(({ name, phase }) => phase === 'ghost' || cast.side.isWaiting(name));
  return mayBeParked.length >= MAX_SIZE;
}

function somebodyNamedJoins(at: Moment): ClassicStep | null {
  if (isFull(at.cast)) return null;
  const member = anyOf(at, membersThat(at, one => one.phase === 'named' && !at.cast.side.isWaiting(one.name)));
  return member && { name: `${member.name} joins with its id`, run: cast => cast.join(member.name, member.wish) };
}

function somebodyRejoins(at: Moment): ClassicStep | null {
  if (isFull(at.cast)) return null;
  const member = anyOf(at, membersThat(at, isFree(at.cast)));
  if (member === null) return null;
  const wish = at.random.chance(2) ? member.wish : { ...member.wish, protocols: someProtocols(at) };
  return { name: `${member.name} joins again, ${told(wish)}`, run: cast => cast.join(member.name, wish) };
}

function somebodyOutComesBack(at: Moment): ClassicStep | null {
  const member = anyOf(at, membersThat(at, ({ name, phase, wish }) => !at.cast.side.isWaiting(name) && (phase === 'out' || (phase === 'ghost' && wish.instanceId !== null))));
  if (member === null) return null;
  return {
    name: `${member.name} comes back without its id, ${told(member.wish)}`,
    run: async cast => {
      const [own, { wish }] = [cast.member(member.name), member];
      Object.assign(own, { phase: 'out', memberId: '' });
      await cast.join(member.name, wish);
    },
  };
}

/** As when all have heard of a rebalance. One after the other: whoever of two comes first may make a difference to both. */
function everybodyRejoins(at: Moment): readonly ClassicStep[] | null {
  const names = membersThat(at, isFree(at.cast)).map(({ name }) => name);
  if (names.length === 0) return null;
  return names.map((name, index) => ({
    name: `${name} joins again, ${index + 1} of ${names.length}`,
    run: cast => cast.side.isWaiting(name) || isFull(cast) ? Promise.resolve() : cast.join(name, cast.member(name).wish),
  }));
}

/** All at once: everybody gets the same whether the leader comes first or last. */
function everybodySyncs(at: Moment): ClassicStep | null {
  const names = membersThat(at, one => one.phase === 'joined' && isFree(at.cast)(one)).map(({ name }) => name);
  if (names.length === 0) return null;
  return { name: `${names.join(', ')} sync`, run: async cast => { for (const name of names) await cast.sync(name); } };
}

function somebodySyncs(at: Moment): ClassicStep | null {
  const member = anyOf(at, membersThat(at, one => one.generationId >= 0 && isFree(at.cast)(one)));
  if (member === null) return null;
  const { name } = member;
  switch (at.random.below(6)) {
    case 0: return { name: `${name} syncs with another generation`, run: cast => cast.sync(name, { generationId: cast.member(name).generationId + 1 }) };
    case 1: return { name: `${name} syncs with another protocol`, run: cast => cast.sync(name, { protocolName: 'unheard of' }) };
    case 2: return { name: `${name} syncs under a stranger's id`, run: cast => cast.sync(name, { memberId: 'a stranger' }) };
    default: return { name: `${name} syncs`, run: cast => cast.sync(name) };
  }
}

function somebodyBeats(at: Moment): ClassicStep | null {
  const member = anyOf(at, membersThat(at, ({ phase, memberId }) => phase !== 'ghost' && memberId !== ''));
  if (member === null) return null;
  const { name } = member;
  switch (at.random.below(8)) {
    case 0: return { name: `${name} beats in another generation`, run: cast => cast.beat(name, { generationId: cast.member(name).generationId - 1 }) };
    case 1: return { name: `${name} beats under a stranger's id`, run: cast => cast.beat(name, { memberId: 'a stranger' }) };
    case 2: return beatAs(name, at.random.pick([...INSTANCES, 'unheard of']));
    default: return { name: `${name} beats`, run: cast => cast.beat(name) };
  }
}

const beatAs = (name: string, instanceId: string): ClassicStep =>
  ({ name: `${name} beats as instance ${instanceId}`, run: cast => cast.beat(name, { instanceId }) });

function somebodyLeaves(at: Moment): ClassicStep | null {
  const member = anyOf(at, membersThat(at, mayBeRemoved(at.cast)));
  if (member === null) return null;
  const { name, wish: { version, instanceId } } = member;
  const how = instanceId === null || version < FIRST_BATCH_LEAVE ? 'by id' : at.random.pick(['by id', 'by instance', 'by both'] as const);
  return { name: `${name} leaves, ${how}`, run: cast => cast.leave([name], Math.min(version, 5), how) };
}

function severalAreRemoved(at: Moment): ClassicStep | null {
  const names = membersThat(at, mayBeRemoved(at.cast)).map(({ name }) => name);
  const some = shuffled(at, [...names, 'a stranger', ...names.slice(0, 1)]).slice(0, 1 + at.random.below(4));
  const how = at.random.pick(['by id', 'by instance', 'by both'] as const);
  const version = FIRST_BATCH_LEAVE + at.random.below(3);
  return { name: `${some.join(', ')} are removed, ${how}`, run: cast => cast.leave(some, version, how) };
}

/** Kafka leaves the sync of somebody who is removed unanswered (see known-differences.ts), whoever names its instance. */
function mayBeRemoved(cast: Cast): (member: Member) => boolean {
  const isAwaitingAssignment = ({ name, phase, generationId }: Member): boolean => cast.side.isWaiting(name) && phase === 'joined' && generationId >= 0;
  const awaiting = [...cast.members.values()].filter(isAwaitingAssignment);
  return ({ name, phase, wish }) => phase !== 'out' &&
    !awaiting.some(one => one.name === name || (wish.instanceId !== null && one.wish.instanceId === wish.instanceId));
}

function somebodyCrashes(at: Moment): ClassicStep | null {
  const member = anyOf(at, membersThat(at, ({ phase }) => phase !== 'out' && phase !== 'ghost'));
  return member && { name: `${member.name} crashes`, run: cast => Promise.resolve(cast.crash(member.name)) };
}

function aGhostIsRemoved(at: Moment): ClassicStep | null {
  const ghosts = membersThat(at, ({ phase, memberId }) => phase === 'ghost' && memberId !== '').map(({ name }) => name);
  return ghosts.length === 0 ? null : { name: `${ghosts.join(', ')}, who crashed, are removed`, run: cast => cast.leave(ghosts, 5, 'by id') };
}

function somebodyCommits(at: Moment): ClassicStep | null {
  const { random } = at;
  const member = anyOf(at, membersThat(at, ({ phase }) => phase !== 'ghost'));
  const version = 2 + random.below(9);
  const shift = random.chance(5) ? 1 : 0;
  const [topic, partitionIndex, committedOffset] = [random.pick([...TOPICS, ...TOPICS, 'no such topic']), random.below(4), random.below(1_000)];
  // A group that only a refused commit has named is there for Kafka, and not for us: see known-differences.ts.
  const committedMetadata = at.groupState !== 'Dead' && random.chance(8) ? LONG_METADATA : random.pick(['', 'some', null]);
  const by = random.chance(3) ? null : member?.name ?? null;
  return {
    name: `${by ?? 'somebody outside'} commits ${committedOffset} for ${topic}-${partitionIndex} in ` +
      `v${version}${shift === 0 ? '' : ', in another generation'}${committedMetadata === LONG_METADATA ? ', with too many words' : ''}`,
    run: cast => {
      const own = by === null ? undefined : cast.member(by);
      return cast.commit(by, {
        memberId: own?.memberId ?? '', groupInstanceId: version >= 7 ? own?.wish.instanceId ?? null : null,
        generationIdOrMemberEpoch: own === undefined ? -1 : own.generationId + shift, ...(version < 5 && random.chance(6) && { retentionTimeMs: 86_400_000 }),
        topics: [{ name: topic, topicId: cast.topicId(topic), partitions: [{ partitionIndex, committedOffset, committedLeaderEpoch: version >= 6 ? 2 : -1, committedMetadata }] }],
      }, version);
    },
  };
}

function offsetsAreFetched(at: Moment): ClassicStep {
  const { random } = at;
  const version = 1 + random.below(10);
  const topics = version >= 2 && random.chance(2) ? null : [...TOPICS, 'no such topic'].filter(() => random.chance(2)).map(name => ({ name, partitionIndexes: [0, 1, 2, 3] }));
  const requireStable = version >= 7 && random.chance(2);
  return { name: `offsets of ${topics?.map(({ name }) => name).join(', ') ?? 'all topics'} are fetched in v${version}`, run: cast => cast.fetch(topics, requireStable, version) };
}

function offsetsAreDeleted(at: Moment): ClassicStep {
  const topics = [...TOPICS, 'no such topic'].filter(() => at.random.chance(2));
  const partitions = [0, 1, 2, 3].filter(() => at.random.chance(2));
  return { name: `offsets of ${topics.join(', ')}, partitions ${partitions.join(', ')}, are deleted`, run: cast => cast.deleteOffsets(topics, partitions) };
}

function theGroupIsLookedAt(at: Moment): ClassicStep {
  const { random } = at;
  if (random.chance(2)) {
    const version = random.below(7);
    return { name: `the group is described in v${version}`, run: cast => cast.describe(version) };
  }
  const states = ['Stable', 'empty', ' PreparingRebalance', 'CompletingRebalance', 'Dead'].filter(() => random.chance(3));
  const types = ['Classic', 'consumer', 'share'].filter(() => random.chance(3));
  return { name: 'groups are listed', run: cast => cast.list(states, types) };
}

function theGroupIsDeleted(): ClassicStep {
  return { name: 'the group is deleted', run: cast => cast.remove() };
}

const MAKERS: readonly Maker[] = [
  [10, somebodyNewJoins], [10, somebodyNamedJoins], [4, somebodyRejoins], [4, somebodyOutComesBack], [4, everybodyRejoins], [4, everybodySyncs], [3, somebodySyncs],
  [5, somebodyBeats], [3, somebodyLeaves], [2, severalAreRemoved], [2, somebodyCrashes], [3, aGhostIsRemoved],
  [7, somebodyCommits], [4, offsetsAreFetched], [2, offsetsAreDeleted], [2, theGroupIsLookedAt], [1, theGroupIsDeleted],
];
/** What brings a rebalance on. */
const BY_STATE: Readonly<Record<string, readonly Maker[]>> = {
  PreparingRebalance: [[25, everybodyRejoins], [15, somebodyNamedJoins], [15, aGhostIsRemoved]],
  CompletingRebalance: [[30, everybodySyncs]],
  Stable: [[6, somebodyBeats], [6, somebodyCommits]],
};
