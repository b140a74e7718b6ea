// A broker under requests that nobody would send, from its start to a look at what it has become.

import { readFileSync } from 'node:fs';
import { fetchApi, produceApi } from '../../src/protocol/generated/index.js';
import { Player, rangesOf, type VersionRanges } from '../differential/player.js';
import { fetchRequest } from '../differential/scenarios/fetch.js';
import { produceRequest, records } from '../differential/scenarios/produce.js';
import type { BrokerUnderTest } from '../support/brokers.js';
import { fuzz, type FuzzReport } from './fuzz.js';
import { RequestMaker, type FuzzRequest } from './requests.js';
import type { Known } from './vocabulary.js';

const CONNECTIONS = 8;
/** Beyond what caches and the collector's habits explain, even after minutes; and where several huge requests were decoded at once. */
const MOST_GROWTH_BYTES = 400 * 2 ** 20;
const MOST_GROWTH_WITH_HUGE_BYTES = 1500 * 2 ** 20;
const KB = 1024;

export interface FuzzPlan {
  readonly mutated: number;
  /** Rounds of one sound request for each API and version. */
  readonly sound: number;
  readonly seed: number;
  /** Whether requests of many megabytes are sent as well. */
  readonly huge?: boolean;
}

/** Two topics to ask about. */
export async function prepare(broker: BrokerUnderTest): Promise<{ ranges: VersionRanges; known: Known }> {
  const ranges = await rangesOf(broker.host, broker.port);
  const player = new Player(broker.host, broker.port, ranges);
  try {
    const names = ['fuzz-a', 'fuzz-b'];
    const topics = [];
    for (const name of names) topics.push({ name, id: await player.topic(name, 2) });
    return { ranges, known: { topics } };
  } finally {
    player.close();
  }
}

function* planned(maker: RequestMaker, { mutated, sound, huge = false }: FuzzPlan): Generator<FuzzRequest, void> {
  if (huge) yield* maker.huge();
  yield* maker.edges();
  for (let round = 0; round < sound; round++) yield* maker.sound(round);
  for (let left = mutated; left > 0; left--) yield maker.mutated();
}

/** Starts the broker, plays the plan, and says what came of it. */
export async function fuzzOttla(broker: BrokerUnderTest, plan: FuzzPlan): Promise<{ text: string; report: FuzzReport; faults: string[] }> {
  const startMs = performance.now();
  await broker.start();
  const { ranges, known } = await prepare(broker);
  const before = residentBytes(broker.pid);
  const report = await fuzz(broker.host, broker.port, planned(new RequestMaker(ranges, plan.seed, known), plan), CONNECTIONS);
  const after = residentBytes(broker.pid);
  const faults = [...report.faults, ...await stillServes(broker, ranges), ...unforeseen(broker)];
  if (after - before > (plan.huge === true ? MOST_GROWTH_WITH_HUGE_BYTES : MOST_GROWTH_BYTES)) faults.push(`memory has grown from ${inMb(before)} to ${inMb(after)} MB`);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const text = `${report.sent} sound, extreme and mutated requests from seed ${plan.seed}: ${report.answered} answered, ${report.closed} hung up on, ` +
    `${report.waiting} waiting, ${faults.length} faults; memory from ${inMb(before)} to ${inMb(after)} MB (${seconds} s).`;
  return { text, report, faults };
}

const inMb = (bytes: number): string => (bytes / (KB * KB)).toFixed(0);

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * KB;
}

/** What a broker says of a failure that nobody foresaw. */
function unforeseen(broker: BrokerUnderTest): string[] {
  return broker.lastWords.split('\n').filter(line => line.includes('failed unexpectedly'));
}

/** A client that comes now is served as ever. What was asked for may have dropped the topics that there were. */
async function stillServes({ host, port }: BrokerUnderTest, ranges: VersionRanges): Promise<string[]> {
  const player = new Player(host, port, ranges);
  try {
    const topic = { name: 'afterwards', topicId: await player.topic('afterwards') };
    const produced = await player.quietly(produceApi, produceRequest(topic, records(1)));
    const { errorCode, baseOffset } = produced.responses[0]!.partitionResponses[0]!;
    if (errorCode !== 0) return [`a record is not taken any more: ${errorCode}`];
    const fetched = await player.quietly(fetchApi, fetchRequest([{ ...topic, offset: baseOffset }]));
    const bytes = fetched.responses[0]?.partitions[0]?.records;
    return bytes === null || bytes === undefined || bytes.length === 0 ? ['a record cannot be fetched any more'] : [];
  } catch (error) {
    return [`nobody is served any more: ${String(error)}`];
  } finally {
    player.close();
  }
}
