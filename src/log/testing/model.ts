import { BatchBuilder, type BatchOptions } from '../../protocol/records/batch-builder.js';
import { recordsIn } from '../../protocol/records/batch-iterator.js';
import * as batch from '../../protocol/records/batch.js';
import { parseEndTransactionMarker } from '../../protocol/records/control-records.js';
import type { Uuid } from '../../protocol/wire/types.js';

/** A batch as it was sent, with the offset and epoch that it must have got. */
export interface ModelBatch {
  readonly bytes: Buffer;
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly epoch: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  /** Of a marker. */
  readonly committed: boolean | undefined;
  /** Of a batch of a transaction whose marker compaction may have taken. */
  readonly fate?: 'committed' | 'aborted';
  /** The text of a tombstone is null. */
  readonly records: readonly { readonly offset: number; readonly timestampMs: number; readonly key: string | undefined; readonly text: string | null }[];
}

/** What a log may be found to hold. */
export interface History {
  readonly batches: readonly ModelBatch[];
  /** The start offset may lie anywhere between these. */
  readonly savedStart: number;
  readonly start: number;
  readonly end: number;
  /** All below outlasts the death of the process: the end, but where a truncation was under way. */
  readonly keptEnd: number;
  /** All below outlasts a power loss. */
  readonly flushedEnd: number;
  /** Of what is below, compaction is taking what it may. */
  readonly compactingTo?: number;
  /** Compaction has taken something: markers and producers may be gone. */
  readonly isCompacted?: boolean;
}

/** What must be true of one incarnation of a partition's log: a plain list of batches, and what was promised of them. */
export class ModelLog implements History {
  batches: readonly ModelBatch[] = [];
  start = 0;
  end = 0;
  highWatermark = 0;
  savedStart = 0;
  flushedEnd = 0;
  isCompacted = false;
  /** What operations that did not end well may have made of it instead. */
  attempts: readonly History[] = [];
  /** What a power loss may bring back: where a kill cut an operation short, what was found after it need not be on the disk. */
  mayReturn: readonly History[] = [];
  epoch = 0;
  /** Where the cluster knows it to be. */
  directoryId: Uuid | undefined;

  constructor(readonly topicId: Uuid) {}

  get keptEnd(): number {
    return this.end;
  }

  /** Whether a record was promised to outlast what was lost. */
  hasPromised(loss: 'kill' | 'power'): boolean {
    return this.batches.some(({ endOffset }) => endOffset > this.start && (loss === 'kill' || endOffset <= this.flushedEnd));
  }

  /** Nothing is left of it, and it begins anew. */
  reset(): void {
    this.become({ batches: [], savedStart: 0, start: 0, end: 0, keptEnd: 0, flushedEnd: 0 });
  }

  /** As it is now; what happens later leaves it alone. */
  copy(): ModelLog {
    return Object.assign(new ModelLog(this.topicId), this);
  }

  history(change: Partial<History> = {}): History {
    const { batches, savedStart, start, end, keptEnd, flushedEnd, isCompacted } = this;
    return { batches, savedStart, start, end, keptEnd, flushedEnd, isCompacted, ...change };
  }

  /** An operation begins that may, or may not, make this of the log. */
  attempt(...outcomes: readonly History[]): void {
    this.attempts = [...this.attempts, ...outcomes];
  }

  /** From now on the log is this. */
  become(history: History): void {
    const { batches, savedStart, start, end, flushedEnd, isCompacted = false } = history;
    Object.assign(this, { batches, savedStart, start, end, flushedEnd: Math.min(flushedEnd, end), isCompacted, attempts: [] });
    this.highWatermark = Math.min(Math.max(this.highWatermark, start), end);
  }

  /** All below `end` outlasts a power loss, and with it whatever was done before. */
  flushed(end: number): void {
    if (end <= this.flushedEnd) return;
    this.flushedEnd = end;
    this.mayReturn = [];
  }

  /** A truncation has ended, and is durable. */
  cutTo(history: History): void {
    this.become(history);
    this.mayReturn = [];
  }

