import type { Clock, DiskFile } from '../../env/index.js';
import * as batch from '../../protocol/records/batch.js';
import { CorruptBatchError } from '../../protocol/records/batch.js';

/** Whole batches, the first at 0. */
export interface Chunk {
  readonly bytes: Uint8Array;
  /** Where the first one lies in the file. */
  readonly position: number;
}

/**
 * Reads a file of batches from one position to another in pieces of about `bufferBytes`, or of one batch where that is larger.
 * A piece is valid until the next is asked for. Throws `CorruptBatchError` where the file is no row of batches.
 */
export async function* readBatches(
  file: DiskFile, range: { readonly from: number; readonly to: number }, bufferBytes: number,
): AsyncGenerator<Chunk, void, undefined> {
  let buffer = Buffer.allocUnsafeSlow(Math.max(bufferBytes, batch.BATCH_OVERHEAD));
  for (let position = range.from; position < range.to;) {
    const length = await file.read(buffer, 0, Math.min(buffer.length, range.to - position), position);
    const end = endOfLastWhole(buffer, length);
    if (end > 0) {
      yield { bytes: buffer.subarray(0, end), position };
      position += end;
      continue;
    }
    const needed = length < batch.BATCH_OVERHEAD ? Infinity : batch.sizeInBytes(buffer, 0);
    if (needed > range.to - position || needed <= length) throw new CorruptBatchError(`${file.path} ends inside of the batch at position ${position}`);
    buffer = Buffer.allocUnsafeSlow(needed);
  }
}

function endOfLastWhole(bytes: Buffer, length: number): number {
  let end = 0;
  for (let size = batch.completeBatchSize(bytes, end, length); size > 0; size = batch.completeBatchSize(bytes, end, length)) end += size;
  return end;
}

/** After so long at most, one who is held back looks whether he is still wanted. */
const LONGEST_PAUSE_MS = 500;

/** Holds back whoever reads and writes more than so many bytes a second, and lets others have the loop between two pieces. */
export class Pace {
  private readonly startedMs: number;
  private bytes = 0;

  constructor(
    private readonly clock: Clock,
    private readonly maxBytesPerSecond: number,
    private readonly isWanted: () => boolean,
  ) {
    this.startedMs = clock.monotonicMs();
  }

  async after(bytes: number): Promise<void> {
    this.bytes += bytes;
    const dueMs = this.startedMs + this.bytes / this.maxBytesPerSecond * 1000;
    do {
      const pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(0, dueMs - this.clock.monotonicMs()));
      await new Promise<void>(resolve => { this.clock.after(pauseMs, resolve); });
    } while (dueMs > this.clock.monotonicMs() && this.isWanted());
  }
}
