/** What only grows: the ends of partitions and the offsets of groups, as clients were told of them and as it follows from what they did. */
import { at, isReadCommitted, pollsCount, type Evidence } from './evidence.js';
import type { AnomalyKind, Findings } from './findings.js';
import { isWork, polledBy, sendsOf, type History, type Key, type Operation, type WorkOperation } from './history.js';
import { isCommittedEnd } from './process-order.js';

/** From when `operation` has ended, what it is about is at least at `value`. */
interface Mark {
  readonly value: number;
  readonly operation: Operation;
  /** What was told, to be judged; the rest follows from what was done. */
  readonly isTold: boolean;
}

export function checkEnds({ history, clockErrorMs }: Evidence, findings: Findings): void {
  const told = history.filter(operation => operation.kind === 'ends' && operation.outcome === 'ok');
  if (told.length === 0) return;
  const keys = new Set(told.flatMap(operation => (operation.kind === 'ends' ? Object.keys(operation.ends) : [])));
  const [stable, all] = [marksOfEnds(history, keys, true), marksOfEnds(history, keys, false)];
  tellFallen(stable, clockErrorMs, 'lso-moved-back', 'last stable offset', findings);
  tellFallen(all, clockErrorMs, 'end-moved-back', 'high watermark', findings);
}

/** In the order of the history, by key: of the last stable offset, or of the high watermark, which is never below it. */
function marksOfEnds(history: History, keys: ReadonlySet<Key>, ofStable: boolean): Map<Key, Mark[]> {
  const marks = new Map<Key, Mark[]>();
  const mark = (key: Key, value: number, operation: Operation, isTold: boolean): void => {
    if (keys.has(key)) at(marks, key, () => []).push({ value, operation, isTold });
  };
  for (const operation of history) {
    if (operation.kind === 'ends' && operation.outcome === 'ok') {
      const isStable = isCommittedEnd(operation);
      if (ofStable && !isStable) continue;
      for (const [key, end] of Object.entries(operation.ends)) mark(key, end, operation, isStable === ofStable);
    } else if (isWork(operation)) {
      if (pollsCount(operation) && (!ofStable || isReadCommitted(operation))) markPolls(operation, mark);
      if (!ofStable && operation.outcome === 'ok') for (const { key, offset } of sendsOf(operation)) if (offset !== null) mark(key, offset + 1, operation, false);
    }
  }
  return marks;
}

function markPolls(operation: WorkOperation, mark: (key: Key, value: number, operation: Operation, isTold: boolean) => void): void {
  for (const { key, records } of polledBy(operation)) {
    const last = records.at(-1);
    if (last !== undefined) mark(key, last[0] + 1, operation, false);
  }
}

function tellFallen(marks: ReadonlyMap<Key, readonly Mark[]>, clockErrorMs: number, kind: AnomalyKind, name: string, findings: Findings): void {
  for (const [key, its] of marks) {
    for (const { told, floor } of fallen(its, clockErrorMs)) {
      const { operation: { kind: by, process } } = floor;
      findings.add(kind, () => ({
        key, operations: [floor.operation, told.operation],
        detail: `the ${name} of ${key} was told as ${told.value} to process ${told.operation.process}, after ` +
          (by === 'ends' ? `process ${process} was told ${floor.value}` : `process ${process} had ${floor.isTold ? 'seen' : 'dealt with'} the record before ${floor.value}`),
      }));
    }
  }
}

export function checkGroupOffsets(evidence: Evidence, findings: Findings, readToEnd: boolean): void {
  for (const [group, byKey] of marksOfGroups(evidence.history)) {
    for (const [key, marks] of byKey) {
      for (const { told, floor } of fallen(marks, evidence.clockErrorMs)) tellOffsets(group, key, told, floor, findings);
      if (readToEnd) checkFinalOffset(group, key, marks, evidence, findings);
    }
  }
}

