import { KafkaError } from '../../protocol/errors.js';
import {
  describeTopicPartitionsApi, type DescribeTopicPartitionsRequest, type DescribeTopicPartitionsResponseInput,
} from '../../protocol/generated/describe-topic-partitions.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { metadataApi, type MetadataRequest, type MetadataResponseInput } from '../../protocol/generated/metadata.js';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import { invalidNameReason } from '../../controller/index.js';
import { directoryOf, hasOnlineDirectory } from '../../metadata/image.js';
import type { BrokerImage, MetadataImage, PartitionImage, TopicImage } from '../../metadata/types.js';
import { answering, serve, type ServedApi } from '../api.js';
import { CLUSTER_NAME } from '../authorizer.js';
import { Operation, Resource, type RequestContext } from '../context.js';
import { isInternalTopic } from '../../protocol/internal-topics.js';
import { aliveBrokers, anyAliveBroker, endpointOf } from '../endpoints.js';
import { allowedOperations, OPERATIONS_NOT_ASKED } from '../operations.js';
import type { Services } from '../services.js';
import { autoCreateTopics } from '../topic-creation.js';

/** What clients ask first: Metadata 0-13, DescribeTopicPartitions 0 (KIP-966). */
export function metadataApis(services: Services): ServedApi[] {
  return [
    serve(metadataApi, answering((request, context) => metadata(services, request, context))),
    serve(describeTopicPartitionsApi, answering((request, context) => describeTopicPartitions(services, request, context))),
  ];
}

const FIRST_VERSION_WITH_NULL_FOR_ALL = 1;
/** Versions 10 and 11 have the field for it, and refuse it. */
const FIRST_VERSION_BY_ID = 12;

async function metadata(services: Services, request: MetadataRequest, context: RequestContext): Promise<MetadataResponseInput> {
  const asked = askedTopics(services.image(), request, context.apiVersion);
  if (request.allowAutoTopicCreation) {
    const missing = asked.filter(topic => topic.image === undefined && topic.errorCode === ErrorCode.NONE && topic.name !== null);
    const failures = await autoCreateTopics(services, context, missing.map(topic => topic.name ?? ''));
    for (const topic of missing) topic.errorCode = failures.get(topic.name ?? '') ?? ErrorCode.NONE;
  }
  const image = services.image();
  return {
    brokers: aliveBrokers(image, context).map(([broker, endpoint]) => ({ nodeId: broker.id, host: endpoint.host, port: endpoint.port, rack: broker.rack })),
    clusterId: services.clusterId,
    controllerId: anyAliveBroker(image, services.brokerId),
    topics: asked.flatMap(topic => metadataOfTopic(services, image, request, context, topic)),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? allowedOperations(services.authorizer, context, Resource.CLUSTER, CLUSTER_NAME)
      : OPERATIONS_NOT_ASKED,
  };
}

interface AskedTopic {
  readonly name: string | null;
  readonly topicId: string;
  readonly image: TopicImage | undefined;
  errorCode: number;
}

/** Version 0 asks for all with an empty list, later ones with null. */
function askedTopics(image: MetadataImage, request: MetadataRequest, version: number): AskedTopic[] {
  const wantsAll = request.topics === null || (version < FIRST_VERSION_WITH_NULL_FOR_ALL && request.topics.length === 0);
  if (wantsAll) {
    return [...image.topicsByName.values()].map(topic => ({ name: topic.name, topicId: topic.id, image: topic, errorCode: ErrorCode.NONE }));
  }
  const topics = request.topics ?? [];
  if (version < FIRST_VERSION_BY_ID && topics.some(({ name, topicId }) => name === null || topicId !== ZERO_UUID)) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `version ${version} asks for topics by name`);
  }
  // Where there are ids, names are passed over, as Kafka does; what is asked for twice is answered once.
  const usesIds = topics.some(({ topicId }) => topicId !== ZERO_UUID);
  const wanted = topics.filter(({ topicId }) => !usesIds || topicId !== ZERO_UUID);
  const distinct = new Map(wanted.map(topic => [usesIds ? topic.topicId : topic.name, topic]));
  return [...distinct.values()].map(({ name, topicId }) => {
    if (name === null && topicId === ZERO_UUID) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'a topic is asked for without name and id');
    const byId = topicId === ZERO_UUID ? undefined : image.topicsById.get(topicId);
    if (topicId !== ZERO_UUID) {
      return { name: byId?.name ?? null, topicId, image: byId, errorCode: byId ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_ID };
    }
    const isInvalid = invalidNameReason(name ?? '') !== undefined;
    return { name, topicId, image: image.topicsByName.get(name ?? ''), errorCode: isInvalid ? ErrorCode.INVALID_TOPIC_EXCEPTION : ErrorCode.NONE };
  });
}

function metadataOfTopic(
  services: Services, image: MetadataImage, request: MetadataRequest, context: RequestContext, asked: AskedTopic,
): NonNullable<MetadataResponseInput['topics']> {
  const topic = asked.image ?? (asked.errorCode === ErrorCode.NONE ? image.topicsByName.get(asked.name ?? '') : undefined);
  if (topic === undefined) {
    const errorCode = asked.errorCode || ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    const isByName = asked.topicId === ZERO_UUID;
    return [{
      errorCode, name: asked.name, topicId: asked.topicId, isInternal: isInternalTopic(asked.name ?? ''), partitions: [],
      topicAuthorizedOperations: isByName ? operationsOn(services, request, context, asked.name ?? '') : OPERATIONS_NOT_ASKED,
    }];
  }
  if (!services.authorizer.allows(context, Operation.DESCRIBE, Resource.TOPIC, topic.name)) {
    return request.topics === null ? [] : [{ errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED, name: asked.name, topicId: asked.topicId, partitions: [] }];
  }
  return [{
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.map((partition, index) => partitionMetadata(image, context, partition, index)),
    topicAuthorizedOperations: operationsOn(services, request, context, topic.name),
  }];
}

