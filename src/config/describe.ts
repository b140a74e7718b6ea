import { javaMapOrder } from '../base/java-hash.js';
import { parseValue, defaultOf, type Parsed } from './value.js';
import type { Setting, SettingTable, SettingType } from './setting.js';
import type { Settings } from './settings.js';
import { brokerSynonyms, groupSynonyms, topicSynonyms } from './synonyms.js';
import { brokerSetting, brokerSettings, clientMetricsSettings, groupSettings, topicSettings, type BrokerName } from './table/index.js';

/** Where a value came from: codes of DescribeConfigs (KIP-226, KIP-412, KIP-714, KIP-932). */
export const ConfigSource = {
  TOPIC: 1, DYNAMIC_BROKER: 2, DYNAMIC_DEFAULT_BROKER: 3, STATIC_BROKER: 4, DEFAULT: 5, DYNAMIC_BROKER_LOGGER: 6, CLIENT_METRICS: 7, GROUP: 8,
} as const;

/** Codes of DescribeConfigs for types (KIP-569). */
const TYPE_CODES: Readonly<Record<SettingType, number>> = {
  boolean: 1, string: 2, int: 3, short: 4, long: 5, double: 6, list: 7, class: 8, password: 9,
};
const UNKNOWN_TYPE = 0;

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
}

/** One entry of a DescribeConfigs answer, with the names of its specification. */
export interface DescribedConfig {
  readonly name: string;
  /** null for what has no value, and for secrets. */
  readonly value: string | null;
  readonly readOnly: boolean;
  readonly configSource: number;
  readonly isSensitive: boolean;
  readonly synonyms: readonly ConfigSynonym[];
  readonly configType: number;
  readonly documentation: string | null;
}

export interface DescribeOptions {
  /** Empty or null: all. */
  readonly names?: readonly string[] | null;
  readonly includeSynonyms?: boolean;
  readonly includeDocumentation?: boolean;
}

type Texts = ReadonlyMap<string, string>;

/** All settings of a topic with these values of its own. */
export function describeTopicConfig(settings: Settings, own: Texts, options: DescribeOptions = {}): DescribedConfig[] {
  return describeResource({ table: topicSettings, own, source: ConfigSource.TOPIC, inherit: topicsInherit(settings), options });
}

/** Kept for each state of a node's settings: every topic that is made is described. */
const inheritedByTopics = new WeakMap<Settings, Map<string, Inherited>>();

function topicsInherit(settings: Settings): (name: string) => Inherited {
  const known = inheritedByTopics.get(settings) ?? new Map<string, Inherited>();
  inheritedByTopics.set(settings, known);
  return name => {
    let inherited = known.get(name);
    if (inherited === undefined) known.set(name, inherited = inheritedByTopic(settings, name));
    return inherited;
  };
}

function inheritedByTopic(settings: Settings, name: string): Inherited {
  const synonym = (topicSynonyms as Readonly<Record<string, BrokerName>>)[name];
  if (synonym === undefined) return { text: defaultText(topicSettings, name), synonyms: [] };
  return { text: inheritedText(settings, synonym), synonyms: brokerLayers(settings, synonym, false) };
}

/** All settings of a group with these values of its own. */
export function describeGroupConfig(settings: Settings, own: Texts, options: DescribeOptions = {}): DescribedConfig[] {
  const inherit = (name: string): Inherited => {
    const synonym = (groupSynonyms as Readonly<Record<string, BrokerName>>)[name];
    if (synonym !== undefined) return { text: settings.text(synonym), synonyms: brokerLayers(settings, synonym, false) };
    const text = defaultText(groupSettings, name);
    return { text, synonyms: [{ name, value: text, source: ConfigSource.DEFAULT }] };
  };
  return describeResource({ table: groupSettings, own, source: ConfigSource.GROUP, inherit, options });
}

