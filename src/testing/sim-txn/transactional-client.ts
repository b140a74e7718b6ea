import { ErrorCode } from '../../protocol/generated/errors.js';
import {
  addOffsetsToTxnApi, addPartitionsToTxnApi, endTxnApi, findCoordinatorApi, initProducerIdApi, txnOffsetCommitApi,
} from '../../protocol/generated/index.js';
import { holds } from './invariants.js';
import { describe, type Incarnation, type Ledger, type Transaction } from './ledger.js';
import type { Link } from './link.js';
import { nameOf, produceAll, type Load, type Place, type ProducerState } from './producing.js';

/** This incarnation is over: another has taken its place, or what it did cannot be mended. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** The transaction has to be aborted, and the producer goes on. */
export class AbortableError extends Error {
  override readonly name = 'AbortableError';
}

/** What a client speaks, by its age. */
export interface ProtocolVersions {
  readonly initProducerId: number;
  readonly produce: number;
  readonly txnOffsetCommit: number;
  readonly endTxn: number;
  /** Absent where partitions join by being written to (KIP-890). */
  readonly addPartitions?: number;
  readonly addOffsets?: number;
}

export interface GroupCommit {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly offsets: readonly { readonly place: Place; readonly offset: number }[];
}

export interface TransactionalOptions {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  readonly versions: ProtocolVersions;
  readonly fences: FenceLog;
}

/** A client that was answered as if its incarnation, or its transactional id, were there no more. */
export interface Fenced {
  readonly transactionalId: string;
  readonly client: string;
  readonly code: number;
  /** When its incarnation was asked for. */
  readonly sinceMs: number;
  /** The one that it is in, which may be `timeoutMs` old. */
  readonly transaction: Transaction | undefined;
  readonly timeoutMs: number;
}

/** Why somebody may be fenced, by transactional id. */
export interface FenceLog {
  /** That client asks for an incarnation; to be called when it has its answer. */
  initiated(transactionalId: string, client: string): () => void;
  /**
   * That client goes on with a producer id that it has, and was not answered, or not finally: the coordinator may have met an open
   * transaction. That it aborts, whatever the epoch of who goes on; only of an id at rest does it look at the epoch and refuse one
   * that is over (`prepareInitProducerIdTransit` of Kafka's `TransactionCoordinator`).
   */
  wentOn(transactionalId: string, client: string, producerId: number): void;
  /** Whether there is a reason for it. */
  explains(fenced: Fenced): boolean;
  /** A Produce of that client comes, or came, late. */
  hasLateProduce(client: string): boolean;
}

/** After these an incarnation ends. */
const FENCING: ReadonlySet<number> = new Set([ErrorCode.PRODUCER_FENCED, ErrorCode.INVALID_PRODUCER_EPOCH]);
/** It may also have been too late, so that its id was forgotten or its transaction ended by others. */
const FATAL: ReadonlySet<number> = new Set([...FENCING, ErrorCode.INVALID_PRODUCER_ID_MAPPING, ErrorCode.INVALID_TXN_STATE]);
const ABORTABLE: ReadonlySet<number> = new Set([ErrorCode.TRANSACTION_ABORTABLE]);
const NEEDS_BUMP: ReadonlySet<number> = new Set([ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER]);
const OF_THE_GROUP: ReadonlySet<number> = new Set([
  ErrorCode.ILLEGAL_GENERATION, ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.FENCED_MEMBER_EPOCH, ErrorCode.STALE_MEMBER_EPOCH,
]);

/** A transactional producer as Java's `TransactionManager` makes one, with one request at a time. */
export class TransactionalClient {
  private state: ProducerState | undefined;
  private incarnation: Incarnation | undefined;
  private transaction: Transaction | undefined;
  private joined = new Set<string>();
  /** Something was sent by which the coordinator knows of it. */
  private isBegun = false;
  /** A batch may still be under way that is not part of the next transaction (KIP-360). */
  private needsBump = false;

  constructor(private readonly link: Link, private readonly ledger: Ledger, private readonly options: TransactionalOptions) {}

  get hasTransaction(): boolean {
    return this.transaction !== undefined;
  }

  /** Forgets everything, as a process that dies. */
  die(): void {
    this.state = undefined;
    this.incarnation = undefined;
    this.transaction = undefined;
  }

