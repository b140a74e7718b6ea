import { errorMessage } from '../protocol/errors.js';
import type { AddRaftVoterRequestInput, AddRaftVoterResponseInput } from '../protocol/generated/add-raft-voter.js';
import type { DescribeQuorumRequestInput, DescribeQuorumResponseInput } from '../protocol/generated/describe-quorum.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { RemoveRaftVoterRequestInput, RemoveRaftVoterResponseInput } from '../protocol/generated/remove-raft-voter.js';
import { METADATA_TOPIC } from '../protocol/internal-topics.js';
import { ZERO_UUID, type Uuid } from '../protocol/wire/types.js';
import type { QuorumFacts, Voter } from '../metadata/snapshot.js';
import { METADATA_PARTITION } from './metadata-log.js';

/**
 * What clients ask of the quorum itself (KIP-595, KIP-836, KIP-853), answered from what its leader knows. After Kafka's
 * `KafkaRaftClient`, `AddVoterHandler` and `RemoveVoterHandler`, as far as a quorum of one comes to: nobody fetches from it, so that
 * there are no observers, and a node that would join is never caught up.
 */
export interface QuorumApi {
  /** -1: nobody leads, as far as this node knows. */
  leaderId(): number;
  describeQuorum(request: DescribeQuorumRequestInput): Promise<DescribeQuorumResponseInput>;
  addVoter(request: AddRaftVoterRequestInput): Promise<AddRaftVoterResponseInput>;
  removeVoter(request: RemoveRaftVoterRequestInput): Promise<RemoveRaftVoterResponseInput>;
}

/** A node's own view of the quorum. */
export interface QuorumDescription {
  readonly nodeId: number;
  readonly isLeader: boolean;
  readonly leaderEpoch: number;
  /** Exclusive end of what is committed. */
  readonly highWatermark: number;
  readonly endOffset: number;
  readonly quorum: QuorumFacts;
  /** The listener by which voters reach one another. */
  readonly listener: string;
}

type ClusterFacts = QuorumDescription & { readonly clusterId: string };

/** kraft.version from which on voters come and go. */
const RECONFIGURABLE = 1;

type Answer = { readonly errorCode: number; readonly errorMessage: string | null };

const refused = (errorCode: number, why = errorMessage(errorCode)): Answer => ({ errorCode, errorMessage: why });

/** Only the metadata log is a quorum's; whoever asks for anything else, or for more, gets no answer for any of it. */
export function describeQuorum(facts: QuorumDescription, { topics }: DescribeQuorumRequestInput, nowMs: number): DescribeQuorumResponseInput {
  const [topic] = topics;
  const isMetadata = topics.length === 1 && topic!.topicName === METADATA_TOPIC &&
    topic!.partitions.length === 1 && topic!.partitions[0]!.partitionIndex === METADATA_PARTITION;
  const fault = !isMetadata ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : facts.isLeader ? undefined : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  if (fault !== undefined) {
    const unknown = { ...refused(fault), leaderId: 0, leaderEpoch: 0, highWatermark: 0, currentVoters: [], observers: [] };
    return {
      errorCode: ErrorCode.NONE, errorMessage: '', nodes: [],
      topics: topics.map(({ topicName, partitions }) => ({ topicName, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, ...unknown })) })),
    };
  }
  const { nodeId, leaderEpoch, highWatermark, endOffset, quorum: { voters } } = facts;
  const currentVoters = voters.map(({ voterId, voterDirectoryId }) => {
    const lastMs = voterId === nodeId ? nowMs : -1;
    return {
      replicaId: voterId, replicaDirectoryId: voterDirectoryId, logEndOffset: voterId === nodeId ? endOffset : -1,
      lastFetchTimestamp: lastMs, lastCaughtUpTimestamp: lastMs,
    };
  });
  const partition = {
    partitionIndex: METADATA_PARTITION, errorCode: ErrorCode.NONE, errorMessage: '', leaderId: nodeId, leaderEpoch, highWatermark, currentVoters, observers: [],
  };
  return {
    errorCode: ErrorCode.NONE, errorMessage: '',
    topics: [{ topicName: METADATA_TOPIC, partitions: [partition] }],
    nodes: voters.map(({ voterId, endpoints }) => ({ nodeId: voterId, listeners: endpoints.map(({ name, host, port }) => ({ name, host, port })) })),
  };
}

