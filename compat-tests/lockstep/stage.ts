// The two brokers that all scenarios play on, side by side.

import type { Difference } from '../differential/compare.js';
import { Player, common, rangesOf } from '../differential/player.js';
import { brokerUnderTest, type BrokerUnderTest, type Settings } from '../support/brokers.js';
import { knownAs, type KnownDifference } from './known-difference.js';
import { Lockstep, type Actor, type Answers } from './lockstep.js';
import { Side, type TopicIds } from './side.js';

/** Topics with their numbers of partitions. */
export type Scenery = Readonly<Record<string, number>>;

export class Stage {
  steps = 0;
  answers = 0;
  /** How often each known difference was met. */
  readonly met = new Map<KnownDifference, number>();
  /** Apache Kafka, and the broker that is held against it: with BROKER=apache Apache again, which shows that the scenarios leave nothing to chance. */
  readonly brokers: readonly [apache: BrokerUnderTest, ottla: BrokerUnderTest];
  private readonly topics: TopicIds[] = [];

  /** `ready` waits for more than coordinators of groups. */
  constructor(
    settings: Settings, private readonly scenery: Scenery, private readonly known: readonly KnownDifference[],
    private readonly ready: (player: Player) => Promise<void> = () => Promise.resolve(),
  ) {
    this.brokers = [brokerUnderTest(settings, 'apache'), brokerUnderTest(settings)];
  }

  async start(): Promise<void> {
    await this.startAll();
    await this.each(async (player, index) => {
      const ids = new Map<string, string>();
      for (const [topic, partitions] of Object.entries(this.scenery)) ids.set(topic, await player.topic(topic, partitions));
      this.topics[index] = ids;
    });
  }

  /** Stops both brokers, and starts them again on what they wrote and on what `meanwhile` does to it. */
  async restart(meanwhile: (broker: BrokerUnderTest, index: number) => void = () => undefined): Promise<void> {
    await this.stop();
    for (const [index, broker] of this.brokers.entries()) meanwhile(broker, index);
    await this.startAll();
  }

  async stop(): Promise<void> {
    await Promise.all(this.brokers.map(broker => broker.stop()));
  }

  async remove(): Promise<void> {
    await Promise.all(this.brokers.map(broker => broker.remove()));
  }

  /** A scene of this name on both, and what plays on each. */
  open<A extends Actor>(name: string, make: (side: Side) => A, levelled?: (apache: A, ottla: A) => (apache: Answers, ottla: Answers) => void): Lockstep<A> {
    const [apache, ottla] = this.brokers.map(({ kind, host, port }, index) => make(new Side({ kind, host, port }, name, this.topics[index]!))) as [A, A];
    return new Lockstep({ name, apache, ottla, isKnown: (difference, step) => this.isKnown(`${name}, ${step}`, difference), ...(levelled && { levelled: levelled(apache, ottla) }) });
  }

  /** Plays and counts what was played; the connections are cut in the end. */
  async play<A extends Actor>(lockstep: Lockstep<A>, play: (lockstep: Lockstep<A>) => Promise<void>): Promise<void> {
    const before = { steps: lockstep.history.length, answers: lockstep.answers };
    try {
      await play(lockstep);
    } finally {
      for (const { side } of [lockstep.apache, lockstep.ottla]) side.close();
      this.steps += lockstep.history.length - before.steps;
      this.answers += lockstep.answers - before.answers;
    }
  }

  /** Whether that is known, which then was met. */
  isKnown(where: string, difference: Difference): boolean {
    const known = knownAs(this.known, { ...difference, asked: `${where}, ${difference.asked}` });
    if (known !== undefined) this.met.set(known, (this.met.get(known) ?? 0) + 1);
    return known !== undefined;
  }

  /** Both at once, outside of any scene. */
  async each(work: (player: Player, index: number) => Promise<void>): Promise<void> {
    await Promise.all(this.brokers.map(async ({ host, port }, index) => {
      const ranges = await rangesOf(host, port);
      const player = new Player(host, port, common(ranges, ranges));
      try {
        await work(player, index);
      } finally {
        player.close();
      }
    }));
  }

  /** Starts both and waits for their coordinators. */
  private async startAll(): Promise<void> {
    await Promise.all(this.brokers.map(broker => broker.start()));
    await this.each(async player => {
      await player.untilGroupsServed();
      await this.ready(player);
    });
  }
}
