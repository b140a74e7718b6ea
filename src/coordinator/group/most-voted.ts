import { javaMapOrder } from '../../base/java-hash.js';

/**
 * The name with the most votes, null when none has any. Between equals Kafka takes whichever its hash map names first; members that
 * disagree then get the same from us as from it.
 */
export function mostVoted(votes: ReadonlyMap<string, number>): string | null {
  let chosen: string | null = null;
  let most = 0;
  for (const name of javaMapOrder([...votes.keys()])) {
    if (votes.get(name)! <= most) continue;
    chosen = name;
    most = votes.get(name)!;
  }
  return chosen;
}
