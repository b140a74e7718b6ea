import { assert } from '../../base/assert.js';
import { BLOCK_BYTES, BlockMemory } from '../../base/block-memory.js';
import * as batch from '../../protocol/records/batch.js';
import type { ReadBudget } from './read-budget.js';

/**
 * The newest bytes of every log in memory, under one budget for all: what readers at the tail want, they get without the disk.
 *
 * A log's appends are copied one after the other into its chunks, so that a fetch is a few views of chunks and not a buffer a
 * batch. Bytes that have been written never change while anybody may see them: a chunk is used again only once it has been
 * dropped here and every read of it was released. A reader that forgets to release costs a new chunk, no more.
 */
export class TailCache {
  /** Oldest first: the order in which they are dropped. */
  private readonly chunks = new Set<Chunk>();
  /** What large chunks are made of; what nobody sees any more goes back: fresh memory would have to be cleared by the system first. */
  private readonly memory: BlockMemory;
  private totalBytes = 0;

  /** What readers still hold of dropped chunks counts against `readBudget`. No chunk is larger than `mostBytes`, a power of two. */
  constructor(private readonly budgetBytes: number, private readonly readBudget: ReadBudget, mostBytes = MAX_CHUNK_BYTES) {
    this.memory = new BlockMemory(mostBytes);
  }

  get mostChunkBytes(): number {
    return this.memory.bufferBytes;
  }

  get sizeBytes(): number {
    return this.totalBytes;
  }

  newTail(): LogTail {
    return new LogTail(this);
  }

  /** Whether an append of that size is kept at all. */
  takes(bytes: number): boolean {
    return bytes <= this.budgetBytes;
  }

  /** A new chunk for a tail, its first byte being at `position` of a file; it may drop older ones, of the same tail too. */
  newChunk(tail: LogTail, start: number, sizeBytes: number, position: number): Chunk {
    const chunk = sizeBytes === this.mostChunkBytes
      ? new Chunk(this, tail, start, this.memory.take(), this.memory.isAligned ? position % BLOCK_BYTES : NOT_ALIGNED)
      : new Chunk(this, tail, start, Buffer.allocUnsafeSlow(sizeBytes), NOT_ALIGNED);
    this.chunks.add(chunk);
    this.totalBytes += sizeBytes;
    for (const oldest of this.chunks) {
      if (this.totalBytes <= this.budgetBytes || oldest === chunk) break;
      oldest.tail.dropOldest();
    }
    return chunk;
  }

  drop(chunk: Chunk): void {
    if (!this.chunks.delete(chunk)) return;
    this.totalBytes -= chunk.buffer.length;
    if (chunk.isSeen) this.readBudget.hold(chunk.buffer.length);
    else this.recycle(chunk);
  }

  /** The last reader of a chunk is done. */
  unseen(chunk: Chunk): void {
    if (this.chunks.has(chunk)) return;
    this.recycle(chunk);
    this.readBudget.free(chunk.buffer.length);
  }

  private recycle({ buffer }: Chunk): void {
    if (buffer.length === this.mostChunkBytes) this.memory.give(buffer);
  }
}

const FIRST_CHUNK_BYTES = 4 << 10;
const MAX_CHUNK_BYTES = 256 << 10;
/** Of a chunk whose bytes lie in memory as it came. */
const NOT_ALIGNED = -1;

/** Hears where the bytes of an append came to lie: `buffer[from, to)` of a chunk. */
export interface ChunkTaker {
  take(chunk: Chunk, from: number, to: number): void;
}

/**
 * A piece of a log's bytes, from `start` in the count of all that was ever added to its tail. In a large chunk they lie as in the
 * blocks of the file: what is a block there is one of the memory here, so that a disk can take it from here by itself.
 */
export class Chunk {
  /** Its buffer consists of whole blocks of memory. */
  readonly isAligned: boolean;
  /** Where the first of its bytes lies in the buffer. */
  readonly first: number;
  used: number;
  private readers = 0;

  constructor(
    private readonly cache: TailCache,
    readonly tail: LogTail,
    readonly start: number,
    readonly buffer: Buffer,
    blockOffset: number,
  ) {
    this.isAligned = blockOffset !== NOT_ALIGNED;
    this.first = this.used = Math.max(0, blockOffset);
  }

  get end(): number {
    return this.start + this.used - this.first;
  }

  /** Whether the next byte lies in its block as one at `position` of a file does; always, where nobody minds. */
  continues(position: number): boolean {
    return !this.isAligned || ((this.used ^ position) & (BLOCK_BYTES - 1)) === 0;
  }

  get isSeen(): boolean {
    return this.readers > 0;
  }

  /** Takes what fits; how much that was. */
  fill(bytes: Uint8Array, from: number): number {
    const count = Math.min(this.buffer.length - this.used, bytes.length - from);
    this.buffer.set(count === bytes.length ? bytes : bytes.subarray(from, from + count), this.used);
    this.used += count;
    return count;
  }

  /** Until it is released, the bytes stay as they are, also when the chunk is dropped. */
  hold(): void {
    this.readers++;
  }

  view(from: number, to: number): Uint8Array {
    this.hold();
    const zero = this.start - this.first;
    return this.buffer.subarray(Math.max(this.first, from - zero), Math.min(this.used, to - zero));
  }

