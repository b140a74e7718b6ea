import { KafkaError, errorMessage, errorName } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import {
  findCoordinatorApi, type FindCoordinatorRequest, type FindCoordinatorResponseInput,
} from '../../protocol/generated/find-coordinator.js';
import { answering, serve, type ServedApi } from '../api.js';
import { Operation, Resource, type RequestContext } from '../context.js';
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from '../../protocol/internal-topics.js';
import { mayOnGroup, type GroupApiDeps } from './group-deps.js';

/**
 * FindCoordinator 0-6 (KIP-98, KIP-699, KIP-890, KIP-932). Coordinators of share groups are not served yet: who asks for one is
 * told so.
 */
export function findCoordinatorApis(deps: GroupApiDeps): ServedApi[] {
  return [serve(findCoordinatorApi, answering((request, context) => findCoordinator(deps, request, context)))];
}

const KeyType = { GROUP: 0, TRANSACTION: 1, SHARE: 2 } as const;
const FIND_IN_BATCHES = 4;
const FIND_SHARE_COORDINATOR = 6;

interface Coordinator {
  readonly errorCode: number;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

async function findCoordinator(
  deps: GroupApiDeps, request: FindCoordinatorRequest, context: RequestContext,
): Promise<FindCoordinatorResponseInput> {
  const { keyType, key, coordinatorKeys } = request;
  if (keyType < KeyType.GROUP || keyType > KeyType.SHARE) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `There is no type ${keyType} of coordinator.`);
  }
  if (context.apiVersion < FIND_IN_BATCHES) {
    const coordinator = await coordinatorOf(deps, context, keyType, key);
    return { ...coordinator, errorMessage: messageOf(coordinator.errorCode) };
  }
  // One after another: the first may have to create the topic.
  const coordinators = [];
  for (const each of coordinatorKeys) coordinators.push({ key: each, ...await coordinatorOf(deps, context, keyType, each), errorMessage: '' });
  return { coordinators };
}

/** Kafka answers with the name of no error, rather than without a message. */
function messageOf(errorCode: number): string {
  return errorCode === ErrorCode.NONE ? errorName(errorCode) : errorMessage(errorCode);
}

async function coordinatorOf(deps: GroupApiDeps, context: RequestContext, keyType: number, key: string): Promise<Coordinator> {
  const errorCode = refusal(deps, context, keyType, key);
  if (errorCode !== ErrorCode.NONE) return nobody(errorCode);
  // With a code that invites to ask again, a client would do so for ever.
  if (keyType === KeyType.SHARE) return nobody(ErrorCode.UNSUPPORTED_VERSION);
  const topic = keyType === KeyType.GROUP ? OFFSETS_TOPIC : TRANSACTIONS_TOPIC;
  try {
    if (!deps.image().topicsByName.has(topic)) await deps.ensureInternalTopic(topic);
  } catch {
    return nobody(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  }
  const coordinators = keyType === KeyType.GROUP ? deps.groups : deps.transactions;
  return leaderOf(deps, context, topic, coordinators.partitionFor(key));
}

function refusal(deps: GroupApiDeps, context: RequestContext, keyType: number, key: string): number {
  const { authorizer } = deps;
  if (keyType === KeyType.GROUP) {
    return mayOnGroup(deps, context, Operation.DESCRIBE, key) ? ErrorCode.NONE : ErrorCode.GROUP_AUTHORIZATION_FAILED;
  }
  if (keyType === KeyType.TRANSACTION) {
    const isAllowed = authorizer.allows(context, Operation.DESCRIBE, Resource.TRANSACTIONAL_ID, key);
    return isAllowed ? ErrorCode.NONE : ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
  }
  return context.apiVersion < FIND_SHARE_COORDINATOR ? ErrorCode.INVALID_REQUEST : ErrorCode.NONE;
}

/** The leader of the partition, if it is alive and the client can reach it where it asked. */
function leaderOf(deps: GroupApiDeps, context: RequestContext, topic: string, partition: number): Coordinator {
  const image = deps.image();
  const leader = image.brokers.get(image.topicsByName.get(topic)?.partitions[partition]?.leader ?? -1);
  const endpoint = leader?.endpoints.find(({ listener }) => listener === context.connection.listener.name);
  if (leader === undefined || leader.fenced || endpoint === undefined) return nobody(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  return { errorCode: ErrorCode.NONE, nodeId: leader.id, host: endpoint.host, port: endpoint.port };
}

function nobody(errorCode: number): Coordinator {
  return { errorCode, nodeId: -1, host: '', port: -1 };
}
