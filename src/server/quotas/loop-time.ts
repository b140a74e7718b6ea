import type { Clock } from '../../env/index.js';
import type { RequestContext } from '../context.js';
import type { Quotas } from './quotas.js';

export type TimeQuota = Pick<Quotas, 'limitTime' | 'spent' | 'spentAfterwards'>;

/** Where nobody's time is bounded. */
export const UNLIMITED_TIME: TimeQuota = { limitTime: false, spent: () => 0, spentAfterwards: () => undefined };

/**
 * What one request takes of the loop, for its client's request quota: reading it, its handler as far as that runs at once, and
 * making its answer. What a request waits for, and what others do meanwhile, is not its own (Kafka measures its threads likewise).
 */
export class LoopTime {
  /** Undefined while the request does not have the loop. */
  private sinceMs: number | undefined;
  private uncountedMs = 0;
  private throttleMs: number | undefined;

  /** The request has the loop from now on. */
  constructor(private readonly quota: TimeQuota, private readonly clock: Pick<Clock, 'monotonicMs'>) {
    this.sinceMs = clock.monotonicMs();
  }

  /** The request has the loop again; whether it had not. */
  goOn(): boolean {
    if (this.sinceMs !== undefined) return false;
    this.sinceMs = this.clock.monotonicMs();
    return true;
  }

  /** The request gives the loop back. What it took since it was charged counts for the next one. */
  rest(context: RequestContext): void {
    this.gather();
    this.sinceMs = undefined;
    if (this.throttleMs === undefined) return;
    this.quota.spentAfterwards(context, this.uncountedMs);
    this.uncountedMs = 0;
  }

  /** Counts it, once; the throttle time. */
  charge(context: RequestContext): number {
    if (this.throttleMs === undefined) {
      this.gather();
      this.throttleMs = this.quota.spent(context, this.uncountedMs);
      this.uncountedMs = 0;
    }
    return this.throttleMs;
  }

  private gather(): void {
    if (this.sinceMs === undefined) return;
    const nowMs = this.clock.monotonicMs();
    this.uncountedMs += nowMs - this.sinceMs;
    this.sinceMs = nowMs;
  }
}
