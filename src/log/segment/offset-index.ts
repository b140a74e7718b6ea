import { readInt32, writeInt32 } from '../../base/bytes.js';
import type { Disk } from '../../env/index.js';
import { IndexFile, type IndexBudget } from './index-file.js';

export interface OffsetPosition {
  readonly offset: number;
  /** Where the batch begins that ends with `offset`. */
  readonly position: number;
}

export const OFFSET_ENTRY_BYTES = 8;

/** The entry that lies in `bytes` at `at`. */
export function readOffsetEntry(bytes: Uint8Array, at: number, baseOffset: number): OffsetPosition {
  return { offset: baseOffset + readInt32(bytes, at), position: readInt32(bytes, at + 4) };
}

/** Last offset of a batch to its position in the `.log`: int32 offset less the base offset, int32 position (`OffsetIndex`). */
export class OffsetIndex extends IndexFile {
  constructor(disk: Disk, budget: IndexBudget, path: string, baseOffset: number, fresh: boolean) {
    super(disk, budget, path, baseOffset, OFFSET_ENTRY_BYTES, fresh);
  }

  static maxEntries(maxIndexBytes: number): number {
    return Math.floor(maxIndexBytes / OFFSET_ENTRY_BYTES);
  }

  entry(slot: number): OffsetPosition {
    return readOffsetEntry(this.load(), this.at(slot), this.baseOffset);
  }

  /** The last entry at or before `offset`; the beginning of the segment when there is none. */
  lookup(offset: number): OffsetPosition {
    const slot = this.floorSlot(offset - this.baseOffset, readInt32);
    return slot < 0 ? { offset: this.baseOffset, position: 0 } : this.entry(slot);
  }

  append(offset: number, position: number): void {
    const at = this.grow();
    const bytes = this.load();
    writeInt32(bytes, at, offset - this.baseOffset);
    writeInt32(bytes, at + 4, position);
  }

  /** Keeps the entries below `offset`. */
  truncateTo(offset: number): void {
    this.truncateEntries(this.floorSlot(offset - 1 - this.baseOffset, readInt32) + 1);
  }
}
