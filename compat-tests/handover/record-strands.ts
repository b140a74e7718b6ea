// Records: of every codec, from producers with sequence numbers, compacted, expiring, deleted.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CompressionType } from '../../src/protocol/records/batch.js';
import { buildBatch, type BatchOptions, type RecordInput } from '../../src/protocol/records/batch-builder.js';
import { deleteRecordsApi } from '../../src/protocol/generated/delete-records.js';
import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { initProducerIdApi } from '../../src/protocol/generated/init-producer-id.js';
import type { SeededRandom } from '../support/random.js';
import { until } from '../support/until.js';
import { EARLIEST, TIMEOUT_MS, type Client } from './client.js';
import { PartitionLedger } from './ledger.js';
import type { Strand, Turn } from './strand.js';

const CODECS = Object.values(CompressionType);
const HOUR_MS = 3_600_000;
/** Small enough that a few batches make an entry. */
const DENSE_INDEX = { 'index.interval.bytes': '100' };

/** Records with and without key, value and headers, compressible and not. */
export function someRecords(random: SeededRandom, count: number, timestampMs: number): RecordInput[] {
  return Array.from({ length: count }, (_, index) => ({
    timestampMs: timestampMs + random.below(1000),
    key: random.chance(4) ? null : Buffer.from(`key ${random.below(50)}`),
    value: random.chance(8) ? null : random.chance(2) ? random.bytes(random.below(300)) : Buffer.from(`value ${index} `.repeat(random.below(40))),
    headers: Array.from({ length: random.below(3) }, (_header, at) => ({ key: `h${at}`, value: random.chance(3) ? null : random.bytes(random.below(10)) })),
  }));
}

export async function write(client: Client, ledger: PartitionLedger, options: BatchOptions, records: readonly RecordInput[]): Promise<void> {
  const { errorCode, baseOffset, logAppendTimeMs } = await client.produce(ledger.topic, ledger.partition, buildBatch(options, records));
  if (errorCode !== ErrorCode.NONE) throw new Error(`${ledger.name} refused a batch with ${errorCode}`);
  ledger.acknowledged(baseOffset, records, logAppendTimeMs);
}

/** All codecs, in several topics: one of the producers' times, one of the broker's, one that the broker compresses anew. */
export class Codecs implements Strand {
  readonly name = 'records of every codec';
  private readonly topics = [
    { name: 'created', configs: { ...DENSE_INDEX, 'segment.ms': '60000' } },
    { name: 'stamped', configs: { ...DENSE_INDEX, 'message.timestamp.type': 'LogAppendTime' } },
    { name: 'packed', configs: { ...DENSE_INDEX, 'compression.type': 'lz4' } },
  ];
  private readonly ledgers = this.topics.flatMap(({ name }) => [0, 1].map(partition => new PartitionLedger(name, partition)));

  async check(client: Client): Promise<void> {
    for (const ledger of this.ledgers) await ledger.check(client);
  }

  async write(client: Client, { number, random }: Turn): Promise<void> {
    if (number === 0) for (const { name, configs } of this.topics) await client.createTopic(name, configs, 2);
    // Each turn's times are later than the last one's by more than segment.ms: each begins a segment.
    const nowMs = Date.now() - 24 * HOUR_MS + number * 600_000;
    for (const ledger of this.ledgers) {
      for (const compression of CODECS) await write(client, ledger, { compression }, someRecords(random, 1 + random.below(12), nowMs));
    }
  }
}

/** A producer with sequence numbers that lives through all hand-overs. */
export class Producers implements Strand {
  readonly name = 'a producer with sequence numbers';
  private readonly ledger = new PartitionLedger('sequenced', 0);
  private producerId = -1;
  private sequence = 0;
  private last: { bytes: Buffer; baseOffset: number } | undefined;
  private readonly idsGiven = new Set<number>();

  async check(client: Client): Promise<void> {
    await this.ledger.check(client);
    if (this.last === undefined) return;
    // Sent again, as after an answer that got lost: known for what it is, and written once.
    const again = await client.produce('sequenced', 0, this.last.bytes);
    if (again.errorCode !== ErrorCode.NONE || again.baseOffset !== this.last.baseOffset) {
      throw new Error(`a batch that was at ${this.last.baseOffset} is sent again, and the answer is ${JSON.stringify(again)}`);
    }
    const torn = await client.produce('sequenced', 0, this.batch(this.sequence + 5, someRecords(this.fixed(), 1, Date.now())));
    if (torn.errorCode !== ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) throw new Error(`a gap in the sequence is answered with ${torn.errorCode}`);
    await this.ledger.check(client);
  }

  async write(client: Client, { number, random }: Turn): Promise<void> {
    if (number === 0) {
      await client.createTopic('sequenced', DENSE_INDEX);
      this.producerId = await this.newProducerId(client);
    } else await this.newProducerId(client);
    for (let round = 0; round < 8; round++) {
      const records = someRecords(random, 1 + random.below(6), Date.now());
      const bytes = this.batch(this.sequence, records, random.pick(CODECS));
      const { errorCode, baseOffset } = await client.produce('sequenced', 0, bytes);
      if (errorCode !== ErrorCode.NONE) throw new Error(`sequence ${this.sequence} is refused with ${errorCode}`);
      this.ledger.acknowledged(baseOffset, records);
      this.sequence += records.length;
      this.last = { bytes, baseOffset };
    }
  }

