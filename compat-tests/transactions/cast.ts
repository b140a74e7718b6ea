// The transactional producers of one scene on one broker: what they know of themselves, and what they ask.

import {
  addOffsetsToTxnApi, addPartitionsToTxnApi, createTopicsApi, deleteTopicsApi, describeProducersApi, describeTransactionsApi, endTxnApi, fetchApi, findCoordinatorApi,
  initProducerIdApi, joinGroupApi, listOffsetsApi, listTransactionsApi, metadataApi, offsetFetchApi, produceApi, syncGroupApi, txnOffsetCommitApi, writeTxnMarkersApi,
} from '../../src/protocol/generated/index.js';
import type { Int64 } from '../../src/protocol/wire/types.js';
import type { ClientApi } from '../../src/testing/raw-client.js';
import type { Actor } from '../lockstep/lockstep.js';
import type { Side } from '../lockstep/side.js';
import type { ApacheVaries } from './apache-varies.js';
import { LEADER_EPOCHS, PRODUCER_IDS, toldBatches, toldEpoch } from './logs.js';
import { NOBODY, Producers, type Batch, type Identity, type Place, type Whose } from './producers.js';

const CONCURRENT_TRANSACTIONS = 51;
/** Up to these an error that only ends a transaction is not understood. */
const [LAST_UNABORTABLE_PRODUCE, LAST_UNABORTABLE_COMMIT] = [10, 3];
const UNKNOWN_TOPIC_OR_PARTITION = 3;
const MAX_BYTES = 1 << 20;
const FIRST_PRODUCE_MESSAGE = 8;
const FIRST_END_WITH_EPOCHS = 5;
const FIRST_WITH_TOPIC_IDS = 13;
const FIRST_BATCHED_ADD = 4;
const FIRST_OF_MANY_GROUPS = 8;
const FIRST_OFFSETS_BY_TOPIC_ID = 10;
const FIRST_OF_MANY_COORDINATORS = 4;
const FIRST_ID_REQUIRED_JOIN = 9;
const NO_SUCH_TOPIC_ID = 'zzzzzzzzzzzzzzzzzzzzzw';

/** Who a transactional commit of offsets claims to be in the group. */
export type Membership = 'none' | 'real' | 'former generation' | 'made up';

export interface Ask {
  readonly version: number;
  readonly whose?: Whose;
  /** Asks again while the transaction before is still being ended, which takes each broker its own time. */
  readonly insists?: boolean;
}

export interface HandMarker {
  readonly id: string;
  readonly whose?: Whose;
  readonly committed: boolean;
  readonly coordinatorEpoch?: number;
  readonly transactionVersion?: number;
  readonly places: readonly Place[];
}

export interface Verified {
  readonly id: string;
  readonly whose?: Whose;
  readonly verifyOnly: boolean;
  readonly places: readonly Place[];
}

/** One scene on one broker. Transactional ids are `t0` to `t2`, topics `a` and `b` with two partitions each: both get the scene's name. */
export class TransactionCast implements Actor {
  static readonly ids = ['t0', 't1', 't2'];
  static readonly topics = ['a', 'b'];
  readonly producers = new Producers();
  private readonly topicIds = new Map<string, string>();
  private member = { memberId: '', generationId: -1 };

  constructor(readonly side: Side, private readonly apacheVaries: ApacheVaries) {
    side.named = (field, value) => {
      if (PRODUCER_IDS.has(field)) return this.producers.nameOf(Number(value));
      return LEADER_EPOCHS.has(field) && typeof value === 'number' ? String(toldEpoch(value)) : undefined;
    };
  }

  /** The scene's name for a transactional id, a topic or a group. */
  full(name: string): string {
    return name === '' ? '' : `${this.side.groupId}-${name}`;
  }

  /** What the scene calls what has that name on the broker. */
  private short(name: string): string {
    return name.slice(this.side.groupId.length + 1);
  }

  // Topics and the group

  async createTopics(names: readonly string[] = TransactionCast.topics): Promise<void> {
    const topics = names.map(name => ({ name: this.full(name), numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }));
    const created = await this.side.quietly('admin', createTopicsApi, { topics, timeoutMs: 10_000 }, 7);
    for (const { name, topicId, errorCode } of created.topics) {
      if (errorCode !== 0) throw new Error(`topic ${name}: error ${errorCode}`);
      this.topicIds.set(name, topicId);
      this.side.alias(topicId, `id of ${name}`);
    }
    await this.side.until('leaders of the topics', async () => {
      const ends = topics.map(({ name }) => ({ name, partitions: [0, 1].map(partitionIndex => ({ partitionIndex, timestamp: -1 })) }));
      const { topics: found } = await this.side.quietly('admin', listOffsetsApi, { replicaId: -1, isolationLevel: 0, topics: ends }, 9);
      return found.every(({ partitions }) => partitions.every(({ errorCode }) => errorCode === 0));
    });
  }

