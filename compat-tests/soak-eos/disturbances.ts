// What happens meanwhile: the broker is killed every few seconds, and between two kills something else happens to the link or to a client.

import { FAULTS, type Fault } from '../harness/faults.js';
import type { SeededRandom } from '../support/random.js';
import { pause } from '../support/until.js';
import { withClient } from '../support/with-client.js';
import type { ClientProcess } from './client-process.js';
import { openTransactions } from './judge.js';
import { SESSION_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS } from './judged.js';
import type { Stage } from './stage.js';
import type { Tail } from './tail.js';

/** Without a commit for so long, whoever writes to a topic does not get over the faults. */
const STANDSTILL_MS = 120_000;
/** After so long without one nothing more is done to anybody until it comes: a busy machine may need longer to come back than kills are apart. */
const RESPITE_AFTER_MS = 40_000;
/** Long enough that its transaction was aborted and its member put out of the group. */
const FREEZE_MS = Math.max(SESSION_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS) + 1_500;
/** A zombie beside the one that took its place. */
const HAUNTING_MS = 2_000;

/** Between two kills, as long as it takes to get over one on a quiet machine; Apache Kafka takes longer to come back. */
const MOST_WORK_MS = { ottla: 3_000, apache: 15_000 } as const;
const LOOK_MS = 20;

const fault = (name: string): Fault => FAULTS.find(each => each.name === name)!;
const KILLS: readonly Fault[] = [fault('kill -9'), fault('kill -9'), fault('kill -9'), fault('kill -9 of a stopped process')];
const OTHERS = FAULTS.filter(each => !KILLS.includes(each));

export class Disturbances {
  /** How often what happened. */
  readonly counts = new Map<string, number>();
  private readonly lasting = new Set<Promise<void>>();
  private firstKillMs: number | undefined;

  constructor(private readonly stage: Stage, private readonly tail: Tail, private readonly random: SeededRandom) {}

  get kills(): number {
    return [...new Set(KILLS)].reduce((sum, { name }) => sum + (this.counts.get(name) ?? 0), 0);
  }

  /** Pipelines that have not committed anything in one of their topics since the first kill; none before it. */
  get silent(): readonly string[] {
    return this.firstKillMs === undefined ? [] : this.tail.silentSince(this.firstKillMs);
  }

  async goOnFor(durationMs: number): Promise<void> {
    const untilMs = Date.now() + durationMs;
    await this.goOn(untilMs, () => Date.now() >= untilMs);
  }

  /** Until the broker was killed so often and all have got over the first time, however slow the machine is; `longestMs` at most. */
  async goOnForKills(kills: number, longestMs: number): Promise<void> {
    const untilMs = Date.now() + longestMs;
    await this.goOn(untilMs, () => Date.now() >= untilMs || (this.kills >= kills && this.silent.length === 0));
  }

  private async goOn(untilMs: number, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      // Mostly a kill meets clients at work again, now and then those that are still coming back from the last one.
      if (!this.random.chance(4)) await this.work(untilMs);
      await pause(500 + this.random.below(2000));
      await this.ofBroker(this.random.pick(KILLS));
      this.firstKillMs ??= Date.now();
      await pause(300 + this.random.below(1500));
      await this.other();
      await this.check();
      await this.respite(untilMs);
    }
    await Promise.all(this.lasting);
    await this.check();
  }

  /** Until something is committed in every topic from now on, or has had its time for it. */
  private async work(untilMs: number): Promise<void> {
    const startMs = Date.now();
    const enoughMs = Math.min(untilMs, startMs + MOST_WORK_MS[this.stage.broker.kind]);
    while (Date.now() < enoughMs && [...this.tail.lastGrowthMs.values()].some(lastMs => lastMs < startMs)) await pause(LOOK_MS);
  }

  /** Leaves all alone until nobody has gone without a commit for long; throws when that does not end although nothing disturbs it. */
  private async respite(untilMs: number): Promise<void> {
    const silent = (): string[] => this.tail.silentSince(Date.now() - RESPITE_AFTER_MS);
    if (silent().length > 0) this.stage.note(`respite, nothing for long from ${silent().join(', ')}`);
    while (Date.now() < untilMs && silent().length > 0) {
      await pause(LOOK_MS);
      await this.check();
    }
  }

  private async other(): Promise<void> {
    switch (this.random.below(4)) {
      case 0: return this.ofClient('kill -9 of a client', client => client.restart());
      case 1: {
        // One at a time: with too many frozen ones nobody is left to go on.
        if (this.lasting.size > 0) return this.ofBroker(this.random.pick(OTHERS));
        const last = this.zombie().finally(() => this.lasting.delete(last));
        this.lasting.add(last);
        return;
      }
      default: return this.ofBroker(this.random.pick(OTHERS));
    }
  }

  private async zombie(): Promise<void> {
    const client = this.random.pick(this.stage.all);
    if (client.isReplaceable && this.random.chance(2)) {
      this.count('client frozen and replaced', client.name);
      return client.replace(() => pause(FREEZE_MS), () => pause(HAUNTING_MS));
    }
    this.count('client frozen until fenced', client.name);
    return client.freeze(() => pause(FREEZE_MS));
  }

  private async ofBroker(what: Fault): Promise<void> {
    this.count(what.name);
    await what.run(this.stage.broker, this.stage.link, this.random);
  }

  private async ofClient(name: string, disturb: (client: ClientProcess) => Promise<void>): Promise<void> {
    const client = this.random.pick(this.stage.all);
    this.count(name, client.name);
    await disturb(client);
  }

  private count(name: string, whom = 'broker'): void {
    this.stage.note(`${name}: ${whom}`);
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  /** Throws when a client has given up, or a pipeline stands still. */
  private async check(): Promise<void> {
    if (this.stage.failures.length > 0) throw new Error(this.stage.failures.join('\n'));
    for (const [topic, lastMs] of this.tail.lastGrowthMs) {
      if (Date.now() - lastMs <= STANDSTILL_MS) continue;
      const open = await withClient(this.stage.broker, openTransactions).catch(String);
      throw new Error(`${topic}: nothing was committed for ${STANDSTILL_MS / 1000} s; open: ${String(open)}\n${this.stage.complaints}`);
    }
  }
}
