/** Anomalies by name, each with a sentence and the few lines of the history that show it. */
import type { Key, MicroOperation, Operation, Value, WorkOperation } from './history.js';

export type AnomalyKind =
  // What stands in the log.
  /** An offset holds two values. */
  | 'inconsistent-offsets'
  /** A value stands at two offsets of a key. */
  | 'duplicate'
  /** A value was read that nobody sent. */
  | 'phantom'
  // Reads of what was not committed.
  /** A value was read whose writer failed: aborted, or refused. */
  | 'G1a'
  /** An operation read what it wrote itself and had not committed. */
  | 'precommitted-read'
  /** A value was read at read_committed before its transaction asked to commit. */
  | 'uncommitted-read'
  /** A value was read at read_committed of a transaction that its fenced producer finished. */
  | 'zombie-write'
  /** A fenced producer was told that its transaction is committed. */
  | 'zombie-commit'
  /** A last stable offset, or a read at read_committed, past the first record of a transaction that was still open. */
  | 'lso-past-open'
  // Losses.
  /** Something later than an acknowledged value was read, that value never. */
  | 'lost-write'
  /** An acknowledged value that nobody had read when all had read to the end. */
  | 'unseen'
  /** Some values of a transaction were read, others never though they should have been. */
  | 'half-transaction'
  // Order.
  /** A process read on, leaving values out, or going back. */
  | 'poll-skip' | 'nonmonotonic-poll'
  /** The same within one operation. */
  | 'int-poll-skip' | 'int-nonmonotonic-poll'
  /** A process' later send stands before an earlier one. */
  | 'nonmonotonic-send'
  /** The sends of one operation: others' values stand between them, or they are out of order. */
  | 'int-send-skip' | 'int-nonmonotonic-send'
  // Circles.
  /** Operations that precede one another by their writes alone. */
  | 'G0'
  /** … by writes and reads, at least one read among them. */
  | 'G1c'
  /** … by reads alone: impossible at read_committed. */
  | 'G1c-reads'
  // Ends of partitions.
  /** The last stable offset is lower than it was, or than what was read at read_committed. */
  | 'lso-moved-back'
  /** The high watermark is lower than it was, or than what was read, or than the last stable offset. */
  | 'end-moved-back'
  // Offsets of groups, which stand and fall with the values of their transaction.
  /** A group has the offsets of an aborted transaction. */
  | 'aborted-offsets'
  /** A group had the offsets of a transaction before it asked to commit. */
  | 'uncommitted-offsets'
  /** A group's offset is lower than it was. */
  | 'offsets-moved-back'
  /** A group has the offsets of a transaction of whose values none was ever read. */
  | 'offsets-without-output'
  /** A transaction is committed, but a group's offset is below what it committed. */
  | 'output-without-offsets'
  // Pipelines: each input has its outputs, once.
  | 'output-twice' | 'output-missing';

export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly key?: Key;
  readonly detail: string;
  /** The operations that show it, a line each, less what does not matter to it. */
  readonly excerpt: string;
}

/** What of the history shows an anomaly. */
export interface Proof {
  readonly detail: string;
  readonly key?: Key;
  readonly operations: readonly (Operation | undefined)[];
  /** Only these values of the key are shown; all when left out. */
  readonly values?: readonly Value[];
}

/** Of each kind so many are kept; the rest is counted. */
const MOST_KEPT = 20;

export class Findings {
  readonly faults = new Kept();
  readonly tolerated = new Kept();

  constructor(private readonly allowed: ReadonlySet<AnomalyKind>) {}

  /** `prove` is asked only when there is room. `isAllowed`: not a fault here, whatever is allowed elsewhere. */
  add(kind: AnomalyKind, prove: () => Proof, isAllowed = false): void {
    (isAllowed || this.allowed.has(kind) ? this.tolerated : this.faults).add(kind, prove);
  }
}

class Kept {
  readonly list: Anomaly[] = [];
  readonly counts = new Map<AnomalyKind, number>();

  add(kind: AnomalyKind, prove: () => Proof): void {
    const count = this.counts.get(kind) ?? 0;
    this.counts.set(kind, count + 1);
    if (count >= MOST_KEPT) return;
    const { detail, key, operations, values } = prove();
    // Most of what is tolerated nobody looks at.
    this.list.push({ kind, ...(key === undefined ? {} : { key }), detail, get excerpt() { return excerptOf(operations, key, values); } });
  }
}

/** Longer lists are cut: one sees what it is about. */
const MOST_SHOWN = 8;

function excerptOf(operations: readonly (Operation | undefined)[], key: Key | undefined, values: readonly Value[] | undefined): string {
  const distinct = [...new Set(operations)].filter(operation => operation !== undefined);
  const lines = distinct.slice(0, MOST_SHOWN).map(operation => JSON.stringify(isolated(operation, key, values)));
  if (distinct.length > MOST_SHOWN) lines.push(`… and ${distinct.length - MOST_SHOWN} operations more`);
  return lines.join('\n');
}

function isolated(operation: Operation, key: Key | undefined, values: readonly Value[] | undefined): object {
  if (operation.kind !== 'data' && operation.kind !== 'txn') return operation;
  const wanted = (at: Key, value: Value): boolean => (key === undefined || at === key) && (values === undefined || values.includes(value));
  const micro = operation.micro.flatMap(each => shownOf(each, wanted));
  const [shown, all] = [recordsIn(micro), recordsIn(operation.micro)];
  const cut = micro.slice(0, MOST_SHOWN);
  const { micro: _, ...rest } = operation;
  return { ...rest, micro: cut, ...(shown < all || cut.length < micro.length ? { leftOut: all - recordsIn(cut) } : {}) };
}

function shownOf(micro: MicroOperation, wanted: (key: Key, value: Value) => boolean): MicroOperation[] {
  if (micro.kind === 'send') return wanted(micro.key, micro.value) ? [micro] : [];
  const records = Object.entries(micro.records).flatMap(([key, list]): [Key, typeof list][] => {
    const its = list.filter(([, value]) => wanted(key, value));
    return its.length === 0 ? [] : [[key, its.slice(0, MOST_SHOWN)]];
  });
  return records.length === 0 ? [] : [{ kind: 'poll', records: Object.fromEntries(records) }];
}

function recordsIn(micro: WorkOperation['micro']): number {
  return micro.reduce((sum, each) => sum + (each.kind === 'send' ? 1 : Object.values(each.records).reduce((all, { length }) => all + length, 0)), 0);
}