  with(added: readonly ModelBatch[]): History {
    const end = added.at(-1)?.endOffset ?? this.end;
    return this.history({ batches: [...this.batches, ...added], end, keptEnd: end });
  }
}

/**
 * What a power loss brings back, with what was appended since: a file of its own may have come to the disk before the names of
 * those that were exchanged before it, such as by a compaction that a kill interrupted and a start finished. Nothing where there
 * is no such thing.
 */
export function continued(old: History, now: History): History[] {
  const later = now.batches.filter(({ baseOffset }) => baseOffset >= old.end);
  if (later[0]?.baseOffset !== old.end) return [];
  return [{
    ...old, batches: [...old.batches, ...later], end: now.end, keptEnd: now.keptEnd,
    savedStart: Math.min(old.savedStart, now.savedStart), start: Math.max(old.start, now.start), flushedEnd: Math.max(old.flushedEnd, now.flushedEnd),
  }];
}

export interface ModelRecord {
  readonly timestampMs: number;
  readonly key?: string;
  /** null: a tombstone. */
  readonly text: string | null;
}

/** The bytes of a batch, and what they stand for. */
export function modelBatch(options: BatchOptions & { baseOffset: number; partitionLeaderEpoch: number }, records: readonly ModelRecord[]): ModelBatch {
  const builder = new BatchBuilder(options);
  for (const { timestampMs, key, text } of records) {
    builder.append({ timestampMs, key: key === undefined ? null : Buffer.from(key), value: text === null ? null : Buffer.from(text) });
  }
  return readBatch(Buffer.from(builder.build()), 0);
}

export function readBatch(bytes: Buffer, at: number): ModelBatch {
  const isControl = batch.isControl(bytes, at);
  const records = [...recordsIn(bytes, at)];
  return {
    bytes: bytes.subarray(at, at + batch.sizeInBytes(bytes, at)),
    baseOffset: batch.baseOffset(bytes, at),
    endOffset: batch.nextOffset(bytes, at),
    epoch: batch.partitionLeaderEpoch(bytes, at),
    producerId: batch.producerId(bytes, at),
    producerEpoch: batch.producerEpoch(bytes, at),
    lastSequence: isControl ? -1 : batch.lastSequence(bytes, at),
    isTransactional: batch.isTransactional(bytes, at),
    isControl,
    committed: isControl && records[0] ? parseEndTransactionMarker(records[0].key, records[0].value)?.committed : undefined,
    records: records.map(({ offset, timestampMs, key, value }) => ({
      offset, timestampMs, key: key === null ? undefined : Buffer.from(key).toString(), text: value === null ? null : Buffer.from(value).toString('latin1'),
    })),
  };
}

export interface ModelProducer {
  readonly epoch: number;
  readonly lastSequence: number;
  /** -1: no transaction is open. */
  readonly txnFirstOffset: number;
}

export interface ModelTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** What a look at the batches in their order says of producers and transactions. */
export function replay(batches: readonly ModelBatch[]): { producers: Map<number, ModelProducer>; aborted: ModelTransaction[] } {
  const producers = new Map<number, ModelProducer>();
  const aborted: ModelTransaction[] = [];
  for (const { producerId, producerEpoch, lastSequence, isTransactional, isControl, committed, baseOffset, fate } of batches) {
    // Of a marker that compaction emptied only the header is left.
    if (producerId < 0 || (isControl && committed === undefined)) continue;
    const open = producers.get(producerId)?.txnFirstOffset ?? -1;
    if (committed === undefined) {
      const opens = open < 0 && isTransactional && fate === undefined;
      producers.set(producerId, { epoch: producerEpoch, lastSequence, txnFirstOffset: opens ? baseOffset : open });
      continue;
    }
    const before = producers.get(producerId);
    producers.set(producerId, { epoch: producerEpoch, lastSequence: before?.epoch === producerEpoch ? before.lastSequence : -1, txnFirstOffset: -1 });
    if (open >= 0 && !committed) aborted.push({ producerId, firstOffset: open });
  }
  return { producers, aborted };
}
