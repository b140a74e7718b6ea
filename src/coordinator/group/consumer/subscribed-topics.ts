import type { Uuid } from '../../../protocol/wire/types.js';
import type { ClusterTopics } from '../cluster-topics.js';
import type { ConsumerGroup } from './group.js';
import type { ConsumerMember } from './member.js';

/** Ids of the topics that a member subscribes to, by name and by regular expression, as far as they exist. */
export function subscribedTopicIds(
  { subscribedTopicNames, subscribedTopicRegex }: ConsumerMember, { resolvedRegexes }: Pick<ConsumerGroup, 'resolvedRegexes'>, cluster: ClusterTopics,
): ReadonlySet<Uuid> {
  const ids = new Set<Uuid>();
  const add = (names: Iterable<string>): void => {
    for (const name of names) {
      const topic = cluster.named(name);
      if (topic !== undefined) ids.add(topic.id);
    }
  };
  add(subscribedTopicNames);
  add(resolvedRegexes.get(subscribedTopicRegex)?.topics ?? []);
  return ids;
}
