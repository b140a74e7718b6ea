import { stringHashCode } from '../base/java-hash.js';

/**
 * The order in which a `java.util.HashMap` that got these keys one after the other gives them back. Kafka answers
 * DescribeConfigs in it, and tools print what they get.
 */
export function javaMapOrder(keys: readonly string[]): string[] {
  let capacity = 16;
  while (keys.length > capacity * 0.75) capacity *= 2;
  const buckets: string[][] = Array.from({ length: capacity }, () => []);
  for (const key of keys) {
    const hash = stringHashCode(key);
    buckets[(hash ^ (hash >>> 16)) & (capacity - 1)]!.push(key);
  }
  return buckets.flat();
}
