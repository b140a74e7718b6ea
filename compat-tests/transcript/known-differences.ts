// Where a tool prints something else on Ottla than on Apache Kafka, and why. The test holds us to it both ways: a
// difference that is not here fails it, and so does an entry that nothing differs by any more.

import type { Difference } from './compare.js';

export interface KnownDifference {
  /** Steps: family and title. */
  readonly step: RegExp;
  /** What the differing lines are on either side; any when left out. */
  readonly apache?: RegExp;
  readonly ottla?: RegExp;
  /** The same exception says it in other words. */
  readonly words?: true;
  readonly reason: string;
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  { step: /./, words: true, reason: 'the sentences that our errors say are our own; the errors are the same' },
  { step: /^configs: .*--broker 1 --all$/, apache: /^ (?:listeners|controller\.quorum\.bootstrap\.servers)=/, reason: 'how a broker and its controller are reached is each one\'s own' },
  { step: /^configs: .*--broker-logger 1/, apache: /LoggingController|root/, reason: 'our log has one level, chosen at the start: there are no loggers' },
  { step: /^configs: .*(?:threads|--describe --broker 1 \(2\)|--describe --entity-type brokers)/, reason: 'a change of the number of threads is not bounded yet' },
  { step: /^performance: .*--transactional-id/, reason: 'transactions are not served yet' },
  { step: /^(?:consumer protocol|performance by the consumer protocol): /, reason: 'the consumer protocol is not served yet' },
];

/** The entry that allows a difference. */
export function knownAs({ step, apache, ottla, words }: Difference): KnownDifference | undefined {
  return KNOWN_DIFFERENCES.find(known => known.step.test(step) && (known.words === undefined || words) &&
    (known.apache?.test(apache.join('\n')) ?? true) && (known.ottla?.test(ottla.join('\n')) ?? true));
}
