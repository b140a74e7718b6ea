import { BLOCK_BYTES } from '../../base/block-memory.js';
import type { Disk, DiskFile, DiskLock, DiskStat, OpenOptions } from '../disk.js';
import { DirectoryNode, FileNode, FileTree, failure, type NameChange } from './tree.js';

/** One call that may change what is on the disk; `read` and `open` are told too, since they can fail. */
export interface DiskOperation {
  readonly kind: 'open' | 'read' | 'create' | 'write' | 'truncate' | 'sync' | 'syncDirectory' | 'rename' | 'remove' | 'makeDirectory';
  readonly path: string;
  /** Where a rename leads. */
  readonly to?: string;
  /** Of reads, writes and truncation. */
  readonly position?: number;
  readonly length?: number;
  /** What is written. */
  readonly buffers?: readonly Uint8Array[];
}

export const UNBOUNDED_BYTES = 2 ** 50;

/**
 * A disk in memory, quick and without faults: `--memory`. Every call goes through the few methods at the end, where a simulated
 * disk puts delays, faults and what a power loss leaves.
 */
export class MemoryDisk implements Disk {
  private readonly locked = new Set<FileNode>();

  constructor(
    private readonly nowMs: () => number = Date.now,
    protected readonly tree = new FileTree(),
  ) {}

  /** How much all files may hold together; beyond it writes fail with ENOSPC. */
  protected get capacityBytes(): number {
    return UNBOUNDED_BYTES;
  }

  open(path: string, options: OpenOptions = {}): DiskFile {
    if (options.create && this.tree.find(path) === undefined) this.createFile(path);
    return this.perform({ kind: 'open', path }, () => new MemoryFile(this, path, this.tree.file(path), options));
  }

  stat(path: string): DiskStat | undefined {
    const node = this.tree.find(path);
    if (node === undefined) return undefined;
    const isDirectory = node instanceof DirectoryNode;
    return { sizeBytes: isDirectory ? 0 : node.bytes.length, isDirectory, modifiedMs: node.modifiedMs };
  }

  list(directory: string): string[] {
    const { entries } = this.tree.directory(directory);
    return this.perform({ kind: 'read', path: directory }, () => [...entries.keys()].sort());
  }

  makeDirectory(path: string): void {
    let made = '';
    for (const name of path.split(/[\\/]/)) {
      made += name === '' ? '' : `/${name}`;
      if (this.tree.find(made) !== undefined) continue;
      const parent = made;
      this.perform({ kind: 'makeDirectory', path: parent }, () =>
        this.relink([{ ...this.tree.place(parent), node: new DirectoryNode(this.nowMs()) }]));
    }
    this.tree.directory(path);
  }

  readFile(path: string): Buffer {
    const { bytes } = this.tree.file(path);
    return this.perform({ kind: 'read', path, position: 0, length: bytes.length }, () => bytes.slice());
  }

  writeFileAtomically(path: string, data: Uint8Array | string): void {
    const temporary = `${path}.tmp`;
    const file = this.open(temporary, { create: true });
    file.truncateNow(0);
    file.writeNow([typeof data === 'string' ? Buffer.from(data) : data], 0);
    file.syncNow();
    file.close();
    this.rename(temporary, path);
    this.syncDirectory(parentOf(path));
  }

  rename(from: string, to: string): void {
    const changes = this.tree.renaming(from, to);
    this.perform({ kind: 'rename', path: from, to }, () => this.relink(changes));
  }

  setModifiedMs(path: string, modifiedMs: number): void {
    const file = this.tree.file(path);
    this.perform({ kind: 'open', path }, () => { file.modifiedMs = modifiedMs; });
  }

  remove(path: string): Promise<void> {
    return this.later(() => this.removeNow(path));
  }

  removeNow(path: string): void {
    const node = this.tree.find(path);
    if (node === undefined) return;
    if (node instanceof DirectoryNode && node.entries.size > 0) throw failure('ENOTEMPTY', path, 'the directory is not empty');
    this.perform({ kind: 'remove', path }, () => this.relink([{ ...this.tree.place(path), node: undefined }]));
  }

  removeTree(path: string): Promise<void> {
    return this.later(() => this.removeTreeNow(path));
  }

  private removeTreeNow(path: string): void {
    const node = this.tree.find(path);
    if (node instanceof DirectoryNode) for (const name of node.entries.keys()) this.removeTreeNow(`${path}/${name}`);
    this.removeNow(path);
  }

  syncDirectory(path: string): void {
    const directory = this.tree.directory(path);
    this.perform({ kind: 'syncDirectory', path }, () => this.directorySynced(directory));
  }

  async flushDirectory(path: string): Promise<void> {
    return this.directoryFlushed(path, this.tree.directory(path));
  }

  async lock(path: string): Promise<DiskLock> {
    this.open(path, { create: true }).close();
    const node = this.tree.file(path);
    if (this.locked.has(node)) throw failure('ELOCKED', path, 'its directory belongs to a broker that is running');
    this.locked.add(node);
    return { release: () => { this.locked.delete(node); } };
  }

  usage(path: string): { totalBytes: number; usableBytes: number } {
    if (this.tree.find(path) === undefined) throw failure('ENOENT', path, 'no such directory');
    return { totalBytes: this.capacityBytes, usableBytes: Math.max(0, this.capacityBytes - this.tree.usedBytes()) };
  }

