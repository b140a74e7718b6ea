import { withElement } from '../../base/lists.js';
import type { LogSettings } from '../../config/log-settings.js';
import { ErrorCode } from '../../protocol/generated/errors.js';
import { KafkaError } from '../../protocol/errors.js';
import * as batch from '../../protocol/records/batch.js';
import type { EpochEntry } from './leader-epochs.js';
import { asCorruptMessage } from '../reads/cold-read.js';
import { maxTimestampOf } from '../segment/timestamps.js';

/** The batches of one append, as far as the log must know them. */
export interface Batches {
  readonly bytes: Uint8Array;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly maxTimestampMs: number;
  readonly largestBatch: number;
  /** Positions of the batches that have a producer id. */
  readonly producers: readonly number[];
  /** Where leader epochs change. */
  readonly epochs: readonly EpochEntry[];
}

const NO_PRODUCERS: readonly number[] = [];
const NO_EPOCHS: readonly EpochEntry[] = [];

class BatchesBuilder {
  private firstOffset = -1;
  private lastOffset = -1;
  private maxTimestampMs = batch.NO_TIMESTAMP;
  private largestBatch = 0;
  private lastEpoch = -1;
  private producers: number[] | undefined;
  private epochs: EpochEntry[] | undefined;

  get nextOffset(): number {
    return this.lastOffset + 1;
  }

  add(bytes: Uint8Array, at: number, sizeBytes: number): void {
    const baseOffset = batch.baseOffset(bytes, at);
    const epoch = batch.partitionLeaderEpoch(bytes, at);
    if (this.firstOffset < 0) this.firstOffset = baseOffset;
    this.lastOffset = batch.lastOffset(bytes, at);
    this.maxTimestampMs = Math.max(this.maxTimestampMs, maxTimestampOf(bytes, at));
    this.largestBatch = Math.max(this.largestBatch, sizeBytes);
    if (batch.hasProducerId(bytes, at)) this.producers = withElement(this.producers, at);
    if (epoch >= 0 && epoch !== this.lastEpoch) this.epochs = withElement(this.epochs, { epoch, startOffset: baseOffset });
    this.lastEpoch = epoch;
  }

  build(bytes: Uint8Array): Batches {
    const { firstOffset, lastOffset, maxTimestampMs, largestBatch, producers = NO_PRODUCERS, epochs = NO_EPOCHS } = this;
    return { bytes, firstOffset, lastOffset, maxTimestampMs, largestBatch, producers, epochs };
  }
}

/** Gives the batches the offsets from `offset` on, and the leader's epoch, in place. CORRUPT_MESSAGE unless they are whole. */
export function stampForLeader(bytes: Uint8Array, offset: number, leaderEpoch: number): Batches {
  const builder = new BatchesBuilder();
  let next = offset;
  let at = 0;
  while (at < bytes.length) {
    const sizeBytes = sizeOf(bytes, at);
    if (sizeBytes === 0 || batch.lastOffsetDelta(bytes, at) < 0) throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, 'An append is not of whole batches');
    batch.setBaseOffset(bytes, at, next);
    batch.setPartitionLeaderEpoch(bytes, at, leaderEpoch);
    builder.add(bytes, at, sizeBytes);
    next = builder.nextOffset;
    at += sizeBytes;
  }
  if (at === 0) throw new KafkaError(ErrorCode.INVALID_RECORD, 'An append holds no batch');
  return builder.build(bytes);
}

/**
 * Reads batches that come with offsets and epochs: whole ones, up to the first of an epoch beyond `leaderEpoch`; undefined when
 * there are none. CORRUPT_MESSAGE when a checksum is wrong or the offsets do not ascend.
 */
export function describeForFollower(bytes: Uint8Array, leaderEpoch: number): Batches | undefined {
  const builder = new BatchesBuilder();
  let at = 0;
  for (let sizeBytes = sizeOf(bytes, 0); sizeBytes > 0; sizeBytes = sizeOf(bytes, at)) {
    if (batch.partitionLeaderEpoch(bytes, at) > leaderEpoch) break;
    if (!batch.isValid(bytes, at)) throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, 'A batch from the leader has a wrong checksum');
    if (at > 0 && batch.baseOffset(bytes, at) < builder.nextOffset) throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, 'Batches from the leader are not in order');
    builder.add(bytes, at, sizeBytes);
    at += sizeBytes;
  }
  return at === 0 ? undefined : builder.build(bytes.subarray(0, at));
}

/** MESSAGE_TOO_LARGE and RECORD_LIST_TOO_LARGE, by what the topic allows. */
export function checkSizes({ bytes, largestBatch }: Batches, { maxMessageBytes, segmentBytes }: LogSettings): void {
  if (largestBatch > maxMessageBytes) {
    throw new KafkaError(ErrorCode.MESSAGE_TOO_LARGE, `A batch of ${largestBatch} bytes exceeds max.message.bytes of ${maxMessageBytes}`);
  }
  if (bytes.length > segmentBytes) {
    throw new KafkaError(ErrorCode.RECORD_LIST_TOO_LARGE, `${bytes.length} bytes in one append exceed segment.bytes of ${segmentBytes}`);
  }
}

function sizeOf(bytes: Uint8Array, at: number): number {
  try {
    return batch.completeBatchSize(bytes, at, bytes.length);
  } catch (error) {
    throw asCorruptMessage(error);
  }
}
