import { crc32 } from 'node:zlib';
import { readInt32 } from '../../base/bytes.js';
import { MAGIC_AT, sizeInBytes } from './batch.js';

/** Messages as they were written before Kafka 0.11, format v0 and v1: recognized, so that nobody takes them for damage, and not read. */

/** CRC-32 (not C) of all that follows it, from the magic on. */
const CRC_AT = 12;
/** With neither key nor value. */
const SMALLEST_BYTES = 26;

/**
 * The size of the message of format v0 or v1 that begins at `at`, where a batch would have magic 0 or 1; 0 when it goes beyond
 * `end`, undefined when its checksum says that it is none.
 */
export function oldMessageSize(bytes: Uint8Array, at: number, end: number): number | undefined {
  const sizeBytes = sizeInBytes(bytes, at);
  if (sizeBytes < SMALLEST_BYTES) return undefined;
  if (sizeBytes > end - at) return 0;
  return crc32(bytes.subarray(at + MAGIC_AT, at + sizeBytes)) === readInt32(bytes, at + CRC_AT) >>> 0 ? sizeBytes : undefined;
}
