/**
 * Timers by the hundred thousand: adding and cancelling one touch a linked list, and one timer of the clock drives all
 * (after Varghese and Lauck's hierarchical wheels). Level 0 has a slot for each of the next 64 ticks, each level above is 64
 * times coarser; a slot whose time has come is dealt out to the levels below. A task never runs early; tasks of different
 * ticks run in order of time.
 */

/** What drives the wheel; `Clock` fits. */
export interface WheelClock {
  monotonicMs(): number;
  after(delayMs: number, task: () => void): () => void;
}

/** A task that has been scheduled; opaque. */
export interface WheelTimer {
  /** False once it ran or was cancelled. */
  readonly pending: boolean;
}

const SLOT_BITS = 6;
const SLOTS = 1 << SLOT_BITS;
const LEVELS = 7;
/** The longest delay that Node's timers take; beyond it they would run at once. */
const LONGEST_DELAY_MS = 0x7fff_ffff;

class Entry implements WheelTimer {
  previous: Entry = this;
  next: Entry = this;
  pending = false;
  level = 0;
  slot = 0;

  constructor(
    readonly dueTick: number,
    readonly task: () => void,
  ) {}

  /** Puts this entry at the tail of the ring that `head` stands for. */
  append(head: Entry): void {
    this.previous = head.previous;
    this.next = head;
    head.previous.next = this;
    head.previous = this;
  }

  unlink(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this;
    this.next = this;
  }

  get alone(): boolean {
    return this.next === this;
  }
}

const nothing = (): void => undefined;

class Level {
  readonly heads: Entry[] = Array.from({ length: SLOTS }, () => new Entry(0, nothing));
  readonly ticksPerSlot: number;
  /** One bit a slot that has entries, in two words. */
  private occupiedLow = 0;
  private occupiedHigh = 0;

  constructor(index: number) {
    this.ticksPerSlot = SLOTS ** index;
  }

  slotOf(tick: number): number {
    return Math.floor(tick / this.ticksPerSlot) % SLOTS;
  }

  mark(slot: number): void {
    if (slot < 32) this.occupiedLow |= 1 << slot;
    else this.occupiedHigh |= 1 << (slot - 32);
  }

  unmark(slot: number): void {
    if (slot < 32) this.occupiedLow &= ~(1 << slot);
    else this.occupiedHigh &= ~(1 << (slot - 32));
  }

  /**
   * The first tick, at or after `now`, at which an occupied slot comes due; Infinity when none is. At a level above the
   * lowest the slot of `now` was dealt out already: what it holds belongs to the next turn.
   */
  nextDue(now: number): number {
    if (this.occupiedLow === 0 && this.occupiedHigh === 0) return Infinity;
    const position = Math.floor(now / this.ticksPerSlot);
    const first = this.ticksPerSlot === 1 ? 0 : 1;
    for (let distance = first; distance < SLOTS + first; distance++) {
      const slot = (position + distance) % SLOTS;
      const word = slot < 32 ? this.occupiedLow : this.occupiedHigh;
      if (word === 0) distance += 31 - (slot & 31);
      else if ((word & (1 << (slot & 31))) !== 0) return (position + distance) * this.ticksPerSlot;
    }
    return Infinity;
  }
}

export class TimingWheel {
  private readonly levels = Array.from({ length: LEVELS }, (_, index) => new Level(index));
  private readonly originMs: number;
  private nowTick = 0;
  private armedTick = Infinity;
  private disarm: (() => void) | undefined;
  private running = false;
  private count = 0;

  constructor(
    private readonly clock: WheelClock,
    private readonly tickMs = 1,
  ) {
    this.originMs = clock.monotonicMs();
  }

  /** How many timers are pending. */
  get size(): number {
    return this.count;
  }

