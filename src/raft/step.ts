import { encodeLeaderChangeMessage } from '../protocol/generated/index.js';
import { ControlRecordType } from '../protocol/records/control-records.js';
import { ZERO_UUID, type Uuid } from '../protocol/wire/types.js';
import { controlValue, quorumControlRecords, type QuorumFacts, type Voter } from '../metadata/snapshot.js';
import type { ElectionState } from './election-state.js';

/**
 * Raft as a pure function (KIP-595, KIP-853): an input goes in, a bundle comes out that says what to make durable, append and
 * announce, in that order. It is complete for a quorum whose only voter is this node; a node that would have to speak with
 * others is refused by name, and the shapes of its roles stand here for the day it can.
 */

export type Role =
  /** Knows of no leader: before the start, and after a resignation. */
  | { readonly kind: 'unattached' }
  /** Has voted for itself; `granted` have voted for it too. */
  | { readonly kind: 'candidate'; readonly granted: readonly number[] }
  /** `startOffset` is where its epoch begins in the log; `announced` once that is committed. */
  | { readonly kind: 'leader'; readonly startOffset: number; readonly granted: readonly number[]; readonly announced: boolean }
  | { readonly kind: 'follower'; readonly leaderId: number }
  /** Follows without a vote: a broker, or a controller that has not joined. */
  | { readonly kind: 'observer'; readonly leaderId: number };

export interface RaftState {
  readonly nodeId: number;
  readonly directoryId: Uuid;
  readonly election: ElectionState;
  readonly role: Role;
  /** As the log has it, committed or not. */
  readonly quorum: QuorumFacts;
  /** Whether the voters stand in the log; after formatting they stand in the first snapshot only. */
  readonly votersInLog: boolean;
  /** This node as the voters record should name it. */
  readonly localVoter: Voter;
  readonly endOffset: number;
  /** Epoch of the last batch, 0 for an empty log. */
  readonly lastEpoch: number;
  /** Exclusive end of what is committed. */
  readonly highWatermark: number;
}

export type RaftInput =
  /** The log is read: take part. */
  | { readonly kind: 'start' }
  /** What the last bundle wanted durable is. */
  | { readonly kind: 'saved' }
  /** The log grew, by what a bundle wanted appended or by the leader's own records. */
  | { readonly kind: 'appended'; readonly endOffset: number }
  /** The controller wants the quorum at this kraft.version; one that it has, or that is lower, changes nothing. */
  | { readonly kind: 'raise'; readonly kraftVersion: number }
  /** This node stops, or its disk failed. */
  | { readonly kind: 'resign' };

export interface Ready {
  /** To be durable before anything else of this bundle happens; then `saved`. */
  readonly save?: ElectionState;
  /** Control records of the leader, one batch; then `appended`. */
  readonly append?: { readonly epoch: number; readonly records: readonly { readonly type: ControlRecordType; readonly value: Uint8Array }[] };
  /** The epoch in which this node leads from now on, all earlier records being committed; null when it leads no more. */
  readonly leadership?: number | null;
  /** A new exclusive end of what is committed. */
  readonly highWatermark?: number;
}

export interface Step {
  readonly state: RaftState;
  readonly ready: Ready;
}

/** A quorum that this version cannot be part of. */
export class UnservedQuorumError extends Error {
  override readonly name = 'UnservedQuorumError';
}

export function step(state: RaftState, input: RaftInput): Step {
  switch (input.kind) {
    case 'start':
      return campaign(state);
    case 'saved':
      return maybeLead(state);
    case 'appended':
      return grown(state, input.endOffset);
    case 'raise':
      return raised(state, input.kraftVersion);
    default:
      return resigned(state);
  }
}

/** A new epoch, above all that the file and the log have seen, in which this node votes for itself. */
function campaign(state: RaftState): Step {
  mustKnowProtocol(state);
  mustBeOnlyVoter(state);
  const { nodeId, directoryId } = state;
  const leaderEpoch = Math.max(state.election.leaderEpoch, state.lastEpoch) + 1;
  // With one voter the election is decided by its own vote, so vote and leader are saved at once.
  const election: ElectionState = { leaderEpoch, leaderId: nodeId, votedId: nodeId, votedDirectoryId: directoryId };
  return { state: { ...state, election, role: { kind: 'candidate', granted: [nodeId] } }, ready: { save: election } };
}

