import { javaMapOrder } from '../base/java-hash.js';
import { compileJavaRegex, UnsupportedRegexError } from './java-regex.js';
import { clientMetricsSettings } from './table/index.js';
import { checkAll, ConfigError } from './value.js';

/** What a subscription may choose clients by. */
const MATCHED = ['client_instance_id', 'client_id', 'client_software_name', 'client_software_version', 'client_source_address', 'client_source_port'] as const;
export type MatchedAttribute = (typeof MATCHED)[number];

/** A subscription to the metrics of clients, as its settings have it (KIP-714). */
export interface MetricsSubscription {
  /** Prefixes of names; `*` for all. */
  readonly metrics: readonly string[];
  readonly intervalMs: number;
  /** Each holds for the whole of an attribute; a client that lacks one does not match. */
  readonly match: ReadonlyMap<MatchedAttribute, (text: string) => boolean>;
}

/** Reads a subscription; throws ConfigError for what none may have (`ClientMetricsConfigs.validate`). */
export function metricsSubscription(own: ReadonlyMap<string, string>): MetricsSubscription {
  const unknown = javaMapOrder([...own.keys()]).find(name => !(name in clientMetricsSettings));
  if (unknown !== undefined) throw new ConfigError(`Unknown client metrics configuration: ${unknown}`, 'request');
  const values = checkAll(clientMetricsSettings, own);
  const intervalMs = values.get('interval.ms')!.value as number;
  if (intervalMs < 100 || intervalMs > 3_600_000) {
    throw new ConfigError(`Invalid value ${intervalMs} for interval.ms, interval must be between 100 and 3600000 (1 hour)`, 'request');
  }
  const match = new Map((values.get('match')!.value as readonly string[]).map(parsePattern));
  return {
    metrics: values.get('metrics')!.value as readonly string[],
    intervalMs, match,
  };
}

/** `attribute=expression`. */
function parsePattern(pattern: string): [MatchedAttribute, (text: string) => boolean] {
  const illegal = new ConfigError(`Illegal client matching pattern: ${pattern}`);
  const [name = '', expression, ...more] = pattern.split('=');
  const attribute = MATCHED.find(known => known === name.trim());
  if (attribute === undefined || expression === undefined || expression === '' || more.some(part => part !== '')) throw illegal;
  try {
    return [attribute, compileJavaRegex(expression.trim())];
  } catch (error) {
    throw error instanceof UnsupportedRegexError ? illegal : error;
  }
}
