import { mostVoted } from '../most-voted.js';

/** The protocol that most of the members would have, '' when none votes. */
export function chooseProtocol(votes: readonly (string | undefined)[]): string {
  const count = new Map<string, number>();
  for (const vote of votes) if (vote !== undefined) count.set(vote, (count.get(vote) ?? 0) + 1);
  return mostVoted(count) ?? '';
}
