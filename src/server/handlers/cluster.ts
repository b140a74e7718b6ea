import { describeLogDirsApi, type DescribeLogDirsRequest, type DescribeLogDirsResponseInput } from '../../protocol/generated/describe-log-dirs.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { initProducerIdApi, type InitProducerIdRequest, type InitProducerIdResponseInput } from '../../protocol/generated/init-producer-id.js';
import { updateFeaturesApi, type UpdateFeaturesRequest, type UpdateFeaturesResponseInput } from '../../protocol/generated/update-features.js';
import type { LogDir, PartitionLog } from '../../log/index.js';
import { answering, serve, type ServedApi } from '../api.js';
import { Operation, Resource, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

/** The node and the cluster: DescribeLogDirs 0-5 (KIP-113, KIP-827, KIP-1066), UpdateFeatures 0-2 (KIP-584), InitProducerId 0-5. */
export function clusterApis(services: Services): ServedApi[] {
  return [
    serve(describeLogDirsApi, answering((request, context) => describeLogDirs(services, request, context))),
    serve(updateFeaturesApi, answering((request, context) => updateFeatures(services, request, context)), { roles: ['broker', 'controller'] }),
    // Version 6 is not stable yet (KIP-939).
    serve(initProducerIdApi, answering((request, context) => initProducerId(services, request, context)), { maxVersion: 5 }),
  ];
}

function describeLogDirs(services: Services, request: DescribeLogDirsRequest, context: RequestContext): DescribeLogDirsResponseInput {
  if (!services.authorizer.allows(context, Operation.DESCRIBE, Resource.CLUSTER, 'kafka-cluster')) {
    return { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, results: [] };
  }
  const wanted = request.topics && new Map(request.topics.map(({ topic, partitions }) => [topic, new Set(partitions)]));
  return {
    results: services.logs.logDirs.map(directory => {
      if (directory.error !== undefined) return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, logDir: directory.path, topics: [] };
      const logs = [...services.logs.all()].filter(log =>
        isIn(log, directory) && (wanted === null || (wanted.get(log.topic)?.has(log.partition) ?? false)));
      return { errorCode: ErrorCode.NONE, logDir: directory.path, topics: byTopic(logs), ...services.diskUsage(directory.path) };
    }),
  };
}

function isIn(log: PartitionLog, directory: LogDir): boolean {
  return log.directory.startsWith(`${directory.path}/`);
}

function byTopic(logs: readonly PartitionLog[]) {
  const topics = new Map<string, { partitionIndex: number; partitionSize: number; offsetLag: number; isFutureKey: boolean }[]>();
  for (const log of logs) {
    const partitions = topics.get(log.topic) ?? [];
    partitions.push({
      partitionIndex: log.partition,
      partitionSize: log.sizeBytes,
      offsetLag: Math.max(0, log.highWatermark - log.logEndOffset),
      isFutureKey: false,
    });
    topics.set(log.topic, partitions);
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

async function updateFeatures(
  services: Services, request: UpdateFeaturesRequest, context: RequestContext,
): Promise<UpdateFeaturesResponseInput> {
  if (!services.authorizer.allows(context, Operation.ALTER, Resource.CLUSTER, 'kafka-cluster')) {
    return { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, errorMessage: null };
  }
  return services.controller.updateFeatures(request);
}

/** An idempotent producer's id (KIP-98). Transactional ids need their coordinator, which is not served yet. */
async function initProducerId(
  services: Services, request: InitProducerIdRequest, context: RequestContext,
): Promise<InitProducerIdResponseInput> {
  const failed = (errorCode: number): InitProducerIdResponseInput => ({ errorCode, producerId: -1, producerEpoch: -1 });
  if (request.transactionalId === '') return failed(ErrorCode.INVALID_REQUEST);
  if ((request.producerId === -1) !== (request.producerEpoch === -1)) return failed(ErrorCode.INVALID_REQUEST);
  if (request.transactionalId !== null) return failed(ErrorCode.UNSUPPORTED_VERSION);
  if (!services.authorizer.allows(context, Operation.IDEMPOTENT_WRITE, Resource.CLUSTER, 'kafka-cluster')) {
    return failed(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
  }
  return { errorCode: ErrorCode.NONE, producerId: await services.nextProducerId(), producerEpoch: 0 };
}
