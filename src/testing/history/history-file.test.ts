import { afterAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHistory, parseHistory, readHistoryFiles } from './history-file.js';
import type { Operation } from './history.js';

const HISTORY: Operation[] = [
  { kind: 'init', process: 3, outcome: 'ok', transactionalId: 'a', startMs: 10.2, endMs: 12.9 },
  {
    kind: 'txn', id: 1, process: 3, outcome: 'ok', transactionalId: 'a', startMs: 13.1, commitMs: 15, endMs: 16.4,
    micro: [
      { kind: 'poll', records: { 'in-0': [[41, 'x'], [42, 'ä']] } },
      { kind: 'send', key: 'out-0', offset: 17, value: 'x/1', from: ['in-0', 41] },
      { kind: 'send', key: 'out-1', offset: null, value: 7 },
    ],
    offsets: { copiers: { 'in-0': 43 } },
  },
  { kind: 'data', process: 4, outcome: 'fail', isolation: 'read_uncommitted', micro: [{ kind: 'poll', records: {} }] },
  { kind: 'assign', process: 4, outcome: 'ok' },
  { kind: 'subscribe', process: 5, outcome: 'ok' },
  { kind: 'ends', process: 5, outcome: 'ok', isolation: 'read_committed', ends: { 'out-0': 19 } },
  { kind: 'committed', process: 5, outcome: 'ok', group: 'copiers', offsets: { 'in-0': 43 }, startMs: 18 },
];

const directory = mkdtempSync(join(tmpdir(), 'history-'));
afterAll(() => rmSync(directory, { recursive: true }));
const fileOf = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};

describe('a history in files', () => {
  test('comes back as it was', () => {
    expect(parseHistory(formatHistory(HISTORY))).toEqual(HISTORY);
    expect(readHistoryFiles([fileOf('one', formatHistory(HISTORY))])).toEqual(HISTORY);
  });

  test('of many clients: equal process numbers in two files are two processes, equal ones in a file one', () => {
    const line = (process: number | string): string => `{"kind":"assign","process":${JSON.stringify(process)},"outcome":"ok"}\n`;
    const history = readHistoryFiles([fileOf('a', line(0) + line(1) + line(0)), fileOf('b', line(0) + line('reader') + line('reader'))]);
    expect(history.map(({ process }) => process)).toEqual([0, 1, 0, 2, 3, 3]);
  });

  test('larger than what is read at once', () => {
    const many = Array.from({ length: 40_000 }, (_, i): Operation => ({ kind: 'data', process: 1, outcome: 'ok', micro: [{ kind: 'send', key: 'k-0', offset: i, value: `ä${i}` }] }));
    expect(readHistoryFiles([fileOf('large', formatHistory(many))])).toEqual(many);
  });

  test('keeps the last line of an id, at its place', () => {
    const txn = (process: number, id: number, outcome: string): string => `{"kind":"txn","id":${id},"process":${process},"outcome":"${outcome}","transactionalId":"a","micro":[]}\n`;
    const history = parseHistory(txn(0, 1, 'info') + txn(1, 1, 'info') + txn(0, 1, 'ok') + txn(0, 2, 'info'));
    expect(history.map(({ process, outcome }) => [process, outcome])).toEqual([[1, 'info'], [0, 'ok'], [0, 'info']]);
  });

  test('leaves out what its writer did not live to finish, and takes a finished line without a newline', () => {
    const line = '{"kind":"assign","process":4,"outcome":"ok"}';
    expect(parseHistory(`${line}\n${line.slice(0, 20)}`)).toHaveLength(1);
    expect(parseHistory(`${line}\n${line}`)).toHaveLength(2);
    expect(() => parseHistory(`${line.slice(0, 20)}\n${line}\n`)).toThrow('history:1:');
  });

  test.each([
    ['{"kind":"what"}', 'its kind is none of data, txn, init, assign, subscribe, ends, committed'],
    ['{"kind":"constructor"}', 'its kind is none of'],
    ['[1]', 'not an object'],
    ['{', 'not JSON'],
    ['{"kind":"assign","outcome":"ok"}', 'process of assign must be a number or a text'],
    ['{"kind":"assign","process":1,"outcome":"OK"}', 'outcome of assign must be ok, fail or info'],
    ['{"kind":"txn","process":1,"outcome":"ok","micro":[]}', 'transactionalId of txn must be a text'],
    ['{"kind":"txn","process":1,"outcome":"ok","transactionalId":"a","micro":[],"commitMs":null}', 'commitMs of txn must be a number of milliseconds, or left out'],
    ['{"kind":"txn","process":1,"outcome":"ok","transactionalId":"a","micro":[],"offsets":{"in-0":3}}', 'offsets of txn must be an object of offsets by partition, by group'],
    ['{"kind":"txn","process":1,"outcome":"ok","transactionalId":"a","micro":[{"kind":"send","key":"k","value":1}]}', 'offset of a send must be an offset or null'],
    ['{"kind":"data","process":1,"outcome":"ok","micro":[{"kind":"poll","records":{"k":[[1]]}}]}', 'a polled record must be [offset, value]'],
    ['{"kind":"data","process":1,"outcome":"ok","micro":[7]}', 'in micro stand objects'],
    ['{"kind":"ends","process":1,"outcome":"ok","ends":{"k":-1}}', 'ends of ends must be an object of offsets by partition'],
    ['{"kind":"committed","process":1,"outcome":"ok","offsets":{}}', 'group of committed must be a text'],
  ])('refuses %s', (line, message) => {
    const sound = '{"kind":"assign","process":4,"outcome":"ok"}';
    expect(() => parseHistory(`${sound}\n\n${line}\n`, 'some.jsonl')).toThrow(`some.jsonl:3: line 3 of the history is not an operation: ${message}`);
  });
});
