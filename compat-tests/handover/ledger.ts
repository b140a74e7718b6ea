// What was acknowledged, record by record, and what a broker must therefore hold.

import { createHash } from 'node:crypto';
import { batchesIn, recordsIn, type BatchRecord } from '../../src/protocol/records/batch-iterator.js';
import type { RecordInput } from '../../src/protocol/records/batch-builder.js';
import * as batch from '../../src/protocol/records/batch.js';
import type { Client } from './client.js';
import { EARLIEST, LATEST } from './client.js';

/** `kept`: all is there. `compacted`: of each key the last, of the rest any. */
type Policy = 'kept' | 'compacted';

/** One partition as it has to be found, at whichever broker. */
export class PartitionLedger {
  /** Records by offset, in words that can be compared. */
  private readonly records = new Map<number, string>();
  private readonly keys = new Map<string, number>();
  /** Digest of each batch by base offset, as it was first read: the bytes must stay what they are. */
  private readonly batches = new Map<number, string>();
  /** What is below was deleted. */
  startOffset = 0;
  nextOffset = 0;

  constructor(readonly topic: string, readonly partition: number, private readonly policy: Policy = 'kept') {}

  get name(): string {
    return `${this.topic}-${this.partition}`;
  }

  /** Records that were acknowledged with this base offset; `logAppendTimeMs` where the broker said when. */
  acknowledged(baseOffset: number, records: readonly RecordInput[], logAppendTimeMs = -1): void {
    if (baseOffset < this.nextOffset) throw new Error(`${this.name}: offset ${baseOffset} was given again; ${this.nextOffset} is the next`);
    for (const [index, record] of records.entries()) {
      const offset = baseOffset + index;
      const timestampMs = logAppendTimeMs >= 0 ? logAppendTimeMs : record.timestampMs;
      this.records.set(offset, inWords({ ...record, offset, timestampMs, headers: record.headers ?? [] }));
      if (record.key !== null) this.keys.set(Buffer.from(record.key).toString('hex'), offset);
    }
    this.nextOffset = baseOffset + records.length;
  }

  /** A marker of a transaction, or what else takes an offset and is no record. */
  skipped(count = 1): void {
    this.nextOffset += count;
  }

  /** How many of the records in `batches` a later one of the same key stands for. */
  superseded(batches: Buffer): number {
    let count = 0;
    for (const at of batchesIn(batches)) {
      for (const { offset, key } of recordsIn(batches, at)) if (key !== null && this.keys.get(Buffer.from(key).toString('hex')) !== offset) count++;
    }
    return count;
  }

  /** Reads the whole partition and throws at the first difference. */
  async check(client: Client): Promise<void> {
    const start = await client.offset(this.topic, this.partition, EARLIEST);
    const end = await client.offset(this.topic, this.partition, LATEST);
    // Retention may have gone on since; compaction does not move the start.
    if (start !== this.startOffset) throw new Error(`${this.name} begins at ${start}, not at ${this.startOffset}`);
    if (end !== this.nextOffset) throw new Error(`${this.name} ends at ${end}, not at ${this.nextOffset}`);
    const { batches } = await client.readAll(this.topic, this.partition);
    this.checkBatches(batches);
    this.checkRecords(batches);
  }

  private checkBatches(batches: Buffer): void {
    for (const at of batchesIn(batches)) {
      const baseOffset = batch.baseOffset(batches, at);
      if (!batch.isValid(batches, at)) throw new Error(`${this.name}: the batch at ${baseOffset} has a wrong checksum`);
      if (this.policy === 'compacted') continue;
      const digest = createHash('sha256').update(batches.subarray(at, at + batch.sizeInBytes(batches, at))).digest('hex');
      const known = this.batches.get(baseOffset);
      if (known !== undefined && known !== digest) throw new Error(`${this.name}: the batch at ${baseOffset} has other bytes than it had`);
      this.batches.set(baseOffset, digest);
    }
  }

  private checkRecords(batches: Buffer): void {
    const found = new Map<number, string>();
    for (const at of batchesIn(batches)) {
      if (batch.isControl(batches, at)) continue;
      for (const record of recordsIn(batches, at)) if (record.offset >= this.startOffset) found.set(record.offset, inWords(record));
    }
    for (const [offset, words] of found) {
      const owed = this.records.get(offset);
      if (owed !== words) throw new Error(`${this.name}: offset ${offset} holds ${words}, and ${owed ?? 'nothing'} was acknowledged`);
    }
    const needed = this.policy === 'kept' ? this.records.keys() : this.keys.values();
    for (const offset of needed) {
      if (offset >= this.startOffset && !found.has(offset)) throw new Error(`${this.name}: offset ${offset} is lost: ${this.records.get(offset)}`);
    }
  }
}

function inWords({ offset, timestampMs, key, value, headers }: Pick<BatchRecord, 'offset' | 'timestampMs' | 'key' | 'value' | 'headers'>): string {
  const told = headers.map(header => `${header.key}:${bytesInWords(header.value)}`).join(',');
  return `${offset} at ${timestampMs} ${bytesInWords(key)}=${bytesInWords(value)} [${told}]`;
}

function bytesInWords(bytes: Uint8Array | null): string {
  if (bytes === null) return 'null';
  const buffer = Buffer.from(bytes);
  return buffer.length <= 40 ? `'${buffer.toString('latin1')}'` : `#${buffer.length}:${createHash('sha1').update(buffer).digest('hex')}`;
}
