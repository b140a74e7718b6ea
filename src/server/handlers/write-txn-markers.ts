import { ErrorCode } from '../../protocol/generated/errors.js';
import {
  writeTxnMarkersApi, type WriteTxnMarkersRequest, type WriteTxnMarkersRequestWritableTxnMarker as RequestedMarker, type WriteTxnMarkersResponseInput,
} from '../../protocol/generated/write-txn-markers.js';
import { KafkaError } from '../../protocol/errors.js';
import { OFFSETS_TOPIC } from '../../protocol/internal-topics.js';
import { buildEndTransactionMarker } from '../../protocol/records/control-records.js';
import { validateProduce } from '../../protocol/records/validate-produce.js';
import { int64ToNumber } from '../../protocol/wire/types.js';
import { produce, type Partition, type ProduceEntry } from '../../replication/index.js';
import { answering, serve, type ServedApi } from '../api.js';
import { mayOnCluster } from '../authorizer.js';
import { Operation, type RequestContext } from '../context.js';
import type { Services } from '../services.js';

/** The markers that end transactions, as their coordinator orders them: WriteTxnMarkers 1-2 (KIP-98, KIP-1228). */
export function txnMarkerApis(services: Services): ServedApi[] {
  return [
    serve(writeTxnMarkersApi, answering((request, context) => writeTxnMarkers(services, request, context)), { minVersion: 1, clusterAction: true }),
  ];
}

interface Marker {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly committed: boolean;
  readonly coordinatorEpoch: number;
  readonly transactionVersion: number;
}

/** What a marker came to in one partition. */
interface Outcome {
  readonly topic: string;
  readonly index: number;
  readonly errorCode: number;
}

async function writeTxnMarkers(services: Services, request: WriteTxnMarkersRequest, context: RequestContext): Promise<WriteTxnMarkersResponseInput> {
  const mayDo = (operation: typeof Operation.ALTER | typeof Operation.CLUSTER_ACTION): boolean =>
    mayOnCluster(services.authorizer, context, operation);
  if (!mayDo(Operation.ALTER) && !mayDo(Operation.CLUSTER_ACTION)) throw new KafkaError(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
  const markers = request.markers.map(markerOf);
  const outcomes = await Promise.all(request.markers.map((requested, i) => writeMarker(services, requested, markers[i]!)));
  return { markers: byProducer(markers.map(({ producerId }, i) => [producerId, outcomes[i]!])) };
}

function markerOf({ producerId, transactionResult, producerEpoch, coordinatorEpoch, transactionVersion }: RequestedMarker): Marker {
  const marker = { producerId: int64ToNumber(producerId), producerEpoch, coordinatorEpoch, transactionVersion, committed: transactionResult };
  if (marker.producerId < 0 || producerEpoch < 0) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Nobody can have begun a transaction as producer ${marker.producerId} in epoch ${producerEpoch}`);
  }
  return marker;
}

/** All partitions of a marker at once; a partition that is given twice gets one. */
async function writeMarker(services: Services, { topics }: RequestedMarker, marker: Marker): Promise<Outcome[]> {
  const refused: Outcome[] = [];
  const offsets: Promise<Outcome>[] = [];
  const leaders: Partition[] = [];
  for (const [topic, indexes] of partitionsOf(topics)) {
    for (const index of indexes) {
      const partition = findOnline(services, topic, index);
      if (partition === undefined) refused.push({ topic, index, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
      else if (topic === OFFSETS_TOPIC) offsets.push(endInGroups(services, index, marker));
      else leaders.push(partition);
    }
  }
  return [...refused, ...await Promise.all(offsets), ...await append(services, leaders, marker)];
}

function partitionsOf(topics: RequestedMarker['topics']): Map<string, Set<number>> {
  const asked = new Map<string, Set<number>>();
  for (const { name, partitionIndexes } of topics) asked.set(name, new Set([...asked.get(name) ?? [], ...partitionIndexes]));
  return asked;
}

/** The partition, also while another node leads it: then its append says so. */
function findOnline(services: Services, topic: string, index: number): Partition | undefined {
  const { replicas } = services;
  const id = services.image().topicsByName.get(topic)?.id;
  return id === undefined || replicas.isOffline(id, index) ? undefined : replicas.get(id, index);
}

/** The group coordinator writes in its own partitions: offsets that were committed in the transaction hang on the marker. */
async function endInGroups({ groups }: Services, index: number, marker: Marker): Promise<Outcome> {
  const code = await groups.endTransaction(index, marker);
  return { topic: OFFSETS_TOPIC, index, errorCode: NOT_READY.includes(code) ? ErrorCode.NOT_LEADER_OR_FOLLOWER : code };
}

/** What a transaction coordinator does not know; it asks again when it hears that the leader is another. */
const NOT_READY: readonly number[] = [ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.NOT_COORDINATOR];

async function append(services: Services, partitions: readonly Partition[], marker: Marker): Promise<Outcome[]> {
  if (partitions.length === 0) return [];
  const timestampMs = services.clock.nowMs();
  const outcomes: Outcome[] = [];
  const entries: ProduceEntry[] = [];
  for (const partition of partitions) {
    // Topics may want another timestamp, and bound the size of what they take from anybody.
    const checked = await validateProduce(buildEndTransactionMarker({ ...marker, timestampMs }, marker), partition.log.settings, {
      origin: 'coordinator', produceVersion: -1, nowMs: timestampMs,
    });
    if (checked.accepted) entries.push({ partition, batches: checked.batch });
    else outcomes.push({ topic: partition.topic, index: partition.index, errorCode: checked.errorCode });
  }
  const { transactionVersion } = marker;
  await new Promise<void>((resolve, reject) => {
    produce(services, entries, {
      requiredAcks: -1, timeoutMs: services.settings().get('request.timeout.ms'), context: { origin: 'coordinator', transactionVersion },
    }, resolve, reject);
  });
  return [...outcomes, ...entries.map(({ partition, outcome }) => (
    { topic: partition.topic, index: partition.index, errorCode: outcome?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR }))];
}

/** One entry for each producer: of several markers in a partition, the last says what became of it. */
function byProducer(results: readonly (readonly [producerId: number, outcomes: readonly Outcome[]])[]): WriteTxnMarkersResponseInput['markers'] {
  const producers = new Map<number, Map<string, Map<number, number>>>();
  for (const [producerId, outcomes] of results) {
    const topics = producers.get(producerId) ?? new Map<string, Map<number, number>>();
    for (const { topic, index, errorCode } of outcomes) topics.set(topic, (topics.get(topic) ?? new Map<number, number>()).set(index, errorCode));
    // A marker without partitions is answered by nothing at all.
    if (topics.size > 0) producers.set(producerId, topics);
  }
  return Array.from(producers, ([producerId, topics]) => ({
    producerId,
    topics: Array.from(topics, ([name, partitions]) => ({
      name, partitions: Array.from(partitions, ([partitionIndex, errorCode]) => ({ partitionIndex, errorCode })),
    })),
  }));
}
