/**
 * Whether a pipeline that consumes, transforms and produces did so exactly once: judged from the records of its topics, as an
 * independent reader at read_committed finds them when all is done, and from the final offsets of its group. It needs no history
 * of what the pipeline's own clients saw, so that any program can be the pipeline.
 */
import { at } from './evidence.js';
import type { Key, Positions } from './history.js';

/** A record as a reader has it. */
export interface StoredRecord {
  /** Such as `topic-0`. */
  readonly partition: Key;
  readonly offset: number;
  /** The record's own key. */
  readonly key: string | null;
  readonly value: string;
  /** Needed for joins. */
  readonly timestampMs?: number;
}

export type Output = Pick<StoredRecord, 'key' | 'value'>;

export type PipelineFaultKind =
  /** An input, or a pair of a join, without one of its outputs. */
  | 'lost'
  /** An output more often than its inputs account for. */
  | 'twice'
  /** An output that no input accounts for. */
  | 'stranger'
  /** Outputs of one key whose inputs stood the other way round. */
  | 'order'
  /** The group has committed past an input that has no output. */
  | 'offsets-ahead'
  /** There is the output of an input at or past what the group has committed. */
  | 'offsets-behind'
  /** The group has not committed all inputs, and was to. */
  | 'not-drained'
  /** The last count of a word is not how often it came. */
  | 'wrong-count'
  /** A count that is not above the one before it. */
  | 'count-moved-back'
  /** Where every update is written: a count that is not one above the one before it. */
  | 'count-skipped';

export interface PipelineFault {
  readonly kind: PipelineFaultKind;
  readonly detail: string;
}

export interface PipelineResult {
  /** None when the pipeline is right. Of each kind the first few. */
  readonly faults: readonly PipelineFault[];
  /** How many of each kind there are in all. */
  readonly counts: ReadonlyMap<PipelineFaultKind, number>;
  readonly inputs: number;
  readonly outputs: number;
}

const MOST_KEPT = 20;

class Faults {
  private readonly faults: PipelineFault[] = [];
  private readonly counts = new Map<PipelineFaultKind, number>();

  result(inputs: number, outputs: number): PipelineResult {
    return { faults: this.faults, counts: this.counts, inputs, outputs };
  }

  add(kind: PipelineFaultKind, detail: () => string): void {
    const count = this.counts.get(kind) ?? 0;
    this.counts.set(kind, count + 1);
    if (count < MOST_KEPT) this.faults.push({ kind, detail: detail() });
  }
}

export interface Copying {
  readonly inputs: Iterable<StoredRecord>;
  /** Those of a partition in the order of their offsets. */
  readonly outputs: Iterable<StoredRecord>;
  /** What an input becomes; no two inputs may become the same, or nothing tells whose an output is. The input itself unless given. */
  readonly transform?: (input: StoredRecord) => readonly Output[];
  /** What the group has committed in the end. */
  readonly offsets: Positions;
  /** The pipeline has come to the end of all inputs. True unless given; else only what is committed must be put out. */
  readonly isDrained?: boolean;
}

/** Each input has exactly its outputs exactly once, in order for each key, and as far as the group has committed. Linear. */
export function checkCopies({ inputs, outputs, transform = input => [input], offsets, isDrained = true }: Copying): PipelineResult {
  const faults = new Faults();
  const expected = new Map<string, Expected>();
  let inputCount = 0;
  for (const input of inputs) {
    inputCount++;
    for (const output of transform(input)) expectOutput(expected, output, input);
    if (isDrained && !(offsets[input.partition]! > input.offset)) {
      faults.add('not-drained', () => `the group has committed ${offsets[input.partition] ?? 'nothing'} in ${input.partition}, where ${placed(input)} stands`);
    }
  }
  const outputCount = seeOutputs(outputs, expected, offsets, faults);
  for (const { input, output, seen } of expected.values()) {
    if (seen !== undefined) continue;
    if (offsets[input.partition]! > input.offset) {
      faults.add('offsets-ahead', () => `the group has committed ${offsets[input.partition]} in ${input.partition}, but ${placed(input)} has no output ${named(output)}`);
    }
    else if (isDrained) faults.add('lost', () => `${placed(input)} has no output ${named(output)}`);
  }
  return faults.result(inputCount, outputCount);
}

