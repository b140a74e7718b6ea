import type { CommitResult, DeleteOffsetsResult, FetchedTopic, FetchOffsetsResult } from '../../coordinator/group/types.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { offsetCommitApi, type OffsetCommitRequest, type OffsetCommitResponseInput } from '../../protocol/generated/offset-commit.js';
import { offsetDeleteApi, type OffsetDeleteRequest, type OffsetDeleteResponseInput } from '../../protocol/generated/offset-delete.js';
import {
  offsetFetchApi, type OffsetFetchRequest, type OffsetFetchRequestGroup, type OffsetFetchResponseInput,
} from '../../protocol/generated/offset-fetch.js';
import { int64ToNumber, ZERO_UUID } from '../../protocol/wire/types.js';
import { answering, serve, type ServedApi } from '../api.js';
import { Operation, Resource, type OperationCode, type RequestContext } from '../context.js';
import { mayOnGroup, mayRead, type GroupApiDeps } from './group-deps.js';

/**
 * Offsets of groups: OffsetCommit 0-10 and OffsetFetch 0-10 (KIP-98, KIP-320, KIP-447, KIP-709, KIP-848), OffsetDelete 0
 * (KIP-496). From version 10 on topics are named by id; the coordinator knows them by name.
 */
export function offsetApis(deps: GroupApiDeps): ServedApi[] {
  return [
    serve(offsetCommitApi, answering((request, context) => offsetCommit(deps, request, context))),
    serve(offsetFetchApi, answering((request, context) => offsetFetch(deps, request, context))),
    serve(offsetDeleteApi, answering((request, context) => offsetDelete(deps, request, context))),
  ];
}

const COMMIT_WITH_GROUP_ID_NOT_FOUND = 9;
const FETCH_WITH_GROUP_ERROR = 2;
const FETCH_IN_BATCHES = 8;
const WITH_TOPIC_IDS = 10;

async function offsetCommit(deps: GroupApiDeps, request: OffsetCommitRequest, context: RequestContext): Promise<OffsetCommitResponseInput> {
  const { groupId, generationIdOrMemberEpoch, memberId, groupInstanceId, retentionTimeMs } = request;
  if (!mayRead(deps, context, groupId)) throw new KafkaError(ErrorCode.GROUP_AUTHORIZATION_FAILED);
  const { refused, accepted } = sortTopics(deps, context, request.topics);
  const keyOf = ({ name, topicId }: AnsweredTopic): string => context.apiVersion >= WITH_TOPIC_IDS ? topicId : name;
  if (accepted.length === 0) return { topics: merged(refused, [], keyOf) };
  const { topics } = await deps.groups.commitOffsets({
    groupId,
    memberId,
    groupInstanceId,
    generationId: generationIdOrMemberEpoch,
    retentionTimeMs: int64ToNumber(retentionTimeMs),
    knowsGroupIdNotFound: context.apiVersion >= COMMIT_WITH_GROUP_ID_NOT_FOUND,
    topics: accepted,
  });
  return { topics: merged<CommitResult['topics'][number]>(refused, topics, keyOf) };
}

export interface AskedTopic<Partition> {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly Partition[];
}

/** By what topics are found. */
type TopicDeps = Pick<GroupApiDeps, 'image' | 'authorizer'>;

type AnsweredTopic = AskedTopic<{ partitionIndex: number; errorCode: number }>;

/** What cannot be done whatever the group says, with the reason, and the rest. */
export function sortTopics<Partition extends { readonly partitionIndex: number }>(
  deps: TopicDeps, context: RequestContext, asked: readonly AskedTopic<Partition>[],
): { refused: AnsweredTopic[]; accepted: AskedTopic<Partition>[] } {
  const refused: AnsweredTopic[] = [];
  const accepted: AskedTopic<Partition>[] = [];
  for (const topic of asked) {
    const { errorCode, name, topicId, partitionCount } = findTopic(deps, context, topic, Operation.READ);
    const exists = ({ partitionIndex }: Partition): boolean => partitionIndex >= 0 && partitionIndex < partitionCount;
    const missing = topic.partitions.filter(partition => !exists(partition));
    const partitions = missing.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCode || ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }));
    // A topic that is not there is named even when nothing of it was asked for.
    if (missing.length > 0 || errorCode !== ErrorCode.NONE) refused.push({ name, topicId, partitions });
    const present = topic.partitions.filter(exists);
    if (present.length > 0) accepted.push({ name, topicId, partitions: present });
  }
  return { refused, accepted };
}

