import { MalformedError, readInt16, readInt64, writeInt16, writeInt64 } from '../../base/bytes.js';
import type { Disk } from '../../env/index.js';
import { SideFile } from './side-file.js';

/** A transaction that was aborted by a marker in this segment. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Offset of the marker. */
  readonly lastOffset: number;
  /** Last stable offset when the marker was written: all aborts below it stand in this index or an earlier one. */
  readonly lastStableOffset: number;
}

const VERSION = 0;
export const TXN_ENTRY_BYTES = 34;

/**
 * Aborted transactions by the segment that holds their markers (`TransactionIndex`). Small, so entries are written through; the
 * file exists only once there is one.
 */
export class TransactionIndex extends SideFile {
  private entries: AbortedTransaction[] | undefined;

  constructor(disk: Disk, path: string, fresh: boolean) {
    super(disk, path);
    if (fresh) this.entries = [];
  }

  /** All entries; `MalformedError` when the file is none of ours. */
  get all(): readonly AbortedTransaction[] {
    return this.loaded();
  }

  private loaded(): AbortedTransaction[] {
    return (this.entries ??= parseTransactionIndex(this.readFile() ?? Buffer.alloc(0), this.path));
  }

  append(aborted: AbortedTransaction): void {
    const entries = this.loaded();
    this.withFile(file => file.writeNow([encode(aborted)], entries.length * TXN_ENTRY_BYTES));
    entries.push(aborted);
  }

  /**
   * Adds the aborts that touch [`fetchOffset`, `upperBound`) to `found`; true when no later segment can hold another.
   */
  collect(fetchOffset: number, upperBound: number, found: AbortedTransaction[]): boolean {
    for (const aborted of this.all) {
      if (aborted.lastOffset >= fetchOffset && aborted.firstOffset < upperBound) found.push(aborted);
      if (aborted.lastStableOffset >= upperBound) return true;
    }
    return false;
  }

  /** Keeps the entries whose marker is below `offset`, durably at once: after a power loss, others could come back. */
  truncateTo(offset: number): void {
    const kept = this.all.filter(aborted => aborted.lastOffset < offset);
    if (kept.length === this.all.length) return;
    this.entries = kept;
    this.withFile(file => {
      file.truncateNow(kept.length * TXN_ENTRY_BYTES);
      file.syncNow();
    });
  }

  reset(): void {
    this.entries = [];
    this.removeFile();
  }

  /** Throws `MalformedError` when an entry cannot belong to a segment that begins at `baseOffset`. */
  check(baseOffset: number): void {
    const wrong = this.all.find(aborted => aborted.lastOffset < baseOffset);
    if (wrong) throw new MalformedError(`${this.path}: aborted transaction ends at ${wrong.lastOffset}, before its segment`);
  }

  override async sync(): Promise<void> {
    if (this.all.length > 0) await super.sync();
  }
}

function encode(aborted: AbortedTransaction): Buffer {
  const bytes = Buffer.alloc(TXN_ENTRY_BYTES);
  writeInt16(bytes, 0, VERSION);
  writeInt64(bytes, 2, aborted.producerId);
  writeInt64(bytes, 10, aborted.firstOffset);
  writeInt64(bytes, 18, aborted.lastOffset);
  writeInt64(bytes, 26, aborted.lastStableOffset);
  return bytes;
}

/** The whole entries of a file; `MalformedError` when it is of a later version. What is torn at its end is left out. */
export function parseTransactionIndex(bytes: Buffer, path: string): AbortedTransaction[] {
  return Array.from({ length: Math.floor(bytes.length / TXN_ENTRY_BYTES) }, (_, index) => {
    const at = index * TXN_ENTRY_BYTES;
    const version = readInt16(bytes, at);
    if (version > VERSION) throw new MalformedError(`${path}: transaction index has version ${version}, known is ${VERSION}`);
    return {
      producerId: readInt64(bytes, at + 2),
      firstOffset: readInt64(bytes, at + 10),
      lastOffset: readInt64(bytes, at + 18),
      lastStableOffset: readInt64(bytes, at + 26),
    };
  });
}
