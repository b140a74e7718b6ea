import { MalformedError } from '../base/bytes.js';
import type { Uuid } from '../protocol/wire/types.js';
import { DirectoryId, NO_LEADER } from './image.js';
import { changed } from './layered-map.js';
import type { MetadataMessage } from './records.js';
import type { MetadataImage, PartitionImage, TopicImage } from './types.js';

/** In a PartitionChangeRecord: the leader stays. */
export const NO_LEADER_CHANGE = -2;

interface TopicDraft {
  readonly id: Uuid;
  readonly name: string;
  readonly before: TopicImage | undefined;
  /** A copy that is written to; of a topic that is only about to change, its present partitions. */
  readonly partitions: PartitionImage[];
  readonly touched: Set<number>;
}

/** What the records replayed so far make of the topics of an image. */
export class TopicsDelta {
  private readonly drafts = new Map<Uuid, TopicDraft>();
  private readonly removed = new Map<Uuid, TopicImage>();
  private readonly names = new Map<string, Uuid | undefined>();

  constructor(private readonly base: MetadataImage) {}

  get created(): readonly TopicImage[] {
    return [...this.drafts.values()].filter(draft => draft.before === undefined).map(finished);
  }

  /** As they were before. */
  get deleted(): ReadonlyMap<Uuid, TopicImage> {
    return this.removed;
  }

  /** Topics that exist after the delta, new ones too, with the partitions that changed. */
  get changedPartitions(): ReadonlyMap<Uuid, ReadonlySet<number>> {
    return new Map([...this.drafts].map(([id, draft]) => [id, draft.touched]));
  }

  createTopic({ name, topicId }: MetadataMessage<'Topic'>): void {
    this.drafts.set(topicId, { id: topicId, name, before: undefined, partitions: [], touched: new Set() });
    this.names.set(name, topicId);
  }

  /** Returns the name of the topic. */
  removeTopic({ topicId }: MetadataMessage<'RemoveTopic'>): string {
    const before = this.base.topicsById.get(topicId);
    const name = this.drafts.get(topicId)?.name ?? before?.name;
    if (name === undefined || this.removed.has(topicId)) throw new MalformedError(`topic ${topicId} is removed but does not exist`);
    this.drafts.delete(topicId);
    if (before !== undefined) this.removed.set(topicId, before);
    if (!this.names.has(name) || this.names.get(name) === topicId) this.names.set(name, undefined);
    return name;
  }

  setPartition(message: MetadataMessage<'Partition'>): void {
    const partition = message.partitionId ?? -1;
    const draft = this.draft(message.topicId);
    draft.partitions[partition] = partitionFrom(message);
    draft.touched.add(partition);
  }

  changePartition(change: MetadataMessage<'PartitionChange'>): void {
    const partition = change.partitionId ?? -1;
    const draft = this.draft(change.topicId);
    const before = draft.partitions[partition];
    if (before === undefined) throw new MalformedError(`partition ${partition} of ${draft.name} is changed but does not exist`);
    draft.partitions[partition] = mergePartition(before, change);
    draft.touched.add(partition);
  }

  /** Forgets the eligible leader replicas of one topic, or of all when the name is empty. */
  clearElr({ topicName }: MetadataMessage<'ClearElr'>): void {
    if (topicName !== '') {
      const id = this.names.has(topicName) ? this.names.get(topicName) : this.base.topicsByName.get(topicName)?.id;
      if (id === undefined) throw new MalformedError(`topic ${topicName} has its ELR cleared but does not exist`);
      this.clearElrOf(id);
      return;
    }
    for (const id of new Set([...this.base.topicsById.keys(), ...this.drafts.keys()])) {
      if (!this.removed.has(id)) this.clearElrOf(id);
    }
  }

