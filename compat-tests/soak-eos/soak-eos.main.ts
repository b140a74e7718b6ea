// `make soak-eos`: DURATION_S (600), SEED, CLIENTS=name,... (all), STREAMS=no, BROKER=apache.

import { missing } from '../support/toolchains.js';
import { chosenFrom, type Chosen } from './chosen.js';
import { whatIsMissing } from './figures.js';
import { PIPELINE_CLIENTS } from './pipeline-clients.js';
import { soak } from './soak.js';

const MOST_TOLD = 40;

function isHere(name: string, toolchain: (typeof PIPELINE_CLIENTS)[number]['toolchain']): boolean {
  const reason = toolchain === null ? null : missing(toolchain);
  if (reason !== null) console.log(`without ${name}: ${reason}`);
  return reason === null;
}

/** What is wrong with the run, a line each. */
async function run({ clients, hasStreams, durationMs, seed }: Chosen): Promise<readonly string[]> {
  const { faults, figures, summary } = await soak({
    clients: PIPELINE_CLIENTS.filter(({ name, toolchain }) => clients.includes(name) && isHere(name, toolchain)),
    ...(hasStreams && isHere('Kafka Streams', 'java') ? { streams: 'exactly_once_v2' as const } : {}), pauseMs: 50, seed,
    disturb: disturbances => disturbances.goOnFor(durationMs),
    onEvidence: ({ dataDir, journals }) => { console.log(`what there is to look at is kept: ${dataDir}, ${journals}`); },
    onProgress: line => { console.log(line); },
  });
  const wrong = [...faults.map(fault => `FAULT ${fault}`), ...whatIsMissing(figures).map(reason => `SAYS NOTHING: ${reason}`)];
  console.log(`${wrong.length === 0 ? 'nothing lost, nothing twice' : `${faults.length} faults`}: ${summary}`);
  return wrong;
}

/** Whether all went well. */
async function main(): Promise<boolean> {
  const chosen = chosenFrom(process.env, PIPELINE_CLIENTS.map(({ name }) => name));
  const wrong = await run(chosen).catch((error: unknown) => [`BROKEN OFF: ${String((error as Error).stack)}`]);
  for (const line of wrong.slice(0, MOST_TOLD)) console.log(line);
  if (wrong.length > MOST_TOLD) console.log(`... and ${wrong.length - MOST_TOLD} more`);
  if (wrong.length > 0) console.log(`the same again: ${chosen.command}`);
  return wrong.length === 0;
}

const isSound = await main().catch((error: unknown) => {
  console.error((error as Error).message);
  return false;
});
process.exit(isSound ? 0 : 1);
