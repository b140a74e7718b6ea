// Builds src/protocol/generated from protocol-specs. Run from the project's root; `make build` does.
import { generate } from './generate.js';

try {
  generate('protocol-specs', 'src/protocol/generated');
} catch (error) {
  // A mistake in a specification is the author's to read, not a stack of ours.
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
