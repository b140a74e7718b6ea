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
  // Those about settings are Kafka's: who changes settings by hand reads them.
  { step: /^(?!configs: |groups and client metrics: )/, words: true, reason: 'the sentences that our errors say are our own; the errors are the same' },
  { step: /^configs: .*--broker 1 --all$/, apache: /^ (?:listeners|controller\.quorum\.bootstrap\.servers)=/, reason: 'how a broker and its controller are reached is each one\'s own' },
  { step: /^configs: .*--add-config listeners=OTHER/, words: true, reason: 'what is wrong with listeners we say in our own words' },
  { step: /^configs: .*--describe --broker-logger 1/, apache: /LoggingController|root/, reason: 'each broker has loggers of its own, and begins at a level of its own' },
  { step: /^performance: .*--transactional-id/, reason: 'transactions are not served yet' },
  { step: /^(?:consumer protocol|performance by the consumer protocol): /, reason: 'the consumer protocol is not served yet' },
];

/** The entry that allows a difference. */
export function knownAs({ step, apache, ottla, words }: Difference): KnownDifference | undefined {
  return KNOWN_DIFFERENCES.find(known => known.step.test(step) && (known.words === undefined || words) &&
    (known.apache?.test(apache.join('\n')) ?? true) && (known.ottla?.test(ottla.join('\n')) ?? true));
}
