import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { CommitRequest, CommitTopic, FetchOffsetsRequest, TransactionalCommitRequest } from '../types.js';
import type { ConsumerGroup } from './group.js';
import type { ConsumerMember } from './member.js';

type CommittedPartition = CommitTopic['partitions'][number];

/**
 * Whether a consumer group's member may commit (Kafka's `ConsumerGroup.validateOffsetCommit`): in its present epoch, or in an
 * older one what it has had since then. Of the partitions that are looked at the first that it may not commit fails all.
 */
export function consumerCommitError(group: ConsumerGroup, request: CommitRequest, isLookedAt: (partition: CommittedPartition) => boolean): number {
  const { generationId: epoch, memberId, topics } = request;
  // Somebody outside the group's protocol, such as an administrator.
  if (epoch < 0 && group.isEmpty) return ErrorCode.NONE;
  const member = group.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  // Versions before the one that knows this error know nothing of epochs either.
  if (member.classic === null && !request.knowsGroupIdNotFound) return ErrorCode.UNSUPPORTED_VERSION;
  return mayCommit(member, epoch, topics, isLookedAt) ? ErrorCode.NONE : staleError(member);
}

/** The same of a commit in a transaction, whose senders know of generations alone. */
export function consumerTransactionalCommitError(
  group: ConsumerGroup, request: TransactionalCommitRequest, isLookedAt: (partition: CommittedPartition) => boolean,
): number {
  const { generationId: epoch, memberId, topics } = request;
  if (epoch < 0 && group.isEmpty) return ErrorCode.NONE;
  const member = group.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return mayCommit(member, epoch, topics, isLookedAt) ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
}

function mayCommit(member: ConsumerMember, epoch: number, topics: readonly CommitTopic[], isLookedAt: (partition: CommittedPartition) => boolean): boolean {
  if (epoch >= member.memberEpoch) return epoch === member.memberEpoch;
  return topics.every(topic => hasHadSince(member, { ...topic, partitions: topic.partitions.filter(isLookedAt) }, epoch));
}

/** Whether a member may fetch offsets; whoever says nothing of a member may. */
export function consumerFetchError(group: ConsumerGroup, { memberId, memberEpoch }: FetchOffsetsRequest): number {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE;
  const member = group.members.get(memberId ?? '');
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return memberEpoch === member.memberEpoch ? ErrorCode.NONE : staleError(member);
}

function hasHadSince({ assigned, pendingRevocation }: ConsumerMember, { topicId, partitions }: CommitTopic, epoch: number): boolean {
  return partitions.every(({ partitionIndex }) => {
    const since = assigned.get(topicId)?.get(partitionIndex) ?? pendingRevocation.get(topicId)?.get(partitionIndex);
    return since !== undefined && epoch >= since;
  });
}

/** The same fault, as either protocol calls it. */
function staleError({ classic }: ConsumerMember): number {
  return classic === null ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION;
}
