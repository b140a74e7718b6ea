import type { Listener, ListenerPlan } from '../config/index.js';
import { SECURITY_PROTOCOLS } from '../config/listeners.js';
import type { Logger } from '../env/index.js';
import type { BrokerRegistrationRequestInput } from '../protocol/generated/broker-registration.js';
import type { BoundListener, Server } from '../server/server.js';

type Bound = Listener & { readonly bound: BoundListener };

/**
 * The listeners of a node: those that it was started with, and those that its settings have named since (KIP-226). As in
 * Kafka, a listener is known by its name: another address takes effect with the next start, and so does what the cluster is
 * told of a listener that came later.
 */
export class Listeners {
  readonly #open = new Map<string, Bound>();
  #work: Promise<void> = Promise.resolve();

  private constructor(private readonly server: Server, private readonly logger: Logger) {}

  /** Binds all listeners of a plan, so that their ports are known; who connects is held until the server serves. */
  static async bind(server: Server, { listeners }: ListenerPlan, logger: Logger): Promise<Listeners> {
    const all = new Listeners(server, logger);
    await all.#bind(listeners);
    return all;
  }

  get bound(): BoundListener[] {
    return [...this.#open.values()].map(({ bound }) => bound);
  }

  /** Where clients are told to connect first. */
  get advertised(): { host: string; port: number } {
    const { advertised, bound } = this.#brokers()[0]!;
    return { host: advertised?.host ?? bound.host, port: advertised?.port || bound.port };
  }

  /** A broker's own listeners as it registers them. */
  get registered(): BrokerRegistrationRequestInput['listeners'] {
    return this.#brokers().flatMap(({ name, protocol, advertised, bound }) => (advertised === undefined ? [] : [{
      name, host: advertised.host, port: advertised.port || bound.port, securityProtocol: SECURITY_PROTOCOLS.indexOf(protocol),
    }]));
  }

  /** Opens what a plan has more, closes what it has no more, with the connections there. Never rejects: what cannot be had is logged. */
  follow(plan: ListenerPlan): Promise<void> {
    return (this.#work = this.#work.then(() => this.#follow(plan)));
  }

  async #follow({ listeners }: ListenerPlan): Promise<void> {
    for (const { name, role } of this.#open.values()) {
      if (role === 'controller' || listeners.some(listener => listener.name === name)) continue;
      this.#open.delete(name);
      await this.server.unlisten(name);
      this.logger.info('listener closed', { listener: name });
    }
    for (const listener of listeners) {
      if (listener.role === 'controller' || this.#open.has(listener.name)) continue;
      try {
        await this.#bind([listener]);
        const { host, port } = this.#open.get(listener.name)!.bound;
        this.logger.info('listener opened', { listener: listener.name, host, port });
      } catch (error) {
        this.logger.error('a listener cannot be opened', { listener: listener.name, error });
      }
    }
  }

  async #bind(listeners: readonly Listener[]): Promise<void> {
    const bound = await this.server.listen(listeners.map(({ name, protocol, role, host, port }) => ({ name, protocol, role, host, port })));
    for (const [index, listener] of listeners.entries()) this.#open.set(listener.name, { ...listener, bound: bound[index]! });
  }

  #brokers(): Bound[] {
    return [...this.#open.values()].filter(({ role }) => role === 'broker');
  }
}