  /** A new incarnation, which fences all before it. */
  async init(): Promise<void> {
    const { link, ledger, options: { transactionalId, timeoutMs, versions, fences } } = this;
    this.die();
    this.needsBump = false;
    await link.ask(findCoordinatorApi, { keyType: 1, coordinatorKeys: [transactionalId] }, 4, answer => answer.coordinators[0]!.errorCode);
    const answered = fences.initiated(transactionalId, link.name);
    const askedMs = link.world.nowMs;
    const { errorCode, producerId, producerEpoch } = await link.ask(
      initProducerIdApi, { transactionalId, transactionTimeoutMs: timeoutMs }, versions.initProducerId, answer => answer.errorCode,
    );
    answered();
    // Two at a time: who comes later wins.
    if (FENCING.has(errorCode)) throw new FencedError(`InitProducerId: error ${errorCode}`);
    holds(errorCode === ErrorCode.NONE, 'answers', () => `${link.name} asked InitProducerId: error ${errorCode}`);
    this.state = { producerId: Number(producerId), producerEpoch, sequences: new Map() };
    this.incarnation = ledger.incarnation({ transactionalId, client: link.name, producerId: Number(producerId), producerEpoch, sinceMs: link.world.wallMs, askedMs, answeredMs: link.world.nowMs });
  }

  async begin(): Promise<Transaction> {
    if (this.state === undefined) await this.init();
    else if (this.needsBump) await this.bump();
    this.joined.clear();
    this.isBegun = false;
    return (this.transaction = this.ledger.begin(this.link.name, this.incarnation!, this.state!, this.link.world.nowMs));
  }

  async write(loads: readonly Load[]): Promise<void> {
    const { link, ledger, options: { transactionalId, versions, fences } } = this;
    this.isBegun = true;
    if (versions.addPartitions !== undefined) await this.addPartitions(loads.map(({ place }) => place), versions.addPartitions);
    const transactional = { transactionalId, transaction: this.transaction! };
    const code = await produceAll(link, ledger, this.state!, loads, { version: versions.produce, transactional });
    if (code === ErrorCode.NONE) return;
    // Whether it is really fenced, EndTxn tells (KIP-588).
    if (code === ErrorCode.INVALID_PRODUCER_EPOCH) this.mayBeFenced(code, 'Produce');
    // A repeated request that found no transaction open leaves its sequence number to the next one (`VerificationStateEntry`).
    if (code === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) holds(fences.hasLateProduce(link.name), 'answers', () => `${link.name} asked Produce: error ${code}`);
    this.needsBump = true;
    if (ABORTABLE.has(code) || NEEDS_BUMP.has(code)) throw new AbortableError(`Produce: error ${code}`);
    this.fail(code, 'Produce');
  }

  /** Offsets of a group, to be committed with the transaction. */
  async commitOffsets({ groupId, generationId, memberId, offsets }: GroupCommit): Promise<void> {
    const { link, options: { transactionalId, versions }, state } = this;
    const { producerId, producerEpoch } = state!;
    this.isBegun = true;
    for (const { place, offset } of offsets) this.transaction!.offsets.set(nameOf(place), offset);
    if (versions.addOffsets !== undefined) {
      const { errorCode } = await link.ask(addOffsetsToTxnApi, { transactionalId, producerId, producerEpoch, groupId }, versions.addOffsets, answer => answer.errorCode);
      this.check(errorCode, 'AddOffsetsToTxn');
    }
    const { topics } = await link.ask(txnOffsetCommitApi, {
      transactionalId, groupId, producerId, producerEpoch, generationId, memberId,
      topics: offsets.map(({ place: { topic, index }, offset }) => ({ name: topic, partitions: [{ partitionIndex: index, committedOffset: offset, committedMetadata: null }] })),
    }, versions.txnOffsetCommit, answer => answer.topics[0]!.partitions[0]!.errorCode);
    for (const { partitions: [partition] } of topics) {
      const { errorCode } = partition!;
      if (OF_THE_GROUP.has(errorCode)) throw new AbortableError(`TxnOffsetCommit: error ${errorCode}`);
      this.check(errorCode, 'TxnOffsetCommit');
    }
  }

