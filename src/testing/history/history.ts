/**
 * What clients did and saw, in the words of jepsen.tests.kafka: the input of the checker. A history is written by a recorder
 * (real clients, the simulation), one operation a line, and can be read back from a file.
 */

/** A partition, such as `topic-0`. */
export type Key = string;
/** Unique for each key over the whole history, so that a value tells who wrote it. */
export type Value = number | string;

/** A record handed to the broker; `offset` null where the broker never told one. */
export interface Send {
  readonly kind: 'send';
  readonly key: Key;
  readonly offset: number | null;
  readonly value: Value;
}

/** What one poll returned, in the order in which the client saw it. */
export interface Poll {
  readonly kind: 'poll';
  readonly records: Readonly<Record<Key, readonly (readonly [offset: number, value: Value])[]>>;
}

export type MicroOperation = Send | Poll;

interface Common {
  /** One client's thread of control: its operations follow one another. */
  readonly process: number;
  /** ok: it took place. fail: it did not. info: nobody knows. */
  readonly outcome: 'ok' | 'fail' | 'info';
}

/** Sends and polls that stand or fall together; outside of transactions there is one in each. */
export interface DataOperation extends Common {
  readonly kind: 'data';
  readonly micro: readonly MicroOperation[];
}

/** From here on the process may read elsewhere: assign chose partitions by hand, subscribe leaves the choice to the group. */
export interface ChoiceOperation extends Common {
  readonly kind: 'assign' | 'subscribe';
}

/** In the order of their completion. */
export type Operation = DataOperation | ChoiceOperation;
export type History = readonly Operation[];

export function* sendsOf({ micro }: DataOperation): Generator<Send> {
  for (const each of micro) if (each.kind === 'send') yield each;
}

export function* polledBy({ micro }: DataOperation): Generator<{ key: Key; records: readonly (readonly [number, Value])[] }> {
  for (const each of micro) {
    if (each.kind !== 'poll') continue;
    for (const [key, records] of Object.entries(each.records)) yield { key, records };
  }
}

/** One operation a line, for files. */
export function formatHistory(history: History): string {
  return history.map(operation => `${JSON.stringify(operation)}\n`).join('');
}

/** Throws, naming the line, when one is not an operation. */
export function parseHistory(text: string): Operation[] {
  return text.split('\n').flatMap((line, index) => {
    if (line === '') return [];
    const operation = JSON.parse(line) as Operation;
    if (!['data', 'assign', 'subscribe'].includes(operation.kind)) throw new Error(`line ${index + 1} of the history is not an operation: ${line.slice(0, 80)}`);
    return [operation];
  });
}
