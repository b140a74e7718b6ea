import { withElement } from '../../base/lists.js';
import { KafkaError } from '../../protocol/errors.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { produceApi, type ProduceRequest, type ProduceResponseInput } from '../../protocol/generated/produce.js';
import { validateProduce, type ProduceCheckContext, type RejectedBatch, type ValidatedBatch } from '../../protocol/records/validate-produce.js';
import { produce, type Partition, type ProduceEntry } from '../../replication/index.js';
import { CloseConnection, serve, type Handler, type Later, type Reply, type ServedApi } from '../api.js';
import { Operation, Resource, type RequestContext } from '../context.js';
import { isInternalTopic } from '../../protocol/internal-topics.js';
import type { Verdicts } from '../transactions/verification.js';
import { hasTransactionalRecords, produceFailure, verifyProduce, withOwnRecords, type ProduceDeps } from './transactional-produce.js';

/**
 * Produce: served from version 3, since older ones carry message formats that Kafka 4 no longer writes; advertised from 0,
 * because librdkafka before 2.11 turns compression off otherwise (KAFKA-18659). Topic ids (KIP-516) from 13.
 */
export function produceApis(services: ProduceDeps): ServedApi[] {
  return [serve(produceApi, produceHandler(services), { minVersion: 3, advertisedMinVersion: 0, frame: 'borrowed' })];
}

const FIRST_VERSION_WITH_TOPIC_IDS = 13;
/** Admin clients may write to internal topics, as Kafka allows. */
const ADMIN_CLIENT_ID = '__admin_client';

const CLIENT = { origin: 'client' } as const;

type PartitionAnswer = ProduceResponseInput['responses'][number]['partitionResponses'][number];

/** What may be appended, and where; or why it may not, with the partition if it was asked. */
type Checked =
  | ({ readonly accepted: true } & ProduceEntry)
  | { readonly accepted: false; readonly partition: Partition | undefined; readonly refusal: RejectedBatch };

/** One partition of the request on its way to an answer: refused, or accepted and then appended. */
interface Item {
  readonly topic: ProduceRequest['topicData'][number];
  readonly index: number;
  checked: Checked;
}

const NONE: readonly Item[] = [];

function produceHandler(services: ProduceDeps): Handler<ProduceRequest, ProduceResponseInput> {
  return (request, context, reply, later) => {
    const { acks } = request;
    if (acks < -1 || acks > 1) throw new KafkaError(ErrorCode.INVALID_REQUIRED_ACKS);
    if (!hasTransactionalRecords(request)) return checkAndAppend(services, request, context, reply, later);
    const verdicts = verifyProduce(services, request, context, (topic, index) => find(services, context, topic, index));
    if (!(verdicts instanceof Promise)) return checkAndAppend(services, request, context, reply, later, verdicts);
    const kept = withOwnRecords(request);
    return verdicts.then(told => checkAndAppend(services, kept, context, reply, later, told));
  };
}

function checkAndAppend(
  services: ProduceDeps, request: ProduceRequest, context: RequestContext, reply: Reply<ProduceResponseInput>, later: Later, verdicts?: Verdicts,
): void | Promise<void> {
  let items: Item[] | undefined;
  let waiting: Promise<void>[] | undefined;
  const rules: ProduceCheckContext = { origin: 'client', produceVersion: context.apiVersion, nowMs: services.clock.nowMs(), compute: services.compute };
  for (const topic of request.topicData) {
    for (const { index, records } of topic.partitionData) {
      const checked = check(services, context, rules, topic, index, records, verdicts);
      const item: Item = { topic, index, checked: checked instanceof Promise ? PENDING : checked };
      if (checked instanceof Promise) waiting = withElement(waiting, checked.then(done => { item.checked = done; }));
      items = withElement(items, item);
    }
  }
  const all = items ?? NONE;
  if (waiting === undefined) {
    append(services, request, context, all, reply, later);
    return undefined;
  }
  keepBytes(all);
  return Promise.all(waiting).then(() => append(services, request, context, all, reply, later));
}

/** The request's bytes are gone once the handler returns: who waits for a slow neighbour takes a copy along. */
function keepBytes(items: readonly Item[]): void {
  for (const item of items) {
    if (item.checked.accepted) item.checked = { ...item.checked, batches: Buffer.from(item.checked.batches) };
  }
}

const refuse = (errorCode: number, errorMessage = ''): Checked =>
  ({ accepted: false, partition: undefined, refusal: { accepted: false, errorCode, errorMessage, recordErrors: [], beforeLog: true } });
const PENDING = refuse(ErrorCode.UNKNOWN_SERVER_ERROR);

