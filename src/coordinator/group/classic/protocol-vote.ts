import { stringHashCode } from '../../../base/java-hash.js';

/**
 * The protocol with the most votes. Between equals Kafka takes whichever its hash map names first; members that disagree
 * then get the same protocol from us as from it.
 */
export function chooseProtocol(votes: readonly (string | undefined)[]): string {
  const count = new Map<string, number>();
  for (const vote of votes) if (vote !== undefined) count.set(vote, (count.get(vote) ?? 0) + 1);
  let chosen = '';
  let most = 0;
  for (const name of inHashMapOrder([...count.keys()])) {
    if (count.get(name)! <= most) continue;
    chosen = name;
    most = count.get(name)!;
  }
  return chosen;
}

/** The order in which a `java.util.HashMap` of these keys is walked: by bucket, and in one bucket by arrival. */
function inHashMapOrder(keys: readonly string[]): string[] {
  let buckets = 16;
  while (keys.length > buckets * 0.75) buckets *= 2;
  const bucketOf = (key: string): number => {
    const hash = stringHashCode(key);
    return (hash ^ (hash >>> 16)) & (buckets - 1);
  };
  return [...keys].sort((a, b) => bucketOf(a) - bucketOf(b));
}
