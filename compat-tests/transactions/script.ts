// What transactional producers do next: chosen by a seed from what makes sense now, and now and then from what does not. A step
// names what it asks by what the producer knows when it is played, so that any part of a script can be played too.

import type { SeededRandom } from '../support/random.js';
import type { Step } from '../lockstep/lockstep.js';
import { FIRST_MADE_UP_EPOCH } from './logs.js';
import { TransactionCast, type Membership } from './cast.js';
import type { Place, Sequence, Whose } from './producers.js';

export type TransactionStep = Step<TransactionCast>;

/** What both brokers are told the limits are. */
export const MAX_TIMEOUT_MS = 900_000;
/** Longer than any scene. */
export const TIMEOUT_MS = 600_000;
const IDS = TransactionCast.ids;
const PLACES: readonly Place[] = ['a0', 'a1', 'b0', 'b1'];
/** Of the second version of transactions (KIP-890): what is written to joins by itself, and every end makes a new epoch. */
const [FIRST_PRODUCE_V2, LAST_PRODUCE] = [12, 13];
const [FIRST_PRODUCE, LAST_ADD, LAST_ADD_OFFSETS, COMMIT_V2, END_V2, LAST_INIT] = [3, 3, 4, 5, 5, 5];
const ILLEGAL: readonly Whose[] = ['older', 'newer', 'last', 'former', 'other', 'stranger', 'nobody'];

/** How a producer speaks: as clients before KIP-890, as those after it, or one request so and the next so. */
type Style = 'classic' | 'new' | 'mixed';

interface Producer {
  readonly id: string;
  readonly style: Style;
  isInitialised: boolean;
  isOpen: boolean;
}

interface Moment {
  readonly random: SeededRandom;
  readonly producer: Producer;
}

type Maker = readonly [weight: number, make: (at: Moment) => TransactionStep];

export interface ScriptOptions {
  /** How its producers speak: by default each in its own way. */
  readonly style?: Style;
  /** They have been initialised by an earlier part. */
  readonly isGoingOn?: boolean;
}

/** Steps of a scene that a seed chooses. */
export function scriptOf(random: SeededRandom, count: number, { style, isGoingOn = false }: ScriptOptions = {}): TransactionStep[] {
  const producers = IDS.map((id): Producer => ({ id, style: style ?? random.pick(['classic', 'new', 'mixed']), isInitialised: isGoingOn, isOpen: isGoingOn && random.chance(2) }));
  return Array.from({ length: count }, () => next({ random, producer: random.pick(producers) }));
}

function next(at: Moment): TransactionStep {
  const { producer, random } = at;
  const open = [...ANYONE, ...(!producer.isInitialised ? NEW : producer.isOpen ? OPEN : IDLE)];
  let drawn = random.below(open.reduce((sum, [weight]) => sum + weight, 0));
  return open.find(([weight]) => (drawn -= weight) < 0)![1](at);
}

// What is chosen

function isNew({ producer: { style }, random }: Moment): boolean {
  return style === 'mixed' ? random.chance(2) : style === 'new';
}

const between = (random: SeededRandom, first: number, last: number): number => first + random.below(last - first + 1);

/** Mostly the producer as it is. */
function whose({ random }: Moment, oneIn = 10): Whose {
  return random.chance(oneIn) ? random.pick(ILLEGAL) : 'own';
}

const toldWhose = (who: Whose): string => (who === 'own' ? '' : `, as ${who}`);

function some({ random }: Moment, from: readonly string[], most = 2): string[] {
  const left = [...from];
  return Array.from({ length: between(random, 1, most) }, () => left.splice(random.below(left.length), 1)[0]!).sort();
}

function places(at: Moment): Place[] {
  return at.random.chance(25) ? some(at, [...PLACES, 'missing0', 'a7']) : some(at, PLACES);
}

// One kind of step after the other