  async deleteTopic(name: string): Promise<void> {
    await this.side.ask('admin', deleteTopicsApi, { topicNames: [this.full(name)], timeoutMs: 10_000 }, 5);
    await this.side.until(`${name} gone`, async () => {
      const { topics } = await this.side.quietly('admin', metadataApi, { topics: [{ name: this.full(name) }], allowAutoTopicCreation: false }, 12);
      return topics[0]!.errorCode === UNKNOWN_TOPIC_OR_PARTITION;
    });
  }

  /** Makes the group a real one of one member, or its generation another. */
  async join(): Promise<void> {
    const ask = (memberId: string) => this.side.quietly('member', joinGroupApi, {
      groupId: this.full('g'), memberId, groupInstanceId: null, protocolType: 'consumer', sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000,
      protocols: [{ name: 'range', metadata: Buffer.alloc(6) }],
    }, FIRST_ID_REQUIRED_JOIN);
    let answer = await ask(this.member.memberId);
    if (answer.memberId !== '' && answer.errorCode !== 0) answer = await ask(answer.memberId);
    const { memberId, generationId } = answer;
    this.member = { memberId, generationId };
    this.side.alias(memberId, 'member');
    await this.side.ask('member', syncGroupApi, {
      groupId: this.full('g'), generationId, memberId, groupInstanceId: null, protocolType: 'consumer', protocolName: 'range', assignments: [{ memberId, assignment: Buffer.alloc(6) }],
    }, 5);
  }

  // The transaction coordinator

  async init(id: string, ask: Ask & { timeoutMs?: number }): Promise<void> {
    const answer = await this.ask(id, initProducerIdApi, {
      transactionalId: this.full(id), transactionTimeoutMs: ask.timeoutMs ?? 600_000, ...this.producers.claim(id, ask.whose ?? 'nobody'),
    }, ask, ({ errorCode }) => errorCode);
    if (answer?.errorCode === 0) this.producers.initialized(id, identityIn(answer));
  }

  /** Without a transactional id: the producer is another one each time. */
  async initIdempotent(id: string, version: number): Promise<void> {
    const answer = await this.side.ask(id, initProducerIdApi, { transactionalId: null, transactionTimeoutMs: 60_000, ...NOBODY }, version);
    if (answer?.errorCode === 0) this.producers.becomes(id, identityIn(answer));
  }

  async add(id: string, places: readonly Place[], ask: Ask): Promise<void> {
    const { producerId, producerEpoch } = this.producers.claim(id, ask.whose);
    const request = {
      v3AndBelowTransactionalId: this.full(id), v3AndBelowProducerId: producerId, v3AndBelowProducerEpoch: producerEpoch, v3AndBelowTopics: this.topicsOf(places, partitions => partitions),
    };
    await this.ask(id, addPartitionsToTxnApi, request, ask, ({ resultsByTopicV3AndBelow: [topic] }) => topic?.resultsByPartition[0]?.partitionErrorCode);
  }

  /** As brokers ask, for many producers at once. */
  async verify(transactions: readonly Verified[], version: number): Promise<void> {
    await this.side.ask('a broker', addPartitionsToTxnApi, {
      transactions: transactions.map(({ id, whose, verifyOnly, places }) =>
        ({ transactionalId: this.full(id), ...this.producers.claim(id, whose), verifyOnly, topics: this.topicsOf(places, partitions => partitions) })),
    }, Math.max(version, FIRST_BATCHED_ADD));
  }

  async addOffsets(id: string, groupId: string, ask: Ask): Promise<void> {
    await this.ask(id, addOffsetsToTxnApi, { transactionalId: this.full(id), ...this.producers.claim(id, ask.whose), groupId: this.full(groupId) }, ask, ({ errorCode }) => errorCode);
  }

  async end(id: string, committed: boolean, ask: Ask): Promise<void> {
    const identity = this.producers.claim(id, ask.whose);
    const hasEpochs = ask.version >= FIRST_END_WITH_EPOCHS;
    // What comes of it known-differences.ts has.
    const isFenced = hasEpochs && this.producers.isFenced(id, identity);
    const answer = await this.ask(isFenced ? `${id}, fenced` : id, endTxnApi, { transactionalId: this.full(id), ...identity, committed }, ask, ({ errorCode }) => errorCode);
    if (answer?.errorCode === 0 && !isFenced) this.producers.ended(id, identityIn(answer), hasEpochs);
  }

  async describe(ids: readonly string[]): Promise<void> {
    await this.side.ask('admin', describeTransactionsApi, { transactionalIds: ids.map(id => this.full(id)) }, 0);
  }

