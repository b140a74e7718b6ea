import { DependencyGraph } from './cycles.js';
import { isWork, polledBy, sendsOf, type WorkOperation, type History, type Key, type Value } from './history.js';
import { authorsOf, dataOperations, mustHaveCommitted, versionOrders, type Authors, type VersionOrder } from './version-orders.js';

/**
 * What is wrong with a history of a log (after jepsen.tests.kafka): what was lost, doubled, reordered, or read though it was
 * never committed. Offsets are compared by the dense index, in which gaps do not count.
 */
export type AnomalyKind =
  /** An offset holds two values. */
  | 'inconsistent-offsets'
  /** A value stands at two offsets of a key. */
  | 'duplicate'
  /** A value was read whose writer failed. */
  | 'G1a'
  /** An operation read what it wrote itself and had not committed. */
  | 'precommitted-read'
  /** Something later than an acknowledged value was read, that value never. */
  | 'lost-write'
  /** An acknowledged value that nobody had read when all had read to the end. */
  | 'unseen'
  /** A process read on, leaving values out, or going back. */
  | 'poll-skip' | 'nonmonotonic-poll'
  /** The same within one operation. */
  | 'int-poll-skip' | 'int-nonmonotonic-poll'
  /** A process' later send stands before an earlier one. */
  | 'nonmonotonic-send'
  /** The sends of one operation: others' values stand between them, or they are out of order. */
  | 'int-send-skip' | 'int-nonmonotonic-send'
  /** Operations that precede one another by their writes alone. */
  | 'G0'
  /** … by writes and reads, at least one read among them. */
  | 'G1c'
  /** … by reads alone: impossible at read_committed. */
  | 'G1c-reads';

export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly key?: Key;
  readonly detail: string;
}

export interface CheckOptions {
  /** Every process has polled to the end, so that what nobody saw is not there. */
  readonly readToEnd: boolean;
  /** Found, but no fault; `ALLOWED` unless given. */
  readonly allowed?: readonly AnomalyKind[];
}

/**
 * Kafka promises no order between the writes of different transactions: they interleave in a partition while both are open, so
 * others' values stand between one operation's own (int-send-skip), writes go around in circles (G0), and so do circles that
 * take a write-to-write step next to a read (G1c). A circle of reads alone stays a fault.
 */
export const ALLOWED: readonly AnomalyKind[] = ['int-send-skip', 'G0', 'G1c'];
/** With `subscribe` the group decides who reads what, so that a process may jump. */
const ALLOWED_WITH_SUBSCRIBE: readonly AnomalyKind[] = ['poll-skip', 'nonmonotonic-poll'];

export interface CheckResult {
  /** What must not be; none when the history is sound. */
  readonly faults: readonly Anomaly[];
  readonly tolerated: readonly Anomaly[];
  readonly operations: number;
  /** Values that must have been committed. */
  readonly committed: number;
}

export function checkHistory(history: History, { readToEnd, allowed = ALLOWED }: CheckOptions): CheckResult {
  const authors = authorsOf(history);
  const orders = versionOrders(history, authors);
  const operations = dataOperations(history);
  const anomalies = [
    ...contradictions(orders),
    ...dirtyReads(operations, authors),
    ...lostWrites(operations, authors, orders, readToEnd),
    ...processOrder(history, orders),
    ...operations.flatMap(operation => internalOrder(operation, orders)),
    ...circles(operations, authors, orders),
  ];
  const subscribed = history.some(({ kind }) => kind === 'subscribe');
  const tolerable = new Set([...allowed, ...(subscribed ? ALLOWED_WITH_SUBSCRIBE : [])]);
  return {
    faults: anomalies.filter(({ kind }) => !tolerable.has(kind)),
    tolerated: anomalies.filter(({ kind }) => tolerable.has(kind)),
    operations: history.length,
    committed: operations.filter(each => mustHaveCommitted(each, authors)).reduce((sum, each) => sum + [...sendsOf(each)].length, 0),
  };
}

