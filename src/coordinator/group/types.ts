import type { Int64, Uuid } from '../../protocol/wire/types.js';
import type { OpenTransaction } from '../../runtime/machine.js';

/**
 * What the machine is asked and what it answers: the newest version of each request, stripped of the wire. Field names are
 * the specification's, so that a handler can pass answers on as they are.
 */

export interface MemberProtocol {
  readonly name: string;
  /** Opaque to the coordinator, but for the topics of protocol type `consumer`. */
  readonly metadata: Uint8Array;
}

export interface JoinRequest {
  readonly groupId: string;
  /** Empty: not known yet. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  /** Most wanted first. */
  readonly protocols: readonly MemberProtocol[];
  /** A dynamic member without an id is given one first, and has to come again with it (KIP-394; JoinGroup v4+). */
  readonly needsKnownMemberId: boolean;
  /** A returning static leader may be told that nothing is to be assigned (KIP-814; JoinGroup v9+). */
  readonly maySkipAssignment: boolean;
}

export interface JoinResult {
  readonly errorCode: number;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  readonly memberId: string;
  /** Of all members for the leader, empty for the others. */
  readonly members: readonly { memberId: string; groupInstanceId: string | null; metadata: Uint8Array }[];
}

export interface SyncRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Null where the version does not carry them: then they are not compared (KIP-559). */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignments: readonly { memberId: string; assignment: Uint8Array }[];
}

export interface SyncResult {
  readonly errorCode: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Uint8Array;
}

export interface HeartbeatRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export interface HeartbeatResult {
  readonly errorCode: number;
}

export interface LeaveRequest {
  readonly groupId: string;
  /** A member id, or an empty one with a group instance id: an administrator removes a static member. */
  readonly members: readonly { memberId: string; groupInstanceId: string | null }[];
}

export interface LeaveResult {
  readonly errorCode: number;
  readonly members: readonly { memberId: string; groupInstanceId: string | null; errorCode: number }[];
}

export interface CommitRequest {
  readonly groupId: string;
  /** -1 with an empty member id: somebody outside the group's protocol. */
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** -1: as long as the broker keeps offsets. */
  readonly retentionTimeMs: number;
  /** Which error tells of a group that does not exist: GROUP_ID_NOT_FOUND (OffsetCommit v9+) or ILLEGAL_GENERATION. */
  readonly knowsGroupIdNotFound: boolean;
  readonly topics: readonly CommitTopic[];
}

export interface CommitTopic {
  readonly topicId: Uuid;
  readonly name: string;
  readonly partitions: readonly {
    partitionIndex: number;
    committedOffset: Int64;
    committedLeaderEpoch: number;
    committedMetadata: string | null;
    /** -1: now; only OffsetCommit v1 says otherwise. */
    commitTimestamp: Int64;
  }[];
}

