import type { DescribedConsumerGroup } from '../../coordinator/group/types.js';
import { consumerGroupFailed } from '../../coordinator/group/consumer/describe.js';
import { FeatureName } from '../../metadata/features.js';
import { KafkaError } from '../../protocol/errors.js';
import {
  consumerGroupDescribeApi, type ConsumerGroupDescribeRequest, type ConsumerGroupDescribeResponseInput,
} from '../../protocol/generated/consumer-group-describe.js';
import {
  consumerGroupHeartbeatApi, type ConsumerGroupHeartbeatRequest, type ConsumerGroupHeartbeatResponseInput,
} from '../../protocol/generated/consumer-group-heartbeat.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { answering, serve, type ServedApi } from '../api.js';
import { Operation, Resource, type RequestContext } from '../context.js';
import { allowedOperations, OPERATIONS_NOT_ASKED } from '../operations.js';
import { hostOf, mayOnGroup, mayRead, type GroupApiDeps } from './group-deps.js';

/** Groups of the consumer protocol: ConsumerGroupHeartbeat 0-1 (KIP-848, KIP-1082), ConsumerGroupDescribe 0-1 (KIP-1099). */
export function consumerGroupApis(deps: GroupApiDeps): ServedApi[] {
  return [
    serve(consumerGroupHeartbeatApi, answering((request, context) => heartbeat(deps, request, context))),
    serve(consumerGroupDescribeApi, answering((request, context) => describe(deps, request, context))),
  ];
}

const HEARTBEAT_WITH_OWN_MEMBER_ID = 1;

async function heartbeat(
  deps: GroupApiDeps, request: ConsumerGroupHeartbeatRequest, context: RequestContext,
): Promise<ConsumerGroupHeartbeatResponseInput> {
  refuseUnlessServed(deps);
  if (!mayRead(deps, context, request.groupId)) throw new KafkaError(ErrorCode.GROUP_AUTHORIZATION_FAILED);
  const mayDescribe = (topic: string): boolean => deps.authorizer.allows(context, Operation.DESCRIBE, Resource.TOPIC, topic);
  if (request.subscribedTopicNames?.every(mayDescribe) === false) throw new KafkaError(ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  const { clientId, connection, apiVersion } = context;
  const asked = { ...request, clientId: clientId ?? '', clientHost: hostOf(connection.clientAddress) };
  return deps.groups.consumerGroupHeartbeat(asked, apiVersion < HEARTBEAT_WITH_OWN_MEMBER_ID);
}

/** What a caller may not DESCRIBE, a group or a topic of its members, is refused group by group. */
async function describe(
  deps: GroupApiDeps, { groupIds, includeAuthorizedOperations }: ConsumerGroupDescribeRequest, context: RequestContext,
): Promise<ConsumerGroupDescribeResponseInput> {
  refuseUnlessServed(deps);
  const mayDescribe = (groupId: string): boolean => mayOnGroup(deps, context, Operation.DESCRIBE, groupId);
  const refused = groupIds.filter(groupId => !mayDescribe(groupId));
  const described = await deps.groups.describeConsumerGroups(groupIds.filter(mayDescribe));
  const groups = [
    ...refused.map(groupId => consumerGroupFailed(groupId, ErrorCode.GROUP_AUTHORIZATION_FAILED)),
    ...described.map(group => withoutSecretTopics(deps, context, group)),
  ];
  return {
    groups: groups.map(group => ({
      ...group,
      authorizedOperations: includeAuthorizedOperations && group.errorCode === ErrorCode.NONE
        ? allowedOperations(deps.authorizer, context, Resource.GROUP, group.groupId)
        : OPERATIONS_NOT_ASKED,
    })),
  };
}

function withoutSecretTopics({ authorizer }: GroupApiDeps, context: RequestContext, group: DescribedConsumerGroup): DescribedConsumerGroup {
  const topics = group.members.flatMap(({ assignment, targetAssignment }) => [...assignment.topicPartitions, ...targetAssignment.topicPartitions]);
  if (topics.every(({ topicName }) => authorizer.allows(context, Operation.DESCRIBE, Resource.TOPIC, topicName))) return group;
  return consumerGroupFailed(group.groupId, ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    'The group has described topic(s) that the client is not authorized to describe.');
}

/** The protocol may be switched off, for the cluster by its feature and here by a setting. */
function refuseUnlessServed(deps: GroupApiDeps): void {
  const isFinalized = (deps.image().features.finalized.get(FeatureName.GROUP_VERSION) ?? 0) > 0;
  if (!isFinalized || !deps.settings().get('group.coordinator.rebalance.protocols').includes('consumer')) throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION);
}
