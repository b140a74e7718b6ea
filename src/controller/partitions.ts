import { MetadataVersionGate } from '../metadata/features.js';
import { isActive, NO_LEADER } from '../metadata/image.js';
import { mergePartition } from '../metadata/topics-delta.js';
import type { MetadataRecord } from '../metadata/records.js';
import type { MetadataImage, PartitionImage, TopicImage } from '../metadata/types.js';
import type { AlterPartitionRequestInput, AlterPartitionResponseInput } from '../protocol/generated/alter-partition.js';
import type { AssignReplicasToDirsRequestInput, AssignReplicasToDirsResponseInput } from '../protocol/generated/assign-replicas-to-dirs.js';
import type { ElectLeadersRequestInput, ElectLeadersResponseInput } from '../protocol/generated/elect-leaders.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { errorMessage, KafkaError } from '../protocol/errors.js';
import { requireBroker } from './brokers.js';
import type { Decided, Decision } from './context.js';
import { refuseExpired } from './deadline.js';
import { changePartition, topicRules } from './partition-change.js';

/** Changes to single partitions: their ISR, their leader, their directories. After Kafka's `ReplicationControlManager`. */

type AlterTopic = AlterPartitionRequestInput['topics'][number];
type AlterData = AlterTopic['partitions'][number];
type AlterResult = NonNullable<AlterPartitionResponseInput['topics']>[number]['partitions'][number];

const RECOVERED = 0;
const RECOVERING = 1;

/** A leader reports its in-sync replicas (KIP-497, KIP-903). Replicas without a broker epoch are taken as they are. */
export function alterPartition(decision: Decision, request: AlterPartitionRequestInput): Decided<AlterPartitionResponseInput> {
  requireBroker(decision.image, request.brokerId, request.brokerEpoch ?? -1);
  const records: MetadataRecord[] = [];
  const topics = request.topics.map(asked => {
    const topic = decision.image.topicsById.get(asked.topicId ?? '');
    const partitions = asked.partitions.map((data): AlterResult => {
      if (topic === undefined) return refusal(data, ErrorCode.UNKNOWN_TOPIC_ID);
      return alterOne(decision, request.brokerId, topic, data, records);
    });
    return { topicId: asked.topicId, partitions };
  });
  return { records, response: { errorCode: ErrorCode.NONE, topics } };
}

function refusal({ partitionIndex }: AlterData, errorCode: number): AlterResult {
  return { partitionIndex, errorCode, leaderId: NO_LEADER, leaderEpoch: 0, isr: [], partitionEpoch: 0 };
}

function alterOne(decision: Decision, brokerId: number, topic: TopicImage, data: AlterData, records: MetadataRecord[]): AlterResult {
  const before = topic.partitions[data.partitionIndex];
  const isr = data.newIsrWithEpochs?.map(({ brokerId: id, brokerEpoch = -1 }) => ({ id, epoch: brokerEpoch })) ?? (data.newIsr ?? []).map(id => ({ id, epoch: -1 }));
  const errorCode = faultOf(decision.image, brokerId, before, data, isr);
  if (before === undefined || errorCode !== ErrorCode.NONE) return refusal(data, errorCode);
  const record = changePartition(topicRules(decision, topic), data.partitionIndex, { isr: isr.map(({ id }) => id), leaderRecoveryState: data.leaderRecoveryState ?? RECOVERED });
  let after: PartitionImage = before;
  if (record?.type === 'PartitionChange') {
    records.push(record);
    after = mergePartition(before, record.message);
    // The change may end a reassignment in which the leader itself goes: committed all the same.
    if (after.leader !== before.leader) return refusal(data, ErrorCode.NEW_LEADER_ELECTED);
  }
  const { leader: leaderId, leaderEpoch, partitionEpoch, leaderRecoveryState } = after;
  return { partitionIndex: data.partitionIndex, errorCode, leaderId, leaderEpoch, isr: [...after.isr], leaderRecoveryState, partitionEpoch };
}