/** TxnOffsetCommit: as a commit, whose members are only looked at where they are named (KIP-447). */
export interface TransactionalCommitRequest extends Pick<CommitRequest, 'groupId' | 'generationId' | 'memberId' | 'groupInstanceId' | 'topics'> {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** Whether offsets may be written in a transaction: an error, or what the log wants to see at the append (KIP-890). */
export interface TransactionVerdict extends Pick<OpenTransaction, 'guard'> {
  readonly errorCode: number;
}

export interface CommitResult {
  readonly topics: readonly {
    topicId: Uuid;
    name: string;
    partitions: readonly { partitionIndex: number; errorCode: number }[];
  }[];
}

export interface FetchOffsetsRequest {
  readonly groupId: string;
  /** Null: all that the group has committed. */
  readonly topics: readonly { topicId: Uuid; name: string; partitionIndexes: readonly number[] }[] | null;
  /** Null and -1: somebody who is no member, or speaks a version that does not say (OffsetFetch before 9). */
  readonly memberId: string | null;
  readonly memberEpoch: number;
  /** Offsets that an open transaction may still change are refused (KIP-447). */
  readonly requireStable: boolean;
}

export interface FetchOffsetsResult {
  readonly groupId: string;
  readonly errorCode: number;
  readonly topics: readonly FetchedTopic[];
}

export interface FetchedTopic {
  readonly topicId: Uuid;
  readonly name: string;
  readonly partitions: readonly FetchedPartition[];
}

export interface FetchedPartition {
  readonly partitionIndex: number;
  /** -1: nothing committed. */
  readonly committedOffset: Int64;
  readonly committedLeaderEpoch: number;
  readonly metadata: string | null;
  readonly errorCode: number;
}

export interface DeleteOffsetsRequest {
  readonly groupId: string;
  readonly topics: readonly { name: string; partitions: readonly { partitionIndex: number }[] }[];
}

export interface DeleteOffsetsResult {
  readonly errorCode: number;
  readonly topics: readonly { name: string; partitions: readonly { partitionIndex: number; errorCode: number }[] }[];
}

export interface DescribedGroup {
  readonly groupId: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly groupState: string;
  readonly protocolType: string;
  /** The chosen protocol's name, while the group is stable. */
  readonly protocolData: string;
  readonly members: readonly {
    memberId: string;
    groupInstanceId: string | null;
    clientId: string;
    clientHost: string;
    memberMetadata: Uint8Array;
    memberAssignment: Uint8Array;
  }[];
}

export interface ListGroupsRequest {
  /** Names of states and types in any case; empty lists let everything through. */
  readonly statesFilter: readonly string[];
  readonly typesFilter: readonly string[];
}

export interface ListedGroup {
  readonly groupId: string;
  readonly protocolType: string;
  readonly groupState: string;
  readonly groupType: string;
}

export interface DeletedGroup {
  readonly groupId: string;
  readonly errorCode: number;
}

export interface DeletedTopic {
  readonly name: string;
  readonly id: Uuid;
}

/** ConsumerGroupHeartbeat (KIP-848). What is null, or -1 as a time, is as it was. */
export interface ConsumerGroupHeartbeatRequest {
  readonly groupId: string;
  /** Empty: the coordinator is to make one. */
  readonly memberId: string;
  /** 0 joins, -1 leaves, -2 leaves to come back as the same static member. */
  readonly memberEpoch: number;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly rebalanceTimeoutMs: number;
  readonly subscribedTopicNames: readonly string[] | null;
  readonly subscribedTopicRegex: string | null;
  readonly serverAssignor: string | null;
  /** What the member owns. */
  readonly topicPartitions: readonly { topicId: Uuid; partitions: readonly number[] }[] | null;
  readonly clientId: string;
  readonly clientHost: string;
}

export interface ConsumerGroupHeartbeatResult {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly memberId: string | null;
  readonly memberEpoch: number;
  readonly heartbeatIntervalMs: number;
  /** Null: as the member was last told. */
  readonly assignment: { readonly topicPartitions: readonly { topicId: Uuid; partitions: readonly number[] }[] } | null;
}

export interface DescribedConsumerGroup {
  readonly groupId: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly groupState: string;
  readonly groupEpoch: number;
  readonly assignmentEpoch: number;
  readonly assignorName: string;
  readonly members: readonly DescribedConsumerMember[];
}

export interface DescribedConsumerMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly memberEpoch: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopicNames: readonly string[];
  readonly subscribedTopicRegex: string;
  readonly assignment: { readonly topicPartitions: readonly { topicId: Uuid; topicName: string; partitions: readonly number[] }[] };
  readonly targetAssignment: DescribedConsumerMember['assignment'];
  /** 0: speaks the classic protocol; 1: the consumer protocol. */
  readonly memberType: number;
}

/** Topics that the cluster changed, by name. */
export interface ChangedTopics {
  readonly names: readonly string[];
  /** Some of them are new, so that regular expressions may stand for more. */
  readonly hasNew: boolean;
}
