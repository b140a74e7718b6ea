import { ErrorCode } from '../../protocol/generated/errors.js';
import { encodeFetchResponse, fetchApi, type FetchRequest, type FetchResponseInput } from '../../protocol/generated/fetch.js';
import { ZERO_UUID } from '../../protocol/wire/types.js';
import { Writer } from '../../protocol/wire/writer.js';
import { fetch, type FetchOutcome, type FetchPosition, type Partition } from '../../replication/index.js';
import { serve, type Handler, type Later, type ServedApi } from '../api.js';
import { Operation, Resource, type RequestContext } from '../context.js';
import { READ_COMMITTED, refuseIsolationLevel } from '../isolation.js';
import { FetchSessions } from '../fetch-sessions.js';
import type { Services } from '../services.js';

/**
 * Fetch, versions 4-18. Sessions (KIP-227) from 7, leader epochs (KIP-320) from 9, topic ids (KIP-516) from 13. A follower's
 * fetch is not served yet.
 */

const CONSUMER_REPLICA = -1;
const FIRST_VERSION_WITH_TOPIC_IDS = 13;
const FIRST_VERSION_WITH_LEADER_HINTS = 16;

export function fetchApis(services: Services): ServedApi[] {
  return [serve(fetchApi, fetchHandler(services), { minVersion: 4, frame: 'borrowed' })];
}

function fetchHandler(services: Services): Handler<FetchRequest, FetchResponseInput> {
  const settings = services.settings();
  const sessions = new FetchSessions(services.clock, services.random, {
    maxSessions: settings.get('max.incremental.fetch.session.cache.slots'),
    minEvictionMs: 120_000,
  });
  return (request, context, reply, later) => {
    const usesTopicIds = context.apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS;
    const plan = sessions.plan(request, usesTopicIds, (topic, topicId) => resolve(services, usesTopicIds, topic, topicId));
    refuseIsolationLevel(request.isolationLevel);
    if (plan.errorCode !== ErrorCode.NONE) {
      reply({ errorCode: plan.errorCode, sessionId: 0, responses: [] });
      return;
    }
    const replicaId = request.replicaState.replicaId === CONSUMER_REPLICA ? request.replicaId : request.replicaState.replicaId;
    const isFollower = replicaId >= 0;
    const { quotas } = services;
    const isLimited = !isFollower && (quotas.limitFetch || quotas.limitTime);
    const mostBytes = Math.min(request.maxBytes, services.settings().get('fetch.max.bytes'));
    const maxBytes = isLimited ? Math.min(mostBytes, quotas.fetchRoom(context)) : mostBytes;
    const maxIdleMs = services.settings().get('connections.max.idle.ms');
    const options = {
      // Kafka hangs up on who has asked nothing for so long; to answer is kinder.
      maxWaitMs: maxIdleMs < 0 ? request.maxWaitMs : Math.min(request.maxWaitMs, maxIdleMs),
      minBytes: Math.min(request.minBytes, maxBytes),
      maxBytes,
      readCommitted: request.isolationLevel === READ_COMMITTED,
      budget: services.logs.readBudget,
    };
    later.pending(fetch(services, position => find(services, context, usesTopicIds, isFollower, position), plan.positions, options, outcomes => {
      const release = (): void => { for (const outcome of outcomes) outcome.read?.release(); };
      if (isLimited && isHeldBack(services, context, later, answer(services, context, options.readCommitted, plan.sessionId, plan.preview(outcomes)))) {
        release();
        reply({ sessionId: plan.giveNothing(), responses: [] });
      } else {
        reply(answer(services, context, options.readCommitted, plan.sessionId, plan.select(outcomes)), release);
      }
    }, error => later.fail(error)));
  };
}

const sizes = new Writer();

/**
 * Whether a consumer has used more than its quotas, with this answer: it is given an empty one then, which does not count
 * (`KafkaApis.handleFetchRequest`).
 */
