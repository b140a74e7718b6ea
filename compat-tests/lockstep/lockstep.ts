// The same steps on two brokers at once, compared after each.

import { differences, type Difference } from '../differential/compare.js';
import { pause } from '../support/until.js';
import type { Side } from './side.js';

/** Longer than what a slow machine needs to deliver an answer that was decided; a timer of a group never is what is waited for. */
const SETTLE_TIMEOUT_MS = 5_000;
const POLL_MS = 5;
/** How long a request may be on its way before it counts as parked. Only where both brokers are later than this is one missed. */
const UNDER_WAY_MS = 30;
const TOLD_STEPS = 12;

/** What plays on one broker. */
export interface Actor {
  readonly side: Side;
  /** What anyone can see of the group now, and whether somebody waits whom a group like that has to answer. */
  look(): Promise<{ seen: unknown; isOwing: boolean }>;
}

export interface Step<A extends Actor> {
  readonly name: string;
  run(actor: A): Promise<void>;
}

export type Answers = Map<string, unknown>;

export interface LockstepOptions<A extends Actor> {
  /** The seed, for whoever wants to see it again. */
  readonly name: string;
  readonly apache: A;
  readonly ottla: A;
  /** Takes out of both brokers' answers what a broker may choose freely. */
  readonly levelled?: (apache: Answers, ottla: Answers) => void;
  /** Whether a difference after a step is one that is known. */
  readonly isKnown: (difference: Difference, step: string) => boolean;
}

/** Thrown by the first step after which the brokers differ. */
export class BrokersDiffer extends Error {}

export class Lockstep<A extends Actor> {
  readonly history: string[] = [];
  answers = 0;

  constructor(private readonly options: LockstepOptions<A>) {}

  get name(): string {
    return this.options.name;
  }

  get apache(): A {
    return this.options.apache;
  }

  get ottla(): A {
    return this.options.ottla;
  }

  private get actors(): [A, A] {
    return [this.options.apache, this.options.ottla];
  }

  /** @throws BrokersDiffer, which names the seed and the step. */
  async step(step: Step<A>): Promise<void> {
    this.history.push(step.name);
    let told: [Answers, Answers];
    try {
      await Promise.all(this.actors.map(actor => step.run(actor)));
      told = await this.settled();
    } catch (error) {
      throw new Error(this.where((error as Error).message), { cause: error });
    }
    this.answers += told[0].size;
    this.options.levelled?.(...told);
    const found = this.unknown(...told);
    if (found.length > 0) throw new BrokersDiffer(this.where(found.map(lineOf).join('\n')));
  }

  /** The answers, once the brokers show the same and owe answers to the same members, or clearly never will. */
  private async settled(): Promise<[Answers, Answers]> {
    const deadlineMs = performance.now() + SETTLE_TIMEOUT_MS;
    for (;;) {
      const looks = await Promise.all(this.actors.map(actor => actor.look()));
      // From here to the end nothing can come in between.
      const shown = this.actors.map(({ side }, index) => new Map([['seen by anyone', { seen: side.told(looks[index]!.seen), 'still waiting': Object.fromEntries(side.whoWaits()) }]]));
      const isUnderWay = this.actors.some(({ side }, index) => looks[index]!.isOwing || (side.whoWaits().size > 0 && side.sinceParkedMs() < UNDER_WAY_MS));
      if ((!isUnderWay && this.unknown(shown[0]!, shown[1]!).length === 0) || performance.now() > deadlineMs) {
        const [apache, ottla] = this.actors.map(({ side }, index) => new Map([...side.takeAnswers(), ...shown[index]!]));
        return [apache!, ottla!];
      }
      await pause(POLL_MS);
    }
  }

  private unknown(apache: Answers, ottla: Answers): Difference[] {
    return differences(apache, ottla).filter(difference => !this.options.isKnown(difference, this.history.at(-1)!));
  }

  private where(what: string): string {
    const { history } = this;
    const told = history.slice(-TOLD_STEPS).map((name, index) => `  ${Math.max(history.length - TOLD_STEPS, 0) + index + 1}. ${name}`);
    return `${this.options.name}, after step ${history.length}:\n${what}\nthe last steps:\n${told.join('\n')}`;
  }
}

function lineOf({ asked, at, apache, ottla }: Difference): string {
  return `  ${asked} ${at}: Apache ${JSON.stringify(apache)}, Ottla ${JSON.stringify(ottla)}`;
}
