import { asCorruptMessage, readCold } from './cold-read.js';
import type { LogHost } from '../host.js';
import type { SegmentList } from '../segment/segment-list.js';
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
}

interface Found {
  readonly buffers: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly nextOffset: number;
  readonly release: () => void;
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
      const found = await readCold(this.host, this.log.segments, offset, options).catch((error: unknown) => {
        throw asCorruptMessage(error);
      });
      if (generation === this.log.generation) {
        if (!found) return this.answer(offset, undefined, options);
        const { bytes, nextOffset, release } = found;
        return this.answer(offset, { buffers: [bytes], sizeBytes: bytes.length, nextOffset, release }, options);
      }
      found?.release();
      this.log.mustBeReadable(offset);
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
