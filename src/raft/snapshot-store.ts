import { DiskError, type Clock, type Disk } from '../env/index.js';
import { metadataSnapshotFile, parseMetadataSnapshotFile, PARTIAL_SUFFIX } from '../log/paths.js';
import { checkSnapshot } from '../metadata/snapshot.js';

/** A snapshot stands for all records below `offset`; `epoch` is that of the last of them. */
export interface SnapshotId {
  readonly offset: number;
  readonly epoch: number;
}

/** The snapshot that formatting writes: it names the first voters. */
export const BOOTSTRAP_SNAPSHOT: SnapshotId = { offset: 0, epoch: 0 };

export function snapshotFile({ offset, epoch }: SnapshotId): string {
  return metadataSnapshotFile(offset, epoch);
}

/** The snapshots beside a metadata log, oldest first. */
export class SnapshotStore {
  private ids: SnapshotId[] = [];

  constructor(private readonly disk: Disk, private readonly directory: string) {}

  /** Finds what is there; what was never finished, or was about to be deleted, goes. */
  load(): void {
    this.ids = [];
    for (const name of this.disk.list(this.directory)) {
      const found = parseMetadataSnapshotFile(name);
      if (found === undefined) continue;
      if (found.isWhole) this.ids.push({ offset: found.offset, epoch: found.epoch });
      else this.disk.removeNow(`${this.directory}/${name}`);
    }
    this.ids.sort((a, b) => a.offset - b.offset || a.epoch - b.epoch);
  }

  get all(): readonly SnapshotId[] {
    return this.ids;
  }

  get latest(): SnapshotId | undefined {
    return this.ids.at(-1);
  }

  /** Whole and sound; throws `MalformedError` naming the file otherwise. */
  read(id: SnapshotId): Buffer {
    const path = this.path(id);
    const bytes = this.disk.readFile(path);
    try {
      checkSnapshot(bytes);
    } catch (error) {
      if (error instanceof Error) error.message = `${path}: ${error.message}`;
      throw error;
    }
    return bytes;
  }

  sizeOf(id: SnapshotId): number {
    return this.disk.stat(this.path(id))?.sizeBytes ?? 0;
  }

  /** Writes a snapshot under its name once all of it is durable; the event loop breathes between batches. */
  async write(id: SnapshotId, batches: Iterable<Buffer>, clock: Clock): Promise<void> {
    const partial = `${this.path(id)}${PARTIAL_SUFFIX}`;
    const file = this.disk.open(partial, { create: true });
    try {
      await file.truncate(0);
      let position = 0;
      for (const batch of batches) {
        position += await file.write([batch], position);
        await new Promise<void>(resolve => clock.endOfTurn(resolve));
      }
      await file.sync();
    } finally {
      file.close();
    }
    this.disk.rename(partial, this.path(id));
    this.disk.syncDirectory(this.directory);
    if (!this.ids.some(({ offset, epoch }) => offset === id.offset && epoch === id.epoch)) this.ids.push(id);
  }

  async remove(id: SnapshotId): Promise<void> {
    this.ids = this.ids.filter(other => other !== id);
    await this.disk.remove(this.path(id));
  }

  private path(id: SnapshotId): string {
    return `${this.directory}/${snapshotFile(id)}`;
  }
}

export const isAbsent = (error: unknown): boolean => error instanceof DiskError && error.code === 'ENOENT';
