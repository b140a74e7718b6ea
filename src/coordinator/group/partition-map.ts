type Topics<Value> = Map<string, Map<number, Value>>;

/** A value for each partition of each topic of each group; what becomes empty is gone. */
export class PartitionMap<Value> {
  private readonly groups = new Map<string, Topics<Value>>();

  groupIds(): Iterable<string> {
    return this.groups.keys();
  }

  has(groupId: string): boolean {
    return this.groups.has(groupId);
  }

  topics(groupId: string): ReadonlyMap<string, ReadonlyMap<number, Value>> | undefined {
    return this.groups.get(groupId);
  }

  get(groupId: string, topic: string, partition: number): Value | undefined {
    return this.groups.get(groupId)?.get(topic)?.get(partition);
  }

  set(groupId: string, topic: string, partition: number, value: Value): void {
    let topics = this.groups.get(groupId);
    if (topics === undefined) this.groups.set(groupId, topics = new Map());
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, partitions = new Map());
    partitions.set(partition, value);
  }

  delete(groupId: string, topic: string, partition: number): void {
    const topics = this.groups.get(groupId);
    const partitions = topics?.get(topic);
    if (topics === undefined || partitions === undefined) return;
    partitions.delete(partition);
    if (partitions.size === 0) topics.delete(topic);
    if (topics.size === 0) this.groups.delete(groupId);
  }

  /** Each topic of each group, with its partitions. */
  *allTopics(): Generator<[topic: string, partitions: ReadonlyMap<number, Value>]> {
    for (const topics of this.groups.values()) yield* topics;
  }

  /** Everything of one group, in order of topic and partition as they came. */
  *entries(groupId: string): Generator<[topic: string, partition: number, value: Value]> {
    for (const [topic, partitions] of this.groups.get(groupId) ?? []) {
      for (const [partition, value] of partitions) yield [topic, partition, value];
    }
  }

  *all(): Generator<[groupId: string, topic: string, partition: number, value: Value]> {
    for (const groupId of this.groups.keys()) {
      for (const [topic, partition, value] of this.entries(groupId)) yield [groupId, topic, partition, value];
    }
  }
}
