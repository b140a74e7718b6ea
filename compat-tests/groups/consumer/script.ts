// What members of the consumer protocol do next, chosen by a seed.

import { offsetCommitApi, offsetFetchApi } from '../../../src/protocol/generated/index.js';
import type { SeededRandom } from '../../support/random.js';
import type { Lockstep, Step } from '../../lockstep/lockstep.js';
import type { Member, Wish } from '../classic/cast.js';
import type { Consumer, ConsumerCast, ConsumerWish, GroupFacts } from './cast.js';

/** With 5, 3 and 1 partitions, in a scenery of their own: no assignor can share them out evenly. */
export const CONSUMER_TOPICS: Readonly<Record<string, number>> = { 'consumers-five': 5, 'consumers-three': 3, 'consumers-one': 1 };
const TOPICS = Object.keys(CONSUMER_TOPICS);
const INSTANCES = ['one', 'two'];
/** What both brokers are told `group.consumer.max.size` is. */
export const CONSUMER_MAX_SIZE = 4;

type ConsumerStep = Step<ConsumerCast>;

interface Moment extends GroupFacts {
  readonly random: SeededRandom;
  /** Apache's, which both are alike to. */
  readonly cast: ConsumerCast;
}

/** Plays `count` steps, or a few more, of members of the consumer protocol, or of members of both. */
export async function playConsumers(lockstep: Lockstep<ConsumerCast>, random: SeededRandom, count: number, isMixed = false): Promise<void> {
  const end = lockstep.history.length + count;
  const makers = isMixed ? [...MAKERS, ...CLASSIC_MAKERS] : MAKERS;
  while (lockstep.history.length < end) {
    const { apache: cast } = lockstep;
    for (const step of choose({ random, cast, ...await cast.state() }, makers)) {
      await lockstep.step(step);
      if (await partIfLeadersDiffer(lockstep)) break;
    }
  }
}

type Made = ConsumerStep | readonly ConsumerStep[] | null;
type Maker = readonly [weight: number, make: (at: Moment) => Made];

function choose(at: Moment, makers: readonly Maker[]): readonly ConsumerStep[] {
  for (;;) {
    let drawn = at.random.below(makers.reduce((sum, [weight]) => sum + weight, 0));
    const [, make] = makers.find(([weight]) => (drawn -= weight) < 0)!;
    const made = make(at);
    if (made !== null) return 'run' in made ? [made] : made;
  }
}

/** As among members of the classic protocol alone: where two brokers elected different leaders, all of them go. */
async function partIfLeadersDiffer(lockstep: Lockstep<ConsumerCast>): Promise<boolean> {
  const { apache: { classic }, ottla } = lockstep;
  if (classic.leader === ottla.classic.leader) return false;
  await lockstep.step({ name: 'all of the classic protocol leave', run: cast => cast.classic.allLeave() });
  return true;
}

const those = ({ cast }: Moment, isSo: (one: Consumer) => boolean): Consumer[] => [...cast.consumers.values()].filter(isSo);

const anyOf = <T>({ random }: Moment, choices: readonly T[]): T | null => choices.length === 0 ? null : random.pick(choices);

const someTopics = ({ random }: Moment): string[] => [...TOPICS, 'no such topic'].filter(() => random.chance(2));

/** Who comes and wants nothing is given what others want, at Kafka: see known-differences.ts. */
function newWish(at: Moment): ConsumerWish {
  const { random } = at;
  return {
    version: random.below(2), instanceId: random.chance(3) ? random.pick(INSTANCES) : null, rackId: random.chance(4) ? 'rack' : null,
    topics: random.chance(3) ? [random.pick(TOPICS), ...someTopics(at)].filter((name, index, all) => all.indexOf(name) === index) : TOPICS,
    assignor: 'range',
  };
}

const told = ({ version, instanceId, topics }: ConsumerWish): string =>
  `in v${version}${instanceId === null ? '' : ` as instance ${instanceId}`} for [${topics.join(', ')}]`;