  /** Runs `task` once, no earlier than `delayMs` from now and at most about a tick later than the clock allows. */
  add(delayMs: number, task: () => void): WheelTimer {
    const elapsedMs = this.clock.monotonicMs() - this.originMs;
    // With nothing pending, time need not be walked through: it may have been long.
    if (this.count === 0 && !this.running) this.nowTick = Math.max(this.nowTick, Math.floor(elapsedMs / this.tickMs));
    const dueTick = Math.ceil((elapsedMs + Math.max(0, delayMs)) / this.tickMs);
    const entry = new Entry(Math.max(dueTick, this.nowTick + 1), task);
    this.count++;
    this.place(entry);
    if (entry.dueTick < this.armedTick && !this.running) this.arm(entry.dueTick);
    return entry;
  }

  /** Stops a timer; one that ran or was cancelled is left as it is. Returns whether it was still pending. */
  cancel(timer: WheelTimer): boolean {
    const entry = timer as Entry;
    if (!entry.pending) return false;
    this.take(entry);
    return true;
  }

  /** Forgets every timer and lets go of the clock. */
  close(): void {
    for (const level of this.levels) {
      for (const head of level.heads) while (!head.alone) this.take(head.next);
    }
    this.disarm?.();
    this.disarm = undefined;
    this.armedTick = Infinity;
  }

  private place(entry: Entry): void {
    const distance = entry.dueTick - this.nowTick;
    let index = 0;
    while (index < LEVELS - 1 && distance >= this.levels[index + 1]!.ticksPerSlot) index++;
    const level = this.levels[index]!;
    entry.level = index;
    // Beyond the last level's reach (139 years of milliseconds) a timer waits in its farthest slot and is placed anew there.
    entry.slot = level.slotOf(Math.min(entry.dueTick, this.nowTick + level.ticksPerSlot * (SLOTS - 1)));
    entry.append(level.heads[entry.slot]!);
    entry.pending = true;
    level.mark(entry.slot);
  }

  private take(entry: Entry): void {
    this.unplace(entry);
    this.count--;
  }

  private unplace(entry: Entry): void {
    entry.unlink();
    entry.pending = false;
    const level = this.levels[entry.level]!;
    if (level.heads[entry.slot]!.alone) level.unmark(entry.slot);
  }

  private nextDue(): number {
    let due = Infinity;
    for (const level of this.levels) due = Math.min(due, level.nextDue(this.nowTick));
    return due;
  }

  private arm(tick: number): void {
    this.disarm?.();
    this.armedTick = tick;
    // Rounded as in `advance`: else a clock with fractions wakes it at once, again and again, and nothing is due.
    const delayMs = tick * this.tickMs - (this.clock.monotonicMs() - this.originMs);
    this.disarm = this.clock.after(Math.min(Math.max(0, Math.ceil(delayMs)), LONGEST_DELAY_MS), () => this.advance());
  }

  private advance(): void {
    this.disarm = undefined;
    this.armedTick = Infinity;
    const target = Math.floor((this.clock.monotonicMs() - this.originMs) / this.tickMs);
    this.running = true;
    try {
      for (let due = this.nextDue(); due <= target; due = this.nextDue()) {
        this.nowTick = due;
        this.runTick();
      }
      this.nowTick = Math.max(this.nowTick, target);
    } finally {
      this.running = false;
      const due = this.nextDue();
      if (due !== Infinity) this.arm(due);
    }
  }

  /** Deals out the slots above that begin with this tick, coarsest first, then runs what is due. */
  private runTick(): void {
    for (let index = LEVELS - 1; index > 0; index--) {
      const level = this.levels[index]!;
      if (this.nowTick % level.ticksPerSlot !== 0) continue;
      const head = level.heads[level.slotOf(this.nowTick)]!;
      for (let left = ringLength(head); left > 0; left--) {
        const entry = head.next;
        this.unplace(entry);
        this.place(entry);
      }
    }
    const due = this.levels[0]!.heads[this.nowTick % SLOTS]!;
    while (!due.alone) {
      const entry = due.next;
      this.take(entry);
      entry.task();
    }
  }
}

function ringLength(head: Entry): number {
  let length = 0;
  for (let entry = head.next; entry !== head; entry = entry.next) length++;
  return length;
}
