// Transactions of both protocols that are committed, aborted, and left open for the next broker to go on with.

import { createHash } from 'node:crypto';
import { addOffsetsToTxnApi } from '../../src/protocol/generated/add-offsets-to-txn.js';
import { addPartitionsToTxnApi } from '../../src/protocol/generated/add-partitions-to-txn.js';
import { endTxnApi } from '../../src/protocol/generated/end-txn.js';
import { initProducerIdApi } from '../../src/protocol/generated/init-producer-id.js';
import { produceApi } from '../../src/protocol/generated/produce.js';
import { txnOffsetCommitApi } from '../../src/protocol/generated/txn-offset-commit.js';
import { buildBatch } from '../../src/protocol/records/batch-builder.js';
import * as batch from '../../src/protocol/records/batch.js';
import { batchesIn } from '../../src/protocol/records/batch-iterator.js';
import { until } from '../support/until.js';
import { LATEST, same, TIMEOUT_MS, type Client } from './client.js';
import { committedOffset } from './cluster-strands.js';
import { someRecords } from './record-strands.js';
import type { Strand, Turn } from './strand.js';

/** Longer than any run: nobody but we ends a transaction. */
const TRANSACTION_TIMEOUT_MS = 900_000;
const TOPIC = 'transacted';
const GROUP = 'transacting';

/** What clients of a time speak: before KIP-890, and since. */
interface Generation {
  readonly name: string;
  readonly produce: number;
  readonly end: number;
  readonly commitOffsets: number;
  /** Partitions are told to the coordinator before anything is written to them. */
  readonly announces: boolean;
}

const GENERATIONS: readonly Generation[] = [
  { name: 'classic', produce: 11, end: 4, commitOffsets: 4, announces: true },
  { name: 'with an epoch each', produce: 12, end: 5, commitOffsets: 5, announces: false },
];

interface Producer {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

interface Open extends Producer {
  readonly generation: Generation;
  readonly firstOffset: number;
  /** Committed for the group in this transaction. */
  readonly offset: number;
}

const codeOf = ({ errorCode }: { readonly errorCode: number }): number => errorCode;

export class Transactions implements Strand {
  readonly name = 'transactions';
  private readonly aborted: { producerId: number; firstOffset: number }[] = [];
  private open: Open[] = [];
  private isThere = false;
  private digest = '';
  private committed = -1;

  async check(client: Client): Promise<void> {
    if (!this.isThere) return;
    const end = await client.offset(TOPIC, 0, LATEST);
    const { batches, aborted } = await client.readAll(TOPIC, 0, 1);
    same('the aborted transactions', aborted, this.aborted);
    const last = [...batchesIn(batches)].at(-1)!;
    same('the last stable offset', batch.nextOffset(batches, last), this.open[0]?.firstOffset ?? end);
    const all = await client.readAll(TOPIC, 0);
    const digest = createHash('sha256').update(all.batches).digest('hex');
    if (this.digest !== '') same('the bytes', digest, this.digest);
    this.digest = digest;
    const { offset } = await committedOffset(client, GROUP, TOPIC, 0);
    same('the offset that transactions have committed', offset, this.committed);
  }

  async write(client: Client, { number, random }: Turn): Promise<void> {
    if (!this.isThere) {
      await client.createTopic(TOPIC);
      await client.findCoordinator('committing', 1);
      await client.findCoordinator(GROUP, 0);
    }
    this.isThere = true;
    this.digest = '';
    for (const open of this.open) await this.end(client, open, random.below(2) === 0);
    this.open = [];
    for (const generation of GENERATIONS) {
      await this.end(client, await this.begin(client, `committing ${generation.name}`, generation, random), true);
      await this.end(client, await this.begin(client, `aborting ${generation.name}`, generation, random), false);
    }
    // Last: behind them nothing is stable, and so nothing known to be aborted.
    for (const generation of GENERATIONS) this.open.push(await this.begin(client, `open ${generation.name} ${number}`, generation, random));
  }

  /** Whoever had the id before in an open transaction is fenced by the way; nobody has here. */
  private async begin(client: Client, transactionalId: string, generation: Generation, random: Turn['random']): Promise<Open> {
    const { producerId: id, producerEpoch } = await client.settled('a transactional producer', () =>
      client.raw.send(initProducerIdApi, { transactionalId, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS }), codeOf);
    const producer = { transactionalId, producerId: Number(id), producerEpoch };
    if (generation.announces) await this.announce(client, producer);
    const records = buildBatch({ producerId: producer.producerId, producerEpoch, baseSequence: 0, isTransactional: true }, someRecords(random, 4, Date.now()));
    const written = await client.settled('a record in a transaction', async () => (await client.raw.send(produceApi, {
      transactionalId, acks: -1, timeoutMs: TIMEOUT_MS, topicData: [{ name: TOPIC, partitionData: [{ index: 0, records }] }],
    }, generation.produce)).responses[0]!.partitionResponses[0]!, codeOf);
    const firstOffset = Number(written.baseOffset);
    await client.settled('an offset in a transaction', async () => (await client.raw.send(txnOffsetCommitApi, {
      ...producer, groupId: GROUP, topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, committedOffset: firstOffset, committedMetadata: '' }] }],
    }, generation.commitOffsets)).topics[0]!.partitions[0]!, codeOf);
    return { ...producer, generation, firstOffset, offset: firstOffset };
  }

  private async announce(client: Client, { transactionalId, producerId, producerEpoch }: Producer): Promise<void> {
    await client.settled('a partition in a transaction', async () => {
      const { resultsByTopicV3AndBelow: [topic] } = await client.raw.send(addPartitionsToTxnApi, {
        v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerId: producerId, v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: [{ name: TOPIC, partitions: [0] }],
      }, 3);
      return { errorCode: topic!.resultsByPartition[0]!.partitionErrorCode };
    }, codeOf);
    await client.settled('offsets in a transaction', () => client.raw.send(addOffsetsToTxnApi, { transactionalId, producerId, producerEpoch, groupId: GROUP }), codeOf);
  }

  private async end(client: Client, { transactionalId, producerId, producerEpoch, generation, firstOffset, offset }: Open, committed: boolean): Promise<void> {
    await client.settled('the end of a transaction', () =>
      client.raw.send(endTxnApi, { transactionalId, producerId, producerEpoch, committed }, generation.end), codeOf);
    if (committed) this.committed = offset;
    else this.aborted.push({ producerId, firstOffset });
    // Apache Kafka writes the markers after its answer: in the topic, and for the group.
    await until('the marker', async () => {
      const { batches } = await client.readAll(TOPIC, 0);
      return [...batchesIn(batches)].some(at =>
        batch.isControl(batches, at) && batch.producerId(batches, at) === producerId && batch.baseOffset(batches, at) > firstOffset);
    }, found => found);
    if (committed) await until('the offset', () => committedOffset(client, GROUP, TOPIC, 0), found => found.offset === offset);
  }
}
