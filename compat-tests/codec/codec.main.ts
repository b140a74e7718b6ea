// Holds the codec against Apache's classes: `codec.main.mjs [RANDOM_VALUES [SEED]]`. `make compat-codec` does.
import { startOracles } from './apache.js';
import { prove } from './proof.js';

const [randomValues = 20, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
const oracles = await startOracles();
try {
  const { equal, total, values, faults } = await prove(oracles, { randomValues, seed });
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  process.stdout.write(`${equal} of ${total} message versions equal (${values} values from seed ${seed})\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  await oracles.close();
}
