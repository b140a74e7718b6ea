import type { ConsumerMember } from './member.js';

/** How many members subscribe to a topic by its name, and how many resolved regular expressions match it. */
export interface TopicSubscribers {
  readonly byName: number;
  readonly byRegex: number;
}

/**
 * What a group subscribes to, counted. Handlers change a copy to see what would be; replay changes the group's own. After the
 * counts that Kafka's `ModernGroup` and `ConsumerGroup` keep.
 */
export class Subscriptions {
  private constructor(
    private readonly topicCounts: Map<string, TopicSubscribers>,
    private readonly regexCounts: Map<string, number>,
  ) {}

  static none(): Subscriptions {
    return new Subscriptions(new Map(), new Map());
  }

  copy(): Subscriptions {
    return new Subscriptions(new Map(this.topicCounts), new Map(this.regexCounts));
  }

  get topics(): ReadonlyMap<string, TopicSubscribers> {
    return this.topicCounts;
  }

  /** Members by the regular expression that they subscribe to. */
  get regexes(): ReadonlyMap<string, number> {
    return this.regexCounts;
  }

  subscribersOf(regex: string): number {
    return this.regexCounts.get(regex) ?? 0;
  }

  /** A member comes (`former` undefined), changes, or goes (`member` undefined). */
  replace(former: ConsumerMember | undefined, member: ConsumerMember | undefined): void {
    for (const topic of former?.subscribedTopicNames ?? []) this.countTopic(topic, -1, 0);
    for (const topic of member?.subscribedTopicNames ?? []) this.countTopic(topic, 1, 0);
    this.countRegex(former?.subscribedTopicRegex, -1);
    this.countRegex(member?.subscribedTopicRegex, 1);
  }

  /** A regular expression stands for other topics now; for none when it is forgotten. */
  resolve(former: Iterable<string>, topics: Iterable<string>): void {
    for (const topic of former) this.countTopic(topic, 0, -1);
    for (const topic of topics) this.countTopic(topic, 0, 1);
  }

  /** Whether all of so many members subscribe to the same topics. */
  isHomogeneous(members: number): boolean {
    const counts = [...this.topicCounts.values()];
    if (this.regexCounts.size === 0) return counts.every(({ byName }) => byName === members);
    const [subscribers] = this.regexCounts.values();
    return subscribers === members && counts.every(({ byName, byRegex }) => byRegex === 1 && byName === 0);
  }

  private countTopic(topic: string, byName: number, byRegex: number): void {
    const { byName: names, byRegex: regexes } = this.topicCounts.get(topic) ?? { byName: 0, byRegex: 0 };
    const counted = { byName: names + byName, byRegex: regexes + byRegex };
    if (counted.byName <= 0 && counted.byRegex <= 0) this.topicCounts.delete(topic);
    else this.topicCounts.set(topic, counted);
  }

  private countRegex(regex: string | undefined, by: 1 | -1): void {
    if (regex === undefined || regex === '') return;
    const count = this.subscribersOf(regex) + by;
    if (count <= 0) this.regexCounts.delete(regex);
    else this.regexCounts.set(regex, count);
  }
}
