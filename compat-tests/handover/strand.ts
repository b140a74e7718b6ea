import type { SeededRandom } from '../support/random.js';
import type { Client } from './client.js';

/** One stay of a broker between two hand-overs. */
export interface Turn {
  /** From 0. */
  readonly number: number;
  readonly runs: 'ottla' | 'apache';
  readonly dataDir: string;
  readonly random: SeededRandom;
}

/** One kind of work that goes on over all hand-overs, whoever runs, and knows what must have come of it. */
export interface Strand {
  readonly name: string;
  /** Throws when something that was acknowledged in an earlier turn is not as it was. */
  check(client: Client, turn: Turn): Promise<void>;
  write(client: Client, turn: Turn): Promise<void>;
}
