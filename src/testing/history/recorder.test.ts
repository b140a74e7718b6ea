import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkHistory } from './checker.js';
import { readHistoryFiles } from './history-file.js';
import type { Operation, Outcome } from './history.js';
import { HistoryRecorder } from './recorder.js';

const directory = mkdtempSync(join(tmpdir(), 'recorder-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** A clock that goes on by one whenever it is read. */
function ticking(): () => number {
  let nowMs = 0;
  return () => ++nowMs;
}

function lifeOf(recorder: HistoryRecorder, outcome: Outcome): void {
  const [copier, reader] = [recorder.newProcess(), recorder.newProcess()];
  recorder.tookId(copier, 'a', recorder.nowMs());
  recorder.chose(copier, 'assign', { 'in-0': 0 });
  const transaction = recorder.begin(copier, 'a');
  transaction.polled({ 'in-0': [[0, 'x']] });
  const acknowledged = transaction.sends('out-0', 'x/1', ['in-0', 0]);
  transaction.sends('out-1', 'y/1');
  acknowledged(5);
  transaction.sendsOffsets('g', { 'in-0': 1 });
  transaction.sendsOffsets('g', { 'in-1': 4 });
  transaction.asksToCommit();
  transaction.ended(outcome);
  recorder.polled(reader, { 'out-0': [[5, 'x/1']], 'out-1': [[0, 'y/1']] });
  recorder.toldEnds(reader, 'read_committed', { 'out-0': 7 }, recorder.nowMs(), true);
  recorder.toldCommitted(reader, 'g', { 'in-0': 1, 'in-1': 4 }, recorder.nowMs());
}

describe('what clients do', () => {
  test('is written down as it was, for the checker', () => {
    const recorder = new HistoryRecorder({ nowMs: ticking() });
    lifeOf(recorder, 'ok');
    expect(recorder.operations[2]).toEqual({
      kind: 'txn', process: 0, outcome: 'ok', transactionalId: 'a', isolation: 'read_committed', startMs: 3, commitMs: 4, endMs: 5,
      micro: [
        { kind: 'poll', records: { 'in-0': [[0, 'x']] } }, { kind: 'send', key: 'out-0', offset: 5, value: 'x/1', from: ['in-0', 0] },
        { kind: 'send', key: 'out-1', offset: null, value: 'y/1' },
      ],
      offsets: { g: { 'in-0': 1, 'in-1': 4 } },
    });
    expect(checkHistory(recorder.operations, { readToEnd: true, pipelines: [{ group: 'g' }] }).faults).toEqual([]);
    const aborted = new HistoryRecorder({ nowMs: ticking() });
    lifeOf(aborted, 'fail');
    expect([...checkHistory(aborted.operations, { readToEnd: true }).counts.keys()]).toEqual(['G1a', 'aborted-offsets']);
  });

  test('goes to a file as it grows', () => {
    const file = join(directory, 'history');
    const recorder = new HistoryRecorder({ file });
    lifeOf(recorder, 'info');
    expect(readHistoryFiles([file])).toEqual(recorder.operations);
  });

  test('of a send outside of transactions is what it returned, what was meant when it is in doubt', async () => {
    const recorder = new HistoryRecorder({ nowMs: ticking() });
    const send = (offset: number | null) => ({ kind: 'send', key: 'k', offset, value: offset ?? 'lost' }) as const;
    expect(await recorder.data(0, [send(null)], () => Promise.resolve([send(3)]), () => false)).toBe(true);
    for (const isRefusal of [true, false]) expect(await recorder.data(0, [send(null)], () => Promise.reject(new Error('no')), () => isRefusal)).toBe(false);
    expect(recorder.operations.map(({ outcome, startMs, endMs }) => [outcome, startMs, endMs])).toEqual([['ok', 1, 2], ['fail', 3, 4], ['info', 5, 6]]);
  });

  test('never asked to commit has not committed, whatever is thought of it', () => {
    const recorder = new HistoryRecorder();
    recorder.begin(0, 'a').ended('info');
    expect(recorder.operations.map(({ outcome }: Operation) => outcome)).toEqual(['fail']);
    expect(() => recorder.begin(0, 'a').ended('ok')).toThrow('a transaction of a was committed that nobody asked to commit');
  });
});