function somebodyNewJoins(at: Moment): Made {
  if (mayBeInVain(at) || those(at, ({ phase }) => phase !== 'out').length > CONSUMER_MAX_SIZE) return null;
  // Ranges go by the order of ids: this one comes before any that a broker makes.
  const [name, wish] = [`!m${at.cast.consumers.size}`, newWish(at)];
  return { name: `${name} joins ${told(wish)}`, run: cast => cast.join(name, wish) };
}

function somebodyComesBack(at: Moment): Made {
  const one = anyOf(at, those(at, ({ phase, wish }) => wish.topics.length > 0 && (phase !== 'in' || at.random.chance(8))));
  if (one === null || mayBeInVain(at)) return null;
  return { name: `${one.name} comes back ${told(one.wish)}`, run: cast => cast.join(one.name, one.wish) };
}

/** Whoever waits in a classic group is sent away at Kafka, also when it is not converted after all: see known-differences.ts. */
const mayBeInVain = ({ cast, classicSize }: Moment): boolean => cast.side.whoWaits().size > 0 && classicSize >= CONSUMER_MAX_SIZE;

function somebodyBeats(at: Moment): Made {
  const one = anyOf(at, [...at.cast.consumers.values()]);
  if (one === null) return null;
  const { name } = one;
  switch (at.random.below(12)) {
    case 0: return { name: `${name} is an epoch ahead`, run: cast => cast.beat(name, { epoch: cast.consumer(name).epoch + 1 }) };
    case 1: return { name: `${name} is an epoch behind`, run: cast => cast.beat(name, { epoch: cast.consumer(name).epoch - 1, owned: cast.consumer(name).owned }) };
    case 2: return { name: `a stranger is heard of, as ${name} is`, run: cast => cast.beat(name, { memberId: 'a stranger' }) };
    case 3: return { name: `${name} is another instance`, run: cast => cast.beat(name, { instanceId: 'one' }) };
    case 4: return { name: `${name} works on what it has`, run: cast => cast.beat(name, { owned: cast.consumer(name).owned }) };
    default: return { name: `${name} is heard of`, run: cast => cast.beat(name) };
  }
}

function somebodyAcknowledges(at: Moment): Made {
  const one = anyOf(at, those(at, ({ phase }) => phase === 'in'));
  return one && { name: `${one.name} does as it was told`, run: cast => cast.acknowledge(one.name) };
}

/** As clients do, round after round, until everybody has what it should. */
function everybodyReconciles(at: Moment): Made {
  const names = those(at, ({ phase }) => phase === 'in').map(({ name }) => name);
  if (names.length === 0) return null;
  return names.flatMap(name => [
    { name: `${name} is heard of, among all`, run: cast => cast.beat(name) },
    { name: `${name} does as it was told, among all`, run: cast => cast.acknowledge(name) },
  ]);
}

function somebodyWantsOtherTopics(at: Moment): Made {
  const one = anyOf(at, those(at, ({ phase }) => phase === 'in'));
  if (one === null) return null;
  const wish = { ...one.wish, topics: someTopics(at) };
  return { name: `${one.name} wants [${wish.topics.join(', ')}]`, run: cast => cast.beat(one.name, { wish }) };
}

function somebodyLeaves(at: Moment): Made {
  const one = anyOf(at, those(at, ({ phase }) => phase !== 'out'));
  if (one === null) return null;
  const isComingBack = one.wish.instanceId !== null && at.random.chance(2);
  return { name: `${one.name} leaves${isComingBack ? ', to come back' : ''}`, run: cast => cast.leave(one.name, isComingBack) };
}

function somebodyCommits(at: Moment): Made {
  const { random } = at;
  const one = anyOf(at, [...at.cast.consumers.values()]);
  const [version, topic, partitionIndex, committedOffset] = [2 + random.below(9), random.pick(TOPICS), random.below(3), random.below(1_000)];
  const shift = random.pick([0, 0, 0, -1, 1]);
  const by = one === null || random.chance(5) ? null : one.name;
  return {
    name: `${by ?? 'somebody outside'} commits ${committedOffset} for ${topic}-${partitionIndex} in v${version}, ${shift} epochs off`,
    run: async cast => {
      const own = by === null ? undefined : cast.consumer(by);
      await cast.side.ask(by ?? 'admin', offsetCommitApi, {
        groupId: cast.side.groupId, memberId: own?.name ?? '', generationIdOrMemberEpoch: own === undefined ? -1 : own.epoch + shift,
        groupInstanceId: version >= 7 ? own?.wish.instanceId ?? null : null,
        topics: [{ name: topic, topicId: cast.classic.topicId(topic), partitions: [{ partitionIndex, committedOffset, committedMetadata: 'some' }] }],
      }, version);
    },
  };
}

