import { ZERO_UUID, type Uuid } from '../../../protocol/wire/types.js';
import type { ClusterTopic, ClusterTopics } from '../cluster-topics.js';
import { topicHash } from '../consumer/topic-hash.js';

/** A cluster whose topics a test makes. Until it makes the first, there is every topic that somebody asks for. */
export class TestCluster implements ClusterTopics {
  version = 1;
  private readonly topics = new Map<string, ClusterTopic>();
  private isOpen = true;
  private made = 0;

  /** A topic as it is from now on: new, or with other partitions; its id. */
  set(name: string, partitionCount: number, id: Uuid = this.topics.get(name)?.id ?? this.newId(), racks: readonly string[] = []): Uuid {
    this.isOpen = false;
    const topic = { name, id, partitionCount, racksOf: () => racks };
    this.topics.set(name, { ...topic, hash: topicHash(topic) });
    this.version++;
    return id;
  }

  remove(name: string): void {
    this.topics.delete(name);
    this.version++;
  }

  named(name: string): ClusterTopic | undefined {
    return this.isOpen ? { name, id: ZERO_UUID, partitionCount: 1, hash: 0n, racksOf: () => [] } : this.topics.get(name);
  }

  withId(id: Uuid): ClusterTopic | undefined {
    return [...this.topics.values()].find(topic => topic.id === id);
  }

  names(): Iterable<string> {
    return this.topics.keys();
  }

  private newId(): Uuid {
    const bytes = Buffer.alloc(16, 7);
    bytes.writeUInt32BE(++this.made, 12);
    return bytes.toString('base64url');
  }
}