function check(
  services: ProduceDeps, context: RequestContext, rules: ProduceCheckContext,
  topic: Item['topic'], index: number, records: Uint8Array | null, verdicts: Verdicts | undefined,
): Checked | Promise<Checked> {
  const partition = find(services, context, topic, index);
  if (typeof partition === 'number') return refuse(partition);
  if (records === null) return refuse(ErrorCode.INVALID_RECORD, 'there is no record batch');
  const verdict = verdicts?.get(partition);
  if (verdict !== undefined && verdict.errorCode !== ErrorCode.NONE) {
    const { errorCode, errorMessage } = produceFailure(verdict.errorCode, context.apiVersion);
    return refuse(errorCode, errorMessage);
  }
  const validated = validateProduce(records, partition.log.settings, rules);
  return validated instanceof Promise
    ? validated.then(done => accepted(partition, done, verdict?.guard))
    : accepted(partition, validated, verdict?.guard);
}

function find(services: ProduceDeps, context: RequestContext, topic: Item['topic'], index: number): Partition | number {
  const byId = context.apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS;
  const image = services.image();
  const known = byId ? image.topicsById.get(topic.topicId) : image.topicsByName.get(topic.name);
  if (known === undefined) return byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  if (!services.authorizer.allows(context, Operation.WRITE, Resource.TOPIC, known.name)) return ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  if (isInternalTopic(known.name) && context.clientId !== ADMIN_CLIENT_ID) return ErrorCode.INVALID_TOPIC_EXCEPTION;
  return services.replicas.findLeader(known.id, index);
}

function accepted(partition: Partition, validated: ValidatedBatch, guard: ProduceEntry['guard']): Checked {
  if (!validated.accepted) return { accepted: false, partition: validated.beforeLog ? undefined : partition, refusal: validated };
  return { accepted: true, partition, batches: validated.batch, guard };
}

function append(
  services: ProduceDeps, request: ProduceRequest, context: RequestContext, items: readonly Item[], reply: Reply<ProduceResponseInput>, later: Later,
): void {
  let entries: ProduceEntry[] | undefined;
  for (const { checked } of items) if (checked.accepted) entries = withElement(entries, checked);
  const options = { requiredAcks: request.acks, timeoutMs: request.timeoutMs, context: CLIENT };
  const answer = (): void => {
    if (services.quotas.limitProduce) later.throttle(services.quotas.produced(context, context.requestBytes));
    if (request.acks !== 0) reply(response(services, items));
    else if (items.every(succeeded)) reply(null);
    else throw new CloseConnection('a Produce with acks=0 failed, and there is no other way to tell');
  };
  const pending = produce(services, entries ?? [], options, answer, error => later.fail(error));
  if (pending !== undefined) later.pending(pending);
}

function succeeded({ checked }: Item): boolean {
  return checked.accepted && checked.outcome?.errorCode === ErrorCode.NONE;
}

function response(services: ProduceDeps, items: readonly Item[]): ProduceResponseInput {
  let responses: ProduceResponseInput['responses'][number][] | undefined;
  let partitionResponses: PartitionAnswer[] = [];
  let last: Item['topic'] | undefined;
  for (const item of items) {
    const answer = partitionAnswer(services, item);
    if (item.topic === last) {
      partitionResponses.push(answer);
      continue;
    }
    last = item.topic;
    partitionResponses = [answer];
    responses = withElement(responses, { name: last.name, topicId: last.topicId, partitionResponses });
  }
  return { responses: responses ?? [] };
}

function partitionAnswer(services: ProduceDeps, { index, checked }: Item): PartitionAnswer {
  const { partition } = checked;
  if (!checked.accepted) {
    const { errorCode, errorMessage, recordErrors } = checked.refusal;
    return failure(services, partition, { index, errorCode, errorMessage: errorMessage || null, recordErrors, baseOffset: -1 });
  }
  const { outcome } = checked;
  if (outcome?.append === undefined || outcome.errorCode !== ErrorCode.NONE) {
    const message = outcome !== undefined && 'message' in outcome ? outcome.message : undefined;
    return failure(services, partition, {
      index, errorCode: outcome?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage: message ?? null, baseOffset: -1,
    });
  }
  const { append: { baseOffset, logAppendTimeMs, logStartOffset } } = outcome;
  return { index, errorCode: ErrorCode.NONE, baseOffset, logAppendTimeMs, logStartOffset };
}

/** Failures that tell nothing of the log (`ReplicaManager.appendRecordsToLeader`); all others tell where it starts. */
const WITHOUT_LOG_START: readonly number[] = [
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.RECORD_LIST_TOO_LARGE,
  ErrorCode.CORRUPT_MESSAGE, ErrorCode.KAFKA_STORAGE_ERROR,
];

/** `partition` is absent where it was not asked. A client that asked the wrong broker hears whom to ask (KIP-951). */
function failure(services: ProduceDeps, partition: Partition | undefined, failed: PartitionAnswer): PartitionAnswer {
  const tellsStart = partition !== undefined && !WITHOUT_LOG_START.includes(failed.errorCode ?? ErrorCode.NONE);
  const answer = tellsStart ? { ...failed, logStartOffset: partition.log.logStartOffset } : failed;
  if (answer.errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER || partition === undefined) return answer;
  const image = services.image().topicsById.get(partition.topicId)?.partitions[partition.index];
  return { ...answer, currentLeader: { leaderId: image?.leader ?? -1, leaderEpoch: image?.leaderEpoch ?? -1 } };
}
