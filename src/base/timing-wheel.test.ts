import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { TimingWheel, type WheelClock } from './timing-wheel.js';

/** A clock whose time moves when it is told to; timers run on the way, late by `lateMs`. */
class ManualClock implements WheelClock {
  now = 1000;
  armed: { at: number; task: () => void }[] = [];

  constructor(private readonly lateMs = 0) {}

  monotonicMs(): number {
    return this.now;
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = { at: this.now + delayMs, task };
    this.armed.push(timer);
    return () => { this.armed = this.armed.filter(other => other !== timer); };
  }

  /** Runs the timers that are due until `target`, in order. */
  moveTo(target: number): void {
    for (;;) {
      const next = this.armed.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at + this.lateMs > target) break;
      this.armed = this.armed.filter(other => other !== next);
      this.now = Math.max(this.now, next.at + this.lateMs);
      next.task();
    }
    this.now = target;
  }
}

test('every timer runs once, in order of time, never early, and a cancelled one never', () => {
  const step = fc.oneof(
    fc.record({ delayMs: fc.oneof(fc.nat(200), fc.nat(10_000), fc.nat(20_000_000)), cancelled: fc.boolean() }),
    fc.record({ move: fc.oneof(fc.nat(100), fc.nat(5_000), fc.nat(5_000_000)) }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), fc.nat(30), (steps, lateMs) => {
    const clock = new ManualClock(lateMs);
    const wheel = new TimingWheel(clock);
    const due = new Map<number, number>();
    const ran: number[] = [];
    let lastDue = 0;
    steps.forEach((one, id) => {
      if ('move' in one) return clock.moveTo(clock.now + one.move);
      const at = clock.now + one.delayMs;
      const timer = wheel.add(one.delayMs, () => {
        expect(clock.now).toBeGreaterThanOrEqual(at);
        expect(clock.now).toBeLessThanOrEqual(at + lateMs + 1);
        ran.push(id);
        if (lateMs === 0) expect(at).toBeGreaterThanOrEqual(lastDue);
        lastDue = at;
      });
      if (one.cancelled) {
        expect([wheel.cancel(timer), wheel.cancel(timer), timer.pending]).toEqual([true, false, false]);
      } else due.set(id, at);
    });
    clock.moveTo(clock.now + 25_000_000);
    expect(ran.toSorted((a, b) => a - b)).toEqual([...due.keys()]);
    expect(wheel.size).toBe(0);
  }), { numRuns: 300 });
});

test('one timer of the clock drives them all, and none is held once closed', () => {
  const clock = new ManualClock();
  const wheel = new TimingWheel(clock);
  for (let index = 0; index < 1000; index++) wheel.add(index * 7, () => undefined);
  expect(clock.armed).toHaveLength(1);
  clock.moveTo(2000);
  expect(clock.armed).toHaveLength(1);
  wheel.close();
  expect([clock.armed.length, wheel.size]).toEqual([0, 0]);
});

test('a task may add and cancel timers, and one that throws holds nobody up', () => {
  const clock = new ManualClock();
  const wheel = new TimingWheel(clock);
  const ran: string[] = [];
  const victim = wheel.add(20, () => ran.push('victim'));
  wheel.add(10, () => {
    wheel.cancel(victim);
    wheel.add(0, () => ran.push('child'));
    ran.push('parent');
  });
  wheel.add(10, () => { throw new Error('boom'); });
  wheel.add(10, () => ran.push('sibling'));
  expect(() => clock.moveTo(1010)).toThrow('boom');
  clock.moveTo(1100);
  expect(ran).toEqual(['parent', 'sibling', 'child']);
});

test("delays longer than Node's timers take are kept, not run at once", () => {
  const clock = new ManualClock();
  const wheel = new TimingWheel(clock);
  let ran = 0;
  wheel.add(2 ** 33, () => ran++);
  wheel.add(Infinity, () => ran++);
  expect(clock.armed[0]!.at - clock.now).toBe(2 ** 31 - 1);
  clock.moveTo(2 ** 33);
  expect(ran).toBe(0);
  clock.moveTo(2 ** 33 + 1000);
  expect(ran).toBe(1);
  wheel.close();
});

test('a clock with fractions of milliseconds is waited for, however they are rounded', () => {
  const clock = new ManualClock();
  const beganMs = 141 * 0.1;
  clock.now = beganMs;
  const wheel = new TimingWheel(clock);
  let ran = 0;
  wheel.add(50, () => { ran++; });
  clock.now = beganMs + 50;
  // Not quite: so the sum is rounded.
  expect(clock.now - beganMs).toBeLessThan(50);
  const [woken] = clock.armed.splice(0);
  woken!.task();
  expect(ran).toBe(0);
  expect(clock.armed[0]!.at).toBeGreaterThan(clock.now);
  clock.moveTo(clock.now + 1);
  expect(ran).toBe(1);
});
