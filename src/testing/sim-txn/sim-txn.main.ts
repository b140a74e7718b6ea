// Whole brokers with transactional clients, a seed each: `sim-txn.main.mjs SEEDS [SEED]`. `make sim-txn` does.
import { OPERATIONS_A_PLAN, randomPlan } from './plan.js';
import { formatFailure, run, trySeed } from './sim-txn.js';

const [seeds = 10_000, first = 1] = process.argv.slice(2).map(Number);
const PROGRESS_EVERY = 200;
const MOST_FAILURES = 5;
const startedMs = performance.now();
const rate = (done: number): string => `${(done / ((performance.now() - startedMs) / 1000)).toFixed(1)} seeds/s`;

let failed = 0;
let done = 0;
let [transactions, committed] = [0, 0];
for (let seed = first; seed < first + seeds; seed++) {
  done++;
  try {
    const result = await run(seed, randomPlan(seed));
    transactions += result.transactions;
    committed += result.committed;
  } catch {
    failed++;
    const failure = await trySeed(seed);
    process.stderr.write(`${failure === undefined ? `seed ${seed} failed, and did not when it ran again` : formatFailure(failure)}\n\n`);
    if (failed === MOST_FAILURES) break;
  }
  if (done % PROGRESS_EVERY === 0 && done < seeds) process.stderr.write(`${done} of ${seeds} seeds, ${failed} failed, ${rate(done)}\n`);
}
const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
process.stdout.write(`${done - failed} of ${done} seeds from ${first}, ${OPERATIONS_A_PLAN} operations each, keep all invariants: ${transactions} transactions, ${committed} of them acknowledged as committed; ${seconds} s, ${rate(done)}\n`);
process.exitCode = failed === 0 ? 0 : 1;
