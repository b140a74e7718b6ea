// Asks, from the first moment in which a broker takes connections, what a client asks that restores state from it, and holds
// each answer against what the writer was answered before it was asked.

import { ErrorCode } from '../../src/protocol/generated/errors.js';
import { fetchApi, findCoordinatorApi, listOffsetsApi, metadataApi, offsetFetchApi, offsetForLeaderEpochApi } from '../../src/protocol/generated/index.js';
import * as batch from '../../src/protocol/records/batch.js';
import { batchesIn, recordsIn } from '../../src/protocol/records/batch-iterator.js';
import { parseEndTransactionMarker } from '../../src/protocol/records/control-records.js';
import type { RawClient } from '../../src/testing/raw-client.js';
import type { TransactionalWriter } from './transactional-writer.js';
import { Visits } from './visits.js';

const [LATEST, EARLIEST] = [-1, -2];
const [UNCOMMITTED, COMMITTED] = [0, 1];
const RETRY_MS = 1;
/** Many fetches for one partition: aborted lists of each part. */
const FETCH_BYTES = 16 * 1024;
/** Of the last version that names topics instead of ids. */
const FETCH_VERSION = 12;

/** What a client takes for a reason to ask again. */
const PASSING: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR, ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.LEADER_NOT_AVAILABLE, ErrorCode.UNSTABLE_OFFSET_COMMIT, ErrorCode.FENCED_LEADER_EPOCH, ErrorCode.UNKNOWN_LEADER_EPOCH,
]);

/** Nothing can be told of the answer: it is one after which a client asks again. */
class PassingError extends Error {}

export class RestartProber {
  /** Answers that were held against what is owed. */
  held = 0;
  /** How often each passing error came, by API and code. */
  readonly passing = new Map<string, number>();
  /** Where each partition was read to, and the epoch of the last batch there. */
  private readonly readTo = new Map<number, { epoch: number; position: number }>();
  readonly visits: Visits;
  private client: RawClient | undefined;

  constructor(port: () => number, private readonly writer: TransactionalWriter) {
    this.visits = new Visits({ port, retryMs: RETRY_MS, visit: client => this.visit(client) });
  }

  private async visit(client: RawClient): Promise<void> {
    this.client = client;
    const life = { isOver: false };
    void client.closedByPeer().then(() => { life.isOver = true; });
    try {
      while (!this.visits.isStopped && !life.isOver) await this.round();
    } catch (error) {
      // What else fails is the connection, with the broker.
      if (error instanceof WrongAnswerError || (!life.isOver && !this.visits.isStopped)) throw error;
    }
  }

  private async round(): Promise<void> {
    const { writer: { options: { partitions } } } = this;
    const questions = [() => this.metadata(), () => this.coordinators(), () => this.offsets(false), () => this.offsets(true)];
    for (const partition of partitions) {
      questions.push(() => this.end(partition, UNCOMMITTED), () => this.start(partition), () => this.end(partition, COMMITTED));
      questions.push(() => this.records(partition), () => this.epochEnd(partition));
    }
    for (const question of questions) {
      try {
        await question();
        this.held++;
      } catch (error) {
        if (!(error instanceof PassingError)) throw error;
        this.passing.set(error.message, (this.passing.get(error.message) ?? 0) + 1);
      }
    }
  }

  private async metadata(): Promise<void> {
    const { topic, partitions } = this.writer.options;
    const { topics: [found] } = await this.client!.send(metadataApi, { topics: [{ name: topic }], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }, 12);
    this.mustBeNone('Metadata', found!.errorCode);
    for (const index of partitions) {
      const partition = found!.partitions.find(({ partitionIndex }) => partitionIndex === index);
      holds(partition !== undefined, () => `Metadata has no ${topic}-${index}`);
      this.mustBeNone('Metadata of a partition', partition.errorCode);
    }
  }

  private async coordinators(): Promise<void> {
    for (const keyType of [0, 1]) {
      const answer = await this.client!.send(findCoordinatorApi, { keyType, coordinatorKeys: [this.writer.options.id] }, 4);
      this.mustBeNone('FindCoordinator', answer.coordinators[0]!.errorCode);
    }
  }

  private async offsets(requireStable: boolean): Promise<void> {
    const { writer, writer: { options: { id, topic, partitions } } } = this;
    const owed = writer.committedOffset;
    const answer = await this.client!.send(offsetFetchApi, {
      groups: [{ groupId: id, topics: [{ name: topic, partitionIndexes: [partitions[0]!] }] }], requireStable,
    }, 8);
    this.mustBeNone('OffsetFetch', answer.groups[0]!.errorCode);
    const { errorCode, committedOffset } = answer.groups[0]!.topics[0]!.partitions[0]!;
    this.mustBeNone('OffsetFetch of a partition', errorCode);
    const offset = Number(committedOffset);
    holds(offset >= owed && !writer.aborted.has(offset), () =>
      `OffsetFetch (requireStable ${requireStable}) of ${id}: ${offset}${writer.aborted.has(offset) ? ', which was aborted' : ''}; ${owed} was committed`);
  }

  private async listOffsets(partition: number, timestamp: number, isolationLevel: number): Promise<number> {
    const answer = await this.client!.send(listOffsetsApi, {
      replicaId: -1, isolationLevel, topics: [{ name: this.writer.options.topic, partitions: [{ partitionIndex: partition, timestamp }] }],
    }, 9);
    const { errorCode, offset } = answer.topics[0]!.partitions[0]!;
    this.mustBeNone('ListOffsets', errorCode);
    return Number(offset);
  }

