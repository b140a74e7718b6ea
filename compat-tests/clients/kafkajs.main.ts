// The kafkajs client program (see driver.ts for the conversation). kafkajs brings gzip; other codecs are for its users
// to register, which is done here with the packages that Ottla depends on.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import kafkajs, { type CompressionTypes, type Consumer, type Producer } from 'kafkajs';

const { CompressionCodecs, CompressionTypes: Types, Kafka, Partitioners, logLevel } = kafkajs;

// These packages are CommonJS, most without types.
const require = createRequire(import.meta.url);
// Not lz4js: its blocks depend on each other, which Kafka refuses.
const lz4 = require('lz4-napi') as { compressFrameSync(plain: Buffer): Buffer; decompressFrameSync(bytes: Buffer): Buffer };
const snappy = require('snappyjs') as { compress(plain: Uint8Array): Uint8Array; uncompress(bytes: Uint8Array): Uint8Array };
const zstd = require('@bokuweb/zstd-wasm') as {
  init(): Promise<void>; compress(plain: Uint8Array): Uint8Array; decompress(bytes: Uint8Array): Uint8Array;
};

const codecs: Record<string, CompressionTypes> = {
  none: Types.None, gzip: Types.GZIP, snappy: Types.Snappy, lz4: Types.LZ4, zstd: Types.ZSTD,
};

/** The stream format of snappy-java, which Kafka's own clients write: a header, then blocks with their length. */
const XERIAL_HEADER = Buffer.from('82534e41505059000000000100000001', 'hex');
const XERIAL_BLOCK_BYTES = 32 * 1024;

function compressXerial(plain: Buffer): Buffer {
  const parts: Buffer[] = [XERIAL_HEADER];
  for (let at = 0; at < plain.length; at += XERIAL_BLOCK_BYTES) {
    const block = Buffer.from(snappy.compress(plain.subarray(at, at + XERIAL_BLOCK_BYTES)));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

function decompressXerial(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = XERIAL_HEADER.length; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    parts.push(Buffer.from(snappy.uncompress(bytes.subarray(at + 4, at + 4 + length))));
    at += 4 + length;
  }
  return Buffer.concat(parts);
}

interface Encoder { buffer: Buffer }

function register(type: number, compress: (plain: Buffer) => Uint8Array, decompress: (bytes: Buffer) => Uint8Array): void {
  const registry = CompressionCodecs as Record<number, () => object>;
  registry[type] = () => ({
    compress: (encoder: Encoder) => Promise.resolve(Buffer.from(compress(encoder.buffer))),
    decompress: (bytes: Buffer) => Promise.resolve(Buffer.from(decompress(bytes))),
  });
}

register(Types.Snappy, compressXerial, decompressXerial);
register(Types.LZ4, plain => lz4.compressFrameSync(plain), bytes => lz4.decompressFrameSync(bytes));
register(Types.ZSTD, plain => zstd.compress(plain), bytes => zstd.decompress(bytes));

const kafka = new Kafka({
  clientId: 'compat-kafkajs', brokers: [process.argv[2]!], logLevel: logLevel.ERROR,
  retry: { retries: 50, initialRetryTime: 50, maxRetryTime: 500 },
});

const MESSAGES_PER_SEND = 5_000;
const producers = new Map<string, Promise<Producer>>();
const members = new Map<string, Consumer>();

interface Request {
  id: number;
  op: string;
  topic: string;
  partitions: number;
  codec: string;
  file: string;
  member: string;
  group: string;
  commits: boolean;
  mode?: string;
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

// Without idempotence a retry sends again what the same broker had taken already.
async function connectProducer(): Promise<Producer> {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  return producer;
}

async function createTopic({ topic, partitions }: Request): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    // Apache answers before the leaders serve, and kafkajs takes their absence for a failure.
    const waitForLeaders = process.env['BROKER'] !== 'apache';
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }], waitForLeaders });
  } finally {
    await admin.disconnect();
  }
}

async function produce({ topic, codec, file }: Request): Promise<void> {
  let connecting = producers.get(topic);
  if (connecting === undefined) {
    connecting = connectProducer();
    producers.set(topic, connecting);
  }
  const producer = await connecting;
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  for (let at = 0; at < lines.length; at += MESSAGES_PER_SEND) {
    const messages = lines.slice(at, at + MESSAGES_PER_SEND).map(line => {
      const tab = line.indexOf('\t');
      return { key: line.slice(0, tab), value: line.slice(tab + 1) };
    });
    await producer.send({ topic, acks: -1, compression: codecs[codec]!, messages });
  }
}

async function join({ member, group, topic, commits, mode }: Request): Promise<void> {
  const consumer = kafka.consumer({ groupId: group, heartbeatInterval: 300, sessionTimeout: 10_000, maxWaitTimeInMs: 100 });
  members.set(member, consumer);
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) say({ member, failed: payload.error.message });
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      const lines = batch.messages.map(message => `${batch.partition}\t${message.offset}\t${message.key!.toString()}\t${message.value!.toString()}`);
      if (lines.length === 0) return;
      say({ member, records: lines.join('\n') });
      if (!commits) return;
      const committing = consumer.commitOffsets([{ topic, partition: batch.partition, offset: String(BigInt(batch.lastOffset()) + 1n) }]);
      await (mode === undefined ? committing : committing.catch(() => undefined));
    },
  });
}

async function leave({ member }: Request): Promise<void> {
  await members.get(member)?.disconnect();
  members.delete(member);
}

const operations: Record<string, (request: Request) => Promise<void>> = { createTopic, produce, join, leave };

await zstd.init();
const input = createInterface({ input: process.stdin });
input.on('line', line => {
  const request = JSON.parse(line) as Request;
  operations[request.op]!(request).then(
    () => say({ id: request.id }),
    (error: Error) => say({ id: request.id, error: error.message }),
  );
});
input.once('close', () => process.exit(0));
