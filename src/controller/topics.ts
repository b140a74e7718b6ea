import { ConfigError, describeTopicConfig, validateTopicConfig } from '../config/index.js';
import { metadataRecord, type MetadataRecord } from '../metadata/records.js';
import { ConfigResourceType, type MetadataImage, type TopicImage } from '../metadata/types.js';
import { errorMessage, KafkaError, ownMessage } from '../protocol/errors.js';
import type { CreatePartitionsRequestInput, CreatePartitionsResponseInput } from '../protocol/generated/create-partitions.js';
import type { CreateTopicsRequestInput, CreateTopicsResponseInput } from '../protocol/generated/create-topics.js';
import type { DeleteTopicsRequestInput, DeleteTopicsResponseInput } from '../protocol/generated/delete-topics.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import { METADATA_TOPIC } from '../protocol/internal-topics.js';
import { ZERO_UUID } from '../protocol/wire/types.js';
import type { Moment } from '../runtime/machine.js';
import { configRecords } from './configs.js';
import type { ChargePartitions, Decided, Decision } from './context.js';
import { refuseExpired } from './deadline.js';
import { checkAssignment, newPartition, placeReplicas } from './placement.js';
import { CollidingNames, invalidNameReason } from './topic-names.js';

/** Topics: made, grown, removed. After Kafka's `ReplicationControlManager`. */

type NewTopic = CreateTopicsRequestInput['topics'][number];
type CreateResult = CreateTopicsResponseInput['topics'][number];

/** One request may not make more than this; Kafka's controller refuses it whole. */
const MAX_PARTITIONS_PER_REQUEST = 10_000;
const TOO_MANY = 'Excessively large number of partitions per request.';
const DUPLICATE = 'Duplicate topic name.';

export function createTopics(decision: Decision, request: CreateTopicsRequestInput): Decided<CreateTopicsResponseInput> {
  const counts = countNames(request.topics.map(({ name }) => name));
  if (request.topics.some(({ name }) => counts.get(name) === 1 && name !== METADATA_TOPIC)) refuseExpired(request);
  refuseTooMany(decision, request);
  const records: MetadataRecord[] = [];
  const topics: CreateResult[] = duplicates(counts).map(name => refused(name, ErrorCode.INVALID_REQUEST, DUPLICATE));
  const taken = [new CollidingNames(() => decision.image.topicsByName.keys()), new CollidingNames(() => counts.keys())];
  for (const topic of request.topics) {
    if (counts.get(topic.name)! > 1) continue;
    const made = attempt(topic.name, () => createTopic(decision, topic, taken));
    if ('records' in made) records.push(...made.records);
    topics.push('records' in made ? made.result : made);
  }
  return { records: request.validateOnly ? [] : records, response: { topics } };
}

function refuseTooMany({ settings }: Decision, { topics }: CreateTopicsRequestInput): void {
  const wanted = topics.reduce((sum, { assignments, numPartitions }) =>
    sum + (assignments.length || (numPartitions === -1 ? settings.get('num.partitions') : Math.max(numPartitions, 0))), 0);
  if (wanted > MAX_PARTITIONS_PER_REQUEST) throw new KafkaError(ErrorCode.POLICY_VIOLATION, TOO_MANY);
}

