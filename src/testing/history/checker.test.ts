import { describe, expect, test } from '@jest/globals';
import { SimRandom } from '../../env/sim/random.js';
import { checkHistory, type CheckOptions } from './checker.js';
import type { AnomalyKind } from './findings.js';
import type { DataOperation, History, MicroOperation, Operation } from './history.js';

const AT_END: CheckOptions = { readToEnd: true };
const send = (key: string, offset: number | null, value: number): MicroOperation => ({ kind: 'send', key, offset, value });
const poll = (key: string, ...records: [number, number][]): MicroOperation => ({ kind: 'poll', records: { [key]: records } });
const by = (process: number, outcome: Operation['outcome'], ...micro: MicroOperation[]): DataOperation => ({ kind: 'data', process, outcome, micro });
const ok = (process: number, ...micro: MicroOperation[]): DataOperation => by(process, 'ok', ...micro);
const assign = (process: number): Operation => ({ kind: 'assign', process, outcome: 'ok' });
const subscribe = (process: number): Operation => ({ kind: 'subscribe', process, outcome: 'ok' });

const faultsOf = (history: History, options = AT_END): AnomalyKind[] => [...new Set(checkHistory(history, options).faults.map(({ kind }) => kind))];
const toleratedIn = (history: History): AnomalyKind[] => [...new Set(checkHistory(history, AT_END).tolerated.map(({ kind }) => kind))];

describe('a planted fault of each kind is found, and nothing else', () => {
  test.each<[AnomalyKind, History]>([
    ['inconsistent-offsets', [ok(0, send('k', 0, 1)), ok(1, poll('k', [0, 1])), ok(2, poll('k', [0, 2]))]],
    ['duplicate', [ok(0, send('k', 0, 1)), ok(1, poll('k', [0, 1], [1, 2], [2, 1]))]],
    ['G1a', [by(0, 'fail', send('k', null, 1)), ok(1, poll('k', [0, 1]))]],
    ['precommitted-read', [ok(0, send('k', 0, 1), poll('k', [0, 1]))]],
    ['lost-write', [ok(0, send('k', 0, 1)), ok(0, send('k', 1, 2)), ok(1, poll('k', [1, 2]))]],
    ['unseen', [ok(0, send('k', 0, 1)), ok(0, send('k', 1, 2)), ok(1, poll('k', [0, 1]))]],
    ['poll-skip', [ok(0, poll('k', [0, 1])), ok(1, poll('k', [0, 1], [1, 2], [2, 3])), ok(0, poll('k', [2, 3]))]],
    ['nonmonotonic-poll', [ok(0, poll('k', [0, 1], [1, 2])), ok(0, poll('k', [0, 1]))]],
    ['int-poll-skip', [ok(0, poll('k', [0, 1], [1, 2], [2, 3])), ok(1, poll('k', [0, 1], [2, 3]))]],
    ['int-nonmonotonic-poll', [ok(0, poll('k', [1, 2], [0, 1]))]],
    ['nonmonotonic-send', [ok(0, send('k', 1, 1)), ok(0, send('k', 0, 2)), ok(1, poll('k', [0, 2], [1, 1]))]],
    ['int-nonmonotonic-send', [ok(0, send('k', 1, 1), send('k', 0, 2)), ok(1, poll('k', [0, 2], [1, 1]))]],
    ['G1c-reads', [ok(0, send('a', 0, 1), poll('b', [0, 2])), ok(1, send('b', 0, 2), poll('a', [0, 1]))]],
  ])('%s', (kind, history) => {
    expect(faultsOf(history)).toContain(kind);
    // A doubled value is also out of order to whoever reads it, a reordered pair of sends to no one else.
    const company: Partial<Record<AnomalyKind, AnomalyKind[]>> = { duplicate: ['int-nonmonotonic-poll', 'int-poll-skip'] };
    expect(faultsOf(history).filter(found => found !== kind && !company[kind]?.includes(found))).toEqual([]);
  });

  test('an info send that somebody read must be there for all', () => {
    const history = [by(0, 'info', send('k', null, 1), send('j', null, 7)), ok(0, send('j', 1, 8)), ok(1, poll('k', [0, 1])), ok(2, poll('j', [1, 8]))];
    // Where its write to j stands nobody told, so that only a reader of it could.
    expect(faultsOf(history)).toEqual([]);
    const told = [by(0, 'info', send('k', null, 1), send('j', 0, 7)), ...history.slice(1)];
    expect(faultsOf(told)).toEqual(['lost-write']);
  });

  test('what a failed or unknown poll saw counts for the order too', () => {
    expect(faultsOf([by(0, 'fail', poll('k', [0, 1])), ok(1, poll('k', [0, 2]))])).toEqual(['inconsistent-offsets']);
  });
});

