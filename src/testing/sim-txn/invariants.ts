import { makeInvariants, type Holds } from '../../log/testing/make-invariants.js';

/** What must hold of a broker with transactions, whatever befalls it, by name. */
export const INVARIANTS = {
  abortedRead: 'nobody who reads committed records sees one whose transaction was not committed',
  committedLost: 'what was acknowledged, and committed where it was part of a transaction, is there',
  allOrNothing: 'of a transaction all is visible or nothing',
  exactlyOnce: 'no value is visible twice, and every input of a pipeline has one output at most',
  offsetsWithOutput: "a group's committed offsets say exactly which of its inputs have a visible output",
  oneOwner: 'once InitProducerId is answered, nothing of an older incarnation becomes visible any more',
  fencing: 'nobody is fenced but by another incarnation or by the timeout of a transaction',
  stableOffset: 'last stable offset and high watermark never move back, and nothing beyond the first is read as committed',
  offsets: 'no offset ever holds two records',
  agreement: 'an open transaction of a partition is known to the coordinator as under way',
  drained: 'when all timeouts are over no transaction is open, neither at the coordinator nor in a partition nor in a group',
  endHolds: 'an EndTxn that was answered without an error holds',
  answers: 'every answer is one that Kafka gives in such a case',
  history: 'what the clients did and saw has no anomaly, as a checker tells that knows nothing of brokers',
  progress: 'every request comes to a final answer while the broker runs, and the broker starts after every stop',
} as const;
export type Invariant = keyof typeof INVARIANTS;

const made = makeInvariants(INVARIANTS);
export const { InvariantError } = made;
export type InvariantError = InstanceType<typeof InvariantError>;
export const holds: Holds<Invariant> = made.holds;
