import type { Uuid } from '../../../protocol/wire/types.js';
import { AssignorError, type AssignedPartitions, type GroupAssignment, type GroupSpec, type MemberSpec, type TopicDescriber } from './assignor.js';

/** The owner of a partition that nobody has. */
export const NOBODY = -1;

/** A partition, with the index of its topic. */
export interface Place {
  readonly topic: number;
  readonly partition: number;
}

/**
 * Who is to own which partition, while it is worked out. Members and topics go by their index here, so that dealing thousands of
 * partitions is arithmetic on typed arrays; only members whose partitions change get new maps in the end.
 */
export class Ownership {
  /** By topic, then by partition: the index of the owner, or `NOBODY`. To be changed through `give` and `release` alone. */
  readonly owners: readonly Int32Array[];
  /** By member: the number of its partitions. */
  readonly sizes: Int32Array;
  readonly partitionCount: number;
  private readonly members: readonly MemberSpec[];
  private readonly topicIndexes: ReadonlyMap<Uuid, number>;
  private readonly hasChanged: Uint8Array;

  /** @throws AssignorError when one of `topicIds`, which the group subscribes to, does not exist. */
  constructor(private readonly group: GroupSpec, private readonly topicIds: readonly Uuid[], topics: TopicDescriber) {
    this.members = [...group.members.values()];
    this.sizes = new Int32Array(this.members.length);
    this.hasChanged = new Uint8Array(this.members.length);
    this.topicIndexes = new Map(topicIds.map((topicId, index) => [topicId, index]));
    this.owners = topicIds.map(topicId => new Int32Array(partitionCountOf(topicId, topics)).fill(NOBODY));
    this.partitionCount = this.owners.reduce((sum, { length }) => sum + length, 0);
  }

  /**
   * Lets every member keep what it has of the topics that it subscribes to. What cannot be kept is passed over: a partition that
   * does not exist, or one that another has too, as assignments that clients once made for themselves can hold.
   */
  keepAssigned(): void {
    for (const [member, { subscribedTopicIds, assigned }] of this.members.entries()) {
      for (const [topicId, partitions] of assigned) {
        const owners = subscribedTopicIds.has(topicId) ? this.ownersOf(topicId) : undefined;
        if (owners === undefined) {
          this.hasChanged[member] = 1;
          continue;
        }
        for (const partition of partitions) {
          if (owners[partition] !== NOBODY) {
            this.hasChanged[member] = 1;
            continue;
          }
          owners[partition] = member;
          this.sizes[member]!++;
        }
      }
    }
  }

  /** What nobody has. */
  unowned(): Place[] {
    return this.owners.flatMap((owners, topic) => {
      const places: Place[] = [];
      for (let partition = 0; partition < owners.length; partition++) if (owners[partition] === NOBODY) places.push({ topic, partition });
      return places;
    });
  }

  /** Takes the member's last partitions, in the order in which it was assigned them, so that it has `most` left. */
  trim(member: number, most: number): Place[] {
    const taken: Place[] = [];
    let kept = 0;
    for (const [topicId, partitions] of this.members[member]!.assigned) {
      const topic = this.topicIndexes.get(topicId);
      if (topic === undefined) continue;
      for (const partition of partitions) {
        if (this.owners[topic]![partition] !== member || ++kept <= most) continue;
        this.release(topic, partition);
        taken.push({ topic, partition });
      }
    }
    return taken;
  }

  /** @param partition - nobody's so far */
  give(topic: number, partition: number, member: number): void {
    this.owners[topic]![partition] = member;
    this.sizes[member]!++;
    this.hasChanged[member] = 1;
  }

  /** @param partition - somebody's so far */
  release(topic: number, partition: number): void {
    const member = this.owners[topic]![partition]!;
    this.owners[topic]![partition] = NOBODY;
    this.sizes[member]!--;
    this.hasChanged[member] = 1;
  }

  /** With an entry for every member; who keeps what it had has the very map that it had. */
  toAssignment(): GroupAssignment {
    const renewed = this.members.map((_, member) => this.hasChanged[member] === 1 ? new Map<Uuid, Set<number>>() : undefined);
    for (const [topic, owners] of this.owners.entries()) {
      for (let partition = 0; partition < owners.length; partition++) {
        const partitions = renewed[owners[partition]!];
        if (partitions !== undefined) addPartition(partitions, this.topicIds[topic]!, partition);
      }
    }
    return new Map([...this.group.members].map(([memberId, { assigned }], member): [string, AssignedPartitions] => [memberId, renewed[member] ?? assigned]));
  }

  private ownersOf(topicId: Uuid): Int32Array | undefined {
    const topic = this.topicIndexes.get(topicId);
    return topic === undefined ? undefined : this.owners[topic];
  }
}

/** @throws AssignorError when there is no such topic. */
export function partitionCountOf(topicId: Uuid, topics: TopicDescriber): number {
  const count = topics.partitionCount(topicId);
  if (count < 0) throw new AssignorError(`Members are subscribed to topic ${topicId} which doesn't exist in the topic metadata.`);
  return count;
}

function addPartition(assignment: Map<Uuid, Set<number>>, topicId: Uuid, partition: number): void {
  const partitions = assignment.get(topicId);
  if (partitions === undefined) assignment.set(topicId, new Set([partition]));
  else partitions.add(partition);
}