  apply(): Pick<MetadataImage, 'topicsByName' | 'topicsById'> {
    const { topicsByName, topicsById } = this.base;
    if (this.drafts.size === 0 && this.removed.size === 0) return { topicsByName, topicsById };
    const byId = new Map<Uuid, TopicImage | undefined>();
    const byName = new Map<string, TopicImage | undefined>();
    for (const { id, name } of this.removed.values()) {
      byId.set(id, undefined);
      byName.set(name, undefined);
    }
    for (const draft of this.drafts.values()) {
      const topic = finished(draft);
      byId.set(topic.id, topic);
      byName.set(topic.name, topic);
    }
    return { topicsByName: changed(topicsByName, byName), topicsById: changed(topicsById, byId) };
  }

  private clearElrOf(id: Uuid): void {
    const partitions = this.drafts.get(id)?.partitions ?? this.base.topicsById.get(id)?.partitions ?? [];
    for (const [partitionId, partition] of partitions.entries()) {
      if (partition.eligibleLeaderReplicas.length === 0 && partition.lastKnownElr.length === 0) continue;
      this.changePartition({ topicId: id, partitionId, eligibleLeaderReplicas: [], lastKnownElr: [] });
    }
  }

  private draft(id: Uuid): TopicDraft {
    const draft = this.drafts.get(id);
    if (draft !== undefined) return draft;
    const before = this.removed.has(id) ? undefined : this.base.topicsById.get(id);
    if (before === undefined) throw new MalformedError(`topic ${id} is changed but does not exist`);
    const made: TopicDraft = { id, name: before.name, before, partitions: [...before.partitions], touched: new Set() };
    this.drafts.set(id, made);
    return made;
  }
}

/** Every apply gives the topic its own list: the draft may go on changing. */
function finished({ id, name, partitions }: TopicDraft): TopicImage {
  return { name, id, partitions: [...partitions] };
}

function partitionFrom(message: MetadataMessage<'Partition'>): PartitionImage {
  return {
    replicas: message.replicas,
    directories: directoriesOf(message.directories, message.replicas.length),
    isr: message.isr,
    eligibleLeaderReplicas: message.eligibleLeaderReplicas ?? [],
    lastKnownElr: message.lastKnownElr ?? [],
    addingReplicas: message.addingReplicas,
    removingReplicas: message.removingReplicas,
    leader: message.leader ?? NO_LEADER,
    leaderEpoch: message.leaderEpoch ?? -1,
    partitionEpoch: message.partitionEpoch ?? -1,
    leaderRecoveryState: message.leaderRecoveryState ?? 0,
  };
}

/** A partition after a change: naming a leader raises its epoch, even the same one; any change raises the partition's. */
export function mergePartition(before: PartitionImage, change: MetadataMessage<'PartitionChange'>): PartitionImage {
  const leader = change.leader ?? NO_LEADER_CHANGE;
  const leaderChanges = leader !== NO_LEADER_CHANGE;
  const recovery = change.leaderRecoveryState ?? -1;
  const replicas = change.replicas ?? before.replicas;
  return {
    replicas,
    directories: directoriesOf(change.directories ?? before.directories, replicas.length),
    isr: change.isr ?? before.isr,
    eligibleLeaderReplicas: change.eligibleLeaderReplicas ?? before.eligibleLeaderReplicas,
    lastKnownElr: change.lastKnownElr ?? before.lastKnownElr,
    addingReplicas: change.addingReplicas ?? before.addingReplicas,
    removingReplicas: change.removingReplicas ?? before.removingReplicas,
    leader: leaderChanges ? leader : before.leader,
    leaderEpoch: before.leaderEpoch + (leaderChanges ? 1 : 0),
    partitionEpoch: before.partitionEpoch + 1,
    leaderRecoveryState: recovery === -1 ? before.leaderRecoveryState : recovery,
  };
}

/** As many as replicas; records from before directories were assigned have none. */
function directoriesOf(directories: readonly Uuid[] | undefined, replicas: number): readonly Uuid[] {
  if (directories === undefined || directories.every(id => id === DirectoryId.MIGRATING)) {
    return Array.from({ length: replicas }, () => DirectoryId.MIGRATING);
  }
  if (directories.length !== replicas) throw new MalformedError(`${replicas} replicas have ${directories.length} directories`);
  return directories;
}
