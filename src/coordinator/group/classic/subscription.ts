import { consumerProtocolSubscriptionSchema } from '../../../protocol/generated/index.js';
import { Reader } from '../../../protocol/wire/reader.js';

/** The protocol type of consumers, whose metadata the coordinator may read. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer';

/**
 * The topics that any of these members subscribes to; null when one's metadata is not what a consumer sends. Each version
 * of the subscription begins with what version 0 holds, so newer ones are read too (Kafka's `computeSubscribedTopics`).
 */
export function subscribedTopics(metadata: readonly Uint8Array[]): ReadonlySet<string> | null {
  const topics = new Set<string>();
  try {
    for (const bytes of metadata) {
      const reader = new Reader(bytes);
      reader.int16();
      for (const topic of consumerProtocolSubscriptionSchema.decode(reader, 0).topics) topics.add(topic);
    }
  } catch {
    return null;
  }
  return topics;
}