function contradictions(orders: ReadonlyMap<Key, VersionOrder>): Anomaly[] {
  const found: Anomaly[] = [];
  for (const [key, { valuesAt, indexesOf }] of orders) {
    for (const [offset, values] of valuesAt) {
      if (values.size > 1) found.push({ kind: 'inconsistent-offsets', key, detail: `offset ${offset} holds ${[...values].join(' and ')}` });
    }
    for (const [value, indexes] of indexesOf) {
      if (indexes.length > 1) found.push({ kind: 'duplicate', key, detail: `${value} stands at ${indexes.length} offsets` });
    }
  }
  return found;
}

function dirtyReads(operations: readonly WorkOperation[], { writerOf }: Authors): Anomaly[] {
  const found: Anomaly[] = [];
  for (const operation of operations) {
    if (operation.outcome !== 'ok') continue;
    for (const { key, records } of polledBy(operation)) {
      for (const [offset, value] of records) {
        const writer = writerOf.get(key)?.get(value);
        if (writer === operation) found.push({ kind: 'precommitted-read', key, detail: `process ${operation.process} read its own ${value} at ${offset} before it was committed` });
        else if (writer?.outcome === 'fail') found.push({ kind: 'G1a', key, detail: `process ${operation.process} read ${value} at ${offset}, whose writer failed` });
      }
    }
  }
  return found;
}

/** Below the last thing that anybody read, all that was committed must have been read by somebody. */
function lostWrites(operations: readonly WorkOperation[], authors: Authors, orders: ReadonlyMap<Key, VersionOrder>, readToEnd: boolean): Anomaly[] {
  const found: Anomaly[] = [];
  const bounds = new Map(Array.from(orders, ([key, { indexesOf }]): [Key, number] => {
    let bound = -1;
    for (const value of authors.readersOf.get(key)?.keys() ?? []) bound = Math.max(bound, indexesOf.get(value)?.[0] ?? -1);
    return [key, bound];
  }));
  for (const operation of operations) {
    if (!mustHaveCommitted(operation, authors)) continue;
    for (const { key, value, offset } of sendsOf(operation)) {
      if (authors.readersOf.get(key)?.has(value)) continue;
      const last = orders.get(key)?.indexesOf.get(value)?.at(-1);
      const where = `${value}, written by process ${operation.process} at ${offset ?? 'an unknown offset'}`;
      if (last !== undefined && last <= bounds.get(key)!) found.push({ kind: 'lost-write', key, detail: `${where}, was never read though later values were` });
      else if (readToEnd && operation.outcome === 'ok') found.push({ kind: 'unseen', key, detail: `${where}, was acknowledged and nobody ever read it` });
    }
  }
  return found;
}

type Step = 'skip' | 'nonmonotonic' | undefined;

/** From one value to the next by the dense index; undefined when it is one step forward, or not to be told. */
function stepBetween(order: VersionOrder | undefined, from: Value, to: Value): Step {
  const first = order?.indexesOf.get(from);
  const second = order?.indexesOf.get(to);
  if (first === undefined || second === undefined) return undefined;
  const delta = second[0]! - first.at(-1)!;
  return delta > 1 ? 'skip' : delta < 1 ? 'nonmonotonic' : undefined;
}

/** What a process did with a key from one operation to the next. */
function processOrder(history: History, orders: ReadonlyMap<Key, VersionOrder>): Anomaly[] {
  const found: Anomaly[] = [];
  const lastPolled = new Map<number, Map<Key, Value>>();
  const lastSent = new Map<number, Map<Key, Value>>();
  for (const operation of history) {
    const { process } = operation;
    if (!isWork(operation)) {
      if (operation.kind !== 'assign' && operation.kind !== 'subscribe') continue;
      if (operation.outcome !== 'fail') lastPolled.delete(process);
      continue;
    }
    if (operation.outcome !== 'ok') continue;
    const polled = firstAndLast(flatPolls(operation));
    compare(lastPolled, process, polled, orders, (key, step, from, to) =>
      found.push({ kind: step === 'skip' ? 'poll-skip' : 'nonmonotonic-poll', key, detail: `process ${process} polled ${to} after ${from}` }));
    const sent = firstAndLast(Array.from(sendsOf(operation), ({ key, value }) => [key, value] as const));
    compare(lastSent, process, sent, orders, (key, step, from, to) => {
      // Others may write in between.
      if (step === 'nonmonotonic') found.push({ kind: 'nonmonotonic-send', key, detail: `process ${process} sent ${to} after ${from}` });
    });
  }
  return found;
}

