/** What all operations of a history say together: of each value who wrote it, where it stood and who read it; of each operation whether it took place. */
import { isWork, polledBy, sendsOf, type History, type Key, type Send, type Value, type WorkOperation } from './history.js';

/** An operation that sends or polls. */
export interface Work {
  readonly operation: WorkOperation;
  /** Its place in the history. */
  readonly number: number;
  /** It said so, or somebody has seen what it alone can have committed. */
  isCommitted: boolean;
  /** What it sent, in that order. */
  readonly sent: Version[];
  /** What its polls returned, in that order. */
  readonly polled: PolledVersions[];
}

export interface PolledVersions {
  readonly key: Key;
  readonly records: readonly (readonly [offset: number, value: Value])[];
  /** Those of the records, one by one. */
  readonly versions: readonly Version[];
}

/** A value of a key, by everybody's account. */
export interface Version {
  readonly key: Key;
  readonly value: Value;
  writer: Work | undefined;
  send: Send | undefined;
  /** Where it was seen or said to stand, ascending once gathered; more than one is a duplicate. */
  readonly offsets: number[];
  /** The first that polled it at each isolation, in an operation that took place. */
  readCommittedBy: Work | undefined;
  readUncommittedBy: Work | undefined;
  /** Those that polled it at read_committed and sent something too. */
  passedOnBy: Work[] | undefined;
}

export interface Placed {
  readonly offset: number;
  readonly version: Version;
}

export interface KeyLog {
  readonly versions: ReadonlyMap<Value, Version>;
  /** All that stood there, by offset; a contradiction or a duplicate stands there twice. Gaps (markers, compaction) are left out. */
  readonly order: readonly Placed[];
  /** Those of `order`. */
  readonly offsets: readonly number[];
  /** Offsets of what readers may not leave out, at read_committed or at any isolation, since others have it. Ascending. */
  readonly committedOffsets: readonly number[];
  readonly polledOffsets: readonly number[];
  /** Whether anybody reads the key at read_committed: then a value that only others saw was not committed. */
  readonly hasCommittedReaders: boolean;
}

export interface Evidence {
  readonly history: History;
  /** By place in the history. */
  readonly works: readonly (Work | undefined)[];
  readonly keys: ReadonlyMap<Key, KeyLog>;
  /** By so much two clocks may differ. */
  readonly clockErrorMs: number;
}

/** A history that breaks the rules of histories, so that nothing can be told from it. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError';
}

export const isReadCommitted = (operation: WorkOperation): boolean => operation.isolation !== 'read_uncommitted';
/** What a transaction polled it has seen, whatever became of what it sent. */
export const pollsCount = (operation: WorkOperation): boolean => operation.kind === 'txn' || operation.outcome === 'ok';
/** Somebody has it who had to, so that it is not lost: what a transaction wrote must reach readers of committed values, if there are any. */
export const isSeen = ({ readCommittedBy, readUncommittedBy, writer }: Version, { hasCommittedReaders }: KeyLog): boolean =>
  readCommittedBy !== undefined || (readUncommittedBy !== undefined && !(hasCommittedReaders && writer?.operation.kind === 'txn'));

export function gather(history: History, clockErrorMs: number): Evidence {
  const works = history.map((operation, number): Work | undefined => (isWork(operation) ? { operation, number, isCommitted: operation.outcome === 'ok', sent: [], polled: [] } : undefined));
  const versions = new Map<Key, Map<Value, Version>>();
  const present = works.filter(work => work !== undefined);
  for (const work of present) noteSends(work, versions);
  for (const work of present) notePolls(work, versions);
  for (const work of present) if (work.operation.outcome === 'info') work.isCommitted = wasRead(work);
  commitByOffsets(history, present);
  for (const work of present) noteAcknowledged(work);
  return { history, works, clockErrorMs, keys: new Map(Array.from(versions, ([key, its]) => [key, logOf(its)])) };
}

type Versions = Map<Value, Version>;

const versionsOf = (versions: Map<Key, Versions>, key: Key): Versions => at(versions, key, () => new Map<Value, Version>());

function versionOf(its: Versions, key: Key, value: Value): Version {
  let version = its.get(value);
  if (version === undefined) {
    version = { key, value, writer: undefined, send: undefined, offsets: [], readCommittedBy: undefined, readUncommittedBy: undefined, passedOnBy: undefined };
    its.set(value, version);
  }
  return version;
}

function noteSends(work: Work, versions: Map<Key, Versions>): void {
  for (const send of sendsOf(work.operation)) {
    const version = versionOf(versionsOf(versions, send.key), send.key, send.value);
    if (version.writer !== undefined) {
      throw new HistoryError(`${send.value} was sent to ${send.key} by operation ${version.writer.number} and again by operation ${work.number}: values ` +
        `must be unique for each attempt, or nothing tells who wrote what is read`);
    }
    version.writer = work;
    version.send = send;
    work.sent.push(version);
  }
}

