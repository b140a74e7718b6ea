import { MetadataVersionGate } from '../../metadata/features.js';
import { logErrorCode, type FutureLog, type LogDir, type PartitionLog } from '../../log/index.js';
import {
  alterReplicaLogDirsApi, type AlterReplicaLogDirsRequest, type AlterReplicaLogDirsResponseInput,
} from '../../protocol/generated/alter-replica-log-dirs.js';
import { describeLogDirsApi, type DescribeLogDirsRequest, type DescribeLogDirsResponseInput } from '../../protocol/generated/describe-log-dirs.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { answering, serve, type ServedApi } from '../api.js';
import { mayOnCluster, requireOnCluster } from '../authorizer.js';
import { Operation, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

/** The directories of this node, and which partition lies where: DescribeLogDirs 0-5 (KIP-113, KIP-827, KIP-1066), AlterReplicaLogDirs 1-2 (KIP-113). */
export function logDirApis(services: Services): ServedApi[] {
  return [
    serve(describeLogDirsApi, answering((request, context) => describeLogDirs(services, request, context))),
    serve(alterReplicaLogDirsApi, answering((request, context) => alterReplicaLogDirs(services, request, context)), { minVersion: 1 }),
  ];
}

type DirectoryResult = DescribeLogDirsResponseInput['results'][number];
type DescribedPartition = NonNullable<NonNullable<DirectoryResult['topics']>[number]['partitions']>[number];

async function describeLogDirs(services: Services, request: DescribeLogDirsRequest, context: RequestContext): Promise<DescribeLogDirsResponseInput> {
  if (!mayOnCluster(services.authorizer, context, Operation.DESCRIBE)) {
    return { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, results: [] };
  }
  const asked = request.topics && new Map<string, Set<number>>();
  for (const { topic, partitions } of request.topics ?? []) asked!.set(topic, new Set([...asked!.get(topic) ?? [], ...partitions]));
  const isAsked = ({ topic, partition }: PartitionLog): boolean => asked === null || (asked.get(topic)?.has(partition) ?? false);
  const results: DirectoryResult[] = [];
  for (const directory of services.logs.logDirs) results.push(await describeDirectory(services, directory, isAsked));
  return { results };
}

/** Logs that are asked for their size before others have the loop: of those that sleep the disk must be asked. */
const LOGS_A_TURN = 50;

async function describeDirectory(services: Services, directory: LogDir, isAsked: (log: PartitionLog) => boolean): Promise<DirectoryResult> {
  const { logs, clock } = services;
  const offline = { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, logDir: directory.path, topics: [] };
  if (directory.error !== undefined) return offline;
  const described: { log: PartitionLog; offsetLag: number; isFutureKey: boolean }[] = [];
  const add = (log: PartitionLog, offsetLag: number, isFutureKey: boolean): void => {
    if (isAsked(log)) described.push({ log, offsetLag, isFutureKey });
  };
  for (const log of logs.all()) if (log.home === directory) add(log, Math.max(0, log.highWatermark - log.logEndOffset), false);
  for (const future of logs.futures.all()) if (future.directory === directory) add(future.log, lagOf(logs.get(future.log.topic, future.log.partition), future), true);
  const topics = new Map<string, DescribedPartition[]>();
  for (const [index, { log, offsetLag, isFutureKey }] of described.entries()) {
    if (index % LOGS_A_TURN === LOGS_A_TURN - 1) await new Promise<void>(resolve => { clock.after(0, resolve); });
    const partitionSize = sizeOf(log);
    if (partitionSize === undefined) continue;
    const partitions = topics.get(log.topic) ?? [];
    topics.set(log.topic, partitions);
    partitions.push({ partitionIndex: log.partition, partitionSize, offsetLag, isFutureKey });
  }
  if (directory.error !== undefined) return offline;
  try {
    const isCordoned = services.image().features.metadataVersion >= MetadataVersionGate.CORDONED_LOG_DIRS && logs.isCordoned(directory);
    return {
      errorCode: ErrorCode.NONE, logDir: directory.path, isCordoned,
      topics: Array.from(topics, ([name, partitions]) => ({ name, partitions })), ...services.diskUsage(directory.path),
    };
  } catch {
    return offline;
  }
}

/** undefined: it is gone by now, or its disk has failed, which its directory tells. */
function sizeOf(log: PartitionLog): number | undefined {
  try {
    return log.sizeBytes;
  } catch (error) {
    if (logErrorCode(error) === undefined) throw error;
    return undefined;
  }
}

/** Offsets that a copy does not hold yet; -1 where nobody can tell, since its log is offline. */
function lagOf(log: PartitionLog | undefined, { log: copy }: FutureLog): number {
  return log === undefined ? -1 : log.logEndOffset - copy.logEndOffset;
}

function alterReplicaLogDirs(services: Services, request: AlterReplicaLogDirsRequest, context: RequestContext): AlterReplicaLogDirsResponseInput {
  const { authorizer, moves } = services;
  requireOnCluster(authorizer, context, Operation.ALTER);
  // Whoever names a partition twice gets the last directory.
  const wanted = new Map<string, Map<number, string>>();
  for (const { path, topics } of request.dirs) {
    for (const { name, partitions } of topics) {
      const places = wanted.get(name) ?? new Map<number, string>();
      wanted.set(name, places);
      for (const index of partitions) places.set(index, path);
    }
  }
  const { topicsByName } = services.image();
  return {
    results: Array.from(wanted, ([topicName, places]) => {
      const known = topicsByName.get(topicName);
      return {
        topicName,
        partitions: Array.from(places, ([partitionIndex, path]) => {
          const topicId = known?.partitions[partitionIndex] === undefined ? undefined : known.id;
          return { partitionIndex, errorCode: moves.alter({ topic: topicName, index: partitionIndex, topicId }, path) };
        }),
      };
    }),
  };
}