/** In the order in which Kafka's controller checks; epochs ahead of ours mean that another controller has taken over. */
function faultOf(
  image: MetadataImage, brokerId: number, partition: PartitionImage | undefined, data: AlterData, isr: readonly { id: number; epoch: number | bigint }[],
): number {
  if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  const { leaderEpoch, partitionEpoch, leaderRecoveryState = RECOVERED } = data;
  if (leaderEpoch > partition.leaderEpoch || partitionEpoch > partition.partitionEpoch) return ErrorCode.NOT_CONTROLLER;
  if (leaderEpoch < partition.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
  if (brokerId !== partition.leader) return ErrorCode.INVALID_REQUEST;
  if (partitionEpoch < partition.partitionEpoch) return ErrorCode.INVALID_UPDATE_VERSION;
  const ids = isr.map(({ id }) => id);
  const isValid = ids.length > 0 && new Set(ids).size === ids.length && ids.every(id => partition.replicas.includes(id)) && ids.includes(partition.leader);
  if (!isValid) return ErrorCode.INVALID_REQUEST;
  if (leaderRecoveryState === RECOVERING && (ids.length > 1 || partition.leaderRecoveryState === RECOVERED)) return ErrorCode.INVALID_REQUEST;
  const isEligible = ({ id, epoch }: { id: number; epoch: number | bigint }): boolean => {
    const broker = image.brokers.get(id);
    return isActive(broker) && (epoch === -1 || broker?.epoch === epoch);
  };
  return isr.every(isEligible) ? ErrorCode.NONE : ErrorCode.INELIGIBLE_REPLICA;
}

const PREFERRED = 0;
const UNCLEAN = 1;

type ElectionResult = ElectLeadersResponseInput['replicaElectionResults'][number]['partitionResult'][number];

/** Elects leaders on request (KIP-460): the preferred ones, or, where nobody leads, whoever is there. Null asks for all partitions. */
export function electLeaders(decision: Decision, { electionType = PREFERRED, topicPartitions, timeoutMs }: ElectLeadersRequestInput): Decided<ElectLeadersResponseInput> {
  if (topicPartitions?.length === 0) return { records: [], response: { errorCode: ErrorCode.NONE, replicaElectionResults: [] } };
  refuseExpired({ timeoutMs });
  if (electionType !== PREFERRED && electionType !== UNCLEAN) throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown election type ${electionType}`);
  const records: MetadataRecord[] = [];
  const electOne = (topic: string, partitionId: number): ElectionResult => {
    return { partitionId, ...elect(decision, topic, partitionId, electionType, records) };
  };
  const asked = topicPartitions ?? [...decision.image.topicsByName.values()].map(({ name, partitions }) => ({ topic: name, partitions: [...partitions.keys()] }));
  const results = asked.map(({ topic, partitions }) => {
    const partitionResult = partitions.map(partition => electOne(topic, partition));
    // Who asks for all is told only of those where something was to be done.
    return { topic, partitionResult: topicPartitions === null ? partitionResult.filter(({ errorCode }) => errorCode !== ErrorCode.ELECTION_NOT_NEEDED) : partitionResult };
  });
  return { records, response: { errorCode: ErrorCode.NONE, replicaElectionResults: results } };
}

function elect(decision: Decision, name: string, partitionId: number, electionType: number, records: MetadataRecord[]): Omit<ElectionResult, 'partitionId'> {
  const refused = (errorCode: number, why = errorMessage(errorCode)): ReturnType<typeof elect> => ({ errorCode, errorMessage: why });
  const topic = decision.image.topicsByName.get(name);
  if (topic === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${name}`);
  const partition = topic.partitions[partitionId];
  if (partition === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${name}-${partitionId}`);
  const isNeeded = electionType === PREFERRED ? partition.leader !== partition.replicas[0] : partition.leader === NO_LEADER;
  if (!isNeeded) return refused(ErrorCode.ELECTION_NOT_NEEDED);
  const record = changePartition(topicRules(decision, topic, electionType === PREFERRED ? 'preferred' : 'unclean'), partitionId);
  if (record === undefined) return refused(electionType === PREFERRED ? ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE : ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE);
  records.push(record);
  return { errorCode: ErrorCode.NONE, errorMessage: null };
}

/** A broker with several directories tells in which of them its replicas lie (KIP-858). */
export function assignReplicasToDirs(decision: Decision, request: AssignReplicasToDirsRequestInput): Decided<AssignReplicasToDirsResponseInput> {
  const { brokerId } = request;
  if (decision.image.features.metadataVersion < MetadataVersionGate.DIRECTORY_ASSIGNMENT) {
    throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, 'replicas are assigned to directories from metadata.version 17 on');
  }
  const broker = requireBroker(decision.image, brokerId, request.brokerEpoch ?? -1);
  const records: MetadataRecord[] = [];
  const directories = request.directories.map(({ id, topics }) => ({
    id,
    topics: topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ partitionIndex }) => {
        const topic = decision.image.topicsById.get(topicId);
        const partition = topic?.partitions[partitionIndex];
        if (topic === undefined) return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_ID };
        if (partition === undefined) return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
        if (!partition.replicas.includes(brokerId)) return { partitionIndex, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER };
        const isOnline = broker.logDirs.includes(id);
        const mayLead = (other: number): boolean => (isOnline || other !== brokerId) && isActive(decision.image.brokers.get(other));
        const isr = isOnline ? partition.isr : partition.isr.filter(other => other !== brokerId);
        const record = changePartition(topicRules(decision, topic, undefined, mayLead), partitionIndex, { isr, directories: new Map([[brokerId, id]]) });
        if (record !== undefined) records.push(record);
        return { partitionIndex, errorCode: ErrorCode.NONE };
      }),
    })),
  }));
  return { records, response: { errorCode: ErrorCode.NONE, directories } };
}