function init(at: Moment): TransactionStep {
  const { producer, random } = at;
  const { id } = producer;
  const version = random.below(LAST_INIT + 1);
  const who = random.chance(3) ? 'own' : random.chance(5) ? random.pick(ILLEGAL) : 'nobody';
  const timeoutMs = random.chance(12) ? random.pick([0, -1, MAX_TIMEOUT_MS, MAX_TIMEOUT_MS + 1]) : TIMEOUT_MS;
  // An open one is aborted first, on which the producer is sent away.
  const insists = random.chance(2);
  Object.assign(producer, { isInitialised: true, isOpen: producer.isOpen && !insists });
  return { name: `${id} inits v${version}${toldWhose(who)}, ${timeoutMs} ms${insists ? ', until it may' : ''}`, run: cast => cast.init(id, { version, whose: who, timeoutMs, insists }) };
}

function initEmpty({ random }: Moment): TransactionStep {
  const version = random.below(LAST_INIT + 1);
  return { name: `an empty id inits v${version}`, run: cast => cast.init('', { version }) };
}

function initIdempotent({ producer, random }: Moment): TransactionStep {
  const version = random.below(LAST_INIT + 1);
  Object.assign(producer, { isInitialised: true });
  return { name: `${producer.id} becomes idempotent v${version}`, run: cast => cast.initIdempotent(producer.id, version) };
}

function add(at: Moment): TransactionStep {
  const { producer, random } = at;
  const { id } = producer;
  const [version, who, added] = [random.below(LAST_ADD + 1), whose(at), places(at)];
  producer.isOpen = true;
  return { name: `${id} adds ${added.join(' ')} v${version}${toldWhose(who)}`, run: cast => cast.add(id, added, { version, whose: who }) };
}

function verify(at: Moment): TransactionStep {
  const { random } = at;
  const version = between(random, 4, 5);
  const verified = some(at, IDS).map(id => ({ id, whose: whose(at, 5), verifyOnly: at.producer.style === 'classic' || !random.chance(4), places: places(at) }));
  const told = verified.map(({ id, whose: who, verifyOnly, places: asked }) => `${verifyOnly ? 'is' : 'adds'} ${asked.join(' ')} of ${id}${toldWhose(who)}`);
  return { name: `a broker asks v${version}: ${told.join('; ')}`, run: cast => cast.verify(verified, version) };
}

function addOffsets(at: Moment): TransactionStep {
  const { producer, random } = at;
  const { id } = producer;
  const [version, who, group] = [random.below(LAST_ADD_OFFSETS + 1), whose(at), random.chance(15) ? '' : 'g'];
  producer.isOpen = true;
  return { name: `${id} adds offsets of '${group}' v${version}${toldWhose(who)}`, run: cast => cast.addOffsets(id, group, { version, whose: who }) };
}

const MEMBERSHIPS: readonly Membership[] = ['none', 'none', 'real', 'real', 'former generation', 'made up'];

function commitOffsets(at: Moment): TransactionStep {
  const { producer, random } = at;
  const { id } = producer;
  const [version, who, membership] = [isNew(at) ? COMMIT_V2 : random.below(COMMIT_V2), whose(at), random.pick(MEMBERSHIPS)];
  const [committed, offset, groupId] = [places(at), random.below(100), random.chance(20) ? '' : 'g'];
  if (version === COMMIT_V2) producer.isOpen = true;
  return {
    name: `${id} commits ${offset} for ${committed.join(' ')} of '${groupId}' v${version}${toldWhose(who)}, membership ${membership}`,
    run: cast => cast.commitOffsets(id, committed, { version, whose: who, membership, offset, groupId }),
  };
}

const SEQUENCES: readonly Sequence[] = ['repeat', 'gap', 'zero'];

