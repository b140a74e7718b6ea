import { ZERO_UUID } from '../../protocol/wire/types.js';
import type { Uuid } from '../../protocol/wire/types.js';
import type { ClusterTopics } from './cluster-topics.js';
import { consumerGroupTombstones } from './consumer/records.js';
import type { Group } from './group.js';
import type { OffsetStore, StoredOffset } from './offset-store.js';
import { groupTombstone, offsetTombstone } from './records.js';
import type { GroupRecord } from './records.js';
import type { Step } from './step.js';
import type { DeletedTopic } from './types.js';

/** How many tombstones one round writes, so that others have their turn: what is left waits for the next round. */
export const CLEANUP_BATCH = 1_000;

/** When an offset's retention began. */
type Condition = (offset: StoredOffset) => number;

/**
 * Deletes what nobody has needed for `offsets.retention.minutes`, and groups that are empty and hold nothing, up to
 * `CLEANUP_BATCH` records. Returns whether anything is left to do.
 */
export function cleanUp(step: Step, store: OffsetStore, groups: Iterable<Group>): boolean {
  const batch = new Batch(step);
  for (const group of groups) {
    const allExpired = expireOffsets(batch, step, store, group);
    if (batch.isFull) return true;
    if (allExpired) endGroup(batch, group);
  }
  return false;
}

/**
 * The topics that are gone though offsets are committed for them: their deletion came while nobody coordinated this partition.
 * An offset that does not know its topic's id goes by the name.
 */
export function topicsGone(store: OffsetStore, cluster: ClusterTopics): DeletedTopic[] {
  const known = new Map<string, Map<Uuid, DeletedTopic | null>>();
  for (const [name, values] of store.byTopic()) {
    let ids = known.get(name);
    if (ids === undefined) known.set(name, ids = new Map());
    for (const { topicId: id } of values) if (!ids.has(id)) ids.set(id, exists(cluster, name, id) ? null : { name, id });
  }
  return [...known.values()].flatMap(ids => [...ids.values()]).filter(topic => topic !== null);
}

/** Deletes the offsets of deleted topics, up to `CLEANUP_BATCH`. The zero id stands for the offsets that know none. */
export function forgetTopics(step: Step, store: OffsetStore, topics: ReadonlyMap<string, ReadonlySet<Uuid>>): boolean {
  const batch = new Batch(step);
  for (const [groupId, topic, partition, { topicId }] of store.all()) {
    if (topics.get(topic)?.has(topicId) !== true) continue;
    if (batch.isFull) return true;
    batch.add(offsetTombstone(groupId, topic, partition));
  }
  return false;
}

/** By its name alone where the id is not known. */
function exists(cluster: ClusterTopics, name: string, id: Uuid): boolean {
  const topic = cluster.named(name);
  return topic !== undefined && (id === ZERO_UUID || id === topic.id);
}

/** The end of a group that nobody is in. Somebody who was just given a member id is on the way back with it. */
function endGroup(batch: Batch, group: Group): void {
  if (group.kind === 'consumer') {
    if (group.isEmpty) for (const tombstone of consumerGroupTombstones(group)) batch.add(tombstone);
  } else if (group.isIn('Empty') && group.pendingJoins.size === 0) {
    batch.add(groupTombstone(group.groupId));
  }
}

/** Counts what goes into one batch of records. */
class Batch {
  private count = 0;

  constructor(private readonly step: Step) {}

  get isFull(): boolean {
    return this.count >= CLEANUP_BATCH;
  }

  add(record: GroupRecord): void {
    this.count++;
    this.step.append(record);
  }
}

/** Whether the group holds no offset any more, nor will when its open transactions end. */
function expireOffsets(batch: Batch, { at, settings }: Step, store: OffsetStore, group: Group): boolean {
  const { groupId } = group;
  if (!store.committed.has(groupId)) return !store.hasAnyPending(groupId);
  const retainedSince = expiryCondition(group);
  if (retainedSince === null) return false;
  let allExpired = true;
  for (const [topic, partition, offset] of store.committed.entries(groupId)) {
    if (batch.isFull) return false;
    const isExpired = hasExpired(offset, retainedSince(offset), at.nowMs, settings.offsetsRetentionMs);
    const isFree = !group.isSubscribedTo(topic) && !store.hasPending(groupId, topic, partition);
    if (isExpired && isFree) batch.add(offsetTombstone(groupId, topic, partition));
    else allExpired = false;
  }
  return allExpired && !store.hasAnyPending(groupId);
}

function hasExpired(offset: StoredOffset, sinceMs: number, nowMs: number, retentionMs: number): boolean {
  // A commit that brought its own retention (OffsetCommit v2-4) is held to it.
  if (offset.expireTimestamp !== -1) return nowMs >= Number(offset.expireTimestamp);
  return nowMs - sinceMs >= retentionMs;
}

/**
 * From when on the offsets of a group count as unused: since it is empty; since each commit for a stable group's topics that
 * it no longer subscribes to, for a consumer group's alike, and for offsets of somebody who never joined. In all other cases nothing expires.
 */
function expiryCondition(group: Group): Condition | null {
  const sinceCommit: Condition = offset => Number(offset.commitTimestamp);
  if (group.kind === 'consumer' || group.protocolType === null) return sinceCommit;
  if (group.isIn('Empty')) return group.stateTimestampMs === -1 ? sinceCommit : () => group.stateTimestampMs;
  return group.usesConsumerProtocol && group.subscribedTopics !== null && group.isIn('Stable') ? sinceCommit : null;
}
