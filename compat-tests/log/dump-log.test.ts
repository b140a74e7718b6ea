import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { CompressionType } from '../../src/protocol/records/batch.js';
import { buildEndTransactionMarker } from '../../src/protocol/records/control-records.js';
import { batchOf, ManualClock, openTestLog, temporaryDirectory, testHost } from '../../src/log/test-support.js';
import type { Log } from '../../src/log/partition/log.js';
import { dumpLog, type Dump } from '../support/dump-log.js';
import { describeWithJava } from '../support/java-tests.js';

/** Apache's own `kafka-dump-log` reads every file that our log writes, and finds nothing to say. */


await describeWithJava('kafka-dump-log', () => {
  const root = temporaryDirectory();
  const directory = `${root.path}/events-0`;
  const written = new Map<number, string>();
  let dump: Dump;
  let sanity: Dump;

  beforeAll(async () => {
    await writeLog(directory, written);
    const files = readdirSync(directory).filter(name => /\.(log|index|timeindex|txnindex|snapshot)$/.test(name)).map(name => `${directory}/${name}`);
    dump = await dumpLog(files, '--deep-iteration', '--print-data-log', '--verify-index-only');
    sanity = await dumpLog(files.filter(file => file.endsWith('index')), '--index-sanity-check');
  }, 300_000);
  afterAll(() => root.remove());

  test('finds no mismatch in logs, indexes and snapshots', () => {
    expect([dump.faults, sanity.faults]).toEqual(['', '']);
    expect(dump.stdout).not.toContain('isvalid: false');
  });

  test('reads every record that was written', () => {
    const records = [...dump.stdout.matchAll(/^\| offset: (\d+) .*payload: (.*)$/gm)].map(match => [Number(match[1]), match[2]]);
    expect(records).toEqual([...written]);
  });

  test('passes every index', () => {
    const indexes = readdirSync(directory).filter(name => /\.(index|timeindex)$/.test(name));
    expect(indexes.length).toBeGreaterThan(10);
    const said = sanity.stdout.split('\n').filter(line => /passed sanity check|is empty/.test(line));
    expect(said).toHaveLength(indexes.length);
  });

  test('sees the aborted transaction and the producers', () => {
    expect(dump.stdout).toMatch(/version: 0 producerId: 8 firstOffset: \d+ lastOffset: \d+ lastStableOffset: \d+/);
    expect(dump.stdout).toMatch(/producerId: 7 producerEpoch: 3 coordinatorEpoch: -1 currentTxnFirstOffset: OptionalLong.empty .* firstSequence: \d+ lastSequence: \d+/);
    expect(dump.stdout).toMatch(/endTxnMarker: ABORT coordinatorEpoch: 5/);
  });
});

/** All codecs, an idempotent producer, transactions of both ends, rolled segments, a kill in between and a cut. */
async function writeLog(directory: string, written: Map<number, string>): Promise<void> {
  const clock = new ManualClock();
  const settings = { segmentBytes: 2000, indexIntervalBytes: 500 };
  const open = (clean: boolean): Promise<Log> => openTestLog(directory, { host: testHost({ clock }), settings, clean });
  let log = await open(false);
  let sequence = 0;
  const append = (count: number, options: Parameters<typeof batchOf>[1] = {}): void => {
    const values = Array.from({ length: count }, (_, index) => `record ${log.logEndOffset + index} of ${count}`);
    for (const [index, value] of values.entries()) written.set(log.logEndOffset + index, value);
    log.appendAsLeader(batchOf(values, { timestampMs: clock.nowMs(), ...options }), { origin: 'client', leaderEpoch: 2 });
    clock.advance(7);
  };
  const idempotent = (count: number): void => {
    append(count, { producerId: 7, producerEpoch: 3, baseSequence: sequence });
    sequence += count;
  };
  const transaction = (producerId: number, committed: boolean): void => {
    append(3, { producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true });
    const marker = buildEndTransactionMarker({ producerId, producerEpoch: 0, timestampMs: clock.nowMs() }, { committed, coordinatorEpoch: 5 });
    log.appendAsLeader(marker, { origin: 'coordinator', leaderEpoch: 2 });
  };

  for (let round = 0; round < 12; round++) {
    for (const compression of Object.values(CompressionType)) append(1 + round, { compression });
    idempotent(round + 1);
    if (round === 4) transaction(8, false);
    if (round === 5) transaction(9, true);
    if (round === 6) {
      // As a process that is killed leaves it: what it acknowledged was written before.
      log.write();
      log.abandon();
      log = await open(false);
    }
    if (round === 8) {
      const end = log.logEndOffset;
      append(5);
      await log.truncateTo(end);
      for (const offset of written.keys()) if (offset >= end) written.delete(offset);
    }
  }
  await log.close();
  log = await open(true);
  append(2);
  await log.close();
}
