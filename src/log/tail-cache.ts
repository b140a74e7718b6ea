import * as batch from '../protocol/records/batch.js';

/**
 * The newest bytes of every log in memory, under one budget for all: what readers at the tail want, they get without the disk.
 *
 * Appends are copied into chunks, one after the other, so that a fetch is a few views of whole chunks rather than a buffer a
 * batch. A chunk's bytes never change once written; a chunk that is dropped lives on until the last view of it is gone.
 */
export class TailCache {
  /** Oldest first: the order in which they are dropped. */
  private readonly chunks = new Set<Chunk>();
  private totalBytes = 0;

  constructor(private readonly budgetBytes: number) {}

  get sizeBytes(): number {
    return this.totalBytes;
  }

  newTail(): LogTail {
    return new LogTail(this);
  }

  add(chunk: Chunk): void {
    this.chunks.add(chunk);
    this.totalBytes += chunk.buffer.length;
    for (const oldest of this.chunks) {
      if (this.totalBytes <= this.budgetBytes) return;
      oldest.tail.dropOldest();
    }
  }

  remove(chunk: Chunk): void {
    if (this.chunks.delete(chunk)) this.totalBytes -= chunk.buffer.length;
  }
}

const FIRST_CHUNK_BYTES = 4 << 10;
const MAX_CHUNK_BYTES = 256 << 10;

class Chunk {
  used = 0;
  /** Position and base offset, less the chunk's, of each batch. */
  readonly positions: number[] = [];
  readonly offsets: number[] = [];
  endOffset: number;

  constructor(
    readonly tail: LogTail,
    readonly baseOffset: number,
    readonly buffer: Buffer,
  ) {
    this.endOffset = baseOffset;
  }

  append(bytes: Uint8Array, endOffset: number): void {
    this.buffer.set(bytes, this.used);
    for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) {
      this.positions.push(this.used + at);
      this.offsets.push(batch.baseOffset(bytes, at) - this.baseOffset);
    }
    this.used += bytes.length;
    this.endOffset = endOffset;
  }

  /** Index of the first batch that ends at or after `offset`; the number of batches when there is none. */
  batchAtOrAfter(offset: number): number {
    const index = upperBound(this.offsets, offset - this.baseOffset) - 1;
    if (index < 0) return 0;
    return batch.lastOffset(this.buffer, this.positions[index]!) >= offset ? index : index + 1;
  }

  /** Index of the first batch that ends at or after `limitOffset`: what is before it may be shown. */
  batchesBelow(limitOffset: number): number {
    return limitOffset >= this.endOffset ? this.positions.length : this.batchAtOrAfter(limitOffset);
  }

  /** Where batch `index` begins; the end of what is used when there is none. */
  positionOf(index: number): number {
    return this.positions[index] ?? this.used;
  }

  /** Number of batches that end at or before `position`. */
  batchesUpTo(position: number): number {
    return position >= this.used ? this.positions.length : upperBound(this.positions, position) - 1;
  }
}

/** How many of the ascending `values` are at most `target`. */
function upperBound(values: readonly number[], target: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= target) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface TailRead {
  readonly buffers: Uint8Array[];
  readonly sizeBytes: number;
  /** The offset after the last record read. */
  readonly nextOffset: number;
}

/** One log's part of the cache: always its newest bytes, without a gap up to its end. */
export class LogTail {
  private readonly chunks: Chunk[] = [];

  constructor(private readonly cache: TailCache) {}

  /** Nothing before this offset is here; Infinity when nothing is. */
  get startOffset(): number {
    return this.chunks[0]?.baseOffset ?? Infinity;
  }

  /** Adds whole batches that begin at `baseOffset` and end before `endOffset`. */
  append(bytes: Uint8Array, baseOffset: number, endOffset: number): void {
    let chunk = this.chunks.at(-1);
    if (!chunk || chunk.buffer.length - chunk.used < bytes.length) {
      chunk = new Chunk(this, baseOffset, Buffer.allocUnsafeSlow(chunkBytes(chunk, bytes.length)));
      this.chunks.push(chunk);
      chunk.append(bytes, endOffset);
      this.cache.add(chunk);
    } else {
      chunk.append(bytes, endOffset);
    }
  }

  /** Whole batches from the one that holds `offset` on; undefined when it is not here. */
  read(offset: number, options: { maxBytes: number; minOneBatch: boolean; limitOffset: number }): TailRead | undefined {
    if (offset < this.startOffset) return undefined;
    let index = this.chunks.findLastIndex(chunk => chunk.baseOffset <= offset);
    const buffers: Uint8Array[] = [];
    let sizeBytes = 0;
    let nextOffset = offset;
    for (; index < this.chunks.length; index++) {
      const chunk = this.chunks[index]!;
      const first = chunk.batchAtOrAfter(nextOffset);
      const start = chunk.positionOf(first);
      const allowed = chunk.batchesBelow(options.limitOffset);
      let end = Math.min(allowed, chunk.batchesUpTo(start + options.maxBytes - sizeBytes));
      if (end <= first && sizeBytes === 0 && options.minOneBatch) end = Math.min(allowed, first + 1);
      if (end > first) {
        buffers.push(chunk.buffer.subarray(start, chunk.positionOf(end)));
        sizeBytes += chunk.positionOf(end) - start;
        nextOffset = batch.nextOffset(chunk.buffer, chunk.positionOf(end - 1));
      }
      if (end < chunk.positions.length) break;
    }
    return { buffers, sizeBytes, nextOffset };
  }

  dropOldest(): void {
    const chunk = this.chunks.shift();
    if (chunk) this.cache.remove(chunk);
  }

  /** Forgets all: the log was truncated, or is closed. */
  clear(): void {
    while (this.chunks.length > 0) this.dropOldest();
  }
}

/** Chunks grow with what a log gets, so that an idle one holds little; a batch too large for any has its own. */
function chunkBytes(last: Chunk | undefined, needed: number): number {
  const wanted = Math.min(MAX_CHUNK_BYTES, last ? 2 * last.buffer.length : FIRST_CHUNK_BYTES);
  return Math.max(wanted, needed);
}