/** The vote is durable: with a majority this node leads, and says so in the log. */
function maybeLead(state: RaftState): Step {
  const { role, election, quorum, endOffset } = state;
  if (role.kind !== 'candidate' || role.granted.length * 2 <= quorum.voters.length) return { state, ready: {} };
  const announcesVoters = quorum.kraftVersion > 0 && (!state.votersInLog || !sameVoter(state));
  const voters = announcesVoters ? withLocalVoter(state) : quorum.voters;
  const leader: RaftState = {
    ...state,
    role: { kind: 'leader', startOffset: endOffset, granted: role.granted, announced: false },
    quorum: { ...quorum, voters },
    votersInLog: state.votersInLog || announcesVoters,
    lastEpoch: election.leaderEpoch,
  };
  const records = [leaderChange(leader, role.granted), ...(announcesVoters ? quorumControlRecords(leader.quorum) : [])];
  return { state: leader, ready: { append: { epoch: election.leaderEpoch, records } } };
}

/** What the only voter has written is committed; with the first record of its epoch, so is all before it. */
function grown(state: RaftState, endOffset: number): Step {
  const { role } = state;
  if (role.kind !== 'leader') return { state: { ...state, endOffset }, ready: {} };
  const next: RaftState = { ...state, endOffset, highWatermark: endOffset, role: { ...role, announced: true } };
  return { state: next, ready: { highWatermark: endOffset, ...(role.announced ? {} : { leadership: state.election.leaderEpoch }) } };
}

/** From kraft.version 1 on the log itself names the voters: they go with the version that says so (`LeaderState.maybeAppendUpgradedKRaftVersion`). */
function raised(state: RaftState, kraftVersion: number): Step {
  const { role, election, quorum } = state;
  if (role.kind !== 'leader' || kraftVersion <= quorum.kraftVersion) return { state, ready: {} };
  const raisedTo: QuorumFacts = { kraftVersion, voters: withLocalVoter(state) };
  return {
    state: { ...state, quorum: raisedTo, votersInLog: true },
    ready: { append: { epoch: election.leaderEpoch, records: quorumControlRecords(raisedTo) } },
  };
}

function resigned(state: RaftState): Step {
  const ready: Ready = state.role.kind === 'leader' ? { leadership: null } : {};
  return { state: { ...state, role: { kind: 'unattached' } }, ready };
}

function leaderChange({ nodeId, quorum }: RaftState, granted: readonly number[]): { type: ControlRecordType; value: Uint8Array } {
  const message = {
    version: 0,
    leaderId: nodeId,
    voters: quorum.voters.map(({ voterId }) => ({ voterId })),
    grantingVoters: granted.map(voterId => ({ voterId })),
  };
  return { type: ControlRecordType.leaderChange, value: controlValue(writer => encodeLeaderChangeMessage(writer, message, 0)) };
}

function mustKnowProtocol({ quorum: { kraftVersion }, localVoter: { kRaftVersionFeature: { maxSupportedVersion } } }: RaftState): void {
  if (kraftVersion <= maxSupportedVersion) return;
  throw new UnservedQuorumError(`the quorum has kraft.version ${kraftVersion}, which this version does not know; levels 0 to ${maxSupportedVersion} are known`);
}

function mustBeOnlyVoter({ nodeId, directoryId, quorum: { voters } }: RaftState): void {
  const names = voters.map(({ voterId }) => voterId).join(', ');
  if (voters.length === 0) throw new UnservedQuorumError('the metadata log names no voters: format the directory with --standalone');
  if (voters.length > 1) throw new UnservedQuorumError(`the quorum has ${voters.length} voters (${names}); a quorum of one is served`);
  const voter = voters[0]!;
  if (voter.voterId !== nodeId) throw new UnservedQuorumError(`node ${nodeId} is not a voter of the quorum (${names})`);
  // Without kraft.version 1 voters have no directory.
  if (voter.voterDirectoryId !== ZERO_UUID && voter.voterDirectoryId !== directoryId) {
    throw new UnservedQuorumError(`the voter of node ${nodeId} has metadata directory ${voter.voterDirectoryId}, this one is ${directoryId}`);
  }
}

function withLocalVoter({ nodeId, quorum: { voters }, localVoter }: RaftState): readonly Voter[] {
  return voters.map(voter => (voter.voterId === nodeId ? localVoter : voter));
}

/** Whether the voters record already says of this node what holds now. */
function sameVoter({ nodeId, quorum: { voters }, localVoter }: RaftState): boolean {
  const voter = voters.find(({ voterId }) => voterId === nodeId);
  return voter !== undefined && describeVoter(voter) === describeVoter(localVoter);
}

function describeVoter({ voterId, voterDirectoryId, endpoints, kRaftVersionFeature: range }: Voter): string {
  const places = endpoints.map(({ name, host, port }) => [name, host, port]);
  return JSON.stringify([voterId, voterDirectoryId, places, range.minSupportedVersion, range.maxSupportedVersion]);
}
