import { expect, test } from '@jest/globals';
import { BLOCK_BYTES, BlockMemory } from '../../base/block-memory.js';
import { DiskError, type Disk } from '../disk.js';

/** What every `Disk` must do; `open` gives a fresh one and an empty directory on it. */
export function diskContract(name: string, open: () => Promise<{ disk: Disk; directory: string }>): void {
  const check = (what: string, run: (disk: Disk, directory: string) => Promise<void> | void): void => {
    test(`${name}: ${what}`, async () => {
      const { disk, directory } = await open();
      await run(disk, directory);
    });
  };

  check('writes at positions, in order, and reads back across them', async (disk, directory) => {
    const file = disk.open(`${directory}/a.log`, { create: true });
    expect(file.writeNow([Buffer.from('hello '), Buffer.from('wide '), Buffer.from('world')], 0)).toBe(16);
    expect(await file.write([Buffer.from('WORLD'), Buffer.from('!')], 11)).toBe(6);
    expect(file.sizeBytes()).toBe(17);
    const target = Buffer.alloc(20, '.');
    expect(file.readNow(target, 1, 17, 0)).toBe(17);
    expect(target.toString()).toBe('.hello wide WORLD!..');
    expect(await file.read(target, 0, 20, 12)).toBe(5);
    expect(target.subarray(0, 5).toString()).toBe('ORLD!');
    expect(file.readNow(target, 0, 5, 17)).toBe(0);
    file.close();
  });

  check('fills what lies between the end and a later write with zeros', (disk, directory) => {
    const file = disk.open(`${directory}/sparse`, { create: true });
    file.writeNow([Buffer.from('end')], 200_000);
    const target = Buffer.alloc(4, 1);
    expect(file.readNow(target, 0, 4, 100_000)).toBe(4);
    expect(target).toEqual(Buffer.alloc(4));
    expect(file.sizeBytes()).toBe(200_003);
    file.close();
  });

  check('writes more buffers than one system call takes', async (disk, directory) => {
    const file = disk.open(`${directory}/many`, { create: true });
    const buffers = Array.from({ length: 3000 }, (_, index) => Buffer.from(String(index % 10)));
    expect(file.writeNow(buffers, 0)).toBe(3000);
    expect(await file.write(buffers, 3000)).toBe(3000);
    const whole = disk.readFile(`${directory}/many`).toString();
    expect(whole).toBe('0123456789'.repeat(600));
    expect(file.writeNow([], 0)).toBe(0);
    file.close();
  });

  check('writes whole blocks past the page cache, where it can at all', (disk, directory) => {
    const path = `${directory}/direct`;
    const file = disk.open(path, { create: true });
    file.writeNow([Buffer.from('what is cached is seen, and replaced')], 0);
    const memory = new BlockMemory(2 * BLOCK_BYTES);
    const blocks = memory.take().fill('x');
    const direct = codeOf(() => disk.open(path, { direct: true }).close()) === 'EINVAL' ? undefined : disk.open(path, { direct: true });
    if (direct === undefined) return;
    expect(memory.isAligned).toBe(true);
    expect(direct.writeNow([blocks.subarray(0, BLOCK_BYTES), blocks], 0)).toBe(3 * BLOCK_BYTES);
    const target = Buffer.alloc(20);
    file.readNow(target, 0, 20, 0);
    expect([target.toString(), file.sizeBytes()]).toEqual(['x'.repeat(20), 3 * BLOCK_BYTES]);
    expect(codeOf(() => direct.writeNow([blocks], 1))).toBe('EINVAL');
    expect(codeOf(() => direct.writeNow([blocks.subarray(0, 100)], 0))).toBe('EINVAL');
    direct.close();
    file.close();
  });

  check('truncates and extends, and what was cut off reads as zeros', async (disk, directory) => {
    const file = disk.open(`${directory}/t`, { create: true });
    file.writeNow([Buffer.from('0123456789')], 0);
    file.truncateNow(4);
    await file.truncate(8);
    expect(disk.readFile(`${directory}/t`).toString('latin1')).toBe('0123\0\0\0\0');
    await file.sync();
    file.syncNow();
    file.close();
  });

  check('refuses what is absent or closed with the code of the system', async (disk, directory) => {
    expect(codeOf(() => disk.open(`${directory}/none`))).toBe('ENOENT');
    expect(codeOf(() => disk.readFile(`${directory}/none`))).toBe('ENOENT');
    expect(codeOf(() => disk.list(`${directory}/none`))).toBe('ENOENT');
    expect(codeOf(() => disk.rename(`${directory}/none`, `${directory}/x`))).toBe('ENOENT');
    expect(codeOf(() => disk.open(`${directory}/no/such`, { create: true }))).toBe('ENOENT');
    expect(disk.stat(`${directory}/none`)).toBeUndefined();
    const file = disk.open(`${directory}/closed`, { create: true });
    file.close();
    file.close();
    expect(codeOf(() => file.writeNow([Buffer.from('x')], 0))).toBe('EBADF');
    await expect(file.sync()).rejects.toMatchObject({ name: 'DiskError', code: 'EBADF', path: `${directory}/closed` });
  });

  check('refuses writing through a file opened for reading', (disk, directory) => {
    disk.open(`${directory}/r`, { create: true }).close();
    const file = disk.open(`${directory}/r`, { readOnly: true });
    expect(codeOf(() => file.writeNow([Buffer.from('x')], 0))).toBe('EBADF');
    file.close();
  });

  check('finishes what is under way when a file is closed', async (disk, directory) => {
    const file = disk.open(`${directory}/late`, { create: true });
    const writing = file.write([Buffer.alloc(100_000, 7)], 0);
    file.close();
    expect(await writing).toBe(100_000);
    expect(disk.readFile(`${directory}/late`).equals(Buffer.alloc(100_000, 7))).toBe(true);
  });

  check('makes directories with their parents, lists them sorted, and tells files from directories', (disk, directory) => {
    disk.makeDirectory(`${directory}/d/e/f`);
    disk.makeDirectory(`${directory}/d/e/f`);
    disk.open(`${directory}/d/b`, { create: true }).close();
    disk.open(`${directory}/d/a`, { create: true }).close();
    expect(disk.list(`${directory}/d`)).toEqual(['a', 'b', 'e']);
    expect(disk.stat(`${directory}/d/e`)).toMatchObject({ isDirectory: true });
    expect(disk.stat(`${directory}/d/a`)).toMatchObject({ isDirectory: false, sizeBytes: 0 });
    disk.syncDirectory(`${directory}/d`);
  });

  check('syncs a directory off the loop, also one that is renamed meanwhile', async (disk, directory) => {
    disk.makeDirectory(`${directory}/d`);
    const flushed = disk.flushDirectory(`${directory}/d`);
    disk.rename(`${directory}/d`, `${directory}/e`);
    await flushed;
    await expect(disk.flushDirectory(`${directory}/d`)).rejects.toMatchObject({ name: 'DiskError', code: 'ENOENT' });
  });

  check('renames files over others and directories with what is in them', (disk, directory) => {
    disk.makeDirectory(`${directory}/t-0`);
    disk.writeFileAtomically(`${directory}/t-0/x`, 'new');
    disk.writeFileAtomically(`${directory}/t-0/y`, 'old');
    const open = disk.open(`${directory}/t-0/x`);
    disk.rename(`${directory}/t-0/x`, `${directory}/t-0/y`);
    disk.rename(`${directory}/t-0`, `${directory}/t-0.gone`);
    expect(disk.list(directory)).toEqual(['t-0.gone']);
    expect(disk.list(`${directory}/t-0.gone`)).toEqual(['y']);
    // A descriptor follows its file, whatever name that has by now.
    open.writeNow([Buffer.from('N')], 0);
    expect(disk.readFile(`${directory}/t-0.gone/y`).toString()).toBe('New');
    open.close();
  });

  check('removes files and trees, and absence is no error', async (disk, directory) => {
    disk.makeDirectory(`${directory}/d/e`);
    disk.writeFileAtomically(`${directory}/d/e/x`, 'x');
    disk.writeFileAtomically(`${directory}/f`, 'f');
    disk.writeFileAtomically(`${directory}/g`, 'g');
    await disk.remove(`${directory}/f`);
    await disk.remove(`${directory}/f`);
    disk.removeNow(`${directory}/g`);
    disk.removeNow(`${directory}/g`);
    await disk.removeTree(`${directory}/d`);
    await disk.removeTree(`${directory}/d`);
    expect(disk.list(directory)).toEqual([]);
  });

  check('reads on from a file that was removed while open', async (disk, directory) => {
    const file = disk.open(`${directory}/gone`, { create: true });
    file.writeNow([Buffer.from('still')], 0);
    await disk.remove(`${directory}/gone`);
    const target = Buffer.alloc(5);
    expect(file.readNow(target, 0, 5, 0)).toBe(5);
    expect(target.toString()).toBe('still');
    file.close();
  });

  check('replaces a small file whole', (disk, directory) => {
    disk.writeFileAtomically(`${directory}/checkpoint`, 'first and long');
    disk.writeFileAtomically(`${directory}/checkpoint`, Buffer.from('second'));
    expect(disk.readFile(`${directory}/checkpoint`).toString()).toBe('second');
    expect(disk.list(directory)).toEqual(['checkpoint']);
  });

  check('gives a lock to one holder at a time', async (disk, directory) => {
    const path = `${directory}/.lock`;
    const lock = await disk.lock(path);
    await expect(disk.lock(path)).rejects.toMatchObject({ name: 'DiskError', code: 'ELOCKED', path, message: expect.stringContaining(path) });
    lock.release();
    lock.release();
    const again = await disk.lock(path);
    again.release();
    expect(disk.stat(path)).toMatchObject({ sizeBytes: 0 });
  });

  check('tells how much room there is', (disk, directory) => {
    const { totalBytes, usableBytes } = disk.usage(directory);
    expect(totalBytes).toBeGreaterThan(0);
    expect(usableBytes).toBeLessThanOrEqual(totalBytes);
  });
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DiskError) return error.code;
    throw error;
  }
  return 'no error';
}
