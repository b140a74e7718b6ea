import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { NodeClock, NodeDisk } from '../../src/env/node/index.js';
import type { Clock } from '../../src/env/index.js';
import { SimRandom } from '../../src/env/sim/index.js';
import { runCleanJob } from '../../src/log/compaction/clean-job.js';
import { cleanLog } from '../../src/log/compaction/clean-log.js';
import { planCleaning } from '../../src/log/compaction/cleanable.js';
import { CLEANER, COMPACTED, recordsOf, Workload } from '../../src/log/compaction/test-workload.js';
import type { Log } from '../../src/log/partition/log.js';
import { openTestLog, temporaryDirectory, testHost } from '../../src/log/test-support.js';
import { batchesIn } from '../../src/protocol/records/batch-iterator.js';
import * as batch from '../../src/protocol/records/batch.js';
import { dumpLog } from '../support/dump-log.js';
import { JavaOracle } from '../support/java-oracle.js';
import { describeWithJava } from '../support/java-tests.js';

/** The same directories compacted by Apache's own cleaner and by ours: the same is left, down to the index entries. */

const START_MS = 1_767_225_600_000;

/** The wall clock is what the test says; everything else is real. */
class TestClock implements Clock {
  private readonly real = new NodeClock();
  wallMs = START_MS;

  nowMs(): number {
    return this.wallMs;
  }

  monotonicMs(): number {
    return this.real.monotonicMs();
  }

  after(delayMs: number, task: () => void): () => void {
    return this.real.after(delayMs, task);
  }

  endOfTurn(task: () => void): void {
    this.real.endOfTurn(task);
  }
}

const SETTINGS = {
  'cleanup.policy': 'compact', 'internal.segment.bytes': COMPACTED.segmentBytes, 'index.interval.bytes': COMPACTED.indexIntervalBytes,
  'delete.retention.ms': COMPACTED.deleteRetentionMs,
};

/**
 * Without compression every byte must be the same; with it, the same records make batches of other sizes, and so other indexes,
 * which `kafka-dump-log` judges. The last ones have a map that takes few keys, so that rounds end within a segment.
 */
const SCENARIOS = [1, 2, 3, 4, 5, 6, 7, 8].map(seed => ({ seed, compressed: seed % 2 === 0, mapBytes: seed > 6 ? 24 * 9 : 1 << 20 }));

await describeWithJava('Apache\'s cleaner and ours', () => {
  const root = temporaryDirectory();
  let judge: JavaOracle;
  beforeAll(async () => { judge = await JavaOracle.start('ottla.log.CleanerJudge'); }, 300_000);
  afterAll(async () => {
    await judge.close();
    root.remove();
  });

  describe.each(SCENARIOS)('over a log of seed $seed, compressed: $compressed', ({ seed, compressed, mapBytes }) => {
    const ours = `${root.path}/ottla-${seed}/events-0`;
    const theirs = `${root.path}/apache-${seed}/events-0`;
    const clock = new TestClock();
    const workload = new Workload(new SimRandom(`compare ${seed}`), clock, compressed ? undefined : [batch.CompressionType.none]);
    const open = (): Promise<Log> => openTestLog(ours, { host: testHost({ clock }), settings: COMPACTED, clean: existsSync(ours) });

    // Again after the delete horizon, and once more with new records: markers and tombstones go one after the other.
    const afterHorizonMs = COMPACTED.deleteRetentionMs + 1;
    const rounds: [laterMs: number, more: boolean][] = [[0, true], [0, false], [afterHorizonMs, false], [1000, true], [afterHorizonMs, false]];
    test.each(rounds)('%i ms later, with new records: %s, leave the same', async (laterMs, more) => {
      clock.wallMs += laterMs;
      let log = await open();
      if (more) {
        for (let index = 0; index < 80; index++) workload.append(log);
        workload.endAll(log);
      }
      await log.close();
      cpSync(ours, theirs, { recursive: true });
      const bytesAtStart = contentsOf(ours, compressed);
      const judged = await judge.ask(JSON.stringify({ directory: theirs, nowMs: clock.wallMs, mapBytes, firstDirty: 0, settings: SETTINGS })) as Record<string, number>;

      log = await open();
      log.updateHighWatermark(log.logEndOffset);
      const stats = await cleanLog(log, planCleaning(log, 0, clock.wallMs), {
        host: { disk: new NodeDisk(), clock }, settings: { ...CLEANER, dedupeBufferBytes: mapBytes }, checkpoint: () => undefined,
        runClean: job => runCleanJob({ disk: new NodeDisk(), clock }, job),
      });
      await log.close();
      expect(contentsOf(ours, compressed)).toEqual(contentsOf(theirs, compressed, false));
      const { endOffset, messagesRead, messagesWritten, bytesRead, invalidMessages } = stats;
      expect({ endOffset, messagesRead, messagesWritten, bytesRead, invalidMessages }).toEqual({
        endOffset: judged['endOffset'], messagesRead: judged['messagesRead'], messagesWritten: judged['messagesWritten'], bytesRead: judged['bytesRead'], invalidMessages: judged['invalidMessages'],
      });
      if (more) expect(contentsOf(ours, compressed)).not.toEqual(bytesAtStart);
    }, 60_000);

    test('pass kafka-dump-log', async () => {
      const files = readdirSync(ours).filter(name => /\.(log|index|timeindex|txnindex|snapshot)$/.test(name)).map(name => `${ours}/${name}`);
      const dump = await dumpLog(files, '--deep-iteration', '--print-data-log', '--verify-index-only');
      expect(dump.stdout).not.toContain('isvalid: false');
      expect(dump.faults.replace(GAPS, '')).toBe('');
    }, 60_000);
  });
});

