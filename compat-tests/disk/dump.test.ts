// The judge can find fault: each kind of file, spoilt, is reported.

import { afterAll, beforeAll, expect } from '@jest/globals';
import kafkajs from 'kafkajs';
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '../../src/base/crc32c.js';
import * as batch from '../../src/protocol/records/batch.js';
import { batchesIn } from '../../src/protocol/records/batch-iterator.js';
import { brokerUnderTest, type BrokerUnderTest } from '../support/brokers.js';
import { withJava } from '../support/java-tests.js';
import { dumpLogs } from './dump.js';

const TOPIC = 'judged';
const PREPARE_TIMEOUT_MS = 120_000;
const java = withJava('the tests of kafka-dump-log itself');

let broker: BrokerUnderTest;
let copies = 0;

/** Enough for several index entries, from a producer with sequence numbers; and a commit. */
async function writeSomething(): Promise<void> {
  const kafka = new kafkajs.Kafka({ brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await admin.connect();
  await producer.connect();
  try {
    await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1 }], waitForLeaders: false });
    for (let round = 0; round < 8; round++) {
      const messages = Array.from({ length: 50 }, (_, index) => ({ key: `k${index}`, value: 'v'.repeat(200), timestamp: String(1_700_000_000_000 + round * 50 + index) }));
      await producer.send({ topic: TOPIC, messages });
    }
    await admin.setOffsets({ groupId: 'judged-group', topic: TOPIC, partitions: [{ partition: 0, offset: '7' }] });
  } finally {
    await producer.disconnect();
    await admin.disconnect();
  }
}

beforeAll(async () => {
  if (!java.isReady) return;
  broker = brokerUnderTest();
  await broker.start();
  await writeSomething();
  await broker.stop();
}, PREPARE_TIMEOUT_MS);

afterAll(async () => {
  await broker?.remove();
});

/** The newest file of a kind, relative to the data directory. */
function find(folder: RegExp, file: RegExp): string {
  const found = readdirSync(broker.dataDir, { recursive: true, encoding: 'utf8' })
    .filter(path => folder.test(path) && file.test(path) && readFileSync(join(broker.dataDir, path)).length > 0);
  if (found.length === 0) throw new Error(`no ${folder} with ${file} in ${broker.dataDir}`);
  return found.sort().at(-1)!;
}

/** Complaints about a copy of the data in which one file was changed. */
async function complaintsAfter(path: string, spoil: (bytes: Buffer) => Buffer | void): Promise<string[]> {
  copies += 1;
  const copy = join(broker.dataDir, '..', `copy-${copies}`);
  cpSync(broker.dataDir, copy, { recursive: true });
  try {
    const bytes = readFileSync(join(copy, path));
    writeFileSync(join(copy, path), spoil(bytes) ?? bytes);
    return (await dumpLogs(copy)).complaints;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Changes the first byte of the last batch's first record's value, or key, and mends the checksum. */
function spoilLastRecord(bytes: Buffer, of: 'key' | 'value'): void {
  const at = [...batchesIn(bytes)].at(-1)!;
  // Length, attributes and deltas of a first record are short; then the key with its length, then the value with its own.
  let position = at + batch.BATCH_OVERHEAD;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[position++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
  };
  varint();
  position += 1;
  varint();
  varint();
  const keyLength = varint();
  if (of === 'value') {
    position += Math.max(keyLength, 0);
    varint();
  }
  bytes[position] = 0x7f;
  bytes[position + 1] = 0x7f;
  const end = at + batch.sizeInBytes(bytes, at);
  bytes.writeUInt32BE(crc32c(bytes.subarray(at + batch.ATTRIBUTES_AT, end)), at + batch.CRC_AT);
}

java.test('what the broker wrote is without fault, and all kinds of files are there', async () => {
  const dump = await dumpLogs(broker.dataDir);
  expect(dump.complaints).toEqual([]);
  expect(dump.records).toBeGreaterThan(400);
  expect(dump.kinds).toEqual(expect.arrayContaining(['log', 'index', 'timeindex', 'producer snapshot', 'offsets', 'metadata', 'metadata checkpoint']));
});

java.test('a changed byte in a batch is reported', async () => {
  const complaints = await complaintsAfter(find(/^judged-0/, /\.log$/), bytes => { bytes[batch.BATCH_OVERHEAD + 100]! ^= 1; });
  expect(complaints.join('\n')).toMatch(/isvalid: false|CorruptRecordException/);
});

java.test('bytes after the last batch are reported', async () => {
  const complaints = await complaintsAfter(find(/^judged-0/, /\.log$/), bytes => Buffer.concat([bytes, Buffer.alloc(7)]));
  expect(complaints.join('\n')).toContain('7 invalid bytes at the end');
});

java.test('an index entry that points to another batch is reported', async () => {
  const complaints = await complaintsAfter(find(/^judged-0/, /\.index$/), bytes => { bytes.writeInt32BE(bytes.readInt32BE(0) + 1, 0); });
  expect(complaints.join('\n')).toContain('Mismatches in');
});

java.test('an index that is not whole fails its sanity check', async () => {
  const complaints = await complaintsAfter(find(/^judged-0/, /\.index$/), bytes => Buffer.concat([bytes, Buffer.alloc(3)]));
  expect(complaints.join('\n')).toContain('CorruptIndexException');
});

java.test('a time that is not that of its batch is reported', async () => {
  const complaints = await complaintsAfter(find(/^judged-0/, /\.timeindex$/), bytes => { bytes.writeBigInt64BE(bytes.readBigInt64BE(0) - 1n, 0); });
  expect(complaints.join('\n')).toContain('Found timestamp mismatch');
});

java.test('a changed producer snapshot is reported', async () => {
  const complaints = await complaintsAfter(find(/^judged-0/, /\.snapshot$/), bytes => { bytes[bytes.length - 1]! ^= 1; });
  expect(complaints.join('\n')).toMatch(/[Ss]napshot.*(corrupt|CRC)/);
});

java.test('a record of the offsets topic that no coordinator writes is reported', async () => {
  const complaints = await complaintsAfter(find(/^__consumer_offsets-/, /\.log$/), bytes => spoilLastRecord(bytes, 'key'));
  expect(complaints.join('\n')).toContain('Unknown record type');
});

java.test('a metadata record that no controller writes is reported', async () => {
  const complaints = await complaintsAfter(find(/^__cluster_metadata-0/, /\.log$/), bytes => spoilLastRecord(bytes, 'value'));
  expect(complaints.join('\n')).toContain('Error at');
});

java.test('a changed byte in a metadata checkpoint is reported', async () => {
  const complaints = await complaintsAfter(find(/./, /\.checkpoint$/), bytes => { bytes[bytes.length - 1]! ^= 1; });
  expect(complaints.join('\n')).toMatch(/isvalid: false|CorruptRecordException/);
});
