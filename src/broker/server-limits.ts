import { ConfigError, planListeners, type ListenerPlan, type Settings } from '../config/index.js';
import { parseCountsByHost } from '../config/listeners.js';
import type { Net } from '../env/index.js';
import { QuotaEntityType, QuotaKey, type ClientQuotaImage, type MetadataImage } from '../metadata/types.js';
import { DEFAULT_LIMITS, type ServerLimits } from '../server/limits.js';
import { UNBOUNDED_CONNECTIONS, type ConnectionLimits } from '../server/quotas/connection-quotas.js';

export interface ServerLimitsOptions {
  readonly net: Pick<Net, 'resolve'>;
  /** As they stand now. */
  readonly settings: () => Settings;
  readonly changed: () => void;
}

/** What clients may take of the server, from the settings and quotas of the moment. */
export class ServerLimitsNow {
  #settings: Settings;
  #limits: ServerLimits;
  #quotas: ReadonlyMap<string, ClientQuotaImage> | undefined;
  #overrides = '';
  /** Names of hosts become addresses a moment after they were given. */
  #ofAddresses: ReadonlyMap<string, number> = new Map();
  #rates: { readonly all: number; readonly ofAddresses: ReadonlyMap<string, number> } = { all: UNBOUNDED_CONNECTIONS, ofAddresses: new Map() };

  constructor(private readonly options: ServerLimitsOptions) {
    this.#settings = options.settings();
    this.#limits = this.#make();
    this.#resolveOverrides();
  }

  get now(): ServerLimits {
    return this.#limits;
  }

  /** To be called after the settings have followed the image. */
  onImage({ clientQuotas }: Pick<MetadataImage, 'clientQuotas'>): void {
    if (clientQuotas !== this.#quotas) {
      this.#quotas = clientQuotas;
      void this.#resolveRates(clientQuotas);
    }
    if (this.options.settings() === this.#settings) return;
    this.#settings = this.options.settings();
    this.#resolveOverrides();
    this.#remake();
  }

  #resolveOverrides(): void {
    const text = this.#settings.get('max.connections.per.ip.overrides');
    if (text === this.#overrides) return;
    this.#overrides = text;
    void this.#addressed(parseCountsByHost(text)).then(ofAddresses => {
      if (text !== this.#overrides) return;
      this.#ofAddresses = ofAddresses;
      this.#remake();
    });
  }

  async #resolveRates(quotas: ReadonlyMap<string, ClientQuotaImage>): Promise<void> {
    let all = UNBOUNDED_CONNECTIONS;
    const own = new Map<string, number>();
    for (const { entity, values } of quotas.values()) {
      const part = entity.find(({ type }) => type === QuotaEntityType.IP);
      const rate = values.get(QuotaKey.CONNECTION_CREATION_RATE);
      if (part === undefined || rate === undefined) continue;
      if (part.name === null) all = Math.trunc(rate);
      else own.set(part.name, Math.trunc(rate));
    }
    const ofAddresses = await this.#addressed(own);
    if (quotas !== this.#quotas) return;
    this.#rates = { all, ofAddresses };
    this.#remake();
  }

  /** By address instead of by host; what nobody knows is left out. */
  async #addressed(byHost: ReadonlyMap<string, number>): Promise<Map<string, number>> {
    const pairs = await Promise.all([...byHost].map(async ([host, count]) => [await this.options.net.resolve(host), count] as const));
    return new Map(pairs.flatMap(([address, count]) => (address === undefined ? [] : [[address, count] as const])));
  }

  #remake(): void {
    this.#limits = this.#make();
    this.options.changed();
  }

  #make(): ServerLimits {
    const settings = this.#settings;
    return {
      ...DEFAULT_LIMITS,
      maxRequestBytes: settings.get('socket.request.max.bytes'),
      maxIdleMs: settings.get('connections.max.idle.ms'),
      connections: this.#makeConnections(),
    };
  }

  #makeConnections(): ConnectionLimits {
    const settings = this.#settings;
    const { listeners, interBroker } = plannedListeners(settings);
    const boundsOf = ({ get }: Pick<Settings, 'get'>) => ({ most: get('max.connections'), perSecond: get('max.connection.creation.rate') });
    return {
      broker: boundsOf({ get: name => settings.get(name) }),
      listeners: new Map(listeners.map(({ name }) => [name, boundsOf(settings.forListener(name))])),
      perAddress: settings.get('max.connections.per.ip'),
      ofAddresses: this.#ofAddresses,
      perSecondAndAddress: this.#rates.all,
      perSecondOfAddresses: this.#rates.ofAddresses,
      protectedListener: listeners.filter(({ role }) => role === 'broker').length > 1 ? interBroker : undefined,
    };
  }
}

/** Listeners come and go with the settings; what they advertise is no matter here. Those that cannot be are none. */
function plannedListeners(settings: Settings): Pick<ListenerPlan, 'listeners' | 'interBroker'> {
  try {
    return planListeners(settings, 'localhost');
  } catch (error) {
    if (error instanceof ConfigError) return { listeners: [], interBroker: '' };
    throw error;
  }
}