  private async end(partition: number, isolationLevel: number): Promise<void> {
    const { end, stableEnd } = this.writer.owed.get(partition)!;
    const owed = isolationLevel === COMMITTED ? stableEnd : end;
    const offset = await this.listOffsets(partition, LATEST, isolationLevel);
    holds(offset >= owed, () => `ListOffsets LATEST of partition ${partition} at isolation ${isolationLevel}: ${offset}; ${owed} is owed`);
  }

  private async start(partition: number): Promise<void> {
    const offset = await this.listOffsets(partition, EARLIEST, UNCOMMITTED);
    holds(offset === 0, () => `ListOffsets EARLIEST of partition ${partition}: ${offset}; nothing was deleted`);
  }

  /** Whoever stands where it has read to is not told that the log was cut below (KIP-320). */
  private async epochEnd(partition: number): Promise<void> {
    const read = this.readTo.get(partition);
    if (read === undefined) return;
    const answer = await this.client!.send(offsetForLeaderEpochApi, {
      topics: [{ topic: this.writer.options.topic, partitions: [{ partition, leaderEpoch: read.epoch }] }],
    }, 4);
    const { errorCode, endOffset, leaderEpoch } = answer.topics[0]!.partitions[0]!;
    this.mustBeNone('OffsetForLeaderEpoch', errorCode);
    holds(leaderEpoch === read.epoch && Number(endOffset) >= read.position, () =>
      `OffsetForLeaderEpoch of partition ${partition}: epoch ${leaderEpoch} ends at ${endOffset}; ${read.position} was read in epoch ${read.epoch}`);
  }

  /** All that a consumer at read_committed hands out from offset 0 on. */
  private async records(partition: number): Promise<void> {
    const { writer, writer: { options: { topic } } } = this;
    const owed = writer.owed.get(partition)!;
    const { stableEnd } = owed;
    const committed = new Map(owed.committed);
    const found = new Map<string, number>();
    const inAborted = new Set<number>();
    let position = 0;
    let lastEpoch = -1;
    while (position < stableEnd) {
      const response = await this.client!.send(fetchApi, {
        isolationLevel: COMMITTED, maxWaitMs: 0, minBytes: 0, maxBytes: FETCH_BYTES, forgottenTopicsData: [],
        topics: [{ topic, partitions: [{ partition, fetchOffset: position, partitionMaxBytes: FETCH_BYTES }] }],
      }, FETCH_VERSION);
      const data = response.responses[0]!.partitions[0]!;
      this.mustBeNone(`Fetch at ${position === 0 ? 'the start' : 'a position'}`, data.errorCode);
      const { lastStableOffset, highWatermark } = data;
      holds(Number(lastStableOffset) >= stableEnd, () => `Fetch of partition ${partition}: the last stable offset is ${lastStableOffset}; ${stableEnd} is owed`);
      holds(Number(highWatermark) >= stableEnd, () => `Fetch of partition ${partition}: the high watermark is ${highWatermark}; ${stableEnd} is owed`);
      holds(Number(data.logStartOffset) === 0, () => `Fetch of partition ${partition}: the log starts at ${data.logStartOffset}`);
      const before = position;
      const begun = (data.abortedTransactions ?? [])
        .map(({ producerId, firstOffset }) => ({ producerId: Number(producerId), firstOffset: Number(firstOffset) }))
        .sort((a, b) => a.firstOffset - b.firstOffset);
      inAborted.clear();
      const bytes = data.records ?? Buffer.alloc(0);
      for (const at of batchesIn(bytes)) {
        const nextOffset = batch.nextOffset(bytes, at);
        const producerId = batch.producerId(bytes, at);
        const epoch = batch.partitionLeaderEpoch(bytes, at);
        holds(epoch >= lastEpoch, () => `partition ${partition}: epoch ${epoch} follows ${lastEpoch}`);
        lastEpoch = epoch;
        while (begun[0] !== undefined && begun[0].firstOffset < nextOffset) inAborted.add(begun.shift()!.producerId);
        if (batch.isControl(bytes, at)) {
          const [control] = recordsIn(bytes, at);
          if (control !== undefined && parseEndTransactionMarker(control.key, control.value)?.committed === false) inAborted.delete(producerId);
        } else if (!inAborted.has(producerId)) {
          for (const { offset, key, value } of recordsIn(bytes, at)) {
            if (offset >= position) found.set(Buffer.from(key!).toString(), Number(Buffer.from(value!).toString().trim()));
          }
        }
        position = nextOffset;
      }
      holds(position > before, () => `Fetch of partition ${partition} at ${before}: nothing, below the last stable offset ${lastStableOffset}`);
    }
    if (lastEpoch >= 0) this.readTo.set(partition, { epoch: lastEpoch, position });
    for (const [key, number] of committed) {
      holds((found.get(key) ?? -1) >= number, () =>
        `Fetch of partition ${partition} up to ${position}: ${key} is of transaction ${found.get(key)}; transaction ${number} was committed`);
    }
    for (const [key, number] of found) holds(!writer.aborted.has(number), () => `Fetch of partition ${partition}: ${key} is of transaction ${number}, which was aborted`);
  }

  private mustBeNone(what: string, errorCode: number): void {
    if (errorCode === ErrorCode.NONE) return;
    if (PASSING.has(errorCode)) throw new PassingError(`${what} ${errorCode}`);
    throw new WrongAnswerError(`${what} of ${this.writer.options.id}: error ${errorCode}`);
  }
}

export class WrongAnswerError extends Error {}

function holds(condition: boolean, told: () => string): asserts condition {
  if (!condition) throw new WrongAnswerError(told());
}
