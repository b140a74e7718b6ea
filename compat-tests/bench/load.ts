// The load programs: ours in Go, a normal Go client, Apache's own tools.

import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Process, mustRun, run } from '../support/processes.js';
import { freePort } from '../support/brokers.js';
import { COMPAT_BUILD, JAVA_CLASSPATH, JAVA_LIB, ROOT } from '../support/toolchains.js';

const RAW = join(COMPAT_BUILD, 'load');
const FRANZ = join(COMPAT_BUILD, 'franz');
const BUILD_TIMEOUT_MS = 300_000;
const CLIENT_HEAP = '-Xmx512m';

/** What a program found, by name. */
export type Found = Readonly<Record<string, number>>;

/** Builds the programs; the go command keeps its own account of what changed. */
export async function buildLoads(): Promise<void> {
  mkdirSync(COMPAT_BUILD, { recursive: true });
  await mustRun('go', ['build', '-o', RAW, '.'], { cwd: join(ROOT, 'compat-tests/bench/go'), timeoutMs: BUILD_TIMEOUT_MS });
  await mustRun('go', ['build', '-o', FRANZ, './bench'], { cwd: join(ROOT, 'compat-tests/clients/go'), timeoutMs: BUILD_TIMEOUT_MS });
}

function flags(options: Readonly<Record<string, string | number | boolean>>): string[] {
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`);
}

/** What the program prints; its own last words when it fails, which are shown with the row. */
async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command, args);
  if (code === 0) return stdout;
  throw new Error(stderr.trim().split('\n').at(-1) || `${basename(command)} ended with ${code}`);
}

async function json(command: string, args: readonly string[]): Promise<Found> {
  return JSON.parse(await outputOf(command, args)) as Found;
}

/** One load of the raw client. */
export function raw(mode: 'produce' | 'fetch' | 'small' | 'latency' | 'transactions', options: Readonly<Record<string, string | number | boolean>>): Promise<Found> {
  return json(RAW, [mode, ...flags(options)]);
}

export function franz(mode: 'produce' | 'consume' | 'group' | 'transactions' | 'pipeline', options: Readonly<Record<string, string | number>>): Promise<Found> {
  return json(FRANZ, [mode, ...flags(options)]);
}

/** Java's clients with their defaults, in a virtual machine of their own. */
export function javaTransactions(mode: 'loop' | 'pipeline', options: Readonly<Record<string, string | number>>): Promise<Found> {
  const given = Object.entries({ mode, ...options }).map(([name, value]) => `${name}=${value}`);
  return json('java', [CLIENT_HEAP, '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', JAVA_CLASSPATH, 'ottla.bench.Transactions', ...given]);
}

/** The heap is what Apache's own scripts give these tools; they run in a virtual machine of their own, started for it. */
export async function apacheTool(name: 'ProducerPerformance' | 'ConsumerPerformance' | 'EndToEndLatency', args: readonly string[]): Promise<string> {
  return await outputOf('java', [
    CLIENT_HEAP, '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', `${JAVA_LIB}/*`, `org.apache.kafka.tools.${name}`, ...args,
  ]);
}

/** Runs `work` against the server that does nothing. */
export async function withNullServer<T>(work: (address: string) => Promise<T>): Promise<T> {
  const port = await freePort();
  let isReady: () => void = () => undefined;
  const ready = new Promise<void>(resolve => { isReady = resolve; });
  const server = new Process(RAW, ['null', `--port=${port}`], { onLine: () => isReady() });
  try {
    const ended = server.ended.then(() => { throw new Error(`the null server ended:\n${server.errorTail()}`); });
    ended.catch(() => undefined);
    await Promise.race([ready, ended]);
    return await work(`127.0.0.1:${port}`);
  } finally {
    await server.kill();
  }
}
