import { nextOffset } from '../protocol/records/batch.js';
import { batchesIn } from '../protocol/records/batch-iterator.js';
import type { LogChunk, ReplicatedLog, RuntimeAppend } from '../runtime/replicated-log.js';
import type { Partition, Watcher } from './partition.js';

const READ_BYTES = 1024 * 1024;
const ALL_IN_SYNC = -1;

/** A partition of an internal topic as the log under a coordinator's machine. */
export class PartitionReplicatedLog implements ReplicatedLog {
  constructor(private readonly partition: Partition) {}

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
    let offset = this.partition.log.logStartOffset;
    while (offset < this.partition.log.logEndOffset) {
      const { log } = this.partition;
      const read = await log.read(offset, { maxBytes: READ_BYTES, minOneBatch: true, limitOffset: log.logEndOffset });
      if (read.sizeBytes === 0) return;
      const batches = Buffer.concat(read.buffers);
      read.release();
      offset = endOfLastBatch(batches);
      if (!visit({ batches })) return;
    }
  }

  onCommitted(listener: () => void): () => void {
    const watcher: Watcher = { wake: listener };
    this.partition.watch(watcher);
    return () => this.partition.unwatch(watcher);
  }
}

/** Offset after the last record of the last whole batch. */
function endOfLastBatch(batches: Uint8Array): number {
  let end = -1;
  for (const at of batchesIn(batches)) end = nextOffset(batches, at);
  return end;
}
