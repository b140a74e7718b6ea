/** Java's and Kafka's hashes: which partition a group or a key falls to must not depend on the implementation, nor what comes first in an answer. */

/** `String.hashCode`, an int32. */
export function stringHashCode(text: string): number {
  let hash = 0;
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0;
  return hash;
}

/**
 * The order in which a `java.util.HashMap` that got these keys one after the other gives them back: by bucket, and in one bucket by
 * arrival. Kafka answers DescribeConfigs in it, and prefers what comes first. One that is made to hold more than these keys, as a
 * copy is, has room for `room`.
 */
export function javaMapOrder(keys: readonly string[], hashOf = stringHashCode, room = keys.length): string[] {
  let capacity = 16;
  while (room > capacity * 0.75) capacity *= 2;
  const buckets: string[][] = Array.from({ length: capacity }, () => []);
  for (const key of keys) {
    const hash = hashOf(key);
    buckets[(hash ^ (hash >>> 16)) & (capacity - 1)]!.push(key);
  }
  return buckets.flat();
}

/** Kafka's `Utils.abs`: 0 for the one int32 that has no positive twin. */
export function javaAbs(value: number): number {
  return value === -0x8000_0000 ? 0 : Math.abs(value);
}

const MULTIPLIER = 0x5bd1e995;

/** Kafka's `Utils.murmur2` (seed 0x9747b28c), an int32; the default partitioner uses it with the sign bit cleared. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  let hash = 0x9747b28c ^ length;
  const wholeWords = length & ~3;
  for (let at = 0; at < wholeWords; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, MULTIPLIER);
    word ^= word >>> 24;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER);
  }
  const rest = length & 3;
  if (rest > 0) {
    for (let index = rest - 1; index >= 0; index--) hash ^= bytes[wholeWords + index]! << (8 * index);
    hash = Math.imul(hash, MULTIPLIER);
  }
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  return (hash ^ (hash >>> 15)) | 0;
}
