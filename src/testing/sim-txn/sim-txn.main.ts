// Whole brokers with transactional clients, a seed each: `sim-txn.main.mjs SEEDS [SEED]`. `make sim-txn` does.
import { OPERATIONS_A_PLAN, randomPlan } from './plan.js';
import { formatFailure, run, trySeed } from './sim-txn.js';

const [seeds = 10_000, first = 1] = process.argv.slice(2).map(Number);
const PROGRESS_EVERY_MS = 10_000;
const MOST_FAILURES = 5;
const startedMs = performance.now();
const elapsedS = (): number => (performance.now() - startedMs) / 1000;

let failed = 0;
let done = 0;
let [transactions, committed] = [0, 0];

const rate = (): string => `${(done / elapsedS()).toFixed(1)} seeds/s`;

/** As words: 40 s, 12 min, 3.4 h. */
function duration(seconds: number): string {
  if (seconds < 100) return `${seconds.toFixed(0)} s`;
  return seconds < 6000 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

const progress = (): string => `${done} of ${seeds} seeds, ${failed} failed; ${duration(elapsedS())}, ${rate()}`
  + (done === 0 ? '' : `, ${duration((seeds - done) * elapsedS() / done)} left`);

// The loop turns while a seed plays, and while a plan that failed is made shorter: a timer comes in time.
const ticker = setInterval(() => { process.stderr.write(`${progress()}\n`); }, PROGRESS_EVERY_MS);
for (let seed = first; seed < first + seeds; seed++) {
  try {
    const result = await run(seed, randomPlan(seed));
    transactions += result.transactions;
    committed += result.committed;
  } catch {
    failed++;
    const failure = await trySeed(seed);
    process.stderr.write(`${failure === undefined ? `seed ${seed} failed, and did not when it ran again` : formatFailure(failure)}\n\n`);
  }
  done++;
  if (failed === MOST_FAILURES) break;
}
clearInterval(ticker);
process.stdout.write(`${done - failed} of ${done} seeds from ${first}, ${OPERATIONS_A_PLAN} operations each, keep all invariants: ${transactions} ` +
  `transactions, ${committed} of them acknowledged as committed; ${duration(elapsedS())}, ${rate()}\n`);
process.exitCode = failed === 0 ? 0 : 1;
