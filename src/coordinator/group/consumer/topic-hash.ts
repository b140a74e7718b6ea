import { uuidToBytes } from '../../../base/uuid.js';
import { xxh3 } from '../../../base/xxh3.js';
import type { Int64 } from '../../../protocol/wire/types.js';
import type { ClusterTopic } from '../cluster-topics.js';

/** Begins what is hashed, so that another way to hash can tell itself from this one. */
const MAGIC = 0;

/**
 * Kafka's `Utils.computeTopicHash`, bit by bit, for the hash of a group stands in its records. Numbers go in with the low byte
 * first, texts as UTF-16 and their length.
 */
export function topicHash(topic: Omit<ClusterTopic, 'hash'>): bigint {
  const { name, id, partitionCount } = topic;
  const parts: Buffer[] = [Buffer.of(MAGIC), reversed(id, 0), reversed(id, 8), ...text(name), int32(partitionCount)];
  for (let partition = 0; partition < partitionCount; partition++) {
    parts.push(int32(partition));
    for (const rack of [...topic.racksOf(partition)].sort()) parts.push(int32(rack.length), ...text(rack));
  }
  return xxh3(Buffer.concat(parts));
}

/** Kafka's `Utils.computeGroupHash`; 0 for no topics. */
export function groupHash(topics: readonly Pick<ClusterTopic, 'name' | 'hash'>[]): Int64 {
  if (topics.length === 0) return 0;
  const hashes = Buffer.alloc(8 * topics.length);
  const sorted = [...topics].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const [index, { hash }] of sorted.entries()) hashes.writeBigUInt64LE(hash, 8 * index);
  const signed = BigInt.asIntN(64, xxh3(hashes));
  return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
}

/** Half of an id as the number that it is. */
function reversed(id: string, at: number): Buffer {
  return Buffer.from(uuidToBytes(id).subarray(at, at + 8)).reverse();
}

function text(value: string): Buffer[] {
  return [Buffer.from(value, 'utf16le'), int32(value.length)];
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
