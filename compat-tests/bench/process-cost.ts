// What a process used, from /proc.

import { readFileSync } from 'node:fs';

/** Clock ticks a second in /proc/PID/stat: 100 on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100;
const KILOBYTES_PER_MEGABYTE = 1024;

export interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** At the end of what was measured. */
  readonly residentMb: number;
}

/** User and system time of all of a process's threads, the ended ones too. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command's name, in parentheses, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

export function residentMb(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (kilobytes === null) throw new Error(`process ${pid} is gone`);
  return Number(kilobytes[1]) / KILOBYTES_PER_MEGABYTE;
}

export function isAlive(pid: number): boolean {
  try {
    return residentMb(pid) > 0;
  } catch {
    return false;
  }
}

/** Runs `work` and says what the process used meanwhile. */
export async function costOf<T>(pid: number, work: () => Promise<T>): Promise<{ result: T; cost: Cost }> {
  const startMs = performance.now();
  const startCpu = cpuSeconds(pid);
  const result = await work();
  const seconds = (performance.now() - startMs) / 1000;
  return { result, cost: { seconds, cpuSeconds: cpuSeconds(pid) - startCpu, residentMb: residentMb(pid) } };
}

/** What a process used since it began, `seconds` ago. */
export function costSoFar(pid: number, seconds: number): Cost {
  return { seconds, cpuSeconds: cpuSeconds(pid), residentMb: residentMb(pid) };
}