/** What a compacted log has and other logs have not: offsets that are missing. */
const GAPS = /^Non-consecutive offsets in .*\n(?: {2}-?\d+ is followed by \d+\n)+/gm;

/** All that is in a partition's directory, less what compressors may do differently. */
function contentsOf(directory: string, compressed: boolean, isOurs = true): Record<string, unknown> {
  const compared = compressed ? /\.(log|txnindex|snapshot)$/ : /\.(log|index|timeindex|txnindex|snapshot)$/;
  return Object.fromEntries(readdirSync(directory).filter(name => compared.test(name)).map(name => {
    const bytes = readFileSync(`${directory}/${name}`);
    const times = name.endsWith('.timeindex') ? endOfTimes(directory, name, bytes, isOurs) : undefined;
    if (times !== undefined) return [name, times];
    return [name, name.endsWith('.log') ? [...batchesIn(bytes)].map(at => describeBatch(bytes, at)) : bytes.toString('hex')];
  }));
}

/**
 * Apache's time index also names batches that cleaning left without records, which its own kafka-dump-log then takes for a fault;
 * ours does not. Of a segment with such a batch, what counts is how the index ends: with the largest time of a record.
 */
function endOfTimes(directory: string, name: string, times: Buffer, isOurs: boolean): string | undefined {
  const bytes = readFileSync(`${directory}/${name.replace(/timeindex$/, 'log')}`);
  const batches = [...batchesIn(bytes)];
  if (batches.every(at => batch.count(bytes, at) > 0)) return undefined;
  if (isOurs) return times.toString('hex', Math.max(0, times.length - TIME_ENTRY_BYTES));
  const largest = Buffer.alloc(TIME_ENTRY_BYTES);
  let largestMs = -1;
  for (const at of batches) {
    const timestampMs = batch.maxTimestampMs(bytes, at);
    if (batch.count(bytes, at) === 0 || timestampMs <= largestMs) continue;
    largestMs = timestampMs;
    largest.writeBigInt64BE(BigInt(timestampMs));
    largest.writeInt32BE(batch.lastOffset(bytes, at) - Number(name.slice(0, 20)), 8);
  }
  // Without a record there is no time, and no entry.
  return largestMs < 0 ? '' : largest.toString('hex');
}

const TIME_ENTRY_BYTES = 12;

function describeBatch(bytes: Buffer, at: number): unknown {
  if (batch.compressionType(bytes, at) === batch.CompressionType.none) return bytes.toString('hex', at, at + batch.sizeInBytes(bytes, at));
  expect(batch.isValid(bytes, at)).toBe(true);
  // All of the header but length and checksum, which the compressor has a part in.
  return [bytes.toString('hex', at, at + 8), bytes.toString('hex', at + 12, at + 17), bytes.toString('hex', at + 21, at + 61), recordsOf(bytes, at)];
}
