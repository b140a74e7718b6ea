import type { Uuid } from '../../../protocol/wire/types.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { ClusterTopics } from '../cluster-topics.js';
import type { DescribedConsumerGroup, DescribedConsumerMember } from '../types.js';
import type { ConsumerGroup } from './group.js';
import type { ConsumerMember } from './member.js';
import { listed } from './partition-epochs.js';

type Assignment = DescribedConsumerMember['assignment'];

/** `memberType` of those who speak the classic protocol, and of the others (KIP-1099). */
const CLASSIC_MEMBER = 0;
const CONSUMER_MEMBER = 1;

/** ConsumerGroupDescribe of one group (Kafka's `asDescribedGroup`). Topics that are gone are left out. */
export function describeConsumerGroup(group: ConsumerGroup, cluster: ClusterTopics, defaultAssignor: string): DescribedConsumerGroup {
  const { groupId, state, groupEpoch, assignmentEpoch } = group;
  return {
    groupId,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupState: state,
    groupEpoch,
    assignmentEpoch,
    assignorName: group.preferredAssignor() ?? defaultAssignor,
    members: [...group.members.values()].map(member => describeMember(group, member, cluster)),
  };
}

/** A group that cannot be described. */
export function consumerGroupFailed(groupId: string, errorCode: number, errorMessage: string | null = null): DescribedConsumerGroup {
  return { groupId, errorCode, errorMessage, groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [] };
}

function describeMember(group: ConsumerGroup, member: ConsumerMember, cluster: ClusterTopics): DescribedConsumerMember {
  const { memberId, instanceId, rackId, memberEpoch, clientId, clientHost, subscribedTopicNames, subscribedTopicRegex, classic } = member;
  return {
    memberId, instanceId, rackId, memberEpoch, clientId, clientHost, subscribedTopicRegex,
    subscribedTopicNames: [...subscribedTopicNames],
    // What a member has yet to give back is its own until then.
    assignment: named(both(member), cluster),
    targetAssignment: named(group.targetOf(memberId), cluster),
    memberType: classic === null ? CONSUMER_MEMBER : CLASSIC_MEMBER,
  };
}

function both({ assigned, pendingRevocation }: ConsumerMember): Map<Uuid, Set<number>> {
  const partitions = new Map<Uuid, Set<number>>();
  for (const [topicId, epochs] of [...assigned, ...pendingRevocation]) {
    partitions.set(topicId, new Set([...partitions.get(topicId) ?? [], ...epochs.keys()]));
  }
  return partitions;
}

function named(partitions: ReadonlyMap<Uuid, { keys(): Iterable<number> }>, cluster: ClusterTopics): Assignment {
  const topicPartitions = listed(partitions).flatMap(({ topicId, partitions: indexes }) => {
    const topic = cluster.withId(topicId);
    return topic === undefined ? [] : [{ topicId, topicName: topic.name, partitions: indexes }];
  });
  return { topicPartitions };
}
