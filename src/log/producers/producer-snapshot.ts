import { MalformedError, readInt16, readInt32, readInt64, readUint32, writeInt16, writeInt32, writeInt64 } from '../../base/bytes.js';
import { crc32c } from '../../base/crc32c.js';
import type { ProducerEntry } from './producer-append.js';

/**
 * A `.snapshot` file (`ProducerSnapshot` v1): int16 version, uint32 CRC-32C of what follows it, int32 count, and 46 bytes a
 * producer. Of the five last batches only the newest is kept.
 */

const VERSION = 1;
const CRC_AT = 2;
const COUNT_AT = 6;
const HEADER_BYTES = 10;
const ENTRY_BYTES = 46;

export function formatProducerSnapshot(producers: Iterable<ProducerEntry>): Buffer {
  const entries = [...producers];
  const bytes = Buffer.alloc(HEADER_BYTES + entries.length * ENTRY_BYTES);
  writeInt16(bytes, 0, VERSION);
  writeInt32(bytes, COUNT_AT, entries.length);
  entries.forEach((entry, index) => writeEntry(bytes, HEADER_BYTES + index * ENTRY_BYTES, entry));
  writeInt32(bytes, CRC_AT, crc32c(bytes.subarray(COUNT_AT)));
  return bytes;
}

function writeEntry(bytes: Buffer, at: number, entry: ProducerEntry): void {
  const last = entry.batches.at(-1);
  writeInt64(bytes, at, entry.producerId);
  writeInt16(bytes, at + 8, entry.epoch);
  writeInt32(bytes, at + 10, last?.lastSequence ?? -1);
  writeInt64(bytes, at + 14, last?.lastOffset ?? -1);
  writeInt32(bytes, at + 22, last?.offsetDelta ?? 0);
  writeInt64(bytes, at + 26, entry.lastTimestampMs);
  writeInt32(bytes, at + 34, entry.coordinatorEpoch);
  writeInt64(bytes, at + 38, entry.currentTxnFirstOffset);
}

/** Throws `MalformedError` when version, size or checksum are wrong. */
export function parseProducerSnapshot(bytes: Buffer): ProducerEntry[] {
  if (bytes.length < HEADER_BYTES) throw new MalformedError(`producer snapshot has ${bytes.length} bytes`);
  const version = readInt16(bytes, 0);
  if (version !== VERSION) throw new MalformedError(`producer snapshot has version ${version}, known is ${VERSION}`);
  if (readUint32(bytes, CRC_AT) !== crc32c(bytes.subarray(COUNT_AT))) throw new MalformedError('producer snapshot has a wrong checksum');
  const count = readInt32(bytes, COUNT_AT);
  if (bytes.length !== HEADER_BYTES + count * ENTRY_BYTES) throw new MalformedError(`producer snapshot of ${bytes.length} bytes cannot have ${count} entries`);
  return Array.from({ length: count }, (_, index) => readEntry(bytes, HEADER_BYTES + index * ENTRY_BYTES));
}

function readEntry(bytes: Buffer, at: number): ProducerEntry {
  const lastOffset = readInt64(bytes, at + 14);
  const lastTimestampMs = readInt64(bytes, at + 26);
  const last = { lastSequence: readInt32(bytes, at + 10), lastOffset, offsetDelta: readInt32(bytes, at + 22), timestampMs: lastTimestampMs };
  return {
    producerId: readInt64(bytes, at),
    epoch: readInt16(bytes, at + 8),
    coordinatorEpoch: readInt32(bytes, at + 34),
    lastTimestampMs,
    currentTxnFirstOffset: readInt64(bytes, at + 38),
    batches: lastOffset < 0 ? [] : [last],
  };
}
