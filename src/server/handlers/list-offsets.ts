import { logErrorCode } from '../../log/index.js';
import { KafkaError } from '../../protocol/errors.js';
import { deleteRecordsApi, type DeleteRecordsRequest, type DeleteRecordsResponseInput } from '../../protocol/generated/delete-records.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { listOffsetsApi, type ListOffsetsRequest, type ListOffsetsResponseInput } from '../../protocol/generated/list-offsets.js';
import {
  offsetForLeaderEpochApi, type OffsetForLeaderEpochRequest, type OffsetForLeaderEpochResponseInput,
} from '../../protocol/generated/offset-for-leader-epoch.js';
import type { Int64 } from '../../protocol/wire/types.js';
import type { Partition } from '../../replication/index.js';
import { answering, serve, type ServedApi } from '../api.js';
import { Operation, Resource, type OperationCode, type RequestContext } from '../context.js';
import { isInternalTopic } from '../../protocol/internal-topics.js';
import { READ_COMMITTED, refuseIsolationLevel } from '../isolation.js';
import type { Services } from '../services.js';

/**
 * What a log knows of its offsets: ListOffsets 0-11 (KIP-79, KIP-320, KIP-734, KIP-405, KIP-1005, KIP-1023),
 * OffsetForLeaderEpoch 0-4 (KIP-101, KIP-279, KIP-320), DeleteRecords 0-2 (KIP-107).
 */
export function logOffsetApis(services: Services): ServedApi[] {
  return [
    serve(listOffsetsApi, answering((request, context) => listOffsets(services, request, context))),
    serve(offsetForLeaderEpochApi, answering((request, context) => offsetForLeaderEpoch(services, request, context))),
    serve(deleteRecordsApi, answering((request, context) => deleteRecords(services, request, context))),
  ];
}

/** Times that are no times, and the first version that may ask for each. */
const Special = { LATEST: -1, EARLIEST: -2, MAX_TIMESTAMP: -3, EARLIEST_LOCAL: -4, LATEST_TIERED: -5, EARLIEST_PENDING_UPLOAD: -6 } as const;
const FIRST_VERSION_OF: ReadonlyMap<number, number> = new Map([
  [Special.LATEST, 0], [Special.EARLIEST, 0], [Special.MAX_TIMESTAMP, 7], [Special.EARLIEST_LOCAL, 8], [Special.LATEST_TIERED, 9], [Special.EARLIEST_PENDING_UPLOAD, 11],
]);

interface FoundOffset {
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

const NOT_FOUND: FoundOffset = { timestamp: -1, offset: -1, leaderEpoch: -1 };

async function listOffsets(services: Services, request: ListOffsetsRequest, context: RequestContext): Promise<ListOffsetsResponseInput> {
  refuseIsolationLevel(request.isolationLevel);
  const asked = timesAsked(request.topics);
  const topics = [];
  for (const { name, partitions } of request.topics) {
    const answers = [];
    for (const { partitionIndex, currentLeaderEpoch, timestamp } of partitions) {
      const key = partitionKey(name, partitionIndex);
      const times = asked.get(key)!;
      // One that is asked for again is answered once.
      if (times === 0) continue;
      if (times > 1) asked.set(key, 0);
      const answer = await perPartition(services, async () => {
        if (times > 1) throw new KafkaError(ErrorCode.INVALID_REQUEST, 'a partition is asked for twice');
        refuseTime(timestamp, context.apiVersion);
        const partition = leaderOf(services, context, Operation.DESCRIBE, name, partitionIndex, currentLeaderEpoch);
        return offsetAt(partition, timestamp, request.isolationLevel === READ_COMMITTED);
      });
      const found = typeof answer === 'number' ? NOT_FOUND : answer;
      answers.push({
        partitionIndex,
        errorCode: typeof answer === 'number' ? answer : ErrorCode.NONE,
        ...found,
        oldStyleOffsets: found.offset < 0 ? [] : [found.offset],
      });
    }
    topics.push({ name, partitions: answers });
  }
  return { topics };
}

const partitionKey = (topic: string, index: number): string => `${index} ${topic}`;

/** How often each partition is asked for, by `partitionKey`. */
function timesAsked(topics: ListOffsetsRequest['topics']): Map<string, number> {
  const times = new Map<string, number>();
  for (const { name, partitions } of topics) {
    for (const { partitionIndex } of partitions) {
      const key = partitionKey(name, partitionIndex);
      times.set(key, (times.get(key) ?? 0) + 1);
    }
  }
  return times;
}

/** Negative times have a meaning of their own, or none that this version knows. */
function refuseTime(timestamp: Int64, version: number): void {
  if (timestamp < 0 && version < (FIRST_VERSION_OF.get(Number(timestamp)) ?? Infinity)) throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION);
}

