// One numbered stream of records, written to one partition through as many deaths of the broker as there are, and the
// account of what the broker owes: every acknowledged record, in order.

import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { initProducerIdApi } from '../../src/protocol/generated/init-producer-id.js';
import { produceApi } from '../../src/protocol/generated/produce.js';
import { batchesIn, recordsIn } from '../../src/protocol/records/batch-iterator.js';
import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import type { RawClient } from '../../src/testing/raw-client.js';
import { Visits } from './visits.js';

export interface StreamOptions {
  topic: string;
  partition: number;
  /** 1 or -1. */
  acks: number;
  /** With sequence numbers a batch that is sent again is not written again. */
  idempotent: boolean;
  /** Batches on their way at once; with sequence numbers 5 unless given, without always 1. */
  inFlight?: number;
}

const RECORDS_PER_BATCH = 10;
const VALUE_BYTES = 100;
/** What Kafka's own clients keep in flight with sequence numbers; without them order asks for one. */
const IDEMPOTENT_IN_FLIGHT = 5;
const RECONNECT_MS = 5;
const PRODUCE_TIMEOUT_MS = 10_000;
/** Of the last version that names topics instead of ids. */
const PRODUCE_VERSION = 12;
/** Later ones are for transactions, the newest not stable yet. */
const INIT_PRODUCER_ID_VERSION = 4;
/** A broker that has just come up may say these for a moment. */
const PASSING: readonly number[] = [
  ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.LEADER_NOT_AVAILABLE, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
];

interface Batch {
  /** Number of the first record. */
  first: number;
  bytes: Buffer;
}

/** Writes records 0, 1, 2, … until it is stopped; keeps unacknowledged batches and sends them again, in order. */
export class StreamWriter {
  /** Records below this number are acknowledged. */
  acknowledged = 0;
  private nextNumber = 0;
  private unacknowledged: Batch[] = [];
  private producerId = -1;
  private readonly visits: Visits;

  constructor(port: () => number, readonly options: StreamOptions) {
    this.visits = new Visits({ port, retryMs: RECONNECT_MS, visit: client => this.write(client), isOwing: () => this.unacknowledged.length > 0 });
  }

  /** Lets what is in flight be acknowledged, then ends. Throws what the broker answered wrongly. */
  async stop(): Promise<void> {
    await this.visits.end();
    this.check();
  }

  /** Ends now; for a test that has failed. */
  async abort(): Promise<void> {
    this.unacknowledged = [];
    await this.visits.stop();
  }

  check(): void {
    this.visits.check();
  }

  /** Until the connection ends, or an answer says to begin again. */
  private async write(client: RawClient): Promise<void> {
    if (this.options.idempotent && this.producerId < 0 && !(await this.initProducerId(client))) return;
    const limit = this.options.idempotent ? this.options.inFlight ?? IDEMPOTENT_IN_FLIGHT : 1;
    const answers: Promise<number | undefined>[] = [];
    const send = (batch: Batch) => answers.push(this.send(client, batch));
    for (const batch of this.unacknowledged.slice(0, limit)) send(batch);
    while (answers.length > 0 || !this.visits.isStopped) {
      while (answers.length < limit && answers.length < this.unacknowledged.length) send(this.unacknowledged[answers.length]!);
      while (answers.length < limit && !this.visits.isStopped) {
        const batch = this.nextBatch();
        this.unacknowledged.push(batch);
        send(batch);
      }
      const errorCode = await answers.shift();
      if (errorCode === undefined || PASSING.includes(errorCode)) {
        // What is in flight is lost, or refused as well: it goes again, from the oldest on, on a connection of its own.
        client.close();
        await Promise.all(answers);
        return;
      }
      if (errorCode !== ErrorCode.NONE && errorCode !== ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
        throw new Error(`partition ${this.options.partition}: record ${this.unacknowledged[0]!.first} was refused with ${errorCode}`);
      }
      const batch = this.unacknowledged.shift()!;
      this.acknowledged = batch.first + RECORDS_PER_BATCH;
    }
  }

  private nextBatch(): Batch {
    const first = this.nextNumber;
    this.nextNumber += RECORDS_PER_BATCH;
    const records = Array.from({ length: RECORDS_PER_BATCH }, (_, index) => {
      const value = Buffer.alloc(VALUE_BYTES, 0x20);
      value.writeInt32BE(first + index);
      return { timestampMs: Date.now(), key: null, value };
    });
    const sequence = this.options.idempotent ? { producerId: this.producerId, producerEpoch: 0, baseSequence: first } : {};
    return { first, bytes: buildBatch(sequence, records) };
  }

  /** The error code, or nothing when the connection ended. */
  private async send(client: RawClient, { bytes }: Batch): Promise<number | undefined> {
    const { topic, partition, acks } = this.options;
    try {
      const response = await client.send(produceApi, {
        acks, timeoutMs: PRODUCE_TIMEOUT_MS, topicData: [{ name: topic, partitionData: [{ index: partition, records: bytes }] }],
      }, PRODUCE_VERSION);
      return response.responses[0]!.partitionResponses[0]!.errorCode;
    } catch {
      return undefined;
    }
  }

  private async initProducerId(client: RawClient): Promise<boolean> {
    try {
      const response = await client.send(initProducerIdApi, { transactionalId: null, transactionTimeoutMs: PRODUCE_TIMEOUT_MS }, INIT_PRODUCER_ID_VERSION);
      if (response.errorCode !== ErrorCode.NONE) return false;
      this.producerId = Number(response.producerId);
      return true;
    } catch {
      return false;
    }
  }
}

/** Reads the stream's partition and says what is missing, moved or, with sequence numbers, written twice. */
export class StreamReader {
  /** The offset after the last record read. */
  offset = 0;
  /** Records below this number were read. */
  seen = 0;

  constructor(private readonly options: StreamOptions) {}

  /** Takes what a fetch from `offset` on returned; throws at the first fault. Returns whether there was anything. */
  take(records: Buffer): boolean {
    const startOffset = this.offset;
    for (const at of batchesIn(records)) {
      for (const { offset, value } of recordsIn(records, at)) {
        if (offset < this.offset) continue;
        const number = Buffer.from(value!.buffer, value!.byteOffset, 4).readInt32BE();
        const fault = this.faultOf(offset, number);
        if (fault !== null) throw new Error(`partition ${this.options.partition}, offset ${offset}: record ${number} ${fault}`);
        this.offset = offset + 1;
        this.seen = Math.max(this.seen, number + 1);
      }
    }
    return this.offset > startOffset;
  }

  private faultOf(offset: number, number: number): string | null {
    if (offset !== this.offset) return `follows offset ${this.offset - 1}`;
    if (number > this.seen) return `follows record ${this.seen - 1}`;
    if (number < this.seen && this.options.idempotent) return 'was written before';
    return null;
  }
}
