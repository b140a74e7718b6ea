import { expect, test } from '@jest/globals';
import { createConnection } from 'node:net';
import { Broker } from '../broker/broker.js';
import { localSettings } from '../config/local-start.js';
import type { DiskFile, OpenOptions } from '../env/index.js';
import { NodeDisk, nodeEnv, NodeNet } from '../env/node/index.js';
import { temporaryDirectory } from '../log/test-support.js';
import { createTopicsApi, listOffsetsApi, metadataApi, produceApi } from '../protocol/generated/index.js';
import { writeRequestHead } from '../protocol/header.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { Writer } from '../protocol/wire/writer.js';
import { RawClient } from './raw-client.js';

const MEBIBYTE = 1 << 20;
const PRODUCERS = 100;
const BATCHES_EACH = 6;
const BATCH_BYTES = 500_000;
const FRAME_BUFFER_BYTES = 512 * 1024;
const LATEST = -1;

const still = new Int32Array(new SharedArrayBuffer(4));

const BYTES_PER_MS = 200_000;

/**
 * A disk that takes 200 MB/s and no more, on the loop and off it: as the real one does when its cache is full, it holds who writes.
 * With `stallMs` every write takes so much longer.
 */
class SlowWrites extends NodeDisk {
  writesOffTheLoop = 0;

  constructor(readonly stallMs = 0) {
    super();
  }

  override open(path: string, options?: OpenOptions): DiskFile {
    const file = super.open(path, options);
    const [writeNow, write] = [file.writeNow.bind(file), file.write.bind(file)];
    file.writeNow = (buffers, position) => {
      const bytes = writeNow(buffers, position);
      Atomics.wait(still, 0, 0, this.stallMs + bytes / BYTES_PER_MS);
      return bytes;
    };
    file.write = async (buffers, position) => {
      this.writesOffTheLoop++;
      const bytes = await write(buffers, position);
      await new Promise(resolve => { setTimeout(resolve, this.stallMs + bytes / BYTES_PER_MS); });
      return bytes;
    };
    return file;
  }
}

/** A disk on which nothing is durable before 30 ms. */
class SlowSyncs extends NodeDisk {
  override open(path: string, options?: OpenOptions): DiskFile {
    const file = super.open(path, options);
    file.sync = () => new Promise(resolve => { setTimeout(resolve, 30); });
    return file;
  }
}

function produceFrame(topicId: string): Buffer {
  const records = buildBatch({}, [{ timestampMs: Date.now(), key: null, value: Buffer.alloc(BATCH_BYTES) }]);
  const writer = new Writer();
  const length = writer.reserveInt32();
  writeRequestHead(writer, produceApi, 13, 1, 'fast');
  produceApi.encodeRequest(writer, { acks: -1, timeoutMs: 60_000, topicData: [{ topicId, partitionData: [{ index: 0, records }] }] }, 13);
  writer.patchInt32(length, writer.byteLength - 4);
  return writer.toBuffer();
}

/** Sends the frame so many times without waiting, resolves once as many answers are there, and calls `look` as they come. */
function sendAll(port: number, frame: Buffer, times: number, look: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1').on('error', reject).on('close', () => reject(new Error('cut off')));
    let received = Buffer.alloc(0);
    let answers = 0;
    socket.on('data', bytes => {
      look();
      received = Buffer.concat([received, bytes]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        received = received.subarray(4 + received.readInt32BE(0));
        answers++;
      }
      if (answers < times) return;
      resolve();
      socket.destroy();
    });
    for (let index = 0; index < times; index++) socket.write(frame);
  });
}

test.each([
  ['a disk that writes slowly', () => new SlowWrites(), {}],
  ['a disk that stalls, and is written off the loop', () => new SlowWrites(40), {}],
  ['a disk that syncs slowly, where every batch waits for it', () => new SlowSyncs(), { 'log.flush.interval.messages': '1' }],
])(`memory stays bounded with ${PRODUCERS} producers faster than %s`, async (_which, diskOf, own) => {
  const disk = diskOf();
  const root = temporaryDirectory();
  const settings = localSettings({ 'listeners': 'PLAINTEXT://127.0.0.1:0', 'queued.max.request.bytes': String(16 * MEBIBYTE), ...own }, `${root.path}/data`);
  const broker = await Broker.start({ settings, env: { ...nodeEnv({ logLevel: 'silent' }), disk } });
  const client = await RawClient.connect(new NodeNet(), broker.port);
  try {
    await client.send(createTopicsApi, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 10_000 });
    const { topics: [topic] } = await client.send(metadataApi, { topics: [{ name: 't' }] });
    const frame = produceFrame(topic!.topicId);
    let mostRequestBytes = 0;
    let mostTailBytes = 0;
    const look = (): void => {
      mostRequestBytes = Math.max(mostRequestBytes, broker.memory.requestBytes);
      mostTailBytes = Math.max(mostTailBytes, broker.memory.tailCacheBytes);
    };
    await Promise.all(Array.from({ length: PRODUCERS }, () => sendAll(broker.port, frame, BATCHES_EACH, look)));
    const { topics } = await client.send(listOffsetsApi, { replicaId: -1, topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: LATEST }] }] });
    expect(topics[0]!.partitions[0]!.offset).toBe(PRODUCERS * BATCHES_EACH);
    // 300 MB went through. A connection holds one frame, in a buffer of a power of two, and the next is not read meanwhile.
    expect(mostRequestBytes).toBeGreaterThan(0);
    expect(mostRequestBytes).toBeLessThanOrEqual(PRODUCERS * FRAME_BUFFER_BYTES);
    expect(mostTailBytes).toBeLessThanOrEqual(64 * MEBIBYTE);
    if (disk instanceof SlowWrites && disk.stallMs > 0) expect(disk.writesOffTheLoop).toBeGreaterThan(0);
    expect([broker.memory.requestBytes, broker.memory.unsentReadBytes]).toEqual([0, 0]);
  } finally {
    client.close();
    await broker.close();
    root.remove();
  }
});