interface Expected {
  readonly input: StoredRecord;
  readonly output: Output;
  /** The first that is it. */
  seen: StoredRecord | undefined;
}

function expectOutput(expected: Map<string, Expected>, output: Output, input: StoredRecord): void {
  const name = nameOf(output);
  const other = expected.get(name);
  if (other !== undefined) throw new Error(`${placed(other.input)} and ${placed(input)} both become ${named(output)}: give inputs values that tell them apart`);
  expected.set(name, { input, output, seen: undefined });
}

function seeOutputs(outputs: Iterable<StoredRecord>, expected: ReadonlyMap<string, Expected>, offsets: Positions, faults: Faults): number {
  // By partition of the output, its key, and the partition of the input: what came before.
  const before = new Map<string, Expected>();
  let count = 0;
  for (const record of outputs) {
    count++;
    const its = expected.get(nameOf(record));
    if (its === undefined) {
      faults.add('stranger', () => `${placed(record)} ${named(record)} is the output of no input`);
      continue;
    }
    const { input, seen } = its;
    if (seen !== undefined) {
      faults.add('twice', () => `the output ${named(record)} of ${placed(input)} stands at ${placed(seen)} and again at ${placed(record)}`);
      continue;
    }
    its.seen = record;
    const strand = `${record.partition} ${input.partition} ${record.key === null ? 'n' : `k${record.key}`}`;
    const previous = before.get(strand);
    if (previous !== undefined && previous.input.offset > input.offset) {
      faults.add('order', () => `${placed(record)} comes from ${placed(input)}, and ${placed(previous.seen!)} before it, of the same key, from the later ${placed(previous.input)}`);
    }
    before.set(strand, its);
    if (!(offsets[input.partition]! > input.offset)) {
      faults.add('offsets-behind', () => `${placed(record)} is the output of ${placed(input)}, but the group has committed ${offsets[input.partition] ?? 'nothing'} in ${input.partition}`);
    }
  }
  return count;
}

const placed = ({ partition, offset }: StoredRecord): string => `${partition}@${offset}`;
const named = ({ key, value }: Output): string => `${key} = ${value.length > 60 ? `${value.slice(0, 60)}…` : value}`;
/** Of a key that is null, or has any character in it. */
const nameOf = ({ key, value }: Output): string => (key === null ? `n${value}` : `${key.length} ${key}${value}`);

export interface WordCount {
  readonly inputs: Iterable<Pick<StoredRecord, 'value'>>;
  /** Key: the word; value: its count so far, in decimal. Those of a partition in the order of their offsets. */
  readonly outputs: Iterable<StoredRecord>;
  /** What is counted; unless given, the runs of letters, digits and _, in lower case, as in Kafka's WordCountDemo. */
  readonly wordsOf?: (value: string) => readonly string[];
  /** Without a cache every count is written: 1, 2, 3 and so on. */
  readonly isEveryUpdateWritten?: boolean;
}

const words = (value: string): string[] => value.toLowerCase().split(/\W+/).filter(word => word !== '');

/** The last count of each word is how often it came, and no count ever went back. Linear. */
export function checkWordCount({ inputs, outputs, wordsOf = words, isEveryUpdateWritten = false }: WordCount): PipelineResult {
  const faults = new Faults();
  const expected = new Map<string, number>();
  const told = new Map<string, StoredRecord>();
  let [inputCount, outputCount] = [0, 0];
  for (const { value } of inputs) {
    inputCount++;
    for (const word of wordsOf(value)) expected.set(word, (expected.get(word) ?? 0) + 1);
  }
  for (const record of outputs) {
    outputCount++;
    const previous = told.get(record.key ?? '');
    checkUpdate(record, previous, isEveryUpdateWritten, faults);
    told.set(record.key ?? '', record);
  }
  for (const [word, count] of expected) {
    const last = told.get(word);
    if (last === undefined) faults.add('lost', () => `${word} came ${count} times and was never counted`);
    else if (Number(last.value) !== count) faults.add('wrong-count', () => `${word} came ${count} times, but its last count, at ${placed(last)}, is ${last.value}`);
  }
  for (const [word, last] of told) if (!expected.has(word)) faults.add('stranger', () => `${word} never came, but ${placed(last)} counts it ${last.value} times`);
  return faults.result(inputCount, outputCount);
}

