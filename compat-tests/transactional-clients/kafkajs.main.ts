// The kafkajs client of the transactional scenario (see driver.ts).

import { createInterface } from 'node:readline';
import kafkajs, { type Producer, type Transaction } from 'kafkajs';
import { pause } from '../support/until.js';
import type { Isolation, Sent } from './driver.js';

const { Kafka, Partitioners, logLevel } = kafkajs;

const RETRY_MS = 50;

const kafka = new Kafka({
  clientId: 'transactional-kafkajs', brokers: [process.argv[2]!], logLevel: logLevel.NOTHING, retry: { retries: 50, initialRetryTime: RETRY_MS, maxRetryTime: 500 },
});

interface Request {
  id: number;
  op: string;
  producer: string;
  transactionalId: string;
  timeoutMs: number;
  topic: string;
  records: Sent[];
  group: string;
  partition: number;
  offset: number;
  partitions: number;
  isolation: Isolation;
  until: string;
}

const producers = new Map<string, Producer>();
const transactions = new Map<string, Transaction>();

async function open({ producer: name, transactionalId, timeoutMs }: Request): Promise<void> {
  const producer = kafka.producer({
    transactionalId, transactionTimeout: timeoutMs, idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  // kafkajs asks for the id with the first transaction; an empty one is not heard of.
  await (await producer.transaction()).abort();
  producers.set(name, producer);
}

async function begin({ producer }: Request): Promise<void> {
  transactions.set(producer, await producers.get(producer)!.transaction());
}

/** Apache Kafka may still be writing the markers of the transaction before, which other clients wait for by themselves. */
async function send(request: Request): Promise<void> {
  const messages = request.records.map(([partition, value]) => ({ partition, value }));
  for (;;) {
    try {
      await transactions.get(request.producer)!.send({ topic: request.topic, acks: -1, messages });
      return;
    } catch (error) {
      if ((error as { type?: string }).type !== 'CONCURRENT_TRANSACTIONS') throw error;
      await pause(RETRY_MS);
    }
  }
}

async function sendOffset({ producer, group, topic, partition, offset }: Request): Promise<void> {
  await transactions.get(producer)!.sendOffsets({ consumerGroupId: group, topics: [{ topic, partitions: [{ partition, offset: String(offset) }] }] });
}

const commit = ({ producer }: Request): Promise<void> => transactions.get(producer)!.commit();
const abort = ({ producer }: Request): Promise<void> => transactions.get(producer)!.abort();
const close = ({ producer }: Request): Promise<void> => producers.get(producer)!.disconnect();

let readers = 0;

async function read({ topic, partitions, isolation, until }: Request): Promise<string[][]> {
  const values = Array.from({ length: partitions }, (): string[] => []);
  const open = new Set(values.keys());
  const consumer = kafka.consumer({ groupId: `readers-${topic}-${++readers}`, maxWaitTimeInMs: 100, readUncommitted: isolation === 'read_uncommitted' });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(payload.error);
    });
    void consumer.run({
      autoCommit: false,
      eachMessage: ({ partition, message }) => {
        const value = String(message.value);
        if (value === until) open.delete(partition);
        else if (open.has(partition)) values[partition]!.push(value);
        if (open.size === 0) resolve();
        return Promise.resolve();
      },
    });
  });
  await consumer.disconnect();
  return values;
}

const operations: Record<string, (request: Request) => Promise<unknown>> = { open, begin, send, sendOffset, commit, abort, close, read };

const say = (message: object): void => { process.stdout.write(`${JSON.stringify(message)}\n`); };

const input = createInterface({ input: process.stdin });
input.on('line', line => {
  const request = JSON.parse(line) as Request;
  operations[request.op]!(request).then(
    result => say({ id: request.id, result }),
    (error: Error & { type?: string }) => say({ id: request.id, error: `${error.type ?? error.name}: ${error.message}` }),
  );
});
input.once('close', () => process.exit(0));
