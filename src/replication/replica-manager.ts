import type { LogSettings } from '../config/log-settings.js';
import type { Logger } from '../env/index.js';
import type { LogManager } from '../log/index.js';
import type { TopicImage } from '../metadata/types.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Uuid } from '../protocol/wire/types.js';
import { Partition } from './partition.js';

export interface ReplicaManagerOptions {
  readonly localId: number;
  readonly logManager: LogManager;
  readonly logger: Logger;
  /** A topic's settings as they stand now. */
  settingsOf(topic: string): LogSettings;
}

/** Hears where this node begins and ends to lead; `leaderEpoch` undefined is the end. */
export type LeadershipListener = (partition: Partition, leaderEpoch: number | undefined) => void;

/**
 * The replicas that this node holds, kept in step with the metadata. A replica whose log cannot be opened is offline, alone: the
 * next change of its topic tries again.
 */
export class ReplicaManager {
  readonly #topics = new Map<Uuid, Map<number, Partition>>();
  readonly #offline = new Map<Uuid, Set<number>>();
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

  /** Opens what the topic places here, takes the roles that it gives, and drops what it places here no more. */
  applyTopic(topic: TopicImage): void {
    const { localId } = this.options;
    this.#drop([...this.#topics.get(topic.id)?.values() ?? []].filter(({ index }) => !topic.partitions[index]?.replicas.includes(localId)));
    this.#offline.delete(topic.id);
    topic.partitions.forEach(({ replicas }, index) => {
      if (!replicas.includes(localId)) return;
      try {
        this.#apply(topic, index);
      } catch (error) {
        this.#takeOffline(topic, index, error);
      }
    });
  }

  /** Drops topics that no longer exist, with their logs. At its return their names are free for other topics. */
  removeTopics(topicIds: Iterable<Uuid>): void {
    for (const id of topicIds) {
      this.#offline.delete(id);
      this.#drop([...this.#topics.get(id)?.values() ?? []]);
    }
  }

  /** Settings of a topic, or of all topics (the broker's own), have changed. */
  refreshSettings(topic?: string): void {
    for (const partition of this.all()) {
      if (topic === undefined || partition.topic === topic) partition.updateSettings(this.options.settingsOf(partition.topic));
    }
  }

  /** The partition if this node leads it, else the code that a client gets. */
  findLeader(topicId: Uuid, index: number): Partition | number {
    if (this.#offline.get(topicId)?.has(index)) return ErrorCode.KAFKA_STORAGE_ERROR;
    const partition = this.get(topicId, index);
    if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return partition.leaderEpoch === undefined ? ErrorCode.NOT_LEADER_OR_FOLLOWER : partition;
  }

  #apply(topic: TopicImage, index: number): void {
    const partition = this.get(topic.id, index) ?? this.#open(topic, index);
    if (partition.changeTo(topic.partitions[index]!)) this.#tell(partition);
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

  /** Everybody hears that the leaderships are over before the first log goes. */
  #drop(partitions: readonly Partition[]): void {
    for (const partition of partitions) {
      const siblings = this.#topics.get(partition.topicId)!;
      siblings.delete(partition.index);
      if (siblings.size === 0) this.#topics.delete(partition.topicId);
      if (partition.resign()) this.#tell(partition);
    }
    for (const { topic, index } of partitions) {
      try {
        this.options.logManager.delete(topic, index);
      } catch (error) {
        this.options.logger.error('the log of a partition that is gone could not be removed', { topic, partition: index, error });
      }
    }
  }

  #takeOffline(topic: TopicImage, index: number, error: unknown): void {
    this.options.logger.error('a partition is offline', { topic: topic.name, partition: index, error });
    let offline = this.#offline.get(topic.id);
    if (offline === undefined) this.#offline.set(topic.id, (offline = new Set()));
    offline.add(index);
    const partition = this.get(topic.id, index);
    if (partition?.resign()) this.#tell(partition);
  }

  #tell(partition: Partition): void {
    for (const listener of this.#listeners) listener(partition, partition.leaderEpoch);
  }
}
