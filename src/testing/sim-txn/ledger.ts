import { holds } from './invariants.js';

/** What the clients of a scenario wrote and were told: what is seen is held against it. */

export interface Written {
  readonly partition: string;
  readonly value: string;
  /** In the compacted topic. */
  readonly key: string | undefined;
  /** Which record of a pipeline's input it was made of. */
  readonly source: Source | undefined;
  readonly transaction: Transaction | undefined;
  /** As the broker told it; undefined as long as it has not acknowledged it. */
  offset: number | undefined;
}

export interface Source {
  readonly partition: string;
  readonly offset: number;
}

/**
 * unasked: nobody asked for its commit. doubtful: that was asked, and the answer is not known. committed, aborted: so it was
 * answered; a refused commit is an abort.
 */
export type Fate = 'unasked' | 'doubtful' | 'committed' | 'aborted';

/** One owner of a transactional id: since its InitProducerId was answered. */
export interface Incarnation {
  readonly transactionalId: string;
  readonly client: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Wall time of the answer. */
  readonly sinceMs: number;
}

export interface Transaction {
  readonly number: number;
  readonly client: string;
  readonly incarnation: Incarnation;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly written: Written[];
  fate: Fate;
}

export class Ledger {
  readonly incarnations: Incarnation[] = [];
  readonly transactions: Transaction[] = [];
  readonly written = new Map<string, Written>();
  /** By partition and offset: the record that was seen there, or acknowledged. */
  private readonly places = new Map<string, string>();
  private values = 0;

  newValue(client: string): string {
    return `${client}.${++this.values}`;
  }

  incarnation(incarnation: Incarnation): Incarnation {
    this.incarnations.push(incarnation);
    return incarnation;
  }

  begin(client: string, incarnation: Incarnation, { producerId, producerEpoch }: { producerId: number; producerEpoch: number }): Transaction {
    const transaction: Transaction = { number: this.transactions.length, client, incarnation, producerId, producerEpoch, written: [], fate: 'unasked' };
    this.transactions.push(transaction);
    return transaction;
  }

  write(written: Omit<Written, 'offset'>): Written {
    const entry: Written = { ...written, offset: undefined };
    this.written.set(entry.value, entry);
    entry.transaction?.written.push(entry);
    return entry;
  }

  acknowledged(entries: readonly Written[], baseOffset: number): void {
    entries.forEach((entry, index) => {
      entry.offset = baseOffset + index;
      this.stands(entry.partition, baseOffset + index, entry.value);
    });
  }

  /** Something was seen at an offset, or acknowledged for it. */
  stands(partition: string, offset: number, what: string): void {
    const place = `${partition}@${offset}`;
    const before = this.places.get(place);
    holds(before === undefined || before === what, 'offsets', () => `${place} holds ${what}, and held ${before}`);
    if (before === undefined) this.places.set(place, what);
  }

  /** A reader of committed records has seen this one. */
  seenCommitted(reader: string, partition: string, offset: number, value: string): void {
    const entry = this.written.get(value);
    holds(entry?.partition === partition, 'answers', () => `${reader} read ${value} in ${partition}, where nobody wrote it`);
    const { transaction } = entry;
    if (transaction === undefined) return;
    holds(transaction.fate === 'committed' || transaction.fate === 'doubtful', 'abortedRead', () =>
      `${reader} read ${value} at ${partition}@${offset} of ${describe(transaction)}`);
  }
}

export function describe({ number, client, incarnation: { transactionalId }, producerId, producerEpoch, fate, written }: Transaction): string {
  return `transaction ${number} of ${client} (${transactionalId}, producer ${producerId} epoch ${producerEpoch}, ${fate}; ${written.map(({ value, partition, offset }) => `${value} in ${partition}@${offset ?? '?'}`).join(', ')})`;
}
