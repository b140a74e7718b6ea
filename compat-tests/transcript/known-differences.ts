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
  { step: /^console: console-producer/, words: true, reason: 'we say in words what is wrong with a batch where Apache Kafka gives the code alone' },
  { step: /^configs: .*--broker 1 --all$/, apache: /^ (?:listeners|controller\.quorum\.bootstrap\.servers)=/, reason: 'how a broker and its controller are reached is each one\'s own' },
  { step: /^configs: .*--add-config listeners=OTHER/, words: true, reason: 'what is wrong with listeners we say in our own words' },
  { step: /^configs: .*--describe --broker-logger 1/, apache: /LoggingController|root/, reason: 'each broker has loggers of its own, and begins at a level of its own' },
  { step: /^performance: .*--transactional-id/, reason: 'transactions are not served yet' },
  { step: /^transactions: .* (?:list|describe --transactional-id|forceTerminateTransaction)/, ottla: /does not support LIST_TRANSACTIONS|type=TRANSACTION|exit 1|^$/, reason: 'transactions are not served yet' },
  { step: /^cluster: broker-api-versions/, ottla: /: 0 to \d+ \[usable: \d+\],$/, reason: 'older versions are served too, for clients of Kafka\'s past' },
  { step: /^cluster: broker-api-versions/, ottla: /: UNSUPPORTED,?$/, reason: 'not served yet' },
  { step: /^(?:cluster|before a restart|after a restart): features .* (?:describe|upgrade --release-version)/, apache: /share\.version|streams\.version|transaction\.version|can be upgraded|was upgraded|exit 0|^$/, reason: 'share.version, streams.version and transaction.version are not served yet' },
  { step: /^share and streams groups: /, reason: 'share groups and streams groups are not served yet' },
  { step: /^files: metadata-shell .*(?:features|configs|byName)$/, apache: /__share_group_state|__transaction_state|finalized_/, ottla: /^$/, reason: 'transactions and share groups are not served yet' },
  { step: /^files: dump-log --cluster-metadata/, apache: /"PARTITION_RECORD","version":2/, ottla: /"PARTITION_RECORD","version":1/, reason: 'we write a record in the lowest version that holds all of it' },
  { step: /^files: dump-log --cluster-metadata/, apache: /__transaction_state|(?:share|streams|transaction)\.version/, ottla: /^$/, reason: 'transactions and share groups are not served yet' },
  { step: /^files: metadata-shell .*\/pairs/, apache: /elr=\[1\], .*leader=-1/, reason: 'Apache Kafka takes the leaderships of a broker that stops in order away; ours keep them, and are not written anew at the next start' },
];

/** The entry that allows a difference. */
export function knownAs({ step, apache, ottla, words }: Difference): KnownDifference | undefined {
  return KNOWN_DIFFERENCES.find(known => known.step.test(step) && (known.words === undefined || words) &&
    (known.apache?.test(apache.join('\n')) ?? true) && (known.ottla?.test(ottla.join('\n')) ?? true));
}