/** A subscription to clients' metrics. */
export function describeClientMetricsConfig(own: Texts, options: DescribeOptions = {}): DescribedConfig[] {
  const inherit = (name: string): Inherited => ({ text: defaultText(clientMetricsSettings, name), synonyms: [] });
  return describeResource({ table: clientMetricsSettings, own, source: ConfigSource.CLIENT_METRICS, inherit, options });
}

/** All settings of this broker. */
export function describeBrokerConfig(settings: Settings, options: DescribeOptions = {}): DescribedConfig[] {
  const given = [...settings.given.keys(), ...settings.dynamic.clusterWide.keys(), ...settings.dynamic.perBroker.keys()];
  return ordered(brokerSettings, [...new Set(given)], options).map(name =>
    brokerEntry(settings, name, settings.text(name), brokerLayers(settings, name, isSensitive(brokerSetting(name))), options));
}

/** What was set for all brokers while they ran: the resource without a name. */
export function describeClusterConfig(settings: Settings, options: DescribeOptions = {}): DescribedConfig[] {
  return [...settings.dynamic.clusterWide].filter(([name]) => isWanted(options, name)).map(([name, text]) =>
    brokerEntry(settings, name, text, brokerLayers(settings, name, isSensitive(brokerSetting(name)))
      .filter(({ source }) => source === ConfigSource.DYNAMIC_DEFAULT_BROKER), options));
}

/** Loggers and the levels in force (KIP-412). */
export function describeLoggers(levels: readonly (readonly [name: string, level: string])[], options: DescribeOptions = {}): DescribedConfig[] {
  return levels.filter(([name]) => isWanted(options, name)).map(([name, value]) => ({
    name, value, readOnly: false, configSource: ConfigSource.DYNAMIC_BROKER_LOGGER, isSensitive: false, synonyms: [], configType: UNKNOWN_TYPE, documentation: '',
  }));
}

interface Inherited {
  /** The value in force while the resource has none of its own. */
  readonly text: string | null;
  readonly synonyms: readonly ConfigSynonym[];
}

interface Resource {
  readonly table: SettingTable;
  readonly own: Texts;
  /** Of the resource's own values. */
  readonly source: number;
  readonly inherit: (name: string) => Inherited;
  readonly options: DescribeOptions;
}

/** Topics, groups and subscriptions: own values before inherited ones; none is a secret or read-only. */
function describeResource({ table, own, source, inherit, options }: Resource): DescribedConfig[] {
  return ordered(table, [...own.keys()], options).map(name => {
    const setting = table[name];
    const ownText = own.get(name);
    const inherited = inherit(name);
    // Kafka takes a name that it does not know for a secret.
    const sensitive = isSensitive(setting) && source !== ConfigSource.CLIENT_METRICS;
    const text = sensitive ? null : ownText === undefined ? inherited.text : canonical(name, setting, ownText);
    const synonyms = ownText === undefined ? inherited.synonyms : [{ name, value: text, source }, ...inherited.synonyms];
    return entry(name, text, setting, synonyms, { sensitive, readOnly: false, options });
  });
}

function brokerEntry(
  settings: Settings, name: string, text: string | null, synonyms: readonly ConfigSynonym[], options: DescribeOptions,
): DescribedConfig {
  const setting = brokerSetting(name);
  const sensitive = isSensitive(setting);
  // A listener's own form may be changed at run time only through its listener: as such it counts as read-only.
  const readOnly = setting?.update === undefined || setting.update === 'read-only' || name.startsWith('listener.name.');
  const documented = name in brokerSettings ? options : { ...options, includeDocumentation: false };
  return entry(name, sensitive ? null : text, setting, synonyms, { sensitive, readOnly, options: documented });
}

interface Facts {
  readonly sensitive: boolean;
  readonly readOnly: boolean;
  readonly options: DescribeOptions;
}

