import type { Log } from '../partition/log.js';

/**
 * When retention visits a log: by the timer of `log.retention.check.interval.ms`, or, where it is compacted, after each of the
 * cleaner's rounds, as deletion and compaction must not meet (`LogCleanerManager.deletableLogs`). Those rounds are frequent, and
 * to a log that sleeps nothing happens but that time passes: the timer is enough for it. What cannot be compacted is left as it
 * is by both.
 */
export function retentionTurn({ settings, compaction, isAsleep }: Log): 'timer' | 'cleaner' | undefined {
  if (!settings.cleanupPolicy.compact || isAsleep) return 'timer';
  return compaction.isUncleanable ? undefined : 'cleaner';
}
