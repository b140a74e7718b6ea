import { SimRandom } from '../../env/sim/index.js';
import type { TransactionVersion } from '../../coordinator/transaction/types.js';
import type { Disturbance } from './disturbed-net.js';
import type { ProtocolVersions } from './transactional-client.js';

/** What a seed makes up: who there is, and what each does and suffers. */

export type End = 'commit' | 'abort' | 'abandon' | 'commitAndDie';

/** How many records go to one of `PLACES`; those of one request stand together. */
export interface Write {
  readonly place: number;
  readonly count: number;
  readonly paddingBytes: number;
}

/** Each actor does what is his in this order, after its pause; what different ones do goes on side by side. */
export type Operation = { readonly who: string; readonly pauseMs: number } & (
  | { readonly do: 'transaction'; readonly requests: readonly (readonly Write[])[]; readonly thinkMs: number; readonly end: End }
  /** A new incarnation, which knows nothing of the last. */
  | { readonly do: 'begin anew' }
  | { readonly do: 'process'; readonly atMost: number; readonly thinkMs: number; readonly end: End }
  | { readonly do: 'leave' }
  | { readonly do: 'send'; readonly writes: readonly Write[] }
  | { readonly do: 'read'; readonly place: number; readonly maxBytes: number }
  | { readonly do: 'disturb'; readonly how: Disturbance; readonly after: number; readonly delayMs: number }
  | { readonly do: 'audit' }
  | { readonly do: 'kill'; readonly downMs: number }
  | { readonly do: 'kill at'; readonly operations: number; readonly part: number; readonly downMs: number }
  | { readonly do: 'stop'; readonly downMs: number }
);

export interface ProducerPlan {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  readonly versions: ProtocolVersions;
}

export interface Plan {
  /** Of the cluster; below 2 all clients speak the classic protocol. */
  readonly transactionVersion: TransactionVersion;
  /** Of the pipeline's group. */
  readonly groupProtocol: 'classic' | 'consumer';
  readonly settings: Readonly<Record<string, string>>;
  /** By the actor's name: transactional producers, and members of a pipeline. */
  readonly producers: Readonly<Record<string, ProducerPlan>>;
  readonly members: Readonly<Record<string, ProducerPlan>>;
  readonly operations: readonly Operation[];
}

/** Where records go; only what a pipeline writes is elsewhere. */
export const PLACES = [
  { topic: 'shared', index: 0 }, { topic: 'shared', index: 1 }, { topic: 'keyed', index: 0 }, { topic: 'input', index: 0 }, { topic: 'input', index: 1 },
] as const;
export const KEYED_PLACE = 2;
export const INPUTS = [PLACES[3], PLACES[4]] as const;
export const OUTPUT = { topic: 'output', index: 0 } as const;
export const READ_PLACES = [...PLACES, OUTPUT] as const;
export const GROUP = 'pipeline';

/** Two share an id, so that each is the other's zombie. */
const PRODUCERS = { a1: 'a', a2: 'a', b1: 'b' } as const;
const MEMBERS = ['m1', 'm2'] as const;
export const PLAIN = ['p1', 'p2'] as const;
export const READERS = { r1: 'committed', r2: 'uncommitted' } as const;
export const CHAOS = 'chaos';

/** Ids expire only where a plan sets it. */
export const ID_EXPIRATION = 'transactional.id.expiration.ms';

export const OPERATIONS_A_PLAN = 40;

export function randomPlan(seed: number, count = OPERATIONS_A_PLAN): Plan {
  const random = new SimRandom(`plan ${seed}`);
  const circumstances = new SimRandom(`circumstances ${seed}`);
  const worn = circumstances.chance(0.25) ? 'worn-' : '';
  const transactionVersion = ([0, 1, 2, 2, 2, 2, 2, 2] as const)[circumstances.int(8)]!;
  const producer = (transactionalId: string): ProducerPlan =>
    ({ transactionalId, timeoutMs: [600, 1500, 4000, 9000][random.int(4)]!, versions: randomVersions(random, transactionVersion < 2) });
  const ids = random.chance(0.3) ? ['m', 'm'] : [...MEMBERS];
  return {
    transactionVersion,
    groupProtocol: circumstances.chance(0.6) ? 'classic' : 'consumer',
    settings: random.chance(0.2) ? { [ID_EXPIRATION]: '12000' } : {},
    producers: Object.fromEntries(Object.entries(PRODUCERS).map(([name, id]) => [name, producer(`${worn}${id}`)])),
    members: Object.fromEntries(MEMBERS.map((name, index) => [name, producer(`${worn}${ids[index]!}`)])),
    operations: Array.from({ length: count }, () => randomOperation(random)),
  };
}

