import { afterEach, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeNet } from '../env/node/index.js';
import { createTopicsApi, fetchApi, metadataApi, produceApi } from '../protocol/generated/index.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../protocol/records/batch-iterator.js';
import * as batch from '../protocol/records/batch.js';
import { RawClient } from './raw-client.js';
import { startBroker } from './start-broker.js';

/** A compacted topic as its users see it. */

const stops: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

interface Seen {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
}

async function readAll(client: RawClient, topicId: string): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (let fetchOffset = 0; ;) {
    const { responses } = await client.send(fetchApi, {
      maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 24, forgottenTopicsData: [], topics: [{ topicId, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }] }],
    });
    const bytes = responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
    if (bytes.length === 0) return seen;
    for (const at of batchesIn(bytes)) {
      for (const { offset, key, value } of recordsIn(bytes, at)) if (offset >= fetchOffset) seen.push({ offset, key: Buffer.from(key!).toString(), value: value && Buffer.from(value).toString() });
      fetchOffset = batch.nextOffset(bytes, at);
    }
  }
}

test.each([['in memory', false], ['on the disk', true]])('of a compacted topic with its data %s consumers see the latest value of every key, under its offset', async (_, onDisk) => {
  const root = mkdtempSync(join(tmpdir(), 'ottla-compaction-'));
  stops.push(() => rmSync(root, { recursive: true }));
  const broker = await startBroker({ ...(onDisk && { data: `${root}/data` }), settings: { 'log.cleaner.backoff.ms': 20 } });
  stops.push(() => broker.close());
  const client = await RawClient.connect(new NodeNet(), broker.port);
  stops.push(() => client.close());
  const configs = Object.entries({ 'cleanup.policy': 'compact', 'segment.bytes': '1048576', 'min.cleanable.dirty.ratio': '0.01' }).map(([name, value]) => ({ name, value }));
  await client.send(createTopicsApi, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs }], timeoutMs: 10_000 });
  const { topics: [topic] } = await client.send(metadataApi, { topics: [{ name: 't' }] });
  const { topicId } = topic!;

  const produced: Seen[] = [];
  const filler = 'x'.repeat(50_000);
  for (let round = 0; round < 40; round++) {
    const records = ['a', 'b', `${round % 3}`].map((key, index) =>
      ({ timestampMs: Date.now(), key: Buffer.from(key), value: round === 5 && key === '2' ? null : Buffer.from(`${round}.${index} ${filler}`) }));
    const batches = buildBatch({}, records);
    const { responses } = await client.send(produceApi, { acks: -1, timeoutMs: 10_000, topicData: [{ topicId, partitionData: [{ index: 0, records: batches }] }] });
    expect(responses[0]!.partitionResponses).toMatchObject([{ errorCode: 0 }]);
    for (const { key, value } of records) produced.push({ offset: produced.length, key: key.toString(), value: value && value.toString() });
  }
  const latest = new Map(produced.map(record => [record.key, record]));
  // The last segment stays as it is, and so do the records that are the latest before it.
  let seen = await readAll(client, topicId);
  while (seen.length > 35) seen = await readAll(client, topicId);
  for (const record of seen) expect(record).toEqual(produced[record.offset]);
  expect(new Map(seen.map(record => [record.key, record]))).toEqual(latest);
  expect(seen.length).toBeLessThan(produced.length);
  // Written when all of a round is done, which what was read may come before.
  const noted = (): boolean => !onDisk || /^0\n1\nt 0 [1-9]\d*\n$/.test(readFileSync(`${root}/data/cleaner-offset-checkpoint`, 'utf8'));
  while (!noted()) await readAll(client, topicId);
  while (broker.metrics().logs.cleaner['cleaner-recopy-percent'] === 0) await readAll(client, topicId);
  const { logs, cleaner } = broker.metrics().logs;
  expect([logs, cleaner['uncleanable-partitions-count'], cleaner['cleaner-recopy-percent'] < 100]).toEqual([1, 0, true]);
}, 60_000);