describe('what Kafka allows is told, and no fault', () => {
  const between = [ok(0, send('k', 0, 1), send('k', 2, 3)), ok(1, send('k', 1, 2)), ok(2, poll('k', [0, 1], [1, 2], [2, 3]))];

  test("others' values between the sends of one transaction, and the circle of writes that they make", () => {
    expect(faultsOf(between)).toEqual([]);
    expect(toleratedIn(between)).toEqual(['int-send-skip', 'G0']);
    expect(checkHistory(between, { readToEnd: true, allowed: [] }).faults.map(({ kind }) => kind)).toEqual(['int-send-skip', 'G0']);
  });

  test('a circle with a step from write to write, since a transaction may write, then read what a later one committed', () => {
    const history = [ok(0, send('k', 0, 1), poll('j', [0, 9])), ok(1, send('k', 1, 2), send('j', 0, 9)), ok(2, poll('k', [0, 1], [1, 2]))];
    expect(faultsOf(history)).toEqual([]);
    expect(toleratedIn(history)).toEqual(['G1c']);
  });

  test('a reader that the group sends elsewhere', () => {
    const jump = [ok(1, poll('k', [0, 1], [1, 2], [2, 3])), ok(0, poll('k', [0, 1])), ok(0, poll('k', [2, 3])), ok(0, poll('k', [0, 1]))];
    expect(faultsOf(jump)).toEqual(['poll-skip', 'nonmonotonic-poll']);
    expect(faultsOf([subscribe(0), ...jump])).toEqual([]);
  });

  test('a reader that chose anew', () => {
    expect(faultsOf([ok(0, poll('k', [0, 1], [1, 2])), assign(0), ok(0, poll('k', [0, 1]))])).toEqual([]);
  });

  test('offsets that hold markers, or what compaction took', () => {
    expect(faultsOf([ok(0, send('k', 0, 1)), ok(0, send('k', 7, 2)), ok(1, poll('k', [0, 1])), ok(1, poll('k', [7, 2]))])).toEqual([]);
  });

  test('acknowledged records that nobody had the time to read', () => {
    expect(faultsOf([ok(0, send('k', 0, 1))], { readToEnd: false })).toEqual([]);
    expect(faultsOf([ok(0, send('k', 0, 1))])).toEqual(['unseen']);
  });

  test('a write of unknown fate that never came', () => {
    expect(faultsOf([by(0, 'info', send('k', null, 1)), ok(0, send('k', 0, 2)), ok(1, poll('k', [0, 2]))])).toEqual([]);
  });
});

/** What writers and readers of a correct log would see: transactions that interleave, abort, or are left in doubt. */
function soundHistory(seed: number): Operation[] {
  const random = new SimRandom(seed);
  const logs = new Map<string, (number | undefined)[]>([['a', []], ['b', []]]);
  const positions = new Map<string, number>();
  const history: Operation[] = [];
  let value = 0;
  for (let round = 0; round < 60; round++) {
    const open = Array.from({ length: 1 + random.int(3) }, (_, i) => ({ process: i, outcome: (['ok', 'ok', 'fail', 'info'] as const)[random.int(4)]!, micro: [] as MicroOperation[] }));
    for (let i = 0; i < 6; i++) {
      const writer = open[random.int(open.length)]!;
      const key = random.chance(0.5) ? 'a' : 'b';
      const log = logs.get(key)!;
      const lands = writer.outcome === 'ok' || (writer.outcome === 'info' && random.chance(0.5));
      // One operation, one fate.
      if (writer.outcome === 'info' && writer.micro.length > 0) continue;
      const offset = log.push(lands ? ++value : undefined) - 1;
      writer.micro.push(send(key, writer.outcome === 'ok' ? offset : null, lands ? value : ++value));
    }
    for (const { process, outcome, micro } of open) if (micro.length > 0) history.push(by(process, outcome, ...micro));
    for (const process of [10, 11]) {
      for (const [key, log] of logs) {
        const from = positions.get(`${process}${key}`) ?? 0;
        const to = round === 59 ? log.length : from + random.int(log.length - from + 1);
        const records = log.slice(from, to).flatMap((found, i): [number, number][] => (found === undefined ? [] : [[from + i, found]]));
        positions.set(`${process}${key}`, to);
        if (records.length > 0) history.push(ok(process, poll(key, ...records)));
      }
    }
  }
  return history;
}

describe('histories of a correct log', () => {
  const seeds = Array.from({ length: 100 }, (_, seed) => seed);

  test('have no fault, whatever interleaves', () => {
    for (const seed of seeds) expect([seed, checkHistory(soundHistory(seed), AT_END).faults]).toEqual([seed, []]);
  });

  test('have one as soon as an acknowledged record is taken out of every poll', () => {
    for (const seed of seeds) {
      const history = soundHistory(seed);
      const writes = history.flatMap(operation => (operation.kind === 'data' && operation.outcome === 'ok' ? operation.micro.filter(each => each.kind === 'send') : []));
      const lost = writes[seed % writes.length]!.value;
      const without = history.map((operation): Operation => (operation.kind !== 'data' ? operation : {
        ...operation,
        micro: operation.micro.map(each => (each.kind === 'send' ? each : {
          kind: 'poll', records: Object.fromEntries(Object.entries(each.records).map(([key, records]) => [key, records.filter(([, found]) => found !== lost)])),
        })),
      }));
      const kinds = checkHistory(without, AT_END).faults.map(({ kind }) => kind);
      expect([seed, kinds.includes('lost-write') || kinds.includes('unseen')]).toEqual([seed, true]);
    }
  });
});
