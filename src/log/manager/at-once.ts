import type { Log } from '../partition/log.js';

/** Logs that are opened or closed side by side. */
const LOGS_AT_ONCE = 8;

/** Does the work for each, a few at once. After an error it begins nothing more, and rejects when nothing is under way. */
export async function eachAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  const queue = items.values();
  await Promise.all(Array.from({ length: LOGS_AT_ONCE }, async () => {
    for (const item of queue) {
      if (errors.length > 0) return;
      await work(item).catch((error: unknown) => { errors.push(error); });
    }
  }));
  if (errors.length > 0) throw errors[0];
}

/** Closes logs, each whatever becomes of the others; rejects with the first error when all are done. */
export async function closeLogs(logs: readonly Log[]): Promise<void> {
  const failures: unknown[] = [];
  await eachAtOnce(logs, log => log.close().catch((error: unknown) => { failures.push(error); }));
  if (failures.length > 0) throw failures[0];
}
