import { invalidNameReason } from '../../controller/index.js';
import type { ActiveProducer } from '../../log/index.js';
import { errorMessage } from '../../protocol/errors.js';
import {
  describeProducersApi, type DescribeProducersRequest, type DescribeProducersResponseInput,
} from '../../protocol/generated/describe-producers.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { answering, serve, type ServedApi } from '../api.js';
import { Operation, Resource, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

/** What partitions know of those who write to them: DescribeProducers 0 (KIP-664). */
export function producerApis(services: Services): ServedApi[] {
  return [serve(describeProducersApi, answering((request, context) => describeProducers(services, request, context)))];
}

function describeProducers(services: Services, { topics }: DescribeProducersRequest, context: RequestContext): DescribeProducersResponseInput {
  return {
    topics: topics.map(({ name, partitionIndexes }) => {
      const refusal = whyNoTopic(services, context, name);
      const partitions = partitionIndexes.map(partitionIndex => (
        { partitionIndex, activeProducers: [], errorMessage: null, ...refusal ?? producersOf(services, name, partitionIndex) }));
      return { name, partitions };
    }),
  };
}

function whyNoTopic(services: Services, context: RequestContext, name: string): { errorCode: number; errorMessage: string } | undefined {
  const invalid = invalidNameReason(name);
  if (invalid !== undefined) return { errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION, errorMessage: invalid };
  const refused = (errorCode: number) => ({ errorCode, errorMessage: errorMessage(errorCode) });
  if (!services.authorizer.allows(context, Operation.READ, Resource.TOPIC, name)) return refused(ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  return services.image().topicsByName.has(name) ? undefined : refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
}

/** Every replica knows its producers, not only the leader. */
function producersOf(services: Services, name: string, index: number) {
  const topic = services.image().topicsByName.get(name);
  if (topic?.partitions[index] === undefined) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
  const partition = services.replicas.findReplica(topic.id, index);
  // Somebody else holds it.
  if (partition === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER };
  if (typeof partition === 'number') return { errorCode: partition };
  return { errorCode: ErrorCode.NONE, activeProducers: partition.log.activeProducers().map(describe) };
}

function describe({ lastTimestampMs: lastTimestamp, ...producer }: ActiveProducer) {
  return { ...producer, lastTimestamp };
}
