/**
 * What clients did and saw, in the words of jepsen.tests.kafka: the input of the checker, from real clients in any language and
 * from simulated ones.
 *
 * **The file form** is one operation a line, a JSON object each, in the order in which the operations of a process ended
 * (`history-file.ts` reads and writes it). Every client may have a file of its own: `process` need be unique only within its file.
 *
 * ```
 * {"kind":"init","process":3,"outcome":"ok","transactionalId":"a","startMs":10.2,"endMs":12.9}
 * {"kind":"txn","id":1,"process":3,"outcome":"info","transactionalId":"a","micro":[…],"offsets":{…},"startMs":13.1,"commitMs":15.0}
 * {"kind":"txn","id":1,"process":3,"outcome":"ok","transactionalId":"a","startMs":13.1,"commitMs":15.0,"endMs":16.4,
 *  "micro":[{"kind":"poll","records":{"in-0":[[41,"x"],[42,"y"]]}},
 *           {"kind":"send","key":"out-0","offset":17,"value":"x/1","from":["in-0",41]},
 *           {"kind":"send","key":"out-1","offset":null,"value":"y/1","from":["in-0",42]}],
 *  "offsets":{"copiers":{"in-0":43}}}
 * {"kind":"data","process":4,"outcome":"ok","isolation":"read_uncommitted","micro":[{"kind":"poll","records":{"out-0":[[17,"x/1"]]}}]}
 * {"kind":"assign","process":4,"outcome":"ok"}
 * {"kind":"ends","process":5,"outcome":"ok","isolation":"read_committed","ends":{"out-0":19},"startMs":17.0,"endMs":17.2}
 * {"kind":"committed","process":5,"outcome":"ok","group":"copiers","offsets":{"in-0":43},"startMs":18.0,"endMs":18.4}
 * ```
 * (one line each; a `txn` is broken here for the eye).
 *
 * - Optional: `id`, `isolation` (read_committed), `from`, `offsets` of a txn, and the times.
 * - `value`: a string or a number, unique for its key over the whole history, **for each attempt**: what is sent again after an
 *   abort gets a new value. A client library's own retries are the same attempt.
 * - `outcome` of a txn: `ok`, the commit was answered with success. `fail`, it certainly did not commit: commit was never called,
 *   or was refused for good. `info`, all else (timeout, lost connection, fenced while committing, killed). In doubt: `info`.
 * - `id`: a line with the `id` of an earlier line of the same file and process replaces it. Who may be killed writes its txn as `info`
 *   before it sends anything or at the latest before it commits, and again when the end is known. A last line that was not written
 *   to its end is left out.
 * - Times are milliseconds (fractions welcome) by a clock that all writers of a history share; `commitMs` is read just before
 *   commit is called. Without them, what needs an order between processes is not checked.
 * - `poll` records stand in the order in which the client got them. After a seek, an assignment by hand or a rewind to the committed
 *   offset write an `assign`, after subscribing to topics a `subscribe`. An `assign` may tell where it begins
 *   (`"positions":{"in-0":0}`), and `ends` that the process has polled all below them (`"reached":true`): then what it left out at
 *   either end is found too.
 */

/** A partition, such as `topic-0`. */
export type Key = string;
/** Unique for each key over the whole history, so that a value tells who wrote it. */
export type Value = number | string;
export type Outcome = 'ok' | 'fail' | 'info';
export type Isolation = 'read_committed' | 'read_uncommitted';
/** Where an input stands. */
export type Origin = readonly [key: Key, offset: number];

/** A record handed to the broker; `offset` is what it acknowledged, null where it never told one. */
export interface Send {
  readonly kind: 'send';
  readonly key: Key;
  readonly offset: number | null;
  readonly value: Value;
  /** The input of which this is the output, in a pipeline. */
  readonly from?: Origin;
}

/** What one poll returned, in the order in which the client saw it. */
export interface Poll {
  readonly kind: 'poll';
  readonly records: Readonly<Record<Key, readonly (readonly [offset: number, value: Value])[]>>;
}

export type MicroOperation = Send | Poll;
/** By partition, the offset to go on from. */
export type Positions = Readonly<Record<Key, number>>;

interface Common {
  /** One client's thread of control: its operations follow one another. */
  readonly process: number;
  /** ok: it took place. fail: it did not. info: nobody knows. */
  readonly outcome: Outcome;
  readonly startMs?: number;
  readonly endMs?: number;
}

/** Sends and polls outside of transactions; those of one operation stand or fall together, so that there is one batch in each. */
export interface DataOperation extends Common {
  readonly kind: 'data';
  readonly micro: readonly MicroOperation[];
  /** Of its polls; read_committed unless given. */
  readonly isolation?: Isolation;
}

/** A transaction from its begin to its end. Its polls took place whatever became of it. */
export interface TransactionOperation extends Common {
  readonly kind: 'txn';
  readonly id?: number | string;
  readonly transactionalId: string;
  readonly micro: readonly MicroOperation[];
  readonly isolation?: Isolation;
  /** What it commits for groups. */
  readonly offsets?: Readonly<Record<string, Positions>>;
  /** Before this, commit was not asked for. */
  readonly commitMs?: number;
}

/** A producer took a transactional id (InitProducerId): from here on those who had it before are fenced. */
export interface InitOperation extends Common {
  readonly kind: 'init';
  readonly transactionalId: string;
}

/** From here on the process may read elsewhere: assign chose partitions or positions by hand, subscribe leaves the choice to the group. */
export interface ChoiceOperation extends Common {
  readonly kind: 'assign' | 'subscribe';
  /** Of an assign: where it reads on. Without, nobody knows what it leaves out before its first record. */
  readonly positions?: Positions;
}

/** The ends of partitions as the broker told them (ListOffsets latest, or a fetch): last stable offset or high watermark, by isolation. */
export interface EndsOperation extends Common {
  readonly kind: 'ends';
  readonly isolation?: Isolation;
  readonly ends: Positions;
  /** The process has polled, at this isolation, all that is below these ends. */
  readonly reached?: boolean;
}

/** What a group has committed (OffsetFetch that requires stable offsets). */
export interface CommittedOperation extends Common {
  readonly kind: 'committed';
  readonly group: string;
  readonly offsets: Positions;
}

/** What sends and polls. */
export type WorkOperation = DataOperation | TransactionOperation;
/** Those of a process in the order of their completion. */
export type Operation = WorkOperation | InitOperation | ChoiceOperation | EndsOperation | CommittedOperation;
export type History = readonly Operation[];

export const isWork = (operation: Operation): operation is WorkOperation => operation.kind === 'data' || operation.kind === 'txn';

export function* sendsOf({ micro }: WorkOperation): Generator<Send> {
  for (const each of micro) if (each.kind === 'send') yield each;
}

export function* polledBy({ micro }: WorkOperation): Generator<{ key: Key; records: readonly (readonly [number, Value])[] }> {
  for (const each of micro) {
    if (each.kind !== 'poll') continue;
    for (const [key, records] of Object.entries(each.records)) yield { key, records };
  }
}