function produce(at: Moment): TransactionStep {
  const { producer, random } = at;
  const { id } = producer;
  const version = isNew(at) ? between(random, FIRST_PRODUCE_V2, LAST_PRODUCE) : between(random, FIRST_PRODUCE, FIRST_PRODUCE_V2 - 1);
  const isTransactional = !random.chance(12);
  // Outside of transactions nobody checks an epoch that is ahead, with which a log no more takes the marker of the right one.
  const [who, sequence] = [isTransactional ? whose(at, 12) : 'own', random.chance(6) ? random.pick(SEQUENCES) : 'next'];
  const as = random.chance(30) ? random.pick(['', 't0', null]) : isTransactional ? undefined : null;
  const written = some(at, random.chance(25) ? [...PLACES, 'a7'] : PLACES).map(place => ({ place, sequence, isTransactional, count: between(random, 1, 3) }));
  if (version >= FIRST_PRODUCE_V2) producer.isOpen = true;
  const told = `${written.map(({ place, count }) => `${count} to ${place}`).join(', ')}${sequence === 'next' ? '' : `, sequence ${sequence}`}${isTransactional ? '' : ', not transactional'}`;
  return {
    name: `${id} writes ${told} v${version}${toldWhose(who)}${as === undefined ? '' : `, id ${as === null ? 'null' : `'${as}'`}`}`,
    run: cast => cast.produce(id, written, { version, whose: who, ...(as !== undefined && { as }) }),
  };
}

function writePlain({ random }: Moment): TransactionStep {
  const [place, version] = [random.pick(PLACES), between(random, FIRST_PRODUCE, LAST_PRODUCE)];
  return { name: `somebody writes to ${place} v${version}`, run: cast => cast.produce('somebody', [{ place, sequence: 'none', isTransactional: false }], { version, as: null }) };
}

function end(at: Moment): TransactionStep {
  const { producer, random } = at;
  const { id } = producer;
  const [version, who, committed] = [isNew(at) ? END_V2 : random.below(END_V2), whose(at), !random.chance(3)];
  if (who === 'own') producer.isOpen = false;
  return { name: `${id} ${committed ? 'commits' : 'aborts'} v${version}${toldWhose(who)}`, run: cast => cast.end(id, committed, { version, whose: who }) };
}

/** The answer got lost: asked once more, as what the producer was. */
function endTwice(at: Moment): TransactionStep {
  const { producer, random } = at;
  const { id } = producer;
  const [version, committed] = [isNew(at) ? END_V2 : random.below(END_V2), random.chance(2)];
  producer.isOpen = false;
  return {
    name: `${id} ${committed ? 'commits' : 'aborts'} v${version}, and again`,
    run: async cast => {
      await cast.end(id, committed, { version });
      await cast.end(id, committed, { version, whose: version === END_V2 ? 'former' : 'own', insists: true });
    },
  };
}

/** As a client in haste: the next transaction begins while the last one is still being ended. */
function endAndGoOn(at: Moment): TransactionStep {
  const { producer, random } = at;
  const { id } = producer;
  const [committed, place] = [random.chance(2), random.pick(PLACES)];
  producer.isOpen = true;
  const told = `${id} ${committed ? 'commits' : 'aborts'}, and goes on at once with ${place}`;
  if (isNew(at)) {
    return {
      name: `${told} by writing`,
      run: async cast => {
        await cast.end(id, committed, { version: END_V2 });
        await cast.produce(id, [{ place }], { version: LAST_PRODUCE, insists: true });
      },
    };
  }
  return {
    name: `${told} by adding`,
    run: async cast => {
      await cast.end(id, committed, { version: END_V2 - 1 });
      await cast.add(id, [place], { version: LAST_ADD, insists: true });
    },
  };
}

/** By hand; of a producer that has a coordinator only such as the coordinator could have sent, else the two never come together again. */
function mark(at: Moment): TransactionStep {
  const { producer, random } = at;
  const version = between(random, 1, 2);
  const isStranger = random.chance(2);
  const marker = {
    id: producer.id, whose: isStranger ? 'stranger' as const : random.pick<Whose>(['own', 'older', 'former']), committed: random.chance(2),
    coordinatorEpoch: isStranger ? random.pick([0, FIRST_MADE_UP_EPOCH, FIRST_MADE_UP_EPOCH + 1]) : 0, transactionVersion: version === 1 ? 0 : random.pick([0, 2]), places: places(at),
  };
  const told = `${marker.committed ? 'commit' : 'abort'} of ${marker.whose} in ${marker.places.join(' ')}, coordinator epoch ${marker.coordinatorEpoch}, ` +
    `transaction version ${marker.transactionVersion}`;
  return { name: `${producer.id} is marked by hand v${version}: ${told}`, run: cast => cast.mark([marker], version) };
}

