import { builtin } from './builtin.js';
import { openSync, closeSync, existsSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { DiskError, type DiskLock } from '../disk.js';

/**
 * An exclusive lock on a file among processes that vanishes with its holder, whatever kills it. Node cannot ask for the
 * `fcntl` lock that a Java broker takes, so on Linux a name in the abstract socket space stands for the file, which the kernel
 * frees, and `/proc/locks` tells of a Java broker. Elsewhere a file beside holds the process id of the owner.
 */
export type LockMethod = 'abstract-socket' | 'pid-file';

/** Takes the lock on a file that exists. Throws `DiskError` ELOCKED when another process or broker has it. */
export async function lockFile(path: string, method: LockMethod = process.platform === 'linux' ? 'abstract-socket' : 'pid-file'): Promise<DiskLock> {
  if (process.platform === 'linux') refuseWhenLockedByFcntl(path);
  return method === 'abstract-socket' ? lockByAbstractSocket(path) : lockByPidFile(path);
}

/** Whether a broker has the lock on a file that exists; nothing is written to find out. */
export async function isLocked(path: string): Promise<boolean> {
  try {
    if (process.platform === 'linux') {
      refuseWhenLockedByFcntl(path);
      // Taking a name leaves no trace.
      (await lockByAbstractSocket(path)).release();
    }
    return ownerOfLock(path) !== undefined;
  } catch (error) {
    if (error instanceof DiskError && error.code === 'ELOCKED') return true;
    throw error;
  }
}

/** Who holds it by a file beside it; undefined when nobody does. */
function ownerOfLock(path: string): number | undefined {
  return existsSync(`${path}.pid`) ? ownerOf(`${path}.pid`) : undefined;
}

function locked(path: string, by: string): DiskError {
  return new DiskError('ELOCKED', path, `${path} is locked by ${by}: its directory belongs to a broker that is running`);
}

interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
}

function identify(path: string): FileIdentity {
  const { dev, ino } = statSync(path, { bigint: true });
  return { device: dev, inode: ino };
}

function refuseWhenLockedByFcntl(path: string): void {
  let locks: string;
  try {
    locks = readFileSync('/proc/locks', 'utf8');
  } catch {
    return; // Not every container shows it.
  }
  const holder = fcntlHolder(locks, identify(path));
  if (holder !== undefined) throw locked(path, `process ${holder}`);
}

/** The process that holds an fcntl lock on a file, by the text of `/proc/locks`: `1: POSIX  ADVISORY  WRITE 812 fe:00:1234 0 EOF`. */
export function fcntlHolder(locks: string, { device, inode }: FileIdentity): string | undefined {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  const wanted = `${hex2(major)}:${hex2(minor)}:${inode}`;
  for (const line of locks.split('\n')) {
    const [, kind, , , pid, file] = line.trim().split(/\s+/);
    if ((kind === 'POSIX' || kind === 'OFDLCK') && file === wanted) return pid;
  }
  return undefined;
}

function hex2(value: bigint): string {
  return value.toString(16).padStart(2, '0');
}

async function lockByAbstractSocket(path: string): Promise<DiskLock> {
  const { device, inode } = identify(path);
  const { createServer } = builtin('node:net');
  const server = createServer(socket => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.on('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? locked(path, 'another process or broker') : error);
    });
    server.listen({ path: `\0ottla-lock-${device}-${inode}`, exclusive: true }, resolve);
  });
  server.unref();
  return { release: () => { server.close(); } };
}

/** Paths that this process holds; every copy of this module in the process shares it. */
const held = ((globalThis as { [key: symbol]: unknown })[Symbol.for('ottla.locked-files')] ??= new Set<string>()) as Set<string>;

function lockByPidFile(path: string): DiskLock {
  const { device, inode } = identify(path);
  const key = `${device}-${inode}`;
  const pidPath = `${path}.pid`;
  if (held.has(key)) throw locked(path, 'another broker in this process');
  while (!createPidFile(pidPath)) {
    const owner = ownerOf(pidPath);
    if (owner !== undefined) throw locked(path, `process ${owner}`);
    unlinkSync(pidPath);
  }
  held.add(key);
  return {
    release() {
      if (held.delete(key)) unlinkSync(pidPath);
    },
  };
}

function createPidFile(pidPath: string): boolean {
  try {
    const descriptor = openSync(pidPath, 'wx');
    writeSync(descriptor, String(process.pid));
    closeSync(descriptor);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** The living process that a pid file names. Our own number is that of a dead predecessor: containers start at 1 each time. */
function ownerOf(pidPath: string): number | undefined {
  const pid = Number(readFileSync(pidPath, 'utf8'));
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? pid : undefined;
  }
}
