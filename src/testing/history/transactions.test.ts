import { describe, expect, test } from '@jest/globals';
import { checkHistory, describeFaults, type CheckOptions } from './checker.js';
import type { AnomalyKind } from './findings.js';
import type { CommittedOperation, DataOperation, EndsOperation, History, InitOperation, Isolation, MicroOperation, Operation, Send, TransactionOperation } from './history.js';

const AT_END: CheckOptions = { readToEnd: true, clockErrorMs: 0, pipelines: [{ group: 'g' }] };
const send = (key: string, offset: number | null, value: number, from?: number): Send => ({ kind: 'send', key, offset, value, ...(from === undefined ? {} : { from: ['in', from] as const }) });
const polled = (key: string, ...records: [number, number][]): MicroOperation => ({ kind: 'poll', records: { [key]: records } });
const txn = (process: number, outcome: Operation['outcome'], micro: MicroOperation[], more: Partial<TransactionOperation> = {}): TransactionOperation =>
  ({ kind: 'txn', process, outcome, transactionalId: 'a', micro, ...more });
const read = (process: number, isolation: Isolation, micro: MicroOperation[], more: Partial<DataOperation> = {}): DataOperation =>
  ({ kind: 'data', process, outcome: 'ok', isolation, micro, ...more });
const rc = (process: number, ...micro: MicroOperation[]): DataOperation => read(process, 'read_committed', micro);
const ru = (process: number, ...micro: MicroOperation[]): DataOperation => read(process, 'read_uncommitted', micro);
const init = (process: number, startMs: number): InitOperation => ({ kind: 'init', process, outcome: 'ok', transactionalId: 'a', startMs, endMs: startMs + 1 });
const ends = (process: number, isolation: Isolation, end: number, more: Partial<EndsOperation> = {}): EndsOperation => ({ kind: 'ends', process, outcome: 'ok', isolation, ends: { k: end }, ...more });
const committed = (process: number, offset: number, more: Partial<CommittedOperation> = {}): CommittedOperation =>
  ({ kind: 'committed', process, outcome: 'ok', group: 'g', offsets: { in: offset }, ...more });
const at = (position: number): Partial<TransactionOperation> => ({ offsets: { g: { in: position } } });

const kindsOf = (history: History, options = AT_END): AnomalyKind[] => [...checkHistory(history, options).counts.keys()];