  private batch(baseSequence: number, records: readonly RecordInput[], compression: CompressionType = CompressionType.none): Buffer {
    return buildBatch({ producerId: this.producerId, producerEpoch: 0, baseSequence, compression }, records);
  }

  private fixed(): SeededRandom {
    return { chance: () => false, below: () => 0, bytes: () => Buffer.alloc(0) } as unknown as SeededRandom;
  }

  /** No id is given twice, whoever gives them. */
  private async newProducerId(client: Client): Promise<number> {
    const { producerId } = await client.settled('a producer id',
      () => client.raw.send(initProducerIdApi, { transactionalId: null, transactionTimeoutMs: TIMEOUT_MS }, 4), ({ errorCode }) => errorCode);
    if (this.idsGiven.has(Number(producerId))) throw new Error(`producer id ${producerId} was given twice`);
    this.idsGiven.add(Number(producerId));
    return Number(producerId);
  }
}

/** A compacted topic: of each key the last record stays, with its offset. */
export class Compacted implements Strand {
  readonly name = 'a compacted topic';
  private readonly ledger = new PartitionLedger('compacted', 0, 'compacted');

  async check(client: Client): Promise<void> {
    await this.ledger.check(client);
  }

  async write(client: Client, { number, random }: Turn): Promise<void> {
    if (number === 0) {
      await client.createTopic('compacted', {
        ...DENSE_INDEX, 'cleanup.policy': 'compact', 'segment.ms': '60000', 'min.cleanable.dirty.ratio': '0.01', 'min.compaction.lag.ms': '0',
      });
    }
    const nowMs = Date.now() - 24 * HOUR_MS + number * 600_000;
    for (const compression of CODECS) {
      const records = someRecords(random, 10, nowMs).map(record => ({ ...record, key: record.key ?? Buffer.from('some key') }));
      await write(client, this.ledger, { compression }, records);
    }
    await this.cleaned(client, number);
  }

  /** Whoever cleans has done so: what was written before this turn holds no key twice. */
  private async cleaned(client: Client, number: number): Promise<void> {
    if (number === 0) return;
    const isCleaned = async (): Promise<number> => {
      const { batches } = await client.readAll('compacted', 0);
      return this.ledger.superseded(batches);
    };
    await until('compaction', isCleaned, count => count <= SUPERSEDED_IN_ACTIVE);
  }
}

/** The active segment, one turn's records, is not cleaned. */
const SUPERSEDED_IN_ACTIVE = 50;

/** Records that are too old at once: retention takes them with their segments, and no offset comes twice. */
export class Expiring implements Strand {
  readonly name = 'records beyond their retention';
  private readonly ledger = new PartitionLedger('expiring', 0);

  async check(client: Client): Promise<void> {
    await this.ledger.check(client);
  }

  async write(client: Client, { number, random }: Turn): Promise<void> {
    if (number === 0) await client.createTopic('expiring', { 'retention.ms': String(12 * HOUR_MS) });
    await write(client, this.ledger, {}, someRecords(random, 5, Date.now() - 24 * HOUR_MS));
    await until('retention', () => client.offset('expiring', 0, EARLIEST), offset => offset === this.ledger.nextOffset);
    this.ledger.startOffset = this.ledger.nextOffset;
  }
}

/** DeleteRecords, in the middle of a batch. */
export class Trimmed implements Strand {
  readonly name = 'deleted records';
  private readonly ledger = new PartitionLedger('trimmed', 0);

  async check(client: Client): Promise<void> {
    await this.ledger.check(client);
  }

  async write(client: Client, { number, random, dataDir }: Turn): Promise<void> {
    if (number === 0) await client.createTopic('trimmed', { 'segment.ms': '60000' });
    for (let round = 0; round < 3; round++) {
      await write(client, this.ledger, { compression: random.pick(CODECS) }, someRecords(random, 10, Date.now() - HOUR_MS + number * 300_000 + round * 90_000));
    }
    const offset = this.ledger.nextOffset - 1 - random.below(15);
    await this.deleteBelow(client, offset);
    // Until it stands in the checkpoint, a broker that is killed may forget it.
    const checkpoint = join(dataDir, 'log-start-offset-checkpoint');
    await until('the checkpoint of log start offsets', async () => readFileSync(checkpoint, 'utf8'), text => text.includes(`trimmed 0 ${offset}\n`));
    this.ledger.startOffset = offset;
  }

  private async deleteBelow(client: Client, offset: number): Promise<void> {
    const answer = await client.settled('deleting records', async () => {
      const { topics } = await client.raw.send(deleteRecordsApi, { topics: [{ name: 'trimmed', partitions: [{ partitionIndex: 0, offset }] }], timeoutMs: TIMEOUT_MS });
      return topics[0]!.partitions[0]!;
    }, ({ errorCode }) => errorCode);
    if (Number(answer.lowWatermark) !== offset) throw new Error(`the log begins at ${answer.lowWatermark} after records below ${offset} were deleted`);
  }
}
