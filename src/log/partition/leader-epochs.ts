import { MalformedError } from '../../base/bytes.js';
import type { Disk } from '../../env/index.js';
import { formatCheckpoint, parseCheckpoint } from '../manager/checkpoints.js';

export interface EpochEntry {
  readonly epoch: number;
  /** Offset of the first record of that epoch. */
  readonly startOffset: number;
}

export const UNDEFINED_EPOCH = -1;
export const UNDEFINED_EPOCH_OFFSET = -1;

const VERSION = 0;

/**
 * Where each leader epoch begins in a log (`LeaderEpochFileCache`, KIP-101); epochs and offsets both ascend.
 *
 * A new epoch reaches the file with the next flush, not at once: until the recovery point passes them, its records tell of it
 * again at recovery. What is taken away must be written at once (`save`), or recovery could believe it. An epoch without
 * records needs no file: a log that is opened forgets it.
 */
export class LeaderEpochs {
  private entries: EpochEntry[] = [];
  private unsaved = false;
  /** What the file says; undefined when nobody can tell. */
  private saved: readonly EpochEntry[] | undefined;
  /** The file could not be read: only the records tell, all of them. */
  readonly damaged: boolean;

  constructor(
    private readonly disk: Disk,
    private path: string,
  ) {
    const entries = readEntries(disk, path);
    this.damaged = entries === undefined;
    for (const entry of entries ?? NO_ENTRIES) this.assign(entry.epoch, entry.startOffset);
    this.saved = entries;
    this.unsaved = this.damaged;
  }

  get all(): readonly EpochEntry[] {
    return this.entries;
  }

  get latest(): number | undefined {
    return this.entries.at(-1)?.epoch;
  }

  /** An epoch begins at an offset; entries that contradict it are dropped, since the newer is right. */
  assign(epoch: number, startOffset: number): void {
    const last = this.entries.at(-1);
    if (last && epoch === last.epoch && startOffset >= last.startOffset) return;
    while (this.entries.length > 0) {
      const { epoch: lastEpoch, startOffset: lastStart } = this.entries.at(-1)!;
      if (lastEpoch < epoch && lastStart < startOffset) break;
      this.entries.pop();
    }
    this.entries.push({ epoch, startOffset });
    this.unsaved = true;
  }

  /** The largest epoch at or below the one asked for, and its exclusive end; (-1, -1) when nothing is known (KIP-101, KIP-279). */
  endOffsetFor(epoch: number, logEndOffset: number): { leaderEpoch: number; endOffset: number } {
    if (epoch === UNDEFINED_EPOCH) return { leaderEpoch: UNDEFINED_EPOCH, endOffset: UNDEFINED_EPOCH_OFFSET };
    if (epoch === this.latest) return { leaderEpoch: epoch, endOffset: logEndOffset };
    const higher = this.entries.findIndex(entry => entry.epoch > epoch);
    if (higher < 0) return { leaderEpoch: UNDEFINED_EPOCH, endOffset: UNDEFINED_EPOCH_OFFSET };
    const endOffset = this.entries[higher]!.startOffset;
    // Older than all we know: the data of that epoch is gone, and the reader is to go on at what we have.
    return { leaderEpoch: higher === 0 ? epoch : this.entries[higher - 1]!.epoch, endOffset };
  }

  epochForOffset(offset: number): number | undefined {
    return this.entries.findLast(entry => entry.startOffset <= offset)?.epoch;
  }

  /** Forgets epochs that begin at or beyond the end of the log. */
  truncateFromEnd(endOffset: number): void {
    const kept = this.entries.filter(entry => entry.startOffset < endOffset);
    this.replace(kept);
  }

  /** Forgets epochs that ended before the start of the log; the one that spans it begins there. */
  truncateFromStart(startOffset: number): void {
    const first = this.entries.findLastIndex(entry => entry.startOffset <= startOffset);
    if (first < 0 || (first === 0 && this.entries[0]!.startOffset === startOffset)) return;
    this.entries = [{ epoch: this.entries[first]!.epoch, startOffset }, ...this.entries.slice(first + 1)];
    this.unsaved = true;
  }

  /** Takes note of epochs before the first that is known, oldest first. */
  precede(earlier: readonly EpochEntry[]): void {
    const first = this.entries[0];
    const entries = earlier.filter(({ epoch }, index) => epoch !== earlier[index - 1]?.epoch && (first === undefined || epoch < first.epoch));
    const begun = first && earlier.find(({ epoch }) => epoch === first.epoch);
    const rest = begun && first ? [{ epoch: first.epoch, startOffset: Math.min(begun.startOffset, first.startOffset) }, ...this.entries.slice(1)] : this.entries;
    this.entries = [...entries, ...rest];
    this.unsaved = true;
  }

  clear(): void {
    this.replace([]);
  }

  /** Writes the file, durably, when it does not say what memory holds of the records below `endOffset`. */
  save(endOffset: number): void {
    if (!this.unsaved) return;
    const entries = this.entries.filter(({ startOffset }) => startOffset < endOffset);
    if (this.saved === undefined || !areSame(entries, this.saved)) {
      const lines = entries.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`);
      this.disk.writeFileAtomically(this.path, formatCheckpoint(VERSION, lines));
      this.saved = entries;
    }
    this.unsaved = entries.length < this.entries.length;
  }

  movedTo(path: string): void {
    this.path = path;
  }

  private replace(entries: EpochEntry[]): void {
    if (entries.length === this.entries.length) return;
    this.entries = entries;
    this.unsaved = true;
  }
}

const NO_ENTRIES: readonly EpochEntry[] = [];

function areSame(one: readonly EpochEntry[], other: readonly EpochEntry[]): boolean {
  return one.length === other.length && one.every(({ epoch, startOffset }, i) => other[i]!.epoch === epoch && other[i]!.startOffset === startOffset);
}

/** undefined when the file is not well formed. */
function readEntries(disk: Disk, path: string): readonly EpochEntry[] | undefined {
  if (!disk.stat(path)) return NO_ENTRIES;
  try {
    return parseCheckpoint(disk.readFile(path).toString('utf8'), VERSION, path, 2)
      .map(([epoch, startOffset]) => ({ epoch: Number(epoch), startOffset: Number(startOffset) }))
      .filter(({ epoch, startOffset }) => epoch >= 0 && startOffset >= 0);
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}