describe('a fault of transactions is found, and nothing else', () => {
  test.each<[string, AnomalyKind, History]>([
    ['an aborted value read', 'G1a', [txn(0, 'fail', [send('k', 0, 1)]), rc(1, polled('k', [0, 1]))]],
    ['an aborted value read by a transaction that aborts too', 'G1a', [txn(0, 'fail', [send('k', 0, 1)]), txn(1, 'fail', [polled('k', [0, 1])])]],
    ['a transaction that reads its own', 'precommitted-read', [txn(0, 'ok', [send('k', 0, 1), polled('k', [0, 1])])]],
    ['a value read before its commit', 'uncommitted-read', [txn(0, 'ok', [send('k', 0, 1)], { commitMs: 10 }), read(1, 'read_committed', [polled('k', [0, 1])], { startMs: 8, endMs: 9 })]],
    ['a last stable offset past what is open', 'lso-past-open', [
      txn(0, 'ok', [send('k', 4, 1)], { commitMs: 10 }), rc(1, polled('k', [4, 1])), ends(2, 'read_committed', 5, { startMs: 8, endMs: 9 }),
    ]],
    ['a read past what is open', 'lso-past-open', [txn(0, 'ok', [send('k', 4, 1)], { commitMs: 10 }), read(1, 'read_committed', [polled('k', [5, 2])], { endMs: 9 }), rc(2, polled('k', [4, 1]))]],
    ['one of two values', 'half-transaction', [txn(0, 'ok', [send('k', 0, 1), send('j', 0, 2)]), rc(1, polled('k', [0, 1]))]],
    ['one of two values of a transaction in doubt, whose other one is where nobody told', 'half-transaction', [txn(0, 'info', [send('k', null, 1), send('j', null, 2)]), rc(1, polled('k', [0, 1]))]],
    ['one of two values, later ones read', 'half-transaction', [txn(0, 'ok', [send('k', 0, 1), send('k', 1, 2)]), txn(0, 'ok', [send('k', 3, 3)]), rc(1, polled('k', [1, 2], [3, 3]))]],
    ['a committed transaction that readers of all see, those of committed values not', 'lost-write', [
      txn(0, 'ok', [send('k', 0, 1)]), txn(0, 'ok', [send('k', 2, 2)]), rc(1, polled('k', [2, 2])), ru(2, polled('k', [0, 1], [2, 2])),
    ]],
    ['a committed transaction that nobody sees', 'unseen', [txn(0, 'ok', [send('k', null, 1)]), rc(1, polled('j', [2, 2]))]],
    ['a value doubled by a retry', 'duplicate', [txn(0, 'ok', [send('k', 0, 1)]), rc(1, polled('k', [0, 1], [1, 1]))]],
    [
      'what a reader of committed values left out', 'poll-skip',
      [txn(0, 'ok', [send('k', 0, 1), send('k', 1, 2), send('k', 2, 3)]), rc(1, polled('k', [0, 1], [1, 2], [2, 3])), rc(2, polled('k', [0, 1])), rc(2, polled('k', [2, 3]))],
    ],
    ['what a transaction left out of its inputs', 'int-poll-skip', [rc(1, polled('k', [0, 1], [1, 2], [2, 3])), txn(2, 'ok', [polled('k', [0, 1]), polled('k', [2, 3])])]],
    ['a transaction that reads twice', 'int-nonmonotonic-poll', [txn(2, 'ok', [polled('k', [0, 1]), polled('k', [0, 1])])]],
    ['a next transaction that reads again', 'nonmonotonic-poll', [txn(2, 'ok', [polled('k', [0, 1])]), txn(2, 'ok', [polled('k', [0, 1])])]],
    ['the beginning left out', 'poll-skip', [{ kind: 'assign', process: 2, outcome: 'ok', positions: { k: 0 } }, rc(1, polled('k', [0, 1], [1, 2])), rc(2, polled('k', [1, 2]))]],
    ['the end left out', 'poll-skip', [rc(1, polled('k', [0, 1], [1, 2])), rc(2, polled('k', [0, 1])), ends(2, 'read_committed', 3, { reached: true })]],
    ['two that read one another', 'G1c-reads', [txn(0, 'ok', [polled('j', [0, 2]), send('k', 0, 1)]), txn(1, 'ok', [polled('k', [0, 1]), send('j', 0, 2)])]],
    ['a last stable offset that fell', 'lso-moved-back', [ends(0, 'read_committed', 5), ends(0, 'read_committed', 4)]],
    ['a last stable offset that fell for another, by the clock', 'lso-moved-back', [ends(0, 'read_committed', 4, { startMs: 7, endMs: 8 }), ends(1, 'read_committed', 5, { startMs: 5, endMs: 6 })]],
    ['a last stable offset below what was read', 'lso-moved-back', [rc(0, polled('k', [5, 1])), ends(0, 'read_committed', 5)]],
    ['a high watermark below the last stable offset', 'end-moved-back', [ends(0, 'read_committed', 5), ends(0, 'read_uncommitted', 4)]],
    ['offsets of an aborted transaction', 'aborted-offsets', [txn(0, 'fail', [], at(5)), committed(1, 5)]],
    ['offsets before their commit', 'uncommitted-offsets', [txn(0, 'ok', [], { ...at(5), commitMs: 10 }), committed(1, 5, { startMs: 8, endMs: 9 })]],
    ['offsets that fell', 'offsets-moved-back', [committed(1, 5), committed(1, 4)]],
    ['offsets of which no value is seen', 'offsets-without-output', [txn(0, 'info', [send('k', null, 1, 4)], at(5)), committed(1, 5)]],
    ['values whose offsets are not there', 'output-without-offsets', [txn(0, 'info', [send('k', null, 1, 4)], at(5)), rc(2, polled('k', [0, 1])), committed(1, 4)]],
    ['values whose offsets are not there, by the clock', 'output-without-offsets', [
      txn(0, 'ok', [send('k', null, 1, 4)], { ...at(5), startMs: 1, endMs: 2 }), rc(2, polled('k', [0, 1])), committed(1, 4, { startMs: 3, endMs: 4 }),
    ]],
    ['an input put out by two transactions', 'output-twice', [txn(0, 'ok', [send('k', 0, 1, 4)], at(5)), txn(1, 'ok', [send('k', 2, 2, 4)], at(5)), rc(2, polled('k', [0, 1], [2, 2]))]],
    ['an input put out twice by one', 'output-twice', [txn(0, 'ok', [send('k', 0, 1, 4), send('k', 1, 2, 4)], at(5)), rc(2, polled('k', [0, 1], [1, 2]))]],
    ['an input without output', 'output-missing', [rc(2, polled('in', [3, 7], [4, 8])), txn(0, 'ok', [send('k', 0, 1, 4)], at(5)), rc(2, polled('k', [0, 1]))]],
  ])('%s: %s', (_, kind, history) => {
    expect(kindsOf(history)).toEqual([kind]);
  });

  test('a fenced producer that commits, and what it wrote', () => {
    const taken = [init(0, 1), init(1, 5)];
    const late = (outcome: Operation['outcome']): TransactionOperation => txn(0, outcome, [send('k', 0, 1)], { startMs: 3, commitMs: 7 });
    expect(kindsOf([...taken, late('ok'), rc(2, polled('k', [0, 1]))])).toEqual(['zombie-write', 'zombie-commit']);
    expect(kindsOf([...taken, late('info'), rc(2, polled('k', [0, 1]))])).toEqual(['zombie-write']);
    expect(kindsOf([...taken, late('info'), ru(2, polled('k', [0, 1]))])).toEqual([]);
    // Its own taking again fences nobody but the other; and one that had asked before may have been in time.
    expect(kindsOf([...taken, { ...init(0, 6), endMs: 6.5 }, late('ok'), rc(2, polled('k', [0, 1]))])).toEqual([]);
    expect(kindsOf([...taken, txn(0, 'ok', [send('k', 0, 1)], { startMs: 3, commitMs: 5.5 }), rc(2, polled('k', [0, 1]))])).toEqual([]);
  });

  test('a value that nobody sent, if all writers are known', () => {
    const history = [txn(0, 'ok', [send('k', 0, 1)]), rc(1, polled('k', [0, 1], [1, 2]))];
    expect(kindsOf(history, { readToEnd: true, writersComplete: true })).toEqual(['phantom']);
    expect(kindsOf(history)).toEqual([]);
  });
});

