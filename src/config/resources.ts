import { metricsSubscription } from './client-metrics.js';
import { isPerBroker, isReadOnly, needsListener } from './dynamic.js';
import { javaMapOrder } from '../base/java-hash.js';
import { refuseReconfiguration } from './reconfigure.js';
import { groupSynonyms, topicSynonyms } from './synonyms.js';
import { invalid, type Setting, type SettingTable } from './setting.js';
import type { Settings } from './settings.js';
import {
  baseOfListenerSetting, brokerQuotaSettings, brokerSetting, brokerSettings, clientMetricsSettings, groupSettings, topicSettings,
  type BrokerName,
} from './table/index.js';
import { validateChanged } from './validate.js';
import { checkAll, ConfigError, parseValue } from './value.js';

type Texts = ReadonlyMap<string, string>;

/** Kinds of resources that have settings, as ConfigResource.Type names them. */
export type ResourceKind = 'topic' | 'broker' | 'group' | 'client-metrics';

const TABLES: Readonly<Record<ResourceKind, SettingTable>> = {
  topic: topicSettings, broker: brokerSettings, group: groupSettings, 'client-metrics': clientMetricsSettings,
};

/** The row of a setting of that kind of resource (Kafka's `KafkaConfigSchema`). */
export const settingOf = (kind: ResourceKind, name: string): Setting | undefined => TABLES[kind][name];

/** Whether a value must not be logged: unknown names count as secrets. */
export const isSecret = (kind: ResourceKind, name: string): boolean => (settingOf(kind, name)?.type ?? 'password') === 'password';

/**
 * A list after APPEND or SUBTRACT (KIP-339); `current` is undefined while the resource has no value of its own, the list
 * then starts from the default. Throws ConfigError for what is no list.
 */
export function changeList(kind: ResourceKind, name: string, operation: 'APPEND' | 'SUBTRACT', current: string | undefined, change: string): string {
  // A Kafka controller knows the types of these two only.
  const setting = kind === 'topic' || kind === 'broker' ? settingOf(kind, name) : undefined;
  if (setting?.type !== 'list') throw new ConfigError(`Can't ${operation} to key ${name} because its type is not LIST.`);
  const parts = (current ?? setting.defaultText ?? '').split(',').filter(part => part !== '');
  for (const part of change.split(',')) {
    const at = parts.indexOf(part);
    if (operation === 'APPEND' && at < 0) parts.push(part);
    if (operation === 'SUBTRACT' && at >= 0) parts.splice(at, 1);
  }
  return parts.join(',');
}

/**
 * The same as a broker foresees it for settings of its own, before it asks the controller (`ConfigAdminManager`): the list
 * starts from the default, blank parts count, and the words are others.
 */
export function changeBrokerList(name: string, operation: 'append' | 'subtract', current: string | undefined, change: string): string {
  const setting = (brokerSettings as SettingTable)[name];
  if (setting === undefined) throw new ConfigError(`Unknown config name: ${name}`);
  if (setting.type !== 'list') throw new ConfigError(`Config value ${operation} is not allowed for config key: ${name}`);
  const before = current ?? setting.defaultText ?? '';
  if (operation === 'append') {
    const parts = before === '' ? [] : before.split(',');
    return [...parts, ...change.split(',').filter(part => !parts.includes(part))].join(',');
  }
  const parts = before.split(',');
  for (const part of change.split(',')) {
    const at = parts.indexOf(part);
    if (at >= 0) parts.splice(at, 1);
  }
  return parts.join(',');
}

/** Refuses what a topic may not have (`LogConfig.validate`). `own` is all that the topic will have. Throws ConfigError. */
export function validateTopicConfig(settings: Settings, own: Texts): void {
  refuseUnknown(topicSettings, own, name => new ConfigError(`Unknown topic config name: ${name}`));
  const values = checkAll(topicSettings, own);
  const effective = (name: 'min.compaction.lag.ms' | 'max.compaction.lag.ms') =>
    own.has(name) ? BigInt(values.get(name)!.text!) : BigInt(settings.text(topicSynonyms[name]!)!);
  const [min, max] = [effective('min.compaction.lag.ms'), effective('max.compaction.lag.ms')];
  if (min > max) throw new ConfigError(`conflict topic config setting min.compaction.lag.ms (${min}) > max.compaction.lag.ms (${max})`);
  if (values.get('remote.storage.enable')!.value === true && !settings.get('remote.log.storage.system.enable')) {
    throw new ConfigError('Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.');
  }
}

/** Of several the one is told that Kafka's map comes to first. */
function refuseUnknown(table: SettingTable, own: Texts, fault: (name: string) => ConfigError): void {
  const unknown = javaMapOrder([...own.keys()]).find(name => !(name in table));
  if (unknown !== undefined) throw fault(unknown);
}