function operationsOn(services: Services, request: MetadataRequest, context: RequestContext, topic: string): number {
  return request.includeTopicAuthorizedOperations
    ? allowedOperations(services.authorizer, context, Resource.TOPIC, topic)
    : OPERATIONS_NOT_ASKED;
}

function partitionMetadata(image: MetadataImage, context: RequestContext, partition: PartitionImage, index: number) {
  const reachable = endpointOf(image.brokers.get(partition.leader), context) !== undefined;
  const errorCode = partition.leader < 0 || !image.brokers.has(partition.leader)
    ? ErrorCode.LEADER_NOT_AVAILABLE
    : reachable ? ErrorCode.NONE : missingListener(context.apiVersion);
  return {
    errorCode,
    partitionIndex: index,
    leaderId: reachable ? partition.leader : -1,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: [...partition.replicas],
    isrNodes: [...partition.isr],
    offlineReplicas: partition.replicas.filter(id => isOffline(partition, image.brokers.get(id), context)),
  };
}

const FIRST_VERSION_WITH_LISTENER_NOT_FOUND = 6;

function missingListener(version: number): number {
  return version >= FIRST_VERSION_WITH_LISTENER_NOT_FOUND ? ErrorCode.LISTENER_NOT_FOUND : ErrorCode.LEADER_NOT_AVAILABLE;
}

/** Fenced, not reached by this listener, or with its copy in a directory that is offline (`KRaftMetadataCache.isReplicaOffline`). */
function isOffline(partition: PartitionImage, broker: BrokerImage | undefined, context: RequestContext): boolean {
  if (broker === undefined || broker.fenced || endpointOf(broker, context) === undefined) return true;
  return !hasOnlineDirectory(broker, directoryOf(partition, broker.id));
}

/** Topics in name order, at most so many partitions, and a cursor where there are more (KIP-966). */
function describeTopicPartitions(
  services: Services, request: DescribeTopicPartitionsRequest, context: RequestContext,
): DescribeTopicPartitionsResponseInput {
  const image = services.image();
  const { cursor } = request;
  const limit = Math.max(1, Math.min(request.responsePartitionLimit, services.settings().get('max.request.partition.size.limit')));
  if (cursor !== null && cursor.partitionIndex < 0) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'the cursor names a negative partition');
  const all = request.topics.length === 0;
  const names = all ? [...image.topicsByName.keys()] : [...new Set(request.topics.map(topic => topic.name))];
  if (cursor !== null && !all && !names.includes(cursor.topicName)) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `the cursor is at '${cursor.topicName}', which is none of the topics`);
  }
  const from = cursor?.topicName ?? '';
  const topics: NonNullable<DescribeTopicPartitionsResponseInput['topics']>[number][] = [];
  let left = limit;
  for (const name of names.sort().filter(candidate => candidate >= from)) {
    const first = name === from && cursor !== null ? cursor.partitionIndex : 0;
    if (left === 0) return { topics, nextCursor: { topicName: name, partitionIndex: first } };
    const described = describeTopic(services, context, name, first, left, all);
    if (described === undefined) continue;
    topics.push(described.topic);
    left -= described.topic.partitions.length;
    if (described.next !== undefined) return { topics, nextCursor: { topicName: name, partitionIndex: described.next } };
  }
  return { topics, nextCursor: null };
}

function describeTopic(services: Services, context: RequestContext, name: string, first: number, limit: number, all: boolean) {
  const image = services.image();
  const topic = image.topicsByName.get(name);
  const allowed = services.authorizer.allows(context, Operation.DESCRIBE, Resource.TOPIC, name);
  if (topic === undefined || !allowed) {
    if (all) return undefined;
    const unknown = invalidNameReason(name) === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION;
    const errorCode = allowed ? unknown : ErrorCode.TOPIC_AUTHORIZATION_FAILED;
    const topicAuthorizedOperations = allowed ? allowedOperations(services.authorizer, context, Resource.TOPIC, name) : OPERATIONS_NOT_ASKED;
    return { topic: { errorCode, name, topicId: ZERO_UUID, partitions: [], topicAuthorizedOperations }, next: undefined };
  }
  const end = Math.min(topic.partitions.length, first + limit);
  const partitions = topic.partitions.slice(first, end).map((partition, i) => ({
    ...partitionMetadata(image, context, partition, first + i),
    eligibleLeaderReplicas: [...partition.eligibleLeaderReplicas],
    lastKnownElr: [...partition.lastKnownElr],
  }));
  return {
    topic: {
      errorCode: ErrorCode.NONE,
      name,
      topicId: topic.id,
      isInternal: isInternalTopic(name),
      partitions,
      topicAuthorizedOperations: allowedOperations(services.authorizer, context, Resource.TOPIC, name),
    },
    next: end < topic.partitions.length ? end : undefined,
  };
}
