import { describe, expect, test } from '@jest/globals';
import { checkHistory, describeFaults, type CheckOptions } from './checker.js';
import type { Key, MicroOperation, Operation, Send, Value } from './history.js';

/** Half of them are inputs, half outputs. */
const VALUES = Number(process.env['VALUES'] ?? 200_000);
const PARTITIONS = 8;
const COPIERS = 4;
const BATCH = 100;
const INPUTS_A_TRANSACTION = 20;
const RECORDS_A_POLL = 500;
const GROUP = 'copiers';
const OPTIONS: CheckOptions = { readToEnd: true, writersComplete: true, pipelines: [{ group: GROUP }] };
const TEST_TIMEOUT_MS = 60_000 + VALUES;

type Log = (readonly [offset: number, value: Value])[];

/** As a long soak leaves it: batches of inputs, copiers whose transactions interleave and sometimes abort, three readers of all. */
function largeHistory(): Operation[] {
  const history: Operation[] = [];
  const logs = new Map<Key, Log>();
  const all = new Map<Key, Log>();
  const perPartition = VALUES / 2 / PARTITIONS;
  let nowMs = 0;
  for (let i = 0; i < PARTITIONS; i++) history.push(...inputsOf(`in-${i}`, perPartition, logs));
  const next = Array.from({ length: PARTITIONS }, () => 0);
  const ends = Array.from({ length: PARTITIONS }, () => 0);
  for (let round = 0; next.some(position => position < perPartition); round++) {
    // Those of a round are open at once: their outputs stand among one another's.
    const open = Array.from({ length: COPIERS }, (_, copier) =>
      ({ copier, partition: (round % 2) * COPIERS + copier, micro: [] as MicroOperation[], sends: [] as Send[], aborts: round % 10 === copier }));
    for (let i = 0; i < INPUTS_A_TRANSACTION; i++) {
      for (const { partition, sends, aborts } of open) {
        const input = next[partition]! + i;
        if (input >= perPartition) continue;
        const key = `out-${(partition + i) % PARTITIONS}`;
        const offset = ends[Number(key.slice(4))]!++;
        const value = `${partition}/${input}/${round}`;
        sends.push({ kind: 'send', key, offset, value, from: [`in-${partition}`, input] });
        if (!aborts) (logs.get(key) ?? logs.set(key, []).get(key)!).push([offset, value]);
        (all.get(key) ?? all.set(key, []).get(key)!).push([offset, value]);
      }
    }
    for (const { copier, partition, sends, aborts } of open) {
      const from = next[partition]!;
      const to = Math.min(from + INPUTS_A_TRANSACTION, perPartition);
      const records = logs.get(`in-${partition}`)!.slice(from, to);
      nowMs += 10;
      history.push({
        kind: 'txn', id: round, process: copier, outcome: aborts ? 'fail' : 'ok', transactionalId: `copier-${copier}`, startMs: nowMs, commitMs: nowMs + 1, endMs: nowMs + 2,
        micro: [...(records.length > 0 ? [{ kind: 'poll' as const, records: { [`in-${partition}`]: records } }] : []), ...sends], offsets: { [GROUP]: { [`in-${partition}`]: to } },
      });
      if (aborts) history.push({ kind: 'assign', process: copier, outcome: 'ok' });
      else next[partition] = to;
    }
    for (const key of Array.from({ length: PARTITIONS }, (_, i) => i)) if (round % 3 === 0) ends[key]!++;
  }
  for (const process of [10, 11]) history.push(...readAll(process, logs, 'read_committed'));
  for (const [key, log] of logs) if (key.startsWith('in-')) all.set(key, log);
  history.push(...readAll(12, all, 'read_uncommitted'));
  history.push({ kind: 'committed', process: 13, outcome: 'ok', group: GROUP, offsets: Object.fromEntries(next.map((offset, i) => [`in-${i}`, offset])) });
  return history;
}

function inputsOf(key: Key, count: number, logs: Map<Key, Log>): Operation[] {
  const log: Log = Array.from({ length: count }, (_, i) => [i, i]);
  logs.set(key, log);
  return Array.from({ length: Math.ceil(count / BATCH) }, (_, batch): Operation => ({
    kind: 'data', process: 20, outcome: 'ok', micro: log.slice(batch * BATCH, (batch + 1) * BATCH).map(([offset, value]) => ({ kind: 'send', key, offset, value })),
  }));
}

function* readAll(process: number, logs: ReadonlyMap<Key, Log>, isolation: 'read_committed' | 'read_uncommitted'): Generator<Operation> {
  yield { kind: 'assign', process, outcome: 'ok', positions: Object.fromEntries([...logs.keys()].map(key => [key, 0])) };
  for (const [key, log] of logs) {
    for (let from = 0; from < log.length; from += RECORDS_A_POLL) {
      yield { kind: 'data', process, outcome: 'ok', isolation, micro: [{ kind: 'poll', records: { [key]: log.slice(from, from + RECORDS_A_POLL) } }] };
    }
  }
}

describe(`a history of ${VALUES} values`, () => {
  test('is judged, and one missing value in it is found', () => {
    const history = largeHistory();
    const before = process.cpuUsage();
    const result = checkHistory(history, OPTIONS);
    const { user, system } = process.cpuUsage(before);
    expect(describeFaults(result)).toBe('');
    expect(result.committed).toBe(VALUES);
    if (process.env['VALUES'] !== undefined) {
      console.log(`${history.length} operations with ${result.committed} committed values (${result.transactions.committed} transactions, ` +
        `${result.transactions.aborted} aborted) judged in ${((user + system) / 1e6).toFixed(1)} s of CPU, ${Math.round(process.memoryUsage().heapUsed / 2 ** 20)} MiB of heap`);
    }
    const gone = `3/${Math.floor(VALUES / 2 / PARTITIONS / 2)}`;
    const without = history.map((operation): Operation => (operation.kind !== 'data' ? operation : {
      ...operation,
      micro: operation.micro.map(each => (each.kind === 'send' ? each : { kind: 'poll', records: Object.fromEntries(Object.entries(each.records).map(([key, records]) =>
        [key, records.filter(([, value]) => !String(value).startsWith(`${gone}/`))])) })),
    }));
    expect([...checkHistory(without, OPTIONS).counts]).toEqual([['half-transaction', 1]]);
  }, TEST_TIMEOUT_MS);
});
