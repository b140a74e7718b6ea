import type { Disk, DiskFile } from '../../env/index.js';

/**
 * Descriptors for more files than a process may have open. A file is opened when it is used; when too many are open, those
 * that nobody used lately are closed, and open again by themselves (about 2 us).
 */
export class FilePool {
  /** In the order of the sweep: a used file gets a second chance at the end. */
  private readonly openFiles = new Set<PooledFile>();
  /** Those that are open for direct writes as well, least lately opened first. */
  private readonly directFiles = new Set<PooledFile>();

  constructor(
    readonly disk: Disk,
    private readonly maxOpen: number,
  ) {}

  get openCount(): number {
    return this.openFiles.size;
  }

  /** A file that may exist; `create` makes it at its first use when it does not. */
  file(path: string, options: { create: boolean }): PooledFile {
    return new PooledFile(this, path, options.create);
  }

  opened(file: PooledFile): void {
    this.openFiles.add(file);
    if (this.openFiles.size > this.maxOpen) this.sweep(file);
  }

  openedDirect(file: PooledFile): void {
    this.directFiles.add(file);
    for (const oldest of this.directFiles) {
      if (this.directFiles.size <= MOST_DIRECT) break;
      oldest.closeDirect();
    }
  }

  closedDirect(file: PooledFile): void {
    this.directFiles.delete(file);
  }

  closed(file: PooledFile): void {
    this.openFiles.delete(file);
  }

  /** Never closes the one that was just opened, which is about to be used: all others may be held. */
  private sweep(fresh: PooledFile): void {
    let left = 2 * this.openFiles.size;
    for (const file of this.openFiles) {
      if (this.openFiles.size <= this.maxOpen || left-- === 0) return;
      if (file !== fresh && file.mayClose()) {
        file.close();
      } else {
        this.openFiles.delete(file);
        this.openFiles.add(file);
      }
    }
  }
}

/** A descriptor more for each: only few logs at a time get much. */
const MOST_DIRECT = 64;

/** One file of a pool. */
export class PooledFile {
  private handle: DiskFile | undefined;
  private directHandle: DiskFile | undefined;
  private usedLately = false;
  /** Operations off the loop that hold the descriptor. */
  private pins = 0;
  private closing = false;

  constructor(
    private readonly pool: FilePool,
    private currentPath: string,
    private create: boolean,
  ) {}

  get path(): string {
    return this.currentPath;
  }

  /** The open file, for use within this turn only. */
  now(): DiskFile {
    this.usedLately = true;
    return this.handle ?? this.open();
  }

  /** The file, which is there, open for direct writes (`Disk.open`), for use within this turn only. */
  direct(): DiskFile {
    if (this.directHandle !== undefined) return this.directHandle;
    this.directHandle = this.pool.disk.open(this.currentPath, { direct: true });
    this.pool.openedDirect(this);
    return this.directHandle;
  }

  closeDirect(): void {
    if (this.directHandle === undefined) return;
    this.directHandle.close();
    this.directHandle = undefined;
    this.pool.closedDirect(this);
  }

  /** Runs `task` with the file held open until it is done. */
  async during<T>(task: (file: DiskFile) => Promise<T>): Promise<T> {
    const file = this.now();
    this.pins++;
    try {
      return await task(file);
    } finally {
      this.pins--;
      if (this.closing && this.pins === 0) this.close();
    }
  }

  rename(path: string): void {
    this.pool.disk.rename(this.currentPath, path);
    this.closeDirect();
    this.currentPath = path;
  }

  /** The directory above was renamed. */
  movedTo(path: string): void {
    this.currentPath = path;
    // A handle may name its file in errors by the old path.
    this.closeDirect();
    if (this.pins === 0) this.close();
  }

  /** Closes once nobody holds it; a later use opens it again. */
  close(): void {
    this.closeDirect();
    this.closing = this.pins > 0;
    if (this.closing || !this.handle) return;
    this.handle.close();
    this.handle = undefined;
    this.pool.closed(this);
  }

  /** Asked by the sweep: true once nobody used the file since it was asked last. */
  mayClose(): boolean {
    const idle = !this.usedLately && this.pins === 0;
    this.usedLately = false;
    return idle;
  }

  private open(): DiskFile {
    const file = this.pool.disk.open(this.currentPath, { create: this.create });
    this.create = false;
    this.closing = false;
    this.handle = file;
    this.pool.opened(this);
    return file;
  }
}
