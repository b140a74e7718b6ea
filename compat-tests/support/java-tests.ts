import { describe } from '@jest/globals';
import { javaMissing } from './java.js';
import { noteSkipped } from './toolchains.js';

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
