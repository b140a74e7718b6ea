// One run: clients work, all is disturbed, feeders end, what is under way is finished, and all is judged.

import { figuresOf, type Figures } from './figures.js';
import { SeededRandom } from '../support/random.js';
import { Disturbances } from './disturbances.js';
import { findHanging, judge, underWay } from './judge.js';
import { TRANSACTION_TIMEOUT_MS } from './judged.js';
import { Stage, type StageOptions } from './stage.js';
import { Tail } from './tail.js';
import { withClient } from './committed-log.js';

export interface SoakOptions extends StageOptions {
  readonly seed: number;
  /** What happens while clients work. */
  readonly disturb: (disturbances: Disturbances, stage: Stage) => Promise<void>;
  /** The output is given up when it has not grown for so long after the end of the input; by default longer than anything may hold up the rest. */
  readonly patienceMs?: number;
  /** Before all is removed: who wants to look at the broker's data and the journals of clients can keep them (`KEEP_DATA`). */
  readonly onFaults?: (dataDir: string, journals: string) => void;
  /** A line about what has been done so far, every few seconds. */
  readonly onProgress?: (line: string) => void;
}

export interface SoakResult {
  /** What must not be; none when all went well. */
  readonly faults: readonly string[];
  readonly figures: Figures;
  /** In a sentence. */
  readonly summary: string;
}

const PROGRESS_EVERY_MS = 5_000;
const WARM_UP_TIMEOUT_MS = 60_000;
const LOOK_MS = 300;
/** A session and a transaction that time out, and a rebalance. */
const PATIENCE_MS = 20_000;
const END_TIMEOUT_MS = TRANSACTION_TIMEOUT_MS + 15_000;

const sleep = (ms: number): Promise<void> => new Promise(resolve => { setTimeout(resolve, ms); });

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const startMs = Date.now();
  const random = new SeededRandom(options.seed);
  const stage = await Stage.open(options, random);
  const tail = new Tail(stage.broker, stage.judged, () => stage.newProcess());
  const disturbances = new Disturbances(stage, tail, random);
  const tell = (): string => `${seconds(startMs)} s: ${disturbances.kills} kills, ${[...disturbances.counts.values()].reduce((a, b) => a + b, 0) - disturbances.kills} other faults; `
    + `transactions: ${stage.progress.committed} committed, ${stage.progress.aborted} aborted, ${stage.progress.lost} lost; ${stage.progress.records} records committed`;
  const ticker = setInterval(() => options.onProgress?.(tell()), PROGRESS_EVERY_MS);
  try {
    await warmUp(stage, tail);
    await options.disturb(disturbances, stage);
    options.onProgress?.(`${seconds(startMs)} s: the feeders end, the rest is finished`);
    const faults = await drain(stage, tail, options.patienceMs ?? PATIENCE_MS);
    const verdict = await judge(stage.broker.port, stage.judged, tail, stage.historiesOf());
    faults.push(...verdict.faults, ...await findHanging(stage.broker.port));
    if (faults.length > 0) options.onFaults?.(stage.broker.dataDir, stage.folder);
    const figures = figuresOf([...stage.historiesOf().values()].flat(), disturbances.counts, disturbances.kills, verdict);
    return { faults, figures, summary: `${stage.broker.kind}, seed ${options.seed}, ${seconds(startMs)} s: ${sentence(figures)}; ${stage.judged.map(({ name }) => name).join(', ')}` };
  } finally {
    clearInterval(ticker);
    await tail.stop();
    await stage.close();
  }
}

const seconds = (startMs: number): string => ((Date.now() - startMs) / 1000).toFixed(0);

const sentence = ({ kills, others, transactions, records, markers }: Figures): string =>
  `${kills} kills of the broker survived, and ${[...others].map(([name, often]) => `${often} x ${name}`).join(', ')}; transactions: ${transactions.committed} committed, `
  + `${transactions.aborted} aborted, ${transactions.unknown} of unknown end; ${markers.commit} commit and ${markers.abort} abort markers in the logs; ${records} committed records checked`;

/** Until there is something committed in every topic: kills should meet transactions. */
async function warmUp(stage: Stage, tail: Tail): Promise<void> {
  const startMs = Date.now();
  const silent = (): string[] => [...tail.lastGrowthMs].filter(([, lastMs]) => lastMs < startMs).map(([topic]) => topic);
  while (silent().length > 0) {
    if (stage.failures.length > 0) throw new Error(stage.failures.join('\n'));
    if (Date.now() - startMs > WARM_UP_TIMEOUT_MS) throw new Error(`nothing is committed in ${silent().join(', ')} after ${WARM_UP_TIMEOUT_MS / 1000} s:\n${stage.complaints}`);
    await sleep(LOOK_MS);
  }
}

/** Ends feeders, waits for what is owed for their input, ends the rest, and waits for the last transaction; what went wrong in it. */
async function drain(stage: Stage, tail: Tail, patienceMs: number): Promise<string[]> {
  await Promise.all(stage.feeders.map(feeder => feeder.stop()));
  // What the feeders committed last is part of the input too.
  await noneUnderWay(stage, 'feeder');
  const faults = await nothingOwed(stage, tail, patienceMs);
  for (const ended of await Promise.allSettled(stage.workers.map(worker => worker.stop()))) {
    if (ended.status === 'rejected') faults.push((ended.reason as Error).message);
  }
  faults.push(...await noneUnderWay(stage, ''));
  await tail.finish();
  return [...faults, ...stage.failures];
}

/** Waits until every output is as long as it should be, as long as it gets any longer. */
async function nothingOwed(stage: Stage, tail: Tail, patienceMs: number): Promise<string[]> {
  let least = Infinity;
  let lastMs = Date.now();
  for (;;) {
    const owing = stage.judged.map(each => ({ name: each.name, owed: Math.max(0, each.owed(tail.records)) })).filter(({ owed }) => owed > 0);
    const owed = owing.reduce((sum, each) => sum + each.owed, 0);
    if (owed === 0) return [];
    if (owed < least) {
      least = owed;
      lastMs = Date.now();
    }
    if (Date.now() - lastMs > patienceMs) return owing.map(each => `${each.name}: ${each.owed} records of output never came`);
    await sleep(LOOK_MS);
  }
}

/** Waits for the end of transactions whose id has `part` in it; those that do not end. */
async function noneUnderWay(stage: Stage, part: string): Promise<string[]> {
  const deadlineMs = Date.now() + END_TIMEOUT_MS;
  for (;;) {
    const left = (await withClient(stage.broker.port, underWay)).filter(each => each.includes(part));
    if (left.length === 0) return [];
    if (Date.now() > deadlineMs) return left;
    await sleep(LOOK_MS);
  }
}
