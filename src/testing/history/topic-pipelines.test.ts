import { describe, expect, test } from '@jest/globals';
import { SimRandom } from '../../env/sim/random.js';
import { checkCopies, checkWindowedJoin, checkWordCount, type Copying, type PipelineFaultKind, type PipelineResult, type StoredRecord } from './topic-pipelines.js';

const record = (partition: string, offset: number, key: string | null, value: string, timestampMs?: number): StoredRecord =>
  ({ partition, offset, key, value, ...(timestampMs === undefined ? {} : { timestampMs }) });
const kindsOf = ({ counts }: PipelineResult): PipelineFaultKind[] => [...counts.keys()];

describe('copies', () => {
  const inputs = [record('in-0', 0, 'a', '1'), record('in-0', 2, 'b', '2'), record('in-0', 3, 'a', '3'), record('in-1', 0, 'c', '4'), record('in-1', 1, null, '5')];
  const outputs = [record('out-0', 0, 'a', '1!'), record('out-0', 1, 'c', '4!'), record('out-0', 4, 'a', '3!'), record('out-1', 0, 'b', '2!'), record('out-1', 1, null, '5!')];
  const sound: Copying = { inputs, outputs, transform: ({ key, value }) => [{ key, value: `${value}!` }], offsets: { 'in-0': 4, 'in-1': 2 } };

  test('that are right have no fault', () => {
    expect(checkCopies(sound)).toEqual({ faults: [], counts: new Map(), inputs: 5, outputs: 5 });
    expect(kindsOf(checkCopies({ inputs, outputs: inputs, offsets: { 'in-0': 9, 'in-1': 2 } }))).toEqual([]);
    expect(kindsOf(checkCopies({ ...sound, outputs: outputs.filter(({ key }) => key !== null), offsets: { 'in-0': 4, 'in-1': 1 }, isDrained: false }))).toEqual([]);
  });

  test.each<[string, PipelineFaultKind[], Partial<Copying>]>([
    ['lost', ['not-drained', 'lost'], { outputs: outputs.slice(0, 4), offsets: { 'in-0': 4, 'in-1': 1 } }],
    ['lost, offsets and all', ['offsets-ahead'], { outputs: outputs.slice(1) }],
    ['lost and not drained', ['offsets-ahead'], { outputs: outputs.slice(1), isDrained: false }],
    ['twice', ['twice'], { outputs: [...outputs, record('out-1', 9, 'a', '1!')] }],
    ['a stranger', ['stranger'], { outputs: [...outputs, record('out-1', 9, 'a', '9!')] }],
    ['a value under another key', ['stranger', 'offsets-ahead'], { outputs: outputs.map(each => (each.value === '1!' ? { ...each, key: 'b' } : each)) }],
    ['two of a key in the wrong order', ['order'], { outputs: [outputs[2]!, outputs[1]!, outputs[0]!, outputs[3]!, outputs[4]!] }],
    ['put out, not committed', ['not-drained', 'offsets-behind'], { offsets: { 'in-0': 4, 'in-1': 1 } }],
    ['put out, not committed, not drained', ['offsets-behind'], { offsets: { 'in-0': 4 }, isDrained: false, outputs: outputs.filter(({ key }) => key !== null) }],
    ['nothing committed', ['not-drained', 'lost'], { offsets: {}, outputs: [] }],
  ])('%s', (_, kinds, planted) => {
    expect(kindsOf(checkCopies({ ...sound, ...planted }))).toEqual(kinds);
  });

  test('are told with their places', () => {
    expect(checkCopies({ ...sound, outputs: [...outputs, record('out-1', 9, 'a', '1!')] }).faults).toEqual([{
      kind: 'twice', detail: 'the output a = 1! of in-0@0 stands at out-0@0 and again at out-1@9',
    }]);
  });

  test('of which nothing tells whose they are, are refused', () => {
    expect(() => checkCopies({ ...sound, transform: () => [{ key: 'k', value: 'same' }] })).toThrow('in-0@0 and in-0@2 both become k = same');
  });

  test('several of one input are all wanted, and some inputs have none', () => {
    const split: Copying = {
      inputs: [record('in-0', 0, 'a', 'x y'), record('in-0', 1, 'a', '')], outputs: [record('out-0', 0, 'a', 'x'), record('out-0', 1, 'a', 'y')],
      transform: ({ key, value }) => value.split(' ').filter(part => part !== '').map(part => ({ key, value: part })), offsets: { 'in-0': 2 },
    };
    expect(kindsOf(checkCopies(split))).toEqual([]);
    expect(kindsOf(checkCopies({ ...split, outputs: [record('out-0', 0, 'a', 'x')] }))).toEqual(['offsets-ahead']);
  });

  test('of 20,000 inputs: each single fault is found', () => {
    const random = new SimRandom(3);
    const many = Array.from({ length: 20_000 }, (_, i) => record(`in-${i % 4}`, Math.floor(i / 4), `k${random.int(100)}`, `v${i}`));
    const out = many.map((each, i) => ({ ...each, partition: `out-${Number(each.key!.slice(1)) % 3}`, offset: i }));
    const offsets = { 'in-0': 5000, 'in-1': 5000, 'in-2': 5000, 'in-3': 5000 };
    const check = (outputs: StoredRecord[]): PipelineResult => checkCopies({ inputs: many, outputs, offsets });
    const place = random.int(out.length);
    expect(kindsOf(check(out))).toEqual([]);
    expect([...check(out.toSpliced(place, 1)).counts]).toEqual([['offsets-ahead', 1]]);
    expect([...check([...out, out[place]!]).counts]).toEqual([['twice', 1]]);
    expect(kindsOf(check(out.toReversed()))).toEqual(['order']);
  });
});

