import { KafkaError } from '../../protocol/errors.js';
import { createPartitionsApi, type CreatePartitionsRequest, type CreatePartitionsResponseInput } from '../../protocol/generated/create-partitions.js';
import { createTopicsApi, type CreateTopicsRequest, type CreateTopicsResponseInput } from '../../protocol/generated/create-topics.js';
import { deleteTopicsApi, type DeleteTopicsRequest, type DeleteTopicsResponseInput } from '../../protocol/generated/delete-topics.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import { answering, serve, type Later, type ServedApi } from '../api.js';
import { mayOnCluster } from '../authorizer.js';
import { Operation, Resource, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

/** Topics made, grown and dropped: CreateTopics 0-7, DeleteTopics 0-6 (KIP-516), CreatePartitions 0-3 (KIP-195). */
export function topicApis(services: Services): ServedApi[] {
  const roles = ['broker', 'controller'] as const;
  return [
    serve(createTopicsApi, answering((request, context, later) => createTopics(services, request, context, later)), { roles }),
    serve(deleteTopicsApi, answering((request, context, later) => deleteTopics(services, request, context, later)), { roles }),
    serve(createPartitionsApi, answering((request, context, later) => createPartitions(services, request, context, later)), { roles }),
  ];
}

const FIRST_VERSION_WITH_TOPIC_IDS = 6;
const FIRST_VERSION_WITH_DELETION_DISABLED = 3;

/** The first versions whose clients understand that a part of their request is refused for a quota (KIP-599). */
const STRICT = { createTopics: 6, deleteTopics: 5, createPartitions: 3 } as const;

async function createTopics(
  services: Services, request: CreateTopicsRequest, context: RequestContext, later: Later,
): Promise<CreateTopicsResponseInput> {
  const quota = services.quotas.mutations(context, context.apiVersion >= STRICT.createTopics);
  const mayCreateAny = mayOnCluster(services.authorizer, context, Operation.CREATE);
  const [allowed, refused] = split(request.topics, ({ name }) =>
    mayCreateAny || services.authorizer.allows(context, Operation.CREATE, Resource.TOPIC, name));
  const response = await services.controller.createTopics({ ...request, topics: allowed }, quota.charge);
  const created = (response.topics ?? []).filter(topic => (topic.errorCode ?? ErrorCode.NONE) === ErrorCode.NONE).map(topic => topic.name);
  if (!request.validateOnly) await services.untilTopicsServe(created, request.timeoutMs);
  later.throttle(quota.throttleMs());
  const refusals = refused.map(({ name }) => ({ name, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED, errorMessage: null }));
  return { ...response, topics: [...(response.topics ?? []), ...refusals] };
}

async function deleteTopics(
  services: Services, request: DeleteTopicsRequest, context: RequestContext, later: Later,
): Promise<DeleteTopicsResponseInput> {
  const quota = services.quotas.mutations(context, context.apiVersion >= STRICT.deleteTopics);
  const asked = context.apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS
    ? request.topics
    : request.topicNames.map(name => ({ name, topicId: ZERO_UUID }));
  refuseDeletion(services, context);
  const image = services.image();
  const nameOf = (topic: (typeof asked)[number]): string => topic.name ?? image.topicsById.get(topic.topicId ?? '')?.name ?? '';
  const [allowed, refused] = split(asked, topic => services.authorizer.allows(context, Operation.DELETE, Resource.TOPIC, nameOf(topic)));
  const response = await services.controller.deleteTopics({ topics: allowed, timeoutMs: request.timeoutMs }, quota.charge);
  later.throttle(quota.throttleMs());
  const refusals = refused.map(topic => ({ ...topic, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED }));
  return { responses: [...(response.responses ?? []), ...refusals] };
}

/** Clients before version 3 do not know the code for it. */
function refuseDeletion(services: Services, { apiVersion }: RequestContext): void {
  if (services.settings().get('delete.topic.enable')) return;
  if (apiVersion < FIRST_VERSION_WITH_DELETION_DISABLED) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'This version does not support topic deletion.');
  throw new KafkaError(ErrorCode.TOPIC_DELETION_DISABLED);
}

async function createPartitions(
  services: Services, request: CreatePartitionsRequest, context: RequestContext, later: Later,
): Promise<CreatePartitionsResponseInput> {
  const quota = services.quotas.mutations(context, context.apiVersion >= STRICT.createPartitions);
  const [allowed, refused] = split(request.topics, ({ name }) => services.authorizer.allows(context, Operation.ALTER, Resource.TOPIC, name));
  const response = await services.controller.createPartitions({ ...request, topics: allowed }, quota.charge);
  const grown = (response.results ?? []).filter(result => (result.errorCode ?? ErrorCode.NONE) === ErrorCode.NONE).map(result => result.name);
  if (!request.validateOnly) await services.untilTopicsServe(grown, request.timeoutMs);
  later.throttle(quota.throttleMs());
  const refusals = refused.map(({ name }) => ({ name, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED }));
  return { results: [...(response.results ?? []), ...refusals] };
}

function split<T>(items: readonly T[], belongs: (item: T) => boolean): [T[], T[]] {
  const yes: T[] = [];
  const no: T[] = [];
  for (const item of items) (belongs(item) ? yes : no).push(item);
  return [yes, no];
}
