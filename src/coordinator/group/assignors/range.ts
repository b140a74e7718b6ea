import type { Uuid } from '../../../protocol/wire/types.js';
import type { AssignedPartitions, Assignor, GroupSpec, MemberSpec, TopicDescriber } from './assignor.js';
import { partitionCountOf } from './ownership.js';

/** What is dealt out of one topic, in ranges from its first partition on. */
interface Topic {
  readonly topicId: Uuid;
  readonly partitionCount: number;
  subscriberCount: number;
  nextPartition: number;
  subscribersServed: number;
}

/** Members that hold the same set of topics, which have something left for them: a topic with nothing left is looked at no more. */
interface Subscription {
  memberCount: number;
  openTopics: Topic[];
}

/**
 * Kafka's `RangeAssignor` of 4.3.1: each subscriber gets a range of each topic, the first ones one partition more where a topic does
 * not divide. Members with the same subscriptions get the same partition numbers of topics of the same size, as joins of streams
 * want it. What members had before plays no part: static members come first, by instance id, and so find their ranges again. As
 * in 4.3.1, racks play no part either.
 */
export const rangeAssignor: Assignor = {
  name: 'range',
  assign(group, describer) {
    const subscriptionOf = subscriptions(group, describer);
    return new Map(inOrder(group).map(([memberId, member]) => [memberId, nextRanges(subscriptionOf(member))]));
  },
};

/**
 * How to find a member's subscription, its topics counted: where members share a set of topics, it is gone through once for all.
 * @throws AssignorError when a topic does not exist.
 */
function subscriptions({ members, isHomogeneous }: GroupSpec, describer: TopicDescriber): (member: MemberSpec) => Subscription {
  const [first] = members.values();
  const topicsOf = (member: MemberSpec): ReadonlySet<Uuid> => isHomogeneous ? first!.subscribedTopicIds : member.subscribedTopicIds;
  const found = new Map<ReadonlySet<Uuid>, Subscription>();
  for (const member of members.values()) {
    const subscription = found.get(topicsOf(member));
    if (subscription === undefined) found.set(topicsOf(member), { memberCount: 1, openTopics: [] });
    else subscription.memberCount++;
  }
  countSubscribers(found, describer);
  return member => found.get(topicsOf(member))!;
}

function countSubscribers(subscriptions: ReadonlyMap<ReadonlySet<Uuid>, Subscription>, describer: TopicDescriber): void {
  const topics = new Map<Uuid, Topic>();
  for (const [topicIds, subscription] of subscriptions) {
    for (const topicId of topicIds) {
      let topic = topics.get(topicId);
      if (topic === undefined) {
        topic = { topicId, partitionCount: partitionCountOf(topicId, describer), subscriberCount: 0, nextPartition: 0, subscribersServed: 0 };
        topics.set(topicId, topic);
      }
      topic.subscriberCount += subscription.memberCount;
      subscription.openTopics.push(topic);
    }
  }
}

/** Static members by instance id, then the others by member id: only the former come back under the same name. */
function inOrder(group: GroupSpec): [string, MemberSpec][] {
  return [...group.members].sort(([oneId, one], [otherId, other]) => {
    if (one.instanceId !== null && other.instanceId !== null) return compare(one.instanceId, other.instanceId);
    if (one.instanceId !== null) return -1;
    return other.instanceId !== null ? 1 : compare(oneId, otherId);
  });
}

/** By UTF-16 units, which is Java's order of strings too. */
function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** What the next member of this subscription gets. */
function nextRanges(subscription: Subscription): AssignedPartitions {
  const assignment = new Map<Uuid, ReadonlySet<number>>();
  let isUsedUp = false;
  for (const topic of subscription.openTopics) {
    const range = nextRange(topic);
    if (range.size > 0) assignment.set(topic.topicId, range);
    isUsedUp ||= topic.nextPartition === topic.partitionCount;
  }
  if (isUsedUp) subscription.openTopics = subscription.openTopics.filter(({ nextPartition, partitionCount }) => nextPartition < partitionCount);
  return assignment;
}

function nextRange(topic: Topic): Set<number> {
  const isLonger = topic.subscribersServed++ < topic.partitionCount % topic.subscriberCount;
  const end = topic.nextPartition + Math.floor(topic.partitionCount / topic.subscriberCount) + (isLonger ? 1 : 0);
  const range = new Set<number>();
  while (topic.nextPartition < end) range.add(topic.nextPartition++);
  return range;
}
