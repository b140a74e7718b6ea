import type { WriteMarkers } from '../../coordinator/transaction/types.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { OFFSETS_TOPIC } from '../../protocol/internal-topics.js';
import { buildEndTransactionMarker, type TransactionMarker } from '../../protocol/records/control-records.js';
import { validateProduce } from '../../protocol/records/validate-produce.js';
import { produce, type Partition, type ProduceEntry } from '../../replication/index.js';
import type { Services } from '../services.js';

export interface MarkerDeps extends Pick<Services, 'image' | 'replicas' | 'clock' | 'wheel' | 'settings' | 'logger'> {
  readonly groups: Pick<Services['groups'], 'endTransaction'>;
  /**
   * Brings what is safe to the system, before anybody goes on who relies on it: a coordinator that notes that all is done. Markers
   * that are not safe yet are waited for, and an answer that is sent is held back until then anyway.
   */
  readonly writeAll?: () => void;
}

/**
 * Writes markers into the partitions that this node leads (Kafka's `KafkaApis.handleWriteTxnMarkersRequest`), for the requests of
 * other nodes and for the coordinator of this one. Of a partition that the cluster does not know it says
 * UNKNOWN_TOPIC_OR_PARTITION, of one that is here and cannot be written now NOT_LEADER_OR_FOLLOWER or KAFKA_STORAGE_ERROR: a
 * coordinator has nothing more to end in the first, and tries the others again.
 */
export function localMarkers(deps: MarkerDeps): WriteMarkers {
  return async (marker, partitions) => {
    const leaders = partitions.map(({ topic, index }) => leaderOf(deps, topic, index));
    const codes = await end(deps, leaders, marker);
    deps.writeAll?.();
    return partitions.map(({ topic, index }, i) => ({ topic, index, errorCode: written(leaders[i]!, codes[i]!) }));
  };
}

/** An error code for each; those that are not led here have theirs. */
async function end(deps: MarkerDeps, leaders: readonly (Partition | number)[], marker: TransactionMarker): Promise<number[]> {
  const inGroups = ({ topic }: Partition): boolean => topic === OFFSETS_TOPIC;
  const appended = append(deps, leaders.filter(leader => typeof leader !== 'number' && !inGroups(leader)) as Partition[], marker);
  return Promise.all(leaders.map(async leader => {
    if (typeof leader === 'number') return leader;
    return inGroups(leader) ? endInGroups(deps, leader.index, marker) : (await appended).get(leader) ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  }));
}

function written(leader: Partition | number, errorCode: number): number {
  const isLost = errorCode === ErrorCode.NONE && typeof leader !== 'number' && leader.log.failure !== undefined;
  return isLost ? ErrorCode.KAFKA_STORAGE_ERROR : errorCode;
}

function leaderOf({ image, replicas }: MarkerDeps, name: string, index: number): Partition | number {
  const topic = image().topicsByName.get(name);
  if (topic?.partitions[index] === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  const partition = replicas.findLeader(topic.id, index);
  // The cluster has it, and it is not here: somebody else's, or on its way.
  return partition === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION ? ErrorCode.NOT_LEADER_OR_FOLLOWER : partition;
}

/** The group coordinator writes in its own partitions: offsets that were committed in the transaction hang on the marker. */
async function endInGroups({ groups }: MarkerDeps, index: number, marker: TransactionMarker): Promise<number> {
  const code = await groups.endTransaction(index, marker);
  return NOT_READY.includes(code) ? ErrorCode.NOT_LEADER_OR_FOLLOWER : code;
}

/** What a transaction coordinator does not know; it asks again when it hears that the leader is another. */
const NOT_READY: readonly number[] = [ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.NOT_COORDINATOR];

/** All at once, so that one write of a turn holds them: an error code for each. */
async function append(deps: MarkerDeps, partitions: readonly Partition[], marker: TransactionMarker): Promise<ReadonlyMap<Partition, number>> {
  const codes = new Map<Partition, number>();
  const entries: ProduceEntry[] = [];
  try {
    for (const partition of partitions) {
      const checking = checked(deps, partition, marker);
      const batch = checking instanceof Promise ? await checking : checking;
      if (batch.accepted) entries.push({ partition, batches: batch.batch });
      else codes.set(partition, batch.errorCode);
    }
    await acknowledged(deps, entries, marker);
    for (const { partition, outcome } of entries) codes.set(partition, outcome!.errorCode);
  } catch (error) {
    deps.logger.error('a transaction could not be ended in its partitions', { producerId: marker.producerId, error });
  }
  return codes;
}

/** Topics may want another timestamp, and bound the size of what they take from anybody. */
function checked({ clock }: MarkerDeps, { log }: Partition, marker: TransactionMarker): ReturnType<typeof validateProduce> {
  const nowMs = clock.nowMs();
  const { producerId, producerEpoch } = marker;
  return validateProduce(buildEndTransactionMarker({ producerId, producerEpoch, timestampMs: nowMs }, marker), log.settings, {
    origin: 'coordinator', produceVersion: -1, nowMs,
  });
}

function acknowledged(deps: MarkerDeps, entries: readonly ProduceEntry[], { transactionVersion }: TransactionMarker): Promise<void> {
  const timeoutMs = deps.settings().get('request.timeout.ms');
  return new Promise((resolve, reject) => {
    produce(deps, entries, { requiredAcks: -1, timeoutMs, context: { origin: 'coordinator', transactionVersion } }, resolve, reject);
  });
}
