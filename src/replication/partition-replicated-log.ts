import type { Clock } from '../env/index.js';
import type { ReadBudget } from '../log/index.js';
import { nextOffset, sizeInBytes } from '../protocol/records/batch.js';
import { batchesIn } from '../protocol/records/batch-iterator.js';
import type { LogChunk, ReplicatedLog, RuntimeAppend } from '../runtime/replicated-log.js';
import type { Partition, Watcher } from './partition.js';

/** How the whole of a log is read, as when a coordinator is loaded. */
export interface Loading {
  readonly clock: Pick<Clock, 'endOfTurn'>;
  /** Read at once, bytes; one larger batch is read all the same. */
  readonly readBytes: number;
  /** Where little of it is left, less is read at once: many partitions may be loaded side by side. */
  readonly budget: Pick<ReadBudget, 'share'>;
}

/** Visited before others have the loop; one larger batch is visited all the same. */
const VISIT_BYTES = 1024 * 1024;
const ALL_IN_SYNC = -1;

/** A partition of an internal topic as the log under a coordinator's machine. */
export class PartitionReplicatedLog implements ReplicatedLog {
  constructor(private readonly partition: Partition, private readonly loading: Loading) {}

  get endOffset(): number {
    return this.partition.log.logEndOffset;
  }

  /** None of a log whose disk failed: whoever waits hears so when the leadership ends. */
  get committedEnd(): number {
    const { failure, highWatermark } = this.partition.log;
    return failure === undefined ? highWatermark : -1;
  }

  get maxBatchBytes(): number {
    return this.partition.log.settings.maxMessageBytes;
  }

  append(batch: Uint8Array, { leaderEpoch, ...context }: RuntimeAppend): { baseOffset: number; lastOffset: number } {
    return this.partition.append(batch, { origin: 'coordinator', ...context }, ALL_IN_SYNC, leaderEpoch);
  }

  async readAll(visit: (chunk: LogChunk) => boolean): Promise<void> {
    const { readBytes, budget } = this.loading;
    for (let offset: number | undefined = this.partition.log.logStartOffset; offset !== undefined && offset < this.endOffset;) {
      const read = await this.partition.log.read(offset, { maxBytes: budget.share(readBytes), minOneBatch: true, limitOffset: this.endOffset });
      try {
        offset = await this.visitPieces(read.buffers, visit);
      } finally {
        read.release();
      }
    }
  }

  /** The offset after the last whole batch; undefined when there is none, or `visit` wants no more. */
  private async visitPieces(buffers: readonly Uint8Array[], visit: (chunk: LogChunk) => boolean): Promise<number | undefined> {
    let next: number | undefined;
    for (const { piece, end } of piecesOf(buffers.length === 1 ? buffers[0]! : Buffer.concat(buffers))) {
      if (next !== undefined) await new Promise<void>(resolve => this.loading.clock.endOfTurn(resolve));
      // A copy: machines keep views of it, while the buffer is read into anew.
      if (!visit({ batches: Buffer.from(piece) })) return undefined;
      next = end;
    }
    return next;
  }

  onCommitted(listener: () => void): () => void {
    const watcher: Watcher = { wake: listener };
    this.partition.watch(watcher);
    return () => this.partition.unwatch(watcher);
  }
}

/** Whole batches, as many as are visited in one go, and the offset after them. */
function* piecesOf(bytes: Uint8Array): Generator<{ piece: Uint8Array; end: number }, void, undefined> {
  let start = 0;
  let after = 0;
  let end: number | undefined;
  for (const at of batchesIn(bytes)) {
    const size = sizeInBytes(bytes, at);
    if (end !== undefined && at + size - start > VISIT_BYTES) {
      yield { piece: bytes.subarray(start, at), end };
      start = at;
    }
    after = at + size;
    end = nextOffset(bytes, at);
  }
  if (end !== undefined) yield { piece: bytes.subarray(start, after), end };
}
