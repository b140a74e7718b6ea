import { KafkaError } from '../../../protocol/errors.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import type { Assignor } from '../assignors/assignor.js';
import type { ConsumerGroupHeartbeatRequest } from '../types.js';
import { LEAVE_EPOCH, LEAVE_STATIC_EPOCH } from './member.js';

/**
 * What is wrong with a heartbeat whatever its group is, or null; after Kafka's `throwIfConsumerGroupHeartbeatRequestIsInvalid`.
 * `makesMemberIds` says that a member without an id may join, and come again.
 */
export function requestFault(request: ConsumerGroupHeartbeatRequest, makesMemberIds: boolean, assignors: readonly Assignor[]): KafkaError | null {
  const words = nameFault(request, makesMemberIds) ?? epochFault(request);
  if (words !== null) return new KafkaError(ErrorCode.INVALID_REQUEST, words);
  const { serverAssignor } = request;
  if (serverAssignor === null || assignors.some(({ name }) => name === serverAssignor)) return null;
  return new KafkaError(ErrorCode.UNSUPPORTED_ASSIGNOR,
    `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${assignors.map(({ name }) => name).join(', ')}.`);
}

function nameFault({ groupId, memberId, memberEpoch, instanceId, rackId }: ConsumerGroupHeartbeatRequest, makesMemberIds: boolean): string | null {
  const needsMemberId = !makesMemberIds || memberEpoch > 0 || memberEpoch === LEAVE_EPOCH;
  if (needsMemberId && isBlank(memberId)) return 'MemberId can\'t be empty.';
  if (isBlank(groupId)) return 'GroupId can\'t be empty.';
  if (isBlank(instanceId)) return 'InstanceId can\'t be empty.';
  return isBlank(rackId) ? 'RackId can\'t be empty.' : null;
}

function epochFault(request: ConsumerGroupHeartbeatRequest): string | null {
  const { memberEpoch, instanceId } = request;
  if (memberEpoch === 0) return joinFault(request);
  if (memberEpoch === LEAVE_STATIC_EPOCH && instanceId === null) return 'InstanceId can\'t be null.';
  return memberEpoch < LEAVE_STATIC_EPOCH ? 'MemberEpoch is invalid.' : null;
}

/** Whoever joins says all of itself; an empty subscription is one. */
function joinFault({ rebalanceTimeoutMs, topicPartitions, subscribedTopicNames, subscribedTopicRegex }: ConsumerGroupHeartbeatRequest): string | null {
  if (rebalanceTimeoutMs === -1) return 'RebalanceTimeoutMs must be provided in first request.';
  if (topicPartitions?.length !== 0) return 'TopicPartitions must be empty when (re-)joining.';
  if (subscribedTopicNames !== null || subscribedTopicRegex !== null) return null;
  return 'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.';
}

/** Empty, or nothing but what Java's `trim` takes away. */
function isBlank(text: string | null): boolean {
  return text !== null && /^[\0-\x20]*$/.test(text);
}
