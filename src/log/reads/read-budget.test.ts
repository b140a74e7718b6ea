import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { LogRead } from '../types.js';
import { batchOf, CLIENT, openTestLog, plainRecords, temporaryDirectory, testHost } from '../test-support.js';
import { ReadBudget } from './read-budget.js';
import { TailCache } from './tail-cache.js';

const MEBIBYTE = 1 << 20;

describe('a budget', () => {
  test('gives each answer a part of what is left, and a little when nothing is', () => {
    const budget = new ReadBudget(64 * MEBIBYTE);
    expect([budget.share(1000), budget.share(50 * MEBIBYTE)]).toEqual([1000, 8 * MEBIBYTE]);
    budget.hold(32 * MEBIBYTE);
    expect(budget.share(50 * MEBIBYTE)).toBe(4 * MEBIBYTE);
    budget.hold(100 * MEBIBYTE);
    expect([budget.share(50 * MEBIBYTE), budget.isExhausted]).toEqual([64 << 10, false]);
    budget.hold(124 * MEBIBYTE);
    expect(budget.isExhausted).toBe(true);
    budget.free(256 * MEBIBYTE);
    expect([budget.heldBytes, budget.share(50 * MEBIBYTE)]).toEqual([0, 8 * MEBIBYTE]);
  });

  test('serves those who wait in the order in which they came, as long as there is room', () => {
    const budget = new ReadBudget(1000);
    const served: string[] = [];
    const wait = (name: string, bytes: number): (() => void) => budget.whenRoom(() => {
      served.push(name);
      budget.hold(bytes);
      // What ends at once gives others no turn out of order.
      if (name === 'second') budget.free(bytes);
    });
    budget.hold(4000);
    wait('first', 100);
    wait('second', 100);
    const leave = wait('gone', 100);
    wait('third', 400);
    wait('fourth', 100);
    leave();
    budget.free(1);
    expect(served).toEqual(['first']);
    budget.free(200);
    expect(served).toEqual(['first', 'second', 'third']);
    budget.free(4000);
    expect(served).toEqual(['first', 'second', 'third', 'fourth']);
  });
});

describe('what readers hold', () => {
  let root: ReturnType<typeof temporaryDirectory>;
  beforeEach(() => { root = temporaryDirectory(); });
  afterEach(() => root.remove());

  test('of the tail cache counts once the cache has let go of it', () => {
    const budget = new ReadBudget();
    const tail = new TailCache(MEBIBYTE, budget).newTail();
    const everything = { maxBytes: Number.MAX_SAFE_INTEGER, minOneBatch: true, limitOffset: Number.MAX_SAFE_INTEGER };
    const append = (): void => { tail.append(batchOf(['x'.repeat(100_000)])); };
    for (let batch = 0; batch < 9; batch++) append();
    const reads = [tail.read(0, everything)!, tail.read(0, everything)!];
    expect(budget.heldBytes).toBe(0);
    for (let batch = 0; batch < 20; batch++) append();
    expect(budget.heldBytes).toBeGreaterThanOrEqual(900_000);
    expect(budget.heldBytes).toBeLessThan(2 * MEBIBYTE);
    reads[0]!.release();
    expect(budget.heldBytes).toBeGreaterThanOrEqual(900_000);
    reads[1]!.release();
    expect(budget.heldBytes).toBe(0);
  });

  test('of cold reads counts from the read to the release; large ones are pieces that are used again', async () => {
    const host = testHost({ tailCacheBytes: 0 });
    const log = await openTestLog(`${root.path}/log`, { host, settings: { segmentBytes: 2 * MEBIBYTE } });
    for (let batch = 0; batch < 60; batch++) log.appendAsLeader(batchOf([`${batch} ${'x'.repeat(100_000)}`]), CLIENT);
    const memory = new Set<ArrayBufferLike>();
    for (let round = 0; round < 5; round++) {
      const read: LogRead = await log.read(0, { maxBytes: 50 * MEBIBYTE, minOneBatch: true, limitOffset: 60 });
      expect(read.sizeBytes).toBeGreaterThan(6_000_000);
      expect(plainRecords(Buffer.concat(read.buffers)).map(({ value }) => Number.parseInt(value, 10))).toEqual(Array.from({ length: 60 }, (_, index) => index));
      for (const { buffer } of read.buffers) memory.add(buffer);
      expect(host.readBudget.heldBytes).toBeGreaterThan(6_000_000);
      expect(host.readBudget.heldBytes).toBeLessThan(9 * MEBIBYTE);
      read.release();
      read.release();
      expect(host.readBudget.heldBytes).toBe(0);
    }
    expect(memory.size).toBeLessThan(12);
    await log.close();
  });

  test('of a log that is cut meanwhile, or a file that is broken, is given back', async () => {
    const host = testHost({ tailCacheBytes: 0 });
    const log = await openTestLog(`${root.path}/log`, { host });
    for (let batch = 0; batch < 30; batch++) log.appendAsLeader(batchOf([`${batch} ${'x'.repeat(100_000)}`]), CLIENT);
    const reading = log.read(20, { maxBytes: 50 * MEBIBYTE, minOneBatch: true, limitOffset: 30 });
    await log.truncateTo(10);
    await expect(reading).rejects.toThrow('not 20');
    expect(host.readBudget.heldBytes).toBe(0);
    await log.close();
  });
});
