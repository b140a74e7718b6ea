import { javaMapOrder } from '../../base/java-hash.js';
import { ConfigError, metricsSubscription, type MatchedAttribute, type MetricsSubscription } from '../../config/index.js';
import type { Logger } from '../../env/index.js';
import { configKey, ConfigResourceType, type MetadataImage } from '../../metadata/types.js';

/** What a client is known by; null where it has not said. */
export type ClientAttributes = Readonly<Record<MatchedAttribute, string | null>>;

/** What is wanted of a client. */
export interface Wanted {
  /** Prefixes of names, in the order in which Kafka tells them; `*` alone for all. */
  readonly metrics: readonly string[];
  readonly pushIntervalMs: number;
}

const ALL_METRICS = '*';
/** Where no subscription matches, and the most there is where one does. */
const DEFAULT_PUSH_INTERVAL_MS = 300_000;
const PREFIX = configKey(ConfigResourceType.CLIENT_METRICS, '');

/** The subscriptions to clients' metrics, as the cluster has them now. */
export class Subscriptions {
  private seen: MetadataImage['configs'] | undefined;
  private settings = new Map<string, ReadonlyMap<string, string>>();
  private all: MetricsSubscription[] = [];
  private changes = 0;

  constructor(private readonly image: () => MetadataImage, private readonly logger: Logger) {}

  /** Another one whenever any subscription is another. */
  get version(): number {
    const { configs } = this.image();
    if (configs !== this.seen) {
      this.seen = configs;
      const settings = new Map([...configs].filter(([key]) => key.startsWith(PREFIX)));
      const isSame = settings.size === this.settings.size && [...settings].every(([key, own]) => this.settings.get(key) === own);
      if (!isSame) this.read(settings);
    }
    return this.changes;
  }

  /** What all subscriptions together that match a client want of it. */
  for(client: ClientAttributes): Wanted {
    const matching = this.all.filter(({ match }) => [...match].every(([attribute, matches]) => client[attribute] !== null && matches(client[attribute])));
    const metrics = new Set(matching.flatMap(subscription => subscription.metrics));
    return {
      metrics: metrics.has(ALL_METRICS) ? [ALL_METRICS] : javaMapOrder([...metrics]),
      pushIntervalMs: Math.min(DEFAULT_PUSH_INTERVAL_MS, ...matching.map(({ intervalMs }) => intervalMs)),
    };
  }

  private read(settings: Map<string, ReadonlyMap<string, string>>): void {
    this.settings = settings;
    this.changes++;
    this.all = [...settings].flatMap(([key, own]) => {
      try {
        return [metricsSubscription(own)];
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        // Written by a broker that reads expressions another way.
        this.logger.warn('a subscription to client metrics is passed over', { subscription: key.slice(PREFIX.length), fault: error.message });
        return [];
      }
    });
  }
}
