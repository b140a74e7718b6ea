import { MalformedError } from '../base/bytes.js';
import { QUORUM_STATE_FILE } from '../log/paths.js';
import { ZERO_UUID, type Uuid } from '../protocol/wire/types.js';

/** What a node must not forget of elections: the file `quorum-state`. */
export interface ElectionState {
  readonly leaderEpoch: number;
  /** -1: not known. */
  readonly leaderId: number;
  /** For whom this node voted in the epoch; -1 for nobody. */
  readonly votedId: number;
  readonly votedDirectoryId: Uuid;
}

export const NO_ELECTION: ElectionState = { leaderEpoch: 0, leaderId: -1, votedId: -1, votedDirectoryId: ZERO_UUID };

/** One line of JSON (Kafka's `FileQuorumStateStore`); kraft.version 0 writes version 0, which knows no directories. */
export function formatElectionState(state: ElectionState, kraftVersion: number, voters: readonly number[]): string {
  const { leaderId, leaderEpoch, votedId, votedDirectoryId } = state;
  if (kraftVersion > 0) return JSON.stringify({ leaderId, leaderEpoch, votedId, votedDirectoryId, data_version: 1 });
  return JSON.stringify({
    clusterId: '', leaderId, leaderEpoch, votedId, appliedOffset: 0, currentVoters: voters.map(voterId => ({ voterId })), data_version: 0,
  });
}

/** Throws `MalformedError` when the text is not what Kafka or this version writes. */
export function parseElectionState(text: string): ElectionState {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new MalformedError(`${QUORUM_STATE_FILE} is not JSON`);
  }
  const number = (name: string): number => {
    const value = json[name];
    if (typeof value !== 'number' || !Number.isInteger(value)) throw new MalformedError(`${QUORUM_STATE_FILE}: ${name} is ${JSON.stringify(value)}`);
    return value;
  };
  const version = number('data_version');
  if (version !== 0 && version !== 1) throw new MalformedError(`${QUORUM_STATE_FILE} has version ${version}; 0 and 1 are known`);
  const directory = json['votedDirectoryId'];
  return {
    leaderEpoch: number('leaderEpoch'),
    leaderId: number('leaderId'),
    votedId: number('votedId'),
    votedDirectoryId: typeof directory === 'string' ? directory : ZERO_UUID,
  };
}
