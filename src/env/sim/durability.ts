import { PagedBytes } from '../memory/paged-bytes.js';
import { DirectoryNode, FileNode, FileTree, type NameChange, type TreeNode } from '../memory/tree.js';
import type { SimRandom } from './random.js';

/** What a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;

export interface CrashOptions {
  /** Chooses what is kept; the node's own random source otherwise. */
  readonly seed?: string | number;
  /** Probability that an unsynced change is on the platter nevertheless; drawn from 0, 0.3, 0.7 and 1 otherwise. */
  readonly keep?: number;
}

/** A sector that differs from the platter's, or may. */
interface DirtySector {
  /** The number of the change that touched it last. */
  readonly change: number;
  /** What it held after earlier changes: the system may have written it out before it was touched again. */
  readonly earlier: readonly Buffer[];
  /** What it holds since the last change, where that change may be followed by another of the same sector. */
  readonly latest: Buffer | undefined;
}

interface FileState {
  readonly durable: PagedBytes;
  readonly dirty: Map<number, DirtySector>;
  /** Sectors that a failed sync gave up: the cache shows what was written, the platter has not got it, and no sync writes it. */
  readonly lost: Set<number>;
  /** When the latest sync began of those that are done. */
  syncedAt: number;
}

/** A file's unsynced sectors as they were when a sync began. */
export interface Captured {
  readonly at: number;
  readonly length: number;
  readonly sectors: readonly { readonly sector: number; readonly change: number; readonly bytes: Buffer }[];
}

const EARLIER_KEPT = 3;
const NONE_EARLIER: readonly Buffer[] = [];

/**
 * What of a file tree would survive a power loss. Written sectors reach the platter with the file's sync, names with that of
 * their directory; before, each may or may not be there, a sector also as it was between two writes. Names of one directory
 * reach it in order, a rename as one.
 */
export class Durability {
  private files = new Map<FileNode, FileState>();
  private names = new Map<DirectoryNode, Map<string, TreeNode>>();
  private pending: (readonly NameChange[])[] = [];
  private changes = 0;

  constructor(readonly tree = new FileTree()) {}

  fileChanged(node: FileNode, start: number, end: number): void {
    const { dirty, lost } = this.stateOf(node);
    const change = ++this.changes;
    const first = Math.floor(start / SECTOR_BYTES);
    const last = Math.ceil(end / SECTOR_BYTES) - 1;
    for (let sector = first; sector <= last; sector++) {
      const before = dirty.get(sector);
      const earlier = before?.latest ? [...before.earlier, before.latest].slice(-EARLIER_KEPT) : NONE_EARLIER;
      // Appends meet in the sectors at the edges; what lies between is seldom written twice.
      const latest = sector === first || sector === last ? sectorOf(node.bytes, sector) : undefined;
      dirty.set(sector, { change, earlier, latest });
      lost.delete(sector);
    }
  }

  named(changes: readonly NameChange[]): void {
    this.pending.push(changes);
  }

  capture(node: FileNode): Captured {
    const sectors = [...this.stateOf(node).dirty].map(([sector, { change }]) => ({ sector, change, bytes: sectorOf(node.bytes, sector) }));
    return { at: ++this.changes, length: node.bytes.length, sectors };
  }

  fileSynced(node: FileNode, { at, length, sectors }: Captured): void {
    const state = this.stateOf(node);
    const { durable, dirty } = state;
    // One that began later has brought all of it there already, and what has changed since.
    if (at < state.syncedAt) return;
    state.syncedAt = at;
    durable.resize(length);
    for (const { sector, change, bytes } of sectors) {
      durable.write([bytes], sector * SECTOR_BYTES);
      if (dirty.get(sector)?.change === change) dirty.delete(sector);
    }
  }

  /**
   * A sync failed, and as on Linux that is told once: some sectors came to the platter, the others are given up. The cache takes
   * all of them for clean, and the next sync succeeds without them.
   */
  syncFailed(node: FileNode, { sectors }: Captured, random: SimRandom): void {
    const { durable, dirty, lost } = this.stateOf(node);
    for (const { sector, change, bytes } of sectors) {
      if (dirty.get(sector)?.change !== change) continue;
      dirty.delete(sector);
      if (random.chance(0.5)) durable.write([bytes], sector * SECTOR_BYTES);
      else lost.add(sector);
    }
  }

