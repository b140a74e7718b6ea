// One run: clients work, all is disturbed, feeders end, what is under way is finished, and all is judged.

import { withClient } from '../support/with-client.js';
import { figuresOf, type Figures } from './figures.js';
import { SeededRandom } from '../support/random.js';
import { pause } from '../support/until.js';
import { Disturbances } from './disturbances.js';
import { findHanging, judge, underWay } from './judge.js';
import { TRANSACTION_TIMEOUT_MS } from './judged.js';
import { Stage, type StageOptions } from './stage.js';
import { Tail } from './tail.js';

export interface SoakOptions extends StageOptions {
  readonly seed: number;
  /** What happens while clients work. */
  readonly disturb: (disturbances: Disturbances, stage: Stage) => Promise<void>;
  /** The output is given up when it has not grown for so long after the end of the input; by default longer than anything may hold up the rest. */
  readonly patienceMs?: number;
  /** With it, what there is to look at is kept when there are faults, or the run breaks off. */
  readonly onEvidence?: (evidence: Evidence) => void;
  /** A line about what has been done so far, every few seconds. */
  readonly onProgress?: (line: string) => void;
}

/** Folders. */
export interface Evidence {
  /** Of the broker. */
  readonly dataDir: string;
  /** What clients noted down and said last, the state of Kafka Streams, and when what was done to whom. */
  readonly journals: string;
}

export interface SoakResult {
  /** What must not be; none when all went well. */
  readonly faults: readonly string[];
  readonly figures: Figures;
  /** In a sentence. */
  readonly summary: string;
}

const PROGRESS_EVERY_MS = 5_000;
/** Eight virtual machines and as many other programs start at once, maybe on a machine that others use. */
const WARM_UP_TIMEOUT_MS = 120_000;
const LOOK_MS = 300;
/** A session and a transaction that time out, and a rebalance. */
const PATIENCE_MS = 20_000;
const END_TIMEOUT_MS = TRANSACTION_TIMEOUT_MS + 15_000;

/** Says what is waited for. */
type Tell = (what: string) => void;

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const random = new SeededRandom(options.seed);
  const stage = await Stage.prepare(random);
  let isSound = false;
  try {
    await stage.open(options);
    const result = await run(stage, random, options);
    isSound = result.faults.length === 0;
    return result;
  } finally {
    if (!isSound) options.onEvidence?.({ dataDir: stage.broker.dataDir, journals: stage.folder });
    await stage.close({ keep: !isSound && options.onEvidence !== undefined });
  }
}

async function run(stage: Stage, random: SeededRandom, options: SoakOptions): Promise<SoakResult> {
  const startMs = Date.now();
  const tail = new Tail(stage.broker, stage.judged, () => stage.newProcess());
  const disturbances = new Disturbances(stage, tail, random);
  let doing = '';
  const report = (): void => options.onProgress?.(`${seconds(startMs)} s, ${doing}: ${soFar(disturbances, stage)}`);
  const ticker = setInterval(report, PROGRESS_EVERY_MS);
  const tell: Tell = what => { doing = what; };
  const begin = (phase: string): void => {
    tell(phase);
    stage.note(phase);
    report();
  };
  try {
    begin('warm-up');
    await warmUp(stage, tail, tell);
    begin('disturbed');
    await options.disturb(disturbances, stage);
    begin('the feeders end');
    const faults = await drain(stage, tail, options.patienceMs ?? PATIENCE_MS, tell);
    begin('all is judged');
    const verdict = await judge(stage.broker.port, stage.judged, tail, stage.historiesOf());
    faults.push(...verdict.faults, ...await findHanging(stage.broker.port));
    const pipelines = stage.judged.map(({ name }) => name);
    const figures = figuresOf([...stage.historiesOf().values()].flat(), disturbances, verdict, pipelines);
    return { faults, figures, summary: `${stage.broker.kind}, seed ${options.seed}, ${seconds(startMs)} s: ${sentence(figures)}; ${pipelines.join(', ')}` };
  } finally {
    clearInterval(ticker);
    await tail.stop();
  }
}

const seconds = (startMs: number): string => ((Date.now() - startMs) / 1000).toFixed(0);

function soFar({ kills, counts }: Disturbances, { progress }: Stage): string {
  const others = [...counts.values()].reduce((a, b) => a + b, 0) - kills;
  return `${kills} kills of the broker, ${others} other faults; transactions: ${progress.committed} committed, ${progress.aborted} aborted, `
    + `${progress.lost} of unknown end; ${progress.records} records committed`;
}

const sentence = ({ kills, others, transactions, records, markers }: Figures): string =>
  `${kills} kills of the broker survived, and ${[...others].map(([name, often]) => `${often} x ${name}`).join(', ') || 'nothing else'}; transactions: ${transactions.committed} committed, `
  + `${transactions.aborted} aborted, ${transactions.unknown} of unknown end; ${markers.commit} commit and ${markers.abort} abort markers in the logs; ${records} committed records checked`;

/** Until there is something committed in every topic: kills should meet transactions. */
async function warmUp(stage: Stage, tail: Tail, tell: Tell): Promise<void> {
  const startMs = Date.now();
  for (;;) {
    const silent = tail.silentSince(startMs).join(', ');
    if (silent === '') return;
    if (stage.failures.length > 0) throw new Error(stage.failures.join('\n'));
    if (Date.now() - startMs > WARM_UP_TIMEOUT_MS) throw new Error(`${silent}: not all topics have something committed after ${WARM_UP_TIMEOUT_MS / 1000} s:\n${stage.complaints}`);
    tell(`warm-up, until there are commits in all topics of ${silent}`);
    await pause(LOOK_MS);
  }
}

/** Ends feeders, waits for what is owed for their input, ends the rest, and waits for the last transaction; what went wrong in it. */
async function drain(stage: Stage, tail: Tail, patienceMs: number, tell: Tell): Promise<string[]> {
  await Promise.all(stage.feeders.map(feeder => feeder.stop()));
  // What the feeders committed last is part of the input too.
  await noneUnderWay(stage, 'feeder', tell);
  const faults = await nothingOwed(stage, tail, patienceMs, tell);
  tell('the rest of the clients ends');
  for (const ended of await Promise.allSettled(stage.workers.map(worker => worker.stop()))) {
    if (ended.status === 'rejected') faults.push((ended.reason as Error).message);
  }
  faults.push(...await noneUnderWay(stage, '', tell));
  await tail.finish();
  return [...faults, ...stage.failures];
}

/** Waits until every output is as long as it should be, as long as it gets any longer. */
async function nothingOwed(stage: Stage, tail: Tail, patienceMs: number, tell: Tell): Promise<string[]> {
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
    tell(`draining, output is owed by ${owing.map(each => `${each.name} (${each.owed} records)`).join(', ')}`);
    await pause(LOOK_MS);
  }
}

/** Waits for the end of transactions whose id has `part` in it; those that do not end. */
async function noneUnderWay(stage: Stage, part: string, tell: Tell): Promise<string[]> {
  const deadlineMs = Date.now() + END_TIMEOUT_MS;
  for (;;) {
    const left = (await withClient(stage.broker, underWay)).filter(each => each.includes(part));
    if (left.length === 0) return [];
    if (Date.now() > deadlineMs) return left;
    tell(`draining, under way: ${left.join(', ')}`);
    await pause(LOOK_MS);
  }
}