function offsetsAreFetched(at: Moment): Made {
  const { random } = at;
  const one = anyOf(at, [...at.cast.consumers.values()]);
  const shift = random.pick([0, 0, -1, 1]);
  const [version, isNamed] = [8 + random.below(3), !random.chance(4)];
  return {
    name: `${one?.name ?? 'somebody outside'} fetches offsets in v${version}, ${shift} epochs off${isNamed ? '' : ', of all topics'}`,
    run: async cast => {
      const own = one === null || version < 9 ? undefined : cast.consumer(one.name);
      const topics = isNamed ? TOPICS.map(name => ({ name, topicId: cast.classic.topicId(name), partitionIndexes: [0, 1, 2] })) : null;
      await cast.side.ask('admin', offsetFetchApi, {
        requireStable: true, groups: [{ groupId: cast.side.groupId, memberId: own?.name ?? null, memberEpoch: own === undefined ? -1 : own.epoch + shift, topics }],
      }, version);
    },
  };
}

const offsetsAreDeleted = (at: Moment): Made => {
  const topics = someTopics(at);
  return { name: `offsets of ${topics.join(', ')} are deleted`, run: cast => cast.classic.deleteOffsets(topics, [0, 1]) };
};

function theGroupIsLookedAt({ random }: Moment): Made {
  if (random.chance(2)) return { name: 'the group is described in v0', run: cast => cast.describe() };
  const states = ['Stable', 'empty', 'assigning', 'Reconciling', 'PreparingRebalance', 'Dead'].filter(() => random.chance(2));
  const types = ['Classic', 'CONSUMER', 'share'].filter(() => random.chance(3));
  return { name: 'groups are listed', run: cast => cast.classic.list(states, types) };
}

const theGroupIsDeleted = (): Made => ({ name: 'the group is deleted', run: cast => cast.remove() });

const MAKERS: readonly Maker[] = [
  [10, somebodyNewJoins], [5, somebodyComesBack], [12, somebodyBeats], [14, somebodyAcknowledges], [5, everybodyReconciles], [3, somebodyWantsOtherTopics],
  [6, somebodyLeaves], [7, somebodyCommits], [4, offsetsAreFetched], [2, offsetsAreDeleted], [3, theGroupIsLookedAt], [1, theGroupIsDeleted],
];

// Members of the classic protocol

const NEWEST_JOIN = 9;
const FIRST_STATIC = 5;

const classics = ({ cast }: Moment, isSo: (one: Member) => boolean): Member[] =>
  [...cast.classic.members.values()].filter(one => !cast.side.isWaiting(one.name) && isSo(one));

function newClassicWish(at: Moment): Wish {
  const { random, cast } = at;
  // Of several with ids that brokers made, which comes first would be chance: one, and otherwise instances.
  const hasDynamic = at.hasMadeId || [...cast.classic.members.values()].some(({ name, phase }) => phase === 'named' || cast.side.isWaiting(name));
  const version = hasDynamic ? FIRST_STATIC + random.below(NEWEST_JOIN - FIRST_STATIC + 1) : random.below(NEWEST_JOIN + 1);
  // Whoever takes the last consumer's place makes the group classic, with a rebalance at odd moments here: see known-differences.ts.
  const instances = at.groupState === 'Stable' ? [...INSTANCES, 'three', 'four'] : ['three', 'four'];
  const instanceId = hasDynamic || (version >= FIRST_STATIC && random.chance(2)) ? random.pick(instances) : null;
  return { version, instanceId, protocolType: 'consumer', protocols: [{ name: 'range', topics: newWish(at).topics }] };
}

