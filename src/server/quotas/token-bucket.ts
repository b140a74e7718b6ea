import { LONGEST_THROTTLE_MS, type Windows } from './rate.js';

/**
 * Fills up with `rate` tokens a second, to as many as all windows together bring; may go below zero. After Kafka's `TokenBucket`
 * (KIP-599), full in the beginning.
 */
export class TokenBucket {
  #tokens = Infinity;
  #refilledMs = 0;

  constructor(private readonly windows: Windows) {}

  tokens(rate: number, nowMs: number): number {
    this.#tokens = Math.min(this.#most(rate), this.#tokens + rate * ((nowMs - this.#refilledMs) / 1000));
    this.#refilledMs = nowMs;
    return this.#tokens;
  }

  take(tokens: number, rate: number, nowMs: number): void {
    this.#tokens = Math.min(this.#most(rate), this.tokens(rate, nowMs) - tokens);
  }

  /** How long until it is back at zero. */
  throttleMs(rate: number, nowMs: number): number {
    const tokens = this.tokens(rate, nowMs);
    return tokens < 0 ? Math.min(Math.round(-tokens / rate * 1000), LONGEST_THROTTLE_MS) : 0;
  }

  isFull(rate: number, nowMs: number): boolean {
    return this.tokens(rate, nowMs) >= this.#most(rate);
  }

  #most(rate: number): number {
    return this.windows.samples * (this.windows.windowMs / 1000) * rate;
  }
}
