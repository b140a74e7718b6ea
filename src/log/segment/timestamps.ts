import { isSafeInt64, readInt64 } from '../../base/bytes.js';
import { count, MAX_TIMESTAMP_AT, NO_TIMESTAMP } from '../../protocol/records/batch.js';

/**
 * A timestamp of a log that is on disk already. Nothing is refused any more: one beyond 2^53-1, which Apache lets through when
 * a topic sets no bound, counts as the largest number there is; a negative one as none.
 */
export function readTimestampMs(bytes: Uint8Array, at: number): number {
  if (bytes[at]! >= 0x80) return NO_TIMESTAMP;
  return isSafeInt64(bytes, at) ? readInt64(bytes, at) : Number.MAX_SAFE_INTEGER;
}

/** The largest timestamp of the batch at `at`, as its header has it. */
export function maxTimestampOf(bytes: Uint8Array, at: number): number {
  return readTimestampMs(bytes, at + MAX_TIMESTAMP_AT);
}

/**
 * The largest timestamp of the records in the batch at `at`. A batch that compaction left for its producer's sake has none,
 * whatever the header remembers: an index entry for it would lead a look-up to nothing.
 */
export function maxRecordTimestampOf(bytes: Uint8Array, at: number): number {
  return count(bytes, at) === 0 ? NO_TIMESTAMP : maxTimestampOf(bytes, at);
}
