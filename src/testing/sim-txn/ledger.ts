import { holds } from './invariants.js';

/** What the clients of a scenario wrote and were told: what is seen is held against it. */

export interface Written {
  readonly client: string;
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
  readonly askedMs: number;
  readonly answeredMs: number;
}

export interface Transaction {
  readonly number: number;
  readonly client: string;
  readonly incarnation: Incarnation;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly written: Written[];
  /** What it is to commit for the group, by partition. */
  readonly offsets: Map<string, number>;
  readonly beganMs: number;
  askedToCommitMs: number | undefined;
  /** When its end was answered. */
  endedMs: number | undefined;
  fate: Fate;
}

/** What one fetch of a reader gave. */
export interface Reading {
  readonly reader: string;
  readonly partition: string;
  /** Only what is committed. */
  readonly isCommitted: boolean;
  readonly from: number;
  readonly records: readonly { readonly offset: number; readonly value: string }[];
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly reachedEnd: boolean;
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** What a client was told that the group has committed. */
export interface CommittedReading {
  readonly client: string;
  readonly offsets: ReadonlyMap<string, number>;
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** Those of a client in the order in which it did them. Times are of the simulated clock. */
export type Event =
  | { readonly what: 'incarnation'; readonly incarnation: Incarnation }
  | { readonly what: 'transaction'; readonly transaction: Transaction }
  | { readonly what: 'written'; readonly written: Written }
  | { readonly what: 'reading'; readonly reading: Reading }
  | { readonly what: 'committed'; readonly committed: CommittedReading };

export class Ledger {
  readonly incarnations: Incarnation[] = [];
  readonly transactions: Transaction[] = [];
  readonly written = new Map<string, Written>();
  readonly events: Event[] = [];
  /** By partition and offset: the record that was seen there, or acknowledged. */
  private readonly places = new Map<string, string>();
  private values = 0;

  newValue(client: string): string {
    return `${client}.${++this.values}`;
  }

  incarnation(incarnation: Incarnation): Incarnation {
    this.incarnations.push(incarnation);
    this.events.push({ what: 'incarnation', incarnation });
    return incarnation;
  }

  begin(client: string, incarnation: Incarnation, { producerId, producerEpoch }: { producerId: number; producerEpoch: number }, beganMs: number): Transaction {
    const transaction: Transaction = {
      number: this.transactions.length, client, incarnation, producerId, producerEpoch, written: [], offsets: new Map(), beganMs, askedToCommitMs: undefined,
      endedMs: undefined, fate: 'unasked',
    };
    this.transactions.push(transaction);
    this.events.push({ what: 'transaction', transaction });
    return transaction;
  }

  write(written: Omit<Written, 'offset'>): Written {
    const entry: Written = { ...written, offset: undefined };
    this.written.set(entry.value, entry);
    if (entry.transaction === undefined) this.events.push({ what: 'written', written: entry });
    else entry.transaction.written.push(entry);
    return entry;
  }

  read(reading: Reading): void {
    this.events.push({ what: 'reading', reading });
  }

  toldCommitted(committed: CommittedReading): void {
    this.events.push({ what: 'committed', committed });
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
  const values = written.map(({ value, partition, offset }) => `${value} in ${partition}@${offset ?? '?'}`);
  return `transaction ${number} of ${client} (${transactionalId}, producer ${producerId} epoch ${producerEpoch}, ${fate}; ${values.join(', ')})`;
}
