import type { ClusterTopic, ClusterTopics } from '../coordinator/group/cluster-topics.js';
import { topicHash } from '../coordinator/group/consumer/topic-hash.js';
import type { MetadataImage, TopicImage } from '../metadata/types.js';

/** The topics of the cluster for group coordinators. What is made of a topic is kept for as long as the topic stays as it is. */
export class ImageTopics implements ClusterTopics {
  readonly #made = new WeakMap<TopicImage, ClusterTopic>();

  constructor(private readonly image: () => MetadataImage) {}

  get version(): number {
    return this.image().offset;
  }

  named(name: string): ClusterTopic | undefined {
    return this.#topicOf(this.image().topicsByName.get(name));
  }

  withId(id: string): ClusterTopic | undefined {
    return this.#topicOf(this.image().topicsById.get(id));
  }

  names(): Iterable<string> {
    return this.image().topicsByName.keys();
  }

  #topicOf(topic: TopicImage | undefined): ClusterTopic | undefined {
    if (topic === undefined) return undefined;
    let made = this.#made.get(topic);
    if (made === undefined) this.#made.set(topic, made = new ImageTopic(topic, this.image));
    return made;
  }
}

class ImageTopic implements ClusterTopic {
  #hash: bigint | undefined;

  constructor(private readonly topic: TopicImage, private readonly image: () => MetadataImage) {}

  get name(): string {
    return this.topic.name;
  }

  get id(): string {
    return this.topic.id;
  }

  get partitionCount(): number {
    return this.topic.partitions.length;
  }

  /** Made once, as Kafka does: a broker that comes back in another rack changes nothing until its partitions do. */
  get hash(): bigint {
    this.#hash ??= topicHash(this);
    return this.#hash;
  }

  racksOf(partition: number): string[] {
    const { brokers } = this.image();
    const replicas = this.topic.partitions[partition]?.replicas ?? [];
    return replicas.map(replica => brokers.get(replica)?.rack).filter(rack => typeof rack === 'string');
  }
}
