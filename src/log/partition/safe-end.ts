/** Where nothing is waited for. */
const NOWHERE = Infinity;

/**
 * Where the records of a log begin that are not yet as safe as its settings ask: appended, but nobody may count on them. There
 * may be several reasons to wait, each of which moves on by itself; `moved` is called when the lowest has.
 */
export class SafeEnd {
  /** Nothing at or beyond it is safe; Infinity while nothing is waited for. */
  limit = NOWHERE;
  private readonly reasons: ReasonToWait[] = [];

  constructor(private readonly moved: () => void) {}

  newReason(): ReasonToWait {
    const reason = new ReasonToWait(this);
    this.reasons.push(reason);
    return reason;
  }

  /** Nothing is about to get safe any more: whoever waits is to look at the log. */
  tell(): void {
    this.moved();
  }

  /** One of the reasons has changed. */
  update(): void {
    const before = this.limit;
    this.limit = Math.min(...this.reasons.map(({ from }) => from));
    if (this.limit > before) this.moved();
  }
}

/** What one who makes records safe has begun and not ended. */
export class ReasonToWait {
  /** The first offset that waits; Infinity while none does. */
  from = NOWHERE;

  constructor(private readonly safeEnd: SafeEnd) {}

  get isThere(): boolean {
    return this.from !== NOWHERE;
  }

  /** From `offset` on all waits, and from where it did before. */
  hold(offset: number): void {
    if (offset >= this.from) return;
    this.from = offset;
    this.safeEnd.update();
  }

  /** What is below `offset` waits no longer: by default all. Comes last in its turn: whoever waited goes on within the call. */
  release(offset = NOWHERE): void {
    if (offset <= this.from) return;
    this.from = offset;
    this.safeEnd.update();
  }
}
