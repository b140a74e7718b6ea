import type { Limits } from './limits.js';

/** As long as Kafka keeps what it knows of somebody who does nothing. */
const KEPT_MS = 3_600_000;
/** Above so many, those of whom there is nothing to know go at once: client ids are easily made up. */
const MANY = 10_000;
const SWEEP_EVERY_MS = 1_000;

/** What is counted of a client, or of several together. */
export interface Account<Meter> {
  readonly meter: Meter;
  bound: number;
}

interface Kept<Meter> extends Account<Meter> {
  limits: Limits;
  usedMs: number;
}

export interface SharesOptions<Meter> {
  readonly meter: () => Meter;
  /** Whether a meter says the same as a new one would. */
  readonly isForgotten: (meter: Meter, bound: number, nowMs: number) => boolean;
}

/** Who has used how much of one kind of quota. */
export class Shares<Meter> {
  readonly #accounts = new Map<string, Kept<Meter>>();
  #limits: Limits;
  #sweptMs = -Infinity;

  constructor(private readonly options: SharesOptions<Meter>, limits: Limits) {
    this.#limits = limits;
  }

  /** Accounts that are there keep what they counted, under the bounds of now. */
  set limits(limits: Limits) {
    this.#limits = limits;
  }

  get limits(): Limits {
    return this.#limits;
  }

  get count(): number {
    return this.#accounts.size;
  }

  accountOf(user: string, clientId: string, nowMs: number): Account<Meter> {
    const limits = this.#limits;
    const share = limits.shareOf(user, clientId);
    const key = `${share.user.length}:${share.user}${share.clientId}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      this.#sweep(nowMs);
      account = { meter: this.options.meter(), bound: limits.boundOf(share), limits, usedMs: nowMs };
      this.#accounts.set(key, account);
    } else if (account.limits !== limits) {
      account.limits = limits;
      account.bound = limits.boundOf(share);
    }
    account.usedMs = nowMs;
    return account;
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < SWEEP_EVERY_MS) return;
    this.#sweptMs = nowMs;
    const many = this.#accounts.size >= MANY;
    for (const [key, { usedMs, meter, bound }] of this.#accounts) {
      if (nowMs - usedMs > KEPT_MS || (many && this.options.isForgotten(meter, bound, nowMs))) this.#accounts.delete(key);
    }
  }
}
