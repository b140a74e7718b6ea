// `make bench`: Apache Kafka and Ottla side by side. See docs/benchmarks.md, which a whole run writes.

import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../support/toolchains.js';
import { helpOf, PlainError, wishOf, type Wish } from './arguments.js';
import { buildLoads } from './load.js';
import { chart } from './report/chart.js';
import { markdown } from './report/markdown.js';
import { summary, turnLines } from './report/terminal.js';
import { machine, type Results } from './results.js';
import { FULL, QUICK, ROWS } from './rows/index.js';
import { runAll } from './run.js';
import { Target } from './target.js';

const BUILD = join(ROOT, 'build/bench');
const PAGE = join(ROOT, 'docs/benchmarks.md');
const CHART = join(ROOT, 'docs/benchmarks.svg');
const FULL_RESULTS = join(BUILD, 'results.json');
const PARTIAL_RESULTS = join(BUILD, 'partial-results.json');

const say = (line: string) => process.stdout.write(`${line}\n`);

function writePage(results: Results): void {
  mkdirSync(dirname(PAGE), { recursive: true });
  writeFileSync(PAGE, markdown(results, ROWS, FULL));
  writeFileSync(CHART, chart(results, ROWS));
  say('docs/benchmarks.md and docs/benchmarks.svg are written');
}

/** A folder of this run alone; what runs that were killed have left is removed. */
function dataFolder(): string {
  const parent = join(BUILD, 'data');
  mkdirSync(parent, { recursive: true });
  for (const left of readdirSync(parent)) {
    if (!runs(Number(left))) rmSync(join(parent, left), { recursive: true, force: true });
  }
  const folder = join(parent, String(process.pid));
  mkdirSync(folder);
  return folder;
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function measure(wish: Wish, command: string): Promise<Results> {
  await buildLoads();
  const folder = dataFolder();
  const profileFolder = join(BUILD, 'profile');
  const targets = wish.kinds.map(kind => new Target(kind, { dataFolder: folder, ...(wish.profile && { profileFolder }) }));
  const results: Results = { date: new Date().toISOString(), command, machine: machine(), rounds: wish.rounds, minutes: 0, outcomes: {}, limits: {} };
  let stopped = false;
  let removing: Promise<void> | undefined;
  const remove = () => removing ??= (async () => {
    await Promise.all(targets.map(target => target.remove()));
    rmSync(folder, { recursive: true, force: true });
  })();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // An impatient second one does not keep the data from being removed.
    process.on(signal, () => {
      if (stopped) return;
      say(`stopped by ${signal}: removing brokers and data`);
      stopped = true;
      void remove().finally(() => process.exit(1));
    });
  }
  const startMs = performance.now();
  try {
    await runAll(wish, targets, wish.quick ? QUICK : FULL, results, {
      say,
      stopped: () => stopped,
      rowDone: (row, _round, latest) => {
        for (const line of turnLines(row, latest)) say(line);
        results.minutes = (performance.now() - startMs) / 60_000;
        writeFileSync(wish.whole ? FULL_RESULTS : PARTIAL_RESULTS, JSON.stringify(results, null, 1));
      },
    });
  } finally {
    await remove();
  }
  // Half a run is no result; the signal's own handler ends the process.
  if (stopped) throw new PlainError('stopped before the end');
  results.minutes = (performance.now() - startMs) / 60_000;
  if (wish.profile) say(`Ottla's CPU profiles are in ${profileFolder}`);
  return results;
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const wish = wishOf(args, process.env['BROKERS'], ROWS);
  if (wish.help) {
    for (const line of helpOf(ROWS)) say(line);
    return 0;
  }
  if (wish.reportOnly) {
    if (!existsSync(FULL_RESULTS)) throw new PlainError(`--report: no whole run has left its results in ${FULL_RESULTS} yet`);
    writePage(JSON.parse(readFileSync(FULL_RESULTS, 'utf8')) as Results);
    return 0;
  }
  const results = await measure(wish, ['make bench', ...(args.length > 0 ? [`ARGS='${args.join(' ')}'`] : [])].join(' '));
  writeFileSync(wish.whole ? FULL_RESULTS : PARTIAL_RESULTS, JSON.stringify(results, null, 1));
  for (const line of summary(results, wish.rows)) say(line);
  if (wish.whole) writePage(results);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof PlainError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
}
