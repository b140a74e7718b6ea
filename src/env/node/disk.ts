import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { DiskError, type Disk, type DiskFile, type DiskLock, type DiskStat, type OpenOptions } from '../disk.js';
import { lockFile, type LockMethod } from './lock.js';

/** The file system of the machine. */
export class NodeDisk implements Disk {
  constructor(private readonly options: { lockMethod?: LockMethod } = {}) {}

  open(path: string, { create = false, readOnly = false, direct = false }: OpenOptions = {}): DiskFile {
    const { O_CREAT, O_DIRECT, O_RDONLY, O_RDWR } = fs.constants;
    if (direct && O_DIRECT === undefined) throw new DiskError('EINVAL', path, `cannot open ${path} past the page cache: the system knows no such files`);
    const flags = (readOnly ? O_RDONLY : O_RDWR) | (create ? O_CREAT : 0) | (direct ? O_DIRECT : 0);
    return new NodeFile(path, attempt('open', path, () => fs.openSync(path, flags)));
  }

  stat(path: string): DiskStat | undefined {
    const found = attempt('stat', path, () => fs.statSync(path, { throwIfNoEntry: false }));
    return found && { sizeBytes: found.size, isDirectory: found.isDirectory(), modifiedMs: found.mtimeMs };
  }

  list(directory: string): string[] {
    return attempt('list', directory, () => fs.readdirSync(directory)).sort();
  }

  makeDirectory(path: string): void {
    attempt('make directory', path, () => makeWithParents(path));
  }

  readFile(path: string): Buffer {
    return attempt('read', path, () => fs.readFileSync(path));
  }

