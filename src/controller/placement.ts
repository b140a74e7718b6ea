import { isActive, NO_LEADER } from '../metadata/image.js';
import { MetadataVersionGate } from '../metadata/features.js';
import { partitionRecord } from '../metadata/image-records.js';
import type { MetadataRecord } from '../metadata/records.js';
import type { BrokerImage, MetadataImage } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Uuid } from '../protocol/wire/types.js';
import type { Moment } from '../runtime/machine.js';
import { defaultDirectory } from './partition-change.js';

const NONE_USABLE = 'All brokers are currently fenced, or have all their log directories cordoned.';

/**
 * Where the replicas of new partitions go: round the racks, and round the brokers within each, so that leaders and replicas
 * spread evenly and copies lie in different racks; fenced brokers get replicas only where the others do not suffice, and never
 * the first. Throws INVALID_REPLICATION_FACTOR when there are too few brokers. After Kafka's `StripedReplicaPlacer`.
 */
export function placeReplicas(image: MetadataImage, count: number, replicationFactor: number, at: Moment): number[][] {
  const usable = [...image.brokers.values()].filter(broker => !broker.inControlledShutdown && hasUncordonedDirectory(broker));
  const refuse = (why: string): never => { throw new KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, why); };
  if (usable.every(({ fenced }) => fenced)) refuse(NONE_USABLE);
  if (replicationFactor > usable.length) {
    refuse(`The target replication factor of ${replicationFactor} cannot be reached because only ${usable.length} broker(s) are registered or some brokers have all their log directories cordoned.`);
  }
  const chance = new Chance(at.newId());
  const racks = new Racks(usable, chance);
  return Array.from({ length: count }, () => racks.place(replicationFactor));
}

function hasUncordonedDirectory({ logDirs, cordonedLogDirs }: BrokerImage): boolean {
  return logDirs.length === 0 || logDirs.some(id => !cordonedLogDirs.includes(id));
}

/** Numbers that follow from one fresh id, so that a decision takes its chance from the moment alone (mulberry32). */
class Chance {
  #state: number;

  constructor(id: string) {
    this.#state = Buffer.from(id, 'base64url').readInt32BE(0);
  }

  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  shuffle(items: unknown[]): void {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      [items[last], items[other]] = [items[other]!, items[last]!];
    }
  }
}

/** Brokers taken in turn; each round begins one further on. */
class Ring {
  #taken = 0;
  #offset: number;
  #round = 0;

  constructor(private readonly brokers: number[], chance: Chance) {
    this.#offset = brokers.length === 0 ? 0 : chance.below(brokers.length);
  }

  /** undefined once all have been taken in this round. */
  next(round: number): number | undefined {
    if (round !== this.#round) {
      this.#round = round;
      this.#taken = 0;
      this.#offset = (this.#offset + 1) % this.brokers.length;
    }
    return this.#taken >= this.brokers.length ? undefined : this.brokers[(this.#taken++ + this.#offset) % this.brokers.length];
  }

  shuffle(chance: Chance): void {
    chance.shuffle(this.brokers);
  }
}

interface Rack {
  readonly serving: Ring;
  readonly fenced: Ring;
}

class Racks {
  readonly #racks: Rack[];
  readonly #serving: number;
  #round = 0;
  #offset: number;

  constructor(brokers: readonly BrokerImage[], private readonly chance: Chance) {
    // Brokers without a rack are a rack of their own, before all others.
    const names = [...new Set(brokers.map(({ rack }) => rack))].sort((a, b) => (a === null ? -1 : b === null ? 1 : a < b ? -1 : 1));
    const ring = (rack: string | null, fenced: boolean): Ring =>
      new Ring(brokers.filter(broker => broker.rack === rack && broker.fenced === fenced).map(({ id }) => id).sort((a, b) => a - b), chance);
    this.#racks = names.map(name => ({ serving: ring(name, false), fenced: ring(name, true) }));
    this.#serving = brokers.filter(({ fenced }) => !fenced).length;
    this.#offset = chance.below(names.length);
  }

  place(replicationFactor: number): number[] {
    if (this.#round === this.#serving && this.#serving > 1) {
      this.chance.shuffle(this.#racks);
      for (const { serving, fenced } of this.#racks) for (const ring of [serving, fenced]) ring.shuffle(this.chance);
      this.#round = 0;
    }
    const racks = [...this.#racks.keys()].map(index => (index + this.#offset) % this.#racks.length);
    const { first, broker } = this.#firstServing(racks);
    const replicas = [broker];
    for (let turn = 0; replicas.length < replicationFactor; turn++) {
      // The rack of the leader sits out the first turn.
      if (turn < racks.length && racks[turn] === first) continue;
      const { serving, fenced } = this.#racks[racks[turn % racks.length]!]!;
      const next = serving.next(this.#round) ?? fenced.next(this.#round);
      if (next !== undefined) replicas.push(next);
    }
    this.#round++;
    this.#offset = (this.#offset + 1) % this.#racks.length;
    return replicas;
  }

  #firstServing(racks: readonly number[]): { first: number; broker: number } {
    for (const first of racks) {
      const broker = this.#racks[first]!.serving.next(this.#round);
      if (broker !== undefined) return { first, broker };
    }
    throw new KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, NONE_USABLE);
  }
}

/** Replicas that somebody wrote out. Throws INVALID_REPLICA_ASSIGNMENT. */
export function checkAssignment(image: MetadataImage, replicas: readonly number[], expected: number | undefined): void {
  const refuse = (why: string): never => { throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `The manual partition assignment includes ${why}`); };
  if (replicas.length === 0) refuse('an empty replica list.');
  for (const [index, id] of [...replicas].sort((a, b) => a - b).entries()) {
    if (!image.brokers.has(id)) refuse(`broker ${id}, but no such broker is registered.`);
    if (replicas.indexOf(id) !== replicas.lastIndexOf(id) && index > 0) refuse(`the broker ${id} more than once.`);
  }
  if (expected !== undefined && expected !== replicas.length) {
    refuse(`a partition with ${replicas.length} replica(s), but this is not consistent with previous partitions, which have ${expected} replica(s).`);
  }
}

/** The record that makes a partition, led by the first replica that is active; undefined when none is. */
export function newPartition(image: MetadataImage, topicId: Uuid, partitionId: number, replicas: readonly number[]): MetadataRecord | undefined {
  const isr = replicas.filter(id => isActive(image.brokers.get(id)));
  if (isr.length === 0) return undefined;
  const hasDirectories = image.features.metadataVersion >= MetadataVersionGate.DIRECTORY_ASSIGNMENT;
  return partitionRecord(topicId, partitionId, {
    replicas, isr, leader: isr[0] ?? NO_LEADER, leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0,
    addingReplicas: [], removingReplicas: [], eligibleLeaderReplicas: [], lastKnownElr: [],
    directories: hasDirectories ? replicas.map(id => defaultDirectory(image.brokers.get(id))) : [],
  });
}
