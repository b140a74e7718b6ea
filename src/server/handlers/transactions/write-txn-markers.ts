import type { PartitionErrors, TopicPartition, WriteMarkers } from '../../../coordinator/transaction/types.js';
import { ErrorCode } from '../../../protocol/generated/errors.js';
import {
  writeTxnMarkersApi, type WriteTxnMarkersRequest, type WriteTxnMarkersRequestWritableTxnMarker as RequestedMarker, type WriteTxnMarkersResponseInput,
} from '../../../protocol/generated/write-txn-markers.js';
import { KafkaError } from '../../../protocol/errors.js';
import type { TransactionMarker } from '../../../protocol/records/control-records.js';
import { bumpsEpochs } from '../../../protocol/transaction-version.js';
import { int64ToNumber } from '../../../protocol/wire/types.js';
import { answering, serve, type ServedApi } from '../../api.js';
import { mayOnCluster } from '../../authorizer.js';
import { Operation, type RequestContext } from '../../context.js';
import type { Services } from '../../services.js';
import { localMarkers } from '../../transactions/markers.js';

/** The markers that end transactions, as their coordinator orders them: WriteTxnMarkers 1-2 (KIP-98, KIP-1228). */
export function txnMarkerApis(services: Services): ServedApi[] {
  return [
    serve(writeTxnMarkersApi, answering((request, context) => writeTxnMarkers(services, request, context)), { minVersion: 1, clusterAction: true }),
  ];
}

type Outcome = PartitionErrors[number];

async function writeTxnMarkers(services: Services, request: WriteTxnMarkersRequest, context: RequestContext): Promise<WriteTxnMarkersResponseInput> {
  const mayDo = (operation: typeof Operation.ALTER | typeof Operation.CLUSTER_ACTION): boolean =>
    mayOnCluster(services.authorizer, context, operation);
  if (!mayDo(Operation.ALTER) && !mayDo(Operation.CLUSTER_ACTION)) throw new KafkaError(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
  const markers = request.markers.map(markerOf);
  const write = localMarkers(services);
  const outcomes = await Promise.all(request.markers.map(({ topics }, i) => writeMarker(services, write, markers[i]!, topics)));
  return { markers: byProducer(markers.map(({ producerId }, i) => [producerId, outcomes[i]!])) };
}

function markerOf({ producerId, transactionResult, producerEpoch, coordinatorEpoch, transactionVersion }: RequestedMarker): TransactionMarker {
  const marker: TransactionMarker = {
    producerId: int64ToNumber(producerId), producerEpoch, coordinatorEpoch, committed: transactionResult, transactionVersion: bumpsEpochs(transactionVersion) ? 2 : 0,
  };
  if (marker.producerId < 0 || producerEpoch < 0) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Nobody can have begun a transaction as producer ${marker.producerId} in epoch ${producerEpoch}`);
  }
  return marker;
}

/** Another node is told that a partition is not here before it is told why; one that is given twice gets one marker. */
async function writeMarker(
  services: Services, write: WriteMarkers, marker: TransactionMarker, topics: RequestedMarker['topics'],
): Promise<PartitionErrors> {
  const absent: Outcome[] = [];
  const here: TopicPartition[] = [];
  for (const [topic, indexes] of partitionsOf(topics)) {
    for (const index of indexes) {
      if (isHere(services, topic, index)) here.push({ topic, index });
      else absent.push({ topic, index, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
    }
  }
  return [...absent, ...await write(marker, here)];
}

function partitionsOf(topics: RequestedMarker['topics']): Map<string, Set<number>> {
  const asked = new Map<string, Set<number>>();
  for (const { name, partitionIndexes } of topics) {
    const indexes = asked.get(name) ?? new Set();
    asked.set(name, indexes);
    for (const index of partitionIndexes) indexes.add(index);
  }
  return asked;
}

/** Also while another node leads it. */
function isHere(services: Services, topic: string, index: number): boolean {
  const { replicas } = services;
  const id = services.image().topicsByName.get(topic)?.id;
  return id !== undefined && !replicas.isOffline(id, index) && replicas.get(id, index) !== undefined;
}

/** One entry for each producer: of several markers in a partition, the last says what became of it. */
function byProducer(results: readonly (readonly [producerId: number, outcomes: PartitionErrors])[]): WriteTxnMarkersResponseInput['markers'] {
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