/**
 * First what was refused here, then what the coordinator says, as Kafka orders them. A topic that was named twice has one entry,
 * unless nothing was refused: then the coordinator's answer is passed on as it is.
 */
export function merged<Topic extends { readonly partitions: readonly unknown[] }>(
  refused: readonly Topic[], answered: readonly Topic[], keyOf: (topic: Topic) => string,
): Topic[] {
  if (refused.length === 0) return [...answered];
  const byTopic = new Map<string, { readonly topic: Topic; readonly partitions: unknown[] }>();
  for (const topic of [...refused, ...answered]) {
    const known = byTopic.get(keyOf(topic)) ?? { topic, partitions: [] };
    byTopic.set(keyOf(topic), known);
    for (const partition of topic.partitions) known.partitions.push(partition);
  }
  return Array.from(byTopic.values(), ({ topic, partitions }) => ({ ...topic, partitions }));
}

interface FoundTopic {
  readonly errorCode: number;
  readonly name: string;
  readonly topicId: string;
  readonly partitionCount: number;
}

/** A topic by its name, or from version 10 on by its id, as far as the caller may know of it. */
function findTopic(
  deps: TopicDeps, context: RequestContext, asked: Pick<AskedTopic<never>, 'name' | 'topicId'>, operation: OperationCode,
): FoundTopic {
  const image = deps.image();
  const isById = context.apiVersion >= WITH_TOPIC_IDS;
  const topic = isById ? image.topicsById.get(asked.topicId) : image.topicsByName.get(asked.name);
  const name = topic?.name ?? asked.name;
  const topicId = topic?.id ?? asked.topicId;
  const failed = (errorCode: number): FoundTopic => ({ errorCode, name, topicId, partitionCount: 0 });
  if (isById && topic === undefined) return failed(ErrorCode.UNKNOWN_TOPIC_ID);
  if (!deps.authorizer.allows(context, operation, Resource.TOPIC, name)) return failed(ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  if (topic === undefined) return failed(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  return { errorCode: ErrorCode.NONE, name, topicId, partitionCount: topic.partitions.length };
}

async function offsetFetch(deps: GroupApiDeps, request: OffsetFetchRequest, context: RequestContext): Promise<OffsetFetchResponseInput> {
  const asked = groupsOf(request, context.apiVersion);
  const groups = await Promise.all(asked.map(group => fetchGroup(deps, group, request.requireStable, context)));
  if (context.apiVersion >= FETCH_IN_BATCHES) return { groups };
  const [{ errorCode, topics } = { errorCode: ErrorCode.NONE, topics: [] }] = groups;
  return { errorCode, topics };
}

/** Before version 8 there is one group to a request. */
function groupsOf({ groups, groupId, topics }: OffsetFetchRequest, version: number): OffsetFetchRequestGroup[] {
  if (version >= FETCH_IN_BATCHES) return groups;
  const named = topics && topics.map(({ name, partitionIndexes }) => ({ name, topicId: ZERO_UUID, partitionIndexes }));
  return [{ groupId, memberId: null, memberEpoch: -1, topics: named }];
}

async function fetchGroup(
  deps: GroupApiDeps, group: OffsetFetchRequestGroup, requireStable: boolean, context: RequestContext,
): Promise<FetchOffsetsResult> {
  if (!mayOnGroup(deps, context, Operation.DESCRIBE, group.groupId)) return groupFailed(group, ErrorCode.GROUP_AUTHORIZATION_FAILED, context);
  const result = group.topics === null
    ? await fetchAll(deps, group, requireStable, context)
    : await fetchNamed(deps, group, group.topics, requireStable, context);
  return result.errorCode === ErrorCode.NONE ? result : groupFailed(group, result.errorCode, context);
}

async function fetchAll(
  deps: GroupApiDeps, { groupId, memberId, memberEpoch }: OffsetFetchRequestGroup, requireStable: boolean, context: RequestContext,
): Promise<FetchOffsetsResult> {
  const result = await deps.groups.fetchOffsets({ groupId, memberId, memberEpoch, requireStable, topics: null });
  const visible = result.topics.filter(({ name }) => deps.authorizer.allows(context, Operation.DESCRIBE, Resource.TOPIC, name));
  if (context.apiVersion < WITH_TOPIC_IDS) return { ...result, topics: visible };
  // A topic that is gone has no id to be named by.
  const topics = visible.flatMap(topic => {
    const topicId = deps.image().topicsByName.get(topic.name)?.id;
    return topicId === undefined ? [] : [{ ...topic, topicId }];
  });
  return { ...result, topics };
}

async function fetchNamed(
  deps: GroupApiDeps, { groupId, memberId, memberEpoch }: OffsetFetchRequestGroup, asked: NonNullable<OffsetFetchRequestGroup['topics']>,
  requireStable: boolean, context: RequestContext,
): Promise<FetchOffsetsResult> {
  const refused: FetchedTopic[] = [];
  const topics: { name: string; topicId: string; partitionIndexes: number[] }[] = [];
  for (const { name: askedName, topicId, partitionIndexes } of asked) {
    // Offsets of a topic that is gone may still be fetched by its name.
    const found = findTopic(deps, context, { name: askedName, topicId }, Operation.DESCRIBE);
    const { name } = found;
    if (found.errorCode === ErrorCode.NONE || found.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
      topics.push({ name, topicId, partitionIndexes });
    } else {
      refused.push(failedTopic(name, topicId, partitionIndexes, found.errorCode));
    }
  }
  const result = await deps.groups.fetchOffsets({ groupId, memberId, memberEpoch, requireStable, topics });
  return { ...result, topics: [...result.topics, ...refused] };
}

/** Before version 2 only partitions have a place for errors. */
function groupFailed({ groupId, topics }: OffsetFetchRequestGroup, errorCode: number, context: RequestContext): FetchOffsetsResult {
  if (context.apiVersion >= FETCH_WITH_GROUP_ERROR) return { groupId, errorCode, topics: [] };
  const failed = (topics ?? []).map(({ name, partitionIndexes }) => failedTopic(name, ZERO_UUID, partitionIndexes, errorCode));
  return { groupId, errorCode, topics: failed };
}

function failedTopic(name: string, topicId: string, partitionIndexes: readonly number[], errorCode: number): FetchedTopic {
  const partitions = partitionIndexes.map(partitionIndex =>
    ({ partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode }));
  return { name, topicId, partitions };
}

async function offsetDelete(deps: GroupApiDeps, request: OffsetDeleteRequest, context: RequestContext): Promise<OffsetDeleteResponseInput> {
  const { groupId } = request;
  if (!mayOnGroup(deps, context, Operation.DELETE, groupId)) throw new KafkaError(ErrorCode.GROUP_AUTHORIZATION_FAILED);
  const asked = request.topics.map(({ name, partitions }) => ({ name, topicId: ZERO_UUID, partitions }));
  const { refused, accepted } = sortTopics(deps, context, asked);
  const { errorCode, topics } = await deps.groups.deleteOffsets({ groupId, topics: accepted });
  // A group that cannot be asked is the whole answer.
  if (errorCode !== ErrorCode.NONE) return { errorCode, topics: [] };
  return { errorCode, topics: merged<DeleteOffsetsResult['topics'][number]>(refused, topics, ({ name }) => name) };
}
