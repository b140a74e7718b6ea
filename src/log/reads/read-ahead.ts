import type { Cancel, Clock } from '../../env/index.js';
import { cutBatches, splitRead, type ColdRead, type ColdReadOptions } from './cold-read.js';
import type { ReadBudget } from './read-budget.js';
import type { SegmentList } from '../segment/segment-list.js';

/** Whose piece it is, and what tells whether its bytes are still the log's. */
export interface AheadLog {
  /** Counts truncations. */
  readonly generation: number;
  readonly segments: SegmentList;
}

/** In all logs. Once there are so many, newcomers get none: in each other's place, none would live until it is fetched. */
const MAX_PIECES = 16;
const LEAST_BYTES = 64 << 10;
/** Who has not come by then, or in twice the time, hardly will. */
const UNCLAIMED_MS = 1000;

/**
 * What readers that go through logs in order will ask for next, read while they still have their last answer in hand: their next
 * fetch need not wait for the disk. A reader is known by its offset alone. The bytes are not checked against what may be shown, or
 * still is in the log, before somebody takes them. Pieces count against the budget like all cold reads, and go first.
 */
export class ReadAhead {
  /** Oldest first. */
  private readonly pieces = new Set<Piece>();
  private cancelSweep: Cancel | undefined;

  /** `leastBytes`: who asks for less at a time is not read ahead for. */
  constructor(
    private readonly clock: Pick<Clock, 'after' | 'monotonicMs'>,
    private readonly budget: ReadBudget,
    private readonly leastBytes = LEAST_BYTES,
  ) {
    budget.whenShort = () => this.dropAll(() => true);
  }

  /** Whether a reader who asked for so much, and got so much, is worth it: his next answer will be as large. */
  isWorth(askedBytes: number, gotBytes: number): boolean {
    return askedBytes >= this.leastBytes && gotBytes >= askedBytes / 2;
  }

  /** Whether somebody is expected at `offset`. */
  has(log: AheadLog, offset: number): boolean {
    return this.find(log, offset) !== undefined;
  }

  /** Has `read` bring about `bytes` from `offset` on, if there is room; what goes wrong, the reader will hear from his own read. */
  begin(log: AheadLog, offset: number, bytes: number, read: () => Promise<ColdRead | undefined>): void {
    if (this.has(log, offset) || this.pieces.size >= MAX_PIECES || !this.budget.isAmple(bytes)) return;
    const piece = new Piece(log, offset, this.clock.monotonicMs());
    this.pieces.add(piece);
    piece.reading = read().then(found => this.arrived(piece, found), () => this.drop(piece));
    this.sweepLater();
  }

  /** Settles once a piece that is being read for `offset` is there, or will not be; undefined when none is. */
  arrival(log: AheadLog, offset: number): Promise<void> | undefined {
    return this.find(log, offset)?.reading;
  }

  /** The batches from `offset` on that are here and may be shown, for the caller to release; the rest stays. */
  take(log: AheadLog, offset: number, options: ColdReadOptions): ColdRead | undefined {
    const piece = this.find(log, offset);
    if (piece?.found === undefined) return undefined;
    if (!piece.isCurrent) {
      this.drop(piece);
      return undefined;
    }
    const taken = piece.take(options);
    if (piece.found === undefined) this.pieces.delete(piece);
    return taken;
  }

  /** Drops all of a log. */
  forget(log: AheadLog): void {
    this.dropAll(piece => piece.log === log);
    if (this.pieces.size > 0) return;
    this.cancelSweep?.();
    this.cancelSweep = undefined;
  }

  private find(log: AheadLog, offset: number): Piece | undefined {
    for (const piece of this.pieces) if (piece.offset === offset && piece.log === log) return piece;
    return undefined;
  }

  private arrived(piece: Piece, found: ColdRead | undefined): void {
    piece.reading = undefined;
    if (found === undefined) this.drop(piece);
    else if (this.pieces.has(piece)) piece.found = found;
    else found.release();
  }

  private drop(piece: Piece): void {
    this.pieces.delete(piece);
    piece.found?.release();
    piece.found = undefined;
  }

  private dropAll(isMeant: (piece: Piece) => boolean): void {
    for (const piece of this.pieces) if (isMeant(piece)) this.drop(piece);
  }

  /** One timer for all, which outlasts the pieces: they come and go a thousand times a second. */
  private sweepLater(): void {
    this.cancelSweep ??= this.clock.after(UNCLAIMED_MS, () => {
      this.cancelSweep = undefined;
      const nowMs = this.clock.monotonicMs();
      this.dropAll(piece => nowMs - piece.begunMs >= UNCLAIMED_MS);
      if (this.pieces.size > 0) this.sweepLater();
    });
  }
}

class Piece {
  private readonly generation: number;
  reading: Promise<void> | undefined;
  found: ColdRead | undefined;

  constructor(readonly log: AheadLog, public offset: number, readonly begunMs: number) {
    this.generation = log.generation;
  }

  /** The log was not cut, and nothing has taken the segment's place. */
  get isCurrent(): boolean {
    return this.generation === this.log.generation && this.found !== undefined && this.log.segments.has(this.found.segment);
  }

  take(options: ColdReadOptions): ColdRead | undefined {
    const whole = this.found;
    if (whole === undefined) return undefined;
    if (whole.bytes.length > options.maxBytes || whole.nextOffset > options.limitOffset) {
      const cut = cutBatches(whole.bytes, whole.bytes.length, this.offset, { ...options, baseOffset: this.offset, endOffset: whole.nextOffset });
      if (cut.kind !== 'found') return undefined;
      if (cut.end < whole.bytes.length) {
        const [taken, rest] = splitRead(whole, cut.end, cut.nextOffset);
        this.found = rest;
        this.offset = cut.nextOffset;
        return taken;
      }
    }
    this.found = undefined;
    return whole;
  }
}