  /** What a list shows of this scene: others are played meanwhile. */
  async list(filters: { states?: readonly string[]; of?: string; durationMs?: number; pattern?: string | null }, version: number): Promise<void> {
    const { states = [], of, durationMs = -1, pattern = null } = filters;
    const { transactionStates, ...rest } = await this.side.quietly('admin', listTransactionsApi, {
      stateFilters: states, producerIdFilters: of === undefined ? [] : [this.producers.claim(of).producerId], durationFilter: durationMs,
      transactionalIdPattern: pattern === null ? null : this.full(pattern),
    }, version);
    const mine = transactionStates.filter(({ transactionalId }) => transactionalId.startsWith(`${this.side.groupId}-`));
    this.side.keep(`ListTransactions v${version}`, { ...rest, transactionStates: mine.map(({ transactionalId, ...state }) => ({ name: transactionalId, ...state })) });
  }

  /** The node is the same for all: what it is called is the broker's own. */
  async findCoordinator(id: string, version: number): Promise<void> {
    const request = version >= FIRST_OF_MANY_COORDINATORS ? { keyType: 1, coordinatorKeys: [this.full(id)] } : { keyType: 1, key: this.full(id) };
    await this.side.ask('admin', findCoordinatorApi, request, version);
  }

  // Data and offsets

  async produce(id: string, batches: readonly Batch[], ask: Ask & { as?: string | null }): Promise<void> {
    const identity = this.producers.claim(id, ask.whose);
    const built = batches.map(batch => this.producers.build(identity, batch));
    const places = built.map(({ place }) => place);
    const answer = await this.ask(id, produceApi, {
      transactionalId: ask.as === undefined ? this.full(id) : ask.as === null ? null : this.full(ask.as), acks: -1, timeoutMs: 10_000,
      topicData: this.topicsOf(places, (partitions, topic) => partitions.map(index => ({ index, records: built.find(({ place }) => place === `${topic}${index}`)!.records })))
        .map(({ name, partitions }) => ({ ...(ask.version >= FIRST_WITH_TOPIC_IDS ? { topicId: this.topicId(name) } : { name }), partitionData: partitions })),
    }, ask, ({ responses: [topic] }) => topic?.partitionResponses[0]?.errorCode);
    const understood = { isAbortable: ask.version > LAST_UNABORTABLE_PRODUCE, hasMessage: ask.version >= FIRST_PRODUCE_MESSAGE };
    for (const partition of answer?.responses.flatMap(topic => topic.partitionResponses) ?? []) this.apacheVaries.refusal(this.side.address, partition, understood);
    for (const { place, taken } of built) {
      const [name, index] = splitPlace(place);
      const topic = answer?.responses.find(response => (ask.version >= FIRST_WITH_TOPIC_IDS ? response.topicId === this.topicId(this.full(name)) : response.name === this.full(name)));
      if (topic?.partitionResponses.find(partition => partition.index === index)?.errorCode === 0) taken();
    }
  }

  async commitOffsets(id: string, places: readonly Place[], ask: Ask & { groupId?: string; membership?: Membership; offset?: number }): Promise<void> {
    const answer = await this.ask(id, txnOffsetCommitApi, {
      transactionalId: this.full(id), groupId: this.full(ask.groupId ?? 'g'), ...this.producers.claim(id, ask.whose), ...this.membership(ask.membership ?? 'none'),
      topics: this.topicsOf(places, partitions => partitions.map(partitionIndex => ({ partitionIndex, committedOffset: ask.offset ?? 1, committedLeaderEpoch: 0, committedMetadata: 'm' }))),
    }, ask, ({ topics: [topic] }) => topic?.partitions[0]?.errorCode);
    const understood = { isAbortable: ask.version > LAST_UNABORTABLE_COMMIT, hasMessage: false };
    for (const partition of answer?.topics.flatMap(topic => topic.partitions) ?? []) this.apacheVaries.refusal(this.side.address, partition, understood);
  }

  private membership(how: Membership): { generationId?: number; memberId?: string } {
    const { memberId, generationId } = this.member;
    switch (how) {
      case 'real': return { memberId, generationId };
      case 'former generation': return { memberId, generationId: generationId - 1 };
      case 'made up': return { memberId: 'nobody', generationId: Math.max(generationId, 1) };
      default: return {};
    }
  }

  async fetchOffsets(version: number, requireStable: boolean): Promise<void> {
    const topics = TransactionCast.topics.map(topic => ({ name: this.full(topic), topicId: this.topicId(this.full(topic)), partitionIndexes: [0, 1] }));
    const request = version >= FIRST_OF_MANY_GROUPS ? { groups: [{ groupId: this.full('g'), topics }], requireStable } : { groupId: this.full('g'), topics, requireStable };
    if (version >= FIRST_OFFSETS_BY_TOPIC_ID && topics.some(({ topicId }) => topicId === NO_SUCH_TOPIC_ID)) return;
    await this.side.ask('admin', offsetFetchApi, request, version);
  }

