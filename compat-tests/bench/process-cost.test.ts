import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { costOf, isAlive, residentMb } from './process-cost.js';

test("a process's CPU time and memory are read, and its end is seen", async () => {
  const busy = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  const gone = new Promise(resolve => { busy.once('exit', resolve); });
  const pid = busy.pid!;
  try {
    expect(isAlive(pid)).toBe(true);
    // Until it has used a few ticks of the clock, however busy the machine is.
    const { cost } = await costOf(pid, async () => {
      for (let used = 0; used < 0.05;) used += (await costOf(pid, () => new Promise(resolve => { setTimeout(resolve, 20); }))).cost.cpuSeconds;
    });
    expect(cost.cpuSeconds).toBeGreaterThanOrEqual(0.05);
    expect(cost.residentMb).toBeGreaterThan(5);
  } finally {
    busy.kill('SIGKILL');
  }
  await gone;
  expect(isAlive(pid)).toBe(false);
  expect(() => residentMb(pid)).toThrow();
});