function aClassicJoins(at: Moment): Made {
  if (classics(at, ({ phase }) => phase !== 'out').length >= CONSUMER_MAX_SIZE) return null;
  const [name, wish] = [`c${at.cast.classic.members.size}`, newClassicWish(at)];
  return [
    {
      name: `${name} of the classic protocol joins in v${wish.version}${wish.instanceId === null ? '' : ` as instance ${wish.instanceId}`} for [${wish.protocols[0]!.topics.join(', ')}]`,
      run: cast => cast.classic.join(name, wish),
    },
    { name: `${name} joins with its id, if it was given one`, run: cast => cast.classic.member(name).phase === 'named' ? cast.classic.join(name, wish) : Promise.resolve() },
  ];
}

/** A heartbeat, and what follows from its answer. */
function aClassicGoesOn(at: Moment): Made {
  const one = anyOf(at, classics(at, ({ phase }) => phase !== 'out'));
  return one && goesOn(one.name);
}

function allClassicsGoOn(at: Moment): Made {
  const names = classics(at, ({ phase }) => phase !== 'out').map(({ name }) => name);
  // All have to have joined before one can be given its part.
  return names.length === 0 ? null : [...names.flatMap(name => goesOn(name).slice(0, 2)), ...names.flatMap(name => goesOn(name).slice(2))];
}

function goesOn(name: string): ConsumerStep[] {
  const ifFree = (cast: ConsumerCast, phase: Member['phase'], act: () => Promise<void>): Promise<void> =>
    !cast.side.isWaiting(name) && cast.classic.member(name).phase === phase ? act() : Promise.resolve();
  return [
    { name: `${name} beats`, run: cast => ifFree(cast, 'settled', () => cast.classic.beat(name)) },
    { name: `${name} joins again, if it has to`, run: cast => ifFree(cast, 'joined', () => cast.classic.join(name, cast.classic.member(name).wish)) },
    { name: `${name} syncs, if it has to`, run: cast => ifFree(cast, 'joined', () => cast.classic.sync(name)) },
  ];
}

function aClassicWantsOtherTopics(at: Moment): Made {
  const one = anyOf(at, classics(at, ({ phase }) => phase === 'settled'));
  if (one === null) return null;
  const wish = { ...one.wish, protocols: [{ name: 'range', topics: newWish(at).topics }] };
  return [{ name: `${one.name} joins for [${wish.protocols[0]!.topics.join(', ')}]`, run: cast => cast.classic.join(one.name, wish) }, ...goesOn(one.name).slice(2)];
}

function aClassicLeaves(at: Moment): Made {
  const one = anyOf(at, classics(at, ({ phase }) => phase !== 'out'));
  if (one === null) return null;
  const version = at.random.pick([3, 4, 5]);
  const how = one.wish.instanceId === null ? 'by id' : at.random.pick(['by id', 'by instance', 'by both'] as const);
  return { name: `${one.name} leaves, ${how}`, run: cast => cast.classic.leave([one.name], version, how) };
}

function aClassicCommits(at: Moment): Made {
  const one = anyOf(at, classics(at, ({ phase }) => phase !== 'out'));
  if (one === null) return null;
  const [version, shift, topic] = [2 + at.random.below(9), at.random.pick([0, 0, -1]), at.random.pick(TOPICS)];
  return {
    name: `${one.name} commits for ${topic} in v${version}, ${shift} generations off`,
    run: cast => {
      const own = cast.classic.member(one.name);
      return cast.classic.commit(own.name, {
        memberId: own.memberId, groupInstanceId: version >= 7 ? own.wish.instanceId : null, generationIdOrMemberEpoch: own.generationId + shift,
        topics: [{ name: topic, topicId: cast.classic.topicId(topic), partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }] }],
      }, version);
    },
  };
}

const CLASSIC_MAKERS: readonly Maker[] = [
  [14, aClassicJoins], [14, aClassicGoesOn], [8, allClassicsGoOn], [3, aClassicWantsOtherTopics], [6, aClassicLeaves], [4, aClassicCommits],
];