test('what two clocks tell that may differ is no proof', () => {
  const early = (commitMs: number): History => [txn(0, 'ok', [send('k', 0, 1)], { commitMs }), read(1, 'read_committed', [polled('k', [0, 1])], { startMs: 8, endMs: 9 })];
  expect(kindsOf(early(12), { readToEnd: true })).toEqual([]);
  expect(kindsOf(early(15), { readToEnd: true })).toEqual(['uncommitted-read']);
});

describe('what is right with transactions', () => {
  test.each<[string, History]>([
    ['aborted values for a reader of all', [txn(0, 'fail', [send('k', 0, 1)]), ru(1, polled('k', [0, 1]))]],
    ['aborted values that a reader of committed ones leaves out', [txn(0, 'fail', [send('k', 1, 2)]), ru(1, polled('k', [0, 1], [1, 2], [3, 3])), rc(2, polled('k', [0, 1], [3, 3]))]],
    ['a transaction in doubt of which nothing is seen', [txn(0, 'info', [send('k', 1, 2)], at(5)), ru(1, polled('k', [0, 1], [1, 2], [3, 3])), rc(2, polled('k', [0, 1], [3, 3])), committed(3, 2)]],
    ['inputs that are read again after an abort', [
      txn(0, 'fail', [polled('in', [0, 1]), send('k', 0, 7, 0)], at(1)), { kind: 'assign', process: 0, outcome: 'ok' },
      txn(0, 'ok', [polled('in', [0, 1]), send('k', 2, 8, 0)], at(1)), rc(1, polled('k', [2, 8])), committed(1, 1),
    ]],
    ['a member that the group sends elsewhere within a transaction', [
      { kind: 'subscribe', process: 0, outcome: 'ok' }, rc(1, polled('k', [0, 1], [1, 2], [2, 3])), txn(0, 'ok', [polled('k', [0, 1]), polled('k', [2, 3])]),
    ]],
    ['an end right before what is open, and past it once it may be over', [
      txn(0, 'ok', [send('k', 4, 1)], { commitMs: 10 }), rc(1, polled('k', [4, 1])), ends(2, 'read_committed', 4, { endMs: 9 }),
      ends(2, 'read_committed', 6, { endMs: 10 }), ends(3, 'read_uncommitted', 6, { endMs: 9 }),
    ]],
    ['an end that is asked for while it grows', [ends(0, 'read_committed', 5, { startMs: 1, endMs: 9 }), ends(1, 'read_committed', 4, { startMs: 8, endMs: 10 })]],
  ])('%s', (_, history) => {
    expect(kindsOf(history)).toEqual([]);
  });

  test('is counted', () => {
    const { transactions, committed: values } = checkHistory([txn(0, 'ok', [send('k', 0, 1)]), txn(0, 'fail', []), txn(0, 'info', [send('k', 2, 2)]), rc(1, polled('k', [0, 1]))], AT_END);
    expect([transactions, values]).toEqual([{ committed: 1, aborted: 1, unknown: 1 }, 1]);
  });
});

