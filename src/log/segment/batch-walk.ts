import { MalformedError } from '../../base/bytes.js';
import * as batch from '../../protocol/records/batch.js';
import { oldMessageSize } from '../../protocol/records/old-format.js';

/** Bytes that are wanted from a file, at the beginning of `chunk`. */
export interface WantedRead {
  readonly chunk: Buffer;
  readonly length: number;
  readonly position: number;
}

/** A whole batch that lies in `bytes` at `at`, and at `position` of its file. */
export interface ScannedBatch {
  readonly bytes: Buffer;
  readonly at: number;
  readonly sizeBytes: number;
  readonly position: number;
}

/** Why a row of batches ends before its range does: the next one is not whole, is a message of an old format, or there is none. */
export type RowEnd =
  | { readonly kind: 'torn'; readonly neededBytes: number }
  | { readonly kind: 'old'; readonly format: number }
  | { readonly kind: 'corrupt'; readonly error: MalformedError };

export interface FileRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Finds the whole batches in a range of a file, where one begins, in order; whoever has the file reads it. `wanted` says what to
 * read, `given` hears how much that was, and `next` goes from batch to batch until more is wanted. A chunk is about
 * `bufferBytes` long, or as a batch where that is larger, and valid until the next is wanted.
 */
export class BatchWalk {
  private chunk: Buffer;
  /** Where the chunk lies in the file. */
  private start: number;
  private length = 0;
  private at = 0;
  private nextAt = 0;
  /** Set once there is nothing more to find, although the range goes on. */
  end: RowEnd | undefined;

  constructor(private readonly range: FileRange, bufferBytes: number) {
    this.start = range.from;
    this.chunk = Buffer.allocUnsafeSlow(Math.max(batch.BATCH_OVERHEAD, Math.min(bufferBytes, range.to - range.from)));
  }

  /** undefined at the end of the range, or of the row. */
  wanted(): WantedRead | undefined {
    if (this.end !== undefined || this.start >= this.range.to) return undefined;
    return { chunk: this.chunk, length: Math.min(this.chunk.length, this.range.to - this.start), position: this.start };
  }

  given(length: number): void {
    this.length = length;
    this.nextAt = 0;
  }

  /** Goes on to the next whole batch, which `found` shows; false when more is wanted first. */
  next(): boolean {
    this.at = this.nextAt;
    try {
      const sizeBytes = batch.completeBatchSize(this.chunk, this.at, this.length);
      this.nextAt += sizeBytes;
      if (sizeBytes > 0) return true;
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.end = this.oldEnd(error, { kind: 'corrupt', error });
    }
    this.start += this.at;
    if (this.at === 0) this.enlarge();
    return false;
  }

  /** A torn header, where zeros are left, can look like that of an old message: its checksum tells, and undefined is that more must be read for it. */
  private oldEnd(error: MalformedError, corrupt: RowEnd): RowEnd | undefined {
    const sizeBytes = error instanceof batch.OldFormatError ? oldMessageSize(this.chunk, this.at, this.length) : undefined;
    if (sizeBytes === undefined) return corrupt;
    return sizeBytes === 0 ? undefined : { kind: 'old', format: batch.magic(this.chunk, this.at) };
  }

  get found(): ScannedBatch {
    return { bytes: this.chunk, at: this.at, sizeBytes: this.nextAt - this.at, position: this.start + this.at };
  }

  /** After the last batch, when nothing is wanted any more. */
  get endPosition(): number {
    return this.start;
  }

  /** Not one whole batch: it is larger than the chunk, or it ends with the range or the file. */
  private enlarge(): void {
    if (this.end !== undefined) return;
    const neededBytes = this.length >= batch.LOG_OVERHEAD ? batch.sizeInBytes(this.chunk, 0) : batch.BATCH_OVERHEAD;
    if (neededBytes <= this.chunk.length || neededBytes > this.range.to - this.start) this.end = { kind: 'torn', neededBytes };
    else this.chunk = Buffer.allocUnsafeSlow(neededBytes);
  }
}

/** Reads so many bytes at a position into the beginning of a chunk; how many there were. */
export type ReadAt = (chunk: Buffer, length: number, position: number) => Promise<number>;

const CHUNK_BYTES = 1 << 20;

/** Whether a range of a file holds nothing but zeros, as room does that was never written to. */
export async function isZeroIn({ from, to }: FileRange, read: ReadAt): Promise<boolean> {
  const zeros = Buffer.alloc(Math.min(CHUNK_BYTES, to - from));
  const chunk = Buffer.allocUnsafeSlow(zeros.length);
  for (let position = from; position < to;) {
    const length = await read(chunk, Math.min(chunk.length, to - position), position);
    if (length === 0 || !chunk.subarray(0, length).equals(zeros.subarray(0, length))) return false;
    position += length;
  }
  return true;
}
