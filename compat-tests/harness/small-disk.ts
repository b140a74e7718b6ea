// A disk that is soon full: a small tmpfs. Mounting asks for rights that not every machine gives.

import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../support/processes.js';

export interface SmallDisk {
  readonly path: string;
  readonly freeBytes: number;
  /** Takes up all but `freeBytes`, so that a broker meets ENOSPC there. */
  fill(freeBytes: number): void;
  /** Gives back what `fill` took. */
  empty(): void;
  /** Unmounts; nobody may have a file open there any more. */
  remove(): Promise<void>;
}

const BALLAST = 'ballast';

/** Mounts a disk of so many bytes, or tells why it cannot be done here. */
export async function smallDisk(sizeBytes: number): Promise<SmallDisk | { missing: string }> {
  if (process.platform !== 'linux') return { missing: 'tmpfs is a thing of Linux' };
  const path = mkdtempSync(join(tmpdir(), 'small-disk-'));
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path]);
  if (mounted.code !== 0) {
    rmSync(path, { recursive: true });
    return { missing: `a tmpfs cannot be mounted: ${mounted.stderr}` };
  }
  const free = (): number => {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  };
  return {
    path,
    get freeBytes() {
      return free();
    },
    fill: freeBytes => { writeFileSync(join(path, BALLAST), Buffer.alloc(Math.max(0, free() - freeBytes))); },
    empty: () => { rmSync(join(path, BALLAST), { force: true }); },
    remove: async () => {
      // Lazily: a process that was killed a moment ago may not have let go yet.
      await run('umount', ['-l', path]);
      rmSync(path, { recursive: true });
    },
  };
}
