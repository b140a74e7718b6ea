import { afterAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { diskContract } from '../contract/disk-contract.js';
import { NodeDisk } from './disk.js';
import { fcntlHolder } from './lock.js';

const root = mkdtempSync(join(tmpdir(), 'ottla-disk-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let directories = 0;
function freshDirectory(): string {
  const disk = new NodeDisk();
  const directory = join(root, String(directories++));
  disk.makeDirectory(directory);
  return directory;
}

diskContract('NodeDisk', async () => ({ disk: new NodeDisk(), directory: freshDirectory() }));
diskContract('NodeDisk with pid files', async () => ({ disk: new NodeDisk({ lockMethod: 'pid-file' }), directory: freshDirectory() }));

test('names the file and what was tried in the message', () => {
  const path = join(root, 'absent', 'file');
  expect(() => new NodeDisk().open(path)).toThrow(`cannot open ${path}`);
});

(process.platform === 'linux' ? test : test.skip)('a directory whose parent can have no children is refused, not tried for ever', () => {
  expect(() => new NodeDisk().makeDirectory('/proc/nope/deeper')).toThrow(/\/proc\/nope/);
});

test('a full disk is ENOSPC', () => {
  const file = new NodeDisk().open('/dev/full');
  expect(() => file.writeNow([Buffer.from('x')], 0)).toThrow(expect.objectContaining({ name: 'DiskError', code: 'ENOSPC' }));
  file.close();
});

/** Runs a script in another Node until it prints a line, and gives a way to kill it as `kill -9` does. */
async function otherProcess(script: string, ...args: string[]): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, ['-e', script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
}

test.each([
  ['abstract-socket', 'require("net").createServer().listen("\\0ottla-lock-" + process.argv[1], () => console.log("held"))'],
  ['pid-file', 'require("fs").writeFileSync(process.argv[2], String(process.pid)); console.log("held"); setInterval(() => {}, 1000)'],
] as const)('a lock by %s outlives no kill -9 of its holder', async (lockMethod, script) => {
  const disk = new NodeDisk({ lockMethod });
  const path = join(freshDirectory(), '.lock');
  writeFileSync(path, '');
  const { dev, ino } = statSync(path, { bigint: true });
  const kill = await otherProcess(script, `${dev}-${ino}`, `${path}.pid`);
  await expect(disk.lock(path)).rejects.toMatchObject({ code: 'ELOCKED' });
  await kill();
  const lock = await disk.lock(path);
  lock.release();
  expect(readdirSync(join(path, '..'))).toEqual(['.lock']);
});

test('a pid file with our own number is a dead predecessor\'s, as in a container that starts again', async () => {
  const path = join(freshDirectory(), '.lock');
  writeFileSync(`${path}.pid`, String(process.pid));
  const lock = await new NodeDisk({ lockMethod: 'pid-file' }).lock(path);
  lock.release();
});

test('finds the fcntl lock of a Java broker in the kernel\'s list', () => {
  const locks = [
    '1: FLOCK  ADVISORY  WRITE 20770 fe:00:77 0 EOF',
    '2: POSIX  ADVISORY  WRITE 812 fe:01:9977873 0 EOF',
    '2: -> POSIX  ADVISORY  WRITE 900 fe:01:1 0 EOF',
  ].join('\n');
  expect(fcntlHolder(locks, { device: 0xfe01n, inode: 9977873n })).toBe('812');
  expect(fcntlHolder(locks, { device: 0xfe00n, inode: 9977873n })).toBeUndefined();
  expect(fcntlHolder(locks, { device: 0xfe00n, inode: 77n })).toBeUndefined();
});
