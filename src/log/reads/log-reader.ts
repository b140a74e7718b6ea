import { asCorruptMessage, readCold, type ColdRead, type ColdReadOptions } from './cold-read.js';
import type { LogHost } from '../host.js';
import { OldFormatLogError } from '../segment/old-format.js';
import type { SegmentList } from '../segment/segment-list.js';
import { PIECE_BYTES } from './read-buffers.js';
import type { LogTail } from './tail-cache.js';
import type { LogRead, ReadOptions } from '../types.js';

/** What must be known of a log to read it. */
export interface ReadableLog {
  /** Counts truncations: what was read across one must be read again. */
  readonly generation: number;
  readonly logEndOffset: number;
  /** The first offset that is not in the files, its write being under way off the loop; Infinity otherwise. */
  readonly unwrittenFrom: number;
  /** Resolves when some of that is written, or was given up. */
  writeProgress(): Promise<void>;
  readonly segments: SegmentList;
  readonly tail: LogTail;
  /** False when an offset, or the log, cannot be read; throws then, and says why. */
  isReadable(offset: number): boolean;
  mustBeReadable(offset: number): void;
  /** A read came upon what makes that no part of the log can be used. */
  refuse(reason: OldFormatLogError): void;
}

interface Found {
  readonly buffers: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly nextOffset: number;
  readonly release: () => void;
}

/** For less, another read would seldom find a batch that fits. */
const WORTH_ANOTHER_BYTES = PIECE_BYTES / 16;

/** Reads from the disk that follow one another. */
class Pieces implements Found {
  readonly buffers: Uint8Array[] = [];
  sizeBytes = 0;
  private readonly taken: ColdRead[] = [];
  /** What comes next is larger than what may be added. */
  private isFull = false;
  private limitOffset: number;

  constructor(public nextOffset: number, private readonly options: ReadOptions) {
    this.limitOffset = options.limitOffset;
  }

  /** Nothing at or beyond that offset either. */
  limit(offset: number): void {
    this.limitOffset = Math.min(this.limitOffset, offset);
  }

  /** What the next one may be. */
  get wanted(): ColdReadOptions {
    const { limitOffset, options: { maxBytes, minOneBatch } } = this;
    const left = maxBytes - this.sizeBytes;
    return { maxBytes: Math.min(left, PIECE_BYTES), maxFirstBytes: this.taken.length === 0 && minOneBatch ? Infinity : left, limitOffset };
  }

  /** Another read would add nothing, or little. */
  get isEnough(): boolean {
    const { limitOffset, options: { maxBytes } } = this;
    if (this.taken.length === 0) return false;
    return this.isFull || this.nextOffset >= limitOffset || maxBytes - this.sizeBytes < WORTH_ANOTHER_BYTES;
  }

  add(piece: ColdRead): void {
    this.taken.push(piece);
    this.buffers.push(piece.bytes);
    this.sizeBytes += piece.bytes.length;
    this.nextOffset = piece.nextOffset;
    this.isFull = piece.followingBytes > this.options.maxBytes - this.sizeBytes;
  }

  readonly release = (): void => {
    for (const piece of this.taken.splice(0)) piece.release();
  };
}

const NO_BUFFERS: readonly Uint8Array[] = [];
const NOTHING_TO_RELEASE = (): void => undefined;

/** Answers reads: from memory within the turn, from the disk with a promise. */
export class LogReader {
  constructor(
    private readonly host: LogHost,
    private readonly log: ReadableLog,
  ) {}

  read(offset: number, options: ReadOptions): LogRead | Promise<LogRead> {
    this.log.mustBeReadable(offset);
    const limitOffset = Math.min(options.limitOffset, this.log.logEndOffset);
    const { maxBytes, minOneBatch } = options;
    if (offset >= limitOffset) return this.answer(offset, undefined, options);
    const cached = this.log.tail.read(offset, { maxBytes, minOneBatch, limitOffset });
    return cached ? this.answer(offset, cached, options) : this.readCold(offset, { ...options, limitOffset });
  }