/** A node that would join has to fetch the metadata first and be caught up, which nobody is. */
export function addVoter(facts: ClusterFacts, request: AddRaftVoterRequestInput): AddRaftVoterResponseInput {
  const { voterId, voterDirectoryId, listeners } = request;
  const fault = whyNotReconfigured(facts, request, 'add') ?? whyNotReached(facts, listeners);
  if (fault !== undefined) return fault;
  const unready = whyNotReady(facts, 'adding');
  if (unready !== undefined) return unready;
  const { voters } = facts.quorum;
  if (voters.some(voter => voter.voterId === voterId)) {
    return refused(ErrorCode.DUPLICATE_VOTER, `The voter id for ${replicaKey(voterId, voterDirectoryId)} is already part of the set of voters ${keysOf(voters)}.`);
  }
  return refused(ErrorCode.REQUEST_TIMED_OUT, `Aborted add voter operation for ${replicaKey(voterId, voterDirectoryId)} since it is lagging behind`);
}

/** The last voter stays. */
export function removeVoter(facts: ClusterFacts, request: RemoveRaftVoterRequestInput): RemoveRaftVoterResponseInput {
  const fault = whyNotReconfigured(facts, request, 'remove') ?? whyNotReady(facts, 'removing');
  if (fault !== undefined) return fault;
  return refused(ErrorCode.VOTER_NOT_FOUND,
    `Cannot remove voter ${replicaKey(request.voterId, request.voterDirectoryId)} from the set of voters ${keysOf(facts.quorum.voters)}`);
}

function whyNotReconfigured(
  { clusterId, isLeader }: ClusterFacts, request: { clusterId: string | null; voterId: number; voterDirectoryId: Uuid }, what: 'add' | 'remove',
): Answer | undefined {
  if (request.clusterId !== null && request.clusterId !== clusterId) {
    return refused(ErrorCode.INCONSISTENT_CLUSTER_ID, `The given id "${request.clusterId}" doesn't match the cluster id "${clusterId}"`);
  }
  if (!isLeader) return refused(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  if (request.voterId >= 0 && request.voterDirectoryId !== ZERO_UUID) return undefined;
  return refused(ErrorCode.INVALID_REQUEST, `${what === 'add' ? 'Add' : 'Remove'} voter request didn't include a valid voter`);
}

function whyNotReached({ listener }: QuorumDescription, listeners: AddRaftVoterRequestInput['listeners']): Answer | undefined {
  if (listeners.some(({ name }) => name.toUpperCase() === listener)) return undefined;
  const given = listeners.map(({ name, host, port }) => `ListenerName(${name.toUpperCase()})=${host}/<unresolved>:${port}`).join(', ');
  return refused(ErrorCode.INVALID_REQUEST, `Add voter request didn't include the endpoint (Endpoints(endpoints={${given}})) for the default listener ListenerName(${listener})`);
}

function whyNotReady({ quorum: { kraftVersion } }: QuorumDescription, what: 'adding' | 'removing'): Answer | undefined {
  if (kraftVersion >= RECONFIGURABLE) return undefined;
  return refused(ErrorCode.UNSUPPORTED_VERSION, `Cluster doesn't support ${what} voter because the kraft.version feature is ${kraftVersion}`);
}

const replicaKey = (id: number, directoryId: Uuid): string =>
  `ReplicaKey(id=${id}, directoryId=${directoryId === ZERO_UUID ? '<undefined>' : directoryId})`;

const keysOf = (voters: readonly Voter[]): string => `[${voters.map(({ voterId, voterDirectoryId }) => replicaKey(voterId, voterDirectoryId)).join(', ')}]`;
