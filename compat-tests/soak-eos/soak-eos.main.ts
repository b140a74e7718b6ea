// `make soak-eos`: DURATION_S (600), SEED, CLIENTS=name,... (all), STREAMS=no, BROKER=apache.

import { missing } from '../support/toolchains.js';
import { PIPELINE_CLIENTS } from './pipeline-clients.js';
import { soak } from './soak.js';

const MOST_TOLD = 40;
const { DURATION_S = '600', SEED = '1', CLIENTS, STREAMS } = process.env;

const isChosen = (name: string): boolean => CLIENTS === undefined || CLIENTS.split(',').includes(name);
const clients = PIPELINE_CLIENTS.filter(({ name }) => isChosen(name)).filter(({ name, toolchain }) => {
  const reason = toolchain === null ? null : missing(toolchain);
  if (reason !== null) console.log(`without ${name}: ${reason}`);
  return reason === null;
});
const hasStreams = STREAMS !== 'no' && missing('java') === null;

const { faults, summary } = await soak({
  clients, ...(hasStreams ? { streams: 'exactly_once_v2' as const } : {}), pauseMs: 50,
  disturb: disturbances => disturbances.goOnFor(Number(DURATION_S) * 1000), seed: Number(SEED),
  onFaults: (dataDir, journals) => {
    process.env['KEEP_DATA'] = '1';
    console.log(`what there is to look at is kept: ${dataDir}, ${journals}`);
  },
  onProgress: line => { console.log(line); },
});
for (const fault of faults.slice(0, MOST_TOLD)) console.log(`FAULT ${fault}`);
if (faults.length > MOST_TOLD) console.log(`... and ${faults.length - MOST_TOLD} more`);
console.log(`${faults.length === 0 ? 'nothing lost, nothing twice' : `${faults.length} faults`}: ${summary}`);
process.exit(faults.length === 0 ? 0 : 1);
