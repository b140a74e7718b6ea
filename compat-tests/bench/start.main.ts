// `make bench-start`: how long from a cold start to the first acknowledged record, and what an idle broker holds.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brokerUnderTest } from '../support/brokers.js';
import { mustRun } from '../support/processes.js';
import { ROOT } from '../support/toolchains.js';
import { pause } from '../support/until.js';
import { writeFirstRecord } from './first-record.js';
import { median } from './statistics.js';

const ROUNDS = Number(process.env['ROUNDS'] ?? 20);
const IDLE_MS = 5_000;

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await run();
  return performance.now() - startMs;
}

/** One start on a fresh directory. Apache's is formatted before, as its start asks for. */
async function coldStart(): Promise<number> {
  const broker = brokerUnderTest();
  try {
    await broker.prepare();
    return await timed(async () => {
      await broker.start();
      await writeFirstRecord(broker);
    });
  } finally {
    await broker.remove();
  }
}

/** Resident memory, in MB, of a broker that wrote one record and was then left alone. */
async function idleMemory(): Promise<number> {
  const broker = brokerUnderTest();
  try {
    await broker.start();
    await writeFirstRecord(broker);
    await pause(IDLE_MS);
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${broker.pid}/status`, 'utf8'))![1];
    return Number(kilobytes) / 1024;
  } finally {
    await broker.remove();
  }
}

/** Milliseconds of the first broker of a process, and of those that follow in it. */
async function inProcess(rounds: number): Promise<number[]> {
  const { stdout } = await mustRun(process.execPath, [join(ROOT, 'build/tests/compat-tests/bench/in-process.main.mjs'), String(rounds)]);
  return JSON.parse(stdout) as number[];
}

function row(what: string, values: readonly number[], unit: string, aim?: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  const figures = [median(values), sorted[0]!, sorted.at(-1)!].map(value => value.toFixed(0).padStart(7)).join('');
  return `${what.padEnd(52)}${figures} ${unit.padEnd(4)}${aim === undefined ? '' : `aim <= ${aim}`}`.trimEnd();
}

const kind = process.env['BROKER'] ?? 'ottla';
const cold: number[] = [];
const bare: number[] = [];
const first: number[] = [];
// Side by side, so that a noisy moment of the machine meets all of them.
for (let round = 0; round < ROUNDS; round++) {
  bare.push(await timed(() => mustRun(process.execPath, ['-e', '0'])));
  cold.push(await coldStart());
  if (kind === 'ottla') first.push(...(await inProcess(1)));
}
const rows = [
  `${'from start to the first acknowledged record'.padEnd(52)} median    min    max`,
  row('node -e 0, alone', bare, 'ms'),
  row(`${kind} start, cold, fresh directory, ${ROUNDS} starts`, cold, 'ms', 250),
];
if (kind === 'ottla') {
  rows.push(row('startBroker({ port: 0 }), first of its process', first, 'ms', 30));
  rows.push(row('startBroker({ port: 0 }), later in its process', (await inProcess(ROUNDS + 1)).slice(1), 'ms', 30));
}
rows.push(row(`${kind}, resident memory after ${IDLE_MS / 1000} s idle`, [await idleMemory()], 'MB', 80));
process.stdout.write(`${rows.join('\n')}\n`);
