// Decodes mutated frames for as long as asked: `fuzz.main.mjs COUNT [SEED]`. `make fuzz-codec` does.
import { fuzz } from './fuzz.js';

const [count = 1_000_000, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
const { frames, decoded, faults } = fuzz(count, seed);
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.stdout.write(`${frames} mutated frames from seed ${seed}: ${decoded} decoded, ${frames - decoded} refused, ${faults.length} faults\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
