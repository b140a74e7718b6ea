// Members whom the uniform assignor serves: which partitions one is given is each broker's own affair, how many is not.

import type { SeededRandom } from '../../support/random.js';
import type { Actor, Answers, Lockstep, Step } from '../../lockstep/lockstep.js';
import type { Side } from '../../lockstep/side.js';
import { ConsumerCast, type ConsumerWish } from './cast.js';

/** So many that one to four members share them evenly. */
const PARTITIONS = 12;
const TOPIC = 'consumers-twelve';
export const UNIFORM_TOPIC: Readonly<Record<string, number>> = { [TOPIC]: PARTITIONS };
const MOST_MEMBERS = 4;
/** Until everybody has what it should: one to give back, one to get, and one in which nothing happens. */
const ROUNDS = 3;

/** A group of which numbers of partitions are seen in place of partitions. */
export class UniformCast implements Actor {
  readonly cast: ConsumerCast;

  constructor(readonly side: Side) {
    this.cast = new ConsumerCast(side);
  }

  async look(): Promise<{ seen: unknown; isOwing: boolean }> {
    const { seen, isOwing } = await this.cast.look();
    return { seen: counted(seen), isOwing };
  }

  membersIn(): string[] {
    return [...this.cast.consumers.values()].filter(({ phase }) => phase === 'in').map(({ name }) => name);
  }

  /** @throws Error unless every partition has one owner, and all have as many. */
  checkOwners(): void {
    const names = this.membersIn();
    const owned = names.map(name => this.cast.consumer(name).owned.flatMap(({ partitions }) => partitions));
    const isWhole = new Set(owned.flat()).size === PARTITIONS;
    if (isWhole && owned.every(partitions => partitions.length === PARTITIONS / names.length)) return;
    throw new Error(`${this.side.address.kind} shares out ${names.map((name, index) => `${name}: ${owned[index]!.join(' ')}`).join(', ')}`);
  }
}

export function levelPartitions(): (...both: [Answers, Answers]) => void {
  return (...both) => {
    for (const answers of both) for (const [label, answer] of answers) answers.set(label, counted(answer));
  };
}

/** One member after the other comes or goes, and all do as they are told. */
export async function playUniform(lockstep: Lockstep<UniformCast>, random: SeededRandom, changes: number): Promise<void> {
  for (let change = 0; change < changes; change++) {
    await lockstep.step(someChange(lockstep.apache, random));
    for (let round = 0; round < ROUNDS; round++) {
      for (const name of lockstep.apache.membersIn()) {
        await lockstep.step({ name: `${name} is heard of`, run: ({ cast }) => cast.beat(name) });
        await lockstep.step({ name: `${name} does as it was told`, run: ({ cast }) => cast.acknowledge(name) });
      }
    }
    if (lockstep.apache.membersIn().length > 0) await lockstep.step({ name: 'all partitions have owners', run: actor => Promise.resolve(actor.checkOwners()) });
  }
}

function someChange(actor: UniformCast, random: SeededRandom): Step<UniformCast> {
  const names = actor.membersIn();
  const mayJoin = names.length < MOST_MEMBERS;
  if (names.length > 0 && (!mayJoin || random.chance(3))) {
    const name = random.pick(names);
    return { name: `${name} leaves`, run: ({ cast }) => cast.leave(name, false) };
  }
  const wish: ConsumerWish = { version: random.below(2), instanceId: null, rackId: null, topics: [TOPIC], assignor: random.chance(2) ? 'uniform' : null };
  const name = `!u${actor.cast.consumers.size}`;
  return { name: `${name} joins`, run: ({ cast }) => cast.join(name, wish) };
}

/** A copy in which lists of partitions are their number. */
function counted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(counted);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === 'topicPartitions' && Array.isArray(inner) ? sizeOf(inner) : counted(inner)]));
}

const sizeOf = (topics: readonly { partitions: readonly unknown[] }[]): number => topics.reduce((sum, { partitions }) => sum + partitions.length, 0);