function joinGroup(): TransactionStep {
  return { name: 'the member joins', run: cast => cast.join() };
}

// What readers see

function read(at: Moment): TransactionStep {
  const [asked, version] = [some(at, PLACES), between(at.random, 4, 17)];
  return { name: `somebody reads ${asked.join(' ')} v${version}`, run: async cast => { for (const isolation of [0, 1]) await cast.fetch(asked, isolation, version); } };
}

function readOffsets(at: Moment): TransactionStep {
  const [asked, version, timestamp] = [some(at, PLACES), between(at.random, 2, 10), at.random.pick([-1, -2, 1])];
  return {
    name: `somebody asks for offsets of ${asked.join(' ')} at ${timestamp} v${version}`,
    run: async cast => { for (const isolation of [0, 1]) await cast.listOffsets(asked, isolation, timestamp, version); },
  };
}

function readCommitted({ random }: Moment): TransactionStep {
  const [version, requireStable] = [between(random, 7, 10), random.chance(2)];
  return { name: `somebody reads the group's ${requireStable ? 'stable ' : ''}offsets v${version}`, run: cast => cast.fetchOffsets(version, requireStable) };
}

const STATES = ['Empty', 'Ongoing', 'PrepareCommit', 'CompleteCommit', 'CompleteAbort', 'Dead', 'NoSuchState'];

function list(at: Moment): TransactionStep {
  const { producer, random } = at;
  const version = random.below(3);
  const states = random.chance(2) ? some(at, STATES) : [];
  const of = random.chance(3) ? producer.id : undefined;
  // Nothing here is open for so long, and -1 was of ids that never had a transaction: for longer than any.
  const durationMs = version >= 1 && random.chance(3) ? TIMEOUT_MS : -1;
  const pattern = version >= 2 && random.chance(2) ? random.pick(['t0', 't[12]', 't', '.*1', '']) : null;
  return {
    name: `somebody lists v${version}, states ${states.join(' ')}, producer ${of}, longer than ${durationMs} ms, pattern ${pattern}`,
    run: cast => cast.list({ states, ...(of !== undefined && { of }), durationMs, pattern }, version),
  };
}

function describe(at: Moment): TransactionStep {
  const ids = some(at, [...IDS, '', 'nobody']);
  return { name: `somebody describes '${ids.join('\' \'')}'`, run: cast => cast.describe(ids) };
}

function describeProducers(at: Moment): TransactionStep {
  const asked = places(at);
  return { name: `somebody asks for the producers of ${asked.join(' ')}`, run: cast => cast.describeProducers(asked) };
}

function find({ producer, random }: Moment): TransactionStep {
  const [version, id] = [random.below(7), random.chance(5) ? '' : producer.id];
  return { name: `somebody looks for the coordinator of '${id}' v${version}`, run: cast => cast.findCoordinator(id, version) };
}

const ANYONE: readonly Maker[] = [
  [3, read], [2, readOffsets], [2, readCommitted], [2, list], [1, describe], [3, describeProducers], [1, find], [2, writePlain], [2, verify], [2, mark], [1, joinGroup],
];
const NEW: readonly Maker[] = [[40, init], [2, produce], [1, end], [1, add], [1, addOffsets], [1, commitOffsets], [1, initEmpty], [1, initIdempotent]];
const IDLE: readonly Maker[] = [[12, add], [14, produce], [6, addOffsets], [6, commitOffsets], [4, init], [4, end], [2, endTwice]];
const OPEN: readonly Maker[] = [[6, add], [24, produce], [4, addOffsets], [8, commitOffsets], [3, init], [12, end], [4, endTwice], [6, endAndGoOn]];