  /** Whether it is committed. Throws `FencedError` where that is not to be told, or was refused. */
  async end(committed: boolean): Promise<void> {
    const { link, options: { transactionalId, versions }, state, transaction } = this;
    const { producerId, producerEpoch, sequences } = state!;
    if (!this.isBegun) {
      transaction!.fate = 'aborted';
      this.transaction = undefined;
      return;
    }
    let isDoubtful = false;
    if (committed) this.asksToCommit();
    const answer = await link.ask(endTxnApi, { transactionalId, producerId, producerEpoch, committed }, versions.endTxn, ({ errorCode }) => errorCode, { onNoAnswer: () => { isDoubtful = true; } });
    transaction!.endedMs = link.world.nowMs;
    if (answer.errorCode === ErrorCode.NONE) transaction!.fate = committed ? 'committed' : 'aborted';
    // It may have been served before, and somebody else have come since.
    else if (!isDoubtful) transaction!.fate = 'aborted';
    if (committed && answer.errorCode === ErrorCode.TRANSACTION_ABORTABLE) throw new AbortableError('EndTxn: error 120');
    this.check(answer.errorCode, 'EndTxn');
    this.transaction = undefined;
    if (versions.endTxn < 5) return;
    holds(Number(answer.producerId) !== producerId || answer.producerEpoch > producerEpoch, 'answers', () =>
      `${link.name} ended ${describe(transaction!)}: and got producer ${answer.producerId} epoch ${answer.producerEpoch}`);
    sequences.clear();
    this.state = { producerId: Number(answer.producerId), producerEpoch: answer.producerEpoch, sequences };
    this.needsBump = false;
  }

  /** Asks for the commit and dies before an answer can come. */
  commitAndDie(): void {
    const { link, options: { transactionalId, versions }, state } = this;
    const { producerId, producerEpoch } = state!;
    this.asksToCommit();
    link.send(endTxnApi, { transactionalId, producerId, producerEpoch, committed: true }, versions.endTxn).catch(() => undefined);
    this.die();
  }

  private asksToCommit(): void {
    this.transaction!.fate = 'doubtful';
    this.transaction!.askedToCommitMs = this.link.world.nowMs;
  }

  /** A producer of the classic protocol goes on after an error with an epoch of its own (KIP-360). */
  private async bump(): Promise<void> {
    const { link, options: { transactionalId, timeoutMs, versions, fences }, state } = this;
    const { producerId, producerEpoch } = state!;
    if (versions.initProducerId < 3) {
      await this.init();
      return;
    }
    const answer = await link.ask(
      initProducerIdApi, { transactionalId, transactionTimeoutMs: timeoutMs, producerId, producerEpoch }, versions.initProducerId, ({ errorCode }) => errorCode,
      { onAgain: () => fences.wentOn(transactionalId, link.name, producerId) },
    );
    this.check(answer.errorCode, 'InitProducerId');
    this.state = { producerId: Number(answer.producerId), producerEpoch: answer.producerEpoch, sequences: new Map() };
    this.needsBump = false;
  }

  private async addPartitions(places: readonly Place[], version: number): Promise<void> {
    const { link, options: { transactionalId }, state, joined } = this;
    const added = places.filter(place => !joined.has(nameOf(place)));
    if (added.length === 0) return;
    const { resultsByTopicV3AndBelow: results } = await link.ask(addPartitionsToTxnApi, {
      transactions: [], v3AndBelowTransactionalId: transactionalId, v3AndBelowProducerId: state!.producerId, v3AndBelowProducerEpoch: state!.producerEpoch,
      v3AndBelowTopics: added.map(({ topic, index }) => ({ name: topic, partitions: [index] })),
    }, version, answer => answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode);
    for (const { resultsByPartition } of results) this.check(resultsByPartition[0]!.partitionErrorCode, 'AddPartitionsToTxn');
    for (const place of added) joined.add(nameOf(place));
  }

  private check(code: number, api: string): void {
    if (code === ErrorCode.NONE) return;
    if (ABORTABLE.has(code)) {
      this.needsBump = true;
      throw new AbortableError(`${api}: error ${code}`);
    }
    this.fail(code, api);
  }

  private fail(code: number, api: string): never {
    holds(FATAL.has(code), 'answers', () => `${this.link.name} asked ${api}: error ${code}`);
    this.mayBeFenced(code, api);
    this.die();
    throw new FencedError(`${api}: error ${code}`);
  }

  private mayBeFenced(code: number, api: string): void {
    const { link, transaction, incarnation, options: { transactionalId, timeoutMs, fences } } = this;
    holds(fences.explains({ transactionalId, client: link.name, code, sinceMs: incarnation!.askedMs, transaction, timeoutMs }), 'fencing', () =>
      `${link.name} alone on ${transactionalId} asked ${api} after ${ageMs(transaction, link.world.nowMs)} ms of ${timeoutMs}: error ${code}`);
  }
}

/** 0 without one. */
export function ageMs(transaction: Transaction | undefined, nowMs: number): number {
  return transaction === undefined ? 0 : nowMs - transaction.beganMs;
}
