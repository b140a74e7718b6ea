import { describe, test } from '@jest/globals';
import { javaMissing } from './java.js';
import { canRun, noteSkipped } from './toolchains.js';

/**
 * A group of tests that need a JDK and Maven. Without them it is left out, and the end of the run says so;
 * with CI=true, where all toolchains are promised, that is a fault.
 */
export async function describeWithJava(name: string, tests: () => void): Promise<void> {
  const reason = await javaMissing();
  if (reason === null) return describe(name, tests);
  if (process.env['CI'] === 'true') throw new Error(reason);
  noteSkipped(name, reason);
  return describe.skip(name, tests);
}

export interface JavaTests {
  readonly isReady: boolean;
  readonly describe: typeof describe.skip;
  readonly test: typeof test.skip;
}

/** Tests that need what `make compat` has prepared of Java; where there is none they are left out, and `what` is listed at the end of the run. */
export function withJava(what: string): JavaTests {
  return canRun(what, 'java') ? { isReady: true, describe, test } : { isReady: false, describe: describe.skip, test: test.skip };
}
