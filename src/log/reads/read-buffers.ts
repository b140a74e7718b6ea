import type { ReadBudget } from './read-budget.js';

/**
 * Buffers for reads of cold data, used again: fresh memory would have to be cleared by the system first. Each counts against
 * the budget from `take` to `give`.
 */
export class ReadBuffers {
  private readonly small: Buffer[] = [];
  private readonly large: Buffer[] = [];

  constructor(private readonly budget: ReadBudget) {}

  /** A buffer of at least `bytes`: of a common size when that is enough. */
  take(bytes: number): Buffer {
    const buffer = this.find(bytes);
    this.budget.hold(buffer.length);
    return buffer;
  }

  give(buffer: Buffer): void {
    if (buffer.length === SMALL_BYTES && this.small.length < FREE_SMALL) this.small.push(buffer);
    else if (buffer.length === LARGE_BYTES && this.large.length < FREE_LARGE) this.large.push(buffer);
    this.budget.free(buffer.length);
  }

  private find(bytes: number): Buffer {
    if (bytes > LARGE_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (bytes > SMALL_BYTES) return this.large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
    return this.small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES);
  }
}

/** What one read asks the disk for at most, unless a single batch takes more: what `max.partition.fetch.bytes` is by default. */
export const PIECE_BYTES = 1 << 20;
/** A piece and what lies before its first batch. */
const LARGE_BYTES = PIECE_BYTES + (64 << 10);
/** What a reader gets where memory is short, likewise. */
const SMALL_BYTES = 128 << 10;
const FREE_LARGE = 16;
const FREE_SMALL = 32;
