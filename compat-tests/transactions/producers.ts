// Who the producers of a scene are on one broker: what each was told of itself, whom a request may name in its place, and the
// sequences of what it writes.

import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import { MAX_PRODUCER_EPOCH } from '../../src/protocol/records/batch.js';

export interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/**
 * Whom a request names, as seen from a producer: itself as it was told last; with the epoch before or after; with the last epoch
 * that there is; as it was before it was told anew; the producer of another id; one that nobody knows; none.
 */
export type Whose = 'own' | 'older' | 'newer' | 'last' | 'former' | 'other' | 'stranger' | 'nobody';

/** A partition of the scene's topics, as `a0`; the topic `missing` is none. */
export type Place = string;

/** Where a batch of a producer stands among its others. */
export type Sequence = 'next' | 'repeat' | 'gap' | 'zero' | 'none';

export interface Batch {
  readonly place: Place;
  readonly sequence?: Sequence;
  readonly isTransactional?: boolean;
  readonly count?: number;
}

/** A batch as it is sent. */
export interface BuiltBatch {
  readonly place: Place;
  readonly records: Buffer;
  /** To be called once a broker has taken it: the next one follows it. */
  readonly taken: () => void;
}

/** No broker here comes to give that one out. */
const STRANGER: Identity = { producerId: 9_000_001, producerEpoch: 0 };
export const NOBODY: Identity = { producerId: -1, producerEpoch: -1 };

/** By transactional id, as the scene calls it. */
export class Producers {
  /** In the order in which they came up, as logs name them. */
  private readonly names = new Map<number, string>([[-1, 'none'], [0, 'zero'], [STRANGER.producerId, 'stranger']]);
  /** Of each id all that it was, the newest last. */
  private readonly identities = new Map<string, Identity[]>();
  /** What the coordinator had of each id when it was looked at last. */
  private readonly seen = new Map<string, Identity>();
  /** Ids whose epoch is that which the end of a transaction gave. */
  private readonly bumped = new Set<string>();
  /** The next sequence of a producer's epoch in a partition. */
  private readonly sequences = new Map<string, number>();

  /** What a producer is called on both brokers; who has no name yet gets the next. */
  nameOf(producerId: number): string {
    let name = this.names.get(producerId);
    if (name === undefined) {
      name = `p${this.names.size - 3}`;
      this.names.set(producerId, name);
    }
    return name;
  }

  isKnown(producerId: number): boolean {
    return this.names.has(producerId);
  }

  claim(id: string, whose: Whose = 'own'): Identity {
    const all = this.identities.get(id) ?? [STRANGER];
    const own = all.at(-1)!;
    switch (whose) {
      case 'own': return own;
      case 'older': return { ...own, producerEpoch: own.producerEpoch - 1 };
      case 'newer': return { ...own, producerEpoch: Math.min(own.producerEpoch + 1, MAX_PRODUCER_EPOCH) };
      case 'last': return { ...own, producerEpoch: MAX_PRODUCER_EPOCH };
      case 'former': return all.at(-2) ?? STRANGER;
      case 'other': return [...this.identities].find(([name]) => name !== id)?.[1].at(-1) ?? STRANGER;
      case 'stranger': return STRANGER;
      default: return NOBODY;
    }
  }

  /** From now on the producer is that. */
  becomes(id: string, identity: Identity): void {
    this.nameOf(identity.producerId);
    const all = this.identities.get(id) ?? [];
    const own = all.at(-1);
    if (own?.producerId !== identity.producerId || own.producerEpoch !== identity.producerEpoch) this.identities.set(id, [...all, identity]);
  }

  /** InitProducerId was answered. */
  initialized(id: string, identity: Identity): void {
    this.becomes(id, identity);
    this.bumped.delete(id);
  }

  /** EndTxn was answered: with the producer of the next transaction where each has an epoch of its own. */
  ended(id: string, next: Identity, hasEpochs: boolean): void {
    if (next.producerId !== NOBODY.producerId) this.becomes(id, next);
    if (hasEpochs) this.bumped.add(id);
    else this.bumped.delete(id);
  }

  /** The coordinator has that of the id. */
  sees(id: string, identity: Identity): void {
    this.nameOf(identity.producerId);
    this.seen.set(id, identity);
  }

  /** Whether the identity has the epoch before the coordinator's, but not because its transaction ended. */
  isFenced(id: string, { producerId, producerEpoch }: Identity): boolean {
    const current = this.seen.get(id);
    return current?.producerId === producerId && current.producerEpoch === producerEpoch + 1 &&
      !(this.bumped.has(id) && current.producerEpoch === this.claim(id).producerEpoch);
  }

  build(identity: Identity, { place, sequence = 'next', isTransactional = true, count = 2 }: Batch): BuiltBatch {
    const { producerId, producerEpoch } = sequence === 'none' ? NOBODY : identity;
    const key = `${producerId} ${producerEpoch} ${place}`;
    const next = this.sequences.get(key) ?? 0;
    const baseSequence = { next, repeat: Math.max(next - count, 0), gap: next + 7, zero: 0, none: -1 }[sequence];
    const records = Array.from({ length: count }, (_, index) => (
      { timestampMs: Date.now(), key: Buffer.from(`k${index}`), value: Buffer.from(`${place} ${baseSequence + index}`) }));
    return {
      place, records: buildBatch({ producerId, producerEpoch, baseSequence, isTransactional }, records),
      taken: () => { this.sequences.set(key, sequence === 'none' ? 0 : Math.max(next, baseSequence + count)); },
    };
  }
}
