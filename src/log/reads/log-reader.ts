import { asCorruptMessage, readCold, type ColdRead } from './cold-read.js';
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
  readonly segments: SegmentList;
  readonly tail: LogTail;
  /** Throws when an offset, or the log, cannot be read. */
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

  constructor(public nextOffset: number) {}

  get isEmpty(): boolean {
    return this.taken.length === 0;
  }

  add(piece: ColdRead): void {
    this.taken.push(piece);
    this.buffers.push(piece.bytes);
    this.sizeBytes += piece.bytes.length;
    this.nextOffset = piece.nextOffset;
  }

  readonly release = (): void => {
    for (const piece of this.taken.splice(0)) piece.release();
  };
}

const NO_BUFFERS: readonly Uint8Array[] = [];
const NOTHING_TO_RELEASE = (): void => undefined;

/** Answers reads: from the tail cache within the turn, from the disk with a promise. */
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
    return cached ? this.answer(offset, cached, options) : this.readFromDisk(offset, { ...options, limitOffset });
  }

  private async readFromDisk(offset: number, options: ReadOptions): Promise<LogRead> {
    for (;;) {
      const { generation } = this.log;
      const found = await this.readPieces(offset, options).catch((error: unknown) => {
        // The file was cut while it was read.
        if (generation !== this.log.generation) return undefined;
        if (error instanceof OldFormatLogError) this.log.refuse(error);
        throw asCorruptMessage(error);
      });
      if (found !== undefined && generation === this.log.generation) return this.answer(offset, found, options);
      found?.release();
      this.log.mustBeReadable(offset);
    }
  }

  /** Large reads take several buffers, which are used again, and not one that is not. */
  private async readPieces(offset: number, { maxBytes, minOneBatch, limitOffset }: ReadOptions): Promise<Found> {
    const pieces = new Pieces(offset);
    try {
      for (let left = maxBytes; ; left = maxBytes - pieces.sizeBytes) {
        const maxFirstBytes = pieces.isEmpty && minOneBatch ? Infinity : left;
        const options = { maxBytes: Math.min(left, PIECE_BYTES), maxFirstBytes, limitOffset };
        const piece = await readCold(this.host, this.log.segments, pieces.nextOffset, options);
        if (piece !== undefined) pieces.add(piece);
        if (piece === undefined || pieces.nextOffset >= limitOffset || maxBytes - pieces.sizeBytes < WORTH_ANOTHER_BYTES) return pieces;
      }
    } catch (error) {
      pieces.release();
      throw error;
    }
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
