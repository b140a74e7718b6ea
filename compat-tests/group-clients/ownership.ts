// Whether a partition ever had two owners, by what members were told and what they committed.

import { consumerProtocolAssignmentSchema } from '../../src/protocol/generated/consumer-protocol-assignment-record.js';
import { Reader } from '../../src/protocol/wire/reader.js';

/** Partitions by topic, a name or an id. */
export interface Owned {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** What a member of the classic protocol was assigned, as its client reads it. */
export function assignmentIn(bytes: Uint8Array): Owned[] {
  if (bytes.length < 2) return [];
  const reader = new Reader().reset(bytes);
  const version = Math.min(reader.int16(), consumerProtocolAssignmentSchema.maxVersion);
  return consumerProtocolAssignmentSchema.decode(reader, version).assignedPartitions.map(({ topic, partitions }) => ({ topic, partitions }));
}

const keysOf = (owned: readonly Owned[]): string[] => owned.flatMap(({ topic, partitions }) => partitions.map(partition => `${topic}-${partition}`));

/** Who has what, as one group goes along. */
class Group {
  /** Classic: by generation, then by partition, the member that it was assigned to. */
  readonly assigned = new Map<number, Map<string, string>>();
  /** Of the consumer protocol: by partition, the member that was told to have it and has not given it back. */
  readonly held = new Map<string, string>();
  /** Members that have left it: what they were told before may come after that. */
  readonly left = new Set<string>();
  /** By generation or epoch and partition, who committed. */
  readonly committers = new Map<string, string>();
}

/** Hears assignments, give-backs and commits in the order in which they pass, and gathers what must not be. */
export class Ownership {
  readonly faults: string[] = [];
  private readonly groups = new Map<string, Group>();

  /** Generations of classic groups, and assignments of the consumer protocol, that were seen. */
  assignments = 0;
  commits = 0;

  /** A member of the classic protocol hears what it has in a generation. */
  assigned(groupId: string, generation: number, member: string, owned: readonly Owned[]): void {
    this.assignments++;
    const { assigned } = this.group(groupId);
    const owners = assigned.get(generation) ?? new Map<string, string>();
    assigned.set(generation, owners);
    for (const key of keysOf(owned)) {
      const owner = owners.get(key) ?? member;
      if (owner !== member) this.faults.push(`${groupId}: in generation ${generation} both ${owner} and ${member} were assigned ${key}`);
      owners.set(key, member);
    }
  }

  /** A member of the consumer protocol hears what it has from now on. */
  told(groupId: string, member: string, owned: readonly Owned[]): void {
    this.assignments++;
    const { held, left } = this.group(groupId);
    if (left.has(member)) return;
    for (const key of keysOf(owned)) {
      const holder = held.get(key) ?? member;
      if (holder !== member) this.faults.push(`${groupId}: ${member} was assigned ${key} while ${holder} still had it`);
      held.set(key, member);
    }
  }

  /** It says what it still has: all else of its own is free. */
  stillHas(groupId: string, member: string, owned: readonly Owned[]): void {
    const { held } = this.group(groupId);
    const keys = new Set(keysOf(owned));
    for (const [key, holder] of held) if (holder === member && !keys.has(key)) held.delete(key);
  }

  /** It joins, or joins again. */
  joins(groupId: string, member: string): void {
    this.stillHas(groupId, member, []);
    this.group(groupId).left.delete(member);
  }

  leaves(groupId: string, member: string): void {
    this.stillHas(groupId, member, []);
    this.group(groupId).left.add(member);
  }

  /** An offset that a member committed in a generation, or epoch, was taken. */
  committed(groupId: string, generation: number, member: string, topic: string, partition: number): void {
    this.commits++;
    const { committers } = this.group(groupId);
    const key = `${generation} ${topic}-${partition}`;
    const other = committers.get(key) ?? member;
    if (other !== member) this.faults.push(`${groupId}: in generation ${generation} both ${other} and ${member} committed ${topic}-${partition}`);
    committers.set(key, member);
  }

  private group(groupId: string): Group {
    let group = this.groups.get(groupId);
    if (group === undefined) this.groups.set(groupId, group = new Group());
    return group;
  }
}
