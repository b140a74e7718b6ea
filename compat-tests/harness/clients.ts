// Clients whose every step is recorded: kafkajs writers and group readers, and a reader of our own that chose its partitions.

import kafkajs, { type Consumer, type Kafka as KafkaClient, type Producer } from 'kafkajs';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { fetchApi } from '../../src/protocol/generated/fetch.js';
import { batchesIn, recordsIn } from '../../src/protocol/records/batch-iterator.js';
import type { MicroOperation } from '../../src/testing/history/history.js';
import type { HistoryRecorder } from '../../src/testing/history/recorder.js';
import type { RawClient } from '../../src/testing/raw-client.js';
import type { SeededRandom } from '../support/random.js';
import { withClient } from '../support/with-client.js';

const { Kafka, Partitioners, logLevel } = kafkajs;

export interface Topic {
  readonly name: string;
  readonly partitions: number;
}

/** A client that runs until it is stopped. */
export interface RecordedClient {
  /** Operations that went well. */
  readonly done: number;
  stop(): Promise<void>;
}

const keyOf = (topic: string, partition: number): string => `${topic}-${partition}`;
const MOST_RECORDS_A_SEND = 5;
const FETCH_BYTES = 1024 * 1024;
/** Of the last version that names topics instead of ids. */
const FETCH_VERSION = 12;

/** Quick to try again: a soak has many faults, and each is short. */
export function kafkaClient(clientId: string, bootstrap: string): KafkaClient {
  return new Kafka({
    clientId, brokers: [bootstrap], logLevel: logLevel.NOTHING, connectionTimeout: 1000, requestTimeout: 3000,
    retry: { retries: 100, initialRetryTime: 20, maxRetryTime: 200 },
  });
}

/** Values that no other send of the run has. */
export class UniqueValues {
  private last = 0;

  next(): number {
    return ++this.last;
  }
}

/** An idempotent kafkajs producer with acks=all. */
export class KafkajsWriter implements RecordedClient {
  done = 0;
  private readonly process: number;
  private readonly producer: Producer;
  private isStopped = false;
  private readonly running: Promise<void>;

  constructor(kafka: KafkaClient, private readonly topic: Topic, private readonly history: HistoryRecorder, private readonly values: UniqueValues, private readonly random: SeededRandom) {
    this.process = history.newProcess();
    this.producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: Partitioners.DefaultPartitioner });
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
    await this.producer.disconnect();
  }

  private async run(): Promise<void> {
    await this.producer.connect();
    while (!this.isStopped) {
      const partition = this.random.below(this.topic.partitions);
      const values = Array.from({ length: 1 + this.random.below(MOST_RECORDS_A_SEND) }, () => this.values.next());
      const sends = (baseOffset: number | null): MicroOperation[] => values.map((value, i) =>
        ({ kind: 'send', key: keyOf(this.topic.name, partition), offset: baseOffset === null ? null : baseOffset + i, value }));
      const isDone = await this.history.data(this.process, sends(null), async () => {
        const [metadata] = await this.producer.send({ topic: this.topic.name, acks: -1, messages: values.map(value => ({ partition, value: String(value) })) });
        return sends(Number(metadata!.baseOffset));
      // Whatever went wrong, the broker may have taken it.
      }, () => false);
      if (isDone) this.done++;
    }
  }
}

/** A kafkajs consumer in a group. */
export class KafkajsReader implements RecordedClient {
  done = 0;
  private readonly process: number;
  private readonly consumer: Consumer;
  private readonly running: Promise<void>;

  constructor(kafka: KafkaClient, groupId: string, private readonly topic: Topic, private readonly history: HistoryRecorder) {
    this.process = history.newProcess();
    this.consumer = kafka.consumer({ groupId, heartbeatInterval: 200, sessionTimeout: 2000, rebalanceTimeout: 2000, maxWaitTimeInMs: 100 });
    this.running = this.run();
  }

  async stop(): Promise<void> {
    await this.running;
    await this.consumer.disconnect();
  }

  private async run(): Promise<void> {
    await this.consumer.connect();
    await this.consumer.subscribe({ topic: this.topic.name, fromBeginning: true });
    this.history.chose(this.process, 'subscribe');
    await this.consumer.run({
      eachBatch: ({ batch }) => {
        const records = batch.messages.map(({ offset, value }) => [Number(offset), Number(value!.toString())] as const);
        if (records.length > 0) {
          this.history.polled(this.process, { [keyOf(batch.topic, batch.partition)]: records });
          this.done++;
        }
        return Promise.resolve();
      },
    });
  }
}

/** Reads every partition from where it stands to its end, over a connection of its own. It chose them itself: it may neither skip nor go back. */
export class AssignedReader {
  private readonly process: number;
  private readonly positions: number[];

  constructor(private readonly port: () => number, private readonly topic: Topic, private readonly history: HistoryRecorder) {
    this.process = history.newProcess();
    this.positions = Array.from({ length: topic.partitions }, () => 0);
    history.chose(this.process, 'assign', Object.fromEntries(this.positions.map((position, partition) => [keyOf(topic.name, partition), position])));
  }

  async readToEnd(): Promise<void> {
    await withClient({ port: this.port() }, async client => {
      for (let partition = 0; partition < this.topic.partitions; partition++) while (await this.poll(client, partition)) { /* on */ }
    });
  }

  /** Whether there may be more. */
  private async poll(client: RawClient, partition: number): Promise<boolean> {
    const response = await client.send(fetchApi, {
      maxWaitMs: 0, minBytes: 0, maxBytes: FETCH_BYTES, sessionEpoch: -1,
      topics: [{ topic: this.topic.name, partitions: [{ partition, fetchOffset: this.positions[partition]!, partitionMaxBytes: FETCH_BYTES }] }],
    }, FETCH_VERSION);
    const { errorCode, records: bytes } = response.responses[0]!.partitions[0]!;
    if (errorCode !== ErrorCode.NONE) throw new Error(`partition ${partition}: the fetch from ${this.positions[partition]} got ${errorCode}`);
    const records = recordsOf(bytes ?? Buffer.alloc(0)).filter(([offset]) => offset >= this.positions[partition]!);
    if (records.length === 0) return false;
    this.history.polled(this.process, { [keyOf(this.topic.name, partition)]: records });
    this.positions[partition] = records.at(-1)![0] + 1;
    return true;
  }
}

function recordsOf(bytes: Uint8Array): (readonly [offset: number, value: number])[] {
  return [...batchesIn(bytes)].flatMap(at => [...recordsIn(bytes, at)].map(({ offset, value }) => [offset, Number(Buffer.from(value!).toString())] as const));
}