/** Half of the clients are of the second version of transactions, the others of some older age. */
function randomVersions(random: SimRandom, isClassic: boolean): ProtocolVersions {
  if (random.chance(0.5) && !isClassic) return { initProducerId: 5, produce: 12, txnOffsetCommit: 5, endTxn: 5 };
  return {
    initProducerId: random.int(6), produce: [3, 7, 9, 10, 11, 11][random.int(6)]!, txnOffsetCommit: 3 + random.int(2), endTxn: random.int(5),
    addPartitions: random.int(4), addOffsets: random.int(5),
  };
}

function randomOperation(random: SimRandom): Operation {
  const pauseMs = random.chance(0.7) ? random.int(60) : random.chance(0.8) ? random.int(1500) : random.int(15_000);
  const of = (names: readonly string[]): string => names[random.int(names.length)]!;
  const choice = random.int(100);
  if (choice < 34) return { who: of(Object.keys(PRODUCERS)), pauseMs, do: 'transaction', requests: randomRequests(random), thinkMs: randomThinkMs(random), end: randomEnd(random) };
  if (choice < 37) return { who: of(Object.keys(PRODUCERS)), pauseMs, do: 'begin anew' };
  if (choice < 53) return { who: of(MEMBERS), pauseMs, do: 'process', atMost: 1 + random.int(4), thinkMs: randomThinkMs(random), end: randomEnd(random) };
  if (choice < 54) return { who: of(MEMBERS), pauseMs, do: 'leave' };
  if (choice < 63) return { who: of(PLAIN), pauseMs, do: 'send', writes: randomWrites(random) };
  if (choice < 74) return { who: of(Object.keys(READERS)), pauseMs, do: 'read', place: random.int(READ_PLACES.length), maxBytes: random.chance(0.3) ? 1 : 1 + random.int(2000) };
  if (choice < 89) {
    const who = of([...Object.keys(PRODUCERS), ...MEMBERS, ...PLAIN]);
    return {
      who, pauseMs: 0, do: 'disturb', how: (['lost', 'unanswered', 'late', 'again'] as const)[random.int(4)]!, after: random.int(6),
      delayMs: random.chance(0.7) ? random.int(60) : random.int(3000),
    };
  }
  if (choice < 91) return { who: CHAOS, pauseMs, do: 'audit' };
  if (choice < 93) return { who: CHAOS, pauseMs, do: 'kill', downMs: randomDownMs(random) };
  if (choice < 99) return { who: CHAOS, pauseMs, do: 'kill at', operations: random.int(random.chance(0.6) ? 6 : 40), part: random.int(5) / 4, downMs: randomDownMs(random) };
  return { who: CHAOS, pauseMs, do: 'stop', downMs: randomDownMs(random) };
}

function randomRequests(random: SimRandom): Write[][] {
  return Array.from({ length: 1 + random.int(3) }, () => randomWrites(random));
}

/** Different partitions, one to three. */
function randomWrites(random: SimRandom): Write[] {
  const places = new Set(Array.from({ length: 1 + random.int(3) }, () => random.int(PLACES.length)));
  return Array.from(places, place => ({ place, count: 1 + random.int(3), paddingBytes: random.chance(0.2) ? random.int(350) : 0 }));
}

const randomThinkMs = (random: SimRandom): number => (random.chance(0.6) ? 0 : random.chance(0.7) ? random.int(40) : random.int(3000));
const randomDownMs = (random: SimRandom): number => (random.chance(0.7) ? random.int(50) : random.int(3000));

function randomEnd(random: SimRandom): End {
  const choice = random.int(100);
  return choice < 58 ? 'commit' : choice < 80 ? 'abort' : choice < 90 ? 'abandon' : 'commitAndDie';
}

export function formatOperations(operations: readonly Operation[]): string {
  return operations.map(operation => JSON.stringify(operation)).join('\n');
}
