import { SimRandom } from '../../../env/sim/random.js';
import type { Uuid } from '../../../protocol/wire/types.js';
import type { AssignedPartitions, GroupAssignment, GroupSpec, MemberSpec, TopicDescriber } from '../assignors/assignor.js';

const MOST_MEMBERS = 12;
const MOST_PARTITIONS = 20;

type Member = Omit<MemberSpec, 'assigned'>;

/** What an assignor is asked, with what the assignor does not need but a reader of a failure does. */
export interface Question {
  readonly group: GroupSpec;
  readonly topics: TopicDescriber;
  /** The partitions of each topic, subscribed to or not. */
  readonly partitionCounts: ReadonlyMap<Uuid, number>;
  readonly happened: string;
}

/** How members choose their topics: all the same, by one of two kinds, or each for itself. */
export type SubscriptionStyle = 'same' | 'kinds' | 'own';

/**
 * The life of a group as its assignor sees it: members come and go or subscribe to something else, topics come, grow and go, and
 * after each such step there is a question, whose answer is what the members have when the next is asked. One seed, one life.
 */
export class GroupLife {
  private readonly random: SimRandom;
  private readonly style: SubscriptionStyle;
  private readonly partitionCounts = new Map<Uuid, number>();
  private readonly members = new Map<string, Member>();
  private kinds: Set<Uuid>[] = [];
  private assigned: GroupAssignment = new Map();
  private named = 0;
  private hasBegun = false;

  constructor(seed: number, style?: SubscriptionStyle) {
    this.random = new SimRandom(seed);
    this.style = style ?? this.pick(['same', 'kinds', 'own']);
    for (let count = 1 + this.random.int(5); count > 0; count--) this.addTopic();
    this.chooseKinds();
    for (let count = 1 + this.random.int(MOST_MEMBERS); count > 0; count--) this.addMember();
  }

  /** The next question; `answered` must be told its answer before the one after it. */
  next(): Question {
    const happened = this.hasBegun ? this.change() : 'the group begins';
    this.hasBegun = true;
    const members = new Map([...this.members].map(([memberId, member]): [string, MemberSpec] =>
      [memberId, { ...member, assigned: this.assigned.get(memberId) ?? new Map() }]));
    const partitionCounts = new Map(this.partitionCounts);
    return {
      group: { members, isHomogeneous: isHomogeneous(members) }, topics: describerOf(partitionCounts), partitionCounts, happened,
    };
  }

  answered(assignment: GroupAssignment): void {
    this.assigned = assignment;
  }

  private change(): string {
    const choice = this.random.int(10);
    if (choice < 3 && this.members.size < MOST_MEMBERS) return this.addMember();
    if (choice < 5 && this.members.size > 1) return this.removeMember();
    if (choice === 5) return this.addTopic();
    if (choice === 6) return this.growTopic();
    if (choice === 7 && this.partitionCounts.size > 1) return this.removeTopic();
    if (choice === 8) return this.scramble();
    return this.resubscribe();
  }

  private addMember(): string {
    const memberId = `member-${String(this.random.int(1_000)).padStart(3, '0')}-${this.named++}`;
    const instanceId = this.random.int(4) === 0 ? `instance-${this.random.int(1_000)}-${this.named}` : null;
    const rackId = this.pick([null, 'rack-a', 'rack-b']);
    this.members.set(memberId, { rackId, instanceId, subscribedTopicIds: this.subscription() });
    return `${memberId} joins`;
  }

  private removeMember(): string {
    const memberId = this.pick([...this.members.keys()]);
    this.members.delete(memberId);
    return `${memberId} leaves`;
  }

  private addTopic(): string {
    const topicId = topicIdOf(this.named++);
    this.partitionCounts.set(topicId, 1 + this.random.int(MOST_PARTITIONS));
    return `topic ${topicId} is created`;
  }