  /** Memory grew short: what is clean leaves the cache, and what a failed sync gave up reads as the platter has it. */
  dropCaches(): void {
    for (const [node, { durable, lost }] of this.files) {
      for (const sector of lost) node.bytes.write([zeroed(sectorOf(durable, sector))], sector * SECTOR_BYTES, node.bytes.length - sector * SECTOR_BYTES);
      lost.clear();
    }
  }

  /** A bit of what lies at `position` turns, on the platter and for whoever reads it from now on. */
  rot(node: FileNode, position: number, bit = 0): void {
    for (const bytes of [node.bytes, this.stateOf(node).durable]) {
      const byte = bytes.slice(position, position + 1);
      if (byte.length > 0) bytes.write([Buffer.from([byte[0]! ^ (1 << bit)])], position);
    }
  }

  /** The changes of names that a sync which begins now is about. */
  captureNames(): ReadonlySet<readonly NameChange[]> {
    return new Set(this.pending);
  }

  /** Makes a directory's names durable, those `captured` or all, and what of other directories they hang on. */
  directorySynced(directory: DirectoryNode, captured?: ReadonlySet<readonly NameChange[]>): void {
    const involved = new Set([directory]);
    const kept: (readonly NameChange[])[] = [];
    const synced: (readonly NameChange[])[] = [];
    for (const changes of this.pending.toReversed()) {
      const touches = captured?.has(changes) !== false && changes.some(change => involved.has(change.directory));
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

  /** The same disk once more, with nothing in common: what happens to one leaves the other as it is. */
  copy(): Durability {
    const copies = new Map<TreeNode, TreeNode>();
    const copyOf = <T extends TreeNode>(node: T): T => {
      let copy = copies.get(node);
      if (copy === undefined) {
        copy = node instanceof DirectoryNode ? new DirectoryNode(node.modifiedMs) : new FileNode(node.modifiedMs, node.bytes.copy());
        copies.set(node, copy);
        if (node instanceof DirectoryNode) for (const [name, entry] of node.entries) (copy as DirectoryNode).entries.set(name, copyOf(entry));
      }
      return copy as T;
    };
    const copy = new Durability(new FileTree(copyOf(this.tree.root)));
    for (const [directory, names] of this.names) copy.names.set(copyOf(directory), new Map([...names].map(([name, node]) => [name, copyOf(node)])));
    copy.pending = this.pending.map(changes => changes.map(({ directory, name, node }) => ({ directory: copyOf(directory), name, node: node && copyOf(node) })));
    // Files that no name leads to, now or after a power loss, are nobody's any more.
    for (const [node, { durable, dirty, lost, syncedAt }] of this.files) {
      const file = copies.get(node);
      if (file instanceof FileNode) copy.files.set(file, { durable: durable.copy(), dirty: new Map(dirty), lost: new Set(lost), syncedAt });
    }
    copy.changes = this.changes;
    return copy;
  }

  private stateOf(node: FileNode): FileState {
    let state = this.files.get(node);
    if (state === undefined) this.files.set(node, state = { durable: new PagedBytes(), dirty: new Map(), lost: new Set(), syncedAt: 0 });
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

/** A whole sector: beyond a file's end there are zeros. */
function zeroed(sector: Buffer): Buffer {
  return sector.length === SECTOR_BYTES ? sector : Buffer.concat([sector, Buffer.alloc(SECTOR_BYTES - sector.length)]);
}

function loseSectors(node: FileNode, { durable, dirty, lost }: FileState, random: SimRandom, keep: number): void {
  const length = survivingLength(durable.length, node.bytes.length, random, keep);
  durable.resize(length);
  for (const [sector, { earlier }] of [...dirty].sort(([a], [b]) => a - b)) {
    const start = sector * SECTOR_BYTES;
    if (start >= length || !random.chance(keep)) continue;
    const stale = earlier.length > 0 && !random.chance(Math.max(keep, 0.5));
    durable.write([stale ? earlier[random.int(earlier.length)]! : sectorOf(node.bytes, sector)], start, length - start);
  }
  dirty.clear();
  lost.clear();
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
