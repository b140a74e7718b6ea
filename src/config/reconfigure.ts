import { parseEndpoint, planListeners, type Listener } from './listeners.js';
import type { Settings } from './settings.js';
import { topicSynonyms } from './synonyms.js';
import type { BrokerName } from './table/index.js';
import { ConfigError } from './value.js';

/**
 * What a running broker refuses besides what would keep it from starting: changes that are too large at once, or for which it
 * would have to be another (the `BrokerReconfigurable`s of Kafka's `DynamicBrokerConfig`). The words are a Kafka broker's.
 */
export function refuseReconfiguration(before: Settings, after: Settings): void {
  for (const fault of [...listenerThreads(before, after), ...reporters(before, after), ...listenerConnections(before, after), ...threads(before, after, POOLS), ...localRetention(before, after),
    ...listenerChanges(before, after), ...threads(before, after, REMOTE_POOLS), ...cleaner(before, after)]) {
    // As Kafka's ConfigException prints what was wrong, taking it for a value.
    throw new ConfigError(`Invalid value org.apache.kafka.common.config.ConfigException: ${fault} for configuration Invalid dynamic configuration`, 'request');
  }
}

const POOLS = ['num.io.threads', 'num.replica.fetchers', 'num.recovery.threads.per.data.dir', 'background.threads'] as const satisfies readonly BrokerName[];
const REMOTE_POOLS = [
  'remote.log.reader.threads', 'remote.log.manager.copier.thread.pool.size', 'remote.log.manager.expiration.thread.pool.size',
  'remote.log.manager.follower.thread.pool.size',
] as const satisfies readonly BrokerName[];

function* threads(before: Settings, after: Settings, names: readonly (typeof POOLS | typeof REMOTE_POOLS)[number][]): Iterable<string> {
  for (const name of names) yield* poolChange(name, before.get(name), after.get(name));
}

/** Kafka lets a pool of threads at most double, and at most halve, at once. */
function* poolChange(name: string, before: number, after: number): Iterable<string> {
  const failed = `Dynamic thread count update validation failed for ${name}=${after}`;
  if (after < Math.floor(before / 2)) yield `${failed}, value should be at least half the current value ${before}`;
  if (after > before * 2) yield `${failed}, value should not be greater than double the current value ${before}`;
}

function* listenerThreads(before: Settings, after: Settings): Iterable<string> {
  const name = 'num.network.threads';
  for (const listener of brokerListeners(before)) yield* poolChange(name, before.forListener(listener.name).get(name), after.forListener(listener.name).get(name));
}

function* listenerConnections(before: Settings, after: Settings): Iterable<string> {
  for (const listener of brokerListeners(before)) {
    for (const name of ['max.connections', 'max.connection.creation.rate'] as const) {
      const [was, is] = [before, after].map(settings => settings.forListener(listener.name).get(name));
      if (is !== was && is! <= 0) yield `Invalid ${name} ${is}`;
    }
  }
}

/** The only class that every Kafka broker has to report metrics; what it reports, this one keeps in `metrics()`. */
const OWN_REPORTER = 'org.apache.kafka.common.metrics.JmxReporter';

function* reporters(before: Settings, after: Settings): Iterable<string> {
  const name = 'metric.reporters';
  if (before.text(name) === after.text(name)) return;
  if (after.get(name).some(reporter => reporter !== OWN_REPORTER)) {
    yield `Validation of dynamic config update of Set(${name}) failed with class class kafka.server.DynamicMetricsReporters`;
  }
}

/** What a topic may have of its own: Kafka checks these together, whichever of them changes (`DynamicLogConfig`). */
const OF_LOGS: readonly string[] = [...Object.values(topicSynonyms), 'cordoned.log.dirs'];

/** With tiered storage, what stays on the local disk is a part of what is kept. */
function* localRetention(before: Settings, after: Settings): Iterable<string> {
  if (OF_LOGS.every(name => before.text(name) === after.text(name))) return;
  for (const [local, total, of, bound] of [
    ['log.local.retention.ms', 'log.retention.ms', after.get('log.local.retention.ms'), after.retentionMs()],
    ['log.local.retention.bytes', 'log.retention.bytes', after.get('log.local.retention.bytes'), after.get('log.retention.bytes')],
  ] as const) {
    if (bound < 0 || of === -2) continue;
    if (of === -1) yield `Invalid value ${of} for configuration ${local}: Value must not be -1 as ${total} value is set as ${bound}.`;
    if (of > bound) yield `Invalid value ${of} for configuration ${local}: Value must not be more than ${total} property value: ${bound}`;
  }
}

/** A listener that is advertised stays, and keeps its security protocol. */
function* listenerChanges(before: Settings, after: Settings): Iterable<string> {
  const names = (settings: Settings): string[] => settings.get('listeners').map(text => parseEndpoint(text)!.name);
  const advertised = brokerListeners(before).filter(listener => listener.advertised !== undefined).map(({ name }) => name);
  if (advertised.some(name => !names(after).includes(name))) {
    yield `Advertised listeners '${asSet(advertised)}' must be a subset of listeners '${asSet(names(after))}'`;
  }
  const protocols = new Map(planListeners(after, 'localhost').listeners.map(({ name, protocol }) => [name, protocol]));
  const changed = planListeners(before, 'localhost').listeners.find(({ name, protocol }) => protocols.has(name) && protocols.get(name) !== protocol);
  if (changed !== undefined) yield `Security protocol cannot be updated for existing listener ListenerName(${changed.name})`;
}

/** As a set of Scala's prints. */
const asSet = (names: readonly string[]): string => `Set(${names.map(name => `ListenerName(${name})`).join(', ')})`;

function* cleaner(before: Settings, after: Settings): Iterable<string> {
  if (!before.get('log.cleaner.enable')) return;
  const [was, is] = [before.get('log.cleaner.threads'), after.get('log.cleaner.threads')];
  if (is < 1) yield 'Log cleaner threads should be at least 1';
  if (is < Math.floor(was / 2)) yield `Log cleaner threads cannot be reduced to less than half the current value ${was}`;
  if (is > was * 2) yield `Log cleaner threads cannot be increased to more than double the current value ${was}`;
}

const brokerListeners = (settings: Settings): Listener[] => planListeners(settings, 'localhost').listeners.filter(({ role }) => role === 'broker');