  writeFileAtomically(path: string, data: Uint8Array | string): void {
    const temporary = `${path}.tmp`;
    attempt('write', temporary, () => {
      const descriptor = fs.openSync(temporary, 'w');
      try {
        fs.writeFileSync(descriptor, data);
        fs.fsyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
    });
    this.rename(temporary, path);
    this.syncDirectory(dirname(path));
  }

  rename(from: string, to: string): void {
    attempt('rename', from, () => fs.renameSync(from, to));
  }

  setModifiedMs(path: string, modifiedMs: number): void {
    attempt('touch', path, () => fs.utimesSync(path, modifiedMs / 1000, modifiedMs / 1000));
  }

  async remove(path: string): Promise<void> {
    await settle<void>('remove', path, done => fs.unlink(path, error => done(isAbsent(error) ? null : error)));
  }

  removeNow(path: string): void {
    attempt('remove', path, () => fs.rmSync(path, { force: true }));
  }

  removeTree(path: string): Promise<void> {
    return settle('remove', path, done => fs.rm(path, { recursive: true, force: true, maxRetries: 3 }, done));
  }

  syncDirectory(path: string): void {
    // Windows has no descriptor for a directory and makes renames durable by itself.
    if (process.platform === 'win32') return;
    attempt('sync directory', path, () => {
      const descriptor = fs.openSync(path, 'r');
      try {
        fs.fsyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
    });
  }

  async flushDirectory(path: string): Promise<void> {
    if (process.platform === 'win32') return;
    // Opened at once: the directory may have another name in a moment.
    const descriptor = attempt('sync directory', path, () => fs.openSync(path, 'r'));
    try {
      await settle<void>('sync directory', path, done => fs.fsync(descriptor, done));
    } finally {
      fs.closeSync(descriptor);
    }
  }

  lock(path: string): Promise<DiskLock> {
    attempt('lock', path, () => fs.closeSync(fs.openSync(path, 'a')));
    return lockFile(path, this.options.lockMethod);
  }

  usage(path: string): { totalBytes: number; usableBytes: number } {
    const { bsize, blocks, bavail } = attempt('measure', path, () => fs.statfsSync(path));
    return { totalBytes: blocks * bsize, usableBytes: bavail * bsize };
  }
}

class NodeFile implements DiskFile {
  /** Asynchronous calls under way. The descriptor outlives them, or they would hit whatever file gets its number next. */
  private busy = 0;
  private closed = false;

  constructor(
    readonly path: string,
    private readonly descriptor: number,
  ) {}

  sizeBytes(): number {
    return this.attempt('stat', fd => fs.fstatSync(fd).size);
  }

  writeNow(buffers: readonly Uint8Array[], position: number): number {
    const total = totalLength(buffers);
    const first = buffers[0];
    let written = first === undefined || buffers.length > 1
      ? this.attempt('write', fd => fs.writevSync(fd, buffers, position))
      : this.attempt('write', fd => fs.writeSync(fd, first, 0, first.length, position));
    while (written < total) written += this.attempt('write', fd => fs.writevSync(fd, skip(buffers, written), position + written));
    return total;
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    const total = totalLength(buffers);
    let written = 0;
    while (written < total) {
      const rest = skip(buffers, written);
      written += await this.settle<number>('write', (fd, done) => fs.writev(fd, rest, position + written, done));
    }
    return total;
  }

  readNow(target: Uint8Array, targetStart: number, length: number, position: number): number {
    let done = 0;
    while (done < length) {
      const count = this.attempt('read', fd => fs.readSync(fd, target, targetStart + done, length - done, position + done));
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  async read(target: Uint8Array, targetStart: number, length: number, position: number): Promise<number> {
    let sum = 0;
    while (sum < length) {
      const count = await this.settle<number>('read', (fd, done) =>
        fs.read(fd, target, targetStart + sum, length - sum, position + sum, (error, bytes) => done(error, bytes)));
      if (count === 0) break;
      sum += count;
    }
    return sum;
  }

  sync(): Promise<void> {
    return this.settle('sync', (fd, done) => fs.fdatasync(fd, done));
  }

  syncNow(): void {
    this.attempt('sync', fd => fs.fdatasyncSync(fd));
  }

  truncateNow(length: number): void {
    this.attempt('truncate', fd => fs.ftruncateSync(fd, length));
  }

  truncate(length: number): Promise<void> {
    return this.settle('truncate', (fd, done) => fs.ftruncate(fd, length, done));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.closeWhenIdle();
  }

  private closeWhenIdle(): void {
    if (this.closed && this.busy === 0) attempt('close', this.path, () => fs.closeSync(this.descriptor));
  }

  private attempt<T>(operation: string, run: (descriptor: number) => T): T {
    this.checkOpen(operation);
    return attempt(operation, this.path, () => run(this.descriptor));
  }

  private async settle<T>(operation: string, run: (descriptor: number, done: Callback<T>) => void): Promise<T> {
    this.checkOpen(operation);
    this.busy++;
    try {
      return await settle<T>(operation, this.path, done => run(this.descriptor, done));
    } finally {
      this.busy--;
      this.closeWhenIdle();
    }
  }

  private checkOpen(operation: string): void {
    if (this.closed) throw new DiskError('EBADF', this.path, `cannot ${operation} ${this.path}: it is closed`);
  }
}

type Callback<T> = (error: NodeJS.ErrnoException | null | undefined, result?: T) => void;

function attempt<T>(operation: string, path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw asDiskError(operation, path, error);
  }
}

function settle<T>(operation: string, path: string, run: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    run((error, result) => {
      if (error) reject(asDiskError(operation, path, error));
      else resolve(result as T);
    });
  });
}

function asDiskError(operation: string, path: string, error: unknown): unknown {
  // Only what the system refused is the disk's; a wrong argument is our own fault and passes as it is.
  const { code, syscall, message } = error as Partial<NodeJS.ErrnoException>;
  if (code === undefined || syscall === undefined) return error;
  return new DiskError(code, path, `cannot ${operation} ${path}: ${message}`);
}

function isAbsent(error: NodeJS.ErrnoException | null): boolean {
  return error?.code === 'ENOENT';
}

function totalLength(buffers: readonly Uint8Array[]): number {
  let total = 0;
  for (const buffer of buffers) total += buffer.length;
  return total;
}

/** What is left of `buffers` after their first `count` bytes. */
function skip(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let index = 0;
  let left = count;
  while (index < buffers.length && left >= buffers[index]!.length) left -= buffers[index++]!.length;
  const rest = buffers.slice(index);
  if (left > 0) rest[0] = rest[0]!.subarray(left);
  return rest;
}

/** Not Node's own recursive form: it never ends where a parent exists and cannot have children, as in /proc. */
function makeWithParents(path: string): void {
  try {
    fs.mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && fs.statSync(path).isDirectory()) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path || fs.existsSync(parent)) throw error;
    makeWithParents(parent);
    makeWithParents(path);
  }
}
