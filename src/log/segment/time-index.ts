import { readInt32, writeInt32, writeInt64 } from '../../base/bytes.js';
import type { Disk } from '../../env/index.js';
import { IndexFile, type IndexBudget } from './index-file.js';
import { readTimestampMs } from './timestamps.js';

export interface TimestampOffset {
  readonly timestampMs: number;
  readonly offset: number;
}

export const TIME_ENTRY_BYTES = 12;

/** The entry that lies in `bytes` at `at`. */
export function readTimeEntry(bytes: Uint8Array, at: number, baseOffset: number): TimestampOffset {
  return { timestampMs: readTimestampMs(bytes, at), offset: baseOffset + readInt32(bytes, at + 8) };
}

/**
 * "Up to this offset no timestamp is larger": int64 timestamp, int32 offset less the base offset, both ascending (`TimeIndex`).
 * The offset is the last one of the batch that has the timestamp.
 */
export class TimeIndex extends IndexFile {
  constructor(disk: Disk, budget: IndexBudget, path: string, baseOffset: number, fresh: boolean) {
    super(disk, budget, path, baseOffset, TIME_ENTRY_BYTES, fresh);
  }

  /** One is kept for the entry that closes the segment. */
  static maxEntries(maxIndexBytes: number): number {
    return Math.floor(maxIndexBytes / TIME_ENTRY_BYTES) - 1;
  }

  entry(slot: number): TimestampOffset {
    return readTimeEntry(this.load(), this.at(slot), this.baseOffset);
  }

  /** The last entry; timestamp -1 at the base offset when there is none. */
  get last(): TimestampOffset {
    return this.count === 0 ? { timestampMs: -1, offset: this.baseOffset } : this.entry(this.count - 1);
  }

  /** The last entry at or before a timestamp: nothing up to its offset is later. */
  lookup(timestampMs: number): TimestampOffset {
    const slot = this.floorSlot(timestampMs, readTimestampMs);
    return slot < 0 ? { timestampMs: -1, offset: this.baseOffset } : this.entry(slot);
  }

  /** Adds an entry when the timestamp is larger than the last one's. */
  maybeAppend(timestampMs: number, offset: number): void {
    if (timestampMs <= this.last.timestampMs) return;
    const at = this.grow();
    const bytes = this.load();
    writeInt64(bytes, at, timestampMs);
    writeInt32(bytes, at + 8, offset - this.baseOffset);
  }

  /** Keeps the entries below `offset`. */
  truncateTo(offset: number): void {
    const slot = this.floorSlot(offset - 1 - this.baseOffset, (bytes, at) => readInt32(bytes, at + 8));
    this.truncateEntries(slot + 1);
  }
}