function countNames(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function duplicates(counts: ReadonlyMap<string, number>): string[] {
  return [...counts].filter(([, count]) => count > 1).map(([name]) => name);
}

const refused = (name: string, errorCode: number, errorMessage: string | null): CreateResult => ({ name, errorCode, errorMessage });

function attempt<T>(name: string, work: () => T): T | CreateResult {
  try {
    return work();
  } catch (error) {
    if (error instanceof KafkaError) return refused(name, error.errorCode, ownMessage(error));
    if (error instanceof ConfigError) return refused(name, ErrorCode.INVALID_CONFIG, error.message);
    throw error;
  }
}

function createTopic(decision: Decision, topic: NewTopic, taken: readonly CollidingNames[]): { records: MetadataRecord[]; result: CreateResult } {
  const { image, settings, at } = decision;
  refuseName(image, topic.name, taken);
  const configs = checkConfigs(decision, topic);
  const assignments = topic.assignments.length > 0 ? manualAssignments(image, topic) : automaticAssignments(decision, topic);
  decision.charge?.(assignments.length);
  const topicId = at.newId();
  return {
    records: [
      metadataRecord('Topic', { name: topic.name, topicId }),
      ...configRecords(image, [...configs].map(([name, value]) => ({ resourceType: ConfigResourceType.TOPIC, resourceName: topic.name, name, value }))),
      ...assignments.map((replicas, partitionId) => newPartition(image, topicId, partitionId, replicas) ?? refuseInactive(partitionId, topic, replicas.length)),
    ],
    result: {
      name: topic.name,
      topicId,
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      numPartitions: assignments.length,
      replicationFactor: assignments[0]!.length,
      configs: describeTopicConfig(settings, configs)
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ name, value, readOnly, configSource, isSensitive }) => ({ name, value, readOnly, configSource, isSensitive })),
    },
  };
}

/** All brokers that were chosen for a partition are on their way out or in. */
function refuseInactive(partitionId: number, { assignments }: Pick<NewTopic, 'assignments'>, replicationFactor: number): never {
  if (assignments.length === 0) throw new KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, unableTo(replicationFactor, 'All brokers are currently fenced or in controlled shutdown.'));
  throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    `All brokers specified in the manual partition assignment for partition ${partitionId} are fenced or in controlled shutdown.`);
}

const unableTo = (replicationFactor: number, why: string): string => `Unable to replicate the partition ${replicationFactor} time(s): ${why}`;

