import type { Int64 } from '../../../protocol/wire/types.js';
import type { ClusterTopics } from '../cluster-topics.js';
import type { Step } from '../step.js';
import type { ConsumerGroup } from './group.js';
import type { ConsumerMember } from './member.js';
import { groupEpochRecord, topicsTombstone } from './records.js';
import type { Subscriptions } from './subscriptions.js';
import { groupHash } from './topic-hash.js';

/** Kafka's `METADATA_REFRESH_INTERVAL_MS`: news of topics comes by itself, so this is as good as never. */
const REFRESH_INTERVAL_MS = 0x7fff_ffff;

/** A group's epoch, and whether all members subscribe to the same, as they will be once the step is written. */
export interface NextEpoch {
  readonly groupEpoch: number;
  readonly isHomogeneous: boolean;
}

export function metadataHash({ topics }: Subscriptions, cluster: ClusterTopics): Int64 {
  return groupHash([...topics.keys()].map(name => cluster.named(name)).filter(topic => topic !== undefined));
}

/**
 * A member's subscription may have changed, or the topics: the group's epoch grows when the member's change `asksForEpoch`, or
 * when the topics that the group subscribes to are not what they were.
 */
export function refreshEpoch(step: Step, group: ConsumerGroup, former: ConsumerMember, member: ConsumerMember, asksForEpoch: boolean): NextEpoch {
  const subscriptions = subscriptionsWith(group, former, member);
  const hash = metadataHash(subscriptions, step.cluster);
  const grows = asksForEpoch || hash !== group.metadataHash;
  const groupEpoch = grows ? group.groupEpoch + 1 : group.groupEpoch;
  if (grows) step.append(groupEpochRecord(group.groupId, groupEpoch, hash));
  notRefreshedUntil(step, group, groupEpoch);
  if (group.hasTopicsRecord) step.append(topicsTombstone(group.groupId));
  return { groupEpoch, isHomogeneous: subscriptions.isHomogeneous(sizeWith(group, member)) };
}

/** How many members the group has with this one. */
export function sizeWith({ members, staticMembers }: ConsumerGroup, { memberId, instanceId }: ConsumerMember): number {
  const isNew = !members.has(memberId) && !staticMembers.has(instanceId ?? '');
  return members.size + (isNew ? 1 : 0);
}

/** The epoch grows whatever it was. */
export function growEpoch(step: Step, group: ConsumerGroup, hash: Int64): number {
  const groupEpoch = group.groupEpoch + 1;
  step.append(groupEpochRecord(group.groupId, groupEpoch, hash));
  return groupEpoch;
}

export function notRefreshedUntil({ at }: Step, group: ConsumerGroup, groupEpoch: number): void {
  group.refresh = { deadlineMs: at.nowMs + REFRESH_INTERVAL_MS, groupEpoch };
}

/** The last member that subscribes to a regular expression takes what it stood for along. */
function subscriptionsWith(group: ConsumerGroup, former: ConsumerMember, member: ConsumerMember): Subscriptions {
  const subscriptions = group.subscriptions.copy();
  subscriptions.replace(former, member);
  const { subscribedTopicRegex: regex } = former;
  const isForgotten = regex !== '' && regex !== member.subscribedTopicRegex && group.subscriptions.subscribersOf(regex) === 1;
  if (isForgotten) subscriptions.resolve(group.resolvedRegexes.get(regex)?.topics ?? [], []);
  return subscriptions;
}
