import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One file for each thing left out; the end of the run lists them. */
const SKIPPED = 'build/skipped';

/** Notes that `what` was left out, and why. */
export function noteSkipped(what: string, reason: string): void {
  mkdirSync(SKIPPED, { recursive: true });
  writeFileSync(join(SKIPPED, `${what.replace(/[^\w.-]+/g, '-')}.json`), JSON.stringify({ what, reason }));
}
