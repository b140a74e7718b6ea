import type { Int64, Uuid } from '../../../protocol/wire/types.js';
import type { AssignedPartitions } from '../assignors/assignor.js';
import { mostVoted } from '../most-voted.js';
import { isReconciledTo } from './member.js';
import type { ConsumerMember } from './member.js';
import { hasPartition } from './partition-epochs.js';
import type { PartitionEpochs } from './partition-epochs.js';
import { Subscriptions } from './subscriptions.js';

/** What a regular expression stood for when it was last held against all topics. */
export interface ResolvedRegex {
  readonly topics: ReadonlySet<string>;
  /** Of the cluster's topics then. */
  readonly version: Int64;
  readonly timestampMs: number;
}

export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable';

export const NO_ASSIGNED: AssignedPartitions = new Map();

/**
 * A group of the consumer protocol (KIP-848), after Kafka's `ConsumerGroup`. All of it is durable, changed by replay alone
 * (`replay.ts`), but for what is called soft.
 */
export class ConsumerGroup {
  readonly kind = 'consumer';
  /** Grows with every change that asks for a new assignment. A group has the first one without a record. */
  groupEpoch = 1;
  /** Of the topics subscribed to, as they were when the epoch last grew. */
  metadataHash: Int64 = 0;
  /** The epoch that the target was computed for. */
  assignmentEpoch = 1;
  /** When that was; 0 when nobody knows. */
  assignmentTimestampMs = 0;
  /** A record that Kafka 4.0 kept of the topics is still there: it goes with the next change. */
  hasTopicsRecord = false;
  readonly members = new Map<string, ConsumerMember>();
  /** Member ids by instance id. */
  readonly staticMembers = new Map<string, string>();
  /** What each member is to hold in the end. */
  readonly target = new Map<string, AssignedPartitions>();
  readonly subscriptions = Subscriptions.none();
  readonly resolvedRegexes = new Map<string, ResolvedRegex>();
  /** Soft: until when the topics need not be looked at, unless the group's epoch is older than this one. */
  refresh = { deadlineMs: 0, groupEpoch: 0 };
  /** Soft: members of the classic protocol that were told to join again. */
  readonly awaitedJoins = new Set<string>();
  /** The newest epoch of an owner, for each partition that has one. */
  private readonly owners = new Map<Uuid, Map<number, number>>();

  constructor(readonly groupId: string) {}

  get state(): ConsumerGroupState {
    if (this.members.size === 0) return 'Empty';
    if (this.groupEpoch > this.assignmentEpoch) return 'Assigning';
    for (const member of this.members.values()) if (!isReconciledTo(member, this.assignmentEpoch)) return 'Reconciling';
    return 'Stable';
  }

  get isEmpty(): boolean {
    return this.members.size === 0;
  }

  isSubscribedTo(topic: string): boolean {
    return this.subscriptions.topics.has(topic);
  }

  staticMember(instanceId: string): ConsumerMember | undefined {
    return this.members.get(this.staticMembers.get(instanceId) ?? '');
  }

  targetOf(memberId: string | undefined): AssignedPartitions {
    return (memberId === undefined ? undefined : this.target.get(memberId)) ?? NO_ASSIGNED;
  }

  /** Whether some member holds the partition, or has yet to give it back. */
  isOwned(topicId: Uuid, partition: number): boolean {
    return hasPartition(this.owners, topicId, partition);
  }

  // Soft state

  needsRefresh(nowMs: number): boolean {
    return nowMs >= this.refresh.deadlineMs || this.groupEpoch < this.refresh.groupEpoch;
  }

  requestRefresh(): void {
    this.refresh = { deadlineMs: 0, groupEpoch: 0 };
  }

  // Assignors

  /** The assignor that most members would like if `former` were `member`; null when nobody minds. */
  preferredAssignor(former?: ConsumerMember, member?: ConsumerMember): string | null {
    const votes = new Map<string, number>();
    const count = (name: string | null | undefined, by: number): void => {
      if (name) votes.set(name, (votes.get(name) ?? 0) + by);
    };
    for (const { serverAssignor } of this.members.values()) count(serverAssignor, 1);
    count(former?.serverAssignor, -1);
    count(member?.serverAssignor, 1);
    return mostVoted(votes);
  }

  // What replay does

  setMember(member: ConsumerMember): void {
    const former = this.members.get(member.memberId);
    this.members.set(member.memberId, member);
    if (member.instanceId !== null) this.staticMembers.set(member.instanceId, member.memberId);
    this.subscriptions.replace(former, member);
    this.disown(former);
    this.own(member.assigned, member.memberEpoch);
    this.own(member.pendingRevocation, member.memberEpoch);
  }

  removeMember(memberId: string): void {
    const former = this.members.get(memberId);
    if (former === undefined) return;
    this.members.delete(memberId);
    if (former.instanceId !== null) this.staticMembers.delete(former.instanceId);
    this.subscriptions.replace(former, undefined);
    this.disown(former);
  }

  setResolvedRegex(regex: string, resolved: ResolvedRegex | null): void {
    this.subscriptions.resolve(this.resolvedRegexes.get(regex)?.topics ?? [], resolved?.topics ?? []);
    if (resolved === null) this.resolvedRegexes.delete(regex);
    else this.resolvedRegexes.set(regex, resolved);
  }

  private own(partitions: PartitionEpochs, epoch: number): void {
    for (const [topicId, epochs] of partitions) {
      let owned = this.owners.get(topicId);
      if (owned === undefined) this.owners.set(topicId, owned = new Map());
      for (const partition of epochs.keys()) owned.set(partition, Math.max(owned.get(partition) ?? epoch, epoch));
    }
  }

  /** A partition that somebody else got in another epoch meanwhile stays theirs. */
  private disown(member: ConsumerMember | undefined): void {
    for (const partitions of member === undefined ? [] : [member.assigned, member.pendingRevocation]) {
      for (const [topicId, epochs] of partitions) {
        const owned = this.owners.get(topicId);
        for (const partition of epochs.keys()) if (owned?.get(partition) === member!.memberEpoch) owned.delete(partition);
        if (owned?.size === 0) this.owners.delete(topicId);
      }
    }
  }
}