  async fetch(places: readonly Place[], isolationLevel: number, version: number): Promise<void> {
    const answer = await this.side.quietly('reader', fetchApi, {
      isolationLevel, maxWaitMs: 0, minBytes: 0, maxBytes: MAX_BYTES, forgottenTopicsData: [],
      topics: this.topicsOf(places, partitions => partitions.map(partition => ({ partition, fetchOffset: 0, partitionMaxBytes: MAX_BYTES })))
        .map(({ name, partitions }) => ({ topic: name, topicId: this.topicId(name), partitions })),
    }, version);
    const responses = answer.responses.map(({ partitions, ...topic }) => ({
      ...topic, partitions: partitions.map(({ records, abortedTransactions, ...partition }) => {
        const batches = toldBatches(records ?? Buffer.alloc(0), this);
        return { ...partition, batches, abortedTransactions: this.apacheVaries.aborted(this.side.address, batches, abortedTransactions) };
      }),
    }));
    this.side.keep(`Fetch v${version} at ${isolationLevel}`, { ...answer, responses });
  }

  async listOffsets(places: readonly Place[], isolationLevel: number, timestamp: number, version: number): Promise<void> {
    await this.side.ask('reader', listOffsetsApi, {
      replicaId: -1, isolationLevel, topics: this.topicsOf(places, partitions => partitions.map(partitionIndex => ({ partitionIndex, timestamp }))),
    }, version);
  }

  async describeProducers(places: readonly Place[]): Promise<void> {
    await this.side.ask('admin', describeProducersApi,
      { topics: this.topicsOf(places, partitionIndexes => partitionIndexes).map(({ name, partitions }) => ({ name, partitionIndexes: partitions })) }, 0);
  }

  async mark(markers: readonly HandMarker[], version: number): Promise<void> {
    await this.side.ask('a broker', writeTxnMarkersApi, {
      markers: markers.map(({ id, whose, committed, coordinatorEpoch = 0, transactionVersion = 0, places }) => ({
        ...this.producers.claim(id, whose), transactionResult: committed, coordinatorEpoch, transactionVersion,
        topics: this.topicsOf(places, partitionIndexes => partitionIndexes).map(({ name, partitions }) => ({ name, partitionIndexes: partitions })),
      })),
    }, version);
  }

  // What anyone sees

  async look(): Promise<{ seen: unknown; isOwing: boolean }> {
    const { transactionStates } = await this.side.quietly('admin', describeTransactionsApi, { transactionalIds: TransactionCast.ids.map(id => this.full(id)) }, 0);
    for (const state of transactionStates) this.producers.sees(this.short(state.transactionalId), identityIn(state));
    return {
      seen: transactionStates.map(({ transactionalId, ...state }) => ({ name: transactionalId, ...state })),
      isOwing: transactionStates.some(({ transactionState }) => transactionState.startsWith('Prepare')),
    };
  }

  async untilState(id: string, state: string): Promise<void> {
    await this.side.until(`${id} is ${state}`, async () => {
      const { transactionStates } = await this.side.quietly('admin', describeTransactionsApi, { transactionalIds: [this.full(id)] }, 0);
      return transactionStates[0]!.transactionState === state;
    });
  }

  /** Asks and keeps the answer, the first or the first that is not sent away by the transaction before. */
  private async ask<RequestInput, Response>(
    who: string, api: ClientApi<RequestInput, Response>, request: RequestInput, { version, insists }: Ask, errorOf: (answer: Response) => number | undefined,
  ): Promise<Response | undefined> {
    if (insists !== true) return this.side.ask(who, api, request, version);
    let answer: Response | undefined;
    await this.side.until(`${api.name} after the transaction before`, async () => {
      answer = await this.side.quietly(who, api, request, version);
      return errorOf(answer) !== CONCURRENT_TRANSACTIONS;
    });
    this.side.keep(`${who}: ${api.name} v${version}`, answer);
    return answer;
  }

  private topicId(name: string): string {
    return this.topicIds.get(name) ?? NO_SUCH_TOPIC_ID;
  }

  private topicsOf<P>(places: readonly Place[], partitionsOf: (indexes: number[], topic: string) => P[]): { name: string; partitions: P[] }[] {
    const topics = [...new Set(places.map(place => splitPlace(place)[0]))];
    return topics.map(topic => ({ name: this.full(topic), partitions: partitionsOf(places.map(splitPlace).filter(([name]) => name === topic).map(([, index]) => index), topic) }));
  }
}

/** The producer that an answer names. */
function identityIn({ producerId, producerEpoch }: { readonly producerId: Int64; readonly producerEpoch: number }): Identity {
  return { producerId: Number(producerId), producerEpoch };
}

function splitPlace(place: Place): [topic: string, index: number] {
  return [place.slice(0, -1), Number(place.at(-1))];
}