function entry(
  name: string, value: string | null, setting: Setting | undefined, synonyms: readonly ConfigSynonym[], { sensitive, readOnly, options }: Facts,
): DescribedConfig {
  return {
    name, value, readOnly,
    configSource: synonyms[0]?.source ?? ConfigSource.DEFAULT,
    isSensitive: sensitive,
    synonyms: options.includeSynonyms ? synonyms : [],
    configType: setting === undefined ? UNKNOWN_TYPE : TYPE_CODES[setting.type],
    documentation: options.includeDocumentation ? (setting?.doc ?? null) : null,
  };
}

/**
 * Every place that gives a broker setting a value, strongest first, under all of its names (`ConfigHelper.configSynonyms`).
 * Kafka leaves out what comes before the first entry under the asked name: it belongs to a stronger name.
 */
function brokerLayers(settings: Settings, name: string, sensitive: boolean): ConfigSynonym[] {
  const names = brokerSynonyms(name, true);
  const from = (read: (name: string) => string | null | undefined, source: number): ConfigSynonym[] => names.flatMap(synonym => {
    const value = read(synonym);
    return value === undefined || value === null ? [] : [{ name: synonym, value: sensitive ? null : value, source }];
  });
  const all = [
    ...from(synonym => settings.dynamic.perBroker.get(synonym), ConfigSource.DYNAMIC_BROKER),
    ...from(synonym => settings.dynamic.clusterWide.get(synonym), ConfigSource.DYNAMIC_DEFAULT_BROKER),
    ...from(synonym => settings.given.get(synonym)?.text, ConfigSource.STATIC_BROKER),
    ...from(synonym => defaultText(brokerSettings, synonym), ConfigSource.DEFAULT),
  ];
  const first = all.findIndex(synonym => synonym.name === name);
  return first < 0 ? [] : all.slice(first);
}

/** A node's value as its topics inherit it: times in milliseconds, whatever unit they were given in. */
function inheritedText(settings: Settings, synonym: BrokerName): string | null {
  switch (synonym) {
    case 'log.retention.ms':
      return settings.retentionMs() === -1 ? '-1' : exactMs(settings, synonym);
    case 'log.roll.ms':
    case 'log.roll.jitter.ms':
    case 'log.flush.interval.ms':
      return exactMs(settings, synonym);
    default:
      return settings.text(synonym);
  }
}

/** Without going through a number where the text is at hand: int64 prints exactly. */
function exactMs(settings: Settings, name: 'log.retention.ms' | 'log.roll.ms' | 'log.roll.jitter.ms' | 'log.flush.interval.ms'): string {
  const text = settings.text(name) ?? (name === 'log.flush.interval.ms' ? settings.text('log.flush.scheduler.interval.ms') : null);
  return text ?? String(settings.inMs(name));
}

const orders = new WeakMap<SettingTable, readonly string[]>();

/** Names of a table in Kafka's order, after those that were set although the table does not know or show them. */
function ordered(table: SettingTable, set: readonly string[], options: DescribeOptions): string[] {
  let shown = orders.get(table);
  if (shown === undefined) {
    shown = javaMapOrder(javaMapOrder(Object.keys(table)).filter(name => !table[name]!.internal));
    orders.set(table, shown);
  }
  const others = javaMapOrder(set.filter(name => table[name] === undefined || table[name].internal));
  return [...others, ...shown].filter(name => isWanted(options, name));
}

const isWanted = ({ names }: DescribeOptions, name: string): boolean => !names || names.length === 0 || names.includes(name);

const isSensitive = (setting: Setting | undefined): boolean => setting === undefined || setting.type === 'password';

const defaultText = (table: SettingTable, name: string): string | null => (table[name] === undefined ? null : defaultOf(table[name]).text);

/** A stored value as it prints; what cannot be read prints as it is. */
function canonical(name: string, setting: Setting | undefined, text: string): string | null {
  if (setting === undefined) return text;
  try {
    const parsed: Parsed = parseValue(name, setting, text);
    return parsed.text;
  } catch {
    return text;
  }
}
