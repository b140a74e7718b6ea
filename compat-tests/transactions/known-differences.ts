// Where transactions of Ottla go otherwise than Apache Kafka's, and why. The test holds us to it both ways.

import type { KnownDifference } from '../lockstep/known-difference.js';

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    asked: / Produce v\d+(?:, again)*$/, at: /\.errorMessage$/, apache: null, ottla: '<words>',
    reason: 'we say in words what is wrong with a batch where Apache gives the code alone',
  },
  {
    asked: /is marked by hand.*, a broker: WriteTxnMarkers v\d$/, at: /\.errorCode$/, apache: -1, ottla: 42,
    reason: 'Apache fails with UNKNOWN_SERVER_ERROR over a marker of no epoch; we answer INVALID_REQUEST',
  },
];
