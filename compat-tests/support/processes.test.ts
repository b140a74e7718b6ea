import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pause } from './until.js';
import { ROOT } from './toolchains.js';
import { Process, mustRun, run, within } from './processes.js';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await pause(10);
}

test('a child and what it started die with a process that is killed hard', async () => {
  // The parent of it all runs this module in a process of its own, tells us the pids, and is killed.
  const parent = spawn(process.execPath, [join(ROOT, 'build/tests/compat-tests/support/parent.main.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pids = await new Promise<number[]>(resolve => {
    parent.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim().split(' ').map(Number)));
  });
  expect(pids.map(isAlive)).toEqual([true, true]);
  parent.kill('SIGKILL');
  await within(10_000, Promise.all(pids.map(untilGone)), () => `still there: ${pids.filter(isAlive).join(', ')}`);
});

test('a command that runs too long is killed and says so', async () => {
  const output = await run('sleep', ['60'], { timeoutMs: 100 });
  expect(output.code).not.toBe(0);
  expect(output.stderr).toContain('still running after 100 ms');
});

test('a command that fails is quoted, one that does not exist is named', async () => {
  await expect(mustRun('sh', ['-c', 'echo the reason >&2; exit 3'])).rejects.toThrow(/ended with 3:[^]*the reason/);
  await expect(mustRun('no-such-command', [])).rejects.toThrow(/no-such-command/);
});

test('lines arrive whole, the last one without a newline too', async () => {
  const lines: string[] = [];
  const child = new Process('printf', ['one\\ntwo ä\\nthree'], { onLine: line => lines.push(line) });
  await child.ended;
  expect(lines).toEqual(['one', 'two ä', 'three']);
});
