import { DiskError } from '../disk.js';
import { PagedBytes } from './paged-bytes.js';

export class FileNode {
  constructor(public modifiedMs: number, readonly bytes = new PagedBytes()) {}
}

export class DirectoryNode {
  readonly entries = new Map<string, FileNode | DirectoryNode>();

  constructor(public modifiedMs: number) {}
}

export type TreeNode = FileNode | DirectoryNode;

/** A name that begins to stand for `node`, or for nothing. */
export interface NameChange {
  readonly directory: DirectoryNode;
  readonly name: string;
  readonly node: TreeNode | undefined;
}

/** Names and what they stand for, as a file system keeps them. All changes go through `change`. */
export class FileTree {
  constructor(readonly root = new DirectoryNode(0)) {}

  find(path: string): TreeNode | undefined {
    let node: TreeNode | undefined = this.root;
    for (const name of namesOf(path)) node = node instanceof DirectoryNode ? node.entries.get(name) : undefined;
    return node;
  }

  file(path: string): FileNode {
    const node = this.find(path);
    if (node instanceof FileNode) return node;
    throw node === undefined ? failure('ENOENT', path, 'no such file') : failure('EISDIR', path, 'it is a directory');
  }

  directory(path: string): DirectoryNode {
    const node = this.find(path);
    if (node instanceof DirectoryNode) return node;
    throw node === undefined ? failure('ENOENT', path, 'no such directory') : failure('ENOTDIR', path, 'it is not a directory');
  }

  /** The directory that holds `path`, and its name there. */
  place(path: string): { directory: DirectoryNode; name: string } {
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) throw failure('EINVAL', path, 'the root has no name');
    return { directory: this.directory(`/${names.join('/')}`), name };
  }

  /** The changes that give what stands at `from` the name `to`. */
  renaming(from: string, to: string): NameChange[] {
    const [source, target] = [this.place(from), this.place(to)];
    const node = source.directory.entries.get(source.name);
    if (node === undefined) throw failure('ENOENT', from, 'no such file or directory');
    const replaced = target.directory.entries.get(target.name);
    if (replaced === node) return [];
    if (replaced instanceof DirectoryNode) {
      if (node instanceof FileNode) throw failure('EISDIR', to, 'it is a directory');
      if (replaced.entries.size > 0) throw failure('ENOTEMPTY', to, 'the directory is not empty');
    } else if (replaced !== undefined && node instanceof DirectoryNode) throw failure('ENOTDIR', to, 'it is not a directory');
    return [{ ...source, node: undefined }, { ...target, node }];
  }

  change(changes: readonly NameChange[], nowMs: number): void {
    for (const { directory, name, node } of changes) {
      if (node === undefined) directory.entries.delete(name);
      else directory.entries.set(name, node);
      directory.modifiedMs = nowMs;
    }
  }

  usedBytes(node: TreeNode = this.root): number {
    if (node instanceof FileNode) return node.bytes.length;
    let sum = 0;
    for (const entry of node.entries.values()) sum += this.usedBytes(entry);
    return sum;
  }
}

export function failure(code: string, path: string, why: string): DiskError {
  return new DiskError(code, path, `${path}: ${why} (${code})`);
}

function namesOf(path: string): string[] {
  return path.split(/[\\/]/).filter(name => name !== '' && name !== '.');
}
