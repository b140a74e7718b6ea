import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import { CLIENT, openTestLog, temporaryDirectory } from '../../src/log/test-support.js';
import { layOutBatchHeader, parseOffsetIndex, parseTimeIndex } from './readers.js';

/** What a log writes, read by strangers: the rules of its index entries, held against the batches that they point at. */

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => { directory = temporaryDirectory(); });
afterEach(() => directory.remove());

const INDEX_INTERVAL_BYTES = 500;
const NOW = 1_700_000_000_000;

interface Batch {
  position: number;
  size: number;
  lastOffset: number;
  maxTimestamp: number;
}

function batchesOf(segment: Buffer): Batch[] {
  const batches: Batch[] = [];
  for (let position = 0; position < segment.length;) {
    const { baseOffset, length, lastOffsetDelta, maxTimestamp, magic } = layOutBatchHeader(segment.subarray(position, position + 61));
    expect(magic).toBe(2);
    batches.push({ position, size: length + 12, lastOffset: baseOffset + lastOffsetDelta, maxTimestamp });
    position += length + 12;
  }
  return batches;
}

const increases = (values: readonly number[]): boolean => values.every((value, index) => index === 0 || value > values[index - 1]!);

test("index entries say where batches are, in Kafka's sizes and order", async () => {
  const appends = fc.array(fc.record({ records: fc.integer({ min: 1, max: 4 }), valueBytes: fc.nat(300), laterMs: fc.integer({ min: -50, max: 200 }) }), { minLength: 60, maxLength: 90 });
  let run = 0;
  await fc.assert(fc.asyncProperty(appends, async batches => {
    const path = join(directory.path, `events-${run++}`);
    const log = await openTestLog(path, { settings: { segmentBytes: 8000, indexIntervalBytes: INDEX_INTERVAL_BYTES, timestampAfterMaxMs: 1e12 } });
    let timestampMs = NOW;
    for (const { records, valueBytes, laterMs } of batches) {
      timestampMs += laterMs;
      log.appendAsLeader(buildBatch({}, Array.from({ length: records }, () => ({ timestampMs, key: null, value: new Uint8Array(valueBytes) }))), CLIENT);
    }
    await log.close();
    const segments = readdirSync(path).filter(name => name.endsWith('.log'));
    expect(segments.length).toBeGreaterThan(1);
    for (const name of segments) {
      const base = Number(name.slice(0, -'.log'.length));
      const file = (suffix: string) => readFileSync(join(path, name.replace(/log$/, suffix)));
      const held = batchesOf(file('log'));
      expectIndex(parseOffsetIndex(file('index')).map(({ relativeOffset, position }) => ({ offset: base + relativeOffset, position })), held);
      expectTimeIndex(parseTimeIndex(file('timeindex')).map(({ timestamp, relativeOffset }) => ({ timestamp, offset: base + relativeOffset })), held);
    }
  }), { numRuns: 15 });
});

function expectIndex(entries: { offset: number; position: number }[], batches: readonly Batch[]): void {
  expect(increases(entries.map(entry => entry.offset)) && increases(entries.map(entry => entry.position))).toBe(true);
  // One entry as soon as more than the interval was written since the last; never for the first batch.
  const expected: { offset: number; position: number }[] = [];
  let sinceLast = 0;
  for (const { position, size, lastOffset } of batches) {
    if (sinceLast > INDEX_INTERVAL_BYTES) {
      expected.push({ offset: lastOffset, position });
      sinceLast = 0;
    }
    sinceLast += size;
  }
  expect(entries).toEqual(expected);
}

function expectTimeIndex(entries: { timestamp: number; offset: number }[], batches: readonly Batch[]): void {
  expect(increases(entries.map(entry => entry.timestamp))).toBe(true);
  for (const { timestamp, offset } of entries) {
    const upTo = batches.filter(batch => batch.lastOffset <= offset);
    expect(upTo.at(-1)).toMatchObject({ lastOffset: offset, maxTimestamp: timestamp });
    expect(Math.max(...upTo.map(batch => batch.maxTimestamp))).toBe(timestamp);
  }
  // The last entry of a closed segment is its largest timestamp, which searches by time rely on.
  expect(entries.at(-1)?.timestamp).toBe(Math.max(...batches.map(batch => batch.maxTimestamp)));
}
