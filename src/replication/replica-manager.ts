import type { LogSettings } from '../config/log-settings.js';
import type { Logger } from '../env/index.js';
import type { LogManager } from '../log/index.js';
import { DirectoryId, directoryOf } from '../metadata/image.js';
import type { TopicImage } from '../metadata/types.js';
import { KafkaError } from '../protocol/errors.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { Uuid } from '../protocol/wire/types.js';
import { Partition } from './partition.js';

export interface ReplicaManagerOptions {
  readonly localId: number;
  readonly logManager: LogManager;
  readonly logger: Logger;
  /** A topic's settings as they stand now. */
  settingsOf(topic: string): LogSettings;
  /** A replica lies in another directory than the metadata says; the controller is to be told. */
  misplaced?(partition: Partition, directoryId: Uuid): void;
}

/** Hears where this node begins and ends to lead; `leaderEpoch` undefined is the end. */
export type LeadershipListener = (partition: Partition, leaderEpoch: number | undefined) => void;

/**
 * The replicas that this node holds, kept in step with the metadata. A replica whose log cannot be opened is offline, alone: the
 * next change of its topic tries again. What a failed log directory took is offline for as long as the process lives.
 */
export class ReplicaManager {
  readonly #topics = new Map<Uuid, Map<number, Partition>>();
  readonly #offline = new Map<Uuid, Set<number>>();
  readonly #lost = new Map<Uuid, Set<number>>();
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
    const known = this.#offline.get(topic.id);
    this.#offline.delete(topic.id);
    const newlyOffline = new Map<number, unknown>();
    topic.partitions.forEach(({ replicas }, index) => {
      if (!replicas.includes(localId) || this.#lost.get(topic.id)?.has(index)) return;
      try {
        this.#apply(topic, index);
      } catch (error) {
        if (!known?.has(index)) newlyOffline.set(index, error);
        this.#takeOffline(topic, index);
      }
    });
    if (newlyOffline.size > 0) this.#logOffline(topic.name, newlyOffline);
  }

  /** Where a log directory is offline, a line for all that may lie in it: the place in the program tells nothing. */
  #logOffline(topic: string, errors: ReadonlyMap<number, unknown>): void {
    const { logger } = this.options;
    const without: number[] = [];
    let reason = '';
    for (const [partition, error] of errors) {
      if (error instanceof KafkaError && error.errorCode === ErrorCode.KAFKA_STORAGE_ERROR) {
        reason ||= error.message;
        without.push(partition);
      } else {
        logger.error('a partition is offline', { topic, partition, error });
      }
    }
    if (without.length > 0) logger.error('partitions are offline', { topic, partitions: without.join(','), reason });
  }

  /** Drops topics that no longer exist, with their logs. At its return their names are free for other topics. */
  removeTopics(topicIds: Iterable<Uuid>): void {
    for (const id of topicIds) {
      this.#offline.delete(id);
      this.#lost.delete(id);
      this.#drop([...this.#topics.get(id)?.values() ?? []]);
    }
  }

  /** A log directory can no longer be used: what lies in it is not led here any more, and whoever waits for it hears so (KIP-112). How many partitions that are. */
  directoryFailed(path: string): number {
    const lost = [...this.all()].filter(({ log }) => log.home.path === path);
    for (const partition of lost) {
      this.#forget(partition);
      addTo(this.#lost, partition.topicId, partition.index);
      if (partition.markOffline()) this.#tell(partition);
    }
    return lost.length;
  }

  /** Settings of a topic, or of all topics (the broker's own), have changed. */
  refreshSettings(topic?: string): void {
    for (const partition of this.all()) {
      if (topic === undefined || partition.topic === topic) partition.updateSettings(this.options.settingsOf(partition.topic));
    }
  }

  /** The metadata places it here, and its log cannot be used. */
  isOffline(topicId: Uuid, index: number): boolean {
    return (this.#offline.get(topicId)?.has(index) || this.#lost.get(topicId)?.has(index)) ?? false;
  }

  /** The partition if this node leads it, else the code that a client gets. */
  findLeader(topicId: Uuid, index: number): Partition | number {
    const partition = this.findReplica(topicId, index);
    return typeof partition === 'number' || partition.leaderEpoch !== undefined ? partition : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  /** The partition if this node holds it, else the code that a client gets. */
  findReplica(topicId: Uuid, index: number): Partition | number {
    if (this.isOffline(topicId, index)) return ErrorCode.KAFKA_STORAGE_ERROR;
    const partition = this.get(topicId, index);
    if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    // Its directory goes offline when the turn ends; of its last records nobody may hear until then.
    return partition.log.failure === undefined ? partition : ErrorCode.KAFKA_STORAGE_ERROR;
  }

  #apply(topic: TopicImage, index: number): void {
    const partition = this.get(topic.id, index) ?? this.#open(topic, index);
    const image = topic.partitions[index]!;
    if (partition.changeTo(image)) this.#tell(partition);
    const { home } = partition.log;
    const assigned = directoryOf(image, this.options.localId);
    if (home.error === undefined && assigned !== undefined && assigned !== home.id) this.options.misplaced?.(partition, home.id);
  }

  #open(topic: TopicImage, index: number): Partition {
    const { logManager, localId } = this.options;
    const image = topic.partitions[index]!;
    const assigned = directoryOf(image, localId);
    const directoryId = assigned === DirectoryId.UNASSIGNED ? undefined : assigned;
    const log = logManager.getOrCreate(topic.name, index, topic.id, this.options.settingsOf(topic.name), directoryId);
    const partition = new Partition(topic.id, topic.name, index, log, image, localId);
    let partitions = this.#topics.get(topic.id);
    if (partitions === undefined) this.#topics.set(topic.id, (partitions = new Map()));
    partitions.set(index, partition);
    return partition;
  }

  /** Everybody hears that the leaderships are over before the first log goes. */
  #drop(partitions: readonly Partition[]): void {
    for (const partition of partitions) {
      this.#forget(partition);
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

  #forget({ topicId, index }: Partition): void {
    const siblings = this.#topics.get(topicId)!;
    siblings.delete(index);
    if (siblings.size === 0) this.#topics.delete(topicId);
  }

  #takeOffline(topic: TopicImage, index: number): void {
    addTo(this.#offline, topic.id, index);
    const partition = this.get(topic.id, index);
    if (partition?.resign()) this.#tell(partition);
  }

  #tell(partition: Partition): void {
    for (const listener of this.#listeners) listener(partition, partition.leaderEpoch);
  }
}

function addTo(partitions: Map<Uuid, Set<number>>, topicId: Uuid, index: number): void {
  const indexes = partitions.get(topicId);
  if (indexes === undefined) partitions.set(topicId, new Set([index]));
  else indexes.add(index);
}
