// Random lives of logs against a plain model, a seed each: `sim-log.main.mjs SEEDS [SEED]`. `make sim-log` does.
import { formatFailure, OPERATIONS_A_LIFE, tryLife } from './random-life.js';

const [seeds = 10_000, first = 1] = process.argv.slice(2).map(Number);
const PROGRESS_EVERY = 500;
const startedMs = performance.now();
const rate = (done: number): string => `${Math.round(done / ((performance.now() - startedMs) / 1000))} seeds/s`;

let failed = 0;
let done = 0;
for (let seed = first; seed < first + seeds; seed++) {
  const failure = await tryLife(seed);
  done++;
  if (failure) {
    failed++;
    process.stderr.write(`${formatFailure(failure)}\n\n`);
    if (failed === 5) break;
  }
  if (done % PROGRESS_EVERY === 0 && done < seeds) process.stderr.write(`${done} of ${seeds} seeds, ${failed} failed, ${rate(done)}\n`);
}
const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
process.stdout.write(`${done - failed} of ${done} seeds from ${first}, ${OPERATIONS_A_LIFE} operations each, are what the model says: ${seconds} s, ${rate(done)}\n`);
process.exitCode = failed === 0 ? 0 : 1;