  private createFile(path: string): void {
    this.perform({ kind: 'create', path }, () => this.relink([{ ...this.tree.place(path), node: new FileNode(this.nowMs()) }]));
  }

  /** For the files of this disk. */
  write(path: string, node: FileNode, buffers: readonly Uint8Array[], position: number): number {
    const length = totalLength(buffers);
    if (length === 0) return 0;
    const before = node.bytes.length;
    return this.perform({ kind: 'write', path, position, length, buffers }, (limit = Infinity) => {
      const wanted = Math.min(length, limit);
      const fitting = Math.max(0, Math.min(wanted, before + this.freeBytes() - position));
      const written = node.bytes.write(buffers, position, fitting);
      node.modifiedMs = this.nowMs();
      if (written > 0) this.fileChanged(node, Math.min(before, position), position + written);
      if (written < wanted) throw failure('ENOSPC', path, 'no space is left on the disk');
      return written;
    });
  }

  private freeBytes(): number {
    // Counting is not for every write of a disk that is never full.
    return this.capacityBytes >= UNBOUNDED_BYTES ? Infinity : Math.max(0, this.capacityBytes - this.tree.usedBytes());
  }

  /** For the files of this disk. */
  truncate(path: string, node: FileNode, length: number): void {
    const before = node.bytes.length;
    this.perform({ kind: 'truncate', path, position: length, length: before }, () => {
      node.bytes.resize(length);
      node.modifiedMs = this.nowMs();
      this.fileChanged(node, Math.min(before, length), Math.max(before, length));
    });
  }

  /** Names change here and nowhere else. */
  protected relink(changes: readonly NameChange[]): void {
    this.tree.change(changes, this.nowMs());
  }

  /** Every operation passes here; `apply` takes at most that many bytes of a write. */
  perform<T>(_operation: DiskOperation, apply: (limitBytes?: number) => T): T {
    return apply();
  }

  /** How an operation off the loop comes about. */
  async later<T>(run: () => T): Promise<T> {
    return run();
  }

  /** The bytes from `start` to `end` are others now. */
  protected fileChanged(_node: FileNode, _start: number, _end: number): void {
    // Memory forgets all at once or nothing.
  }

  protected directoryFlushed(path: string, directory: DirectoryNode): Promise<void> {
    return this.later(() => this.perform({ kind: 'syncDirectory', path }, () => this.directorySynced(directory)));
  }

  syncedNow(path: string, _node: FileNode): void {
    this.perform({ kind: 'sync', path }, () => undefined);
  }

  async synced(path: string, node: FileNode): Promise<void> {
    return this.later(() => this.syncedNow(path, node));
  }

  protected directorySynced(_directory: DirectoryNode): void {
    // As above.
  }
}

class MemoryFile implements DiskFile {
  private closed = false;

  constructor(
    private readonly disk: MemoryDisk,
    readonly path: string,
    private readonly node: FileNode,
    private readonly options: OpenOptions,
  ) {}

  sizeBytes(): number {
    this.checkOpen();
    return this.node.bytes.length;
  }

  writeNow(buffers: readonly Uint8Array[], position: number): number {
    this.checkOpen(true);
    this.checkBlocks(buffers, position);
    return this.disk.write(this.path, this.node, buffers, position);
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    this.checkOpen(true);
    this.checkBlocks(buffers, position);
    return this.disk.later(() => this.disk.write(this.path, this.node, buffers, position));
  }

  readNow(target: Uint8Array, targetStart: number, length: number, position: number): number {
    this.checkOpen();
    return this.readOpen(target, targetStart, length, position);
  }

  async read(target: Uint8Array, targetStart: number, length: number, position: number): Promise<number> {
    this.checkOpen();
    return this.disk.later(() => this.readOpen(target, targetStart, length, position));
  }

  private readOpen(target: Uint8Array, targetStart: number, length: number, position: number): number {
    return this.disk.perform({ kind: 'read', path: this.path, position, length }, () =>
      this.node.bytes.read(target, targetStart, length, position));
  }

  async sync(): Promise<void> {
    this.checkOpen();
    return this.disk.synced(this.path, this.node);
  }

  syncNow(): void {
    this.checkOpen();
    this.disk.syncedNow(this.path, this.node);
  }

  truncateNow(length: number): void {
    this.checkOpen(true);
    this.disk.truncate(this.path, this.node, length);
  }

  async truncate(length: number): Promise<void> {
    this.checkOpen(true);
    return this.disk.later(() => this.disk.truncate(this.path, this.node, length));
  }

  close(): void {
    this.closed = true;
  }

  private checkOpen(toWrite = false): void {
    if (this.closed) throw failure('EBADF', this.path, 'the file is closed');
    if (toWrite && this.options.readOnly) throw failure('EBADF', this.path, 'the file was opened for reading');
  }

  /** As far as it can be seen here: where memory begins is not told, where a buffer lies in it is. */
  private checkBlocks(buffers: readonly Uint8Array[], position: number): void {
    if (!this.options.direct) return;
    const numbers = [position, ...buffers.flatMap(({ byteOffset, length }) => [byteOffset, length])];
    if (numbers.some(number => number % BLOCK_BYTES !== 0)) throw failure('EINVAL', this.path, 'not whole blocks');
  }
}

export function parentOf(path: string): string {
  return path.replace(/[\\/]+[^\\/]*$/, '') || '/';
}

function totalLength(buffers: readonly Uint8Array[]): number {
  let total = 0;
  for (const buffer of buffers) total += buffer.length;
  return total;
}