function tellOffsets(group: string, key: Key, told: Mark, floor: Mark, findings: Findings): void {
  const { process } = floor.operation;
  findings.add(floor.isTold ? 'offsets-moved-back' : 'output-without-offsets', () => ({
    key, operations: [floor.operation, told.operation], values: [],
    detail: `process ${told.operation.process} was told that ${group} is at ${told.value} in ${key}, after ` +
      (floor.isTold ? `process ${process} was told ${floor.value}` : `process ${process} had committed ${floor.value} in a transaction`),
  }));
}

/** By group and partition, of those that somebody asked about. */
function marksOfGroups(history: History): Map<string, Map<Key, Mark[]>> {
  const marks = new Map<string, Map<Key, Mark[]>>();
  for (const operation of history) {
    if (operation.kind !== 'committed' || operation.outcome !== 'ok') continue;
    for (const key of Object.keys(operation.offsets)) at(at(marks, operation.group, () => new Map<Key, Mark[]>()), key, () => []);
  }
  for (const operation of history) {
    if (operation.outcome !== 'ok') continue;
    if (operation.kind === 'committed') {
      for (const [key, value] of Object.entries(operation.offsets)) marks.get(operation.group)!.get(key)!.push({ value, operation, isTold: true });
    } else if (operation.kind === 'txn') {
      for (const [group, offsets] of Object.entries(operation.offsets ?? {})) {
        for (const [key, value] of Object.entries(offsets)) marks.get(group)?.get(key)?.push({ value, operation, isTold: false });
      }
    }
  }
  return marks;
}

/** What a transaction has committed the group must have in the end, also when only its values tell that it has committed. */
function checkFinalOffset(group: string, key: Key, marks: readonly Mark[], { works, clockErrorMs }: Evidence, findings: Findings): void {
  const last = marks.filter(({ isTold }) => isTold).reduce((highest, mark) => (mark.value > highest.value ? mark : highest));
  for (const work of works) {
    if (work?.operation.kind !== 'txn' || !work.isCommitted) continue;
    const offset = work.operation.offsets?.[group]?.[key];
    if (offset === undefined || offset <= last.value) continue;
    // The same by the clock, or by the order of the process, is told already.
    if (isBefore(work.operation, last.operation, clockErrorMs)) continue;
    tellOffsets(group, key, last, { value: offset, operation: work.operation, isTold: false }, findings);
  }
}

const isBefore = (earlier: Operation, later: Operation, clockErrorMs: number): boolean =>
  earlier.outcome === 'ok' && (earlier.process === later.process || (earlier.endMs !== undefined && later.startMs !== undefined && earlier.endMs + clockErrorMs < later.startMs));

/** What was told although more had been before: by the same process, or by the clock. */
function fallen(marks: readonly Mark[], clockErrorMs: number): { told: Mark; floor: Mark }[] {
  return Array.from(new Map([...fallenByClock(marks, clockErrorMs), ...fallenByProcess(marks)]), ([told, floor]) => ({ told, floor }));
}

function* fallenByProcess(marks: readonly Mark[]): Generator<[told: Mark, floor: Mark]> {
  const highest = new Map<number, Mark>();
  for (const mark of marks) {
    const floor = highest.get(mark.operation.process);
    if (floor !== undefined && mark.isTold && mark.value < floor.value) yield [mark, floor];
    if (floor === undefined || mark.value > floor.value) highest.set(mark.operation.process, mark);
  }
}

function* fallenByClock(marks: readonly Mark[], clockErrorMs: number): Generator<[told: Mark, floor: Mark]> {
  const ended = marks.filter(({ operation }) => operation.endMs !== undefined).sort((a, b) => a.operation.endMs! - b.operation.endMs!);
  const started = marks.filter(({ operation, isTold }) => isTold && operation.startMs !== undefined).sort((a, b) => a.operation.startMs! - b.operation.startMs!);
  let [next, floor]: [number, Mark | undefined] = [0, undefined];
  for (const told of started) {
    for (; next < ended.length && ended[next]!.operation.endMs! + clockErrorMs < told.operation.startMs!; next++) {
      if (floor === undefined || ended[next]!.value > floor.value) floor = ended[next];
    }
    if (floor !== undefined && told.value < floor.value) yield [told, floor];
  }
}
