// A transactional producer that writes keyed records to partitions of its own, and the account of what it was answered.

import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import {
  addOffsetsToTxnApi, addPartitionsToTxnApi, endTxnApi, initProducerIdApi, produceApi, txnOffsetCommitApi,
} from '../../src/protocol/generated/index.js';
import type { RawClient } from '../../src/testing/raw-client.js';
import type { SeededRandom } from '../support/random.js';
import { pause } from '../support/until.js';
import { Visits } from './visits.js';

export interface WriterOptions {
  readonly topic: string;
  /** Nobody else writes to them. */
  readonly partitions: readonly number[];
  /** Its transactional id; of its group too. */
  readonly id: string;
  /** The second protocol adds partitions by writing to them (KIP-890). */
  readonly isSecondProtocol: boolean;
}

/** What is owed of one partition. */
export interface Owed {
  /** The offset after the last acknowledged record. */
  end: number;
  /** The offset after the marker of the last transaction whose end was answered. */
  stableEnd: number;
  /** Of each key the number of the last transaction with it whose commit was answered. */
  readonly committed: Map<string, number>;
}

const KEYS = 24;
const VALUE_BYTES = 64;
const MOST_RECORDS = 6;
const RETRY_MS = 3;
const TRANSACTION_TIMEOUT_MS = 600_000;

const PASSING: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR, ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.REQUEST_TIMED_OUT, ErrorCode.KAFKA_STORAGE_ERROR,
]);

/** The connection ended: nobody knows what became of the last request. */
class CutOffError extends Error {}

export class TransactionalWriter {
  readonly visits: Visits;
  readonly owed: ReadonlyMap<number, Owed>;
  /** Numbers of transactions that can never become visible. */
  readonly aborted = new Set<number>();
  /** The last offset whose commit was answered; the offsets are the numbers of transactions. */
  committedOffset = -1;
  /** Transactions whose commit was answered. */
  commits = 0;
  private number = 0;
  private client: RawClient | undefined;
  private producer = { producerId: -1, producerEpoch: -1 };
  private sequences = new Map<number, number>();

  constructor(port: () => number, readonly options: WriterOptions, private readonly random: SeededRandom) {
    this.owed = new Map(options.partitions.map(partition => [partition, { end: 0, stableEnd: 0, committed: new Map<string, number>() }]));
    this.visits = new Visits({ port, retryMs: RETRY_MS, visit: client => this.visit(client) });
  }

  private async visit(client: RawClient): Promise<void> {
    this.client = client;
    try {
      await this.init();
      while (!this.visits.isStopped) await this.transaction();
    } catch (error) {
      if (!(error instanceof CutOffError)) throw error;
    }
  }

  private async init(): Promise<void> {
    const { id, isSecondProtocol } = this.options;
    const answer = await this.ask('InitProducerId', () => this.client!.send(initProducerIdApi, {
      transactionalId: id, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    }, isSecondProtocol ? 5 : 4), ({ errorCode }) => errorCode);
    this.producer = { producerId: Number(answer.producerId), producerEpoch: answer.producerEpoch };
    this.sequences.clear();
  }

  private async transaction(): Promise<void> {
    const { options: { topic, partitions, id, isSecondProtocol }, random, producer } = this;
    const number = ++this.number;
    const commits = !random.chance(4);
    const written = new Map<number, string[]>();
    const ends = new Map<number, number>();
    let asksToCommit = false;
    try {
      for (const partition of partitions) {
        if (!isSecondProtocol) {
          await this.ask('AddPartitionsToTxn', () => this.client!.send(addPartitionsToTxnApi, {
            transactions: [], v3AndBelowTransactionalId: id, v3AndBelowProducerId: producer.producerId, v3AndBelowProducerEpoch: producer.producerEpoch,
            v3AndBelowTopics: [{ name: topic, partitions: [partition] }],
          }, 3), answer => answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode);
        }
        for (let batches = 1 + random.below(2); batches > 0; batches--) {
          const keys = Array.from({ length: 1 + random.below(MOST_RECORDS) }, () => `k${random.below(KEYS)}`);
          const end = await this.produce(partition, keys, number);
          ends.set(partition, end);
          written.set(partition, [...written.get(partition) ?? [], ...keys]);
          this.owed.get(partition)!.end = end;
        }
      }
      await this.commitOffset(number);
      if (random.chance(8)) await pause(random.below(20));
      asksToCommit = commits;
      const answer = await this.ask('EndTxn', () => this.client!.send(endTxnApi, {
        transactionalId: id, ...producer, committed: commits,
      }, isSecondProtocol ? 5 : 3), ({ errorCode }) => errorCode);
      if (isSecondProtocol) {
        this.producer = { producerId: Number(answer.producerId), producerEpoch: answer.producerEpoch };
        this.sequences.clear();
      }
    } catch (error) {
      // What was not asked to commit never will be; what was may be either.
      if (!asksToCommit) this.aborted.add(number);
      throw error;
    }
    if (!commits) this.aborted.add(number);
    for (const [partition, end] of ends) {
      const owed = this.owed.get(partition)!;
      owed.end = owed.stableEnd = end + 1;
      if (commits) for (const key of written.get(partition)!) owed.committed.set(key, number);
    }
    if (!commits) return;
    this.committedOffset = number;
    this.commits++;
  }

  private async commitOffset(number: number): Promise<void> {
    const { options: { topic, partitions, id, isSecondProtocol }, producer } = this;
    if (!isSecondProtocol) {
      await this.ask('AddOffsetsToTxn', () => this.client!.send(addOffsetsToTxnApi, { transactionalId: id, ...producer, groupId: id }, 3), ({ errorCode }) => errorCode);
    }
    await this.ask('TxnOffsetCommit', () => this.client!.send(txnOffsetCommitApi, {
      transactionalId: id, groupId: id, ...producer,
      topics: [{ name: topic, partitions: [{ partitionIndex: partitions[0]!, committedOffset: number, committedMetadata: null }] }],
    }, isSecondProtocol ? 5 : 3), answer => answer.topics[0]!.partitions[0]!.errorCode);
  }

  /** The offset after the last record. */
  private async produce(partition: number, keys: readonly string[], number: number): Promise<number> {
    const { options: { topic, id, isSecondProtocol }, producer, sequences } = this;
    const baseSequence = sequences.get(partition) ?? 0;
    const records = buildBatch({ ...producer, baseSequence, isTransactional: true }, keys.map(key => ({
      timestampMs: Date.now(), key: Buffer.from(key), value: Buffer.from(String(number).padEnd(VALUE_BYTES)),
    })));
    const answer = await this.ask('Produce', () => this.client!.send(produceApi, {
      transactionalId: id, acks: -1, timeoutMs: 10_000, topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    }, isSecondProtocol ? 12 : 11), ({ responses }) => responses[0]!.partitionResponses[0]!.errorCode);
    sequences.set(partition, baseSequence + keys.length);
    return Number(answer.responses[0]!.partitionResponses[0]!.baseOffset) + keys.length;
  }

  private async ask<Answer>(what: string, send: () => Promise<Answer>, codeOf: (answer: Answer) => number): Promise<Answer> {
    for (;;) {
      let answer: Answer;
      try {
        answer = await send();
      } catch {
        throw new CutOffError(what);
      }
      const code = codeOf(answer);
      if (code === ErrorCode.NONE) return answer;
      if (!PASSING.has(code)) throw new Error(`${this.options.id}: ${what} got ${code} in transaction ${this.number}`);
      await pause(RETRY_MS);
    }
  }
}
