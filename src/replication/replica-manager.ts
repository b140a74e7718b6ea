import type { LogSettings } from '../config/log-settings.js';
import type { LogManager } from '../log/index.js';
import type { TopicImage } from '../metadata/types.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Uuid } from '../protocol/wire/types.js';
import { Partition } from './partition.js';

export interface ReplicaManagerOptions {
  readonly localId: number;
  readonly logManager: LogManager;
  /** A topic's settings as they stand now. */
  settingsOf(topic: string): LogSettings;
}

/** Hears where this node begins and ends to lead; `leaderEpoch` undefined is the end. */
export type LeadershipListener = (partition: Partition, leaderEpoch: number | undefined) => void;

/** The replicas that this node holds, kept in step with the metadata. */
export class ReplicaManager {
  readonly #topics = new Map<Uuid, Map<number, Partition>>();
  readonly #listeners: LeadershipListener[] = [];

  constructor(private readonly options: ReplicaManagerOptions) {}

  onLeadership(listener: LeadershipListener): void {
    this.#listeners.push(listener);
  }

  get(topicId: Uuid, index: number): Partition | undefined {
    return this.#topics.get(topicId)?.get(index);
  }

  *all(): Iterable<Partition> {
    for (const partitions of this.#topics.values()) yield* partitions.values();
  }

  /** Opens what the topic places here, and takes the roles that it gives. */
  applyTopic(topic: TopicImage): void {
    const { localId } = this.options;
    topic.partitions.forEach((image, index) => {
      if (!image.replicas.includes(localId)) return;
      const partition = this.get(topic.id, index) ?? this.#open(topic, index);
      if (!partition.changeTo(image)) return;
      for (const listener of this.#listeners) listener(partition, partition.leaderEpoch);
    });
  }

  /** Drops a topic that no longer exists, with its logs. */
  async removeTopic(topicId: Uuid): Promise<void> {
    const partitions = this.#topics.get(topicId);
    if (partitions === undefined) return;
    this.#topics.delete(topicId);
    for (const partition of partitions.values()) {
      if (partition.changeTo({ ...partition.image, leader: -1 })) {
        for (const listener of this.#listeners) listener(partition, undefined);
      }
      await this.options.logManager.delete(partition.topic, partition.index);
    }
  }

  /** Settings of a topic, or of all topics (the broker's own), have changed. */
  refreshSettings(topic?: string): void {
    for (const partition of this.all()) {
      if (topic === undefined || partition.topic === topic) partition.log.updateSettings(this.options.settingsOf(partition.topic));
    }
  }

  /** The partition if this node leads it, else the code that a client gets. */
  findLeader(topicId: Uuid, index: number): Partition | number {
    const partition = this.get(topicId, index);
    if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return partition.leaderEpoch === undefined ? ErrorCode.NOT_LEADER_OR_FOLLOWER : partition;
  }

  #open(topic: TopicImage, index: number): Partition {
    const { logManager, localId } = this.options;
    const log = logManager.getOrCreate(topic.name, index, topic.id, this.options.settingsOf(topic.name));
    const partition = new Partition(topic.id, topic.name, index, log, topic.partitions[index]!, localId);
    let partitions = this.#topics.get(topic.id);
    if (partitions === undefined) this.#topics.set(topic.id, (partitions = new Map()));
    partitions.set(index, partition);
    return partition;
  }
}
