import { checkHistory, describeFaults } from '../history/checker.js';
import type { Operation, Outcome, Send } from '../history/history.js';
import { holds } from './invariants.js';
import type { Event, Fate, Ledger, Reading, Transaction, Written } from './ledger.js';
import { GROUP, KEYED_PLACE, PLACES } from './plan.js';
import { nameOf } from './producing.js';

/** What the clients of a scenario did and saw, for the checker that knows nothing of brokers. */

/** When all have read to the end. */
export function soundHistory(ledger: Ledger): void {
  const result = checkHistory(historyOf(ledger), { readToEnd: true, writersComplete: true, clockErrorMs: 0, pipelines: [{ group: GROUP }] });
  holds(result.faults.length === 0, 'history', () => describeFaults(result));
}

export function historyOf({ events }: Ledger): Operation[] {
  const processes = new Map<string, number>();
  const processOf = (name: string): number => {
    if (!processes.has(name)) processes.set(name, processes.size);
    return processes.get(name)!;
  };
  return events.flatMap(event => operationsOf(event, processOf));
}

function operationsOf(event: Event, processOf: (name: string) => number): Operation[] {
  switch (event.what) {
    case 'incarnation': {
      const { client, transactionalId, askedMs: startMs, answeredMs: endMs } = event.incarnation;
      return [{ kind: 'init', process: processOf(client), outcome: 'ok', transactionalId, startMs, endMs }];
    }
    case 'transaction': return [transactional(event.transaction, processOf(event.transaction.client))];
    case 'written': return [plain(event.written, processOf(event.written.client))];
    case 'reading': return read(event.reading, processOf(event.reading.reader));
    case 'committed': {
      const { client, offsets, askedMs: startMs, answeredMs: endMs } = event.committed;
      return [{ kind: 'committed', process: processOf(client), outcome: 'ok', group: GROUP, offsets: Object.fromEntries(offsets), startMs, endMs }];
    }
    default: return event satisfies never;
  }
}

const OUTCOMES: Record<Fate, Outcome> = { unasked: 'fail', aborted: 'fail', doubtful: 'info', committed: 'ok' };

/** Compaction takes some of what is written there. */
const COMPACTED = nameOf(PLACES[KEYED_PLACE]);

function transactional({ incarnation: { transactionalId }, written, fate, offsets, beganMs, askedToCommitMs, endedMs }: Transaction, process: number): Operation {
  return {
    kind: 'txn', process, outcome: OUTCOMES[fate], transactionalId, startMs: beganMs, micro: written.filter(({ partition }) => partition !== COMPACTED).map(sendOf),
    ...(askedToCommitMs === undefined ? {} : { commitMs: askedToCommitMs }), ...(endedMs === undefined ? {} : { endMs: endedMs }),
    ...(offsets.size === 0 ? {} : { offsets: { [GROUP]: Object.fromEntries(offsets) } }),
  };
}

/** What a client without transactions was never told it asks for until it is; one that was cut short may have got it in. */
function plain(written: Written, process: number): Operation {
  return { kind: 'data', process, outcome: written.offset === undefined ? 'info' : 'ok', micro: written.partition === COMPACTED ? [] : [sendOf(written)] };
}

const sendOf = ({ partition, value, offset, source }: Written): Send =>
  ({ kind: 'send', key: partition, value, offset: offset ?? null, ...(source === undefined ? {} : { from: [source.partition, source.offset] }) });

function read({ partition, isCommitted, from, records, highWatermark, lastStableOffset, reachedEnd, askedMs: startMs, answeredMs: endMs }: Reading, process: number): Operation[] {
  const [isolation, times] = [isCommitted ? 'read_committed' : 'read_uncommitted', { startMs, endMs }] as const;
  const polled = partition === COMPACTED || records.length === 0 ? [] : [{ kind: 'poll' as const, records: { [partition]: records.map(({ offset, value }) => [offset, value] as const) } }];
  return [
    ...(from === 0 ? [{ kind: 'assign' as const, process, outcome: 'ok' as const, positions: { [partition]: 0 } }] : []),
    { kind: 'data', process, outcome: 'ok', isolation, micro: polled, ...times },
    { kind: 'ends', process, outcome: 'ok', isolation: 'read_committed', ends: { [partition]: lastStableOffset }, reached: isCommitted && reachedEnd, ...times },
    { kind: 'ends', process, outcome: 'ok', isolation: 'read_uncommitted', ends: { [partition]: highWatermark }, reached: !isCommitted && reachedEnd, ...times },
  ];
}
