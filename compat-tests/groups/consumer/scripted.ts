// What is known to differ where members of the consumer protocol are about.

import type { Wish } from '../classic/cast.js';
import type { Step } from '../../lockstep/lockstep.js';
import type { ConsumerCast, ConsumerWish } from './cast.js';
import { CONSUMER_MAX_SIZE, CONSUMER_TOPICS } from './script.js';

const TOPICS = Object.keys(CONSUMER_TOPICS);
const wish = (more: Partial<ConsumerWish> = {}): ConsumerWish => ({ version: 1, instanceId: null, rackId: null, topics: TOPICS, assignor: 'range', ...more });
const step = (name: string, run: (cast: ConsumerCast) => Promise<void>): Step<ConsumerCast> => ({ name, run });
const classicJoins = (name: string, more: Partial<Wish> = {}): Step<ConsumerCast> =>
  step(`${name} joins`, cast => cast.classic.join(name, { version: 3, instanceId: null, protocolType: 'consumer', protocols: [{ name: 'range', topics: TOPICS }], ...more }));
const joins = (name: string, more: Partial<ConsumerWish> = {}): Step<ConsumerCast> => step(`${name} joins`, cast => cast.join(name, wish(more)));

export const CONSUMERS_SCRIPTED: readonly { readonly name: string; readonly steps: readonly Step<ConsumerCast>[] }[] = [
  {
    name: 'somebody new wants nothing',
    steps: [joins('!m0'), joins('!m1'), step('!m1 leaves', cast => cast.leave('!m1', false)), joins('!m2', { topics: [] })],
  },
  {
    name: 'a classic member takes the place of the last consumer, and not all have what they should',
    steps: [classicJoins('c0'), step('c0 syncs', cast => cast.classic.sync('c0')), joins('!m0', { instanceId: 'one' }), classicJoins('c1', { version: 6, instanceId: 'one' })],
  },
  {
    name: 'an upgrade comes to nothing',
    steps: [
      classicJoins('c0'), step('c0 syncs', cast => cast.classic.sync('c0')),
      ...Array.from({ length: CONSUMER_MAX_SIZE - 1 }, (_, index) => classicJoins(`c${index + 1}`)), joins('!m0'),
    ],
  },
];
