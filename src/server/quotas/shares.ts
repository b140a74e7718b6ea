import { Accounts } from './accounts.js';
import type { Limits } from './limits.js';

/** What is counted of a client, or of several together. */
export interface Use<Meter> {
  readonly meter: Meter;
  readonly bound: number;
}

interface Kept<Meter> {
  readonly meter: Meter;
  bound: number;
  limits: Limits | undefined;
}

export interface SharesOptions<Meter> {
  readonly meter: () => Meter;
  /** Whether a meter says the same as a new one would. */
  readonly isForgotten: (meter: Meter, bound: number, nowMs: number) => boolean;
}

/** Who has used how much of one kind of quota. What was counted stays when bounds change. */
export class Shares<Meter> {
  readonly #accounts: Accounts<Kept<Meter>>;

  constructor({ meter, isForgotten }: SharesOptions<Meter>, public limits: Limits) {
    this.#accounts = new Accounts<Kept<Meter>>(() => ({ meter: meter(), bound: 0, limits: undefined }), (kept, nowMs) => isForgotten(kept.meter, kept.bound, nowMs));
  }

  get count(): number {
    return this.#accounts.count;
  }

  of(user: string, clientId: string, nowMs: number): Use<Meter> {
    const { limits } = this;
    const share = limits.shareOf(user, clientId);
    const kept = this.#accounts.of(`${share.user.length}:${share.user}${share.clientId}`, nowMs);
    if (kept.limits !== limits) {
      kept.limits = limits;
      kept.bound = limits.boundOf(share);
    }
    return kept;
  }
}
