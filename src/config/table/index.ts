import type { Setting, SettingTable, ValueOf } from '../setting.js';
import { clientMetricsSettings } from './client-metrics.js';
import { groupCoordinatorSettings } from './group-coordinator.js';
import { groupSettings } from './group.js';
import { kraftSettings } from './kraft.js';
import { logSettings } from './log.js';
import { metricsSettings } from './metrics.js';
import { networkSettings } from './network.js';
import { ownSettings } from './own.js';
import { quorumSettings } from './quorum.js';
import { brokerQuotaSettings, quotaSettings } from './quota.js';
import { remoteStorageSettings } from './remote-storage.js';
import { replicationSettings } from './replication.js';
import { securitySettings } from './security.js';
import { serverSettings } from './server.js';
import { shareSettings } from './share.js';
import { topicSettings } from './topic.js';
import { transactionRetrySettings, transactionSettings } from './transaction.js';

export { brokerQuotaSettings, clientMetricsSettings, groupSettings, topicSettings };

/**
 * Every setting of a node, in the order in which Kafka 4.3.1 defines them (`AbstractKafkaConfig.CONFIG_DEF`):
 * DescribeConfigs answers depend on it.
 */
export const brokerSettings = {
  ...remoteStorageSettings,
  ...serverSettings,
  ...kraftSettings,
  ...networkSettings,
  ...replicationSettings,
  ...groupCoordinatorSettings,
  ...logSettings,
  ...shareSettings,
  ...transactionSettings,
  ...quorumSettings,
  ...metricsSettings,
  ...quotaSettings,
  ...securitySettings,
  ...transactionRetrySettings,
};

/** The same for readers: by what they are about, what matters first first. */
export const families: readonly (readonly [title: string, table: SettingTable])[] = [
  ['Roles, registration and the metadata log', kraftSettings],
  ['Listeners and connections', networkSettings],
  ['The node', serverSettings],
  ['Logs and topics', logSettings],
  ['Groups and offsets', groupCoordinatorSettings],
  ['Transactions and idempotent producers', { ...transactionSettings, ...transactionRetrySettings }],
  ['Replication and leadership', replicationSettings],
  ['The controller quorum', quorumSettings],
  ['Quotas', { ...quotaSettings, ...brokerQuotaSettings }],
  ['Share groups', shareSettings],
  ['Metrics', { ...metricsSettings, ...ownSettings }],
  ['TLS, SASL, OAuth and delegation tokens', securitySettings],
  ['Tiered storage', remoteStorageSettings],
];

export type BrokerTable = typeof brokerSettings & typeof brokerQuotaSettings & typeof ownSettings;
export type BrokerName = keyof BrokerTable;
export type BrokerValue<N extends BrokerName> = ValueOf<BrokerTable[N]>;
export type TopicName = keyof typeof topicSettings;
export type GroupName = keyof typeof groupSettings;

const rows = new Map<string, Setting>(Object.entries({ ...brokerSettings, ...brokerQuotaSettings, ...ownSettings }));

/** `listener.name.<listener>.<setting>`, or `listener.name.<listener>.<mechanism>.<setting>`. */
const LISTENER_FORM = /^listener\.name\.([^.]*)\.(.*)$/;

/** Settings that a listener has for each SASL mechanism. */
const MECHANISM_SETTINGS = [
  'sasl.jaas.config', 'sasl.login.callback.handler.class', 'sasl.login.class', 'sasl.server.callback.handler.class', 'connections.max.reauth.ms',
];

/** For a listener's own form of a setting the name of the setting itself; undefined for every other name. */
export function baseOfListenerSetting(name: string): string | undefined {
  const rest = LISTENER_FORM.exec(name)?.[2];
  if (rest === undefined) return undefined;
  return MECHANISM_SETTINGS.find(setting => rest.endsWith(setting)) ?? rest;
}

/** The row of a node's setting, found by its own name or through a listener's form; undefined for an unknown name. */
export function brokerSetting(name: string): Setting | undefined {
  const exact = rows.get(name);
  if (exact !== undefined) return exact;
  const base = baseOfListenerSetting(name);
  return base === undefined ? undefined : rows.get(base);
}

export const brokerNames = (): IterableIterator<string> => rows.keys();
