import type { Clock, Random } from '../env/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { FetchRequest } from '../protocol/generated/fetch.js';
import type { FetchOutcome, FetchPosition } from '../replication/index.js';

/**
 * Incremental fetch (KIP-227): the client names its partitions once, then only what changed; the broker answers only what is
 * new. After Kafka's `FetchSession` and `FetchManager`.
 */

/** Names a partition within one session. Ids where the client uses ids, names where it uses names. */
type PartitionKey = string;

const keyOf = (topicOrId: string, index: number): PartitionKey => `${topicOrId}/${index}`;

interface Tracked {
  position: FetchPosition;
  /** What the client was last told; -1 before. */
  highWatermark: number;
  logStartOffset: number;
  /** The last answer was an error: tell the next one too. */
  failed: boolean;
}

interface Session {
  readonly id: number;
  readonly usesTopicIds: boolean;
  /** Epoch that the next request must carry. */
  nextEpoch: number;
  lastUsedMs: number;
  readonly createdMs: number;
  /** In the order of service: a partition that gave data goes to the end. */
  readonly partitions: Map<PartitionKey, Tracked>;
}

/** What one request is to read, and how its outcomes become an answer. */
export interface FetchPlan {
  /** Of the whole request: FETCH_SESSION_ID_NOT_FOUND, INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR. */
  readonly errorCode: number;
  readonly positions: readonly FetchPosition[];
  readonly sessionId: number;
  /** Which of the outcomes the client has to hear of. */
  select(outcomes: readonly FetchOutcome[]): readonly FetchOutcome[];
  /** What `select` would give, which afterwards may still be asked. */
  preview(outcomes: readonly FetchOutcome[]): readonly FetchOutcome[];
  /** The client is told nothing this time: the session id for that answer. A session that the request opened is given up. */
  giveNothing(): number;
}

export interface FetchSessionOptions {
  readonly maxSessions: number;
  /** A session may give way to a new one after this long without use. */
  readonly minEvictionMs: number;
}

const FINAL_EPOCH = -1;
const INITIAL_EPOCH = 0;
const MAX_EPOCH = 0x7fffffff;

