import type { CleanerSettings } from '../../config/cleaner-settings.js';
import type { LogSettings } from '../../config/log-settings.js';
import type { Clock } from '../../env/index.js';
import type { SimRandom } from '../../env/sim/index.js';
import { BatchBuilder } from '../../protocol/records/batch-builder.js';
import { batchesIn, recordsIn } from '../../protocol/records/batch-iterator.js';
import * as batch from '../../protocol/records/batch.js';
import { buildEndTransactionMarker } from '../../protocol/records/control-records.js';
import type { Log } from '../partition/log.js';
import { SETTINGS } from '../test-support.js';

/** A seeded workload of keys for logs that are compacted, and what must be left of it: a list of batches and the rules, plainly. */

export const COMPACTED: LogSettings = {
  ...SETTINGS, cleanupPolicy: { compact: true, delete: false }, segmentBytes: 1500, indexIntervalBytes: 300, deleteRetentionMs: 10_000, fileDeleteDelayMs: 1000,
};

export const CLEANER: CleanerSettings = {
  enabled: true, threads: 1, dedupeBufferBytes: 1 << 20, dedupeBufferLoadFactor: 0.9, ioBufferBytes: 2048, ioMaxBytesPerSecond: Number.MAX_VALUE, backoffMs: 1000,
};

export interface ModelRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestampMs: number;
}

export interface ModelBatch {
  readonly baseOffset: number;
  readonly producerId: number;
  readonly transactional: boolean;
  aborted: boolean;
  records: readonly ModelRecord[];
  horizonMs: number | undefined;
}

const KEYS = 12;
const PRODUCERS = 4;

export class Workload {
  batches: ModelBatch[] = [];
  private readonly producers = Array.from({ length: PRODUCERS }, (_, index) => ({ producerId: 100 + index, sequence: 0, epoch: 0, open: [] as ModelBatch[] }));

  constructor(
    private readonly random: SimRandom,
    private readonly clock: Pick<Clock, 'nowMs'>,
    private readonly codecs: readonly batch.CompressionType[] = Object.values(batch.CompressionType),
  ) {}

  /** Appends one batch or marker; some belong to transactions, which end one way or the other sooner or later. */
  append(log: Log): void {
    const producer = this.producers[this.random.int(PRODUCERS)]!;
    if (producer.open.length > 0 && this.random.chance(0.5)) return this.endTransaction(log, producer, this.random.chance(0.5));
    const kind = producer.open.length > 0 || this.random.chance(0.4) ? 'transactional' : this.random.chance(0.3) ? 'idempotent' : 'plain';
    this.appendData(log, producer, kind);
  }

  /** Ends what is open, so that all that is written is decided. */
  endAll(log: Log): void {
    for (const producer of this.producers) if (producer.open.length > 0) this.endTransaction(log, producer, this.random.chance(0.5));
  }

  private appendData(log: Log, producer: Workload['producers'][number], kind: 'plain' | 'idempotent' | 'transactional'): void {
    const ids = { producerId: producer.producerId, producerEpoch: producer.epoch, baseSequence: producer.sequence, isTransactional: kind === 'transactional' };
    const appendTime = this.random.chance(0.1);
    const builder = new BatchBuilder({
      ...(kind !== 'plain' && ids), compression: this.codecs[this.random.int(this.codecs.length)]!, ...(appendTime && { logAppendTimeMs: this.clock.nowMs() }),
    });
    const baseOffset = log.logEndOffset;
    const records = Array.from({ length: 1 + this.random.int(6) }, (_, index): ModelRecord => ({
      offset: baseOffset + index,
      key: this.random.chance(0.03) ? null : `key ${this.random.int(KEYS)}`,
      value: this.random.chance(0.2) ? null : `value ${baseOffset + index} ${'v'.repeat(this.random.int(40))}`,
      timestampMs: appendTime ? this.clock.nowMs() : this.clock.nowMs() - this.random.int(1000),
    }));
    for (const { key, value, timestampMs } of records) builder.append({ timestampMs, key: bytesOf(key), value: bytesOf(value), headers: [{ key: 'h', value: bytesOf(key) }] });
    // Noted first: it may reach the log although the process dies over it.
    const made: ModelBatch = { baseOffset, producerId: kind === 'plain' ? -1 : producer.producerId, transactional: kind === 'transactional', aborted: false, records, horizonMs: undefined };
    this.batches.push(made);
    log.appendAsLeader(builder.build(), { origin: 'client', leaderEpoch: 3 });
    if (kind !== 'plain') producer.sequence += records.length;
    if (kind === 'transactional') producer.open.push(made);
  }

