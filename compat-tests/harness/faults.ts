// What happens to a broker and its link while clients work: each fault begins, lasts a moment, and ends with all in order again.

import type { BrokerUnderTest } from '../support/brokers.js';
import type { SeededRandom } from '../support/random.js';
import { pause } from '../support/until.js';
import type { LinkProxy } from './link-proxy.js';

export interface Fault {
  readonly name: string;
  run(broker: BrokerUnderTest, link: LinkProxy, random: SeededRandom): Promise<void>;
}

const LONGEST_MS = 400;

const moment = (random: SeededRandom): Promise<void> => pause(20 + random.below(LONGEST_MS));

/** Disturbs the link for a moment. */
const onLink = (name: string, disturb: (link: LinkProxy, random: SeededRandom) => void): Fault => ({
  name,
  async run(_broker, link, random) {
    disturb(link, random);
    await moment(random);
    link.heal();
  },
});

export const FAULTS: readonly Fault[] = [
  {
    name: 'kill -9',
    async run(broker) {
      await broker.killHard();
      await broker.start();
    },
  },
  {
    name: 'clean restart',
    async run(broker) {
      await broker.stop();
      await broker.start();
    },
  },
  {
    name: 'SIGSTOP',
    async run(broker, _link, random) {
      broker.pause();
      await moment(random);
      broker.resume();
    },
  },
  {
    name: 'kill -9 of a stopped process',
    async run(broker, _link, random) {
      broker.pause();
      await moment(random);
      await broker.killHard();
      await broker.start();
    },
  },
  onLink('connections reset', link => link.reset()),
  onLink('link stalls', link => link.stall()),
  onLink('answers stall', link => link.stall('down')),
  onLink('link cut', link => link.cut()),
  onLink('requests lost', link => link.cut('up')),
  onLink('answers lost', link => link.cut('down')),
  onLink('slow link', (link, random) => link.delay(5 + random.below(50))),
];

/** Every fault in turn, in an order that the seed chooses anew for each round. */
export function* faultsInTurn(random: SeededRandom): Generator<Fault, never> {
  for (;;) {
    const left = [...FAULTS];
    while (left.length > 0) yield left.splice(random.below(left.length), 1)[0]!;
  }
}
