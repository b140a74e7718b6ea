import type { Uuid } from '../../../protocol/wire/types.js';
import type { AssignedPartitions, Assignor, GroupSpec, MemberSpec, TopicDescriber } from './assignor.js';
import { partitionCountOf } from './ownership.js';

/** What is dealt out of one topic, in ranges from its first partition on. */
interface Topic {
  readonly partitionCount: number;
  subscriberCount: number;
  nextPartition: number;
  subscribersServed: number;
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
    const topics = countSubscribers(group, describer);
    return new Map(inOrder(group).map(([memberId, member]) => [memberId, rangesOf(member, topics)]));
  },
};

/** @throws AssignorError when a topic does not exist. */
function countSubscribers(group: GroupSpec, describer: TopicDescriber): Map<Uuid, Topic> {
  const topics = new Map<Uuid, Topic>();
  for (const { subscribedTopicIds } of group.members.values()) {
    for (const topicId of subscribedTopicIds) {
      const topic = topics.get(topicId);
      if (topic !== undefined) topic.subscriberCount++;
      else topics.set(topicId, { partitionCount: partitionCountOf(topicId, describer), subscriberCount: 1, nextPartition: 0, subscribersServed: 0 });
    }
  }
  return topics;
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

/** The member's range of each of its topics, which the topic has dealt out then. */
function rangesOf(member: MemberSpec, topics: ReadonlyMap<Uuid, Topic>): AssignedPartitions {
  const assignment = new Map<Uuid, ReadonlySet<number>>();
  for (const topicId of member.subscribedTopicIds) {
    const range = nextRange(topics.get(topicId)!);
    if (range.size > 0) assignment.set(topicId, range);
  }
  return assignment;
}

function nextRange(topic: Topic): Set<number> {
  const isLonger = topic.subscribersServed++ < topic.partitionCount % topic.subscriberCount;
  const end = topic.nextPartition + Math.floor(topic.partitionCount / topic.subscriberCount) + (isLonger ? 1 : 0);
  const range = new Set<number>();
  while (topic.nextPartition < end) range.add(topic.nextPartition++);
  return range;
}