test('what is found is told with the lines that show it, and little else', () => {
  const crowd = Array.from({ length: 500 }, (_, i) => send('k', i + 1, i + 1));
  const result = checkHistory([txn(0, 'fail', [send('k', 0, 0), ...crowd]), rc(7, polled('j', [3, 3])), rc(1, { kind: 'poll', records: { k: [[0, 0]], j: [[3, 3]] } })], AT_END);
  expect(describeFaults(result)).toBe([
    '1 x G1a',
    'G1a: process 1 read 0 at k@0 at read_committed, though its writer, process 0, aborted the transaction of a',
    '    {"kind":"txn","process":0,"outcome":"fail","transactionalId":"a","micro":[{"kind":"send","key":"k","offset":0,"value":0}],"leftOut":500}',
    '    {"kind":"data","process":1,"outcome":"ok","isolation":"read_committed","micro":[{"kind":"poll","records":{"k":[[0,0]]}}],"leftOut":1}',
  ].join('\n'));
});

test('of very many faults the first are told and all are counted', () => {
  const values = Array.from({ length: 1000 }, (_, i) => i);
  const { faults, counts } = checkHistory([txn(0, 'fail', values.map(i => send('k', i, i))), rc(1, polled('k', ...values.map((i): [number, number] => [i, i])))], AT_END);
  expect([faults.length, counts.get('G1a')]).toEqual([20, 1000]);
});

test('a value that is sent twice makes a history worthless, and that is said', () => {
  expect(() => checkHistory([txn(0, 'fail', [send('k', 0, 1)]), txn(0, 'ok', [send('k', 2, 1)])], AT_END)).toThrow('1 was sent to k by operation 0 and again by operation 1');
});
