import { crc32c } from '../../base/crc32c.js';
import { MemoryDisk, type DiskOperation } from '../memory/memory-disk.js';
import { failure, type DirectoryNode, type FileNode, type NameChange } from '../memory/tree.js';
import type { Captured } from './durability.js';
import type { SimNode } from './node.js';
import type { SimRandom } from './random.js';

/** What a test makes of one disk operation. */
export interface DiskFault {
  /** The code that the caller sees; EIO unless given. */
  readonly code?: string;
  /** How much is done nevertheless: that many bytes of a write, or, above 0, all of any other operation. */
  readonly appliedBytes?: number;
  /** The process dies, or the power fails, at this point. */
  readonly death?: 'kill' | 'crash';
}

/** Asked about every disk operation of a machine; undefined lets it happen. */
export type DiskHook = (operation: DiskOperation, at: { readonly index: number; readonly node: SimNode }) => DiskFault | undefined;

/** An async call takes up to this long. */
const LONGEST_DELAY_MS = 2;

/**
 * A machine's disk as one process sees it. The machine remembers what would survive a power loss; `SimMachine.onDiskOperation`
 * can fail any operation or let the process die there, and `SimMachine.diskOperations` numbers those that change something.
 */
export class SimDisk extends MemoryDisk {
  constructor(
    private readonly node: SimNode,
    private readonly random: SimRandom,
  ) {
    super(() => node.world.wallMs, node.machine.tree);
  }

  protected override get capacityBytes(): number {
    return this.node.machine.capacityBytes;
  }

  override perform<T>(operation: DiskOperation, apply: (limitBytes?: number) => T): T {
    const { node } = this;
    const { machine } = node;
    if (!node.alive) throw failure('ESHUTDOWN', operation.path, 'the process is dead');
    const changes = operation.kind !== 'read' && operation.kind !== 'open';
    const index = changes ? machine.diskOperations++ : machine.diskOperations;
    if (changes) node.record('disk', describe(operation));
    const fault = machine.onDiskOperation?.(operation, { index, node });
    if (fault === undefined) return apply();
    if ((fault.appliedBytes ?? 0) > 0) apply(fault.appliedBytes);
    if (fault.death === 'kill') node.kill();
    if (fault.death === 'crash') node.crash();
    throw failure(fault.code ?? 'EIO', operation.path, `planted fault in ${operation.kind}`);
  }

  override later<T>(run: () => T): Promise<T> {
    const { node } = this;
    return new Promise((resolve, reject) => {
      node.world.schedule(this.random.float() * LONGEST_DELAY_MS, () => {
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      }, () => node.alive);
    });
  }

  override syncedNow(path: string, file: FileNode): void {
    this.syncCaptured(path, file, this.node.machine.durability.capture(file));
  }

  /** What is written between the call and its end is not promised to be there. */
  override synced(path: string, file: FileNode): Promise<void> {
    const captured = this.node.machine.durability.capture(file);
    return this.later(() => this.syncCaptured(path, file, captured));
  }

  private syncCaptured(path: string, file: FileNode, captured: Captured): void {
    const { durability } = this.node.machine;
    try {
      this.perform({ kind: 'sync', path }, () => durability.fileSynced(file, captured));
    } catch (error) {
      if (this.node.alive) durability.syncFailed(file, captured, this.random);
      throw error;
    }
  }

  protected override relink(changes: readonly NameChange[]): void {
    super.relink(changes);
    this.node.machine.durability.named(changes);
  }

  protected override fileChanged(file: FileNode, start: number, end: number): void {
    this.node.machine.durability.fileChanged(file, start, end);
  }

  protected override directoryFlushed(path: string, directory: DirectoryNode): Promise<void> {
    const { durability } = this.node.machine;
    const captured = durability.captureNames();
    return this.later(() => this.perform({ kind: 'syncDirectory', path }, () => durability.directorySynced(directory, captured)));
  }

  protected override directorySynced(directory: DirectoryNode): void {
    this.node.machine.durability.directorySynced(directory);
  }
}

function describe({ kind, path, to, position, length, buffers }: DiskOperation): string {
  let text = `${kind} ${path}`;
  if (to !== undefined) text += ` ${to}`;
  if (position !== undefined) text += ` ${position} ${length}`;
  if (buffers !== undefined) text += ` ${buffers.reduce((crc, buffer) => crc32c(buffer, crc), 0)}`;
  return text;
}