export class FetchSessions {
  readonly #sessions = new Map<number, Session>();

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly options: FetchSessionOptions,
  ) {}

  get count(): number {
    return this.#sessions.size;
  }

  /** `resolve` turns one partition of the request into a position; `usesTopicIds` says how the client names topics. */
  plan(request: FetchRequest, usesTopicIds: boolean, resolve: ResolvePosition): FetchPlan {
    const { sessionId, sessionEpoch } = request;
    if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
      this.#sessions.delete(sessionId);
      const asked = requestedPositions(request, usesTopicIds, resolve);
      const opened = sessionEpoch === FINAL_EPOCH || asked.size === 0 ? undefined : this.#open(usesTopicIds, asked);
      return new FullPlan([...asked.values()], this.#sessions, opened);
    }
    return this.#planIncremental(request, usesTopicIds, resolve);
  }

  #planIncremental(request: FetchRequest, usesTopicIds: boolean, resolve: ResolvePosition): FetchPlan {
    const session = this.#sessions.get(request.sessionId);
    if (session === undefined) return refusal(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    if (session.nextEpoch !== request.sessionEpoch) return refusal(ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    if (session.usesTopicIds !== usesTopicIds) return refusal(ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
    session.nextEpoch = session.nextEpoch === MAX_EPOCH ? 1 : session.nextEpoch + 1;
    session.lastUsedMs = this.clock.monotonicMs();
    this.#update(session, request, resolve);
    return new IncrementalPlan(session);
  }

  #update(session: Session, request: FetchRequest, resolve: ResolvePosition): void {
    for (const topic of request.forgottenTopicsData) {
      for (const index of topic.partitions) session.partitions.delete(keyOf(session.usesTopicIds ? topic.topicId : topic.topic, index));
    }
    for (const [key, position] of requestedPositions(request, session.usesTopicIds, resolve)) {
      const tracked = session.partitions.get(key);
      if (tracked) tracked.position = position;
      else session.partitions.set(key, track(position));
    }
    // A topic that was unknown when it was named may exist by now.
    for (const [key, tracked] of session.partitions) {
      const { topicId, topic } = tracked.position;
      if (tracked.failed) session.partitions.set(key, { ...tracked, position: { ...tracked.position, ...resolve(topic, topicId) } });
    }
  }

  /** A new session that knows `asked`; undefined when there is no room. */
  #open(usesTopicIds: boolean, asked: ReadonlyMap<PartitionKey, FetchPosition>): Session | undefined {
    const nowMs = this.clock.monotonicMs();
    if (this.#sessions.size >= this.options.maxSessions && !this.#evictOne(nowMs, asked.size)) return undefined;
    let id: number;
    do id = 1 + this.random.int(MAX_EPOCH - 1); while (this.#sessions.has(id));
    const partitions = new Map([...asked].map(([key, position]) => [key, track(position)]));
    const session = { id, usesTopicIds, nextEpoch: 1, lastUsedMs: nowMs, createdMs: nowMs, partitions };
    this.#sessions.set(id, session);
    return session;
  }

  /** The longest unused session goes if it is stale, else the smallest old one if the newcomer is larger. */
  #evictOne(nowMs: number, newcomerSize: number): boolean {
    const { minEvictionMs } = this.options;
    const all = [...this.#sessions.values()];
    const stale = all.reduce((a, b) => (b.lastUsedMs < a.lastUsedMs ? b : a));
    if (nowMs - stale.lastUsedMs > minEvictionMs) return this.#sessions.delete(stale.id);
    const smallest = all.reduce((a, b) => (b.partitions.size < a.partitions.size ? b : a));
    if (nowMs - smallest.createdMs <= minEvictionMs || smallest.partitions.size >= newcomerSize) return false;
    return this.#sessions.delete(smallest.id);
  }
}

/** Completes what a client named: both the id and the name, ZERO_UUID or '' for the one that is not known. */
export type ResolvePosition = (topic: string, topicId: string) => { topic: string; topicId: string };

function requestedPositions(request: FetchRequest, usesTopicIds: boolean, resolve: ResolvePosition): Map<PartitionKey, FetchPosition> {
  const positions = new Map<PartitionKey, FetchPosition>();
  for (const { topic, topicId, partitions } of request.topics) {
    const named = resolve(topic, topicId);
    for (const asked of partitions) {
      positions.set(keyOf(usesTopicIds ? topicId : topic, asked.partition), {
        topic: named.topic,
        topicId: named.topicId,
        index: asked.partition,
        currentLeaderEpoch: asked.currentLeaderEpoch,
        lastFetchedEpoch: asked.lastFetchedEpoch,
        fetchOffset: asked.fetchOffset,
        maxBytes: asked.partitionMaxBytes,
      });
    }
  }
  return positions;
}

const track = (position: FetchPosition): Tracked => ({ position, highWatermark: -1, logStartOffset: -1, failed: false });

/** A full answer tells everything; a session that it opens remembers what was told. */
class FullPlan implements FetchPlan {
  readonly errorCode = ErrorCode.NONE;
  readonly sessionId: number;

  constructor(readonly positions: readonly FetchPosition[], private readonly sessions: Map<number, Session>, private readonly opened: Session | undefined) {
    this.sessionId = opened?.id ?? 0;
  }

  select(outcomes: readonly FetchOutcome[]): readonly FetchOutcome[] {
    if (this.opened !== undefined) selectChanged(this.opened, outcomes);
    return outcomes;
  }

  preview(outcomes: readonly FetchOutcome[]): readonly FetchOutcome[] {
    return outcomes;
  }

  giveNothing(): number {
    if (this.opened !== undefined) this.sessions.delete(this.opened.id);
    return 0;
  }
}

class IncrementalPlan implements FetchPlan {
  readonly errorCode = ErrorCode.NONE;
  readonly sessionId: number;
  readonly positions: readonly FetchPosition[];

  constructor(private readonly session: Session) {
    this.sessionId = session.id;
    this.positions = [...session.partitions.values()].map(tracked => tracked.position);
  }

  select(outcomes: readonly FetchOutcome[]): readonly FetchOutcome[] {
    return selectChanged(this.session, outcomes);
  }

  preview(outcomes: readonly FetchOutcome[]): readonly FetchOutcome[] {
    return outcomes.filter(outcome => isNews(this.session.partitions.get(keyIn(this.session, outcome)), outcome));
  }

  giveNothing(): number {
    return this.sessionId;
  }
}

function refusal(errorCode: number): FetchPlan {
  return { errorCode, positions: [], sessionId: 0, select: () => [], preview: () => [], giveNothing: () => 0 };
}

/** Data, errors, and marks that moved; and data sends its partition to the end of the queue, so that none starves. */
function selectChanged(session: Session, outcomes: readonly FetchOutcome[]): readonly FetchOutcome[] {
  return outcomes.filter(outcome => {
    const key = keyIn(session, outcome);
    const tracked = session.partitions.get(key);
    const isTold = isNews(tracked, outcome);
    if (tracked === undefined) return isTold;
    Object.assign(tracked, { highWatermark: outcome.highWatermark, logStartOffset: outcome.logStartOffset, failed: hasFailed(outcome) });
    if (hasData(outcome)) {
      session.partitions.delete(key);
      session.partitions.set(key, tracked);
    }
    return isTold;
  });
}

const keyIn = ({ usesTopicIds }: Session, { position }: FetchOutcome): PartitionKey =>
  keyOf(usesTopicIds ? position.topicId : position.topic, position.index);
const hasData = ({ read, divergingEpoch }: FetchOutcome): boolean => (read?.sizeBytes ?? 0) > 0 || divergingEpoch !== undefined;
const hasFailed = ({ errorCode }: FetchOutcome): boolean => errorCode !== ErrorCode.NONE;

function isNews(tracked: Tracked | undefined, outcome: FetchOutcome): boolean {
  if (tracked === undefined || hasData(outcome) || hasFailed(outcome)) return true;
  return tracked.failed || tracked.highWatermark !== outcome.highWatermark || tracked.logStartOffset !== outcome.logStartOffset;
}