  private growTopic(): string {
    const topicId = this.pick([...this.partitionCounts.keys()]);
    this.partitionCounts.set(topicId, this.partitionCounts.get(topicId)! + 1 + this.random.int(5));
    return `topic ${topicId} grows`;
  }

  private removeTopic(): string {
    const gone = this.pick([...this.partitionCounts.keys()]);
    this.partitionCounts.delete(gone);
    this.kinds = this.kinds.map(kind => without(kind, gone));
    for (const [memberId, member] of this.members) {
      this.members.set(memberId, { ...member, subscribedTopicIds: without(member.subscribedTopicIds, gone) });
    }
    return `topic ${gone} is removed`;
  }

  private resubscribe(): string {
    this.chooseKinds();
    const memberIds = this.style === 'own' ? [this.pick([...this.members.keys()])] : [...this.members.keys()];
    for (const memberId of memberIds) this.members.set(memberId, { ...this.members.get(memberId)!, subscribedTopicIds: this.subscription() });
    return `${memberIds.join(', ')} subscribe anew`;
  }

  /** Somebody else dealt out the partitions before, without regard to balance or subscriptions. */
  private scramble(): string {
    const memberIds = [...this.members.keys()];
    const assigned = new Map(memberIds.map((memberId): [string, Map<Uuid, Set<number>>] => [memberId, new Map()]));
    for (const [topicId, count] of this.partitionCounts) {
      for (let partition = 0; partition < count; partition++) {
        if (this.random.chance(0.2)) continue;
        const has = assigned.get(this.pick(memberIds))!;
        has.set(topicId, (has.get(topicId) ?? new Set()).add(partition));
      }
    }
    this.assigned = assigned;
    return 'another assignor has been at work';
  }

  private chooseKinds(): void {
    this.kinds = [this.someTopics(), this.someTopics()];
  }

  private subscription(): Set<Uuid> {
    if (this.style === 'own') return this.someTopics();
    return this.kinds[this.style === 'same' ? 0 : this.random.int(2)]!;
  }

  private someTopics(): Set<Uuid> {
    const topicIds = [...this.partitionCounts.keys()];
    return new Set(this.random.int(3) === 0 ? topicIds : topicIds.filter(() => this.random.chance(0.6)));
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[this.random.int(choices.length)]!;
  }
}

/** Uuids whose print form and whose bytes sort alike. */
function topicIdOf(index: number): Uuid {
  const letters = [Math.floor(index / 26) % 26, index % 26].map(letter => String.fromCharCode(65 + letter)).join('');
  return `AAAA${letters}AAAAAAAAAAAAAAAA`;
}

export function describerOf(partitionCounts: ReadonlyMap<Uuid, number>): TopicDescriber {
  return { partitionCount: topicId => partitionCounts.get(topicId) ?? -1, racksOf: () => new Set() };
}

export function isHomogeneous(members: ReadonlyMap<string, Pick<MemberSpec, 'subscribedTopicIds'>>): boolean {
  const [first, ...others] = members.values();
  return first === undefined || others.every(({ subscribedTopicIds }) =>
    subscribedTopicIds.size === first.subscribedTopicIds.size && [...subscribedTopicIds].every(topicId => first.subscribedTopicIds.has(topicId)));
}

/** The number of a member's partitions. */
export function sizeOf(assigned: AssignedPartitions | undefined): number {
  let size = 0;
  for (const partitions of assigned?.values() ?? []) size += partitions.size;
  return size;
}

/** How many partitions stay with the member that had them. */
export function keptCount(group: GroupSpec, assignment: GroupAssignment): number {
  let kept = 0;
  for (const [memberId, { assigned }] of group.members) {
    for (const [topicId, partitions] of assigned) {
      for (const partition of partitions) if (assignment.get(memberId)?.get(topicId)?.has(partition)) kept++;
    }
  }
  return kept;
}

function without(topicIds: ReadonlySet<Uuid>, gone: Uuid): Set<Uuid> {
  return new Set([...topicIds].filter(topicId => topicId !== gone));
}