function flatPolls(operation: WorkOperation): (readonly [Key, Value])[] {
  return [...polledBy(operation)].flatMap(({ key, records }) => records.map(([, value]) => [key, value] as const));
}

function firstAndLast(values: readonly (readonly [Key, Value])[]): Map<Key, { first: Value; last: Value }> {
  const ends = new Map<Key, { first: Value; last: Value }>();
  for (const [key, value] of values) ends.set(key, { first: ends.get(key)?.first ?? value, last: value });
  return ends;
}

function compare(
  before: Map<number, Map<Key, Value>>, process: number, now: ReadonlyMap<Key, { first: Value; last: Value }>, orders: ReadonlyMap<Key, VersionOrder>,
  tell: (key: Key, step: 'skip' | 'nonmonotonic', from: Value, to: Value) => void,
): void {
  let known = before.get(process);
  if (known === undefined) before.set(process, (known = new Map()));
  for (const [key, { first, last }] of now) {
    const previous = known.get(key);
    const step = previous === undefined ? undefined : stepBetween(orders.get(key), previous, first);
    if (step !== undefined) tell(key, step, previous!, first);
    known.set(key, last);
  }
}

function internalOrder(operation: WorkOperation, orders: ReadonlyMap<Key, VersionOrder>): Anomaly[] {
  if (operation.outcome === 'fail') return [];
  const walk = (values: readonly (readonly [Key, Value])[], skip: AnomalyKind, nonmonotonic: AnomalyKind): Anomaly[] => {
    const found: Anomaly[] = [];
    const last = new Map<Key, Value>();
    for (const [key, value] of values) {
      const previous = last.get(key);
      const step = previous === undefined ? undefined : stepBetween(orders.get(key), previous, value);
      if (step !== undefined) found.push({ kind: step === 'skip' ? skip : nonmonotonic, key, detail: `process ${operation.process}, in one operation: ${value} after ${previous}` });
      last.set(key, value);
    }
    return found;
  };
  return [
    ...walk(flatPolls(operation), 'int-poll-skip', 'int-nonmonotonic-poll'),
    ...walk(Array.from(sendsOf(operation), ({ key, value }) => [key, value] as const), 'int-send-skip', 'int-nonmonotonic-send'),
  ];
}

/** Dependencies between committed operations: a value before the next of its key (ww), a value before who read it (wr). */
function circles(operations: readonly WorkOperation[], authors: Authors, orders: ReadonlyMap<Key, VersionOrder>): Anomaly[] {
  const graph = new DependencyGraph();
  const numberOf = new Map(operations.map((operation, number) => [operation, number]));
  const committed = new Set(operations.filter(operation => mustHaveCommitted(operation, authors)));
  for (const [key, { dense }] of orders) {
    const writers = authors.writerOf.get(key);
    let previous: number | undefined;
    for (const value of dense) {
      const writer = writers?.get(value);
      if (writer === undefined || !committed.has(writer)) continue;
      const number = numberOf.get(writer)!;
      if (previous !== undefined) graph.add(previous, number, 'ww');
      previous = number;
      for (const reader of authors.readersOf.get(key)?.get(value) ?? []) graph.add(number, numberOf.get(reader)!, 'wr');
    }
  }
  const tell = (kind: AnomalyKind, cycles: number[][]): Anomaly[] =>
    cycles.map(cycle => ({ kind, detail: [...cycle, cycle[0]!].map(number => `operation ${number} of process ${operations[number]!.process}`).join(' -> ') }));
  return [
    ...tell('G0', graph.cycles(['ww'])),
    ...tell('G1c', graph.cycles(['ww', 'wr'], 'wr')),
    ...tell('G1c-reads', graph.cycles(['wr'])),
  ];
}
