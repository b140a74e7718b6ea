import { PagedBytes } from '../memory/paged-bytes.js';
import { DirectoryNode, FileNode, type FileTree, type NameChange, type TreeNode } from '../memory/tree.js';
import type { SimRandom } from './random.js';

/** What a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;

export interface CrashOptions {
  /** Chooses what is kept; the node's own random source otherwise. */
  readonly seed?: string | number;
  /** Probability that an unsynced change is on the platter nevertheless; drawn from 0, 0.3, 0.7 and 1 otherwise. */
  readonly keep?: number;
}

interface FileState {
  readonly durable: PagedBytes;
  /** Sectors that differ from `durable`, or may; each with the number of the change that touched it last. */
  readonly dirty: Map<number, number>;
}

/** A file's unsynced sectors as they were when a sync began. */
export interface Captured {
  readonly length: number;
  readonly sectors: readonly { readonly sector: number; readonly change: number; readonly bytes: Buffer }[];
}

/**
 * What of a file tree would survive a power loss. Written sectors reach the platter with the file's sync, names with that of
 * their directory; before, each may or may not be there. Names of one directory reach it in order, a rename as one.
 */
export class Durability {
  private readonly files = new Map<FileNode, FileState>();
  private readonly names = new Map<DirectoryNode, Map<string, TreeNode>>();
  private pending: (readonly NameChange[])[] = [];
  private changes = 0;

  constructor(private readonly tree: FileTree) {}

  fileChanged(node: FileNode, start: number, end: number): void {
    const { dirty } = this.stateOf(node);
    const change = ++this.changes;
    for (let sector = Math.floor(start / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) dirty.set(sector, change);
  }

  named(changes: readonly NameChange[]): void {
    this.pending.push(changes);
  }

  capture(node: FileNode): Captured {
    const sectors = [...this.stateOf(node).dirty].map(([sector, change]) => ({ sector, change, bytes: sectorOf(node.bytes, sector) }));
    return { length: node.bytes.length, sectors };
  }

  fileSynced(node: FileNode, { length, sectors }: Captured): void {
    const { durable, dirty } = this.stateOf(node);
    durable.resize(length);
    for (const { sector, change, bytes } of sectors) {
      durable.write([bytes], sector * SECTOR_BYTES);
      if (dirty.get(sector) === change) dirty.delete(sector);
    }
  }

  /** Makes a directory's names durable, and what of other directories they hang on. */
  directorySynced(directory: DirectoryNode): void {
    const involved = new Set([directory]);
    const kept: (readonly NameChange[])[] = [];
    const synced: (readonly NameChange[])[] = [];
    for (const changes of this.pending.toReversed()) {
      const touches = changes.some(change => involved.has(change.directory));
      (touches ? synced : kept).push(changes);
      if (touches) for (const change of changes) involved.add(change.directory);
    }
    for (const changes of synced.reverse()) this.apply(changes);
    this.pending = kept.reverse();
  }

  /** The power fails: chance decides about all that was not synced, and only what is durable is left. */
  losePower(random: SimRandom, { keep = [0, 0.3, 0.7, 1][random.int(4)]! }: CrashOptions = {}): void {
    const behind = new Set<DirectoryNode>();
    for (const changes of this.pending) {
      const kept = !changes.some(change => behind.has(change.directory)) && random.chance(keep);
      if (kept) this.apply(changes);
      else for (const change of changes) behind.add(change.directory);
    }
    this.pending = [];
    this.restoreNames(this.tree.root);
    for (const [node, state] of this.files) loseSectors(node, state, random, keep);
  }

  private stateOf(node: FileNode): FileState {
    let state = this.files.get(node);
    if (state === undefined) this.files.set(node, state = { durable: new PagedBytes(), dirty: new Map() });
    return state;
  }

  private apply(changes: readonly NameChange[]): void {
    for (const { directory, name, node } of changes) {
      let names = this.names.get(directory);
      if (names === undefined) this.names.set(directory, names = new Map());
      if (node === undefined) names.delete(name);
      else names.set(name, node);
    }
  }

  private restoreNames(directory: DirectoryNode): void {
    directory.entries.clear();
    for (const [name, node] of this.names.get(directory) ?? []) {
      directory.entries.set(name, node);
      if (node instanceof DirectoryNode) this.restoreNames(node);
    }
  }
}

function sectorOf(bytes: PagedBytes, sector: number): Buffer {
  return bytes.slice(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
}

function loseSectors(node: FileNode, { durable, dirty }: FileState, random: SimRandom, keep: number): void {
  const length = survivingLength(durable.length, node.bytes.length, random, keep);
  durable.resize(length);
  for (const sector of [...dirty.keys()].sort((a, b) => a - b)) {
    const start = sector * SECTOR_BYTES;
    if (start < length && random.chance(keep)) durable.write([sectorOf(node.bytes, sector)], start, length - start);
  }
  dirty.clear();
  node.bytes.resize(0);
  node.bytes.resize(length);
  node.bytes.write([durable.slice()], 0);
}

/** A file that grew may have any length in between, by sectors; one that shrank has either. */
function survivingLength(before: number, after: number, random: SimRandom, keep: number): number {
  if (before === after || random.chance(keep)) return after;
  if (after < before || random.chance(0.5)) return before;
  const first = Math.floor(before / SECTOR_BYTES);
  return Math.max(before, (first + random.int(Math.floor(after / SECTOR_BYTES) - first + 1)) * SECTOR_BYTES);
}
