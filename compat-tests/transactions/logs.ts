// What the brokers wrote of a scene: its partitions' batches, its records of `__transaction_state` and `__consumer_offsets`.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeRecord, decodeControl, type Decoder } from '../../src/cli/dump/decode-records.js';
import { parseTransactionIndex } from '../../src/log/segment/txn-index.js';
import * as batch from '../../src/protocol/records/batch.js';
import { batchesIn, recordsIn } from '../../src/protocol/records/batch-iterator.js';
import type { Producers } from './producers.js';

const DAY_MS = 86_400_000;
const OFFSETS = '__consumer_offsets-0';
const TRANSACTIONS = '__transaction_state-0';
/** Fields with the id of a producer. */
export const PRODUCER_IDS: ReadonlySet<string> = new Set(['producerId', 'previousProducerId', 'nextProducerId']);

/** Fields with the epoch of a leader. */
export const LEADER_EPOCHS: ReadonlySet<string> = new Set(['leaderEpoch', 'coordinatorEpoch']);
/** Beyond what leaders here come to: whoever makes one up begins with it. */
export const FIRST_MADE_UP_EPOCH = 100;

/** By how much a start raises the epochs of leaders, and when, is each broker's own. */
export const toldEpoch = (epoch: number): number | string => (epoch >= 0 && epoch < FIRST_MADE_UP_EPOCH ? 'a leader\'s' : epoch);

/** Whose logs are read. */
export interface Teller {
  readonly producers: Pick<Producers, 'nameOf' | 'isKnown'>;
  full(name: string): string;
}

interface ToldBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly [field: string]: unknown;
}

/** Batches without their checksums, which cover what is each broker's own. */
export function toldBatches(bytes: Uint8Array, teller: Teller): ToldBatch[] {
  return [...batchesIn(bytes)].map(at => toldBatch(bytes, at, teller));
}

function toldBatch(bytes: Uint8Array, at: number, teller: Teller): ToldBatch {
  return {
    baseOffset: batch.baseOffset(bytes, at), lastOffset: batch.lastOffset(bytes, at), leaderEpoch: toldEpoch(batch.partitionLeaderEpoch(bytes, at)), sizeBytes: batch.sizeInBytes(bytes, at),
    attributes: batch.attributes(bytes, at), producerId: teller.producers.nameOf(batch.producerId(bytes, at)), producerEpoch: batch.producerEpoch(bytes, at),
    baseSequence: batch.baseSequence(bytes, at), isValid: batch.isValid(bytes, at),
    // One in a batch is told by its place: what tells elements apart is what they are compared by.
    records: Object.fromEntries([...recordsIn(bytes, at)].map(({ offset, key, value }) =>
      [offset, batch.isControl(bytes, at) ? told(decodeControl({ key, value }), teller) : `${textOf(key)}: ${textOf(value)}`])),
  };
}

const textOf = (bytes: Uint8Array | null): string => (bytes === null ? 'null' : Buffer.from(bytes).toString());

/** All that is in the files of one partition, as far as it is the scene's. */
export function partitionFiles(dataDir: string, partition: string, teller: Teller): unknown {
  const folder = join(dataDir, partition);
  // Not every broker makes a file before there is something to write.
  if (!existsSync(folder)) return { batches: [], aborted: [] };
  const bytes = filesOf(folder, '.log');
  const indexed = filesOf(folder, '.txnindex');
  return {
    batches: toldBatches(bytes, teller),
    aborted: parseTransactionIndex(indexed, partition).map(entry => told(entry, teller)),
  };
}

function filesOf(folder: string, suffix: string): Buffer {
  return Buffer.concat(readdirSync(folder).filter(name => name.endsWith(suffix)).sort().map(name => readFileSync(join(folder, name))));
}

/** The records of the scene's transactional ids, in their order. */
export function transactionRecords(dataDir: string, teller: Teller): unknown[] {
  const prefix = teller.full('t');
  return recordsOf(dataDir, TRANSACTIONS, 'transactions', teller, ({ transactionalId }) => String(transactionalId).startsWith(prefix));
}

/** The offsets of the scene's group in their order, and the markers of its producers. Where they stand is decided by who else is played. */
export function offsetRecords(dataDir: string, teller: Teller): unknown[] {
  const name = teller.full('g');
  return recordsOf(dataDir, OFFSETS, 'offsets', teller, ({ group, topic }) => group === name && topic !== undefined);
}

function recordsOf(dataDir: string, partition: string, decoder: Decoder, teller: Teller, isOurs: (key: Record<string, unknown>) => boolean): unknown[] {
  const bytes = filesOf(join(dataDir, partition), '.log');
  return [...batchesIn(bytes)].flatMap(at => {
    const header = {
      attributes: batch.attributes(bytes, at), producerId: batch.producerId(bytes, at), producerEpoch: batch.producerEpoch(bytes, at), baseSequence: batch.baseSequence(bytes, at),
    };
    const found = [...recordsIn(bytes, at)];
    if (batch.isControl(bytes, at)) return teller.producers.isKnown(header.producerId) && header.producerId > 0 ? [told({ ...header, marker: decodeControl(found[0]!) }, teller)] : [];
    return found.flatMap(record => {
      const decoded = decodeRecord(decoder, record)!;
      if (!isOurs(decoded.key as Record<string, unknown>)) return [];
      const { key: of, ...rest } = decoded;
      return [told({ ...header, valueBytes: record.value?.length ?? null, of, ...rest }, teller)];
    });
  });
}

/** Without the time and with the names of producers. */
function told(value: unknown, teller: Teller, field = ''): unknown {
  if (PRODUCER_IDS.has(field)) return typeof value === 'string' ? value : teller.producers.nameOf(Number(value));
  if (LEADER_EPOCHS.has(field)) return toldEpoch(Number(value));
  if (typeof value === 'number' && Math.abs(value - Date.now()) < DAY_MS) return '<now>';
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(one => told(one, teller)).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, told(one, teller, name)]));
}
