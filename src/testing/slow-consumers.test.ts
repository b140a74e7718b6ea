import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { Broker } from '../broker/broker.js';
import { localSettings } from '../config/local-start.js';
import { nodeEnv, NodeNet } from '../env/node/index.js';
import { temporaryDirectory } from '../log/test-support.js';
import { createTopicsApi } from '../protocol/generated/create-topics.js';
import { fetchApi, type FetchRequestInput } from '../protocol/generated/fetch.js';
import { metadataApi } from '../protocol/generated/metadata.js';
import { produceApi } from '../protocol/generated/produce.js';
import { writeRequestHead } from '../protocol/header.js';
import { buildBatch } from '../protocol/records/batch-builder.js';
import { Writer } from '../protocol/wire/writer.js';
import { RawClient } from './raw-client.js';

const MEBIBYTE = 1 << 20;
/** More than the tail cache keeps. */
const BATCHES = 90;
/** SLOW_CONSUMERS=1000 shows what documentation speaks of, in a minute or so. */
const SLOW_CONSUMERS = Number(process.env['SLOW_CONSUMERS'] ?? 60);

function fetchFrom(topicId: string, fetchOffset: number, maxBytes: number): FetchRequestInput {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: maxBytes }];
  return { maxWaitMs: 500, minBytes: 1, maxBytes, forgottenTopicsData: [], topics: [{ topicId, partitions }] };
}

function frameOf(request: FetchRequestInput): Buffer {
  const writer = new Writer();
  const length = writer.reserveInt32();
  writeRequestHead(writer, fetchApi, 17, 1, 'slow');
  fetchApi.encodeRequest(writer, request, 17);
  writer.patchInt32(length, writer.byteLength - 4);
  return writer.toBuffer();
}

test(`memory stays bounded with ${SLOW_CONSUMERS} consumers that ask for 50 MB and do not read, and another one goes on reading`, async () => {
  const root = temporaryDirectory();
  const settings = localSettings({ 'listeners': 'PLAINTEXT://127.0.0.1:0' }, `${root.path}/data`);
  const broker = await Broker.start({ settings, env: nodeEnv({ logLevel: 'silent' }) });
  const client = await RawClient.connect(new NodeNet(), broker.port);
  const sockets: Socket[] = [];
  try {
    await client.send(createTopicsApi, { topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }], timeoutMs: 10_000 });
    const { topics: [topic] } = await client.send(metadataApi, { topics: [{ name: 't' }] });
    const records = buildBatch({}, [{ timestampMs: Date.now(), key: null, value: Buffer.alloc(1_000_000) }]);
    for (let batch = 0; batch < BATCHES; batch++) {
      const { responses } = await client.send(produceApi, { acks: 1, timeoutMs: 10_000, topicData: [{ topicId: topic!.topicId, partitionData: [{ index: 0, records }] }] });
      expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
    }
    for (let index = 0; index < SLOW_CONSUMERS; index++) {
      const socket = createConnection(broker.port, '127.0.0.1').on('error', () => {});
      sockets.push(socket);
      await once(socket, 'connect');
      socket.write(frameOf(fetchFrom(topic!.topicId, index % 20, 50 * MEBIBYTE)));
      // Its first byte has come: the answer is being sent.
      await once(socket, 'readable');
    }
    // 3 GB were asked for. What the tail cache still has is counted there; beyond it, one budget is shared by all, and where many
    // share it, answers of the least size go on up to four times that.
    expect(broker.memory.unsentReadBytes).toBeGreaterThan(0);
    expect(broker.memory.unsentReadBytes).toBeLessThanOrEqual((SLOW_CONSUMERS > 60 ? 4 : 1) * 64 * MEBIBYTE);
    expect(broker.memory.tailCacheBytes).toBeLessThanOrEqual(64 * MEBIBYTE);
    let offset = 0;
    while (offset < BATCHES) {
      const { responses } = await client.send(fetchApi, fetchFrom(topic!.topicId, offset, 2 * MEBIBYTE), 17);
      const read = responses[0]!.partitions[0]!.records!;
      expect(read.length).toBeGreaterThan(0);
      offset += read.length / records.length;
    }
    expect(offset).toBe(BATCHES);
  } finally {
    for (const socket of sockets) socket.destroy();
    client.close();
    await broker.close();
    root.remove();
  }
}, 30_000 + SLOW_CONSUMERS * 100);
