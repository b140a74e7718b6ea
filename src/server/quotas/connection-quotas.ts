import { Accounts } from './accounts.js';
import { Rate, type Windows } from './rate.js';

/** How many connections there may be, and how many new ones a second. */
export interface ConnectionBounds {
  readonly most: number;
  readonly perSecond: number;
}

/** What is allowed to those who connect (KIP-402, KIP-612). Addresses are as connections show them. */
export interface ConnectionLimits {
  /** `max.connections`, `max.connection.creation.rate`. */
  readonly broker: ConnectionBounds;
  /** The same with a listener's prefix; where a listener is missing it has the broker's. */
  readonly listeners: ReadonlyMap<string, ConnectionBounds>;
  /** `max.connections.per.ip`, and of single addresses `max.connections.per.ip.overrides`. */
  readonly perAddress: number;
  readonly ofAddresses: ReadonlyMap<string, number>;
  /** `connection_creation_rate` of all addresses, and of single ones. */
  readonly perSecondAndAddress: number;
  readonly perSecondOfAddresses: ReadonlyMap<string, number>;
  /** The brokers' own, when there are others: what bounds the broker as a whole does not bound it. */
  readonly protectedListener: string | undefined;
}

export const UNBOUNDED_CONNECTIONS = 0x7fff_ffff;

export const NO_CONNECTION_LIMITS: ConnectionLimits = {
  broker: { most: UNBOUNDED_CONNECTIONS, perSecond: UNBOUNDED_CONNECTIONS },
  listeners: new Map(),
  perAddress: UNBOUNDED_CONNECTIONS,
  ofAddresses: new Map(),
  perSecondAndAddress: UNBOUNDED_CONNECTIONS,
  perSecondOfAddresses: new Map(),
  protectedListener: undefined,
};

/** Counts the connections of one server against its limits, which may change at any time. After Kafka's `ConnectionQuotas`. */
export class ConnectionQuotas {
  #total = 0;
  readonly #ofListeners = new Map<string, number>();
  readonly #ofAddresses = new Map<string, number>();
  readonly #rate: Rate;
  readonly #listenerRates = new Map<string, Rate>();
  readonly #addressRates: Accounts<Rate>;

  constructor(private readonly limits: () => ConnectionLimits, private readonly windows: Windows) {
    this.#rate = new Rate(windows);
    this.#addressRates = new Accounts(() => new Rate(windows), (rate, nowMs) => rate.isForgotten(nowMs));
  }

  /** Counts somebody who wants to connect; milliseconds until the listener may let him in, a window's length at most. */
  arrived(listener: string, nowMs: number): number {
    this.#rateOf(listener).record(1, nowMs);
    const ofListenerMs = this.#rateOf(listener).throttleMs(this.#boundsOf(listener).perSecond, nowMs);
    if (this.#isProtected(listener)) return Math.min(ofListenerMs, this.windows.windowMs);
    this.#rate.record(1, nowMs);
    return Math.min(Math.max(ofListenerMs, this.#rate.throttleMs(this.limits().broker.perSecond, nowMs)), this.windows.windowMs);
  }

  /** Whether the listener may let somebody in now. */
  hasRoom(listener: string): boolean {
    if (this.#countOf(listener) >= this.#boundsOf(listener).most) return false;
    return this.#isProtected(listener) || this.#total < this.limits().broker.most;
  }

  /**
   * Counts somebody whose turn it is at his address: 0, or that he comes too often, and after how many milliseconds he is to be
   * told; nothing is counted of him then.
   */
  refusedForMs(listener: string, address: string, nowMs: number): number {
    const { perSecondAndAddress, perSecondOfAddresses } = this.limits();
    const bound = perSecondOfAddresses.get(address) ?? perSecondAndAddress;
    if (bound === UNBOUNDED_CONNECTIONS) return 0;
    const rate = this.#addressRates.of(address, nowMs);
    rate.record(1, nowMs);
    const throttleMs = Math.min(rate.throttleMs(bound, nowMs), this.windows.windowMs);
    if (throttleMs === 0) return 0;
    rate.record(-1, nowMs);
    this.#rateOf(listener).record(-1, nowMs);
    if (!this.#isProtected(listener)) this.#rate.record(-1, nowMs);
    return throttleMs;
  }

  /** Lets somebody in, unless there are too many from his address. */
  enter(listener: string, address: string): boolean {
    const { perAddress, ofAddresses } = this.limits();
    const fromAddress = this.#ofAddresses.get(address) ?? 0;
    if (fromAddress >= (ofAddresses.get(address) ?? perAddress)) return false;
    this.#ofAddresses.set(address, fromAddress + 1);
    this.#ofListeners.set(listener, this.#countOf(listener) + 1);
    this.#total++;
    return true;
  }

  left(listener: string, address: string): void {
    const fromAddress = this.#ofAddresses.get(address)! - 1;
    if (fromAddress > 0) this.#ofAddresses.set(address, fromAddress);
    else this.#ofAddresses.delete(address);
    this.#ofListeners.set(listener, this.#countOf(listener) - 1);
    this.#total--;
  }

  /** How many have to go, of those whom `mayBeCutOff` names. */
  get surplus(): number {
    return Math.max(0, this.#total - this.limits().broker.most);
  }

  mayBeCutOff(listener: string): boolean {
    return !this.#isProtected(listener);
  }

  #countOf(listener: string): number {
    return this.#ofListeners.get(listener) ?? 0;
  }

  #boundsOf(listener: string): ConnectionBounds {
    const { listeners, broker } = this.limits();
    return listeners.get(listener) ?? broker;
  }

  #isProtected(listener: string): boolean {
    return this.limits().protectedListener === listener;
  }

  #rateOf(listener: string): Rate {
    let rate = this.#listenerRates.get(listener);
    if (rate === undefined) this.#listenerRates.set(listener, rate = new Rate(this.windows));
    return rate;
  }
}
