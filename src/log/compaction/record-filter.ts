import { BatchBuilder } from '../../protocol/records/batch-builder.js';
import { recordsIn, type BatchRecord } from '../../protocol/records/batch-iterator.js';
import * as batch from '../../protocol/records/batch.js';
import { CorruptBatchError } from '../../protocol/records/batch.js';
import type { CleanedTransactions } from './cleaned-transactions.js';
import type { OffsetMap } from './offset-map.js';

/** The last that an active producer wrote: what holds it stays, so that its next write can be judged. */
export interface LastOfProducer {
  readonly producerId: number;
  /** -1: only markers are left of it. */
  readonly lastDataOffset: number;
  readonly epoch: number;
}

export interface RetentionRules {
  readonly nowMs: number;
  /** `delete.retention.ms` */
  readonly deleteRetentionMs: number;
  /** The cleaning ends here; the batch before it stays, if empty, so that the log's offsets do. */
  readonly endOffset: number;
  readonly producers: readonly LastOfProducer[];
}

export interface FilterStats {
  messagesRead: number;
  messagesWritten: number;
  /** Without a key, which a compacted log cannot hold; they go. */
  invalidMessages: number;
}

/**
 * Decides what stays of a log that is compacted, batch by batch in order (Kafka's `Cleaner` and `MemoryRecords.filterTo`): the
 * last record of a key, a tombstone until its delete horizon (KIP-534), a marker until its transaction's data is gone and then
 * until the horizon. A batch keeps its offsets, sequences and codec whatever it loses.
 */
export class RecordFilter {
  readonly stats: FilterStats = { messagesRead: 0, messagesWritten: 0, invalidMessages: 0 };
  private readonly producers: ReadonlyMap<number, LastOfProducer>;

  constructor(
    private readonly map: OffsetMap,
    private readonly transactions: CleanedTransactions,
    private readonly rules: RetentionRules,
  ) {
    this.producers = new Map(rules.producers.map(last => [last.producerId, last]));
  }

  /** What takes the batch's place: a view of it where nothing changes, undefined when it goes. */
  filter(bytes: Uint8Array, at: number): Uint8Array | undefined {
    const control = batch.isControl(bytes, at);
    const done = control ? this.transactions.onControlBatch(bytes, at) : this.transactions.onDataBatch(bytes, at);
    const gone = done && (!control || this.isPastHorizon(bytes, at));
    const mustStay = this.isLastOfProducer(bytes, at, control) || batch.nextOffset(bytes, at) === this.rules.endOffset;
    if (gone && !mustStay) return undefined;
    const kept = this.recordsKept(bytes, at, { control, gone });
    if (kept.length === 0) return mustStay ? emptied(bytes, at) : undefined;
    this.stats.messagesWritten += kept.length;
    // Tombstones, and markers of transactions that are gone, get a last hour when they are first met.
    const needsHorizon = !batch.hasDeleteHorizon(bytes, at) && ((control && done) || kept.some(({ value }) => value === null));
    if (kept.length === batch.count(bytes, at) && !needsHorizon) return bytes.subarray(at, at + batch.sizeInBytes(bytes, at));
    return rebuilt(bytes, at, kept, needsHorizon ? this.rules.nowMs + this.rules.deleteRetentionMs : horizonOf(bytes, at));
  }

  private recordsKept(bytes: Uint8Array, at: number, { control, gone }: { control: boolean; gone: boolean }): BatchRecord[] {
    const kept: BatchRecord[] = [];
    for (const record of recordsIn(bytes, at)) {
      this.stats.messagesRead++;
      if (!gone && (control || this.isKept(bytes, at, record))) kept.push(record);
    }
    return kept;
  }

  private isKept(bytes: Uint8Array, at: number, { offset, key, value }: BatchRecord): boolean {
    if (offset > this.map.latestOffset) return true;
    if (key === null) {
      this.stats.invalidMessages++;
      return false;
    }
    if (offset < this.map.get(key)) return false;
    if (value !== null) return true;
    const horizonMs = horizonOf(bytes, at);
    return horizonMs === undefined || this.rules.nowMs < horizonMs;
  }

  private isPastHorizon(bytes: Uint8Array, at: number): boolean {
    const horizonMs = horizonOf(bytes, at);
    return horizonMs !== undefined && horizonMs <= this.rules.nowMs;
  }

  private isLastOfProducer(bytes: Uint8Array, at: number, control: boolean): boolean {
    if (!batch.hasProducerId(bytes, at)) return false;
    const last = this.producers.get(batch.producerId(bytes, at));
    if (!last) return false;
    if (last.lastDataOffset >= 0) return batch.lastOffset(bytes, at) === last.lastDataOffset;
    return control && batch.producerEpoch(bytes, at) === last.epoch;
  }
}

function horizonOf(bytes: Uint8Array, at: number): number | undefined {
  return batch.hasDeleteHorizon(bytes, at) ? batch.baseTimestampMs(bytes, at) : undefined;
}

/** What every form of a batch has in common with what it was. */
function identityOf(bytes: Uint8Array, at: number) {
  return {
    baseOffset: batch.baseOffset(bytes, at),
    lastOffset: batch.lastOffset(bytes, at),
    producerId: batch.producerId(bytes, at),
    producerEpoch: batch.producerEpoch(bytes, at),
    baseSequence: batch.baseSequence(bytes, at),
    isTransactional: batch.isTransactional(bytes, at),
    isControl: batch.isControl(bytes, at),
    partitionLeaderEpoch: batch.partitionLeaderEpoch(bytes, at),
  };
}

/** The batch with some of its records, or with a delete horizon in the place of its base timestamp. */
function rebuilt(bytes: Uint8Array, at: number, kept: readonly BatchRecord[], deleteHorizonMs: number | undefined): Uint8Array {
  // What is written anew gets a right checksum: damage must not hide behind it.
  if (!batch.isValid(bytes, at)) throw new CorruptBatchError(`the batch at offset ${batch.baseOffset(bytes, at)} has a wrong checksum`);
  const appendTime = batch.timestampType(bytes, at) === batch.TimestampType.logAppendTime;
  const builder = new BatchBuilder({
    ...identityOf(bytes, at),
    compression: batch.compressionType(bytes, at) as batch.CompressionType,
    ...(appendTime && { logAppendTimeMs: batch.maxTimestampMs(bytes, at) }),
    ...(deleteHorizonMs !== undefined && { deleteHorizonMs }),
  });
  for (const record of kept) builder.append(record);
  return builder.build();
}

/** The header alone: offsets and sequences of records that are gone (`DefaultRecordBatch.writeEmptyHeader`). */
function emptied(bytes: Uint8Array, at: number): Uint8Array {
  const header = new BatchBuilder(identityOf(bytes, at)).build();
  batch.setMaxTimestamp(header, 0, batch.timestampType(bytes, at), batch.maxTimestampMs(bytes, at));
  return header;
}
