/** The log of the cluster's metadata: raft's own, a topic in its name only. No image knows it, and nobody can make it. */
export const METADATA_TOPIC = '__cluster_metadata';

/** Topics in which coordinators keep their state. Clients may read them, but not write. */
export const OFFSETS_TOPIC = '__consumer_offsets';
export const TRANSACTIONS_TOPIC = '__transaction_state';
export const SHARE_STATE_TOPIC = '__share_group_state';

const INTERNAL: ReadonlySet<string> = new Set([OFFSETS_TOPIC, TRANSACTIONS_TOPIC, SHARE_STATE_TOPIC]);

export function isInternalTopic(topic: string): boolean {
  return INTERNAL.has(topic);
}