function notePolls(work: Work, versions: Map<Key, Versions>): void {
  for (const { key, records } of polledBy(work.operation)) {
    const its = versionsOf(versions, key);
    const polled = records.map(([, value]) => versionOf(its, key, value));
    work.polled.push({ key, records, versions: polled });
    for (let i = 0; i < polled.length; i++) notePolled(work, polled[i]!, records[i]![0]);
  }
}

function notePolled(work: Work, version: Version, offset: number): void {
  noteOffset(version, offset);
  if (!pollsCount(work.operation)) return;
  if (!isReadCommitted(work.operation)) version.readUncommittedBy ??= work;
  else {
    version.readCommittedBy ??= work;
    if (work.sent.length > 0) (version.passedOnBy ??= []).push(work);
  }
}

function noteOffset({ offsets }: Version, offset: number): void {
  if (offsets.length === 0 || !offsets.includes(offset)) offsets.push(offset);
}

/** Whether anybody read what only it wrote, and could only if it was committed. */
const wasRead = ({ operation, sent }: Work): boolean =>
  sent.some(({ readCommittedBy, readUncommittedBy }) => readCommittedBy !== undefined || (operation.kind === 'data' && readUncommittedBy !== undefined));

/** A transaction of unknown end has committed if a group has an offset that nobody else can have committed. */
function commitByOffsets(history: History, works: readonly Work[]): void {
  const candidates = offsetCommits(works);
  for (const operation of history) {
    if (operation.kind !== 'committed' || operation.outcome !== 'ok') continue;
    for (const [key, offset] of Object.entries(operation.offsets)) {
      const possible = candidates.get(operation.group)?.get(key)?.get(offset)?.filter(({ operation }) => operation.outcome !== 'fail');
      if (possible?.length === 1) possible[0]!.isCommitted = true;
    }
  }
}

export type OffsetCommits = ReadonlyMap<string, ReadonlyMap<Key, ReadonlyMap<number, readonly Work[]>>>;

/** By group, partition and offset, the transactions that commit it if they commit. */
export function offsetCommits(works: Iterable<Work | undefined>): OffsetCommits {
  const commits = new Map<string, Map<Key, Map<number, Work[]>>>();
  for (const work of works) {
    if (work?.operation.kind !== 'txn') continue;
    for (const [group, positions] of Object.entries(work.operation.offsets ?? {})) {
      const its = at(commits, group, () => new Map<Key, Map<number, Work[]>>());
      for (const [key, offset] of Object.entries(positions)) at(at(its, key, () => new Map<number, Work[]>()), offset, () => []).push(work);
    }
  }
  return commits;
}

/** An acknowledged record of a transaction stands where it was said to, committed or not. */
function noteAcknowledged({ operation, isCommitted, sent }: Work): void {
  if (operation.kind === 'data' && !isCommitted) return;
  for (const version of sent) if (version.send!.offset !== null) noteOffset(version, version.send!.offset);
}

function logOf(versions: ReadonlyMap<Value, Version>): KeyLog {
  const order: Placed[] = [];
  let hasCommittedReaders = false;
  for (const version of versions.values()) {
    if (version.offsets.length > 1) version.offsets.sort((a, b) => a - b);
    for (const offset of version.offsets) order.push({ offset, version });
    hasCommittedReaders ||= version.readCommittedBy !== undefined;
  }
  order.sort((a, b) => a.offset - b.offset);
  return {
    versions, order, offsets: order.map(({ offset }) => offset), hasCommittedReaders,
    committedOffsets: offsetsWhere(order, isForAll),
    polledOffsets: offsetsWhere(order, ({ readCommittedBy, readUncommittedBy }) => readCommittedBy !== undefined || readUncommittedBy !== undefined),
  };
}

/** Whether a reader of committed values may not leave it out: others of its kind have it, or it is of no transaction. */
function isForAll({ readCommittedBy, readUncommittedBy, writer }: Version): boolean {
  if (writer?.operation.outcome === 'fail') return false;
  return readCommittedBy !== undefined || (readUncommittedBy !== undefined && writer?.operation.kind === 'data');
}

function offsetsWhere(order: KeyLog['order'], holds: (version: Version) => boolean): number[] {
  const offsets: number[] = [];
  for (const { offset, version } of order) if (offset !== offsets.at(-1) && holds(version)) offsets.push(offset);
  return offsets;
}

/** How many of `sorted` are below `bound`. */
export function countBelow(sorted: readonly number[], bound: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function versionsAt({ order, offsets }: KeyLog, offset: number): Version[] {
  const found: Version[] = [];
  for (let i = countBelow(offsets, offset); order[i]?.offset === offset; i++) found.push(order[i]!.version);
  return found;
}

/** The entry of a map, made when absent. */
export function at<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let found = map.get(key);
  if (found === undefined) map.set(key, (found = make()));
  return found;
}
