import { isWork, polledBy, sendsOf, type WorkOperation, type History, type Key, type Value } from './history.js';

/** Of one key: what stood at which offset, by everybody's account, and the order that follows from it. */
export interface VersionOrder {
  /** All values seen at an offset; more than one is a contradiction. */
  readonly valuesAt: ReadonlyMap<number, ReadonlySet<Value>>;
  /** The values by offset, gaps left out (markers, compaction): the dense index counts these. */
  readonly dense: readonly Value[];
  /** Where in `dense` a value stands; more than once is a duplicate. */
  readonly indexesOf: ReadonlyMap<Value, readonly number[]>;
}

/** Who wrote and who read each value of a key. */
export interface Authors {
  readonly writerOf: ReadonlyMap<Key, ReadonlyMap<Value, WorkOperation>>;
  /** Successful operations alone. */
  readonly readersOf: ReadonlyMap<Key, ReadonlyMap<Value, readonly WorkOperation[]>>;
}

export const dataOperations = (history: History): WorkOperation[] => history.filter(isWork);

export function authorsOf(history: History): Authors {
  const writerOf = new Map<Key, Map<Value, WorkOperation>>();
  const readersOf = new Map<Key, Map<Value, WorkOperation[]>>();
  for (const operation of dataOperations(history)) {
    for (const { key, value } of sendsOf(operation)) at(writerOf, key, () => new Map<Value, WorkOperation>()).set(value, operation);
    if (operation.outcome !== 'ok') continue;
    for (const { key, records } of polledBy(operation)) {
      for (const [, value] of records) at(at(readersOf, key, () => new Map<Value, WorkOperation[]>()), value, () => []).push(operation);
    }
  }
  return { writerOf, readersOf };
}

/** It said so, or somebody has read what only it wrote. */
export function mustHaveCommitted(operation: WorkOperation, { readersOf }: Authors): boolean {
  if (operation.outcome !== 'info') return operation.outcome === 'ok';
  for (const { key, value } of sendsOf(operation)) if (readersOf.get(key)?.has(value)) return true;
  return false;
}

export function versionOrders(history: History, authors: Authors): Map<Key, VersionOrder> {
  const seen = new Map<Key, Map<number, Set<Value>>>();
  const note = (key: Key, offset: number, value: Value): void => { at(at(seen, key, () => new Map<number, Set<Value>>()), offset, () => new Set()).add(value); };
  for (const operation of dataOperations(history)) {
    for (const { key, records } of polledBy(operation)) for (const [offset, value] of records) note(key, offset, value);
    if (!mustHaveCommitted(operation, authors)) continue;
    for (const { key, offset, value } of sendsOf(operation)) if (offset !== null) note(key, offset, value);
  }
  return new Map(Array.from(seen, ([key, valuesAt]) => [key, orderOf(valuesAt)]));
}

function orderOf(valuesAt: ReadonlyMap<number, ReadonlySet<Value>>): VersionOrder {
  const dense: Value[] = [];
  const indexesOf = new Map<Value, number[]>();
  for (const [, values] of [...valuesAt].sort(([a], [b]) => a - b)) {
    // Of a contradiction one side must do for the order; it is reported by itself.
    const [value] = values;
    at(indexesOf, value!, () => []).push(dense.length);
    dense.push(value!);
  }
  return { valuesAt, dense, indexesOf };
}

/** The entry of a map, made when absent. */
export function at<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let found = map.get(key);
  if (found === undefined) map.set(key, (found = make()));
  return found;
}
