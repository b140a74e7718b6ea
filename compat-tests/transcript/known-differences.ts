// Where a tool prints something else on Ottla than on Apache Kafka, and why. The test holds us to it both ways: a
// difference that is not here fails it, and so does an entry that nothing differs by any more.

import type { Difference } from './compare.js';

export interface KnownDifference {
  /** Steps: family and title. */
  readonly step: RegExp;
  /** What each of the differing lines is on either side; where it is left out, that side has no line there, unless `words` is set. */
  readonly apache?: RegExp;
  readonly ottla?: RegExp;
  /** The same exception says it in other words. */
  readonly words?: true;
  readonly reason: string;
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  { step: /^console: console-producer/, words: true, reason: 'we say in words what is wrong with a batch where Apache Kafka gives the code alone' },
  {
    step: /^configs: .*--broker 1 --all$/,
    apache: /^ (?:listeners=\S+,CONTROLLER:|controller\.quorum\.bootstrap\.servers=\S)/, ottla: /^ (?:listeners=PLAINTEXT:[^,]* |controller\.quorum\.bootstrap\.servers= )/,
    reason: 'how a broker and its controller are reached is each one\'s own',
  },
  { step: /^configs: .*--add-config listeners=OTHER/, words: true, reason: 'what is wrong with listeners we say in our own words' },
  {
    step: /^configs: .*--describe --broker-logger 1/,
    apache: /^ (?:org\.apache\.kafka\.server\.logger\.LoggingController|root)=ERROR /, ottla: /^ [a-z.]+=INFO sensitive=false synonyms=\{\}$/,
    reason: 'each broker has loggers of its own, and begins at a level of its own',
  },
  {
    step: /^cluster: broker-api-versions/, apache: /: [1-9]\d* to \d+ \[usable: \d+\],$/, ottla: /: 0 to \d+ \[usable: \d+\],$/,
    reason: 'older versions are served too, for clients of Kafka\'s past',
  },
  { step: /^cluster: broker-api-versions/, apache: /: \d+(?: to \d+)? \[usable: \d+\],?$/, ottla: /: UNSUPPORTED,?$/, reason: 'not served yet' },
  {
    step: /: features .* describe/, apache: /^Feature: (?:share|streams)\.version /,
    reason: 'share.version and streams.version are not served yet',
  },
  {
    step: /^cluster: features .* upgrade --release-version 4\.3(?:$|-IV0)/,
    apache: /^exit 0$|^[a-z.]+\.version (?:can be|was) upgraded to \d+\.$/,
    ottla: /^exit 1$| had an error: Invalid update version 1 for feature share\.version\. |^7 out of 7 operation\(s\) failed\.$/,
    reason: 'the release that we stand for has features that are not served yet, share.version the first of them',
  },
  {
    step: /^share and streams groups: /, apache: /\bGroup nobody not found\.$/,
    ottla: /The node does not support (?:SHARE_GROUP_DESCRIBE|DELETE_SHARE_GROUP_OFFSETS|STREAMS_GROUP_DESCRIBE)$/,
    reason: 'share groups and streams groups are not served yet',
  },
  {
    step: /^files: metadata-shell .*(?:features|configs|byName)$/,
    apache: /^finalized_(?:share|streams)\.version:$|^ 1$/,
    reason: 'share groups and streams groups are not served yet',
  },
  {
    step: /^files: dump-log --cluster-metadata/,
    apache: /"PARTITION_RECORD","version":2|"FEATURE_LEVEL_RECORD".*"(?:share|streams)\.version"/, ottla: /"PARTITION_RECORD","version":1/,
    reason: 'we write a record in the lowest version that holds all of it; and share groups and streams groups are not served yet',
  },
  {
    step: /^files: metadata-shell .*\/pairs/, apache: /isr=\[\], .*elr=\[1\], .*leader=-1,/, ottla: /isr=\[1\], .*elr=\[\], .*leader=1,/,
    reason: 'Apache Kafka takes the leaderships of a broker that stops in order away; ours keep them, and are not written anew at the next start',
  },
];

/** The entry that allows a difference. */
export function knownAs({ step, apache, ottla, words }: Difference, list = KNOWN_DIFFERENCES): KnownDifference | undefined {
  return list.find(known => known.step.test(step) && (known.words === true ? words : allAre(apache, known.apache) && allAre(ottla, known.ottla)));
}

/** One line that is known takes no other along. */
const allAre = (lines: readonly string[], known: RegExp | undefined): boolean => (known === undefined ? lines.length === 0 : lines.every(line => known.test(line)));
