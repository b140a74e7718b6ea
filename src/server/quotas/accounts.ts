/** As long as Kafka keeps what it knows of somebody who does nothing. */
const KEPT_MS = 3_600_000;
/** Above so many, those of whom there is nothing to know go at once: client ids are easily made up. */
const MANY = 10_000;
const SWEEP_EVERY_MS = 1_000;

interface Account<Meter> {
  readonly meter: Meter;
  usedMs: number;
}

/** A meter for each of many, made when it is first asked for and forgotten when it is no longer used. */
export class Accounts<Meter> {
  readonly #accounts = new Map<string, Account<Meter>>();
  #sweptMs = -Infinity;

  constructor(
    private readonly open: (key: string) => Meter,
    /** Whether a meter says the same as a new one would. */
    private readonly isForgotten: (meter: Meter, nowMs: number) => boolean,
  ) {}

  get count(): number {
    return this.#accounts.size;
  }

  of(key: string, nowMs: number): Meter {
    let account = this.#accounts.get(key);
    if (account === undefined) {
      this.#sweep(nowMs);
      account = { meter: this.open(key), usedMs: nowMs };
      this.#accounts.set(key, account);
    }
    account.usedMs = nowMs;
    return account.meter;
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < SWEEP_EVERY_MS) return;
    this.#sweptMs = nowMs;
    const many = this.#accounts.size >= MANY;
    for (const [key, { usedMs, meter }] of this.#accounts) {
      if (nowMs - usedMs > KEPT_MS || (many && this.isForgotten(meter, nowMs))) this.#accounts.delete(key);
    }
  }
}
