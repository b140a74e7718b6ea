/** The last stable offset stands before the first record of any open transaction: who is told more, or reads more, is past it. */
import { at, isReadCommitted, pollsCount, type Evidence, type Work } from './evidence.js';
import type { Findings } from './findings.js';
import { isWork, polledBy, type Key, type Operation, type TransactionOperation } from './history.js';
import { isCommittedEnd } from './process-order.js';

/** At `atMs` a client had been told of, or had read, all below `end`. */
interface Sight {
  readonly atMs: number;
  readonly end: number;
  readonly operation: Operation;
  readonly work: Work | undefined;
}

/** A transaction was open until `untilMs`, with its first record of the partition at `first`. */
interface Open {
  readonly untilMs: number;
  readonly first: number;
  readonly operation: TransactionOperation;
}

/** Told by the clocks, of transactions that are known to have been open since they were committed later. */
export function checkOpenTransactions(evidence: Evidence, findings: Findings): void {
  const open = opened(evidence.works);
  for (const [key, sights] of sightsIn(evidence)) {
    for (const [sight, { operation, first, untilMs }] of pastOpen(sights, open.get(key) ?? [], evidence.clockErrorMs)) {
      // Who read of the transaction itself is told of that.
      if (sight.work?.polled.some(({ versions }) => versions.some(({ writer }) => writer?.operation === operation)) === true) continue;
      findings.add('lso-past-open', () => ({
        key, operations: [operation, sight.operation], values: [],
        detail: `process ${sight.operation.process} ` +
          `${sight.operation.kind === 'ends' ? `was told ${sight.end} as the last stable offset of ${key}` : `read ${key}@${sight.end - 1} at read_committed`} ` +
          `by ${sight.atMs}, past offset ${first} of a transaction of ${operation.transactionalId} (process ${operation.process}) that nobody asked to commit before ${untilMs}`,
      }));
    }
  }
}

function opened(works: Evidence['works']): Map<Key, Open[]> {
  const open = new Map<Key, Open[]>();
  for (const work of works) {
    if (work?.operation.kind !== 'txn' || !work.isCommitted || work.operation.commitMs === undefined) continue;
    for (const [key, first] of firstOffsets(work)) at(open, key, () => []).push({ untilMs: work.operation.commitMs, first, operation: work.operation });
  }
  return open;
}

function firstOffsets({ sent }: Work): Map<Key, number> {
  const firsts = new Map<Key, number>();
  for (const { key, offsets } of sent) if (offsets.length > 0) firsts.set(key, Math.min(offsets[0]!, firsts.get(key) ?? Infinity));
  return firsts;
}

function sightsIn({ history, works }: Evidence): Map<Key, Sight[]> {
  const sights = new Map<Key, Sight[]>();
  for (const [number, operation] of history.entries()) {
    const atMs = operation.endMs;
    if (atMs === undefined) continue;
    if (operation.kind === 'ends' && operation.outcome === 'ok' && isCommittedEnd(operation)) {
      for (const [key, end] of Object.entries(operation.ends)) at(sights, key, () => []).push({ atMs, end, operation, work: undefined });
    } else if (isWork(operation) && pollsCount(operation) && isReadCommitted(operation)) {
      for (const { key, records } of polledBy(operation)) if (records.length > 0) at(sights, key, () => []).push({ atMs, end: records.at(-1)![0] + 1, operation, work: works[number] });
    }
  }
  return sights;
}

/** From the last to the first: with each sight, all transactions that ended later, of which the one that stands first decides. */
function* pastOpen(sights: readonly Sight[], open: readonly Open[], clockErrorMs: number): Generator<[Sight, Open]> {
  const later = open.toSorted((a, b) => b.untilMs - a.untilMs);
  let [next, first]: [number, Open | undefined] = [0, undefined];
  for (const sight of sights.toSorted((a, b) => b.atMs - a.atMs)) {
    for (; next < later.length && later[next]!.untilMs > sight.atMs + clockErrorMs; next++) {
      if (first === undefined || later[next]!.first < first.first) first = later[next];
    }
    if (first !== undefined && first.first < sight.end) yield [sight, first];
  }
}
