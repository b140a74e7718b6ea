import type { CleanerSettings } from '../../config/cleaner-settings.js';
import type { Cancel } from '../../env/index.js';
import type { LogHost } from '../host.js';
import type { Log } from '../partition/log.js';
import type { CleanerMetrics } from '../metrics.js';
import { LogBeingCheckedError } from '../types.js';
import { cleanLog, CleaningAbortedError, type CleaningStats } from './clean-log.js';
import type { CleanJob, CleanResult } from './clean-job.js';
import { firstDirtyOffset, isDue, planCleaning, type CleaningPlan } from './cleanable.js';

export interface CleanerOptions {
  readonly host: Pick<LogHost, 'disk' | 'clock' | 'logger'>;
  /** All logs of the node. */
  readonly logs: () => Iterable<Log>;
  /** Whether a log must stay as it is for now. */
  readonly isPaused: (log: Log) => boolean;
  readonly settings: () => CleanerSettings;
  readonly runClean: (job: CleanJob) => Promise<CleanResult>;
  /** Brings the recovery points, and how far logs were compacted, to the checkpoints of the directory that a log lies in. */
  readonly checkpoint: (log: Log) => void;
  /** Lets retention take what it may of the compacted logs: after every round, as deletion and compaction must not meet. */
  readonly applyRetention: () => void;
}

/** Logs that sleep are read to be looked at, so few at once and not often. */
const WAKES_A_ROUND = 50;
const WAKE_EVERY_MS = 300_000;

interface Candidate {
  readonly log: Log;
  readonly plan: CleaningPlan;
}

/**
 * Compacts the logs of a node whose policy asks for it, the dirtiest first, as many at once as there are threads
 * (`LogCleaner` and `LogCleanerManager`).
 */
export class LogCleaner {
  private readonly running = new Map<number, { log: Log; done: Promise<void> }>();
  /** The last cleaning of each thread. */
  private readonly lastStats = new Map<number, CleaningStats>();
  /** When logs that sleep were last looked at. */
  private readonly lastWoken = new WeakMap<Log, number>();
  private lastRunMs: number;
  private maxCompactionDelayMs = 0;
  private maxDirtyRatio = 0;
  private cancel: Cancel | undefined;
  private stopped = false;
  private lastSettings: CleanerSettings;

  constructor(private readonly options: CleanerOptions) {
    this.lastSettings = options.settings();
    this.lastRunMs = options.host.clock.monotonicMs();
  }

  /** Begins to look for dirty logs. Whether it is enabled is asked each time. */
  start(): void {
    this.wakeLater();
  }

  /** Looks at once when the settings are others than those of the last look, as Kafka's cleaner threads begin anew. */
  settingsChanged(): void {
    if (this.cancel === undefined || JSON.stringify(this.options.settings()) === JSON.stringify(this.lastSettings)) return;
    this.wakeLater(0);
  }

  /** Aborts what is under way and resolves when it has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancel?.();
    for (const { log } of this.running.values()) log.compaction.abort();
    await Promise.all([...this.running.values()].map(({ done }) => done));
  }

  get metrics(): CleanerMetrics {
    const last = [...this.lastStats.values()];
    const uncleanable = [...this.options.logs()].filter(({ compaction }) => compaction.isUncleanable);
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    return {
      'max-clean-time-secs': Math.floor(Math.max(0, ...last.map(({ elapsedMs }) => elapsedMs)) / 1000),
      'cleaner-recopy-percent': Math.floor(100 * sum(last.map(({ bytesWritten }) => bytesWritten)) / Math.max(1, sum(last.map(({ bytesRead }) => bytesRead)))),
      'max-buffer-utilization-percent': Math.floor(100 * Math.max(0, ...last.map(({ bufferUtilization }) => bufferUtilization))),
      'max-compaction-delay-secs': Math.floor(this.maxCompactionDelayMs / 1000),
      'max-dirty-percent': Math.floor(100 * this.maxDirtyRatio),
      'uncleanable-partitions-count': uncleanable.length,
      'uncleanable-bytes': sum(uncleanable.map(log => this.uncleanableBytes(log))),
      'time-since-last-run-ms': this.options.host.clock.monotonicMs() - this.lastRunMs,
    };
  }

  private uncleanableBytes(log: Log): number {
    try {
      return log.isClosed ? 0 : this.plan(log).cleanableBytes;
    } catch {
      // It may be for this that it cannot be compacted: nobody can tell.
      return 0;
    }
  }

  private wakeLater(delayMs = this.options.settings().backoffMs): void {
    this.cancel?.();
    if (!this.stopped) this.cancel = this.options.host.clock.after(delayMs, () => this.round());
  }

  /** Gives every thread that is free the dirtiest log that is due. */
  private round(): void {
    if (this.stopped) return;
    const settings = this.lastSettings = this.options.settings();
    if (settings.enabled && settings.threads > 0) {
      for (let thread = 0; thread < settings.threads; thread++) {
        if (this.running.has(thread)) continue;
        const next = this.grabFilthiest();
        if (!next) break;
        this.clean(thread, next, settings);
      }
      this.options.applyRetention();
    }
    this.wakeLater();
  }

