// Where groups of Ottla answer otherwise than Apache Kafka's, and why. The test holds us to it both ways.

import type { KnownDifference } from '../lockstep/known-difference.js';

const ABSENT = '<absent>';
const WITHOUT_ROOM = 'a member that has not rejoined loses its place to a new one in a group of group.max.size; with it gone everybody has come, but ' +
  'Apache lets them wait for the rebalance timeout all the same, and we go on';
const ASKS_TWICE = 'of two joins of one member that wait Apache forgets the first, and never answers it; we send it back with REBALANCE_IN_PROGRESS';
const REMOVED = 'a member that is removed while it waits for its assignment never hears of it from Apache; we answer UNKNOWN_MEMBER_ID';
const NO_UPGRADE = 'Apache sends away who waits in a classic group before it finds that a new member cannot convert it; we do when the group is converted';

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  { asked: /^a member without room, m0 joins again, m\d: JoinGroup v3$/, at: /^$/, apache: ABSENT, ottla: /"errorCode":0,"generationId":2,/, reason: WITHOUT_ROOM },
  {
    asked: /^a member without room, m0 joins again, seen by anyone$/,
    at: /^(?:\.seen\[[^\]]*\]\.(?:groupState|members\[(?:<m\d>|m\d-<uuid>)\])|\.still waiting\.m\d)$/, reason: WITHOUT_ROOM,
  },
  {
    asked: /^a commit that only names its group, somebody commits (?:with too many words|for a group beside it), seen by anyone$/,
    at: /^\.seen\[[^\]]*\]\.(?:errorCode|errorMessage|groupState)$/,
    reason: 'a commit of which nothing is taken leaves an empty group behind in Apache\'s memory until the next restart or clean-up; to us there is none',
  },
  { asked: /^one asks twice, m1 wants another topic, and asks twice, m1: JoinGroup v3$/, at: /^$/, apache: ABSENT, ottla: /"errorCode":27,/, reason: ASKS_TWICE },
  { asked: /^one asks twice, m1 wants another topic, and asks twice, seen by anyone$/, at: /^\.still waiting\.m1$/, apache: 'JoinGroup', ottla: ABSENT, reason: ASKS_TWICE },
  { asked: /^one waits for its assignment and is removed, m1 is removed, m1: SyncGroup v3$/, at: /^$/, apache: ABSENT, ottla: /"errorCode":25,/, reason: REMOVED },
  {
    asked: /^one waits for its assignment and is removed, m1 is removed, seen by anyone$/, at: /^\.still waiting\.m1$/, apache: 'SyncGroup', ottla: ABSENT,
    reason: REMOVED,
  },
  {
    asked: /^somebody new wants nothing, !m2 joins, /, at: /^\.seen\.consumers.*\.(?:targetAssignment|assignment)|^\.assignment/,
    reason: 'Apache counts the members who share a subscription before it takes in one who subscribes to nothing, and assigns what the others ' +
      'want to that one too until the next change; we give it nothing',
  },
  {
    asked: /^a classic member takes the place of the last consumer, and not all have what they should, c1 joins, seen by anyone$/,
    at: /^\.seen\.classics\[[^\]]*\]\.(?:groupState|protocolData|members\[[^\]]*\](?:\.memberMetadata)?)$/,
    reason: 'Apache makes the group classic without a rebalance though members have yet to give back what others are assigned, which nobody then ' +
      'tells them; we have them rebalance',
  },
  { asked: /^an upgrade comes to nothing, !m0 joins, c\d: JoinGroup v3$/, at: /^$/, apache: /"errorCode":27,/, ottla: ABSENT, reason: NO_UPGRADE },
  {
    asked: /^an upgrade comes to nothing, !m0 joins, seen by anyone$/,
    at: /^(?:\.seen\.classics\[[^\]]*\]\.members\[(?:<c\d>|c\d-<uuid>)\]|\.still waiting\.c\d)$/, reason: NO_UPGRADE,
  },
];
