import type { Disk } from '../../env/index.js';
import { SideFile } from './side-file.js';

/**
 * A sorted file of entries of one size that a segment can be searched by.
 *
 * Entries are held in memory in the file's own form and reach the file when the segment is rolled or the log is closed, whole
 * and without padding. Between, a crash loses them, which costs nothing: recovery rebuilds the indexes of every segment from
 * the recovery point on, and the recovery point passes a segment only when its indexes have been written and synced. An index
 * that its file holds whole is read when it is asked for, and let go of again under memory pressure (`IndexBudget`).
 */
export abstract class IndexFile extends SideFile {
  private bytes: Buffer | undefined;
  private entryCount = 0;
  /** Entries that the file holds as they are in memory. */
  private persisted = 0;
  /** The file is not what memory holds. Such an index stays in memory; any other is the budget's to drop. */
  private dirty: boolean;

  protected constructor(
    disk: Disk,
    private readonly budget: IndexBudget,
    path: string,
    readonly baseOffset: number,
    private readonly entryBytes: number,
    /** A new index has no file yet. */
    fresh: boolean,
  ) {
    super(disk, path);
    this.dirty = fresh;
    if (fresh) this.bytes = NO_BYTES;
  }

  get count(): number {
    this.load();
    return this.entryCount;
  }

  /** Where entry `slot` begins, in the bytes of `load`. */
  protected at(slot: number): number {
    return slot * this.entryBytes;
  }

  /** The entries, read from the file when they are not in memory. */
  protected load(): Buffer {
    if (this.bytes) {
      if (!this.dirty) this.budget.touch(this);
      return this.bytes;
    }
    const bytes = this.readFile() ?? NO_BYTES;
    this.entryCount = Math.floor(bytes.length / this.entryBytes);
    this.persisted = this.entryCount;
    this.bytes = bytes;
    this.budget.add(this, bytes.length);
    return bytes;
  }

  /** Makes room for one more entry at the end; the position where it goes. */
  protected grow(): number {
    const bytes = this.load();
    const at = this.at(this.entryCount);
    if (at + this.entryBytes > bytes.length) {
      this.bytes = Buffer.allocUnsafeSlow(Math.max(16 * this.entryBytes, 2 * at));
      this.bytes.set(bytes.subarray(0, at));
    }
    this.changed();
    this.entryCount++;
    return at;
  }

  /** The last slot whose key, as `key` gives it, is at most `target`; -1 when there is none. Keys ascend. */
  protected floorSlot(target: number, key: (bytes: Buffer, at: number) => number): number {
    const bytes = this.load();
    let low = 0;
    let high = this.entryCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (key(bytes, this.at(middle)) <= target) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  protected truncateEntries(count: number): void {
    this.load();
    if (count >= this.entryCount) return;
    this.changed();
    this.entryCount = count;
    this.persisted = Math.min(this.persisted, count);
  }

  /** Forgets all entries: the segment is about to be scanned anew. */
  reset(): void {
    this.changed();
    this.bytes = NO_BYTES;
    this.entryCount = 0;
    this.persisted = 0;
  }

  /** Brings the file to what memory holds, exactly as long. Not synced. */
  save(): void {
    const { bytes } = this;
    if (!this.dirty || !bytes) return;
    this.withFile(file => {
      const from = this.at(this.persisted);
      const to = this.at(this.entryCount);
      if (to > from) file.writeNow([bytes.subarray(from, to)], from);
      if (file.sizeBytes() > to) file.truncateNow(to);
    });
    this.persisted = this.entryCount;
    this.dirty = false;
    this.budget.add(this, bytes.length);
  }

  /** Drops the entries from memory: the budget's call, or the segment is gone. */
  unload(): void {
    this.budget.remove(this);
    this.bytes = undefined;
  }

  private changed(): void {
    if (!this.dirty) this.budget.remove(this);
    this.dirty = true;
  }
}

/** Most indexes of an idle node are empty. */
const NO_BYTES = Buffer.alloc(0);

/** Bounds the memory of the indexes that could be read from their files again: those unused for longest go first. */
export class IndexBudget {
  private readonly held = new Map<IndexFile, number>();
  private totalBytes = 0;

  constructor(private readonly maxBytes: number) {}

  add(index: IndexFile, bytes: number): void {
    this.held.set(index, bytes);
    this.totalBytes += bytes;
    for (const [oldest] of this.held) {
      if (this.totalBytes <= this.maxBytes || oldest === index) return;
      oldest.unload();
    }
  }

  touch(index: IndexFile): void {
    const bytes = this.held.get(index);
    if (bytes === undefined) return;
    this.held.delete(index);
    this.held.set(index, bytes);
  }

  remove(index: IndexFile): void {
    this.totalBytes -= this.held.get(index) ?? 0;
    this.held.delete(index);
  }
}
