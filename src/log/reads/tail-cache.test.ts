import { expect, test } from '@jest/globals';
import { SimRandom } from '../../env/sim/index.js';
import * as batch from '../../protocol/records/batch.js';
import { ReadBudget } from './read-budget.js';
import { TailCache, type LogTail, type TailRead } from './tail-cache.js';
import { batchOf, plainRecords } from '../test-support.js';

const everything = { maxBytes: Number.MAX_SAFE_INTEGER, minOneBatch: true, limitOffset: Number.MAX_SAFE_INTEGER };

/** A batch of about so many bytes at an offset; its content tells the offset. */
function batchAt(offset: number, bytes: number): Buffer {
  const made = batchOf([`${offset}`.padEnd(Math.max(1, bytes - 70), '.')]);
  batch.setBaseOffset(made, 0, offset);
  return made;
}

const offsetsIn = (read: TailRead | undefined): number[] => plainRecords(Buffer.concat(read?.buffers ?? [])).map(({ offset, value }) => {
  expect(Number.parseInt(value, 10)).toBe(offset);
  return offset;
});

function fill(tail: LogTail, from: number, to: number, bytes: number): void {
  for (let offset = from; offset < to; offset++) tail.append(batchAt(offset, bytes));
}

test('keeps the newest of all logs within the budget', () => {
  const cache = new TailCache(1 << 20, new ReadBudget());
  const [busy, idle] = [cache.newTail(), cache.newTail()];
  fill(idle, 0, 3, 100);
  fill(busy, 0, 3000, 1000);
  expect(cache.sizeBytes).toBeLessThanOrEqual(1 << 20);
  expect(idle.startOffset).toBe(Infinity);
  expect(busy.startOffset).toBeGreaterThan(1500);
  expect(busy.read(busy.startOffset - 1, everything)).toBeUndefined();
  const found = offsetsIn(busy.read(busy.startOffset, everything));
  expect([found[0], found.at(-1), found.length]).toEqual([busy.startOffset, 2999, 3000 - busy.startOffset]);
});

test('an idle log holds little', () => {
  const cache = new TailCache(1 << 20, new ReadBudget());
  fill(cache.newTail(), 0, 1, 100);
  expect(cache.sizeBytes).toBe(4096);
});

test('gives many batches as a few views', () => {
  const tail = new TailCache(8 << 20, new ReadBudget()).newTail();
  fill(tail, 0, 3000, 1000);
  expect(tail.read(1000, { ...everything, maxBytes: 1 << 20 })!.buffers.length).toBeLessThanOrEqual(6);
});

test('a batch may lie across chunks, and larger ones than the budget are not kept', () => {
  const tail = new TailCache(1 << 20, new ReadBudget()).newTail();
  fill(tail, 0, 4, 300_000);
  expect(offsetsIn(tail.read(2, everything))).toEqual([2, 3]);
  tail.append(batchAt(4, 2 << 20));
  expect(tail.startOffset).toBe(Infinity);
  fill(tail, 5, 6, 100);
  expect(offsetsIn(tail.read(5, everything))).toEqual([5]);
});

test('what a reader holds stays as it was, however much is written meanwhile', () => {
  const tail = new TailCache(1 << 20, new ReadBudget()).newTail();
  fill(tail, 0, 900, 1000);
  const read = tail.read(400, everything)!;
  fill(tail, 900, 10_000, 1000);
  expect(offsetsIn(read)).toEqual(Array.from({ length: 500 }, (_, index) => 400 + index));
  read.release();
});

test('memory that all readers are done with is used again', () => {
  const tail = new TailCache(1 << 20, new ReadBudget()).newTail();
  const buffers = new Set<ArrayBufferLike>();
  for (let offset = 0; offset < 20_000; offset++) {
    tail.append(batchAt(offset, 1000));
    const read = tail.read(offset, everything)!;
    for (const view of read.buffers) if (view.buffer.byteLength === 256 << 10) buffers.add(view.buffer);
    read.release();
    read.release();
  }
  expect(buffers.size).toBeLessThan(10);
});

test('reads at random are what was appended, with readers that hold on to what they got', () => {
  const random = new SimRandom('tail cache');
  const cache = new TailCache(600_000, new ReadBudget());
  const tails = [cache.newTail(), cache.newTail()];
  const ends = [0, 0];
  const held: { read: TailRead; offsets: number[] }[] = [];
  for (let step = 0; step < 4000; step++) {
    const which = random.int(2);
    const tail = tails[which]!;
    fill(tail, ends[which]!, ends[which]! + 1, [80, 800, 5000, 100_000][random.int(random.chance(0.1) ? 4 : 3)]!);
    ends[which]!++;
    if (random.chance(0.01)) tail.clear();
    if (tail.startOffset === Infinity) continue;
    const from = tail.startOffset + random.int(ends[which]! - tail.startOffset);
    const limitOffset = from + random.int(40);
    const read = tail.read(from, { maxBytes: random.int(20_000), minOneBatch: random.chance(0.5), limitOffset })!;
    const offsets = offsetsIn(read);
    expect(offsets).toEqual(Array.from({ length: read.nextOffset - from }, (_, index) => from + index));
    expect(read.nextOffset).toBeLessThanOrEqual(Math.max(from, limitOffset));
    held.push({ read, offsets });
    if (held.length > 20) {
      const [{ read: old, offsets: expected }] = held.splice(random.int(held.length), 1) as [(typeof held)[number]];
      expect(offsetsIn(old)).toEqual(expected);
      old.release();
    }
  }
});
