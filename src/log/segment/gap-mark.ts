import type { Disk } from '../../env/index.js';
import { DELETED_SUFFIX, offsetOfFile, segmentFile } from '../paths.js';

/**
 * After a power loss, a segment may be shorter than it was although the next one is there: the log must end at that gap, for what
 * is behind it is no continuation. A gap that compaction left looks the same, here or in the leader that a follower copied, and
 * nothing may be cut there. So the directory says from which offset on every segment began where the one before it ended: in the
 * name of an empty file that counts as left over from a deletion. Apache Kafka removes such files whenever it opens a log
 * (`LogLoader.removeTempFilesAndCollectSwapFiles`): what it has written to since, nobody vouches for.
 */
const GAP_MARK_SUFFIX = `.gapless${DELETED_SUFFIX}`;

export function isGapMark(name: string): boolean {
  return name.endsWith(GAP_MARK_SUFFIX);
}

/** From which offset on no offsets are missing between the segments, as a directory's names tell it; undefined: they do not. */
export function readGapMark(names: readonly string[]): number | undefined {
  const offsets = names.filter(isGapMark).map(offsetOfFile).filter(offset => offset !== undefined);
  // Of two, between which one was to take the other's place, the one that says less.
  return offsets.length === 0 ? undefined : Math.max(...offsets);
}

/** Where one segment follows another. */
interface Joint {
  readonly lastBaseOffset: number;
  readonly endOffset: number;
  readonly baseOffset: number;
}

/** What is known of a log's gaps, and said of them in its directory. */
export class GapMark {
  /**
   * @param from From here on no segment began anywhere but where the one before it ended.
   * @param noted What the directory says; undefined: nothing.
   * @param isDurable Whether a power loss cannot undo that.
   */
  constructor(private readonly disk: Disk, private from: number, private noted: number | undefined, private isDurable: boolean) {}

  /**
   * A segment begins at `baseOffset`, and the last one, which began at `lastBaseOffset`, ends at `endOffset`. Only with a second
   * one there can be a gap, so that a log of a single one needs no mark.
   */
  beforeSegment(directory: string, { lastBaseOffset, endOffset, baseOffset }: Joint): void {
    // Where the log was cut since, what is known holds from the begin of the last segment on, whose end may yet be lost.
    this.from = endOffset === baseOffset ? Math.min(this.from, lastBaseOffset) : baseOffset;
    if (endOffset === baseOffset || this.noted !== undefined) this.note(directory);
  }

  /** The segments before the one at `baseOffset` are about to give way to what compaction left of them. */
  beforeCompacted(directory: string, baseOffset: number): void {
    this.from = Math.max(this.from, baseOffset);
    if (this.noted !== undefined) this.note(directory);
  }

  /** Durable when it returns: what it speaks of must not come to the disk before it. */
  private note(directory: string): void {
    const { disk, from, noted } = this;
    if (from === noted && this.isDurable) return;
    disk.open(segmentFile(directory, from, GAP_MARK_SUFFIX), { create: true }).close();
    if (noted !== undefined && noted !== from) disk.removeNow(segmentFile(directory, noted, GAP_MARK_SUFFIX));
    disk.syncDirectory(directory);
    this.noted = from;
    this.isDurable = true;
  }
}
