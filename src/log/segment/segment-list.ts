import { assert } from '../../base/assert.js';
import type { Segment } from './segment.js';
import type { AbortedTransaction } from './txn-index.js';

/**
 * The segments of a log in the order of their base offsets; the last is the active one. Every change makes a new array, so that
 * who iterates over the old one is not disturbed.
 */
export class SegmentList implements Iterable<Segment> {
  private segments: Segment[] = [];

  get length(): number {
    return this.segments.length;
  }

  get first(): Segment {
    assert(this.segments.length > 0, 'a log has at least one segment');
    return this.segments[0]!;
  }

  /** The one that is written to. */
  get active(): Segment {
    assert(this.segments.length > 0, 'a log has at least one segment');
    return this.segments.at(-1)!;
  }

  get sizeBytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  }

  get baseOffsets(): number[] {
    return this.segments.map(segment => segment.baseOffset);
  }

  [Symbol.iterator](): Iterator<Segment> {
    return this.segments[Symbol.iterator]();
  }

  /** Adds a segment after all others. */
  add(segment: Segment): void {
    assert(this.segments.length === 0 || segment.baseOffset > this.active.baseOffset, 'segments ascend');
    this.segments = [...this.segments, segment];
  }

  remove(gone: readonly Segment[]): void {
    this.segments = this.segments.filter(segment => !gone.includes(segment));
  }

  /** Puts one in the place of some that follow one another, the first of which has its base offset. */
  replace(gone: readonly Segment[], segment: Segment): void {
    this.segments = this.segments.map(old => (old === gone[0] ? segment : old)).filter(old => !gone.includes(old));
  }

  has(segment: Segment): boolean {
    return this.floor(segment.baseOffset) === segment;
  }

  /** The segment that would hold `offset`: the last with a base offset at or below it. */
  floor(offset: number): Segment | undefined {
    if (this.segments.length === 0) return undefined;
    // Most reads want the newest.
    if (this.active.baseOffset <= offset) return this.active;
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.segments[middle]!.baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.segments[low - 1];
  }

  /** The segment that holds `offset` and all after it; all when the first begins later. */
  from(offset: number): Segment[] {
    const floor = this.floor(offset);
    return floor ? this.segments.slice(this.segments.indexOf(floor)) : [...this.segments];
  }

  /** The segments that hold offsets of [`offset`, `endOffset`); all below the end when the first begins later. */
  between(offset: number, endOffset: number): Segment[] {
    return offset >= endOffset ? [] : this.from(offset).filter(segment => segment.baseOffset < endOffset);
  }

  /** The aborted transactions that touch [`offset`, `endOffset`). */
  abortedBetween(offset: number, endOffset: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = [];
    if (endOffset <= offset) return found;
    for (const segment of this.from(offset)) if (segment.txnIndex.collect(offset, endOffset, found)) break;
    return found;
  }

  /** The segment after `segment`; where compaction has put another in its place meanwhile, that one, which may hold more. */
  after(segment: Segment): Segment | undefined {
    const floor = this.floor(segment.baseOffset);
    if (floor !== segment) return floor ?? this.segments[0];
    return this.segments[this.segments.indexOf(segment) + 1];
  }
}
