import type { DiskFile } from '../../env/index.js';
import type { Chunk, ChunkTaker, LogTail } from '../reads/tail-cache.js';
import type { PooledFile } from './file-pool.js';

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

  /** `roomBytes` is the size that a new file gets before anything is written (`preallocate`). */
  constructor(private readonly file: PooledFile, private roomBytes = 0) {}

  get path(): string {
    return this.file.path;
  }

  /** Takes bytes for `position`, the end of all that was appended before. They are written at once when the tail cannot hold them. */
  append(bytes: Uint8Array, position: number, tail: LogTail | undefined): void {
    if (this.pieces.length === 0) this.position = position;
    if (tail?.append(bytes, this) === true) return;
    this.now().writeNow([bytes], position);
  }

  take(chunk: Chunk, from: number, to: number): void {
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
    if (this.pieces.length === 0) return;
    this.opened().writeNow(this.pieces.map(({ chunk, from, to }) => chunk.buffer.subarray(from, to)), this.position);
    this.discard();
  }

  /** Gives up what was not written. */
  discard(): void {
    for (const { chunk } of this.pieces) chunk.release();
    this.pieces = [];
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

  /** Gives back the room after `sizeBytes`. What is shorter stays as it is. */
  trim(sizeBytes: number): void {
    const file = this.now();
    if (file.sizeBytes() > sizeBytes) file.truncateNow(sizeBytes);
  }

  /** Runs `task` with the file held open until it is done. */
  async during<T>(task: (file: DiskFile) => Promise<T>): Promise<T> {
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
