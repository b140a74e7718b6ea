import { KafkaError } from '../../../protocol/errors.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { Uuid } from '../../../protocol/wire/types.js';
import type { AssignedPartitions } from '../assignors/assignor.js';
import { inEpoch } from './member.js';
import type { ConsumerMember } from './member.js';
import { hasPartition, NO_PARTITIONS } from './partition-epochs.js';
import type { PartitionEpochs, TopicPartitions } from './partition-epochs.js';

/** What a member is to come closer to, and what it says of itself. */
export interface Reconciliation {
  readonly targetEpoch: number;
  readonly target: AssignedPartitions;
  /** Ids of the topics that it subscribes to and that exist: it may hold nothing else. */
  readonly subscribedTopicIds: ReadonlySet<Uuid>;
  readonly hasSubscriptionChanged: boolean;
  /** Null: not said in this heartbeat. */
  readonly owned: readonly TopicPartitions[] | null;
  /** Whether any member has the partition, or has yet to give it back. */
  readonly isOwned: (topicId: Uuid, partition: number) => boolean;
}

type MutableEpochs = Map<Uuid, Map<number, number>>;

/**
 * A member's next step towards its target, after Kafka's `CurrentAssignmentBuilder`: it gives back first what it is not to
 * have, enters the target's epoch once it has, and gets what others have given back. The member itself when there is no step.
 * @throws KafkaError FENCED_MEMBER_EPOCH when nobody knows what the member holds.
 */
export function reconcile(member: ConsumerMember, to: Reconciliation): ConsumerMember {
  switch (member.state) {
    case 'stable':
      if (member.memberEpoch !== to.targetEpoch) return nextAssignment(member, to, member.memberEpoch);
      return to.hasSubscriptionChanged ? withoutUnsubscribed(member, to) : member;
    case 'unrevoked':
      if (!ownsAny(to.owned, member.pendingRevocation)) return nextAssignment(member, to, member.memberEpoch);
      return to.hasSubscriptionChanged ? withoutUnsubscribed(member, to) : member;
    case 'unreleased':
      return nextAssignment(member, to, member.memberEpoch);
    default:
      if (to.owned?.length === 0) return nextAssignment(member, to, to.targetEpoch);
      throw new KafkaError(ErrorCode.FENCED_MEMBER_EPOCH,
        'The consumer group member is in a unknown state. The member must abandon all its partitions and rejoin.');
  }
}

function nextAssignment(member: ConsumerMember, to: Reconciliation, epoch: number): ConsumerMember {
  const kept: MutableEpochs = new Map();
  const revoked: MutableEpochs = new Map();
  for (const [topicId, epochs] of member.assigned) {
    for (const [partition, since] of epochs) put(isTarget(to, topicId, partition) ? kept : revoked, topicId, partition, since);
  }
  if (revoked.size > 0 && ownsAny(to.owned, revoked)) {
    return inEpoch(member, epoch, { state: 'unrevoked', assigned: kept, pendingRevocation: revoked });
  }
  const isReleased = assignFree(kept, member, to);
  return inEpoch(member, to.targetEpoch, { state: isReleased ? 'stable' : 'unreleased', assigned: kept, pendingRevocation: NO_PARTITIONS });
}

/** Adds what of the target nobody else holds; whether that is all of it. */
function assignFree(assigned: MutableEpochs, member: ConsumerMember, to: Reconciliation): boolean {
  let isAll = true;
  for (const [topicId, partitions] of to.target) {
    if (!to.subscribedTopicIds.has(topicId)) continue;
    for (const partition of partitions) {
      if (hasPartition(assigned, topicId, partition)) continue;
      // What the member itself was to give back is free for it to keep.
      const isFree = !to.isOwned(topicId, partition) || hasPartition(member.pendingRevocation, topicId, partition);
      if (isFree) put(assigned, topicId, partition, to.targetEpoch);
      else isAll = false;
    }
  }
  return isAll;
}

/** The subscription shrank: what it does not cover any more is taken away at once, in the same epoch. */
function withoutUnsubscribed(member: ConsumerMember, { subscribedTopicIds, owned }: Reconciliation): ConsumerMember {
  const gone = [...member.assigned].filter(([topicId]) => !subscribedTopicIds.has(topicId));
  if (gone.length === 0) return member;
  const assigned = new Map([...member.assigned].filter(([topicId]) => subscribedTopicIds.has(topicId)));
  const pendingRevocation: MutableEpochs = new Map(member.pendingRevocation as MutableEpochs);
  for (const [topicId, epochs] of gone) pendingRevocation.set(topicId, new Map([...pendingRevocation.get(topicId) ?? [], ...epochs]));
  return ownsAny(owned, pendingRevocation)
    ? inEpoch(member, member.memberEpoch, { state: 'unrevoked', assigned, pendingRevocation })
    : inEpoch(member, member.memberEpoch, { assigned });
}

function isTarget({ target, subscribedTopicIds }: Reconciliation, topicId: Uuid, partition: number): boolean {
  return subscribedTopicIds.has(topicId) && hasPartition(target, topicId, partition);
}

/** A member that does not say what it owns may own all of it. */
function ownsAny(owned: readonly TopicPartitions[] | null, partitions: PartitionEpochs): boolean {
  if (owned === null) return true;
  return owned.some(({ topicId, partitions: indexes }) => indexes.some(index => hasPartition(partitions, topicId, index)));
}

function put(into: MutableEpochs, topicId: Uuid, partition: number, epoch: number): void {
  const epochs = into.get(topicId);
  if (epochs === undefined) into.set(topicId, new Map([[partition, epoch]]));
  else epochs.set(partition, epoch);
}
