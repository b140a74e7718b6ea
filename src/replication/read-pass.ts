import { logErrorCode, type LogRead, type PartitionLog } from '../log/index.js';
import { ErrorCode } from '../protocol/generated/errors.js';
import type { FetchOptions, FetchOutcome, FetchPosition, FindPartition } from './fetch-types.js';
import type { Partition } from './partition.js';

/** Reads from the disk that one fetch has under way at a time. */
const COLD_READS_AT_ONCE = 8;

/**
 * One walk over a fetch's positions; synchronous for as long as the logs answer from memory. Reads from the disk are under way
 * side by side, each taken for as large as it may become until it is done.
 */
export class ReadPass {
  /** In the order of the positions. */
  readonly outcomes: FetchOutcome[] = [];
  /** Up to where each was read, as far as it could be. */
  readonly limits: number[] = [];
  bytesRead = 0;
  /** An error or a divergence, or memory is short: the reader must be answered now. */
  mustAnswer = false;
  #next = 0;
  readonly #grantedBytes: number;
  #cold: Promise<void>[] = [];
  #expectedBytes = 0;
  /** Found nothing that fits, while another read was to be the first. */
  #empty: number[] = [];

  constructor(
    private readonly find: FindPartition,
    private readonly positions: readonly FetchPosition[],
    private readonly options: FetchOptions,
  ) {
    this.#grantedBytes = options.budget.share(options.maxBytes);
  }

  /** A promise when some read has to go to the disk. */
  run(): Promise<void> | undefined {
    while (this.#next < this.positions.length) {
      if (this.#cold.length === COLD_READS_AT_ONCE || (this.#cold.length > 0 && this.#leftBytes <= 0)) return this.#settle();
      this.#readAt(this.#next++);
    }
    if (this.#cold.length > 0) return this.#settle();
    // No more may come than was granted, however long one waits.
    const { minBytes } = this.options;
    if (this.bytesRead > 0 && this.#grantedBytes <= minBytes && (this.#grantedBytes < minBytes || this.#isFull())) this.mustAnswer = true;
    return undefined;
  }

  /** Whether there is as much as may come, though whole batches come to a little less. What no log can count is taken for enough. */
  #isFull(): boolean {
    let readableBytes = 0;
    for (const [index, position] of this.positions.entries()) {
      const [partition, limitOffset, fetchOffset] = [this.find(position), this.limits[index], Number(position.fetchOffset)];
      if (typeof partition === 'number' || limitOffset === undefined || fetchOffset >= limitOffset) continue;
      const [from, to] = [partition.log.bytesBefore(fetchOffset), partition.log.bytesBefore(limitOffset)];
      if (from === undefined || to === undefined) return true;
      readableBytes += Math.min(to - from, position.maxBytes);
    }
    return readableBytes >= this.#grantedBytes;
  }

  release(): void {
    this.outcomes.forEach(outcome => outcome.read?.release());
  }

  get #leftBytes(): number {
    return this.#grantedBytes - this.bytesRead - this.#expectedBytes;
  }

  async #settle(): Promise<void> {
    await this.#coldDone();
    for (const index of this.#empty.splice(0)) {
      if (this.bytesRead > 0) break;
      this.#readAt(index);
      await this.#coldDone();
    }
    return this.run();
  }

  /** All of them, also when one fails: what the others found is to be released. */
  async #coldDone(): Promise<void> {
    const ends = await Promise.allSettled(this.#cold.splice(0));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  #readAt(index: number): void {
    const partition = this.find(this.positions[index]!);
    if (typeof partition === 'number') return this.#refuse(index, partition);
    try {
      this.#readFrom(partition, index);
    } catch (error) {
      // Also what a log that slept finds when it is woken.
      this.#refuse(index, codeOf(error));
    }
  }

