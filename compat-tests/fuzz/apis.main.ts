// Sends COUNT mutated requests to a broker of its own, beside sound, extreme and huge ones: `apis.main.mjs COUNT [SEED]`. `make fuzz-apis`
// does.

import { brokerUnderTest } from '../support/brokers.js';
import { fuzzOttla } from './run.js';

const [count, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
if (count === undefined) throw new Error('apis.main.mjs COUNT [SEED]: how many mutated requests are sent');
const broker = brokerUnderTest({}, 'ottla');
try {
  const { text, faults } = await fuzzOttla(broker, { mutated: count, sound: Math.ceil(count / 500), seed, huge: true });
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  process.stdout.write(`${text}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  await broker.remove();
}
