/**
 * Files, as a log needs them. Appends and small metadata go through synchronously (the page cache is faster than a
 * thread hop); whatever can wait for a platter is a promise. Paths are absolute. Errors are `DiskError`s.
 */
export interface Disk {
  /**
   * Opens for reading and positioned writing. `create` makes the file when absent, else absence is ENOENT. `direct` passes the page
   * cache by: only whole blocks (`BLOCK_BYTES`) are written, at whole blocks, from memory that begins at one; EINVAL for anything
   * else, and where the system or the file system knows no such writes.
   */
  open(path: string, options?: OpenOptions): DiskFile;
  /** undefined when there is nothing at `path`. */
  stat(path: string): DiskStat | undefined;
  /** Names in a directory, sorted; ENOENT when it is absent. */
  list(directory: string): string[];
  /** Makes the directory and its parents. */
  makeDirectory(path: string): void;
  readFile(path: string): Buffer;
  /** Replaces a small file whole: temporary file, fsync, rename, directory fsync. A crash leaves the old or the new. */
  writeFileAtomically(path: string, data: Uint8Array | string): void;
  rename(from: string, to: string): void;
  /** Lets a file seem last written at a time of the wall clock. */
  setModifiedMs(path: string, modifiedMs: number): void;
  /** Removes a file; absent is no error. Off the loop: unlinking a large file takes milliseconds. */
  remove(path: string): Promise<void>;
  /** Removes a file at once, for small ones and recovery. */
  removeNow(path: string): void;
  /** Removes a directory and what is in it. */
  removeTree(path: string): Promise<void>;
  syncDirectory(path: string): void;
  /** The same off the loop: on a busy disk it takes long. It is about the names that are there at the call. */
  flushDirectory(path: string): Promise<void>;
  /** Takes the exclusive lock on a file, creating it; throws `DiskError` with code ELOCKED when another holds it. */
  lock(path: string): Promise<DiskLock>;
  /** Bytes of the volume that holds `path`. */
  usage(path: string): { totalBytes: number; usableBytes: number };
}

export interface OpenOptions {
  readonly create?: boolean;
  readonly readOnly?: boolean;
  readonly direct?: boolean;
}

export interface DiskStat {
  sizeBytes: number;
  isDirectory: boolean;
  modifiedMs: number;
}

export interface DiskFile {
  readonly path: string;
  sizeBytes(): number;
  /** Writes all of `buffers` at `position`, in order; returns the bytes written (always all, or it throws). */
  writeNow(buffers: readonly Uint8Array[], position: number): number;
  /** The same, off the loop. */
  write(buffers: readonly Uint8Array[], position: number): Promise<number>;
  /** Reads up to `length` bytes at `position` into `target`; returns how many, fewer only at the end of the file. */
  readNow(target: Uint8Array, targetStart: number, length: number, position: number): number;
  read(target: Uint8Array, targetStart: number, length: number, position: number): Promise<number>;
  /** Makes written bytes durable (fdatasync). */
  sync(): Promise<void>;
  syncNow(): void;
  truncateNow(length: number): void;
  truncate(length: number): Promise<void>;
  close(): void;
}

export interface DiskLock {
  release(): void;
}

export class DiskError extends Error {
  override readonly name = 'DiskError';
  constructor(
    /** ENOENT, ENOSPC, EIO, ELOCKED, … as the system names them. */
    readonly code: string,
    readonly path: string,
    message: string,
  ) {
    super(message);
  }
}