  private endTransaction(log: Log, producer: Workload['producers'][number], committed: boolean): void {
    const { producerId, epoch } = producer;
    const marker = buildEndTransactionMarker({ producerId, producerEpoch: epoch, timestampMs: this.clock.nowMs() }, { committed, coordinatorEpoch: 1 });
    for (const data of producer.open.splice(0)) data.aborted = !committed;
    log.appendAsLeader(marker, { origin: 'coordinator', leaderEpoch: 3 });
  }

  /**
   * Does to the list what a cleaning of [`firstDirty`, `end`) must do to the log. Up to `rewritten`, the end of the segment
   * that holds the end, batches are looked at all the same.
   */
  clean(firstDirty: number, end: number, rules: { readonly rewritten: number; readonly nowMs: number; readonly deleteRetentionMs: number }): void {
    const last = new Map<string, number>();
    for (const { aborted, records } of this.batches) {
      if (!aborted) for (const { key, offset } of records) if (key !== null && offset >= firstDirty && offset < end) last.set(key, offset);
    }
    for (const found of this.batches) {
      if (found.baseOffset >= rules.rewritten) continue;
      const horizonPassed = found.horizonMs !== undefined && rules.nowMs >= found.horizonMs;
      found.records = found.aborted ? [] : found.records.filter(({ key, value, offset }) =>
        offset >= end || (key !== null && offset >= (last.get(key) ?? -1) && (value !== null || !horizonPassed)));
      if (found.records.some(({ value }) => value === null)) found.horizonMs ??= rules.nowMs + rules.deleteRetentionMs;
    }
  }

  /** What a consumer of committed records sees, all transactions being ended. */
  get committed(): ModelRecord[] {
    return this.batches.filter(({ aborted }) => !aborted).flatMap(({ records }) => records);
  }
}

function bytesOf(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text);
}

function textOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString();
}

/** All batches of a log, copied, by as many reads as it takes. */
export async function readBatches(log: Log, from = log.logStartOffset, maxBytes = 4000): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for (let offset = from; offset < log.logEndOffset;) {
    const { buffers, release } = await log.read(offset, { maxBytes, minOneBatch: true, limitOffset: log.logEndOffset });
    const bytes = Buffer.concat(buffers);
    release();
    if (bytes.length === 0) break;
    for (const at of batchesIn(bytes)) found.push(bytes.subarray(at, at + batch.sizeInBytes(bytes, at)));
    offset = batch.nextOffset(found.at(-1)!, 0);
  }
  return found;
}

/** What a consumer of committed records makes of a log, by the aborted transactions that a read tells it of (KIP-98). */
export async function readCommitted(log: Log, maxBytes = 4000): Promise<ModelRecord[]> {
  const seen: ModelRecord[] = [];
  for (let offset = log.logStartOffset; offset < log.lastStableOffset;) {
    const read = await log.read(offset, { maxBytes, minOneBatch: true, limitOffset: log.lastStableOffset, includeAborted: true });
    const bytes = Buffer.concat(read.buffers);
    read.release();
    if (bytes.length === 0) break;
    const coming = [...read.abortedTransactions!].sort((a, b) => a.firstOffset - b.firstOffset);
    const aborted = new Set<number>();
    for (const at of batchesIn(bytes)) {
      offset = batch.nextOffset(bytes, at);
      while (coming.length > 0 && coming[0]!.firstOffset < offset) aborted.add(coming.shift()!.producerId);
      const producerId = batch.producerId(bytes, at);
      if (batch.isControl(bytes, at)) aborted.delete(producerId);
      else if (!batch.isTransactional(bytes, at) || !aborted.has(producerId)) seen.push(...recordsOf(bytes, at));
    }
  }
  return seen;
}

export function recordsOf(bytes: Uint8Array, at = 0): ModelRecord[] {
  return Array.from(recordsIn(bytes, at), ({ offset, key, value, timestampMs }) => ({ offset, key: textOf(key), value: textOf(value), timestampMs }));
}
