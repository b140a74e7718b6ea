import { checkCircles } from './circles.js';
import { gather, type Evidence } from './evidence.js';
import { Findings, type Anomaly, type AnomalyKind } from './findings.js';
import { checkEnds, checkGroupOffsets } from './offset-floors.js';
import { checkOffsetReads, checkPipeline, type Pipeline } from './group-commits.js';
import type { History } from './history.js';
import { checkLosses } from './losses.js';
import { checkOpenTransactions } from './open-transactions.js';
import { checkProcessOrder } from './process-order.js';
import { checkReads } from './reads.js';
import { checkZombies } from './zombies.js';

/**
 * What is wrong with a history of a log (after jepsen.tests.kafka): what was lost, doubled, reordered, or read though it was
 * never committed, and what a transaction or a group's offsets did by halves. Takes n log n of the values. Offsets are compared
 * by their place among those that were seen, so that gaps (markers, compaction) do not count.
 */
export function checkHistory(history: History, { readToEnd, allowed = ALLOWED, writersComplete = false, pipelines = [], clockErrorMs = CLOCK_ERROR_MS }: CheckOptions): CheckResult {
  const evidence = gather(history, clockErrorMs);
  const findings = new Findings(new Set(allowed));
  checkContradictions(evidence, findings);
  checkReads(evidence, findings, writersComplete);
  checkZombies(evidence, findings);
  checkOpenTransactions(evidence, findings);
  checkLosses(evidence, findings, readToEnd);
  checkProcessOrder(evidence, findings);
  checkCircles(evidence, findings);
  checkEnds(evidence, findings);
  checkOffsetReads(evidence, findings);
  checkGroupOffsets(evidence, findings, readToEnd);
  for (const pipeline of pipelines) checkPipeline(pipeline, evidence, findings);
  const { faults, tolerated } = findings;
  return { faults: faults.list, tolerated: tolerated.list, counts: faults.counts, operations: history.length, ...figuresOf(evidence) };
}

const CLOCK_ERROR_MS = 5;

export interface CheckOptions {
  /**
   * All have polled to the end, so that what nobody saw is not there; and of a group whose offsets were asked for at all, they
   * were asked for at the end.
   */
  readonly readToEnd: boolean;
  /** Found, but no fault; `ALLOWED` unless given. */
  readonly allowed?: readonly AnomalyKind[];
  /** Whatever is read was sent by an operation of the history; else it is a phantom. */
  readonly writersComplete?: boolean;
  /** By so much the clocks of those who wrote the history may differ: 5 unless given, since some count whole milliseconds; 0 for a simulated clock. */
  readonly clockErrorMs?: number;
  /** Whose sends tell `from` what input they come. */
  readonly pipelines?: readonly Pipeline[];
}

/**
 * Kafka promises no order between the writes of different transactions: they interleave in a partition while both are open, so
 * others' values stand between one operation's own (int-send-skip), writes go around in circles (G0), and so do circles that
 * take a write-to-write step next to a read (G1c). A circle of reads alone stays a fault. Who subscribed jumps where its group
 * sends it: then poll-skip and nonmonotonic-poll are no faults either.
 */
export const ALLOWED: readonly AnomalyKind[] = ['int-send-skip', 'G0', 'G1c'];

export interface CheckResult {
  /** What must not be; none when the history is sound. Of each kind the first few. */
  readonly faults: readonly Anomaly[];
  readonly tolerated: readonly Anomaly[];
  /** How many faults of each kind there are in all. */
  readonly counts: ReadonlyMap<AnomalyKind, number>;
  readonly operations: number;
  /** Values that must have been committed. */
  readonly committed: number;
  readonly transactions: {
    readonly committed: number;
    readonly aborted: number;
    /** Of unknown end, of which nothing was seen. */
    readonly unknown: number;
  };
}

/** The faults for a person: each kind with its number, and each that was kept with its part of the history. Empty when there are none. */
export function describeFaults({ faults, counts }: CheckResult): string {
  const heads = Array.from(counts, ([kind, count]) => `${count} x ${kind}`);
  return [...(heads.length === 0 ? [] : [heads.join(', ')]), ...faults.map(({ kind, detail, excerpt }) => `${kind}: ${detail}\n${excerpt.replace(/^/gm, '    ')}`)].join('\n');
}

function checkContradictions({ keys }: Evidence, findings: Findings): void {
  for (const [key, { order, versions }] of keys) {
    for (let i = 1; i < order.length; i++) {
      const [before, here] = [order[i - 1]!, order[i]!];
      if (before.offset !== here.offset) continue;
      const both = [before.version, here.version];
      findings.add('inconsistent-offsets', () => ({
        key, values: both.map(({ value }) => value), operations: both.flatMap(({ writer, readCommittedBy, readUncommittedBy }) =>
          [writer?.operation, (readCommittedBy ?? readUncommittedBy)?.operation]),
        detail: `${key}@${here.offset} holds ${before.version.value} and ${here.version.value}`,
      }));
    }
    for (const { value, offsets, writer, readCommittedBy, readUncommittedBy } of versions.values()) {
      if (offsets.length === 1 || offsets.length === 0) continue;
      findings.add('duplicate', () => ({
        key, values: [value], operations: [writer?.operation, (readCommittedBy ?? readUncommittedBy)?.operation],
        detail: `${value} stands ${offsets.length} times in ${key}: at ${offsets.slice(0, 8).join(', ')}`,
      }));
    }
  }
}

function figuresOf({ works }: Evidence): Pick<CheckResult, 'committed' | 'transactions'> {
  let committed = 0;
  const transactions = { committed: 0, aborted: 0, unknown: 0 };
  for (const work of works) {
    if (work === undefined) continue;
    if (work.isCommitted) for (const { kind } of work.operation.micro) if (kind === 'send') committed++;
    if (work.operation.kind !== 'txn') continue;
    transactions[work.isCommitted ? 'committed' : work.operation.outcome === 'fail' ? 'aborted' : 'unknown']++;
  }
  return { committed, transactions };
}
