import { assert } from '../../base/assert.js';
import { BLOCK_BYTES } from '../../base/block-memory.js';
import { DiskError, type DiskFile } from '../../env/index.js';
import type { Chunk, ChunkTaker, LogTail } from '../reads/tail-cache.js';
import type { PooledFile } from './file-pool.js';
import type { WriteWays } from './write-ways.js';

/** Bytes of a chunk that are not in the file yet; held, so that they outlast their eviction from the cache. */
interface Piece {
  readonly chunk: Chunk;
  readonly from: number;
  to: number;
}

/**
 * The `.log` file of a segment. What is appended lies in the tail cache alone until `write`, which is one call to the system
 * for all of it; whoever asks for the file in another way finds it written.
 */
export class LogFile implements ChunkTaker {
  private pieces: Piece[] = [];
  /** Where the first of the pieces goes. */
  private position = 0;
  unwrittenBytes = 0;
  /** The write off the loop that is under way. */
  private behind: Behind | undefined;
  /** The file may be longer than what was appended: room that it got (`preallocate`), or the rest of a block. */
  private hasRoom: boolean;

  /** `roomBytes` is the size that a new file gets before anything is written (`preallocate`). */
  constructor(private readonly file: PooledFile, private readonly ways: WriteWays, private roomBytes = 0) {
    this.hasRoom = roomBytes > 0;
  }

  get path(): string {
    return this.file.path;
  }

  /** Takes bytes for `position`, the end of all that was appended before. They are written at once when the tail cannot hold them. */
  append(bytes: Uint8Array, position: number, tail: LogTail | undefined): void {
    if (this.pieces.length === 0) this.position = position;
    if (tail?.append(bytes, position, this) === true) return;
    this.now().writeNow([bytes], position);
  }

  take(chunk: Chunk, from: number, to: number): void {
    this.unwrittenBytes += to - from;
    const last = this.pieces.at(-1);
    if (last?.chunk === chunk) {
      last.to = to;
      return;
    }
    chunk.hold();
    this.pieces.push({ chunk, from, to });
  }

  /** Throws what the disk says; what was not written then, the next call tries again. */
  write(): void {
    this.overtake();
    if (this.pieces.length === 0) return;
    const { ways, unwrittenBytes } = this;
    const file = this.opened();
    // Never beside a write through the cache that is under way.
    const isDirect = this.behind === undefined && ways.choose(unwrittenBytes) === 'direct';
    const blocks = isDirect ? wholeBlocks(this.pieces, this.position) : undefined;
    if (blocks === undefined || !this.writeDirect(blocks)) {
      ways.timed('cached', unwrittenBytes, () => file.writeNow(viewsOf(this.pieces), this.position));
    }
    this.discard();
  }

  /** Somebody needs what is being written off the loop: it is written here as well, the same bytes to the same place. */
  private overtake(): void {
    if (this.behind === undefined || this.behind.isOvertaken) return;
    this.opened().writeNow(viewsOf(this.behind.pieces), this.behind.position);
    this.behind.isOvertaken = true;
  }

  /** Writes off the loop, through the page cache, what is not written; never while another such write is under way. */
  async writeBehind(): Promise<void> {
    assert(this.behind === undefined, 'one write behind at a time');
    const { pieces, position } = this;
    this.opened();
    this.pieces = [];
    this.unwrittenBytes = 0;
    const done = this.ways.timedBehind(this.file.during(file => file.write(viewsOf(pieces), position)));
    this.behind = { pieces, position, isOvertaken: false, done };
    try {
      await done;
    } finally {
      this.behind = undefined;
      release(pieces);
    }
  }

  /** False where that fails, as it does on file systems that know no such writes. */
  private writeDirect({ buffers, position }: Blocks): boolean {
    try {
      const file = this.file.direct();
      this.hasRoom = true;
      this.ways.timed('direct', this.unwrittenBytes, () => file.writeNow(buffers, position));
      return true;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      // The same bytes go to the same place through the cache: what that comes to counts.
      this.ways.refuseDirect(error);
      return false;
    }
  }

  /** Resolves when the write off the loop that is under way has ended, however. */
  get writtenBehind(): Promise<void> | undefined {
    return this.behind?.done.catch(() => undefined);
  }

  /** Gives up what was not written, and needs no more what is being written. */
  giveUp(): void {
    if (this.behind !== undefined) this.behind.isOvertaken = true;
    this.discard();
  }

  private discard(): void {
    release(this.pieces);
    this.pieces = [];
    this.unwrittenBytes = 0;
  }

  /** The open file, for use within this turn only. */
  now(): DiskFile {
    this.write();
    return this.opened();
  }

  private opened(): DiskFile {
    const file = this.file.now();
    if (this.roomBytes > 0) {
      file.truncateNow(this.roomBytes);
      this.roomBytes = 0;
    }
    return file;
  }

  /** Nothing is appended after `sizeBytes` any more: gives back the room behind it. What is shorter stays as it is. */
  trim(sizeBytes: number): void {
    if (!this.hasRoom) return;
    const file = this.now();
    if (file.sizeBytes() > sizeBytes) file.truncateNow(sizeBytes);
    this.hasRoom = false;
  }

  /** Runs `task` with the file held open until it is done: with all that was appended in it, but for what is being written off the loop. */
  async during<T>(task: (file: DiskFile) => Promise<T>): Promise<T> {
    if (this.behind === undefined) this.write();
    return this.file.during(task);
  }

  /** The same once nothing is being written. */
  async afterWrites<T>(task: (file: DiskFile) => Promise<T>): Promise<T> {
    // How it ends is told to who began it.
    if (this.behind !== undefined) await this.writtenBehind;
    this.write();
    return this.file.during(task);
  }

  rename(path: string): void {
    this.write();
    this.file.rename(path);
  }

  /** The directory above was renamed. */
  movedTo(path: string): void {
    this.file.movedTo(path);
  }

  /** Lets go of the descriptor; a later use opens it again. */
  close(): void {
    this.write();
    this.file.close();
  }
}

/** Pieces that are being written off the loop. */
interface Behind {
  readonly pieces: readonly Piece[];
  readonly position: number;
  readonly done: Promise<void>;
  isOvertaken: boolean;
}

function viewsOf(pieces: readonly Piece[]): Uint8Array[] {
  return pieces.map(({ chunk, from, to }) => chunk.buffer.subarray(from, to));
}

function release(pieces: readonly Piece[]): void {
  for (const { chunk } of pieces) chunk.release();
}

interface Blocks {
  readonly buffers: readonly Uint8Array[];
  readonly position: number;
}

/**
 * The blocks of the file that the pieces lie in, as they are in the chunks: what stands in the first one before them is written
 * once more, what is behind them in the last one becomes zeros. undefined when they do not lie in their chunks as in the file.
 */
function wholeBlocks(pieces: readonly Piece[], position: number): Blocks | undefined {
  const intoBlock = position % BLOCK_BYTES;
  let begin = pieces[0]!.from - intoBlock;
  if (begin < pieces[0]!.chunk.first) return undefined;
  const buffers: Uint8Array[] = [];
  for (const { chunk, from, to } of pieces) {
    if (buffers.length > 0) begin = from;
    if (!chunk.isAligned || begin % BLOCK_BYTES !== 0) return undefined;
    const end = Math.ceil(to / BLOCK_BYTES) * BLOCK_BYTES;
    chunk.buffer.fill(0, to, end);
    buffers.push(chunk.buffer.subarray(begin, end));
  }
  return { buffers, position: position - intoBlock };
}
