import { ErrorCode } from '../../protocol/generated/errors.js';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import type { Uuid } from '../../protocol/wire/types.js';
import type { OpenTransaction } from '../../runtime/machine.js';
import { renewSession } from './classic/rebalance.js';
import { consumerCommitError, consumerFetchError, consumerTransactionalCommitError } from './consumer/offset-rules.js';
import type { Group } from './group.js';
import type { OffsetStore, StoredOffset } from './offset-store.js';
import { offsetTombstone } from './records.js';
import type { GroupRecord } from './records.js';
import type { Step } from './step.js';
import type {
  CommitRequest, CommitResult, CommitTopic, DeleteOffsetsRequest, DeleteOffsetsResult, FetchedPartition, FetchedTopic,
  FetchOffsetsRequest, FetchOffsetsResult, TransactionalCommitRequest,
} from './types.js';

/** What of a commit its records tell. */
type RetainedCommit = Pick<CommitRequest, 'groupId' | 'retentionTimeMs'>;

const NO_GENERATION = -1;

/** Offsets of groups: committing, fetching and deleting them, after Kafka's `OffsetMetadataManager`. */

/** OffsetCommit. A group that does not exist comes to be when somebody outside the group protocol commits (generation -1). */
export function commitOffsets(step: Step, group: Group | undefined, request: CommitRequest): CommitResult {
  const errorCode = commitError(step, group, request);
  if (errorCode !== ErrorCode.NONE) return refuseCommit(request, errorCode);
  if (group?.kind === 'classic' && group.isIn('Stable', 'PreparingRebalance')) {
    const member = group.members.get(request.memberId);
    if (member !== undefined) renewSession(step, group, member);
  }
  return { topics: request.topics.map(topic => commitTopic(step, request, topic)) };
}

/**
 * TxnOffsetCommit: its offsets wait for the marker of the transaction. Unlike other commits it may come while a group rebalances, it
 * keeps no session alive, and who names neither member nor generation is not asked for them (versions before 3).
 */
export function commitOffsetsInTransaction(
  step: Step, group: Group | undefined, request: TransactionalCommitRequest, guard: OpenTransaction['guard'],
): CommitResult {
  const errorCode = transactionalCommitError(step, group, request);
  if (errorCode !== ErrorCode.NONE) return refuseCommit(request, errorCode);
  const { producerId, producerEpoch } = request;
  // Unverified, nobody may come as a producer: that is a plain commit.
  if (producerId >= 0) step.inTransaction({ producerId, producerEpoch, guard });
  // The record names no topic id: those who commit do not either.
  const topics = request.topics.map(topic => ({ ...topic, topicId: ZERO_UUID }));
  return { topics: topics.map(topic => commitTopic(step, { ...request, retentionTimeMs: -1 }, topic)) };
}

function transactionalCommitError(step: Step, group: Group | undefined, request: TransactionalCommitRequest): number {
  const { generationId, memberId, groupInstanceId } = request;
  if (group === undefined) return generationId < 0 ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
  const namesNobody = memberId === '' && groupInstanceId === null;
  if (group.kind === 'consumer') {
    if (generationId === NO_GENERATION && namesNobody) return ErrorCode.NONE;
    return consumerTransactionalCommitError(group, request, partition => !hasTooMuchMetadata(step, partition));
  }
  if (generationId < 0 && (namesNobody || group.isIn('Empty'))) return ErrorCode.NONE;
  const memberError = group.memberError(memberId, groupInstanceId);
  if (memberError !== ErrorCode.NONE) return memberError;
  return generationId === group.generationId ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
}

/** The same error for every partition of a request. */
export function refuseCommit({ topics }: Pick<CommitRequest, 'topics'>, errorCode: number): CommitResult {
  return {
    topics: topics.map(({ topicId, name, partitions }) =>
      ({ topicId, name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) })),
  };
}