  #readFrom(partition: Partition, index: number): void {
    const position = this.positions[index]!;
    const fenced = partition.checkLeaderEpoch(Math.max(position.currentLeaderEpoch, -1));
    if (fenced !== ErrorCode.NONE) return this.#refuse(index, fenced);
    const { log } = partition;
    const { fetchOffset } = position;
    // Divergence first: a reader whose log is longer than ours hears where it parts, not that it is out of range.
    const divergingEpoch = divergence(partition, position);
    if (divergingEpoch === NO_SUCH_EPOCH) return this.#refuse(index, ErrorCode.OFFSET_OUT_OF_RANGE);
    if (divergingEpoch !== undefined) {
      this.mustAnswer = true;
      return this.#note(index, partition, { divergingEpoch });
    }
    if (typeof fetchOffset === 'bigint' || fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) {
      return this.#refuse(index, ErrorCode.OFFSET_OUT_OF_RANGE);
    }
    this.#read(index, partition, fetchOffset);
  }

  #read(index: number, partition: Partition, fetchOffset: number): void {
    const { log } = partition;
    const left = this.#leftBytes;
    const minOneBatch = this.bytesRead === 0 && this.#cold.length === 0;
    const limitOffset = limitOf(log, this.options);
    this.limits[index] = limitOffset;
    if ((left <= 0 && !minOneBatch) || fetchOffset >= limitOffset) return this.#note(index, partition, { read: NOTHING });
    const maxBytes = Math.min(this.positions[index]!.maxBytes, Math.max(left, 0));
    const read = log.read(fetchOffset, { maxBytes, minOneBatch, limitOffset, includeAborted: this.options.readCommitted });
    if (!(read instanceof Promise)) return this.#note(index, partition, { read });
    this.#expectedBytes += maxBytes;
    this.#cold.push(read.then(
      found => {
        this.#expectedBytes -= maxBytes;
        this.#note(index, partition, { read: found });
        if (found.sizeBytes === 0 && !minOneBatch) this.#empty.push(index);
      },
      (error: unknown) => {
        this.#expectedBytes -= maxBytes;
        this.#refuse(index, codeOf(error));
      },
    ));
  }

  #note(index: number, { log }: Partition, found: Pick<FetchOutcome, 'read' | 'divergingEpoch'>): void {
    this.bytesRead += found.read?.sizeBytes ?? 0;
    this.outcomes[index] = {
      position: this.positions[index]!,
      errorCode: ErrorCode.NONE,
      highWatermark: log.highWatermark,
      lastStableOffset: log.lastStableOffset,
      logStartOffset: log.logStartOffset,
      read: found.read,
      divergingEpoch: found.divergingEpoch,
    };
  }

  #refuse(index: number, errorCode: number): void {
    this.mustAnswer = true;
    this.outcomes[index] = { position: this.positions[index]!, errorCode, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1 };
  }
}

/** Nothing at or beyond it is shown. */
export function limitOf(log: PartitionLog, { readCommitted }: FetchOptions): number {
  return readCommitted ? log.lastStableOffset : log.highWatermark;
}

const NOTHING: LogRead = { buffers: [], sizeBytes: 0, release() {}, abortedTransactions: [] };

function codeOf(error: unknown): number {
  const code = logErrorCode(error);
  if (code === undefined) throw error;
  return code;
}

/** The reader's last epoch is none that this log knows. */
const NO_SUCH_EPOCH = Symbol('no such epoch');

/** Where the reader's last epoch ended on our side, if that was before its position (KIP-595, KIP-320; `Partition.readRecords`). */
function divergence({ log }: Partition, { lastFetchedEpoch, fetchOffset }: FetchPosition): FetchOutcome['divergingEpoch'] | typeof NO_SUCH_EPOCH {
  if (lastFetchedEpoch < 0) return undefined;
  const { leaderEpoch, endOffset } = log.endOffsetForEpoch(lastFetchedEpoch);
  if (leaderEpoch < 0 || endOffset < 0) return NO_SUCH_EPOCH;
  return leaderEpoch < lastFetchedEpoch || endOffset < fetchOffset ? { epoch: leaderEpoch, endOffset } : undefined;
}
