import type { TimingWheel, WheelTimer } from '../base/timing-wheel.js';
import type { ByteStream, Clock, Logger } from '../env/index.js';
import type { ListenerFacts } from './context.js';
import { ConnectionQuotas, type ConnectionLimits } from './quotas/connection-quotas.js';
import type { Windows } from './quotas/rate.js';

/** Who is not let in yet, and who is to be turned away later, hold a socket each: beyond so many they are turned away at once. */
const MOST_HELD = 4096;

/** Somebody who has connected to a listener, on the host that it is bound to. */
export interface Arrival {
  readonly stream: ByteStream;
  readonly listener: ListenerFacts;
  readonly localHost: string;
}

export interface AdmissionOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
  readonly limits: () => ConnectionLimits;
  readonly windows: Windows;
  /** Takes who is let in. */
  readonly open: (arrival: Arrival) => void;
  /** Closes so many connections, of listeners that may be cut off: those that were used longest ago first. */
  readonly cutOff: (count: number, mayBeCutOff: (listener: ListenerFacts) => boolean) => void;
}

/** Those who wait at one listener. */
interface Line {
  readonly waiting: Arrival[];
  /** The first has been counted, and must wait for so long. */
  counted: boolean;
  untilMs: number;
  timer: WheelTimer | undefined;
}

/**
 * Lets connections in as far as limits and quotas allow. Where there is no room, or too many come, a listener's wait in line; who
 * comes too often or is one too many from his address is turned away. After Kafka's `Acceptor`.
 */
export class Admission {
  /** A broker and a controller each count their own. */
  readonly #quotas: Readonly<Record<ListenerFacts['role'], ConnectionQuotas>>;
  readonly #lines = new Map<ListenerFacts, Line>();
  /** To be turned away when their time has come. */
  readonly #refused = new Map<ByteStream, WheelTimer>();
  #held = 0;
  #isCutting = false;
  #closed = false;

  constructor(private readonly options: AdmissionOptions) {
    const { limits, windows } = options;
    this.#quotas = { broker: new ConnectionQuotas(limits, windows), controller: new ConnectionQuotas(limits, windows) };
  }

  arrived(arrival: Arrival): void {
    if (this.#closed || this.#held >= MOST_HELD) return this.#turnAway(arrival, 'too many wait');
    const line = this.#lineOf(arrival.listener);
    line.waiting.push(arrival);
    this.#held++;
    this.#advance(arrival.listener, line);
  }

  left(listener: ListenerFacts, address: string): void {
    this.#quotas[listener.role].left(listener.name, address);
    if (this.#held > 0) this.#advanceAll();
  }

  /** There may be room, or too little. */
  limitsChanged(): void {
    if (this.#closed) return;
    for (const role of ['broker', 'controller'] as const) this.#cutOffSurplus(role);
    this.#advanceAll();
  }

  /** Turns away who is waiting at a listener that is no more. */
  closeListener(name: string): void {
    for (const [listener, line] of this.#lines) {
      if (listener.name !== name) continue;
      this.#lines.delete(listener);
      this.#disperse(line);
    }
  }

  /** Turns away who is still waiting. */
  close(): void {
    this.#closed = true;
    for (const line of this.#lines.values()) this.#disperse(line);
    for (const stream of this.#refused.keys()) stream.destroy();
    this.#refused.clear();
  }

  #disperse(line: Line): void {
    if (line.timer !== undefined) this.options.wheel.cancel(line.timer);
    for (const { stream } of line.waiting.splice(0)) {
      this.#held--;
      stream.destroy();
    }
  }

  #advanceAll(): void {
    if (this.#closed) return;
    for (const [listener, line] of this.#lines) this.#advance(listener, line);
  }

  #lineOf(listener: ListenerFacts): Line {
    let line = this.#lines.get(listener);
    if (line === undefined) this.#lines.set(listener, line = { waiting: [], counted: false, untilMs: 0, timer: undefined });
    return line;
  }

  #advance(listener: ListenerFacts, line: Line): void {
    const { clock, wheel } = this.options;
    const quotas = this.#quotas[listener.role];
    while (line.waiting.length > 0 && line.timer === undefined) {
      const nowMs = Math.floor(clock.monotonicMs());
      if (!line.counted) {
        line.counted = true;
        line.untilMs = nowMs + quotas.arrived(listener.name, nowMs);
      }
      if (nowMs < line.untilMs) {
        line.timer = wheel.add(line.untilMs - nowMs, () => {
          line.timer = undefined;
          if (!this.#closed) this.#advance(listener, line);
        });
        return;
      }
      if (!quotas.hasRoom(listener.name)) return;
      line.counted = false;
      this.#held--;
      this.#letIn(line.waiting.shift()!, quotas, nowMs);
    }
  }

  #letIn(arrival: Arrival, quotas: ConnectionQuotas, nowMs: number): void {
    const { stream, listener } = arrival;
    const refusedForMs = quotas.refusedForMs(listener.name, stream.remoteAddress, nowMs);
    if (refusedForMs > 0) return this.#turnAwayAfter(refusedForMs, arrival);
    if (!quotas.enter(listener.name, stream.remoteAddress)) return this.#turnAway(arrival, 'too many from this address');
    this.options.open(arrival);
    this.#cutOffSurplus(listener.role);
  }

  #cutOffSurplus(role: ListenerFacts['role']): void {
    const quotas = this.#quotas[role];
    const { surplus } = quotas;
    // Whoever goes may make room for others, who are not counted yet.
    if (surplus === 0 || this.#isCutting) return;
    this.#isCutting = true;
    this.options.cutOff(surplus, listener => listener.role === role && quotas.mayBeCutOff(listener.name));
    this.#isCutting = false;
  }

  /** Who is told at once comes again at once. */
  #turnAwayAfter(delayMs: number, arrival: Arrival): void {
    const { stream } = arrival;
    this.#held++;
    this.#refused.set(stream, this.options.wheel.add(delayMs, () => {
      this.#refused.delete(stream);
      this.#held--;
      this.#turnAway(arrival, 'too often from this address');
    }));
  }

  #turnAway({ stream, listener }: Arrival, why: string): void {
    this.options.logger.debug('connection refused', { from: stream.remoteAddress, listener: listener.name, why });
    stream.destroy();
  }
}