describe('word counts', () => {
  const inputs = [{ value: 'to be or' }, { value: 'Not to be.' }, { value: ' ' }];
  const counts = (...told: [string, number][]): StoredRecord[] => told.map(([word, count], offset) => record('counts-0', offset, word, String(count)));
  const all = counts(['to', 1], ['be', 1], ['or', 1], ['not', 1], ['to', 2], ['be', 2]);

  test('that are exact have no fault, with a cache or without', () => {
    expect(checkWordCount({ inputs, outputs: all, isEveryUpdateWritten: true })).toEqual({ faults: [], counts: new Map(), inputs: 3, outputs: 6 });
    expect(kindsOf(checkWordCount({ inputs, outputs: counts(['be', 2], ['to', 2], ['or', 1], ['not', 1]) }))).toEqual([]);
  });

  test.each<[string, PipelineFaultKind[], StoredRecord[]]>([
    ['a word counted too often', ['wrong-count'], [...all, ...counts(['be', 3])]],
    ['a word not counted to the end', ['wrong-count'], all.slice(0, 5)],
    ['a word without a count', ['lost'], all.filter(({ key }) => key !== 'or')],
    ['a word that never came', ['stranger'], [...all, ...counts(['question', 1])]],
    ['an update twice', ['count-moved-back'], [...all, ...counts(['be', 2])]],
    ['a count from a state that was lost', ['count-moved-back'], counts(['to', 1], ['be', 2], ['be', 1], ['be', 2], ['or', 1], ['not', 1], ['to', 2])],
    ['no number', ['count-moved-back', 'wrong-count'], [...all, record('counts-0', 9, 'be', 'x')]],
  ])('%s', (_, kinds, outputs) => {
    expect(kindsOf(checkWordCount({ inputs, outputs }))).toEqual(kinds);
  });

  test('an update left out, where all are written', () => {
    expect(checkWordCount({ inputs, outputs: all.toSpliced(1, 1), isEveryUpdateWritten: true }).faults).toEqual([{ kind: 'count-skipped', detail: 'counts-0@5 counts be 2 times at first' }]);
  });
});

describe('windowed joins', () => {
  const left = [record('l-0', 0, 'a', 'l1', 1000), record('l-0', 1, 'a', 'l2', 2000), record('l-1', 0, 'b', 'l3', 1000), record('l-1', 1, null, 'l4', 1000)];
  const right = [record('r-0', 0, 'a', 'r1', 1500), record('r-0', 1, 'a', 'r2', 501), record('r-1', 0, 'b', 'r3', 1501), record('r-1', 1, null, 'r4', 1000)];
  const outputs = [record('o-0', 0, 'a', 'l1+r1'), record('o-0', 1, 'a', 'l2+r1'), record('o-0', 2, 'a', 'l1+r2')];
  const check = (its: StoredRecord[]): PipelineResult => checkWindowedJoin({ left, right, outputs: its, timeDifferenceMs: 500, join: (l, r) => `${l}+${r}` });

  test('that are right have no fault: to the millisecond, and what has no key joins nothing', () => {
    expect(check(outputs)).toEqual({ faults: [], counts: new Map(), inputs: 8, outputs: 3 });
  });

  test.each<[PipelineFaultKind, StoredRecord[]]>([
    ['lost', outputs.slice(1)],
    ['twice', [...outputs, outputs[0]!]],
    ['stranger', [...outputs, record('o-0', 3, 'b', 'l3+r3')]],
  ])('%s', (kind, planted) => {
    expect([...check(planted).counts]).toEqual([[kind, 1]]);
  });

  test('equal outputs of several pairs are counted', () => {
    const same = [record('l-0', 0, 'a', 'x', 0), record('l-0', 1, 'a', 'x', 0)];
    const joined = (count: number): PipelineResult => checkWindowedJoin({
      left: same, right: [record('r-0', 0, 'a', 'y', 0)], outputs: Array.from({ length: count }, (_, i) => record('o-0', i, 'a', 'xy')), timeDifferenceMs: 0,
      join: (l, r) => l + r,
    });
    expect([1, 2, 3].map(count => kindsOf(joined(count)))).toEqual([['lost'], [], ['twice']]);
  });

  test('a record without a timestamp is refused', () => {
    expect(() => checkWindowedJoin({ left: [record('l-0', 0, 'a', 'x')], right, outputs, timeDifferenceMs: 1, join: l => l })).toThrow('l-0@0 has no timestamp');
  });
});
