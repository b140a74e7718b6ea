import { ErrorCode } from '../../protocol/generated/errors.js';
import { initProducerIdApi } from '../../protocol/generated/init-producer-id.js';
import { produceApi, type ProduceResponse } from '../../protocol/generated/produce.js';
import { incrementSequence } from '../../protocol/records/batch.js';
import { buildBatch } from '../../protocol/records/batch-builder.js';
import { holds } from './invariants.js';
import type { Ledger, Source, Transaction, Written } from './ledger.js';
import type { Link } from './link.js';

export interface Place {
  readonly topic: string;
  readonly index: number;
}
export const nameOf = ({ topic, index }: Place): string => `${topic}-${index}`;

/** Records for one partition, which one request carries. */
export interface Load {
  readonly place: Place;
  readonly records: readonly { readonly key?: string; readonly source?: Source; readonly paddingBytes?: number }[];
}

export interface ProducerState {
  readonly producerId: number;
  producerEpoch: number;
  /** The next sequence number by partition; 0 unless it is here. */
  readonly sequences: Map<string, number>;
}

/** What a client that is unsure sends again. */
interface Prepared {
  readonly place: Place;
  readonly written: readonly Written[];
  readonly records: Buffer;
}

export interface ProduceOptions {
  readonly version: number;
  readonly transactional?: { readonly transactionalId: string; readonly transaction: Transaction };
}

/**
 * Sends one request for some partitions, then those that met an error which passes one by one, until all have a final answer.
 * Gives the first error that is final, 0 when there is none.
 */
export async function produceAll(link: Link, ledger: Ledger, state: ProducerState, loads: readonly Load[], { version, transactional }: ProduceOptions): Promise<number> {
  const requests = [loads.map(load => prepare(link, ledger, state, load, transactional?.transaction))];
  let failure = 0;
  for (const sent of requests) {
    const response = await link.ask(produceApi, {
      transactionalId: transactional?.transactionalId ?? null, acks: -1, timeoutMs: 3000,
      topicData: sent.map(({ place: { topic, index }, records }) => ({ name: topic, topicId: '', partitionData: [{ index, records }] })),
    }, version, answer => (sent.length === 1 ? codeOf(answer, 0) : 0));
    sent.forEach((each, index) => {
      const code = codeOf(response, index);
      if (code === ErrorCode.NONE || code === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
        const baseOffset = Number(response.responses[index]!.partitionResponses[0]!.baseOffset);
        // Of what was there already the offset may not be known any more.
        if (baseOffset >= 0) ledger.acknowledged(each.written, baseOffset);
        const name = nameOf(each.place);
        state.sequences.set(name, incrementSequence(state.sequences.get(name) ?? 0, each.written.length));
      } else if (sent.length > 1 && PASSING.has(code)) requests.push([each]);
      else failure ||= code;
    });
  }
  return failure;
}

/** Of one partition alone the link asks again by itself. */
const PASSING: ReadonlySet<number> = new Set([
  ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR, ErrorCode.REQUEST_TIMED_OUT,
]);

function codeOf({ responses }: ProduceResponse, index: number): number {
  return responses[index]!.partitionResponses[0]!.errorCode;
}

function prepare(link: Link, ledger: Ledger, { producerId, producerEpoch, sequences }: ProducerState, { place, records }: Load, transaction: Transaction | undefined): Prepared {
  const written = records.map(({ key, source }) => ledger.write({ client: link.name, partition: nameOf(place), value: ledger.newValue(link.name), key, source, transaction }));
  const bytes = buildBatch(
    { producerId, producerEpoch, baseSequence: sequences.get(nameOf(place)) ?? 0, isTransactional: transaction !== undefined },
    written.map(({ value, key }, index) => ({
      timestampMs: link.world.wallMs, key: key === undefined ? null : Buffer.from(key), value: Buffer.from(`${value} ${'x'.repeat(records[index]!.paddingBytes ?? 0)}`),
    })),
  );
  return { place, written, records: bytes };
}

/** An idempotent producer without transactions. */
export class PlainProducer {
  private state: ProducerState | undefined;

  constructor(private readonly link: Link, private readonly ledger: Ledger) {}

  async send(loads: readonly Load[]): Promise<void> {
    const { link } = this;
    this.state ??= await this.init();
    const failure = await produceAll(link, this.ledger, this.state, loads, { version: 12 });
    holds(failure === 0, 'answers', () => `${link.name} produced without a transaction: error ${failure}`);
  }

  private async init(): Promise<ProducerState> {
    const { errorCode, producerId, producerEpoch } = await this.link.ask(initProducerIdApi, { transactionalId: null, transactionTimeoutMs: 1000 }, 5, answer => answer.errorCode);
    holds(errorCode === 0, 'answers', () => `${this.link.name} asked for a producer id: error ${errorCode}`);
    return { producerId: Number(producerId), producerEpoch, sequences: new Map() };
  }
}