async function offsetAt({ log }: Partition, timestamp: Int64, readCommitted: boolean): Promise<FoundOffset> {
  const limit = readCommitted ? log.lastStableOffset : log.highWatermark;
  switch (timestamp) {
    case Special.LATEST:
      return { timestamp: -1, offset: limit, leaderEpoch: log.latestEpoch ?? -1 };
    case Special.EARLIEST:
    case Special.EARLIEST_LOCAL:
      return { timestamp: -1, offset: log.logStartOffset, leaderEpoch: log.epochForOffset(log.logStartOffset) ?? -1 };
    case Special.LATEST_TIERED:
    case Special.EARLIEST_PENDING_UPLOAD:
      // Nothing is ever tiered here.
      return NOT_FOUND;
    default: {
      const found = timestamp === Special.MAX_TIMESTAMP ? await log.offsetOfMaxTimestamp() : await recordAt(log, timestamp);
      if (found === undefined || found.offset >= limit) return NOT_FOUND;
      return { timestamp: found.timestampMs, offset: found.offset, leaderEpoch: found.leaderEpoch };
    }
  }
}

/** No record carries a time beyond 2^53-1. */
function recordAt(log: Partition['log'], timestamp: Int64) {
  return typeof timestamp === 'bigint' ? undefined : log.offsetForTimestamp(timestamp);
}

async function offsetForLeaderEpoch(
  services: Services, request: OffsetForLeaderEpochRequest, context: RequestContext,
): Promise<OffsetForLeaderEpochResponseInput> {
  const topics = [];
  for (const { topic, partitions } of request.topics) {
    const answers = [];
    for (const { partition: index, currentLeaderEpoch, leaderEpoch } of partitions) {
      const answer = await perPartition(services, () =>
        leaderOf(services, context, Operation.DESCRIBE, topic, index, currentLeaderEpoch).log.endOffsetForEpoch(leaderEpoch));
      answers.push(typeof answer === 'number' ? { partition: index, errorCode: answer } : { partition: index, ...answer });
    }
    topics.push({ topic, partitions: answers });
  }
  return { topics };
}

async function deleteRecords(services: Services, request: DeleteRecordsRequest, context: RequestContext): Promise<DeleteRecordsResponseInput> {
  const topics = [];
  for (const [name, offsets] of lastOffsets(request)) {
    const answers = [];
    for (const [partitionIndex, offset] of offsets) {
      const answer = await perPartition(services, () => deleteBefore(leaderOf(services, context, Operation.DELETE, name, partitionIndex, -1), offset));
      const failed = typeof answer === 'number';
      answers.push({ partitionIndex, lowWatermark: failed ? -1 : answer.lowWatermark, errorCode: failed ? answer : ErrorCode.NONE });
    }
    topics.push({ name, partitions: answers });
  }
  return { topics };
}

/** Topic by topic; of a partition that is named twice the last offset counts, as in Kafka, and a topic without any is left out. */
function lastOffsets({ topics }: DeleteRecordsRequest): Map<string, Map<number, Int64>> {
  const found = new Map<string, Map<number, Int64>>();
  for (const { name, partitions } of topics) {
    for (const { partitionIndex, offset } of partitions) {
      const offsets = found.get(name) ?? new Map<number, Int64>();
      found.set(name, offsets.set(partitionIndex, offset));
    }
  }
  return found;
}

/** Moves the start of the log to `offset`, -1 meaning the high watermark; answers where it stands then. */
function deleteBefore({ topic, log }: Partition, offset: Int64): { lowWatermark: number } {
  if (isInternalTopic(topic)) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `${topic} is internal`);
  const { compact, delete: deletes } = log.settings.cleanupPolicy;
  if (compact && !deletes) throw new KafkaError(ErrorCode.POLICY_VIOLATION, `${topic} is compacted, not deleted from`);
  const target = offset === -1 ? log.highWatermark : offset;
  if (typeof target === 'bigint' || target < 0 || target > log.highWatermark) throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE);
  log.incrementLogStartOffset(target, 'DeleteRecords');
  return { lowWatermark: log.logStartOffset };
}

/** The partition that this node leads, by the name that a client uses. */
function leaderOf(
  services: Services, context: RequestContext, operation: OperationCode, topic: string, index: number, clientEpoch: number,
): Partition {
  if (!services.authorizer.allows(context, operation, Resource.TOPIC, topic)) throw new KafkaError(ErrorCode.TOPIC_AUTHORIZATION_FAILED);
  const topicId = services.image().topicsByName.get(topic)?.id;
  const found = topicId === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : services.replicas.findLeader(topicId, index);
  if (typeof found === 'number') throw new KafkaError(found);
  const fenced = found.checkLeaderEpoch(clientEpoch);
  if (fenced !== ErrorCode.NONE) throw new KafkaError(fenced);
  return found;
}

/** A partition's own failure is its own answer, whatever it is; others go on. */
async function perPartition<T extends object>({ logger }: Services, work: () => T | Promise<T>): Promise<T | number> {
  try {
    return await work();
  } catch (error) {
    const code = logErrorCode(error);
    if (code === undefined) logger.error('a partition could not be asked for its offsets', { error: String(error) });
    return code ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  }
}
