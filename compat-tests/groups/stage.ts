// The two brokers that all scenarios play on, side by side.

import type { Difference } from '../differential/compare.js';
import { Player, common, rangesOf } from '../differential/player.js';
import { brokerUnderTest, type BrokerUnderTest, type Settings } from '../support/brokers.js';
import { knownAs, type KnownDifference } from './known-differences.js';
import { Lockstep, type Actor, type Answers } from './lockstep.js';
import { Side, type TopicIds } from './side.js';

/** Topics with their numbers of partitions. */
export type Scenery = Readonly<Record<string, number>>;

export class Stage {
  steps = 0;
  answers = 0;
  /** How often each known difference was met. */
  readonly met = new Map<KnownDifference, number>();
  private readonly brokers: readonly BrokerUnderTest[];
  private readonly topics = new Map<string, TopicIds>();

  constructor(settings: Settings, private readonly scenery: Scenery) {
    this.brokers = (['apache', 'ottla'] as const).map(kind => brokerUnderTest(settings, kind));
  }

  async start(): Promise<void> {
    await this.each(async (broker, player) => {
      const ids = new Map<string, string>();
      for (const [topic, partitions] of Object.entries(this.scenery)) ids.set(topic, await player.topic(topic, partitions));
      this.topics.set(broker.kind, ids);
    });
  }

  /** Stops both brokers, and starts them again on what they wrote. */
  async restart(): Promise<void> {
    await Promise.all(this.brokers.map(broker => broker.stop()));
    await this.each(() => Promise.resolve());
  }

  async remove(): Promise<void> {
    await Promise.all(this.brokers.map(broker => broker.remove()));
  }

  /** A group of this name on both, and what plays on each. */
  open<A extends Actor>(name: string, make: (side: Side) => A, levelled?: (apache: A, ottla: A) => (apache: Answers, ottla: Answers) => void): Lockstep<A> {
    const [apache, ottla] = this.brokers.map(({ kind, host, port }) => make(new Side({ kind, host, port }, name, this.topics.get(kind)!))) as [A, A];
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

  private isKnown(where: string, difference: Difference): boolean {
    const known = knownAs(where, difference);
    if (known !== undefined) this.met.set(known, (this.met.get(known) ?? 0) + 1);
    return known !== undefined;
  }

  /** Starts both and waits for a coordinator of every group; then `work` has each. */
  private async each(work: (broker: BrokerUnderTest, player: Player) => Promise<void>): Promise<void> {
    await Promise.all(this.brokers.map(async broker => {
      await broker.start();
      const ranges = await rangesOf(broker.host, broker.port);
      const player = new Player(broker.host, broker.port, common(ranges, ranges));
      try {
        await work(broker, player);
        await player.untilGroupsServed();
      } finally {
        player.close();
      }
    }));
  }
}
