// Where Ottla's error codes for requests that nobody would send differ from Apache Kafka's, and why. Held both ways, as the list of
// the differential test is: what the short form of the fuzzing meets is here, and nothing else.

import type { FuzzDifference } from './compare.js';

interface KnownDifference {
  /** Such as `Fetch v12 most`. */
  readonly asked: RegExp;
  /** The codes, with the way to each, or `closed`, `silent`. */
  readonly apache: RegExp;
  readonly ottla: RegExp;
  readonly reason: string;
}

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    asked: /^(?:Fetch|ListOffsets) .* (?:least|most)$/, apache: /errorCode -1/, ottla: /errorCode 42/,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over an isolation level that does not exist; we answer INVALID_REQUEST',
  },
  {
    asked: /^Fetch .* (?:least|most)$/, apache: /errorCode 3$/, ottla: /errorCode 42$/,
    reason: 'we look at the isolation level before the topics',
  },
  {
    asked: /^Produce /, apache: /errorCode (?:2|3|100)$/, ottla: /errorCode 21$/,
    reason: 'we look at the acks before the topics and the batches',
  },
  {
    asked: /^Produce /, apache: /^silent$/, ottla: /errorCode (?:3|21|100)$/,
    reason: 'Apache leaves some broken batches without an answer',
  },
  {
    asked: /^AlterConfigs /, apache: /^silent$/, ottla: /errorCode 42$/,
    reason: 'Apache leaves resources of a type that does not exist without an answer',
  },
  {
    asked: /^IncrementalAlterConfigs /, apache: /errorCode -1/, ottla: /errorCode 42/,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over an operation that does not exist; we answer INVALID_REQUEST',
  },
  {
    asked: /^CreateDelegationToken /, apache: /errorCode -1$/, ottla: /errorCode 42$/,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over an owner without a type; we answer INVALID_REQUEST',
  },
  {
    asked: /^AlterClientQuotas .* most$/, apache: /errorCode -1/, ottla: /errorCode 42/,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over what we call an INVALID_REQUEST',
  },
  {
    asked: /^AddPartitionsToTxn v[45] /, apache: /^silent$/, ottla: /^\.errorCode 0$/,
    reason: 'Apache leaves a request for no transactions without an answer',
  },
  {
    asked: /^WriteTxnMarkers /, apache: /^silent$|errorCode (?:-1|3)$/, ottla: /errorCode 42$/,
    reason: 'we look at the producer before the partitions, and answer INVALID_REQUEST where there can be none',
  },
];

export function knownAs({ name, apache, ottla }: Pick<FuzzDifference, 'name' | 'apache' | 'ottla'>): KnownDifference | undefined {
  return KNOWN_DIFFERENCES.find(known => known.asked.test(name) && known.apache.test(apache) && known.ottla.test(ottla));
}
