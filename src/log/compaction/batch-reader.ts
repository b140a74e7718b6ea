import type { Clock, DiskFile } from '../../env/index.js';
import { CorruptBatchError } from '../../protocol/records/batch.js';
import { BatchWalk, type FileRange } from '../segment/batch-walk.js';

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
export async function* readBatches(file: DiskFile, range: FileRange, bufferBytes: number): AsyncGenerator<Chunk, void, undefined> {
  const walk = new BatchWalk(range, bufferBytes);
  for (let wanted = walk.wanted(); wanted !== undefined; wanted = walk.wanted()) {
    const { chunk, length, position } = wanted;
    walk.given(await file.read(chunk, 0, length, position));
    let end = 0;
    while (walk.next()) end += walk.found.sizeBytes;
    if (end > 0) yield { bytes: chunk.subarray(0, end), position };
  }
  if (walk.end?.kind === 'corrupt') throw walk.end.error;
  if (walk.end) throw new CorruptBatchError(`${file.path} ends inside of the batch at position ${walk.endPosition}`);
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