/** Lower and upper bounds of group settings are settings of the node. */
const BOUNDS: readonly (readonly [name: keyof typeof groupSettings, min: BrokerName | undefined, max: BrokerName, whenOwn?: true])[] = [
  ['consumer.heartbeat.interval.ms', 'group.consumer.min.heartbeat.interval.ms', 'group.consumer.max.heartbeat.interval.ms'],
  ['consumer.session.timeout.ms', 'group.consumer.min.session.timeout.ms', 'group.consumer.max.session.timeout.ms'],
  ['consumer.assignment.interval.ms', 'group.consumer.min.assignment.interval.ms', 'group.consumer.max.assignment.interval.ms', true],
  ['share.heartbeat.interval.ms', 'group.share.min.heartbeat.interval.ms', 'group.share.max.heartbeat.interval.ms'],
  ['share.session.timeout.ms', 'group.share.min.session.timeout.ms', 'group.share.max.session.timeout.ms'],
  ['share.record.lock.duration.ms', 'group.share.min.record.lock.duration.ms', 'group.share.max.record.lock.duration.ms'],
  ['share.delivery.count.limit', 'group.share.min.delivery.count.limit', 'group.share.max.delivery.count.limit'],
  ['share.partition.max.record.locks', 'group.share.min.partition.max.record.locks', 'group.share.max.partition.max.record.locks'],
  ['share.assignment.interval.ms', 'group.share.min.assignment.interval.ms', 'group.share.max.assignment.interval.ms', true],
  ['streams.heartbeat.interval.ms', 'group.streams.min.heartbeat.interval.ms', 'group.streams.max.heartbeat.interval.ms'],
  ['streams.session.timeout.ms', 'group.streams.min.session.timeout.ms', 'group.streams.max.session.timeout.ms'],
  ['streams.num.standby.replicas', undefined, 'group.streams.max.standby.replicas'],
  ['streams.assignment.interval.ms', 'group.streams.min.assignment.interval.ms', 'group.streams.max.assignment.interval.ms', true],
];

/** Refuses what a group may not have (`GroupConfig.validate`). `own` is all that the group will have. Throws ConfigError. */
export function validateGroupConfig(settings: Settings, own: Texts): void {
  refuseUnknown(groupSettings, own, name => new ConfigError(`Unknown group config name: ${name}`));
  checkAll(groupSettings, own);
  const value = (name: keyof typeof groupSettings): number => groupValue(settings, own, name, 'as written');
  const node = (name: BrokerName): number => settings.get(name) as number;
  for (const [name, min, max, whenOwn] of BOUNDS) {
    if (whenOwn && !own.has(name)) continue;
    if (min !== undefined && value(name) < node(min)) throw new ConfigError(`${name} must be greater than or equal to ${min}`);
    if (value(name) > node(max)) throw new ConfigError(`${name} must be less than or equal to ${max}`);
  }
  for (const kind of ['consumer', 'share', 'streams'] as const) {
    const [session, heartbeat] = [`${kind}.session.timeout.ms`, `${kind}.heartbeat.interval.ms`] as const;
    if (value(session) <= value(heartbeat)) throw new ConfigError(`${session} must be greater than ${heartbeat}`);
  }
}

/**
 * A number that holds for a group: its own value, else the node's. Values stored under other bounds are brought within those
 * of today (`GroupConfig.evaluate`), unless asked for `as written`.
 */
export function groupValue(settings: Settings, own: Texts, name: keyof typeof groupSettings, form: 'in bounds' | 'as written' = 'in bounds'): number {
  const synonym = groupSynonyms[name];
  const text = own.get(name);
  if (text === undefined) return settings.get(synonym!) as number;
  const value = parseValue(name, groupSettings[name], text).value as number;
  const bounds = form === 'in bounds' ? BOUNDS.find(([bounded]) => bounded === name) : undefined;
  if (bounds === undefined) return value;
  const [, min, max] = bounds;
  return Math.min(Math.max(value, min === undefined ? value : (settings.get(min) as number)), settings.get(max) as number);
}

/** Refuses what a metrics subscription may not have. Throws ConfigError. */
export function validateClientMetricsConfig(own: Texts): void {
  metricsSubscription(own);
}

/**
 * Refuses what cannot be changed while brokers run (`DynamicBrokerConfig.validateConfigs`, then the whole). `own` is all that
 * the layer will have: this broker's, or without `perBroker` the cluster's. Throws ConfigError; Kafka answers it with
 * INVALID_REQUEST.
 */
export function validateBrokerConfig(settings: Settings, own: Texts, perBroker: boolean): void {
  const refuse = (names: string[], why: string): void => {
    if (names.length > 0) throw new ConfigError(`${why}: [${javaMapOrder(names).join(', ')}]`, 'request');
  };
  const names = [...own.keys()];
  refuse(names.filter(isReadOnly), 'Cannot update these configs dynamically');
  refuse(names.filter(needsListener), 'These security configs can be dynamically updated only per-listener using the listener prefix');
  for (const name of names.toSorted(inTableOrder)) {
    const setting = brokerSetting(name);
    if (setting === undefined || setting.update === 'read-only') continue;
    asRequest(() => parseValue(baseOfListenerSetting(name) ?? name, setting, own.get(name)!));
    refuseForeignClass(baseOfListenerSetting(name) ?? name, setting, own.get(name)!);
  }
  if (!perBroker) refuse(names.filter(isPerBroker), 'Cannot update these configs at default cluster level, broker id must be specified');
  const after = settings.with(perBroker ? { ...settings.dynamic, perBroker: own } : { ...settings.dynamic, clusterWide: own });
  asRequest(() => validateChanged(after));
  refuseReconfiguration(settings, after);
}

/** Java classes that every Kafka broker has, of those that may be named while it runs. */
const OWN_CLASSES: readonly string[] = [
  'org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder', 'org.apache.kafka.common.security.ssl.DefaultSslEngineFactory',
];

function refuseForeignClass(name: string, { type }: Setting, text: string): void {
  if (type === 'class' && !OWN_CLASSES.includes(text.trim())) throw new ConfigError(invalid(name, text, `Class ${text} could not be found.`), 'request');
}

/** Of several wrong values the one is told that comes first in the table, quotas before all others. */
function inTableOrder(one: string, other: string): number {
  const place = (name: string): number => tableOrder.get(baseOfListenerSetting(name) ?? name) ?? -1;
  return place(one) - place(other);
}

const tableOrder = new Map(Object.keys({ ...brokerQuotaSettings, ...brokerSettings }).map((name, index) => [name, index]));

function asRequest(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(error.message, 'request') : error;
  }
}