function isHeldBack({ quotas }: Services, context: RequestContext, later: Later, response: FetchResponseInput): boolean {
  encodeFetchResponse(sizes.reset(), response, context.apiVersion);
  const bytes = LENGTH_BYTES + sizes.byteLength;
  sizes.reset();
  const throttleMs = Math.max(later.chargeTime(), quotas.fetched(context, bytes));
  if (throttleMs === 0) return false;
  quotas.unfetched(context, bytes);
  later.throttle(throttleMs);
  return true;
}

/** Before each answer on the wire. */
const LENGTH_BYTES = 4;

/** Completes a name by its id or an id by its name, as the image has them now. */
function resolve(services: Services, usesTopicIds: boolean, topic: string, topicId: string): { topic: string; topicId: string } {
  const image = services.image();
  return usesTopicIds
    ? { topicId, topic: image.topicsById.get(topicId)?.name ?? '' }
    : { topic, topicId: image.topicsByName.get(topic)?.id ?? ZERO_UUID };
}

function find(
  services: Services, context: RequestContext, usesTopicIds: boolean, isFollower: boolean, position: FetchPosition,
): Partition | number {
  const { topic, topicId, index } = position;
  if (usesTopicIds && !services.image().topicsById.has(topicId)) return ErrorCode.UNKNOWN_TOPIC_ID;
  if (!services.authorizer.allows(context, Operation.READ, Resource.TOPIC, topic)) return ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  const found = services.replicas.findLeader(topicId, index);
  // No partition has a follower yet.
  return isFollower && typeof found !== 'number' ? ErrorCode.NOT_LEADER_OR_FOLLOWER : found;
}

function answer(
  services: Services, context: RequestContext, readCommitted: boolean, sessionId: number, told: readonly FetchOutcome[],
): FetchResponseInput {
  const responses: NonNullable<FetchResponseInput['responses']>[number][] = [];
  let last: FetchPosition | undefined;
  let partitions: ReturnType<typeof partitionAnswer>[] = [];
  for (const outcome of told) {
    const { position } = outcome;
    if (last?.topicId !== position.topicId || last.topic !== position.topic) {
      partitions = [];
      responses.push({ topic: position.topic, topicId: position.topicId, partitions });
      last = position;
    }
    partitions.push(partitionAnswer(services, context, readCommitted, outcome));
  }
  return { sessionId, responses };
}

function partitionAnswer(services: Services, context: RequestContext, readCommitted: boolean, outcome: FetchOutcome) {
  const { position, errorCode, read } = outcome;
  return {
    partitionIndex: position.index,
    errorCode,
    highWatermark: outcome.highWatermark,
    lastStableOffset: outcome.lastStableOffset,
    logStartOffset: outcome.logStartOffset,
    abortedTransactions: unreadable(errorCode) ? [] : readCommitted && read !== undefined ? [...read.abortedTransactions ?? []] : null,
    records: read === undefined ? EMPTY : read.buffers,
    divergingEpoch: outcome.divergingEpoch,
    currentLeader: context.apiVersion >= FIRST_VERSION_WITH_LEADER_HINTS && leaderMoved(errorCode) ? currentLeader(services, position) : undefined,
  };
}

/** Java clients take null records for a fault. */
const EMPTY = new Uint8Array(0);

/** Answered before any log was asked: Kafka's answer lists no transactions then, and is silent about them after a failed read. */
const unreadable = (errorCode: number): boolean =>
  errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION || errorCode === ErrorCode.UNKNOWN_TOPIC_ID || errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED;

const leaderMoved = (errorCode: number): boolean =>
  errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER || errorCode === ErrorCode.FENCED_LEADER_EPOCH;

/** Whom the client should ask instead (KIP-951). */
function currentLeader(services: Services, position: FetchPosition): { leaderId: number; leaderEpoch: number } {
  const partition = services.image().topicsById.get(position.topicId)?.partitions[position.index];
  return { leaderId: partition?.leader ?? -1, leaderEpoch: partition?.leaderEpoch ?? -1 };
}