function refuseName(image: MetadataImage, name: string, taken: readonly CollidingNames[]): void {
  if (name === METADATA_TOPIC) throw new KafkaError(ErrorCode.INVALID_REQUEST, `Creation of internal topic ${METADATA_TOPIC} is prohibited.`);
  const why = invalidNameReason(name);
  if (why !== undefined) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, why);
  if (image.topicsByName.has(name)) throw new KafkaError(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
  const other = taken.map(names => names.with(name)).find(found => found !== undefined);
  if (other !== undefined) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic '${name}' collides with existing topic: ${other}`);
}

function checkConfigs({ settings }: Decision, { configs }: NewTopic): Map<string, string> {
  const nulls = configs.filter(({ value }) => value === null).map(({ name }) => name);
  if (nulls.length > 0) throw new KafkaError(ErrorCode.INVALID_CONFIG, `Null value not supported for topic configs: ${nulls.join(',')}`);
  const own = new Map(configs.map(({ name, value }) => [name, value ?? '']));
  validateTopicConfig(settings, own);
  return own;
}

function automaticAssignments({ image, settings, at }: Decision, { numPartitions, replicationFactor }: NewTopic): number[][] {
  if (replicationFactor < -1 || replicationFactor === 0) {
    throw new KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, 'Replication factor must be larger than 0, or -1 to use the default value.');
  }
  if (numPartitions < -1 || numPartitions === 0) {
    throw new KafkaError(ErrorCode.INVALID_PARTITIONS, 'Number of partitions was set to an invalid non-positive value.');
  }
  const count = numPartitions === -1 ? settings.get('num.partitions') : numPartitions;
  const copies = replicationFactor === -1 ? settings.get('default.replication.factor') : replicationFactor;
  try {
    return placeReplicas(image, count, copies, at);
  } catch (error) {
    if (error instanceof KafkaError) throw new KafkaError(error.errorCode, unableTo(copies, error.message));
    throw error;
  }
}

function manualAssignments(image: MetadataImage, { assignments, numPartitions, replicationFactor }: NewTopic): number[][] {
  const invalid = (what: string): never => {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `A manual partition assignment was specified, but ${what} was not set to -1.`);
  };
  if (replicationFactor !== -1) invalid('replication factor');
  if (numPartitions !== -1) invalid('numPartitions');
  const byIndex = new Map<number, number[]>();
  for (const { partitionIndex, brokerIds } of assignments) {
    if (byIndex.has(partitionIndex)) {
      throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `Found multiple manual partition assignments for partition ${partitionIndex}`);
    }
    checkAssignment(image, brokerIds, assignments[0]!.brokerIds.length);
    byIndex.set(partitionIndex, [...brokerIds]);
  }
  return Array.from({ length: byIndex.size }, (_, i) => {
    const replicas = byIndex.get(i);
    if (replicas === undefined) {
      throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, 'partitions should be a consecutive 0-based integer sequence');
    }
    return replicas;
  });
}

export function createPartitions(decision: Decision, request: CreatePartitionsRequestInput): Decided<CreatePartitionsResponseInput> {
  const counts = countNames(request.topics.map(({ name }) => name));
  if ([...counts.values()].includes(1)) refuseExpired(request);
  const records: MetadataRecord[] = [];
  const results: CreatePartitionsResponseInput['results'][number][] = duplicates(counts).map(name => ({ name, errorCode: ErrorCode.INVALID_REQUEST, errorMessage: DUPLICATE }));
  for (const topic of request.topics) {
    if (counts.get(topic.name)! > 1) continue;
    const grown = attempt(topic.name, () => ({ records: growTopic(decision, topic, records.length) }));
    if ('records' in grown) {
      for (const record of grown.records) records.push(record);
      results.push({ name: topic.name, errorCode: ErrorCode.NONE, errorMessage: null });
    } else {
      results.push({ name: topic.name, errorCode: grown.errorCode, errorMessage: grown.errorMessage });
    }
  }
  return { records: request.validateOnly ? [] : records, response: { results } };
}

/** `others`: partitions that the request adds to topics before this one. */
function growTopic({ image, at, charge }: Decision, { name, count, assignments }: CreatePartitionsRequestInput['topics'][number], others: number): MetadataRecord[] {
  const topic = image.topicsByName.get(name);
  if (topic === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const present = topic.partitions.length;
  if (count === present) throw new KafkaError(ErrorCode.INVALID_PARTITIONS, `Topic already has ${present} partition(s).`);
  if (count < present) {
    throw new KafkaError(ErrorCode.INVALID_PARTITIONS,
      `The topic ${name} currently has ${present} partition(s); ${count} would not be an increase.`);
  }
  const added = count - present;
  if (others + added > MAX_PARTITIONS_PER_REQUEST) throw new KafkaError(ErrorCode.POLICY_VIOLATION, TOO_MANY);
  refuseMiscount(assignments, added);
  charge?.(added);
  return replicasToAdd(image, topic, added, assignments, at).map((replicas, i) =>
    newPartition(image, topic.id, present + i, replicas) ?? refuseInactive(present + i, { assignments: assignments === null ? [] : [{ partitionIndex: i, brokerIds: replicas }] }, replicas.length));
}

function refuseMiscount(assignments: CreatePartitionsRequestInput['topics'][number]['assignments'], added: number): void {
  if (assignments === null || assignments.length === added) return;
  throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    `Attempted to add ${added} additional partition(s), but only ${assignments.length} assignment(s) were specified.`);
}

function replicasToAdd(
  image: MetadataImage, topic: TopicImage, added: number, assignments: CreatePartitionsRequestInput['topics'][number]['assignments'], at: Moment,
): number[][] {
  const replicationFactor = topic.partitions[0]!.replicas.length;
  if (assignments === null) return placeReplicas(image, added, replicationFactor, at);
  for (const { brokerIds } of assignments) checkAssignment(image, brokerIds, replicationFactor);
  return assignments.map(({ brokerIds }) => [...brokerIds]);
}

type DeleteResult = DeleteTopicsResponseInput['responses'][number];

/**
 * By name or by id, never both (KIP-516). What is given twice is refused with one answer: a name, an id, or a topic by the one and
 * by the other (`ControllerApis.deleteTopics`).
 */
export function deleteTopics({ image, settings, charge }: Decision, request: DeleteTopicsRequestInput): Decided<DeleteTopicsResponseInput> {
  if (!settings.get('delete.topic.enable')) throw new KafkaError(ErrorCode.TOPIC_DELETION_DISABLED);
  const asked = (request.topics ?? []).map(({ name, topicId }) => ({ name: name ?? null, topicId }));
  const keyOf = ({ name, topicId }: (typeof asked)[number]): string => `${topicId} ${name ?? ''}`;
  const isWellFormed = ({ name, topicId }: (typeof asked)[number]): boolean => (topicId === ZERO_UUID) === (name !== null);
  const counts = countNames(asked.filter(isWellFormed).map(keyOf));
  if ([...counts.values()].includes(1)) refuseExpired(request);
  const responses = new Map<string, DeleteResult>();
  const removed = new Map<string, string>();
  for (const [i, topic] of asked.entries()) {
    const key = isWellFormed(topic) ? keyOf(topic) : `malformed ${i}`;
    if (responses.has(key)) continue;
    const found = counts.get(key)! > 1
      ? { answer: { ...topic, errorCode: ErrorCode.INVALID_REQUEST, errorMessage: topic.name === null ? 'Duplicate topic id.' : DUPLICATE } }
      : findTopic(image, topic.name, topic.topicId);
    const earlier = found.topic && removed.get(found.topic.id);
    if (earlier !== undefined) {
      removed.delete(found.topic!.id);
      responses.delete(earlier);
      responses.set(key, { ...found.answer, errorCode: ErrorCode.INVALID_REQUEST, errorMessage: 'The provided topic name maps to an ID that was already supplied.' });
      continue;
    }
    if (found.topic !== undefined) removed.set(found.topic.id, key);
    responses.set(key, found.answer);
  }
  for (const [topicId, key] of removed) {
    const refusal = refusedCharge(charge, image.topicsById.get(topicId)!.partitions.length);
    if (refusal === undefined) continue;
    removed.delete(topicId);
    responses.set(key, { ...responses.get(key)!, errorCode: refusal.errorCode, errorMessage: ownMessage(refusal) });
  }
  return {
    records: [...removed.keys()].map(topicId => metadataRecord('RemoveTopic', { topicId })),
    response: { responses: [...responses.values()] },
  };
}

function refusedCharge(charge: ChargePartitions | undefined, partitions: number): KafkaError | undefined {
  try {
    charge?.(partitions);
    return undefined;
  } catch (error) {
    if (error instanceof KafkaError) return error;
    throw error;
  }
}

function findTopic(image: MetadataImage, name: string | null, topicId: string): { topic?: TopicImage; answer: DeleteResult } {
  const byId = topicId !== ZERO_UUID;
  if (byId === (name !== null)) {
    const errorMessage = byId ? 'You may not specify both topic name and topic id.' : 'Neither topic name nor id were specified.';
    return { answer: { name, topicId, errorCode: ErrorCode.INVALID_REQUEST, errorMessage } };
  }
  const topic = byId ? image.topicsById.get(topicId) : image.topicsByName.get(name!);
  if (topic !== undefined) return { topic, answer: { name: topic.name, topicId: topic.id, errorCode: ErrorCode.NONE } };
  return byId
    ? { answer: { name, topicId, errorCode: ErrorCode.UNKNOWN_TOPIC_ID, errorMessage: errorMessage(ErrorCode.UNKNOWN_TOPIC_ID) } }
    : { answer: { name, topicId, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: errorMessage(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) } };
}