  release(): void {
    this.readers--;
    if (this.readers === 0) this.cache.unseen(this);
  }
}

export interface TailRead {
  readonly buffers: Uint8Array[];
  readonly sizeBytes: number;
  /** The offset after the last record read. */
  readonly nextOffset: number;
  readonly release: () => void;
}

/** One log's part of the cache: always its newest batches, none left out up to its end. */
export class LogTail {
  private readonly chunks: Chunk[] = [];
  /** Of each batch, oldest first: where its bytes begin, its base offset, and the offset after its last. */
  private positions: number[] = [];
  private bases: number[] = [];
  private ends: number[] = [];
  /** Entries before it were dropped; they are taken out now and then. */
  private head = 0;
  private end = 0;

  constructor(private readonly cache: TailCache) {}

  /** Nothing before this offset is here; Infinity when nothing is. */
  get startOffset(): number {
    return this.bases[this.head] ?? Infinity;
  }

  /** All bytes that were ever added. */
  get addedBytes(): number {
    return this.end;
  }

  /** How many of them were added before the batch that holds `offset`; undefined when that is not here. */
  addedBefore(offset: number): number | undefined {
    return offset < this.startOffset ? undefined : this.positionOf(this.countUpTo(this.ends, offset));
  }

  /**
   * Adds whole batches that follow all before them, and go to `position` of their file. Returns false, and holds nothing any more,
   * when they are too large.
   */
  append(bytes: Uint8Array, position = this.end, taker?: ChunkTaker): boolean {
    if (!this.cache.takes(bytes.length)) {
      this.clear();
      this.end += bytes.length;
      return false;
    }
    for (let at = 0; at < bytes.length; at += batch.sizeInBytes(bytes, at)) {
      this.positions.push(this.end + at);
      this.bases.push(batch.baseOffset(bytes, at));
      this.ends.push(batch.nextOffset(bytes, at));
    }
    for (let done = 0; done < bytes.length;) {
      const last = this.chunks.at(-1);
      if (!last || last.used === last.buffer.length || !last.continues(position + done)) {
        const sizeBytes = chunkBytes(last, bytes.length - done, this.cache.mostChunkBytes);
        this.chunks.push(this.cache.newChunk(this, this.end + done, sizeBytes, position + done));
        continue;
      }
      const from = last.used;
      done += last.fill(bytes, done);
      taker?.take(last, from, last.used);
    }
    this.end += bytes.length;
    return true;
  }

  /** Whole batches from the one that holds `offset` on; undefined when that is not here. */
  read(offset: number, options: { maxBytes: number; minOneBatch: boolean; limitOffset: number }): TailRead | undefined {
    if (offset < this.startOffset) return undefined;
    const first = this.countUpTo(this.ends, offset);
    const from = this.positionOf(first);
    const shown = this.countUpTo(this.ends, options.limitOffset);
    let last = Math.min(shown, this.batchesEndingBy(from + options.maxBytes));
    if (last <= first && options.minOneBatch) last = Math.min(shown, first + 1);
    if (last <= first) return { buffers: [], sizeBytes: 0, nextOffset: offset, release: () => undefined };
    const to = this.positionOf(last);
    const seen = this.chunks.filter(chunk => chunk.start < to && chunk.end > from);
    return {
      buffers: seen.map(chunk => chunk.view(from, to)),
      sizeBytes: to - from,
      nextOffset: this.ends[last - 1]!,
      release: () => {
        for (const chunk of seen.splice(0)) chunk.release();
      },
    };
  }

  dropOldest(): void {
    const chunk = this.chunks.shift();
    assert(chunk !== undefined, 'a tail knows its chunks');
    this.cache.drop(chunk);
    // A batch that began in it is cut, even if it goes on in the next.
    const kept = this.chunks[0]?.start ?? Infinity;
    while (this.head < this.positions.length && this.positions[this.head]! < kept) this.head++;
    if (2 * this.head > this.positions.length) this.compact();
  }

  /** Forgets what lies below `offset`, and maybe more: compaction has changed it. */
  forgetBelow(offset: number): void {
    while (this.startOffset < offset) this.dropOldest();
  }

  /** Forgets all: the log was truncated, or is closed. */
  clear(): void {
    while (this.chunks.length > 0) this.dropOldest();
    this.head = this.positions.length;
    this.compact();
  }

  private compact(): void {
    this.positions = this.positions.slice(this.head);
    this.bases = this.bases.slice(this.head);
    this.ends = this.ends.slice(this.head);
    this.head = 0;
  }

  private positionOf(index: number): number {
    return this.positions[index] ?? this.end;
  }

  private batchesEndingBy(position: number): number {
    return position >= this.end ? this.positions.length : this.countUpTo(this.positions, position) - 1;
  }

  /** How many of the ascending `values`, dropped ones included, are at most `target`. */
  private countUpTo(values: readonly number[], target: number): number {
    let low = this.head;
    let high = values.length;
    if (high > low && values[high - 1]! <= target) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (values[middle]! <= target) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Chunks grow with what a log gets, so that an idle one holds little. */
function chunkBytes(last: Chunk | undefined, needed: number, mostBytes: number): number {
  const wanted = last ? 2 * last.buffer.length : FIRST_CHUNK_BYTES;
  let size = Math.min(mostBytes, wanted);
  while (size < needed && size < mostBytes) size *= 2;
  return size;
}