function checkUpdate(record: StoredRecord, previous: StoredRecord | undefined, isEveryUpdateWritten: boolean, faults: Faults): void {
  const [before, now] = [previous === undefined ? 0 : Number(previous.value), Number(record.value)];
  const told = (): string => `${placed(record)} counts ${record.key} ${record.value} times${previous === undefined ? ' at first' : `, after ${previous.value} at ${placed(previous)}`}`;
  if (!(now > before)) faults.add('count-moved-back', told);
  else if (isEveryUpdateWritten && now !== before + 1) faults.add('count-skipped', told);
}

export interface WindowedJoin {
  readonly left: Iterable<StoredRecord>;
  readonly right: Iterable<StoredRecord>;
  readonly outputs: Iterable<StoredRecord>;
  /** A pair is joined when the right one is at most so much older or younger than the left one: JoinWindows.ofTimeDifference. */
  readonly timeDifferenceMs: number;
  /** The value of a pair, whose key is that of both. */
  readonly join: (left: string, right: string) => string;
}

/**
 * Each pair of one key within the window is joined exactly once (an inner join of two streams whose grace is long enough for all
 * that comes late). Takes n log n, and as much again as there are pairs. Equal outputs of several pairs are counted.
 */
export function checkWindowedJoin({ left, right, outputs, timeDifferenceMs, join }: WindowedJoin): PipelineResult {
  const faults = new Faults();
  const expected = new Map<string, { output: Output; pairs: number; seen: number; of: string }>();
  const rights = byKeyAndTime(right);
  let [inputCount, outputCount] = [0, 0];
  for (const its of rights.values()) inputCount += its.length;
  // What has no key joins nothing.
  rights.delete(null);
  for (const record of left) {
    inputCount++;
    for (const other of within(rights.get(record.key) ?? [], timeOf(record) - timeDifferenceMs, timeOf(record) + timeDifferenceMs)) {
      const output = { key: record.key, value: join(record.value, other.value) };
      at(expected, nameOf(output), () => ({ output, pairs: 0, seen: 0, of: `${placed(record)} with ${placed(other)}` })).pairs++;
    }
  }
  for (const record of outputs) {
    outputCount++;
    const its = expected.get(nameOf(record));
    if (its === undefined) faults.add('stranger', () => `${placed(record)} ${named(record)} joins no pair`);
    else if (++its.seen > its.pairs) faults.add('twice', () => `${named(record)}, of ${its.of}, stands at ${placed(record)} for the ${its.seen}. time, not ${its.pairs}`);
  }
  for (const { output, pairs, seen, of } of expected.values()) if (seen < pairs) faults.add('lost', () => `${of} was to be joined to ${named(output)}: ${seen} of ${pairs} are there`);
  return faults.result(inputCount, outputCount);
}

function timeOf(record: StoredRecord): number {
  if (record.timestampMs === undefined) throw new Error(`${placed(record)} has no timestamp: a windowed join is told by them`);
  return record.timestampMs;
}

function byKeyAndTime(records: Iterable<StoredRecord>): Map<string | null, StoredRecord[]> {
  const byKey = new Map<string | null, StoredRecord[]>();
  for (const record of records) at(byKey, record.key, () => []).push(record);
  for (const its of byKey.values()) its.sort((a, b) => timeOf(a) - timeOf(b));
  return byKey;
}

function* within(sorted: readonly StoredRecord[], fromMs: number, toMs: number): Generator<StoredRecord> {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timeOf(sorted[middle]!) < fromMs) low = middle + 1;
    else high = middle;
  }
  for (let i = low; i < sorted.length && timeOf(sorted[i]!) <= toMs; i++) yield sorted[i]!;
}
