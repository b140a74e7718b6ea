// Where transactions of Ottla go otherwise than Apache Kafka's, and why. The test holds us to it both ways.

import type { KnownDifference } from '../lockstep/known-difference.js';

const AHEAD = 'a partition refuses the marker of a producer that wrote to it with a later epoch than it has; Apache gives up on the transaction, which stays ' +
  'prepared until the coordinator moves, and we go on to its end';
const FENCED = 'an end that is asked for with the epoch before is the same end again to Apache, even where that epoch was taken from a producer by another; ' +
  'we fence it';

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    asked: / Produce v\d+(?:, again)*$/, at: /\.errorMessage$/, apache: null, ottla: '<words>',
    reason: 'we say in words what is wrong with a batch where Apache gives the code alone',
  },
  {
    asked: /is marked by hand.*, a broker: WriteTxnMarkers v\d$/, at: /\.errorCode$/, apache: -1, ottla: 42,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over a marker of no epoch; we answer INVALID_REQUEST',
  },
  { asked: /^ahead, t0 commits, seen by anyone$/, at: /^\.seen\[[^\]]*\]\.transactionState$/, apache: 'PrepareCommit', ottla: 'CompleteCommit', reason: AHEAD },
  { asked: /^ahead, t0 commits, seen by anyone$/, at: /^\.seen\[[^\]]*\]\.topics\[ahead-a\]$/, ottla: '<absent>', reason: AHEAD },
  { asked: /^ahead, __transaction_state$/, at: /./, apache: '<absent>', ottla: /"transactionStatus":"CompleteCommit",/, reason: AHEAD },
  { asked: /, t\d, fenced: EndTxn v5(?:, again)*$/, at: /^\.errorCode$/, apache: /^(?:0|48)$/, ottla: 90, reason: FENCED },
  { asked: /, t\d, fenced: EndTxn v5(?:, again)*$/, at: /^\.producerId$/, apache: /^"p\d+"$/, ottla: 'none', reason: FENCED },
  { asked: /, t\d, fenced: EndTxn v5(?:, again)*$/, at: /^\.producerEpoch$/, apache: /^\d+$/, ottla: -1, reason: FENCED },
];