  private readCold(offset: number, options: ReadOptions): LogRead | Promise<LogRead> {
    const goesOn = this.host.readAhead.has(this.log, offset) || this.log.segments.floor(offset)?.isReadEnd(offset) === true;
    const pieces = new Pieces(offset, options);
    this.takeAhead(pieces);
    return pieces.isEnough ? this.answer(offset, this.readingOn(pieces, goesOn, options), options) : this.readFromDisk(offset, pieces, goesOn, options);
  }

  private async readFromDisk(offset: number, begun: Pieces, goesOn: boolean, options: ReadOptions): Promise<LogRead> {
    for (let pieces = begun; ; pieces = new Pieces(offset, options)) {
      if (offset >= this.log.unwrittenFrom) await this.whenWritten(offset);
      pieces.limit(this.log.unwrittenFrom);
      const { generation } = this.log;
      const found = await this.readPieces(pieces).catch((error: unknown) => {
        pieces.release();
        // The file was cut while it was read.
        if (generation !== this.log.generation) return undefined;
        if (error instanceof OldFormatLogError) this.log.refuse(error);
        throw asCorruptMessage(error);
      });
      if (found !== undefined && generation === this.log.generation) return this.answer(offset, this.readingOn(found, goesOn, options), options);
      found?.release();
      this.log.mustBeReadable(offset);
    }
  }

  /** What is being written may be in the file in part: only what comes before it is read. */
  private async whenWritten(offset: number): Promise<void> {
    while (offset >= this.log.unwrittenFrom) {
      await this.log.writeProgress();
      this.log.mustBeReadable(offset);
    }
  }

  /** Large reads take several buffers, which are used again, and not one that is not. */
  private async readPieces(pieces: Pieces): Promise<Pieces> {
    while (!pieces.isEnough) {
      await this.host.readAhead.arrival(this.log, pieces.nextOffset);
      if (this.takeAhead(pieces)) continue;
      const piece = await readCold(this.host, this.log.segments, pieces.nextOffset, pieces.wanted);
      if (piece === undefined) break;
      pieces.add(piece);
    }
    return pieces;
  }

  private takeAhead(pieces: Pieces): boolean {
    const piece = this.host.readAhead.take(this.log, pieces.nextOffset, pieces.wanted);
    if (piece !== undefined) pieces.add(piece);
    return piece !== undefined;
  }

  /** Whoever goes on, and takes what he gets, will want what follows. */
  private readingOn(pieces: Pieces, goesOn: boolean, { maxBytes, limitOffset }: ReadOptions): Found {
    const { buffers, sizeBytes, nextOffset } = pieces;
    const bytes = Math.min(maxBytes, PIECE_BYTES);
    if (!goesOn || nextOffset >= limitOffset || !this.host.readAhead.isWorth(bytes, sizeBytes)) return pieces;
    const { generation } = this.log;
    let isSent = false;
    // Not before the answer is sent: its buffers, which the processor's cache still has, are the next to be read into.
    const release = (): void => {
      if (isSent) return;
      isSent = true;
      pieces.release();
      if (generation === this.log.generation) this.readAhead(nextOffset, bytes);
    };
    return { buffers, sizeBytes, nextOffset, release };
  }

  private readAhead(offset: number, bytes: number): void {
    const { host, log } = this;
    if (!log.isReadable(offset) || offset >= log.tail.startOffset) return;
    const options = { maxBytes: bytes, maxFirstBytes: bytes, limitOffset: Math.min(log.logEndOffset, log.unwrittenFrom) };
    host.readAhead.begin(log, offset, bytes, () => readCold(host, log.segments, offset, options));
  }

  /** What was read ahead is no more what the log holds, or nobody will read it. */
  dropAhead(): void {
    this.host.readAhead.forget(this.log);
  }

  private answer(offset: number, found: Found | undefined, { includeAborted }: ReadOptions): LogRead {
    const { buffers, sizeBytes, nextOffset, release } = found ?? { buffers: NO_BUFFERS, sizeBytes: 0, nextOffset: offset, release: NOTHING_TO_RELEASE };
    if (!includeAborted) return { buffers, sizeBytes, release };
    return { buffers, sizeBytes, release, abortedTransactions: this.abortedBetween(offset, nextOffset) };
  }

  private abortedBetween(offset: number, upperBound: number): { producerId: number; firstOffset: number }[] {
    return this.log.segments.abortedBetween(offset, upperBound).map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
  }
}