function commitError(step: Step, group: Group | undefined, request: CommitRequest): number {
  const { generationId, memberId, groupInstanceId } = request;
  if (group === undefined) {
    if (generationId < 0) return ErrorCode.NONE;
    return request.knowsGroupIdNotFound ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
  }
  if (group.kind === 'consumer') return consumerCommitError(group, request, partition => !hasTooMuchMetadata(step, partition));
  if (generationId < 0 && group.isIn('Empty')) return ErrorCode.NONE;
  // Whoever names neither generation nor member may only commit for a group that nobody is in.
  if (generationId < 0 && memberId === '' && groupInstanceId === null) return ErrorCode.UNKNOWN_MEMBER_ID;
  const memberError = group.memberError(memberId, groupInstanceId);
  if (memberError !== ErrorCode.NONE) return memberError;
  if (generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  return group.isIn('CompletingRebalance') ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

function commitTopic(step: Step, request: RetainedCommit, topic: CommitTopic): CommitResult['topics'][number] {
  const { topicId, name } = topic;
  const partitions = topic.partitions.map(partition => {
    const { partitionIndex } = partition;
    if (hasTooMuchMetadata(step, partition)) return { partitionIndex, errorCode: ErrorCode.OFFSET_METADATA_TOO_LARGE };
    step.append(commitRecord(step, request, topic, partition));
    return { partitionIndex, errorCode: ErrorCode.NONE };
  });
  return { topicId, name, partitions };
}

function hasTooMuchMetadata({ settings }: Step, { committedMetadata }: CommitTopic['partitions'][number]): boolean {
  return (committedMetadata?.length ?? 0) > settings.offsetMetadataMaxBytes;
}

function commitRecord(
  { at: { nowMs } }: Step, { groupId, retentionTimeMs }: RetainedCommit, { topicId, name }: CommitTopic,
  partition: CommitTopic['partitions'][number],
): GroupRecord {
  const offset = {
    offset: partition.committedOffset,
    leaderEpoch: partition.committedLeaderEpoch,
    metadata: partition.committedMetadata ?? '',
    commitTimestamp: partition.commitTimestamp === -1 ? nowMs : partition.commitTimestamp,
    expireTimestamp: -1,
    topicId,
  };
  const key = { kind: 'offset', groupId, topic: name, partition: partition.partitionIndex } as const;
  if (retentionTimeMs === -1) return { ...key, value: offset };
  // The version of the record that has a time to expire has neither of these; nor do the requests that ask for one.
  const expireTimestamp = Math.min(nowMs + retentionTimeMs, Number.MAX_SAFE_INTEGER);
  return { ...key, value: { ...offset, leaderEpoch: -1, topicId: ZERO_UUID, expireTimestamp } };
}

/** OffsetFetch of one group. An unknown group has committed nothing, which is no error. */
export function fetchOffsets(store: OffsetStore, group: Group | undefined, request: FetchOffsetsRequest): FetchOffsetsResult {
  const { groupId, topics, requireStable } = request;
  const errorCode = group?.kind === 'consumer' ? consumerFetchError(group, request) : ErrorCode.NONE;
  if (errorCode !== ErrorCode.NONE) return { groupId, errorCode, topics: [] };
  const find = (topic: string, topicId: Uuid, partitionIndex: number): FetchedPartition => {
    if (requireStable && store.hasPending(groupId, topic, partitionIndex)) {
      return noOffset(partitionIndex, ErrorCode.UNSTABLE_OFFSET_COMMIT);
    }
    const stored = store.committed.get(groupId, topic, partitionIndex);
    if (stored === undefined || isOfAnotherTopic(stored, topicId)) return noOffset(partitionIndex, ErrorCode.NONE);
    return {
      partitionIndex,
      committedOffset: stored.offset,
      committedLeaderEpoch: stored.leaderEpoch,
      metadata: stored.metadata,
      errorCode: ErrorCode.NONE,
    };
  };
  const fetched: FetchedTopic[] = (topics ?? committedTopics(store, groupId)).map(({ topicId, name, partitionIndexes }) =>
    ({ topicId, name, partitions: partitionIndexes.map(index => find(name, topicId, index)) }));
  return { groupId, errorCode: ErrorCode.NONE, topics: fetched };
}

function committedTopics(store: OffsetStore, groupId: string): NonNullable<FetchOffsetsRequest['topics']> {
  return [...store.committed.topics(groupId) ?? []].map(([name, partitions]) =>
    ({ topicId: ZERO_UUID, name, partitionIndexes: [...partitions.keys()] }));
}

function noOffset(partitionIndex: number, errorCode: number): FetchedPartition {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode };
}

/** The topic was deleted and made anew under its name since; where an id is missing, nobody can tell. */
function isOfAnotherTopic({ topicId: stored }: StoredOffset, asked: Uuid): boolean {
  return stored !== ZERO_UUID && asked !== ZERO_UUID && stored !== asked;
}

/** OffsetDelete: of topics that no member is subscribed to. */
export function deleteOffsets(
  step: Step, store: OffsetStore, group: Group | undefined, request: DeleteOffsetsRequest,
): DeleteOffsetsResult {
  if (group === undefined) return { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, topics: [] };
  if (group.kind === 'classic' && !group.isIn('Empty') && !group.usesConsumerProtocol) return { errorCode: ErrorCode.NON_EMPTY_GROUP, topics: [] };
  const topics = request.topics.map(({ name, partitions }) => {
    const errorCode = group.isSubscribedTo(name) ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE;
    if (errorCode === ErrorCode.NONE) {
      for (const { partitionIndex } of partitions) deleteOffset(step, store, group.groupId, name, partitionIndex);
    }
    return { name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) };
  });
  return { errorCode: ErrorCode.NONE, topics };
}

function deleteOffset(step: Step, store: OffsetStore, groupId: string, topic: string, partition: number): void {
  const exists = store.committed.get(groupId, topic, partition) !== undefined || store.hasPending(groupId, topic, partition);
  if (exists) step.append(offsetTombstone(groupId, topic, partition));
}

/** Deletes every offset of a group. */
export function deleteAllOffsets(step: Step, store: OffsetStore, groupId: string): void {
  for (const [topic, partition] of store.partitions(groupId)) step.append(offsetTombstone(groupId, topic, partition));
}