  private grabFilthiest(): Candidate | undefined {
    this.lastRunMs = this.options.host.clock.monotonicMs();
    const candidates = this.candidates();
    this.maxDirtyRatio = Math.max(0, ...candidates.map(({ plan }) => plan.cleanableRatio));
    const due = candidates.filter(({ log, plan }) => isDue(plan, log.settings));
    if (due.length === 0) return undefined;
    this.maxCompactionDelayMs = Math.max(0, ...candidates.map(({ plan }) => plan.compactionDelayMs));
    return due.reduce((filthiest, other) => (other.plan.cleanableRatio > filthiest.plan.cleanableRatio ? other : filthiest));
  }

  private candidates(): Candidate[] {
    const candidates: Candidate[] = [];
    let wakes = WAKES_A_ROUND;
    for (const log of this.options.logs()) {
      if (!log.settings.cleanupPolicy.compact || log.isClosed || log.compaction.inProgress || log.compaction.isUncleanable || log.isRefused || this.options.isPaused(log)) continue;
      const slept = log.isAsleep;
      if (slept && (wakes === 0 || !this.mayWake(log))) continue;
      if (slept) wakes--;
      try {
        const plan = log.whileAwake(() => this.examine(log), found => found !== undefined && isDue(found, log.settings));
        if (plan) candidates.push({ log, plan });
      } catch (error) {
        // That says nothing of what it holds; and a refusal has been told.
        if (!(error instanceof LogBeingCheckedError) && !log.isRefused) this.markUncleanable(log, error);
      }
    }
    return candidates;
  }

  private examine(log: Log): CleaningPlan | undefined {
    // The active segment alone is never compacted.
    if (log.segmentCount < 2) return undefined;
    this.resetInvalidCheckpoint(log);
    const plan = this.plan(log);
    return plan.cleanBytes + plan.cleanableBytes > 0 ? plan : undefined;
  }

  /** To one that sleeps nothing happens but that time passes. */
  private mayWake(log: Log): boolean {
    const nowMs = this.options.host.clock.monotonicMs();
    if (nowMs - (this.lastWoken.get(log) ?? -Infinity) < WAKE_EVERY_MS) return false;
    this.lastWoken.set(log, nowMs);
    return true;
  }

  private plan(log: Log): CleaningPlan {
    return planCleaning(log, firstDirtyOffset(log, log.compaction.cleanedOffset), this.options.host.clock.nowMs());
  }

  /** After deleted records, or a log that was cut unseen, the checkpoint may name an offset that the log does not have. */
  private resetInvalidCheckpoint(log: Log): void {
    const { cleanedOffset } = log.compaction;
    const offset = firstDirtyOffset(log, cleanedOffset);
    if (cleanedOffset === undefined || cleanedOffset === offset) return;
    // With retention at work beside, the start passes by in the ordinary course of things.
    if (cleanedOffset > log.logEndOffset || !log.settings.cleanupPolicy.delete) {
      this.options.host.logger.warn('the offset up to which a log was compacted is none of its offsets: it begins anew', { directory: log.directory, cleanedOffset, offset });
    }
    log.compaction.cleanedOffset = offset;
    this.options.checkpoint(log);
  }

  private clean(thread: number, { log, plan }: Candidate, settings: CleanerSettings): void {
    const { host, runClean } = this.options;
    const done = cleanLog(log, plan, { host, settings, runClean, checkpoint: () => this.options.checkpoint(log) }).then(stats => {
      this.lastStats.set(thread, stats);
      this.tell(log, plan, stats);
      return true;
    }, (error: unknown) => {
      if (!(error instanceof CleaningAbortedError) && !log.isClosed) this.markUncleanable(log, error);
      return false;
    }).then(cleaned => {
      this.running.delete(thread);
      // There may be more to do at once; after a failure others have time to bring things to order.
      if (cleaned) this.round();
    });
    this.running.set(thread, { log, done });
  }

  private markUncleanable(log: Log, error: unknown): void {
    log.compaction.isUncleanable = true;
    this.options.host.logger.warn('a log cannot be compacted, and is left as it is', { directory: log.directory, error: error instanceof Error ? error.message : String(error) });
  }

  private tell(log: Log, plan: CleaningPlan, stats: CleaningStats): void {
    const { logger } = this.options.host;
    logger.info('compacted a log', {
      log: `${log.topic}-${log.partition}`, dirty: `[${plan.firstDirtyOffset}, ${stats.endOffset}]`,
      segments: `${stats.segmentsRead} to ${stats.segmentsWritten}`,
      bytesRead: stats.bytesRead, bytesWritten: stats.bytesWritten, smaller: percent(1 - stats.bytesWritten / stats.bytesRead),
      messagesRead: stats.messagesRead, messagesWritten: stats.messagesWritten,
      mapLoad: percent(stats.bufferUtilization), mapMs: Math.round(stats.mapMs), ms: Math.round(stats.elapsedMs),
    });
    if (stats.invalidMessages > 0) logger.warn('records without a key were removed from a compacted log', { directory: log.directory, records: stats.invalidMessages });
  }
}

function percent(share: number): string {
  return `${(100 * (Number.isFinite(share) ? share : 0)).toFixed(1)}%`;
}
